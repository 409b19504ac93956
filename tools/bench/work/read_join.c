/* read_join.c - what the sky relates: the visits and detectors whose regions overlap one patch. */
#include "registry/query/query.h"
#include "tools/bench/work/bench.h"

static int run_patch(bench *b, const vb_group *group, int64_t *rows)
{
    vb_query q = {.where = "instrument='Cam' AND skymap='map' AND tract=11 AND patch=9", .limit = -1};
    vb_auto(vb_result_close) vb_result *result = NULL;
    int r = vb_query_data_ids(b->reg, &q, group, &result, b->err);

    for (*rows = 0; !r && (r = vb_result_step(result, b->err)) > 0; r = 0)
        ++*rows;
    return r;
}

int read_patch(bench *b)
{
    enum { ROUNDS = 20 };
    char *names[] = {(char *)(uintptr_t) "visit", (char *)(uintptr_t) "detector", (char *)(uintptr_t) "patch", NULL};
    const vb_group *group;
    int64_t rows = 0;
    int r = vb_universe_conform_names(vb_registry_universe(b->reg), names, &group, b->err);
    double begun = world_seconds();

    for (int i = 0; !r && i < ROUNDS; i++)
        r = run_patch(b, group, &rows);
    if (!r)
        bench_tell("patch", (world_seconds() - begun) / ROUNDS * 1e3, rows);
    return r;
}
