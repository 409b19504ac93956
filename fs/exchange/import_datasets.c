/* import_datasets.c - datasets of an export, with their artifacts. */
#include "fs/exchange/import_internal.h"
#include "fs/ingest/artifact.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_NAMED = 3 }; /* missing artifacts that an error names */

/* ---- numbers and absent ones ---------------------------------------------------------------------------------- */

int vb_import_id(vb_importing *im, const vb_yaml_node *node, vb_uuid *out, vb_error *err)
{
    const char *text = vb_yaml_text(node);
    struct vb_import_number *known;
    int64_t number;

    if (text && vb_uuid_parse(text, out))
        return 0;
    if (!vb_yaml_int(node, &number))
        return vb_yaml_fail(err, node, "a dataset's id must be a UUID or a number");
    HASH_FIND(hh, im->numbers, &number, sizeof number, known);
    if (!known)
        return vb_yaml_fail(err, node, "no dataset of the file has number %" PRId64, number);
    *out = known->uuid;
    return 0;
}

bool vb_import_is_absent(const vb_importing *im, const vb_uuid *uuid)
{
    struct vb_import_absent *known;

    HASH_FIND(hh, im->absent, uuid, sizeof *uuid, known);
    return known;
}

void vb_import_note_absent(vb_importing *im, const vb_uuid *uuid)
{
    struct vb_import_absent *absent;

    if (vb_import_is_absent(im, uuid))
        return;
    absent = VB_NEW(struct vb_import_absent);
    absent->uuid = *uuid;
    HASH_ADD(hh, im->absent, uuid, sizeof absent->uuid, absent);
}

/* A number of a file that has no UUIDs: the dataset gets the UUID that its type, run and data ID tell (as Rubin's
 * DATAID_TYPE_RUN), so that importing the file again finds it. */
static void name_number(vb_importing *im, int64_t number, const char *run, const vb_dataset *d, vb_uuid *out)
{
    struct vb_import_number *known;

    HASH_FIND(hh, im->numbers, &number, sizeof number, known);
    if (!known) {
        known = VB_NEW(struct vb_import_number);
        known->number = number;
        known->uuid = vb_dataset_uuid5(d->type, run, &d->dataid);
        HASH_ADD(hh, im->numbers, number, sizeof known->number, known);
    }
    *out = known->uuid;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* The datasets of one piece: of one type, in one run. */
struct batch {
    vb_importing *im;
    const vb_dataset_type *type;
    const vb_collection *run;
    struct vb_import_seen *seen;
    vb_dataset *datasets;
    vb_location *locations;
    const vb_yaml_node **nodes;
    size_t *files; /* of which record each is */
    size_t count, cap, locations_cap, nodes_cap, files_cap;
    struct file *records;
    size_t nrecords, records_cap;
    vb_transfer *transfer;
};

/* One artifact. */
struct file {
    const vb_yaml_node *node;
    const char *path, *formatter;
    size_t first, count; /* its datasets */
    bool there;          /* all of them are in the repository already */
    bool absent;
    size_t number; /* of the transfer */
};

static void batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        vb_dataid_clear(&b->datasets[i].dataid);
        vb_location_clear(&b->locations[i]);
    }
    free(b->datasets);
    free(b->locations);
    free(b->nodes);
    free(b->files);
    free(b->records);
    if (b->transfer)
        vb_transfer_end(b->transfer);
}

static bool is_known_key(const vb_importing *im, const vb_group *group, const char *key)
{
    VB_EACH_DIMENSION(i, group->all)
        if (!strcmp(vb_universe_at(group->universe, i)->name, key))
            return true;
    return im->from < 2 && !strcmp(key, "visit_system");
}

