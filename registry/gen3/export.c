#include "registry/gen3/export.h"

#include "registry/base/mem.h"
#include "registry/component.h"
#include "registry/gen3/export_internal.h"
#include "registry/gen3/tables.h"
#include "registry/internal.h"
#include "registry/record_choice.h"
#include "registry/selection.h"

#include <inttypes.h>
#include <string.h>

static const char datastore_name[] = "FileDatastore@<butlerRoot>", records_table[] = "file_datastore_records";

/* ---- what ----------------------------------------------------------------------------------------------------- */

static int choose_one(void *arg, const vb_dataset *d, vb_error *err)
{
    vb_gen3_export *x = arg;

    return vb_sql_exec(x->db, err, "INSERT OR IGNORE INTO temp.chosen VALUES (?)", VB_ARGS(d->id));
}

static int choose_datasets(vb_gen3_export *x, const vb_gen3_export_what *what, vb_error *err)
{
    static char glob[] = "*", *every[] = {glob, NULL};
    vb_selecting selecting = {.collections = what->collections ? what->collections : every, .where = what->where};
    int64_t count;
    int r;

    if (x->all)
        return vb_sql_exec(x->db, err,
                           "INSERT INTO temp.chosen SELECT id FROM ours.dataset WHERE state = 0 AND run_id > 0",
                           VB_NO_ARGS);
    r = vb_select(x->reg, &selecting, &count, err);
    return r < 0 ? r : vb_selected_each(x->reg, choose_one, x, err);
}

/* The named ones, what their chains lead to, and the runs of the datasets. */
static int choose_collections(vb_gen3_export *x, const vb_gen3_export_what *what, vb_error *err)
{
    int r = 0;

    if (!what->collections)
        return vb_sql_exec(x->db, err, "INSERT INTO temp.wanted SELECT id FROM ours.collection", VB_NO_ARGS);
    for (char *const *name = what->collections; !r && *name; name++)
        r = vb_sql_exec(x->db, err,
                        "WITH RECURSIVE below(id) AS (SELECT id FROM ours.collection WHERE name GLOB ?"
                        " UNION SELECT child_id FROM below JOIN ours.collection_chain ON parent_id = below.id)"
                        " INSERT OR IGNORE INTO temp.wanted SELECT id FROM below",
                        VB_ARGS(*name));
    return r < 0 ? r
                 : vb_sql_exec(x->db, err,
                               "INSERT OR IGNORE INTO temp.wanted SELECT DISTINCT run_id FROM temp.chosen"
                               " JOIN ours.dataset USING (id)",
                               VB_NO_ARGS);
}

static int take_record(vb_gen3_export *x, vb_stmt *s, vb_error *err)
{
    return vb_sql_exec(x->db, err, "INSERT INTO temp.records VALUES (?, ?)",
                       VB_ARGS(vb_col_int(s, 0), vb_col_int(s, 1)));
}

/* All, or those that go with the datasets. */
static int choose_records(vb_gen3_export *x, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = x->all ? vb_choose_all_records(x->reg, err) : vb_choose_records(x->reg, err);

    if (!r)
        r = vb_sql(x->reg->db, &s, err, "SELECT element, id FROM temp.chosen_record", VB_NO_ARGS);
    while (!r && (r = vb_stmt_step(s, err)) > 0)
        r = take_record(x, s, err);
    return r;
}

/* Their numbers begin at 1, in our order; a key of dimensions has its number from the first type that has it. */
static const char numbers[] =
    "INSERT INTO temp.cols SELECT id, row_number() OVER (ORDER BY id) FROM temp.wanted;"
    "INSERT INTO temp.groups SELECT group_id, row_number() OVER (ORDER BY first) FROM (SELECT group_id, min(t.id) AS first"
    " FROM ours.dataset_type t JOIN temp.usedtypes u ON u.id = t.id JOIN ours.dataid_group g ON g.id = group_id"
    " WHERE g.dimensions != '' GROUP BY group_id);"
    "INSERT INTO temp.groups SELECT id, 0 FROM ours.dataid_group WHERE dimensions = '';"
    "INSERT INTO temp.types SELECT id, row_number() OVER (ORDER BY id) FROM temp.usedtypes;";

