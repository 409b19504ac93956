/* export_target.c - an export for a Gen3 repository: what that has is left out, and what would clash is refused.
 *
 * Rubin's import is not to be done twice (it undoes the first when the second fails, and replaces the children of
 * chains), so nothing that is there may be in the file.  The target is an SQLite registry, attached as "target"; of its
 * schema this uses dataset, dataset_type, the tables that these name, collection, and a table a dimension element. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/exporting.h"
#include "registry/gen3/mirror.h"
#include "registry/gen3/private.h"
#include "registry/gen3/wal.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* ---- attaching -------------------------------------------------------------------------------------------------- */

/* What a registry in PostgreSQL has, in a private file. */
static int mirror(const char *target, char **file, vb_error *err)
{
    vb_auto(vb_gen3_close) vb_gen3 *g = NULL;
    int r = vb_gen3_open(target, &g, err);

    if (!r)
        r = vb_gen3_private_file(file, err);
    return r < 0 ? r : vb_gen3_mirror(g, *file, err);
}

/* The SQLite file of a target; what is in WAL mode is copied, since nothing may be written beside it. */
static int copy_file(const char *path, char **file, vb_error *err)
{
    int r = vb_gen3_private_file(file, err);

    return r < 0 ? r : vb_gen3_wal_copy(path, *file, err);
}

static int attach(vb_exporting *x, const char *path, bool is_repository)
{
    vb_auto(vb_gen3_config_free) vb_gen3_config *config = NULL;
    vb_autofree char *copy = NULL;
    int r = is_repository ? vb_gen3_config_read(path, &config, x->err) : 0;

    if (r < 0)
        return r;
    path = config ? config->db : path;
    if (config && config->is_postgres)
        r = mirror(x->options->target, &copy, x->err);
    else if (vb_gen3_wal_mode(path))
        r = copy_file(path, &copy, x->err);
    if (!r)
        r = vb_db_attach(x->reg->db, copy ? copy : path, "target", x->err);
    /* It is read before it loses its name: attaching opens nothing yet. */
    if (!r)
        r = vb_db_run(x->reg->db, "SELECT count(*) FROM target.sqlite_schema", x->err);
    if (copy)
        vb_gen3_private_unlink(copy);
    return r;
}

static int check_universe(vb_exporting *x)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto(vb_universe_free) vb_universe *theirs = NULL;
    int ours = vb_universe_version(x->reg->universe);
    int r = vb_sql(x->reg->db, &s, x->err,
                   "SELECT value FROM target.butler_attributes WHERE name = 'config:dimensions.json'", VB_NO_ARGS);

    if (!r)
        r = vb_stmt_step(s, x->err);
    if (r <= 0)
        return r < 0 ? r : vb_fail(x->err, -EINVAL, "%s: is no Gen3 registry", x->options->target);
    r = vb_universe_load_text(x->options->target, vb_col_text(s, 0), strlen(vb_col_text(s, 0)), &theirs, x->err);
    if (!r && vb_universe_version(theirs) < ours)
        r = vb_fail(x->err, -EINVAL,
                    "%s: is of dimension universe %d, and the repository of %d: butler reads exports of"
                    " its own universe and older ones",
                    x->options->target, vb_universe_version(theirs), ours);
    return r;
}

int vb_export_attach_target(vb_exporting *x)
{
    const char *target = x->options->target;
    struct stat st;
    int r;

    if (stat(target, &st))
        return vb_fail_errno(x->err, -errno, "opening %s", target);
    r = attach(x, target, S_ISDIR(st.st_mode) || vb_gen3_is_repository(target));
    if (r < 0)
        return vb_error_context(x->err, "%s", target);
    return check_universe(x);
}

/* ---- dataset types ---------------------------------------------------------------------------------------------- */

struct target_type {
    int64_t id;
    char *tags; /* the table of its datasets */
};

/* The names that the target has for a key of dimensions, sorted; ours, too. */
static int dimensions_of(vb_exporting *x, int64_t key, vb_buf *out)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(x->reg->db, &s, x->err,
                   "SELECT dimension_name FROM target.dimension_graph_definition WHERE dimension_graph_id = ?"
                   " ORDER BY dimension_name",
                   VB_ARGS(key));

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        vb_buf_separate(out, ",");
        vb_buf_puts(out, vb_col_text(s, 0));
        r = 0;
    }
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void our_dimensions(const vb_group *group, vb_buf *out)
{
    const char *names[VB_MAX_REQUIRED];

    for (int i = 0; i < group->nrequired; i++)
        names[i] = group->dims[i]->name;
    qsort(names, (size_t)group->nrequired, sizeof *names, by_name);
    for (int i = 0; i < group->nrequired; i++) {
        vb_buf_separate(out, ",");
        vb_buf_puts(out, names[i]);
    }
}

