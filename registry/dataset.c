#include "registry/dataset.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/time.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define DATASET_COLUMNS "SELECT id, uuid, type_id, run_id, dataid, ingest_date, state FROM dataset"

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
    static const char *const parts[] = {"#hdu=", "#unzip=", "#untar="};
    const char *first = NULL;

    for (size_t i = 0; i < VB_COUNT(parts); i++) {
        const char *at = strstr(path, parts[i]);

        if (at && (!first || at < first))
            first = at;
    }
    return first;
}

bool vb_location_is_remote(const char *path)
{
    size_t n = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

    return n && isalpha((unsigned char)*path) && !strncmp(path + n, "://", 3);
}

/* The statement that finds, or inserts, a member of the type's table; kept with what the handle knows of the type,
 * which a writer may have before a transaction was undone and the handle forgot it. */
static int member_sql(vb_registry *reg, const vb_dataset_type *type, bool find, const char **out, vb_error *err)
{
    struct vb_known_type *known;
    char **kept;
    vb_buf sql = {0};

    HASH_FIND(by_id, reg->types_by_id, &type->id, sizeof type->id, known);
    if (!known) {
        int r = vb_dataset_type_by_id(reg, type->id, &type, err);

        if (r < 0)
            return r;
        HASH_FIND(by_id, reg->types_by_id, &type->id, sizeof type->id, known);
    }
    kept = find ? &known->find_sql : &known->insert_sql;
    *out = *kept;
    if (*kept)
        return 0;
    if (find) {
        vb_buf_printf(&sql,
                      "SELECT d.id, uuid, d.type_id, run_id, dataid, ingest_date, state FROM member_%" PRId64
                      " m CROSS JOIN dataset d ON d.id = m.dataset_id WHERE ",
                      type->group_id);
        vb_sql_dimensions(&sql, type->group, "m.", " = ? AND m.");
        vb_buf_puts(&sql, type->group->nrequired ? " = ? AND m.type_id = ? AND m.collection_id = ?"
                                                 : "m.type_id = ? AND m.collection_id = ?");
    } else {
        vb_buf_printf(&sql, "INSERT INTO member_%" PRId64 " (", type->group_id);
        vb_sql_dimensions(&sql, type->group, "", ", ");
        vb_buf_printf(&sql, "%stype_id, collection_id, dataset_id) VALUES (", type->group->nrequired ? ", " : "");
        for (int i = 0; i < type->group->nrequired; i++)
            vb_buf_puts(&sql, "?, ");
        vb_buf_puts(&sql, "?, ?, ?)");
    }
    *out = *kept = vb_buf_steal(&sql);
    return 0;
}

/* Notes that a collection holds a type; almost always it is the pair of the last insert. */
static int note_summary(vb_registry *reg, int64_t run_id, int64_t type_id, vb_error *err)
{
    int r;

    if (reg->summary_run == run_id && reg->summary_type == type_id)
        return 0;
    r = vb_sql_exec(reg->db, err, "INSERT OR IGNORE INTO collection_summary VALUES (?, ?)", VB_ARGS(run_id, type_id));
    if (!r) {
        reg->summary_run = run_id;
        reg->summary_type = type_id;
    }
    return r;
}

static int insert_member(vb_registry *reg, const vb_dataset *d, vb_error *err)
{
    vb_arg args[VB_MAX_REQUIRED + 3];
    const char *sql;
    int n = d->type->group->nrequired, r = member_sql(reg, d->type, false, &sql, err);

    if (r < 0)
        return r;
    vb_dataid_args(&d->dataid, args);
    args[n] = vb_arg_int(d->type->id);
    args[n + 1] = vb_arg_int(d->run_id);
    args[n + 2] = vb_arg_int(d->id);
    r = vb_sql_exec(reg->db, err, sql, args, (size_t)n + 3);
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
        r = note_summary(reg, d->run_id, d->type->id, err);
    if (!r && location)
        r = put_location(reg, "INSERT INTO location VALUES (?, ?, ?, ?, ?, ?, ?)", d->id, location, err);
    return r;
}

/* Reads the row of DATASET_COLUMNS that the statement stands on; with `known`, takes the data ID from there. */
static int read_row(vb_registry *reg, vb_stmt *s, const vb_dataid *known, vb_dataset *out, vb_error *err)
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
    r = read_row(reg, s, known, out, err);
    return r < 0 ? r : 1;
}

