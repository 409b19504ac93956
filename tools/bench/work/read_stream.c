/* read_stream.c - datasets by the hundred thousand, each handed over as it is found. */
#include "registry/base/text.h"
#include "tools/bench/work/bench.h"

static int count_one(void *arg, const vb_dataset *d, vb_error *err)
{
    ++*(int64_t *)arg;
    return 0;
}

/* All refs of a type of one run. */
int read_stream(bench *b)
{
    const vb_dataset_type *type;
    const vb_collection *run;
    int64_t n = 0;
    double begun = world_seconds();
    int r = vb_dataset_type_find(b->reg, "raw", &type, b->err);

    if (!r)
        r = vb_collection_find(b->reg, "Cam/raw/all", &run, b->err);
    if (!r)
        r = vb_dataset_each(b->reg, run, type, count_one, &n, b->err);
    if (!r)
        bench_tell("stream", world_seconds() - begun, n);
    return r;
}

struct watched {
    int64_t n;
    long kb; /* the most that was seen */
};

static int watch_one(void *arg, const vb_dataset *d, vb_error *err)
{
    enum { NOW_AND_THEN = 1 << 15 };
    struct watched *w = arg;
    long kb = ++w->n % NOW_AND_THEN ? 0 : bench_anonymous_kb();

    w->kb = kb > w->kb ? kb : w->kb;
    return 0;
}

/* All datasets of all runs, and how much memory that takes beyond what one look-up does. */
int read_stream_all(bench *b)
{
    char *names[] = {(char *)(uintptr_t) "u/prod", NULL};
    vb_auto_search search = {0};
    struct watched w = {.kb = bench_anonymous_kb()};
    long before = w.kb;
    double begun = world_seconds();
    int r = vb_search_resolve(b->reg, names, &search, b->err);

    for (size_t i = 0; !r && i < search.count; i++)
        r = vb_dataset_each(b->reg, search.items[i], NULL, watch_one, &w, b->err);
    if (r < 0)
        return r;
    bench_tell("stream_all", world_seconds() - begun, w.n);
    bench_tell("stream_memory", (double)(w.kb - before), w.n);
    return 0;
}