int vb_gen3_export_choose(vb_gen3_export *x, const vb_gen3_export_what *what, vb_error *err)
{
    int r =
        vb_db_run(x->db,
                  "CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY);"
                  "CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY);"
                  "CREATE TEMP TABLE usedtypes (id INTEGER PRIMARY KEY);"
                  "CREATE TEMP TABLE cols (id INTEGER PRIMARY KEY, number INTEGER);"
                  "CREATE TEMP TABLE groups (id INTEGER PRIMARY KEY, number INTEGER);"
                  "CREATE TEMP TABLE types (id INTEGER PRIMARY KEY, number INTEGER);"
                  "CREATE TEMP TABLE records (element INTEGER, id INTEGER, PRIMARY KEY (element, id)) WITHOUT ROWID;",
                  err);

    x->all = !what->collections && (!what->where || !*what->where);
    if (!r)
        r = choose_datasets(x, what, err);
    if (!r)
        r = choose_collections(x, what, err);
    if (!r)
        r = choose_records(x, err);
    if (!r)
        r = vb_db_run(x->db,
                      x->all ? "INSERT INTO temp.usedtypes SELECT id FROM ours.dataset_type"
                             : "INSERT INTO temp.usedtypes SELECT DISTINCT type_id FROM temp.chosen JOIN ours.dataset "
                               "USING (id)",
                      err);
    return r < 0 ? r : vb_db_run(x->db, numbers, err);
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static int make_tables(vb_gen3_export *x, vb_error *err)
{
    vb_gen3_sql sql = {0};
    int r;

    vb_gen3_tables(vb_registry_universe(x->reg), &sql);
    r = vb_db_run(x->db, vb_buf_text(&sql.tables), err);
    x->indexes = sql.indexes;
    vb_buf_free(&sql.tables);
    return r;
}

static int count(vb_gen3_export *x, vb_error *err)
{
    int r = vb_sql_int(x->db, &x->counts.datasets, err, "SELECT count(*) FROM dataset", VB_NO_ARGS);

    if (r >= 0)
        r = vb_sql_int(x->db, &x->counts.collections, err, "SELECT count(*) FROM collection", VB_NO_ARGS);
    if (r >= 0)
        r = vb_sql_int(x->db, &x->counts.types, err, "SELECT count(*) FROM dataset_type", VB_NO_ARGS);
    return r < 0 ? r : 0;
}

static int fill(vb_gen3_export *x, const vb_gen3_export_what *what, vb_error *err)
{
    int r = make_tables(x, err);

    if (!r)
        r = vb_gen3_export_choose(x, what, err);
    if (!r)
        r = vb_gen3_export_attributes(x, err);
    if (!r)
        r = vb_gen3_export_records(x, err);
    if (!r)
        r = vb_gen3_export_collections(x, err);
    if (!r)
        r = vb_gen3_export_datasets(x, err);
    if (!r)
        r = vb_sql_exec(x->db, err, "INSERT INTO opaque_meta VALUES (?)", VB_ARGS(records_table));
    return r < 0 ? r : count(x, err);
}

int vb_gen3_export_begin(vb_registry *reg, const char *path, const vb_gen3_export_what *what, vb_gen3_export **out,
                         vb_error *err)
{
    vb_auto(vb_gen3_export_free) vb_gen3_export *x = VB_NEW(vb_gen3_export);
    int r = vb_db_open(path, VB_DB_CREATE, &x->db, err);

    x->reg = reg;
    if (!r)
        r = vb_db_run(x->db,
                      "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                      "PRAGMA foreign_keys = OFF", /* checked at the end, all at once */
                      err);
    if (!r)
        r = vb_db_attach(x->db, vb_registry_path(reg), "ours", err);
    if (!r)
        r = vb_db_run(x->db, "BEGIN", err);
    if (!r)
        r = fill(x, what, err);
    if (!r)
        *out = VB_STEAL(x);
    return r;
}

void vb_gen3_export_free(vb_gen3_export *x)
{
    if (x->db)
        vb_db_close(x->db);
    vb_buf_free(&x->indexes);
    free(x);
}

vb_gen3_export_counts vb_gen3_export_count(const vb_gen3_export *x)
{
    return x->counts;
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static void extra_clear(vb_gen3_export_extra *e)
{
    free(e->checksum);
    free(e->storage_class);
}

/* What only the Gen3 registry has said of a file, if it came from one. */
static int find_extra(vb_gen3_export *x, const vb_dataset *d, const vb_file *f, vb_gen3_export_extra *out,
                      vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    const char *component = f->component ? f->component : "";
    int r = vb_sql(x->db, &s, err,
                   "SELECT checksum, storage_class FROM ours.datastore_record WHERE dataset_id = ? AND component = ?",
                   VB_ARGS(d->id, component));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r < 0)
        return r;
    if (r && !vb_col_null(s, 0))
        out->checksum = vb_strdup(vb_col_text(s, 0));
    if (f->component)
        out->storage_class = vb_strdup(f->storage_class);
    else if (r && !vb_col_null(s, 1))
        out->storage_class = vb_strdup(vb_col_text(s, 1));
    out->component = f->component;
    return 0;
}

/* The whole file, if there is one, and the components. */
static int each_file(vb_gen3_export *x, const vb_dataset *d, vb_gen3_export_fn *each, void *arg, vb_error *err)
{
    vb_auto_files files = {0};
    int r = vb_files_get(x->reg, d->id, &files, err);

    for (size_t i = 0; !r && i < files.count; i++) {
        __attribute__((cleanup(extra_clear))) vb_gen3_export_extra extra = {0};

        r = find_extra(x, d, &files.items[i], &extra, err);
        if (!r)
            r = each(arg, d, &files.items[i].location, &extra, err);
    }
    return r;
}

int vb_gen3_export_each(vb_gen3_export *x, vb_gen3_export_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(x->db, &s, err, "SELECT id FROM temp.chosen ORDER BY id", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_auto_dataset d = {0};

        r = vb_dataset_by_id(x->reg, vb_col_int(s, 0), &d, err);
        if (r > 0)
            r = each_file(x, &d, each, arg, err);
    }
    return r;
}

int vb_gen3_export_file(vb_gen3_export *x, const vb_gen3_export_row *row, vb_error *err)
{
    vb_auto_buf id = {0};
    int r;

    vb_buf_hex(&id, row->dataset->uuid.bytes, sizeof row->dataset->uuid.bytes);
    r = vb_sql_exec(x->db, err, "INSERT OR IGNORE INTO dataset_location VALUES (?, ?)",
                    VB_ARGS(datastore_name, vb_buf_text(&id)));
    return r < 0 ? r
                 : vb_sql_exec(x->db, err, "INSERT INTO file_datastore_records VALUES (?, ?, ?, ?, ?, ?, ?)",
                               VB_ARGS(vb_buf_text(&id), row->path, row->formatter, row->storage_class,
                                       row->component ? row->component : "__NULL_STRING__", row->checksum, row->size));
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

static int check_foreign_keys(vb_gen3_export *x, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(x->db, &s, err, "PRAGMA main.foreign_key_check", VB_NO_ARGS);

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    vb_fail(err, -EINVAL, "%s: table %s refers to a row of %s that is not there", vb_registry_path(x->reg),
            vb_col_text(s, 0), vb_col_text(s, 2));
    vb_hint(err, "Gen3 wants a dimension record for each value of a data ID");
    return -EINVAL;
}

int vb_gen3_export_end(vb_gen3_export *x, vb_error *err)
{
    int r = vb_db_run(x->db, vb_buf_text(&x->indexes), err);

    if (!r)
        r = check_foreign_keys(x, err);
    if (!r)
        r = vb_db_run(x->db, "COMMIT; DETACH ours; PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE", err);
    return r;
}
