/* write_merge.c - receipts of an execution become rows; then the run goes, with its provenance.
 *
 * Each quantum has read two raws and what the one before it has made, and has made three datasets. */
#include "fs/store/store.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/provenance.h"
#include "registry/prune.h"
#include "tools/bench/work/writing.h"

#include <inttypes.h>

enum { RECEIPTS = 100000, COMMIT = 1000, INPUTS = 5, OUTPUTS = 3, RAWS = 2 };

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const char *const names[OUTPUTS] = {"merged_image", "merged_background", "merged_sources"};

/* What a graph would say of the execution. */
struct execution {
    vb_graph graph;
    vb_task task;
    vb_connection connections[INPUTS - RAWS + 1 + OUTPUTS];
    vb_dataset_type types[OUTPUTS + 1]; /* the last is raw */
    vb_uuid *raws;
    int64_t nraws, stride;
    vb_uuid before[OUTPUTS]; /* made by the quantum before */
};

static int describe(bench *b, struct execution *e)
{
    char *dims[] = {TEXT("detector"), TEXT("visit"), NULL};
    const vb_group *group;
    const vb_dataset_type *raw;
    int r = vb_universe_conform_names(vb_registry_universe(b->reg), dims, &group, b->err);

    if (!r)
        r = vb_dataset_type_find(b->reg, "raw", &raw, b->err);
    if (r < 0)
        return r;
    e->types[OUTPUTS] = *raw;
    e->connections[0] = (vb_connection){.name = TEXT("raw"), .type = &e->types[OUTPUTS], .role = VB_ROLE_INPUT};
    for (int i = 0; i < OUTPUTS; i++) {
        e->types[i] = (vb_dataset_type){.name = TEXT(names[i]), .group = group, .storage_class = TEXT("ExposureF")};
        e->connections[1 + 2 * i] = (vb_connection){.name = TEXT(names[i]),
                                                    .type = &e->types[i],
                                                    .role = VB_ROLE_INPUT};
        e->connections[2 + 2 * i] = (vb_connection){.name = TEXT(names[i]),
                                                    .type = &e->types[i],
                                                    .role = VB_ROLE_OUTPUT};
    }
    e->task = (vb_task){.label = TEXT("process"),
                        .group = group,
                        .connections = e->connections,
                        .count = VB_COUNT(e->connections),
                        .definition = TEXT("{}")};
    e->graph = (vb_graph){.id = TEXT("bench"), .run = TEXT("bench/merged"), .tasks = &e->task, .ntasks = 1};
    return vb_provenance_register_run(b->reg, &e->graph, b->err);
}

/* As many raws as receipts, from all over the registry. */
static int note_raw(void *arg, const vb_dataset *d, vb_error *err)
{
    struct execution *e = arg;

    if (e->nraws++ % e->stride == 0 && e->nraws / e->stride < RECEIPTS)
        e->raws[e->nraws / e->stride] = d->uuid;
    return 0;
}

static int find_raws(bench *b, struct execution *e)
{
    const vb_collection *run;
    const vb_dataset_type *raw;
    int r = vb_collection_find(b->reg, "Cam/raw/all", &run, b->err);

    e->stride = b->datasets / 3 / RECEIPTS + 1;
    if (!r)
        r = vb_dataset_type_find(b->reg, "raw", &raw, b->err);
    if (!r)
        r = vb_dataset_each(b->reg, run, raw, note_raw, e, b->err);
    e->nraws /= e->stride;
    return r;
}

/* ---- a receipt -------------------------------------------------------------------------------------------- */

static void add_input(vb_receipt *r, const char *type, const char *dataid, vb_uuid uuid)
{
    *VB_PUSH(r->inputs, r->ninputs, r->inputs_cap) = (vb_receipt_input){.dataset = uuid,
                                                                        .connection = vb_strdup(type),
                                                                        .type = vb_strdup(type),
                                                                        .dataid = vb_strdup(dataid),
                                                                        .touch = VB_TOUCH_DECLARED | VB_TOUCH_READ};
}

