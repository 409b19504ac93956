/* export_plan.c - what is to be exported.
 *
 * Datasets are selected first; the collections follow from what was asked for and from the datasets' runs, and the
 * dimension records from the datasets' data IDs: those that they name, those that these require and imply, and those
 * that come with one of them (`populated_by`: a visit's definition, regions and memberships) and what they name. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/exporting.h"
#include "registry/schema.h"
#include "registry/selection.h"

#include <inttypes.h>
#include <string.h>

static bool has_rows(const vb_element *e)
{
    return e->has_table && !e->is_skypix;
}

/* ---- datasets and collections ------------------------------------------------------------------------------- */

static int select_datasets(vb_exporting *x)
{
    static const char *const every[] = {"*", NULL};
    const vb_export_options *o = x->options;
    vb_selecting what = {.types = o->types, .collections = o->collections, .where = o->where};
    int64_t count;

    if (x->all)
        return vb_db_run(x->reg->db,
                         "CREATE TEMP TABLE IF NOT EXISTS selected (type_id INTEGER NOT NULL, dataset_id INTEGER NOT"
                         " NULL, PRIMARY KEY (type_id, dataset_id)) STRICT, WITHOUT ROWID; DELETE FROM temp.selected;"
                         "INSERT INTO temp.selected SELECT type_id, id FROM dataset WHERE state = 0 AND run_id != 0"
                         " ORDER BY type_id, id",
                         x->err);
    if (!what.collections)
        what.collections = (char *const *)every;
    return vb_select(x->reg, &what, &count, x->err);
}

/* Those that were asked for, what their chains lead to, and the runs of the datasets. */
static int choose_collections(vb_exporting *x)
{
    vb_auto_search search = {0};
    char *const *names = x->options->collections;
    int r = vb_db_run(x->reg->db,
                      "CREATE TEMP TABLE IF NOT EXISTS exported_collection (id INTEGER PRIMARY KEY) STRICT;"
                      "DELETE FROM temp.exported_collection",
                      x->err);

    if (!r && !names)
        r = vb_db_run(x->reg->db, "INSERT INTO temp.exported_collection SELECT id FROM collection", x->err);
    if (!r && names)
        r = vb_search_resolve(x->reg, names, &search, x->err); /* refuses names that are not there */
    for (; !r && names && *names; names++)
        r = vb_sql_exec(x->reg->db, x->err,
                        "WITH RECURSIVE below(id) AS (SELECT id FROM collection WHERE name GLOB ? UNION"
                        " SELECT child_id FROM below JOIN collection_chain ON parent_id = below.id)"
                        " INSERT OR IGNORE INTO temp.exported_collection SELECT id FROM below",
                        VB_ARGS(*names));
    if (!r)
        r = vb_db_run(x->reg->db,
                      "INSERT OR IGNORE INTO temp.exported_collection SELECT DISTINCT run_id FROM temp.selected s"
                      " CROSS JOIN dataset d ON d.id = s.dataset_id",
                      x->err);
    return r;
}

/* ---- dimension records -------------------------------------------------------------------------------------- */

static void key_of(const vb_exporting *x, const vb_element *e, const char *table, vb_buf *out)
{
    const char *between = "";

    VB_EACH_DIMENSION(i, e->required) {
        vb_buf_printf(out, "%s%s.", between, table);
        vb_sql_name(out, vb_universe_at(x->reg->universe, i)->name);
        between = ", ";
    }
}

/* Records of `e` whose keys stand in rows of "FROM ...", aliased f. */
static int add_records(vb_exporting *x, const vb_element *e, const char *from)
{
    vb_auto_buf sql = {0}, mine = {0}, theirs = {0}, table = {0};

    key_of(x, e, "e", &mine);
    key_of(x, e, "f", &theirs);
    vb_schema_table(&table, e);
    vb_buf_printf(&sql,
                  "INSERT OR IGNORE INTO temp.exported_record SELECT %d, e._id FROM %s e WHERE (%s) IN"
                  " (SELECT DISTINCT %s FROM %s)",
                  e->index, table.data, mine.data, theirs.data, from);
    return vb_db_run(x->reg->db, sql.data, x->err);
}

