/* read_stream.c - datasets by the hundred thousand, each handed over as it is found. */
#include "registry/base/text.h"
#include "registry/expand.h"
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

struct expanded {
    vb_expander *expander;
    const vb_element *finest; /* of which each has a record */
    int64_t n, records;
};

static int expand_one(void *arg, const vb_dataset *d, vb_error *err)
{
    struct expanded *e = arg;
    const vb_record *const *records;
    int r = vb_expand(e->expander, &d->dataid, &records, err);

    if (r < 0)
        return r;
    e->n++;
    e->records += records[e->finest->index] != NULL;
    return 0;
}

/* All of a type along a chain, each with the records of all that its data ID tells. */
static int expand_some(bench *b, const char *name, const char *type_name, const char *collection, const char *finest)
{
    char *names[] = {(char *)(uintptr_t)collection, NULL};
    struct expanded e = {.finest = vb_universe_find(vb_registry_universe(b->reg), finest)};
    vb_auto_search search = {0};
    const vb_dataset_type *type;
    double begun = world_seconds();
    int r = vb_dataset_type_find(b->reg, type_name, &type, b->err);

    if (!r)
        r = vb_search_resolve(b->reg, names, &search, b->err);
    if (r < 0)
        return r;
    e.expander = vb_expander_new(b->reg, type->group);
    for (size_t i = 0; !r && i < search.count; i++)
        r = vb_dataset_each(b->reg, search.items[i], type, expand_one, &e, b->err);
    vb_expander_free(e.expander);
    if (!r && e.records != e.n)
        return vb_fail(b->err, -EIO, "%s: %ld of %ld have a record", name, (long)e.records, (long)e.n);
    if (!r)
        bench_tell(name, world_seconds() - begun, e.n);
    return r;
}

int read_stream_records(bench *b)
{
    return expand_some(b, "stream_records", "raw", "Cam/raw/all", "exposure");
}

int read_stream_regions(bench *b)
{
    return expand_some(b, "stream_regions", "calexp", "u/prod", "visit_detector_region");
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