static int read_dataid(struct batch *b, const vb_yaml_node *node, vb_dataid *out, vb_error *err)
{
    const vb_group *group = b->type->group;
    size_t used = 0;

    *out = (vb_dataid){.group = group};
    if (node->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, node, "a data ID must be a mapping");
    for (int i = 0; i < group->nrequired; i++) {
        const vb_yaml_node *value = vb_yaml_get(node, group->dims[i]->name);

        if (vb_yaml_is_null(value))
            return vb_yaml_fail(err, node, "the data ID has no %s", group->dims[i]->name);
        if (vb_import_field(value, group->dims[i]->keys[0].type, &out->values[i], err) < 0)
            return vb_error_context(err, "%s", group->dims[i]->name);
        used++;
    }
    for (size_t i = 0; used < node->count && i < node->count; i++) {
        const char *key = vb_yaml_text(node->items[i].key);

        if (!key || !is_known_key(b->im, group, key))
            return vb_yaml_fail(err, node->items[i].key, "dataset type '%s' has no dimension '%s'", b->type->name,
                                key ? key : "?");
    }
    return 0;
}

static int add_dataset(struct batch *b, const vb_yaml_node *id, const vb_yaml_node *dataid, vb_error *err)
{
    size_t n = b->count;
    vb_dataset *d;
    int64_t number;
    int r;

    *VB_PUSH(b->nodes, n, b->nodes_cap) = dataid;
    n = b->count;
    *VB_PUSH(b->files, n, b->files_cap) = b->nrecords - 1;
    n = b->count;
    *VB_PUSH(b->locations, n, b->locations_cap) = (vb_location){.size = -1, .mtime = -1};
    d = VB_PUSH(b->datasets, b->count, b->cap);
    d->type = b->type;
    d->run_id = b->run->id;
    r = read_dataid(b, dataid, &d->dataid, err);
    if (r < 0)
        return r;
    if (vb_yaml_int(id, &number)) {
        name_number(b->im, number, b->run->name, d, &d->uuid);
    } else {
        r = vb_import_id(b->im, id, &d->uuid, err);
        if (r < 0)
            return r;
    }
    r = vb_seen_records(b->seen->seen, &d->dataid, err);
    if (r < 0)
        return vb_error_context(err, "%s:%d: %s in run '%s'", dataid->file, dataid->line, b->type->name, b->run->name);
    return 0;
}

/* One record: an artifact, and the datasets in it. */
static int read_record(struct batch *b, const vb_yaml_node *node, vb_error *err)
{
    const vb_yaml_node *ids = vb_yaml_get(node, "dataset_id"), *dataids = vb_yaml_get(node, "data_id");
    struct file *f = VB_PUSH(b->records, b->nrecords, b->records_cap);
    bool many = ids && ids->kind == VB_YAML_LIST, lists = dataids && dataids->kind == VB_YAML_LIST;
    int r = 0;

    *f = (struct file){.node = node,
                       .first = b->count,
                       .path = vb_yaml_get_text(node, "path"),
                       .formatter = vb_yaml_get_text(node, "formatter")};
    if (!ids || !dataids)
        return vb_yaml_fail(err, node, "a dataset needs a dataset_id and a data_id");
    f->count = many ? ids->count : 1;
    if (!f->count || (lists ? dataids->count : 1) != f->count)
        return vb_yaml_fail(err, node, "dataset_id and data_id must be as many");
    for (size_t i = 0; !r && i < f->count; i++)
        r = add_dataset(b, many ? ids->items[i].value : ids, lists ? dataids->items[i].value : dataids, err);
    return r;
}

/* ---- what is there already ------------------------------------------------------------------------------------- */

static int compare_there(struct batch *b, const vb_dataset *d, const vb_dataset *there, vb_error *err)
{
    char text[VB_UUID_TEXT];
    vb_auto_buf is = {0}, wanted = {0};
    const vb_collection *run = NULL;
    int r;

    if (there->type == d->type && there->run_id == d->run_id && vb_dataid_equal(&there->dataid, &d->dataid) &&
        there->state == VB_DATASET_PRESENT)
        return 0;
    r = vb_collection_by_id(b->im->reg, there->run_id, &run, err);
    if (r < 0)
        return r;
    vb_dataset_print(there, &is);
    vb_dataset_print(d, &wanted);
    if (there->state == VB_DATASET_REMOVED)
        return vb_fail(err, -EEXIST, "dataset %s (%s) was in the repository once, and was removed",
                       vb_uuid_format(d->uuid, text), vb_buf_text(&is));
    return vb_fail(err, -EEXIST, "dataset %s is in the repository as %s in run '%s', not %s in run '%s'",
                   vb_uuid_format(d->uuid, text), vb_buf_text(&is), run->name, vb_buf_text(&wanted), b->run->name);
}

