#include "registry/gen3/copy_internal.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"

#include <string.h>

int vb_gen3_copy_collection(vb_gen3_copying *c, const vb_gen3_collection *theirs, int64_t *id, vb_error *err)
{
    int64_t *known = &c->collection_ids[theirs - c->g->collections];
    const vb_collection *ours;
    int r;

    if (!*known) {
        r = vb_collection_register(c->reg, theirs->name, theirs->type, theirs->doc, &ours, err);
        if (r < 0)
            return vb_error_context(err, "%s", c->g->source->name);
        *known = ours->id;
        c->counts->collections++;
        r = vb_gen3_copy_run_detail(c, theirs, ours->id, err);
        if (r < 0)
            return r;
    }
    *id = *known;
    return 0;
}

/* A chain of ours takes their children, unless one that it has would be lost. */
static int copy_chain(vb_gen3_copying *c, const vb_gen3_collection *chain, vb_error *err)
{
    const vb_collection *ours;
    char **children = NULL, **there = NULL;
    int r = vb_collection_find(c->reg, chain->name, &ours, err);

    for (size_t i = 0; i < chain->nchildren; i++)
        vb_strv_add(&children, vb_gen3_collection_by_id(c->g, chain->children[i])->name);
    if (!children)
        children = vb_alloc(sizeof *children);
    if (!r)
        r = vb_collection_children(c->reg, ours, &there, err);
    for (char **name = there; !r && *name; name++)
        if (!vb_strv_has(children, *name)) {
            r = vb_fail(err, -EEXIST, "chain '%s' is there already, with the child '%s', which it has not in %s",
                        chain->name, *name, c->g->config->root);
            vb_hint(err, "nothing is taken out of a chain by an import; redefine it first: vbutler collection-chain");
        }
    if (!r)
        r = vb_collection_set_children(c->reg, ours, children, err);
    vb_strv_free(children);
    vb_strv_free(there);
    return r;
}

int vb_gen3_copy_collections(vb_gen3_copying *c, vb_error *err)
{
    int64_t id;
    int r = 0;

    for (size_t i = 0; !r && i < c->g->ncollections; i++)
        if (c->g->collections[i].wanted)
            r = vb_gen3_copy_collection(c, &c->g->collections[i], &id, err);
    for (size_t i = 0; !r && i < c->g->ncollections; i++)
        if (c->g->collections[i].wanted && c->g->collections[i].type == VB_CHAINED)
            r = copy_chain(c, &c->g->collections[i], err);
    return r;
}
