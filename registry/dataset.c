#include "registry/dataset.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/time.h"

#include <inttypes.h>
#include <string.h>

void vb_dataset_clear(vb_dataset *d)
{
    vb_dataid_clear(&d->dataid);
    *d = (vb_dataset){0};
}

void vb_dataset_print(const vb_dataset *d, vb_buf *out)
{
    vb_buf_puts(out, d->type->name);
    vb_buf_putc(out, ' ');
    vb_dataid_print(&d->dataid, out);
}

void vb_location_clear(vb_location *l)
{
    free(l->path);
    free(l->formatter);
    *l = (vb_location){0};
}

const char *vb_location_part(const char *path)
{
    const char *hdu = strstr(path, "#hdu="), *member = strstr(path, "#unzip=");

    return !hdu || (member && member < hdu) ? member : hdu;
}

/* What the handle knows of a type, which a writer may have before a transaction was undone and the handle forgot it. */
static int known_type(vb_registry *reg, const vb_dataset_type *type, struct vb_known_type **out, vb_error *err)
{
    HASH_FIND(by_id, reg->types_by_id, &type->id, sizeof type->id, *out);
    if (!*out) {
        int r = vb_dataset_type_by_id(reg, type->id, &type, err);

        if (r < 0)
            return r;
        HASH_FIND(by_id, reg->types_by_id, &type->id, sizeof type->id, *out);
    }
    return 0;
}

/* "WHERE m."instrument" = ? AND ... AND m.type_id = ? AND m.collection_id = ", after which comes which. */
static void print_find(const vb_dataset_type *type, const char *from, vb_buf *sql)
{
    vb_buf_printf(sql,
                  "SELECT d.id, uuid, d.type_id, run_id, dataid, ingest_date, state FROM %smember_%" PRId64
                  " m CROSS JOIN dataset d ON d.id = m.dataset_id WHERE ",
                  from, type->group_id);
    vb_sql_dimensions(sql, type->group, "m.", " = ? AND m.");
    vb_buf_puts(sql, type->group->nrequired ? " = ? AND m.type_id = ? AND m.collection_id = "
                                            : "m.type_id = ? AND m.collection_id = ");
}

static const char *find_sql(struct vb_known_type *known)
{
    vb_buf sql = {0};

    if (known->find_sql)
        return known->find_sql;
    print_find(&known->t, "", &sql);
    vb_buf_puts(&sql, "?");
    return known->find_sql = vb_buf_steal(&sql);
}

static bool is_along(const struct vb_known_type *known, const vb_search *search)
{
    if (!known->along_sql || known->nalong != search->count)
        return false;
    for (size_t i = 0; i < search->count; i++)
        if (known->along[i] != search->items[i]->id)
            return false;
    return true;
}

/* The statement that looks into one collection after the other; the same search comes again and again. */
static const char *along_sql(struct vb_known_type *known, const vb_search *search)
{
    vb_auto_buf from = {0};
    vb_buf sql = {0};

    if (is_along(known, search))
        return known->along_sql;
    free(known->along_sql);
    known->nalong = search->count;
    known->along = vb_realloc(known->along, search->count, sizeof *known->along);
    for (size_t i = 0; i < search->count; i++) {
        known->along[i] = search->items[i]->id;
        vb_buf_printf(&from, "%s(%" PRId64 ")", i ? ", " : "(VALUES ", known->along[i]);
    }
    vb_buf_puts(&from, ") s CROSS JOIN ");
    print_find(&known->t, vb_buf_text(&from), &sql);
    vb_buf_puts(&sql, "s.column1 LIMIT 1");
    return known->along_sql = vb_buf_steal(&sql);
}

static const char *insert_sql(struct vb_known_type *known)
{
    const vb_group *group = known->t.group;
    vb_buf sql = {0};

    if (known->insert_sql)
        return known->insert_sql;
    vb_buf_printf(&sql, "INSERT INTO member_%" PRId64 " (", known->t.group_id);
    vb_sql_dimensions(&sql, group, "", ", ");
    vb_buf_printf(&sql, "%stype_id, collection_id, dataset_id) VALUES (", group->nrequired ? ", " : "");
    for (int i = 0; i < group->nrequired; i++)
        vb_buf_puts(&sql, "?, ");
    vb_buf_puts(&sql, "?, ?, ?)");
    return known->insert_sql = vb_buf_steal(&sql);
}