/* 1 and *out where the target has the type; -EEXIST where it is another one. */
static int find_type(vb_exporting *x, const vb_dataset_type *type, struct target_type *out)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf theirs = {0}, ours = {0};
    int r = vb_sql(x->reg->db, &s, x->err,
                   "SELECT id, storage_class, dimensions_key, tag_association_table, calibration_association_table"
                   " FROM target.dataset_type WHERE name = ?",
                   VB_ARGS(type->name));

    if (!r)
        r = vb_stmt_step(s, x->err);
    if (r <= 0)
        return r;
    r = dimensions_of(x, vb_col_int(s, 2), &theirs);
    if (r < 0)
        return r;
    our_dimensions(type->group, &ours);
    if (strcmp(vb_buf_text(&theirs), vb_buf_text(&ours)))
        return vb_fail(x->err, -EEXIST, "dataset type '%s' has dimensions {%s} in %s, not {%s}", type->name,
                       vb_buf_text(&theirs), x->options->target, vb_buf_text(&ours));
    if (strcmp(vb_col_text(s, 1), type->storage_class))
        return vb_fail(x->err, -EEXIST, "dataset type '%s' has storage class %s in %s, not %s", type->name,
                       vb_col_text(s, 1), x->options->target, type->storage_class);
    if (!vb_col_null(s, 4) != type->is_calibration)
        return vb_fail(x->err, -EEXIST, "dataset type '%s' is %sa calibration type in %s", type->name,
                       type->is_calibration ? "not " : "", x->options->target);
    *out = (struct target_type){vb_col_int(s, 0), vb_strdup(vb_col_text(s, 3))};
    return 1;
}

/* ---- datasets --------------------------------------------------------------------------------------------------- */

/* A dataset whose UUID the target knows as something else. */
static int check_uuids(vb_exporting *x, const vb_dataset_type *type)
{
    vb_auto_dataset d = {0};
    vb_auto_buf what = {0};
    char text[VB_UUID_TEXT];
    int64_t id;
    int r = vb_sql_int(x->reg->db, &id, x->err,
                       "SELECT d.id FROM temp.selected w CROSS JOIN dataset d ON d.id = w.dataset_id"
                       " CROSS JOIN target.dataset t ON t.id = lower(hex(d.uuid))"
                       " WHERE w.type_id = ? AND NOT EXISTS (SELECT 1 FROM target.dataset_type k, target.collection r,"
                       " collection c WHERE k.id = t.dataset_type_id AND k.name = ? AND r.collection_id = t.run_id AND"
                       " c.id = d.run_id AND r.name = c.name) LIMIT 1",
                       VB_ARGS(type->id, type->name));

    if (r > 0)
        r = vb_dataset_by_id(x->reg, id, &d, x->err);
    if (r <= 0)
        return r;
    vb_dataset_print(&d, &what);
    return vb_fail(x->err, -EEXIST, "%s is of another type or run in %s, which has its UUID %s", vb_buf_text(&what),
                   x->options->target, vb_uuid_format(d.uuid, text));
}

/* Those are noted: of what collections they are members too cannot be said in the file. */
static int drop_known(vb_exporting *x, const vb_dataset_type *type)
{
    int r = vb_sql_exec(
        x->reg->db, x->err,
        "INSERT OR IGNORE INTO temp.known SELECT w.dataset_id, t.id FROM temp.selected w CROSS JOIN dataset d"
        " ON d.id = w.dataset_id CROSS JOIN target.dataset t ON t.id = lower(hex(d.uuid)) WHERE w.type_id = ?1",
        VB_ARGS(type->id));

    if (!r)
        r = vb_sql_exec(
            x->reg->db, x->err,
            "DELETE FROM temp.selected WHERE type_id = ?1 AND dataset_id IN (SELECT dataset_id FROM temp.known)",
            VB_ARGS(type->id));

    if (!r)
        x->report->there += vb_db_changes(x->reg->db);
    return r;
}