/* Records that the data IDs of the selected datasets name. */
static int add_named(vb_exporting *x)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(x->reg->db, &s, x->err, "SELECT DISTINCT type_id FROM temp.selected", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        const vb_dataset_type *type;

        r = vb_dataset_type_by_id(x->reg, vb_col_int(s, 0), &type, x->err);
        for (int i = 0; !r && i < vb_universe_count(x->reg->universe); i++) {
            const vb_element *e = vb_universe_at(x->reg->universe, i);
            vb_autofree char *from = NULL;

            if (!has_rows(e) || !vb_dimset_within(e->required, type->group->required))
                continue;
            from = vb_format("member_%" PRId64 " f WHERE f.type_id = %" PRId64
                             " AND f.dataset_id IN (SELECT dataset_id FROM temp.selected WHERE type_id = %" PRId64 ")",
                             type->group_id, type->id, type->id);
            r = add_records(x, e, from);
        }
    }
    return r;
}

/* From the last element of the universe to the first, what the records name: it comes before them there. */
static int add_dependencies(vb_exporting *x)
{
    const vb_universe *u = x->reg->universe;
    int r = 0;

    for (int i = vb_universe_count(u) - 1; !r && i >= 0; i--) {
        const vb_element *from = vb_universe_at(u, i);
        vb_auto_buf table = {0};
        vb_autofree char *rows = NULL;

        if (!has_rows(from))
            continue;
        vb_schema_table(&table, from);
        rows = vb_format("%s f JOIN temp.exported_record x ON x.element = %d AND x.id = f._id", table.data, i);
        VB_EACH_DIMENSION(k, vb_dimset_union(from->required, from->implied))
            if (!r && k != i && has_rows(vb_universe_at(u, k)))
                r = add_records(x, vb_universe_at(u, k), rows);
    }
    return r;
}

/* What comes with a record: a visit's definition, its regions. */
static int add_populated(vb_exporting *x)
{
    const vb_universe *u = x->reg->universe;
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);
        const vb_element *by = e->populated_by ? vb_universe_find(u, e->populated_by) : NULL;
        vb_auto_buf sql = {0}, table = {0}, source = {0}, mine = {0}, theirs = {0};

        if (!by || !has_rows(e) || !has_rows(by))
            continue;
        vb_schema_table(&table, e);
        vb_schema_table(&source, by);
        key_of(x, by, "e", &mine);
        key_of(x, by, "f", &theirs);
        vb_buf_printf(&sql,
                      "INSERT OR IGNORE INTO temp.exported_record SELECT %d, e._id FROM %s e WHERE (%s) IN (SELECT %s"
                      " FROM %s f JOIN temp.exported_record x ON x.element = %d AND x.id = f._id)",
                      e->index, table.data, mine.data, theirs.data, source.data, by->index);
        r = vb_db_run(x->reg->db, sql.data, x->err);
    }
    return r;
}

static int add_all(vb_exporting *x)
{
    const vb_universe *u = x->reg->universe;
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(u); i++) {
        vb_auto_buf sql = {0};

        if (!has_rows(vb_universe_at(u, i)))
            continue;
        vb_buf_printf(&sql, "INSERT INTO temp.exported_record SELECT %d, _id FROM ", i);
        vb_schema_table(&sql, vb_universe_at(u, i));
        r = vb_db_run(x->reg->db, sql.data, x->err);
    }
    return r;
}

static int choose_records(vb_exporting *x)
{
    int r = vb_db_run(x->reg->db,
                      "CREATE TEMP TABLE IF NOT EXISTS exported_record (element INTEGER NOT NULL, id INTEGER NOT NULL,"
                      " PRIMARY KEY (element, id)) STRICT, WITHOUT ROWID; DELETE FROM temp.exported_record",
                      x->err);

    if (r < 0 || x->all)
        return r < 0 ? r : add_all(x);
    r = add_named(x);
    if (!r)
        r = add_dependencies(x);
    if (!r)
        r = add_populated(x);
    return r < 0 ? r : add_dependencies(x);
}

int vb_export_plan(vb_exporting *x)
{
    int r = select_datasets(x);

    if (!r)
        r = choose_collections(x);
    if (!r && x->options->target)
        r = vb_export_skip_datasets(x);
    if (!r)
        r = choose_records(x);
    for (int i = 0; !r && x->options->target && i < vb_universe_count(x->reg->universe); i++)
        if (has_rows(vb_universe_at(x->reg->universe, i)))
            r = vb_export_skip_records(x, vb_universe_at(x->reg->universe, i));
    if (!r && x->options->target)
        r = vb_export_skip_chains(x);
    return r;
}