int vb_dataset_note_summary(vb_registry *reg, int64_t run_id, int64_t type_id, vb_error *err)
{
    int r;

    for (int i = 0; i < VB_KNOWN_SUMMARIES; i++)
        if (reg->summaries[i].run == run_id && reg->summaries[i].type == type_id)
            return 0;
    r = vb_sql_exec(reg->db, err, "INSERT OR IGNORE INTO collection_summary VALUES (?, ?)", VB_ARGS(run_id, type_id));
    if (!r) {
        unsigned i = reg->next_summary++ % VB_KNOWN_SUMMARIES;

        reg->summaries[i].run = run_id;
        reg->summaries[i].type = type_id;
    }
    return r;
}

static int insert_member(vb_registry *reg, const vb_dataset *d, vb_error *err)
{
    vb_arg args[VB_MAX_REQUIRED + 3];
    struct vb_known_type *known;
    int n = d->type->group->nrequired, r = known_type(reg, d->type, &known, err);

    if (r < 0)
        return r;
    vb_dataid_args(&d->dataid, args);
    args[n] = vb_arg_int(d->type->id);
    args[n + 1] = vb_arg_int(d->run_id);
    args[n + 2] = vb_arg_int(d->id);
    r = vb_sql_exec(reg->db, err, insert_sql(known), args, (size_t)n + 3);
    if (r == -EEXIST) {
        vb_auto_buf what = {0};
        const vb_collection *run = NULL;

        vb_dataset_print(d, &what);
        vb_collection_by_id(reg, d->run_id, &run, NULL);
        vb_fail(err, -EEXIST, "%s: run '%s' has one already", vb_buf_text(&what), run ? run->name : "?");
    }
    return r;
}

static int put_location(vb_registry *reg, const char *sql, int64_t dataset_id, const vb_location *l, vb_error *err)
{
    vb_blob checksum = {l->has_checksum ? l->checksum.bytes : NULL, sizeof l->checksum.bytes};
    vb_arg args[] = {vb_arg_int(dataset_id), vb_arg_int(l->store_id), vb_arg_text(l->path),     vb_arg_int(l->size),
                     vb_arg_blob(checksum),  vb_arg_int(l->mtime),    vb_arg_text(l->formatter)};

    if (l->mtime < 0)
        args[5] = (vb_arg){.kind = VB_NULL};
    return vb_sql_exec(reg->db, err, sql, args, VB_COUNT(args));
}

/* Who has the UUID of a dataset that was to be inserted: in its run, the dataset itself. */
static int say_taken(vb_registry *reg, const vb_dataset *d, vb_error *err)
{
    vb_auto_buf what = {0}, other = {0};
    vb_auto_dataset there = {0};
    const vb_collection *run;
    char uuid[VB_UUID_TEXT];

    if (vb_dataset_by_uuid(reg, &d->uuid, &there, NULL) <= 0 || vb_collection_by_id(reg, there.run_id, &run, NULL) < 0)
        return -EEXIST;
    vb_dataset_print(d, &what);
    vb_dataset_print(&there, &other);
    if (there.run_id == d->run_id && there.type->id == d->type->id && vb_dataid_equal(&there.dataid, &d->dataid))
        return vb_fail(err, -EEXIST, "%s: run '%s' has one already", vb_buf_text(&what), run->name);
    return vb_fail(err, -EEXIST, "%s: its UUID %s is that of %s in run '%s'", vb_buf_text(&what),
                   vb_uuid_format(d->uuid, uuid), vb_buf_text(&other), run->name);
}

/* Provenance may speak of a dataset that is not there: before it came (merge.c; a row of no run), or since it was
 * removed. Then its row becomes the dataset's, which a UUID of type and data ID brings back. */
static int adopt_row(vb_registry *reg, vb_dataset *d, const char *packed, vb_error *taken, vb_error *err)
{
    int r = vb_sql_exec(
        reg->db, err,
        "UPDATE dataset SET type_id = ?1, run_id = ?2, dataid = ?3, ingest_date = ?4, state = ?5 WHERE uuid = ?6"
        " AND (run_id = 0 OR (state = 2 AND type_id = ?1 AND dataid = ?3))",
        VB_ARGS(d->type->id, d->run_id, packed, d->ingest_date, (int)d->state, &d->uuid));

    if (r < 0)
        return r;
    if (!vb_db_changes(reg->db)) {
        vb_error_move(err, taken);
        return say_taken(reg, d, err);
    }
    r = vb_sql_int(reg->db, &d->id, err, "SELECT id FROM dataset WHERE uuid = ?", VB_ARGS(&d->uuid));
    return r < 0 ? r : 0;
}

