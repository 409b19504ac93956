/* write_prune.c - datasets go: their rows, their artifacts, or both. */
#include "fs/store/store.h"
#include "registry/base/mem.h"
#include "registry/prune.h"
#include "tools/bench/work/writing.h"

static int unstore(bench *b, const vb_collection *c, int64_t *n)
{
    *n = b->files;
    return vb_prune_selected(b->reg, false, b->err);
}

static int purge(bench *b, const vb_collection *c, int64_t *n)
{
    *n = b->files;
    return vb_prune_selected(b->reg, true, b->err);
}

static int remove_run(bench *b, const vb_collection *run, int64_t *n)
{
    *n = b->files;
    return vb_run_remove(b->reg, run, true, b->err);
}

/* Puts the datasets, and takes them away again; a second time for what `unstore` has left. */
static int prune_once(bench *b, vb_stores *stores, writing_fn *act, writing_artifacts artifacts, double *seconds)
{
    const vb_collection *run = NULL;
    double begun, ignored;
    int r = writing_put(b, "bench/pruned", artifacts, &ignored);

    if (!r)
        r = writing_collection(b, "bench/pruned", VB_RUN, &run);
    if (!r)
        r = writing_time(b, act, run, seconds);
    begun = world_seconds();
    if (!r)
        r = vb_stores_empty_trash(stores, b->reg, b->err);
    *seconds += world_seconds() - begun;
    if (!r && act == unstore)
        r = writing_time(b, purge, run, &ignored);
    return r;
}

int write_prune(bench *b)
{
    static const struct {
        const char *name;
        writing_fn *act;
        writing_artifacts artifacts;
    } lines[] = {
        {"unstore_direct", unstore, WRITING_DIRECT}, {"purge_direct", purge, WRITING_DIRECT},
        {"remove_direct", remove_run, WRITING_DIRECT}, {"unstore_files", unstore, WRITING_FILES},
        {"purge_files", purge, WRITING_FILES},         {"remove_files", remove_run, WRITING_FILES},
    };
    vb_auto(vb_stores_close) vb_stores *stores = NULL;
    int r = vb_stores_open(b->reg, b->repo->root, &stores, b->err);

    for (size_t i = 0; !r && i < VB_COUNT(lines); i++) {
        double seconds[WRITING_ROUNDS];

        for (int round = 0; !r && round < WRITING_ROUNDS; round++)
            r = prune_once(b, stores, lines[i].act, lines[i].artifacts, &seconds[round]);
        if (!r)
            writing_tell(b, lines[i].name, seconds);
    }
    return r;
}
