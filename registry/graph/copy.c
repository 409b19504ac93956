/* copy.c - what a graph takes over from the registry (registry/subset.h). */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/graph/build.h"
#include "registry/subset.h"

#include <inttypes.h>
#include <string.h>

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
        r = vb_subset_collection(b->graph, *child, b->err);
    return r < 0 ? r : vb_collection_set_children(b->graph, chain, b->spec->chain_children, b->err);
}

int vb_build_copy_definitions(struct build *b)
{
    int r = vb_subset_definitions(b->graph, b->err);

    for (char **name = b->spec->inputs; !r && name && *name; name++)
        r = vb_subset_collection(b->graph, *name, b->err);
    for (size_t i = 0; !r && i < b->inputs.count; i++)
        r = vb_subset_collection(b->graph, b->inputs.items[i]->name, b->err);
    for (size_t i = 0; !r && i < b->skip.count; i++)
        r = vb_subset_collection(b->graph, b->skip.items[i]->name, b->err);
    return r < 0 ? r : define_outputs(b);
}

int vb_build_copy_inputs(struct build *b)
{
    int r = vb_subset_begin_wanted(b->graph, b->err);

    if (!r)
        r = vb_db_run(b->db,
                      "INSERT OR IGNORE INTO temp.wanted SELECT DISTINCT dataset_id FROM quantum_input WHERE dataset_id"
                      " NOT IN (SELECT id FROM dataset)",
                      b->err);
    for (size_t i = 0; !r && i < b->ntypes; i++)
        if (b->types[i].init) { /* init-outputs that the run has already */
            vb_auto_buf sql = {0};

            vb_buf_printf(&sql,
                          "INSERT OR IGNORE INTO temp.wanted SELECT dataset_id FROM temp.d_%zu WHERE dataset_id NOT IN"
                          " (SELECT id FROM dataset)",
                          i);
            r = vb_db_run(b->db, vb_buf_text(&sql), b->err);
        }
    return r < 0 ? r : vb_subset_wanted(b->graph, b->err);
}

/* From temp.common, from the member tables, and from the records that are there: a visit's leads to its filter's. */
static int copy_element(struct build *b, const vb_element *e)
{
    int r = 0;

    if (vb_dimset_within(e->required, b->columns))
        r = vb_subset_records(b->graph, e, "temp.common", b->err);
    for (size_t i = 0; !r && i < b->ntypes; i++) {
        vb_autofree char *table = vb_format("member_%" PRId64, b->types[i].type->group_id);

        if (b->types[i].prerequisite && vb_dimset_within(e->required, b->types[i].type->group->required))
            r = vb_subset_records(b->graph, e, table, b->err);
    }
    return r < 0 ? r : vb_subset_implied(b->graph, e, b->err);
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