static int insert_row(vb_registry *reg, vb_dataset *d, vb_error *err)
{
    vb_auto_error taken = VB_ERROR_INIT;
    vb_auto_buf packed = {0};
    int r;

    vb_dataid_pack(&d->dataid, &packed);
    r = vb_sql_exec(reg->db, &taken,
                    "INSERT INTO dataset (uuid, type_id, run_id, dataid, ingest_date, state)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    VB_ARGS(&d->uuid, d->type->id, d->run_id, vb_buf_text(&packed), d->ingest_date, (int)d->state));
    d->id = vb_db_last_id(reg->db);
    if (r == -EEXIST)
        return adopt_row(reg, d, vb_buf_text(&packed), &taken, err);
    if (r < 0)
        vb_error_move(err, &taken);
    return r;
}

int vb_dataset_insert(vb_registry *reg, vb_dataset *d, const vb_location *location, vb_error *err)
{
    static const vb_uuid none;
    int r;

    vb_registry_check_memory(reg);
    if (vb_uuid_equal(d->uuid, none))
        d->uuid = vb_uuid_v7();
    if (!d->ingest_date)
        d->ingest_date = vb_time_now();
    r = insert_row(reg, d, err);
    if (!r)
        r = insert_member(reg, d, err);
    if (!r)
        r = vb_dataset_note_summary(reg, d->run_id, d->type->id, err);
    if (!r && location)
        r = put_location(reg, "INSERT INTO location VALUES (?, ?, ?, ?, ?, ?, ?)", d->id, location, err);
    return r;
}

int vb_dataset_read(vb_registry *reg, vb_stmt *s, const vb_dataid *known, vb_dataset *out, vb_error *err)
{
    int r;

    *out = (vb_dataset){.id = vb_col_int(s, 0),
                        .uuid = vb_col_uuid(s, 1),
                        .run_id = vb_col_int(s, 3),
                        .ingest_date = vb_col_int(s, 5),
                        .state = (vb_dataset_state)vb_col_int(s, 6)};
    r = vb_dataset_type_by_id(reg, vb_col_int(s, 2), &out->type, err);
    if (r < 0)
        return r;
    if (known)
        out->dataid = vb_dataid_copy(known);
    else
        r = vb_dataid_unpack(out->type->group, vb_col_text(s, 4), &out->dataid, err);
    return r;
}

static int get_row(vb_registry *reg, const char *sql, vb_arg key, const vb_dataid *known, vb_dataset *out,
                   vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, sql, &key, 1);

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    r = vb_dataset_read(reg, s, known, out, err);
    return r < 0 ? r : 1;
}

/* The collections that may be searched without a time. */
static void untimed(const vb_search *search, vb_search *out)
{
    out->items = vb_alloc((search->count + 1) * sizeof(*out->items));
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i]->type != VB_CALIBRATION)
            out->items[out->count++] = search->items[i];
}

static bool has_calibrations(const vb_search *search)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i]->type == VB_CALIBRATION)
            return true;
    return false;
}

/* One probe a collection, until one has it: in one statement, and so of one state of the registry. */
static int probe(vb_registry *reg, const vb_dataset_type *type, const vb_dataid *dataid, const vb_search *search,
                 vb_dataset *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_arg args[VB_MAX_REQUIRED + 2];
    struct vb_known_type *known;
    size_t n = (size_t)type->group->nrequired;
    int r = known_type(reg, type, &known, err);

    if (r < 0 || !search->count)
        return r;
    vb_dataid_args(dataid, args);
    args[n++] = vb_arg_int(type->id);
    if (search->count == 1)
        args[n++] = vb_arg_int(search->items[0]->id);
    r = vb_sql(reg->db, &s, err, search->count == 1 ? find_sql(known) : along_sql(known, search), args, n);
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    r = vb_dataset_read(reg, s, dataid, out, err);
    return r < 0 ? r : 1;
}

