#include "runner/run/recover.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/provenance.h"
#include "registry/store_paths.h"
#include "runner/run/committer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 1000 };

struct recovery {
    vb_site *site;
    vb_registry *reg;
    const vb_graph *graph;
    vb_schedule *schedule;
    vb_receipt *batch[BATCH]; /* to be merged */
    size_t count;
    char **orphans; /* files that dead attempts have named */
    size_t norphans, orphans_cap;
    vb_error *err; /* where a callback has none */
};

/* ---- merging -------------------------------------------------------------------------------------------------------------- */

static int flush(struct recovery *r, vb_error *err)
{
    int status = vb_merge_receipts(r->site, r->reg, r->graph, r->batch, r->count, err);

    for (size_t i = 0; i < r->count; i++)
        vb_receipt_free(r->batch[i]);
    r->count = 0;
    return status < 0 ? status : 0;
}

static int merge_later(struct recovery *r, vb_receipt *receipt, vb_error *err)
{
    bool merged;
    int status = vb_provenance_has(r->reg, &receipt->quantum, receipt->attempt, &merged, err);

    if (status < 0 || merged) {
        vb_receipt_free(receipt);
        return status;
    }
    r->batch[r->count++] = receipt;
    return r->count == BATCH ? flush(r, err) : 0;
}

static vb_receipt *copy_of(const vb_receipt *receipt)
{
    vb_autofree char *text = vb_receipt_write(receipt);
    vb_receipt *copy = NULL;

    vb_receipt_read(text, strlen(text), &copy, NULL);
    return copy;
}

/* An attempt whose runner died: what it says of itself is what its file holds. */
static vb_receipt *aborted(const struct recovery *r, const vb_attempt_file *a)
{
    vb_receipt *receipt;

    if (!a->receipt)
        return NULL; /* nothing is known of it, not even its task: it is only counted */
    receipt = copy_of(a->receipt);
    receipt->status = VB_STATUS_ABORTED;
    free(receipt->message);
    receipt->message = vb_strdup("its runner died before the attempt counted");
    for (size_t i = 0; i < receipt->noutputs; i++) {
        free(receipt->outputs[i].path);
        receipt->outputs[i].path = NULL;
    }
    return receipt;
}

/* ---- sweeping ------------------------------------------------------------------------------------------------------------- */

