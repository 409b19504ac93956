/* import_datasets.c - datasets of an export, with their artifacts. */
#include "fs/exchange/import_internal.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/dataset_uuid.h"

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
        known->uuid = vb_dataset_uuid(VB_ID_DATAID_TYPE_RUN, d->type->name, run, &d->dataid);
        HASH_ADD(hh, im->numbers, number, sizeof known->number, known);
    }
    *out = known->uuid;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static void batch_clear(vb_import_batch *b)
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

static int read_dataid(vb_import_batch *b, const vb_yaml_node *node, vb_dataid *out, vb_error *err)
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

static int add_dataset(vb_import_batch *b, const vb_yaml_node *id, const vb_yaml_node *dataid, vb_error *err)
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
    if (r == -ENOENT && err && !err->hint)
        vb_hint(err, "the file builds on another export: import that one first");
    if (r < 0)
        return vb_error_context(err, "%s:%d: %s in run '%s'", dataid->file, dataid->line, b->type->name, b->run->name);
    return 0;
}

static bool is_part(const vb_yaml_node *node)
{
    const char *text = vb_yaml_text(node);

    if (!text)
        return false;
    if (!strncmp(text, "hdu=", 4))
        return text[4] && !text[4 + strspn(text + 4, "0123456789")] && strlen(text) < 12;
    return (!strncmp(text, "unzip=", 6) || !strncmp(text, "untar=", 6)) && text[6] && !strchr(text, '#') &&
           vb_path_is_safe(text + 6);
}

/* Keys that vbutler's own exports have besides Rubin's. */
static int read_extras(vb_import_file *f, vb_error *err)
{
    const vb_yaml_node *checksum = vb_yaml_get(f->node, "checksum");

    f->parts = vb_yaml_get(f->node, "parts");
    f->has_checksum = !vb_yaml_is_null(checksum);
    if (f->has_checksum && (!vb_yaml_text(checksum) || !vb_hash_parse(checksum->text, &f->checksum)))
        return vb_yaml_fail(err, checksum, "a checksum must be 'xxh3-128:' and 32 hexadecimal digits");
    if (!f->parts)
        return 0;
    if (f->parts->kind != VB_YAML_LIST || f->parts->count != f->count)
        return vb_yaml_fail(err, f->parts, "parts must be as many as the datasets");
    for (size_t i = 0; i < f->count; i++)
        if (!is_part(f->parts->items[i].value))
            return vb_yaml_fail(err, f->parts->items[i].value, "a part must be like hdu=3, unzip=NAME or untar=NAME");
    return 0;
}

/* One record: an artifact, and the datasets in it. */
static int read_record(vb_import_batch *b, const vb_yaml_node *node, vb_error *err)
{
    const vb_yaml_node *ids = vb_yaml_get(node, "dataset_id"), *dataids = vb_yaml_get(node, "data_id");
    vb_import_file *f = VB_PUSH(b->records, b->nrecords, b->records_cap);
    bool many = ids && ids->kind == VB_YAML_LIST, lists = dataids && dataids->kind == VB_YAML_LIST;
    int r = 0;

    *f = (vb_import_file){.node = node,
                          .first = b->count,
                          .path = vb_yaml_get_text(node, "path"),
                          .formatter = vb_yaml_get_text(node, "formatter")};
    if (!ids || !dataids)
        return vb_yaml_fail(err, node, "a dataset needs a dataset_id and a data_id");
    f->count = many ? ids->count : 1;
    r = read_extras(f, err);
    if (r < 0)
        return r;
    if (!f->count || (lists ? dataids->count : 1) != f->count)
        return vb_yaml_fail(err, node, "dataset_id and data_id must be as many");
    for (size_t i = 0; !r && i < f->count; i++)
        r = add_dataset(b, many ? ids->items[i].value : ids, lists ? dataids->items[i].value : dataids, err);
    return r;
}

/* ---- what is there already ------------------------------------------------------------------------------------- */

static int compare_there(vb_import_batch *b, const vb_dataset *d, const vb_dataset *there, vb_error *err)
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
static int look_there(vb_import_batch *b, const vb_dataset *d, vb_error *err)
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

static int look_file(vb_import_batch *b, vb_import_file *f, vb_error *err)
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

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

/* Moves what is to be inserted to the front, and inserts it.  Datasets without a path have no artifact. */
static int insert(vb_import_batch *b, bool with_artifact, vb_error *err)
{
    vb_autofree vb_dataset *datasets = vb_alloc((b->count + 1) * sizeof *datasets);
    vb_autofree vb_location *locations = vb_alloc((b->count + 1) * sizeof *locations);
    size_t n = 0;
    int r;

    for (size_t i = 0; i < b->count; i++) {
        const vb_import_file *f = &b->records[b->files[i]];

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

static int find_type(vb_import_batch *b, const vb_yaml_node *entry, vb_error *err)
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
    __attribute__((cleanup(batch_clear))) vb_import_batch b = {.im = arg};
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
        r = vb_import_files(&b, err);
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