int vb_dataset_find(vb_registry *reg, const vb_dataset_type *type, const vb_dataid *dataid, const vb_search *search,
                    vb_dataset *out, vb_error *err)
{
    vb_auto_search rest = {0};

    if (!has_calibrations(search))
        return probe(reg, type, dataid, search, out, err);
    untimed(search, &rest);
    return probe(reg, type, dataid, &rest, out, err);
}

int vb_dataset_by_uuid(vb_registry *reg, const vb_uuid *uuid, vb_dataset *out, vb_error *err)
{
    return get_row(reg, VB_SELECT_DATASET " WHERE uuid = ?", vb_arg_uuid(uuid), NULL, out, err);
}

int vb_dataset_by_id(vb_registry *reg, int64_t id, vb_dataset *out, vb_error *err)
{
    return get_row(reg, VB_SELECT_DATASET " WHERE id = ?", vb_arg_int(id), NULL, out, err);
}

int vb_dataset_any(vb_registry *reg, bool *out, vb_error *err)
{
    int64_t one;
    int r = vb_sql_int(reg->db, &one, err, "SELECT 1 FROM dataset LIMIT 1", VB_NO_ARGS);

    *out = r > 0;
    return r < 0 ? r : 0;
}

int vb_dataset_list_uuids(vb_registry *reg, const vb_uuid *after, size_t limit, vb_uuid *out, size_t *count,
                          vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT uuid FROM dataset WHERE uuid > ? ORDER BY uuid LIMIT ?",
                   VB_ARGS(after, limit));

    *count = 0;
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        out[(*count)++] = vb_col_uuid(s, 0);
        r = 0;
    }
    return r;
}

int vb_location_get(vb_registry *reg, int64_t dataset_id, vb_location *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    const void *checksum;
    size_t n;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT store_id, path, size, checksum, mtime, formatter FROM location"
                   " WHERE dataset_id = ? ORDER BY store_id LIMIT 1",
                   VB_ARGS(dataset_id));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    *out = (vb_location){.store_id = vb_col_int(s, 0),
                         .path = vb_strdup(vb_col_text(s, 1)),
                         .size = vb_col_int(s, 2),
                         .mtime = vb_col_null(s, 4) ? -1 : vb_col_int(s, 4)};
    checksum = vb_col_blob(s, 3, &n);
    if (checksum && n == sizeof out->checksum.bytes) {
        out->has_checksum = true;
        memcpy(out->checksum.bytes, checksum, n);
    }
    if (!vb_col_null(s, 5))
        out->formatter = vb_strdup(vb_col_text(s, 5));
    return 1;
}

int vb_location_set(vb_registry *reg, int64_t dataset_id, const vb_location *l, vb_error *err)
{
    return put_location(reg, "INSERT OR REPLACE INTO location VALUES (?, ?, ?, ?, ?, ?, ?)", dataset_id, l, err);
}

static int each_path(vb_registry *reg, const char *sql, vb_path_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, sql, VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0)
        r = each(arg, vb_col_text(s, 0));
    return r;
}

int vb_location_each_absolute(vb_registry *reg, vb_path_fn *each, void *arg, vb_error *err)
{
    /* As in the index's own condition: '0' comes after '/'. */
    return each_path(
        reg,
        "SELECT path FROM location WHERE path >= '/' AND path < '0' UNION ALL SELECT path FROM component WHERE path >= '/'"
        " AND path < '0' ORDER BY path",
        each, arg, err);
}

int vb_location_each(vb_registry *reg, vb_path_fn *each, void *arg, vb_error *err)
{
    return each_path(reg, "SELECT path FROM location UNION ALL SELECT path FROM component", each, arg, err);
}

int vb_store_list(vb_registry *reg, int64_t **ids, char ***roots, size_t *count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int64_t *numbers = NULL;
    char **names = vb_alloc(sizeof *names);
    size_t n = 0, cap = 0;
    int r = vb_sql(reg->db, &s, err, "SELECT id, root FROM store ORDER BY id", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        *VB_PUSH(numbers, n, cap) = vb_col_int(s, 0);
        vb_strv_add(&names, vb_col_text(s, 1));
        r = 0;
    }
    *ids = numbers;
    *roots = names;
    *count = n;
    return r;
}