/* A data ID that a run of the target has with another UUID. */
static int check_dataids(vb_exporting *x, const vb_dataset_type *type, const struct target_type *there)
{
    vb_auto_dataset d = {0};
    vb_auto_buf sql = {0}, what = {0};
    const vb_collection *run;
    int64_t id;
    int r;

    vb_buf_printf(&sql,
                  "SELECT m.dataset_id FROM temp.selected w CROSS JOIN dataset d ON d.id = w.dataset_id"
                  " CROSS JOIN member_%" PRId64 " m ON m.type_id = w.type_id AND m.collection_id = d.run_id AND"
                  " m.dataset_id = d.id CROSS JOIN collection c ON c.id = d.run_id"
                  " CROSS JOIN target.collection r ON r.name = c.name CROSS JOIN target.",
                  type->group_id);
    vb_sql_name(&sql, there->tags);
    vb_buf_puts(&sql, " t ON t.dataset_type_id = ?1 AND t.collection_id = r.collection_id");
    for (int i = 0; i < type->group->nrequired; i++) {
        vb_buf_puts(&sql, " AND t.");
        vb_sql_name(&sql, type->group->dims[i]->name);
        vb_buf_puts(&sql, " = m.");
        vb_sql_name(&sql, type->group->dims[i]->name);
    }
    vb_buf_puts(&sql, " WHERE w.type_id = ?2 LIMIT 1");
    r = vb_sql_int(x->reg->db, &id, x->err, vb_buf_text(&sql), VB_ARGS(there->id, type->id));
    if (r > 0)
        r = vb_dataset_by_id(x->reg, id, &d, x->err);
    if (r > 0)
        r = vb_collection_by_id(x->reg, d.run_id, &run, x->err) < 0 ? -ENOENT : 1;
    if (r <= 0)
        return r;
    vb_dataset_print(&d, &what);
    return vb_fail(x->err, -EEXIST, "%s in run '%s' is in %s already, with another UUID", vb_buf_text(&what), run->name,
                   x->options->target);
}

static int skip_of_type(vb_exporting *x, int64_t type_id)
{
    const vb_dataset_type *type;
    struct target_type there = {0};
    int r = vb_dataset_type_by_id(x->reg, type_id, &type, x->err);

    if (!r)
        r = check_uuids(x, type);
    if (!r)
        r = drop_known(x, type);
    if (!r)
        r = find_type(x, type, &there);
    if (r > 0)
        r = check_dataids(x, type, &there);
    free(there.tags);
    return r;
}

int vb_export_skip_datasets(vb_exporting *x)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_autofree int64_t *types = NULL;
    size_t n = 0, cap = 0;
    int r = vb_db_run(x->reg->db,
                      "CREATE TEMP TABLE IF NOT EXISTS known (dataset_id INTEGER PRIMARY KEY, uuid TEXT) STRICT;"
                      "DELETE FROM temp.known",
                      x->err);

    if (!r)
        r = vb_sql(x->reg->db, &s, x->err, "SELECT DISTINCT type_id FROM temp.selected", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        *VB_PUSH(types, n, cap) = vb_col_int(s, 0);
        r = 0;
    }
    for (size_t i = 0; !r && i < n; i++)
        r = skip_of_type(x, types[i]);
    return r;
}

/* ---- records and chains ----------------------------------------------------------------------------------------- */

int vb_export_skip_records(vb_exporting *x, const vb_element *e)
{
    vb_auto_buf sql = {0};
    int64_t one;
    int r = vb_sql_int(x->reg->db, &one, x->err, "SELECT 1 FROM target.sqlite_master WHERE type = 'table' AND name = ?",
                       VB_ARGS(e->name));

    if (r <= 0)
        return r;
    vb_buf_puts(&sql, "DELETE FROM temp.chosen_record WHERE element = ?1 AND id IN (SELECT e._id FROM"
                      " temp.chosen_record x CROSS JOIN ");
    vb_schema_table(&sql, e);
    vb_buf_puts(&sql, " e ON e._id = x.id CROSS JOIN target.");
    vb_sql_name(&sql, e->name);
    vb_buf_puts(&sql, " t WHERE x.element = ?1");
    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *d = vb_universe_at(x->reg->universe, i);

        vb_buf_puts(&sql, " AND t.");
        vb_sql_name(&sql, d == e ? e->keys[0].name : d->name);
        vb_buf_puts(&sql, " = e.");
        vb_sql_name(&sql, d->name);
    }
    vb_buf_puts(&sql, ")");
    return vb_sql_exec(x->reg->db, x->err, vb_buf_text(&sql), VB_ARGS(e->index));
}

