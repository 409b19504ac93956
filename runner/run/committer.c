#include "runner/run/committer.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/provenance.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GROUP_MS = 200, MANY = 2000 };

struct vb_committer {
    vb_site *site;
    vb_registry *reg;
    const vb_graph *graph;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the queue and `closing` */
    pthread_cond_t more;
    vb_receipt **queue;
    size_t count, cap;
    bool closing;
    vb_receipt **unmerged; /* committed, but the registry would not have them yet */
    size_t nunmerged, unmerged_cap;
    bool broken;    /* a sync or a link has failed: nothing that comes after it may count */
    vb_error error; /* the first that lost something */
};

static int merge_all(vb_registry *reg, const vb_graph *g, vb_receipt *const *receipts, size_t count, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = count ? vb_registry_begin(reg, &txn, err) : 0;

    for (size_t i = 0; !r && i < count; i++)
        r = vb_provenance_merge(reg, g, receipts[i], err);
    return r < 0 || !count ? r : vb_txn_commit(&txn, err);
}

/* Says of an attempt that it does not count after all; its artifacts go. */
static void refuse(const vb_site *site, vb_receipt *receipt, const char *why)
{
    vb_auto_error err = VB_ERROR_INIT;

    vb_receipt_withdraw(site, receipt);
    if (vb_rundir_uncommit(site->dir, &receipt->quantum, &err) < 0)
        vb_log(VB_WARNING, "%s", err.message);
    receipt->status = VB_STATUS_FAILED;
    free(receipt->message);
    receipt->message = vb_strdup(why);
    vb_log(VB_ERROR, "%s %s: %s", receipt->task, receipt->dataid, why);
}

int vb_merge_receipts(const vb_site *site, vb_registry *reg, const vb_graph *g, vb_receipt *const *receipts,
                      size_t count, vb_error *err)
{
    vb_auto_error all = VB_ERROR_INIT;
    int r = merge_all(reg, g, receipts, count, &all), refused = 0;

    if (r != -EEXIST) {
        vb_error_move(err, &all);
        return r;
    }
    /* Another graph has put a dataset of the same data ID into the run: that concerns the one receipt. */
    for (size_t i = 0; i < count; i++) {
        vb_auto_error one = VB_ERROR_INIT;

        r = merge_all(reg, g, &receipts[i], 1, &one);
        if (r == -EEXIST && receipts[i]->status == VB_STATUS_SUCCEEDED) {
            refuse(site, receipts[i], one.message);
            refused++;
            vb_error_clear(&one);
            r = merge_all(reg, g, &receipts[i], 1, &one);
        }
        if (r < 0) {
            vb_error_move(err, &one);
            return r;
        }
    }
    return refused;
}

/* ---- one group ------------------------------------------------------------------------------------------------------- */

/* An attempt that came late: another's receipt counts, and its own files go. */
static void supersede(vb_committer *c, vb_receipt *receipt)
{
    vb_receipt_withdraw(c->site, receipt);
    receipt->status = VB_STATUS_ABORTED;
    free(receipt->message);
    receipt->message = vb_strdup("superseded: another attempt of this quantum was committed before it");
}

static void keep_error(vb_committer *c, vb_error *err)
{
    if (!c->error.code)
        vb_error_move(&c->error, err);
    else
        vb_error_clear(err);
}

static void give_up(vb_committer *c, vb_error *err)
{
    c->broken = true;
    keep_error(c, err);
}

/* True where the receipt may be merged.  One that does not count must not be: its artifacts will be swept. */
static bool commit(vb_committer *c, vb_receipt *receipt)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    if (receipt->status != VB_STATUS_SUCCEEDED)
        return true;
    if (c->broken)
        return false;
    r = vb_rundir_commit(c->site->dir, &receipt->quantum, receipt->attempt, &err);
    if (!r)
        supersede(c, receipt);
    else if (r < 0)
        give_up(c, &err);
    return r >= 0;
}

static void merge(vb_committer *c, bool last)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_merge_receipts(c->site, c->reg, c->graph, c->unmerged, c->nunmerged, &err);

    if (r < 0) {
        if (!last)
            vb_log(VB_WARNING, "merging %zu receipts: %s; trying again", c->nunmerged, err.message);
        else
            keep_error(c, &err);
        return;
    }
    if (r > 0) {
        vb_fail(&err, -EEXIST, "what %d of the quanta made could not be registered: run '%s' has it already", r,
                c->graph->run);
        vb_hint(&err, "another graph has written to the run since this one was built: build it again");
        keep_error(c, &err);
    }
    for (size_t i = 0; i < c->nunmerged; i++)
        vb_receipt_free(c->unmerged[i]);
    c->nunmerged = 0;
}

static void take_group(vb_committer *c, vb_receipt **receipts, size_t count, bool last)
{
    bool any = false;

    for (size_t i = 0; i < count; i++)
        any = any || receipts[i]->status == VB_STATUS_SUCCEEDED;
    /* Artifacts and receipts are on disk before any link says that they count. */
    if (any && c->site->options->durability == VB_DURABILITY_GROUP && syncfs(c->site->root)) {
        vb_auto_error err = VB_ERROR_INIT;

        vb_fail_errno(&err, -errno, "syncing the repository's file system");
        give_up(c, &err);
    }
    for (size_t i = 0; i < count; i++) {
        if (commit(c, receipts[i]))
            *VB_PUSH(c->unmerged, c->nunmerged, c->unmerged_cap) = receipts[i];
        else
            vb_receipt_free(receipts[i]); /* its attempt's file has it */
    }
    merge(c, last);
}

/* ---- the thread ------------------------------------------------------------------------------------------------------- */

/* Waits for a first receipt, then for more until the group's time is up. */
static void wait_for_group(vb_committer *c)
{
    struct timespec until;

    while (!c->count && !c->closing)
        pthread_cond_wait(&c->more, &c->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GROUP_MS * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (c->count < MANY && !c->closing)
        if (pthread_cond_timedwait(&c->more, &c->lock, &until))
            break;
}

static void *committer_main(void *arg)
{
    vb_committer *c = arg;
    bool closing = false;

    while (!closing) {
        vb_receipt **receipts;
        size_t count;

        pthread_mutex_lock(&c->lock);
        wait_for_group(c);
        receipts = VB_STEAL(c->queue);
        count = c->count;
        c->count = c->cap = 0;
        closing = c->closing;
        pthread_mutex_unlock(&c->lock);
        if (count || closing)
            take_group(c, receipts, count, closing);
        free(receipts);
    }
    return NULL;
}

vb_committer *vb_committer_start(vb_site *site, vb_registry *reg, const vb_graph *g)
{
    vb_committer *c = VB_NEW(vb_committer);
    pthread_condattr_t monotonic;

    c->site = site;
    c->reg = reg;
    c->graph = g;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->more, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_create(&c->thread, NULL, committer_main, c);
    return c;
}

void vb_committer_add(vb_committer *c, vb_receipt *receipt)
{
    pthread_mutex_lock(&c->lock);
    *VB_PUSH(c->queue, c->count, c->cap) = receipt;
    if (c->count == 1 || c->count >= MANY)
        pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
}

int vb_committer_stop(vb_committer *c, vb_error *err)
{
    int r;

    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    r = c->error.code;
    if (r)
        vb_error_move(err, &c->error);
    for (size_t i = 0; i < c->nunmerged; i++)
        vb_receipt_free(c->unmerged[i]);
    free(c->unmerged);
    free(c->queue);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->more);
    free(c);
    return r;
}
