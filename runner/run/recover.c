#include "runner/run/recover.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/provenance.h"
#include "runner/run/committer.h"

#include <fcntl.h>
#include <string.h>

enum { BATCH = 1000 };

struct recovery {
    vb_site *site;
    vb_registry *reg;
    const vb_graph *graph;
    vb_schedule *schedule;
    vb_receipt *batch[BATCH]; /* to be merged */
    size_t count;
};

static int flush(struct recovery *r, vb_error *err)
{
    int status = vb_merge_receipts(r->reg, r->graph, r->batch, r->count, err);

    for (size_t i = 0; i < r->count; i++)
        vb_receipt_free(r->batch[i]);
    r->count = 0;
    return status;
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

static void sweep(const struct recovery *r, const vb_attempt_file *a)
{
    vb_autofree char *scratch = vb_rundir_scratch(r->site->dir, &a->quantum, a->number);
    vb_autofree char *spill = vb_format("%s.log", scratch);

    vb_attempt_unpublish(r->site, a->intended);
    vb_remove_tree(AT_FDCWD, scratch, NULL);
    vb_remove_tree(AT_FDCWD, spill, NULL);
}

/* What it has made counts, and nobody can say what that is: neither to be swept nor to be made again. */
static int damaged(const struct recovery *r, const vb_attempt_file *a, vb_error *err)
{
    char uuid[VB_UUID_TEXT];

    vb_uuid_format(a->quantum, uuid);
    vb_fail(err, -EBADMSG, "the receipt of quantum %s in %s/receipts cannot be read", uuid, r->site->dir->path);
    vb_hint(err, "restore it from a copy; where there is none, remove receipts/%s/%s: the quantum is then run again",
            uuid + 34, uuid);
    return -EBADMSG;
}

static int recover_one(void *arg, const vb_attempt_file *a, vb_error *err)
{
    struct recovery *r = arg;
    bool failed = a->receipt && a->receipt->status != VB_STATUS_SUCCEEDED;
    bool init = a->receipt && !*a->receipt->task; /* merged by vb_make_init_outputs() */
    vb_receipt *receipt;

    if (a->committed && !a->receipt)
        return damaged(r, a, err);
    if (init && a->committed)
        return 0;
    vb_schedule_attempted(r->schedule, &a->quantum, a->number);
    if (a->committed && a->receipt) {
        vb_published_add(r->site->published, a->receipt);
        vb_schedule_done_before(r->schedule, &a->quantum);
        return merge_later(r, copy_of(a->receipt), err);
    }
    if (failed)
        return merge_later(r, copy_of(a->receipt), err);
    sweep(r, a);
    receipt = init ? NULL : aborted(r, a);
    return receipt ? merge_later(r, receipt, err) : 0;
}

int vb_recover(vb_site *site, vb_registry *reg, const vb_graph *g, vb_schedule *schedule, vb_error *err)
{
    struct recovery r = {.site = site, .reg = reg, .graph = g, .schedule = schedule};
    int status = vb_rundir_each(site->dir, recover_one, &r, err);
    int flushed = flush(&r, status < 0 ? NULL : err);

    return status < 0 ? status : flushed;
}
