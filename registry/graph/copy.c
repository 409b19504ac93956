/* copy.c - what a graph takes over from the registry: rows keep their ids, so that what refers to them is copied as it
 * is. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/graph/build.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <string.h>

/* ---- definitions ------------------------------------------------------------------------------------------ */

/* The groups of the registry, under their numbers, so that member_N means the same in both. */
static int copy_groups(struct build *b)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(b->db, &s, b->err, "SELECT id, dimensions FROM src.dataid_group ORDER BY id", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, b->err)) > 0) {
        char **names = vb_split(vb_col_text(s, 1), ',', NULL);
        int64_t wanted = vb_col_int(s, 0), id = 0;
        const vb_group *group;

        r = vb_universe_conform_names(vb_registry_universe(b->graph), names, &group, b->err);
        if (!r)
            r = vb_schema_group_numbered(b->db, group, wanted, &id, b->err);
        vb_strv_free(names);
    }
    return r;
}

/* A collection and all that its chains lead to. */
static int copy_collection(struct build *b, const char *name)
{
    static const char below[] = "WITH RECURSIVE below(id) AS (SELECT id FROM src.collection WHERE name = ?1"
                                " UNION SELECT child_id FROM below JOIN src.collection_chain ON parent_id = below.id)";
    vb_autofree char *collections =
        vb_format("%s INSERT OR IGNORE INTO collection SELECT * FROM src.collection WHERE id IN"
                  " (SELECT id FROM below)",
                  below);
    vb_autofree char *chains =
        vb_format("%s INSERT OR IGNORE INTO collection_chain SELECT * FROM src.collection_chain WHERE"
                  " parent_id IN (SELECT id FROM below)",
                  below);
    vb_autofree char *summaries =
        vb_format("%s INSERT OR IGNORE INTO collection_summary SELECT * FROM src.collection_summary"
                  " WHERE collection_id IN (SELECT id FROM below)",
                  below);
    int r = vb_sql_exec(b->db, b->err, collections, VB_ARGS(name));

    if (!r)
        r = vb_sql_exec(b->db, b->err, chains, VB_ARGS(name));
    if (!r)
        r = vb_sql_exec(b->db, b->err, summaries, VB_ARGS(name));
    return r;
}

/* The run and the chain of the outputs, as they will be when execution has started. */
static int define_outputs(struct build *b)
{
    const vb_collection *run, *chain;
    int r = vb_collection_register(b->graph, b->spec->run, VB_RUN, NULL, &run, b->err);

    if (r < 0)
        return r;
    b->run_id = run->id;
    if (!b->spec->chain)
        return 0;
    r = vb_collection_register(b->graph, b->spec->chain, VB_CHAINED, NULL, &chain, b->err);
    for (char **child = b->spec->chain_children; !r && child && *child; child++)
        r = copy_collection(b, *child);
    return r < 0 ? r : vb_collection_set_children(b->graph, chain, b->spec->chain_children, b->err);
}

int vb_build_copy_definitions(struct build *b)
{
    /* Ids of what the graph adds must lie above those of the registry. */
    static const char tables[] = "INSERT INTO store SELECT * FROM src.store;"
                                 "INSERT INTO dataset_type SELECT * FROM src.dataset_type;"
                                 "INSERT INTO instrument_rules SELECT * FROM src.instrument_rules;"
                                 "DELETE FROM sqlite_sequence;"
                                 "INSERT INTO sqlite_sequence SELECT name, seq FROM src.sqlite_sequence WHERE name IN"
                                 " ('dataset', 'dataset_type', 'collection');"
                                 "INSERT INTO sqlite_sequence SELECT 'dataset', 0 WHERE NOT EXISTS"
                                 " (SELECT 1 FROM sqlite_sequence WHERE name = 'dataset');";
    int r = copy_groups(b);

    if (!r)
        r = vb_db_run(b->db, tables, b->err);
    for (char **name = b->spec->inputs; !r && name && *name; name++)
        r = copy_collection(b, *name);
    for (size_t i = 0; !r && i < b->inputs.count; i++)
        r = copy_collection(b, b->inputs.items[i]->name);
    for (size_t i = 0; !r && i < b->skip.count; i++)
        r = copy_collection(b, b->skip.items[i]->name);
    return r < 0 ? r : define_outputs(b);
}

/* ---- datasets that exist ---------------------------------------------------------------------------------- */