/* Chains that the target has keep their children there; a collection of another type is an error. */
int vb_export_skip_chains(vb_exporting *x)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r =
        vb_sql(x->reg->db, &s, x->err,
               "SELECT c.name, c.type, t.type FROM temp.exported_collection x CROSS JOIN collection c ON c.id = x.id"
               " CROSS JOIN target.collection t ON t.name = c.name WHERE t.type != c.type LIMIT 1",
               VB_NO_ARGS);

    if (!r)
        r = vb_stmt_step(s, x->err);
    if (r > 0)
        return vb_fail(x->err, -EEXIST, "collection '%s' is %s in %s, not %s", vb_col_text(s, 0),
                       vb_collection_type_name((vb_collection_type)vb_col_int(s, 2)), x->options->target,
                       vb_collection_type_name((vb_collection_type)vb_col_int(s, 1)));
    return r < 0 ? r
                 : vb_db_run(x->reg->db,
                             "DELETE FROM temp.exported_collection WHERE id IN (SELECT c.id FROM collection c JOIN"
                             " target.collection t ON t.name = c.name WHERE c.type = 3)",
                             x->err);
}

/* ---- members of what is there --------------------------------------------------------------------------------- */

/* The target's table of a type's members or validity ranges; *out is NULL where it has none. */
static int table_of(vb_exporting *x, const char *type, bool calibs, char **out)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r =
        vb_sql(x->reg->db, &s, x->err,
               "SELECT tag_association_table, calibration_association_table FROM target.dataset_type WHERE name = ?",
               VB_ARGS(type));

    *out = NULL;
    if (!r)
        r = vb_stmt_step(s, x->err);
    if (r > 0 && !vb_col_null(s, calibs))
        *out = vb_strdup(vb_col_text(s, calibs));
    return r < 0 ? r : 0;
}

/* Datasets of a type that the collection has, the target has, and the target's collection has not. */
static int count_of_type(vb_exporting *x, const vb_collection *c, const vb_dataset_type *type, int64_t *out)
{
    bool calibs = c->type == VB_CALIBRATION;
    vb_autofree char *theirs = NULL;
    vb_auto_buf sql = {0};
    int64_t n = 0;
    int r = table_of(x, type->name, calibs, &theirs);

    if (r < 0)
        return r;
    vb_buf_printf(
        &sql,
        "SELECT count(DISTINCT m.dataset_id) FROM %s_%" PRId64
        " m CROSS JOIN temp.known k ON k.dataset_id = m.dataset_id WHERE m.collection_id = ?1 AND m.type_id = ?2",
        calibs ? "calib" : "member", type->group_id);
    if (theirs) {
        vb_buf_puts(&sql, " AND NOT EXISTS (SELECT 1 FROM target.collection r CROSS JOIN target.");
        vb_sql_name(&sql, theirs);
        vb_buf_puts(&sql, " t ON t.collection_id = r.collection_id AND t.dataset_id = k.uuid WHERE r.name = ?3)");
    } else {
        vb_buf_puts(&sql, " AND ?3 IS NOT NULL");
    }
    r = vb_sql_int(x->reg->db, &n, x->err, vb_buf_text(&sql), VB_ARGS(c->id, type->id, c->name));
    *out += n;
    return r < 0 ? r : 0;
}

static int count_left(vb_exporting *x, const vb_collection *c)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int64_t n = 0;
    int r = vb_sql(x->reg->db, &s, x->err, "SELECT type_id FROM collection_summary WHERE collection_id = ?",
                   VB_ARGS(c->id));

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        const vb_dataset_type *type;

        r = vb_dataset_type_by_id(x->reg, vb_col_int(s, 0), &type, x->err);
        if (!r)
            r = count_of_type(x, c, type, &n);
    }
    if (!r && n) {
        char members[48];
        vb_autofree char *text = vb_format("%s collection '%s': %s", vb_collection_type_name(c->type), c->name,
                                           vb_plural(members, sizeof members, n, "member"));

        vb_strv_add(&x->report->left_out, text);
    }
    return r;
}

/* Rubin's import associates what its file brings, and fails at anything else: a member whose dataset is there already
 * cannot be said.  Those that the target's collection does not have are counted, a collection a line. */
int vb_export_count_left(vb_exporting *x)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(
        x->reg->db, &s, x->err,
        "SELECT id FROM collection WHERE type IN (2, 4) AND id IN (SELECT id FROM temp.exported_collection) ORDER BY"
        " name",
        VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        const vb_collection *c;

        r = vb_collection_by_id(x->reg, vb_col_int(s, 0), &c, x->err);
        if (!r)
            r = count_left(x, c);
    }
    return r;
}