static void add_output(vb_receipt *r, const char *type, vb_uuid uuid, int64_t i)
{
    *VB_PUSH(r->outputs, r->noutputs, r->outputs_cap) = (vb_receipt_output){
        .dataset = uuid,
        .connection = vb_strdup(type),
        .type = vb_strdup(type),
        .dataid = vb_strdup(r->dataid),
        .path = vb_format("%s/%s/Cam/%d/%s_Cam_%d_%" PRId64 ".fits", r->run, type, (int)(i % WORLD_DETECTORS), type,
                          (int)(i % WORLD_DETECTORS), i / WORLD_DETECTORS),
        .size = 4096 + i,
        .checksum = vb_hash_bytes(&i, sizeof i),
        .mtime = 1767225600000000000 + i,
    };
}

static vb_receipt *receipt(struct execution *e, int64_t i)
{
    vb_receipt *r = vb_receipt_new();

    *r = (vb_receipt){
        .graph = vb_strdup(e->graph.id),
        .run = vb_strdup(e->graph.run),
        .task = vb_strdup(e->task.label),
        .quantum = vb_uuid_v7(),
        .dataid = vb_format("[\"Cam\",%d,%" PRId64 "]", (int)(i % WORLD_DETECTORS), i / WORLD_DETECTORS),
        .attempt = 1,
        .status = VB_STATUS_SUCCEEDED,
        .capture = vb_strdup("complete"),
        .host = vb_strdup("bench"),
        .started = 1767225600000000000 + i,
        .usage = {.wall = 2, .cpu_user = 1.5, .cpu_system = 0.25, .memory = 1 << 28, .bytes_read = 1 << 24},
    };
    for (int k = i ? OUTPUTS : 0; k < INPUTS; k++)
        add_input(r, "raw", r->dataid, e->raws[(i + k) % e->nraws]);
    for (int k = 0; i && k < OUTPUTS; k++)
        add_input(r, names[k], r->dataid, e->before[k]);
    for (int k = 0; k < OUTPUTS; k++)
        add_output(r, names[k], e->before[k] = vb_uuid_v7(), i);
    return r;
}

/* ---- merging ---------------------------------------------------------------------------------------------- */

static int merge_some(bench *b, struct execution *e, int64_t first, double *seconds)
{
    vb_autofree vb_receipt **receipts = vb_alloc(COMMIT * sizeof(*receipts));
    vb_auto_txn txn = {0};
    double begun;
    int r;

    for (int i = 0; i < COMMIT; i++)
        receipts[i] = receipt(e, first + i);
    begun = world_seconds();
    r = vb_registry_begin(b->reg, &txn, b->err);
    for (int i = 0; !r && i < COMMIT; i++)
        r = vb_provenance_merge(b->reg, &e->graph, receipts[i], b->err);
    if (!r)
        r = vb_txn_commit(&txn, b->err);
    *seconds += world_seconds() - begun;
    for (int i = 0; i < COMMIT; i++)
        vb_receipt_free(receipts[i]);
    return r;
}

static int merge_all(bench *b, struct execution *e)
{
    double seconds = 0;
    int r = 0;

    for (int64_t i = 0; !r && i < RECEIPTS; i += COMMIT)
        r = merge_some(b, e, i, &seconds);
    if (!r)
        bench_tell("merge", (double)RECEIPTS * OUTPUTS / seconds, (int64_t)RECEIPTS * OUTPUTS);
    return r;
}

static int remove_all(bench *b, const char *name)
{
    vb_auto(vb_stores_close) vb_stores *stores = NULL;
    vb_auto_txn txn = {0};
    const vb_collection *run;
    double begun = world_seconds();
    int r = vb_registry_begin(b->reg, &txn, b->err);

    if (!r)
        r = vb_collection_find(b->reg, name, &run, b->err);
    if (!r)
        r = vb_run_remove(b->reg, run, true, b->err);
    if (!r)
        r = vb_txn_commit(&txn, b->err);
    if (!r)
        bench_tell("remove_executed", (double)RECEIPTS * OUTPUTS / (world_seconds() - begun),
                   (int64_t)RECEIPTS * OUTPUTS);
    if (!r)
        r = vb_stores_open(b->reg, b->repo->root, &stores, b->err);
    return r < 0 ? r : vb_stores_empty_trash(stores, b->reg, b->err); /* there are no files */
}

int write_merge(bench *b)
{
    struct execution e = {.raws = vb_alloc(RECEIPTS * sizeof *e.raws)};
    int r = describe(b, &e);

    if (!r)
        r = find_raws(b, &e);
    if (!r)
        r = merge_all(b, &e);
    if (!r)
        r = remove_all(b, e.graph.run);
    free(e.raws);
    return r;
}