/* 1 where the repository has the dataset, 0 where not. */
static int look_there(struct batch *b, const vb_dataset *d, vb_error *err)
{
    vb_auto_dataset there = {0};
    int r;

    if (!b->im->any_datasets)
        return 0;
    r = vb_dataset_by_uuid(b->im->reg, &d->uuid, &there, err);
    if (r <= 0 || !there.run_id) /* provenance has spoken of it, no more */
        return r < 0 ? r : 0;
    r = compare_there(b, d, &there, err);
    return r < 0 ? r : 1;
}

static int look_file(struct batch *b, struct file *f, vb_error *err)
{
    size_t there = 0;

    for (size_t i = 0; i < f->count; i++) {
        int r = look_there(b, &b->datasets[f->first + i], err);

        if (r < 0)
            return vb_error_context(err, "%s:%d", f->node->file, f->node->line);
        there += (size_t)r;
    }
    if (there && there < f->count)
        return vb_yaml_fail(err, f->node, "some of the datasets in this artifact are in the repository, others not");
    f->there = there > 0;
    return 0;
}

/* ---- artifacts --------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* Where the artifact is: below the directory, or anywhere by an absolute path or a URI of this machine's files. */
static int source_of(struct batch *b, const struct file *f, char **out, vb_error *err)
{
    const char *path = f->path, *colon = strstr(path, "://");
    vb_auto_buf plain = {0};

    if (vb_starts_with(path, "file:///")) {
        for (const char *p = path + 7; *p; p++) {
            if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
                vb_buf_putc(&plain, (char)(hex(p[1]) << 4 | hex(p[2])));
                p += 2;
            } else {
                vb_buf_putc(&plain, *p);
            }
        }
        *out = vb_buf_steal(&plain);
        return 0;
    }
    if (colon && strcspn(path, "/") > (size_t)(colon - path))
        return vb_yaml_fail(err, f->node, "artifact %s: only files of this machine can be imported", path);
    if (*path != '/' && !vb_path_is_safe(path))
        return vb_yaml_fail(err, f->node, "artifact %s: leads out of the directory", path);
    *out = vb_path_join(b->im->directory, path);
    return 0;
}

static int plan_file(struct batch *b, struct file *f, vb_transfer *t, vb_error *err)
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
static void note_missing(struct batch *b, struct file *f, const char *source)
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

/* What became of an artifact: a location, nothing, or an error. */
static int take_file(struct batch *b, struct file *f, vb_transfer *t, vb_error *err)
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
    for (size_t i = 0; i < f->count; i++) {
        vb_location *l = &b->locations[f->first + i];

        *l = made->location;
        l->path = vb_strdup(made->location.path);
        l->formatter = f->formatter ? vb_strdup(f->formatter) : NULL;
    }
    return 0;
}

/* ---- a batch ------------------------------------------------------------------------------------------------------ */

/* Plans the files of a batch, or takes those that were made; direct ones are looked at here. */
static int bring_files(struct batch *b, vb_error *err)
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
        struct file *f = &b->records[i];

        if (f->there || !f->path)
            continue;
        if (im->transfer && !im->planning)
            f->number = im->next_file++;
        else
            r = plan_file(b, f, t, err);
    }
    if (!r && b->transfer)
        r = vb_transfer_run(t, im->options->threads, NULL, err);
    for (size_t i = 0; !r && !im->planning && i < b->nrecords; i++)
        if (!b->records[i].there && b->records[i].path)
            r = take_file(b, &b->records[i], t, err);
    return r;
}