/* What a dead attempt has left. */
static void sweep(struct recovery *r, const vb_attempt_file *a)
{
    vb_autofree char *scratch = vb_rundir_scratch(r->site->dir, &a->quantum, a->number);
    vb_autofree char *spill = vb_format("%s.log", scratch);

    for (size_t i = 0; i < a->nintended; i++)
        if (vb_intended_is_there(r->site->root, &a->intended[i]))
            *VB_PUSH(r->orphans, r->norphans, r->orphans_cap) = vb_strdup(a->intended[i].path);
    vb_remove_tree(AT_FDCWD, scratch, NULL);
    vb_remove_tree(AT_FDCWD, spill, NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Nothing that the registry holds is removed, whoever made it. */
static int remove_orphans(struct recovery *r, vb_error *err)
{
    vb_autofree bool *held = vb_alloc((r->norphans + 1) * sizeof *held);
    int status = 0;

    if (r->norphans) {
        qsort(r->orphans, r->norphans, sizeof *r->orphans, by_text);
        status = vb_store_paths_held(r->reg, 1, r->site->repo->root, (const char *const *)r->orphans, r->norphans,
                                     held, err);
    }
    for (size_t i = 0; i < r->norphans; i++) {
        if (!status && !held[i])
            unlinkat(r->site->root, r->orphans[i], 0);
        free(r->orphans[i]);
    }
    free(r->orphans);
    return status;
}

/* ---- attempts ------------------------------------------------------------------------------------------------------------- */

/* The receipt of an attempt that succeeded, as the registry has it: 1; 0 where it has none. */
static int registered_receipt(const struct recovery *r, const vb_uuid *quantum, int number, vb_receipt **out,
                              vb_error *err)
{
    vb_auto_executed q = {0};
    int status = vb_executed_by_uuid(r->reg, quantum, &q, err);

    if (status <= 0 || q.status != VB_STATUS_SUCCEEDED || (number && q.attempt != number))
        return status < 0 ? status : 0;
    return vb_executed_receipt(r->reg, q.id, q.attempt, out, err);
}

/* What it has made counts, and nobody can say what that is: neither to be swept nor to be made again. */
static int damaged(const struct recovery *r, const vb_attempt_file *a, vb_error *err)
{
    char uuid[VB_UUID_TEXT];

    vb_uuid_format(a->quantum, uuid);
    vb_fail(err, -EBADMSG, "the receipt of quantum %s in %s/receipts cannot be read, and the registry has none", uuid,
            r->site->dir->path);
    vb_hint(err, "remove receipts/%s/%s there: the quantum is then run again", uuid + 34, uuid);
    return -EBADMSG;
}

/* False for a dataset that was purged or unstored. */
static bool is_held(const struct recovery *r, const vb_dataset *d)
{
    vb_auto_location location = {0};

    return d->state != VB_DATASET_REMOVED && vb_location_get(r->reg, d->id, &location, NULL) > 0;
}

/* The registry is the truth: after a power cut, or a removed directory, it may know of more than the directory does. */
static int take_counting(struct recovery *r, const vb_receipt *receipt, vb_error *err)
{
    for (size_t i = 0; i < receipt->noutputs; i++) {
        vb_auto_dataset d = {0};
        int status = receipt->outputs[i].path ? vb_dataset_by_uuid(r->reg, &receipt->outputs[i].dataset, &d, err) : 0;

        if (status < 0)
            return status;
        if (status && d.run_id && !is_held(r, &d)) {
            vb_fail(err, -ESTALE, "run '%s' was pruned: of what this graph has made, %s is gone", r->graph->run,
                    receipt->outputs[i].path);
            vb_hint(err, "build the graph again, for a new run");
            return -ESTALE;
        }
    }
    vb_published_add(r->site->published, receipt);
    vb_schedule_done_before(r->schedule, &receipt->quantum);
    return 0;
}

static int recover_one(void *arg, const vb_attempt_file *a, vb_error *err)
{
    struct recovery *r = arg;
    bool failed = a->receipt && a->receipt->status != VB_STATUS_SUCCEEDED;
    bool init = a->receipt && !*a->receipt->task; /* merged by vb_make_init_outputs() */
    vb_auto(vb_receipt_free) vb_receipt *registered = NULL;
    const vb_receipt *receipt = a->receipt;
    int status = 0;

    if (!failed && !init && !(a->committed && a->receipt))
        status = registered_receipt(r, &a->quantum, a->number, &registered, err);
    if (status < 0)
        return status;
    if (registered)
        receipt = registered;
    if (a->committed && !receipt)
        return damaged(r, a, err);
    if (init && a->committed)
        return 0;
    vb_schedule_attempted(r->schedule, &a->quantum, a->number);
    if (a->committed || registered) {
        status = take_counting(r, receipt, err);
        return status < 0 ? status : merge_later(r, copy_of(receipt), err);
    }
    if (failed)
        return merge_later(r, copy_of(a->receipt), err);
    sweep(r, a);
    registered = init ? NULL : aborted(r, a);
    return registered ? merge_later(r, VB_STEAL(registered), err) : 0;
}

/* ---- what only the registry knows ---------------------------------------------------------------------------------------- */

struct page {
    struct recovery *r;
    int64_t last;
    size_t seen;
};

static int take_executed(void *arg, const vb_executed *q)
{
    struct page *page = arg;
    vb_auto(vb_receipt_free) vb_receipt *receipt = NULL;
    int status;

    page->last = q->id;
    page->seen++;
    vb_schedule_attempted(page->r->schedule, &q->uuid, q->attempt);
    if (q->status != VB_STATUS_SUCCEEDED || !vb_schedule_lacks(page->r->schedule, &q->uuid))
        return 0;
    status = vb_executed_receipt(page->r->reg, q->id, q->attempt, &receipt, page->r->err);
    return status > 0 ? take_counting(page->r, receipt, page->r->err) : status;
}

static int recover_registered(struct recovery *r, vb_error *err)
{
    int status = 0;

    r->err = err;
    for (size_t t = 0; !status && t < r->graph->ntasks; t++) {
        struct page page = {r, 0, BATCH};

        while (!status && page.seen == BATCH) {
            page.seen = 0;
            status = vb_executed_of_task(r->reg, r->graph->run, r->graph->tasks[t].label, page.last, BATCH,
                                         take_executed, &page, err);
        }
    }
    return status;
}

int vb_recover(vb_site *site, vb_registry *reg, const vb_graph *g, vb_schedule *schedule, vb_error *err)
{
    struct recovery r = {.site = site, .reg = reg, .graph = g, .schedule = schedule};
    int status = vb_rundir_each(site->dir, recover_one, &r, err);
    int flushed = flush(&r, status < 0 ? NULL : err);
    int removed = remove_orphans(&r, status < 0 || flushed < 0 ? NULL : err);

    status = status < 0 ? status : flushed < 0 ? flushed : removed;
    return status < 0 ? status : recover_registered(&r, err);
}