/* One probe a collection, until one has it. */
static int probe(vb_registry *reg, const char *sql, const vb_dataset_type *type, const vb_dataid *dataid,
                 const vb_search *search, vb_dataset *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_arg args[VB_MAX_REQUIRED + 2];
    int n = type->group->nrequired, r = 0;

    vb_dataid_args(dataid, args);
    args[n] = vb_arg_int(type->id);
    for (size_t i = 0; !r && i < search->count; i++) {
        if (search->items[i]->type == VB_CALIBRATION)
            continue;
        args[n + 1] = vb_arg_int(search->items[i]->id);
        r = s ? vb_stmt_rebind(s, args, (size_t)n + 2, err) : vb_sql(reg->db, &s, err, sql, args, (size_t)n + 2);
        if (!r)
            r = vb_stmt_step(s, err);
    }
    if (r <= 0)
        return r;
    r = read_row(reg, s, dataid, out, err);
    return r < 0 ? r : 1;
}

int vb_dataset_find(vb_registry *reg, const vb_dataset_type *type, const vb_dataid *dataid, const vb_search *search,
                    vb_dataset *out, vb_error *err)
{
    vb_auto_look look = {0};
    const char *sql;
    int r = member_sql(reg, type, true, &sql, err);

    /* Of one state of the registry, whose lock is taken once and not for each probe. */
    if (!r && search->count > 1)
        r = vb_look_begin(&look, reg->db, err);
    return r < 0 ? r : probe(reg, sql, type, dataid, search, out, err);
}

int vb_dataset_by_uuid(vb_registry *reg, const vb_uuid *uuid, vb_dataset *out, vb_error *err)
{
    return get_row(reg, DATASET_COLUMNS " WHERE uuid = ?", vb_arg_uuid(uuid), NULL, out, err);
}

int vb_dataset_by_id(vb_registry *reg, int64_t id, vb_dataset *out, vb_error *err)
{
    return get_row(reg, DATASET_COLUMNS " WHERE id = ?", vb_arg_int(id), NULL, out, err);
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
        "SELECT path FROM location WHERE path >= '/' AND path < '0' UNION ALL SELECT path FROM datastore_record WHERE component != '' AND path >= '/' AND path < '0' ORDER BY path",
        each, arg, err);
}

int vb_location_each(vb_registry *reg, vb_path_fn *each, void *arg, vb_error *err)
{
    return each_path(reg, "SELECT path FROM location UNION ALL SELECT path FROM datastore_record WHERE component != ''",
                     each, arg, err);
}

static int each_of_type(vb_registry *reg, const vb_collection *collection, const vb_dataset_type *type,
                        vb_dataset_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r;

    vb_buf_printf(&sql,
                  "SELECT d.id, uuid, d.type_id, run_id, dataid, ingest_date, state FROM member_%" PRId64 " m"
                  " JOIN dataset d ON d.id = m.dataset_id WHERE m.type_id = ? AND m.collection_id = ?",
                  type->group_id);
    r = vb_sql(reg->db, &s, err, vb_buf_text(&sql), VB_ARGS(type->id, collection->id));
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_auto_dataset d = {0};

        r = read_row(reg, s, NULL, &d, err);
        if (!r)
            r = each(arg, &d, err);
    }
    return r;
}

int vb_dataset_each(vb_registry *reg, const vb_collection *collection, const vb_dataset_type *type, vb_dataset_fn *each,
                    void *arg, vb_error *err)
{
    char **names = NULL;
    int r;

    if (type)
        return each_of_type(reg, collection, type, each, arg, err);
    r = vb_dataset_type_list(reg, collection->id, NULL, SIZE_MAX >> 1, &names, err);
    for (char **name = names; !r && *name; name++) {
        r = vb_dataset_type_find(reg, *name, &type, err);
        if (!r)
            r = each_of_type(reg, collection, type, each, arg, err);
    }
    vb_strv_free(names);
    return r;
}

int vb_store_list(vb_registry *reg, int64_t **ids, char ***names, char ***roots, size_t *count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int64_t *numbers = NULL;
    size_t n = 0, cap = 0;
    int r = vb_sql(reg->db, &s, err, "SELECT id, name, root FROM store ORDER BY id", VB_NO_ARGS);

    *names = vb_alloc(sizeof **names);
    *roots = vb_alloc(sizeof **roots);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        *VB_PUSH(numbers, n, cap) = vb_col_int(s, 0);
        vb_strv_add(names, vb_col_text(s, 1));
        vb_strv_add(roots, vb_col_text(s, 2));
        r = 0;
    }
    *ids = numbers;
    *count = n;
    return r;
}