/* Moves what is to be inserted to the front, and inserts it.  Datasets without a path have no artifact. */
static int insert(struct batch *b, bool with_artifact, vb_error *err)
{
    vb_autofree vb_dataset *datasets = vb_alloc((b->count + 1) * sizeof *datasets);
    vb_autofree vb_location *locations = vb_alloc((b->count + 1) * sizeof *locations);
    size_t n = 0;
    int r;

    for (size_t i = 0; i < b->count; i++) {
        const struct file *f = &b->records[b->files[i]];

        if (f->there || f->absent || !f->path == with_artifact)
            continue;
        datasets[n] = b->datasets[i];
        locations[n++] = b->locations[i];
    }
    if (!n)
        return 0;
    r = vb_dataset_insert_all(b->im->reg, datasets, with_artifact && !b->im->planning ? locations : NULL, n, err);
    if (r == -EEXIST)
        vb_hint(err, "it has another UUID here: the file and the repository disagree on what that dataset is");
    b->im->report->datasets += n;
    return r;
}

static int find_type(struct batch *b, const vb_yaml_node *entry, vb_error *err)
{
    const char *type = vb_yaml_get_text(entry, "dataset_type"), *run = vb_yaml_get_text(entry, "run");
    int r;

    if (!type || !run)
        return vb_yaml_fail(err, entry, "datasets need a dataset_type and a run");
    r = vb_dataset_type_find(b->im->reg, type, &b->type, err);
    if (r == -ENOENT) {
        vb_fail(err, -ENOENT, "%s:%d: dataset type '%s' is defined neither by the file nor by the repository",
                entry->file, entry->line, type);
        vb_hint(err, "the file builds on another export: import that one first");
    }
    if (!r)
        r = vb_collection_register(b->im->reg, run, VB_RUN, NULL, &b->run, err);
    return r;
}

static struct vb_import_seen *seen_of(vb_importing *im, const vb_group *group)
{
    struct vb_import_seen *s;

    HASH_FIND_PTR(im->seen, &group, s);
    if (!s) {
        s = VB_NEW(struct vb_import_seen);
        s->group = group;
        s->seen = vb_seen_new(im->reg, group);
        HASH_ADD_PTR(im->seen, group, s);
    }
    return s;
}

static int each_piece(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    __attribute__((cleanup(batch_clear))) struct batch b = {.im = arg};
    int r = find_type(&b, entry, err);

    if (r < 0)
        return r;
    if (!items || items->kind != VB_YAML_LIST)
        return vb_yaml_is_null(items) ? 0 : vb_yaml_fail(err, items, "'records' must be a list");
    b.seen = seen_of(b.im, b.type->group);
    for (size_t i = 0; !r && i < items->count; i++)
        r = read_record(&b, items->items[i].value, err);
    for (size_t i = 0; !r && i < b.nrecords; i++) {
        r = look_file(&b, &b.records[i], err);
        b.im->report->datasets_there += b.records[i].there ? b.records[i].count : 0;
    }
    if (!r)
        r = bring_files(&b, err);
    if (!r)
        r = insert(&b, true, err);
    return r < 0 ? r : insert(&b, false, err);
}

/* The first of the artifacts that are not there. */
static int refuse_missing(vb_importing *im, vb_error *err)
{
    const vb_import_report *report = im->report;
    vb_auto_buf names = {0};
    size_t n = report->nmissing;

    for (size_t i = 0; i < n && i < MAX_NAMED; i++)
        vb_buf_printf(&names, "\n  %s", report->missing[i]);
    if (n > MAX_NAMED)
        vb_buf_printf(&names, "\n  and %zu more", n - MAX_NAMED);
    vb_fail(err, -ENOENT, "%s: the artifacts of %zu dataset%s are not there:%s", vb_export_file_path(im->file), n,
            n == 1 ? "" : "s", vb_buf_text(&names));
    vb_hint(err, "--skip-missing imports the others");
    return -ENOENT;
}

int vb_import_datasets(vb_importing *im, vb_error *err)
{
    int r = vb_export_file_each(im->file, "dataset", NULL, NULL, each_piece, im, err);

    return !r && im->report->nmissing && !im->options->skip_missing ? refuse_missing(im, err) : r;
}
