/* write_prune.c - datasets go: their rows, their artifacts, or both. */
#include "fs/store/store.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
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

static const struct {
    const char *name;
    writing_fn *act;
    writing_artifacts artifacts;
} lines[] = {
    {"unstore_direct", unstore, WRITING_DIRECT},   {"purge_direct", purge, WRITING_DIRECT},
    {"remove_direct", remove_run, WRITING_DIRECT}, {"unstore_files", unstore, WRITING_FILES},
    {"purge_files", purge, WRITING_FILES},         {"remove_files", remove_run, WRITING_FILES},
};

static char *run_name(size_t line, int round)
{
    return vb_format("bench/%s-%d", lines[line].name, round);
}

/* All files are made before the first is removed: ext4 does not give a number away again for some seconds, and looks
 * through those that were freed. */
static int put_all(bench *b)
{
    double ignored;
    int r = 0;

    for (size_t i = 0; i < VB_COUNT(lines); i++)
        for (int round = 0; !r && round < WRITING_ROUNDS; round++) {
            vb_autofree char *run = run_name(i, round);

            r = writing_put(b, run, lines[i].artifacts, &ignored);
        }
    return r;
}

static int take_away(bench *b, vb_stores *stores, size_t line, int round, double *seconds)
{
    vb_autofree char *name = run_name(line, round);
    const vb_collection *run = NULL;
    vb_run_contents contents;
    double begun;
    int r = vb_collection_find(b->reg, name, &run, b->err);

    if (!r)
        r = vb_run_select(b->reg, run, &contents, b->err);
    if (!r)
        r = writing_time(b, lines[line].act, run, seconds);
    begun = world_seconds();
    if (!r)
        r = vb_stores_empty_trash(stores, b->reg, b->err);
    *seconds += world_seconds() - begun;
    return r;
}

int write_prune(bench *b)
{
    vb_auto(vb_stores_close) vb_stores *stores = NULL;
    int r = vb_stores_open(b->reg, b->repo->root, &stores, b->err);

    if (!r)
        r = put_all(b);
    for (size_t i = 0; !r && i < VB_COUNT(lines); i++) {
        double seconds[WRITING_ROUNDS];

        for (int round = 0; !r && round < WRITING_ROUNDS; round++)
            r = take_away(b, stores, i, round, &seconds[round]);
        if (!r)
            writing_tell(b, lines[i].name, seconds);
    }
    return r;
}
