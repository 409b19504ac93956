/* import_artifacts.c - the files of an export: where they are, what becomes of them. */
#include "fs/exchange/import_internal.h"
#include "fs/ingest/artifact.h"
#include "fs/remote/url.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"

#include <string.h>

/* Where the artifact is: below the directory, or anywhere by an absolute path or an address. */
static int source_of(vb_import_batch *b, const vb_import_file *f, char **out, vb_error *err)
{
    const char *path = f->path;
    vb_auto_buf plain = {0};

    if (vb_starts_with(path, "file:///")) {
        *out = vb_percent_decode(&plain, path + 7) ? vb_buf_steal(&plain) : vb_strdup(path + 7);
        return 0;
    }
    if (vb_location_is_remote(path)) {
        vb_url url;
        int r = vb_url_parse(path, &url, err);

        if (r < 0)
            return vb_yaml_fail(err, f->node, "artifact %s", err ? err->message : path);
        vb_url_clear(&url);
        *out = vb_strdup(path);
        return 0;
    }
    if (*path != '/' && !vb_path_is_safe(path))
        return vb_yaml_fail(err, f->node, "artifact %s: leads out of the directory", path);
    *out = vb_path_join(b->im->directory, path);
    return 0;
}

static int plan_file(vb_import_batch *b, vb_import_file *f, vb_transfer *t, vb_error *err)
{
    vb_autofree char *source = NULL;
    const vb_dataset *d = &b->datasets[f->first];
    int r = source_of(b, f, &source, err);

    if (r < 0)
        return r;
    f->number = t->count;
    vb_artifact_add(t, source, b->run->name, b->type, &d->dataid, &d->uuid);
    return 0;
}

/* Notes an artifact that is not there. */
static void note_missing(vb_import_batch *b, vb_import_file *f, const char *source)
{
    vb_import_report *report = b->im->report;

    f->absent = true;
    for (size_t i = 0; i < f->count; i++) {
        vb_auto_buf what = {0};

        vb_dataset_print(&b->datasets[f->first + i], &what);
        vb_buf_printf(&what, ": %s", source);
        vb_import_note_absent(b->im, &b->datasets[f->first + i].uuid);
        report->missing = vb_realloc(report->missing, report->nmissing + 2, sizeof *report->missing);
        report->missing[report->nmissing++] = vb_buf_steal(&what);
        report->missing[report->nmissing] = NULL;
    }
}

/* The location of the i-th dataset of an artifact: the file's, or that of a part of it. */
static int locate(vb_import_batch *b, const vb_import_file *f, size_t i, const vb_location *file, vb_error *err)
{
    vb_location *l = &b->locations[f->first + i];
    vb_importing *im = b->im;
    int r = 0;

    *l = *file;
    l->formatter = f->formatter ? vb_strdup(f->formatter) : NULL;
    if (!f->parts) {
        l->path = vb_strdup(file->path);
        if (f->has_checksum) {
            l->has_checksum = true;
            l->checksum = f->checksum;
        }
        return 0;
    }
    l->path = vb_format("%s#%s", file->path, f->parts->items[i].value->text);
    l->has_checksum = false; /* what was hashed is the whole file */
    if (!im->stores)
        r = vb_stores_open(im->reg, im->repo->root, &im->stores, err);
    return r < 0 ? r : vb_stores_stat(im->stores, l, &l->size, &l->mtime, err);
}

/* What became of an artifact: a location, nothing, or an error. */
static int take_file(vb_import_batch *b, vb_import_file *f, vb_transfer *t, vb_error *err)
{
    vb_transfer_file *made = &t->files[f->number];

    if (made->error.code == -ENOENT) {
        note_missing(b, f, made->source);
        return 0;
    }
    if (made->error.code) {
        vb_fail(err, made->error.code, "%s:%d: %s: %s", f->node->file, f->node->line, made->source,
                made->error.message);
        if (made->error.hint)
            vb_hint(err, "%s", made->error.hint);
        return made->error.code;
    }
    if (f->has_checksum && made->location.has_checksum &&
        memcmp(&f->checksum, &made->location.checksum, sizeof f->checksum) != 0)
        return vb_fail(err, -EINVAL, "%s:%d: %s: is not what was exported: its checksum differs", f->node->file,
                       f->node->line, made->source);
    for (size_t i = 0; i < f->count; i++) {
        int r = locate(b, f, i, &made->location, err);

        if (r < 0)
            return vb_error_context(err, "%s:%d: %s", f->node->file, f->node->line, made->source);
    }
    return 0;
}

/* Plans the files of a batch, or takes those that were made; direct ones are looked at here. */
int vb_import_files(vb_import_batch *b, vb_error *err)
{
    vb_importing *im = b->im;
    vb_transfer *t = im->transfer;
    int r = 0;

    if (!t) {
        r = vb_transfer_begin(im->repo, im->reg, VB_TRANSFER_DIRECT, &b->transfer, err);
        if (r < 0)
            return r;
        t = b->transfer;
        t->checksum = im->options->checksum;
    }
    for (size_t i = 0; !r && i < b->nrecords; i++) {
        vb_import_file *f = &b->records[i];

        if (f->there || !f->path)
            continue;
        if (im->transfer && !im->planning)
            f->number = im->next_file++;
        else
            r = plan_file(b, f, t, err);
    }
    if (!r && b->transfer) /* the other processor reads on */
        r = vb_transfer_run(t, im->options->checksum ? im->options->threads : 1, NULL, err);
    for (size_t i = 0; !r && !im->planning && i < b->nrecords; i++)
        if (!b->records[i].there && b->records[i].path)
            r = take_file(b, &b->records[i], t, err);
    return r;
}
