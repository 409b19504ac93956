/* export_plan.c - what is to be exported.
 *
 * Datasets are selected first; the collections follow from what was asked for and from the datasets' runs, and the
 * dimension records from the datasets' data IDs (record_choice.h). */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/exporting.h"
#include "registry/record_choice.h"
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

    if (x->whole)
        return 0;
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
    if (!r && !x->whole)
        r = vb_db_run(x->reg->db,
                      "INSERT OR IGNORE INTO temp.exported_collection SELECT DISTINCT run_id FROM temp.selected s"
                      " CROSS JOIN dataset d ON d.id = s.dataset_id",
                      x->err);
    return r;
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

int vb_export_plan(vb_exporting *x)
{
    int r = select_datasets(x);

    if (!r)
        r = choose_collections(x);
    if (!r && x->options->target)
        r = vb_export_skip_datasets(x);
    if (!r)
        r = x->all ? vb_choose_all_records(x->reg, x->err) : vb_choose_records(x->reg, x->err);
    for (int i = 0; !r && x->options->target && i < vb_universe_count(x->reg->universe); i++)
        if (has_rows(vb_universe_at(x->reg->universe, i)))
            r = vb_export_skip_records(x, vb_universe_at(x->reg->universe, i));
    if (!r && x->options->target)
        r = vb_export_skip_chains(x);
    if (!r && x->options->target)
        r = vb_export_count_left(x);
    return r;
}