/* Copies those of temp.wanted, with their locations and their places in the collections that were searched. */
static int copy_wanted(struct build *b)
{
    static const char rows[] =
        "INSERT INTO dataset SELECT d.* FROM temp.wanted w CROSS JOIN src.dataset d ON d.id = w.dataset_id;"
        "INSERT INTO location SELECT l.* FROM temp.wanted w CROSS JOIN src.location l ON l.dataset_id = w.dataset_id;";
    static const char associations[] =
        "INSERT INTO association SELECT a.* FROM temp.wanted w CROSS JOIN src.association a"
        " ON a.dataset_id = w.dataset_id WHERE a.collection_id IN (SELECT id FROM collection);";
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    bool has_calibs = b->src->version >= 2; /* a registry that was only opened to read may be older */
    int r = vb_db_run(b->db, rows, b->err);

    if (!r && has_calibs)
        r = vb_db_run(b->db, associations, b->err);
    if (!r)
        r = vb_sql(b->db, &s, b->err, "SELECT id FROM src.dataid_group", VB_NO_ARGS);
    while (!r && (r = vb_stmt_step(s, b->err)) > 0) {
        vb_auto_buf sql = {0};

        vb_buf_printf(&sql,
                      "INSERT INTO member_%" PRId64 " SELECT m.* FROM src.member_%" PRId64
                      " m WHERE m.dataset_id IN (SELECT dataset_id FROM temp.wanted)"
                      " AND m.type_id IN (SELECT DISTINCT type_id FROM dataset)"
                      " AND m.collection_id IN (SELECT id FROM collection)",
                      vb_col_int(s, 0), vb_col_int(s, 0));
        if (has_calibs)
            vb_buf_printf(&sql,
                          ";INSERT INTO calib_%" PRId64 " SELECT c.* FROM src.calib_%" PRId64
                          " c WHERE c.dataset_id IN (SELECT dataset_id FROM temp.wanted)"
                          " AND c.type_id IN (SELECT DISTINCT type_id FROM dataset)"
                          " AND c.collection_id IN (SELECT id FROM collection WHERE type = 4)",
                          vb_col_int(s, 0), vb_col_int(s, 0));
        r = vb_db_run(b->db, vb_buf_text(&sql), b->err);
    }
    return r;
}

int vb_build_copy_inputs(struct build *b)
{
    static const char wanted[] = "CREATE TEMP TABLE wanted (dataset_id INTEGER PRIMARY KEY);"
                                 "INSERT OR IGNORE INTO temp.wanted SELECT DISTINCT dataset_id FROM quantum_input"
                                 " WHERE dataset_id NOT IN (SELECT id FROM dataset);";
    int r = vb_db_run(b->db, wanted, b->err);

    for (size_t i = 0; !r && i < b->ntypes; i++)
        if (b->types[i].init) { /* init-outputs that the run has already */
            vb_auto_buf sql = {0};

            vb_buf_printf(&sql,
                          "INSERT OR IGNORE INTO temp.wanted SELECT dataset_id FROM temp.d_%zu WHERE dataset_id NOT IN"
                          " (SELECT id FROM dataset)",
                          i);
            r = vb_db_run(b->db, vb_buf_text(&sql), b->err);
        }
    return r < 0 ? r : copy_wanted(b);
}

/* ---- dimension records ------------------------------------------------------------------------------------ */

static void names_of(const struct build *b, vb_dimset dims, vb_buf *out)
{
    const char *between = "";

    VB_EACH_DIMENSION(i, dims) {
        vb_buf_puts(out, between);
        vb_sql_name(out, vb_universe_at(vb_registry_universe(b->graph), i)->name);
        between = ", ";
    }
}

/* Copies the records of an element whose data IDs stand in some table of the graph. */
static int copy_from(struct build *b, const vb_element *e, const char *table)
{
    vb_auto_buf sql = {0}, names = {0}, element = {0};

    names_of(b, e->required, &names);
    vb_schema_table(&element, e);
    vb_buf_printf(&sql, "INSERT OR IGNORE INTO %s SELECT * FROM src.%s WHERE (%s) IN (SELECT DISTINCT %s FROM %s)",
                  element.data, element.data, names.data, names.data, table);
    return vb_db_run(b->db, vb_buf_text(&sql), b->err);
}

/* From temp.common, from the member tables, and from the records that are there: a visit's leads to its filter's. */
static int copy_element(struct build *b, const vb_element *e)
{
    const vb_universe *u = vb_registry_universe(b->graph);
    int r = 0;

    if (vb_dimset_within(e->required, b->columns))
        r = copy_from(b, e, "temp.common");
    for (size_t i = 0; !r && i < b->ntypes; i++) {
        vb_autofree char *table = vb_format("member_%" PRId64, b->types[i].type->group_id);

        if (b->types[i].prerequisite && vb_dimset_within(e->required, b->types[i].type->group->required))
            r = copy_from(b, e, table);
    }
    for (int i = vb_universe_count(u) - 1; !r && i > e->index; i--) {
        const vb_element *from = vb_universe_at(u, i);
        vb_auto_buf table = {0};

        if (from->is_skypix || !from->has_table ||
            !vb_dimset_within(e->required, vb_dimset_union(from->required, from->implied)))
            continue;
        vb_schema_table(&table, from);
        r = copy_from(b, e, vb_buf_text(&table));
    }
    return r;
}

int vb_build_copy_records(struct build *b)
{
    const vb_universe *u = vb_registry_universe(b->graph);
    int r = 0;

    /* From the last element of the universe to the first: what an element depends on comes before it there. */
    for (int i = vb_universe_count(u) - 1; !r && i >= 0; i--) {
        const vb_element *e = vb_universe_at(u, i);

        if (!e->is_skypix && e->has_table)
            r = copy_element(b, e);
    }
    return r;
}
