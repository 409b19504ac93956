#include "fs/ingest/raws.h"

#include "fs/ingest/paths.h"
#include "fs/ingest/raws_plan.h"
#include "registry/base/mem.h"

void vb_raws_report_clear(vb_raws_report *report)
{
    for (size_t i = 0; i < report->nbad; i++) {
        free(report->bad[i].path);
        vb_error_clear(&report->bad[i].error);
    }
    free(report->bad);
    for (size_t i = 0; i < report->ndatasets; i++) {
        free(report->datasets[i].path);
        free(report->datasets[i].instrument);
        free(report->datasets[i].type);
    }
    free(report->datasets);
    *report = (vb_raws_report){0};
}

/* ---- registering --------------------------------------------------------------------------------------- */

static int put_exposures(vb_raws_plan *plan, vb_error *err)
{
    vb_record_mode mode = plan->options->update_records ? VB_RECORD_UPDATE : VB_RECORD_KEEP;
    int r = 0;

    for (vb_raws_exposure *e = plan->exposures; !r && e; e = e->hh.next)
        if (e->used)
            r = vb_exposure_put(plan->reg, e->key.rules, &e->first->exposure, mode, err);
    return r;
}

static int put_instruments(vb_raws_plan *plan, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < plan->ntypes; i++) {
        bool done = false;

        for (size_t k = 0; k < i; k++)
            done |= plan->types[k].rules == plan->types[i].rules;
        if (!done)
            r = vb_instrument_register(plan->reg, plan->types[i].rules, false, err);
    }
    return r < 0 ? r : 0;
}

/* The datasets of one type, of files that arrived. */
typedef struct batch {
    vb_dataset *datasets;   /* their data IDs are the items' */
    vb_location *locations; /* so are the strings, but for `parts` */
    char **parts;
    size_t count;
} batch;

static void batch_clear(batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        free(b->parts[i]);
    free(b->datasets);
    free(b->locations);
    free(b->parts);
}

static void fill_batch(const vb_raws_plan *plan, const vb_transfer *transfer, size_t type, int64_t run, batch *b)
{
    b->datasets = vb_alloc((plan->nitems + 1) * sizeof *b->datasets);
    b->locations = vb_alloc((plan->nitems + 1) * sizeof *b->locations);
    b->parts = vb_alloc((plan->nitems + 1) * sizeof *b->parts);
    for (size_t i = 0; i < plan->nitems; i++) {
        const vb_raws_item *item = &plan->items[i];
        const vb_transfer_file *file = &transfer->files[item->transfer];
        vb_location *location = &b->locations[b->count];

        if (item->type != type || file->error.code)
            continue;
        b->datasets[b->count] = (vb_dataset){.uuid = item->uuid,
                                             .type = plan->types[type].type,
                                             .run_id = run,
                                             .dataid = item->dataid};
        *location = file->location;
        if (item->part->hdu >= 0) {
            location->path = b->parts[b->count] = vb_format("%s#hdu=%d", file->location.path, item->part->hdu);
            location->size = item->part->bytes;
            location->has_checksum = false; /* what was hashed is the whole file */
        }
        b->count++;
    }
}

static int put_datasets(vb_raws_plan *plan, const vb_transfer *transfer, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < plan->ntypes; i++) {
        __attribute__((cleanup(batch_clear))) batch b = {0};
        const vb_collection *run;

        r = vb_collection_register(plan->reg, plan->types[i].run, VB_RUN, NULL, &run, err);
        if (!r)
            r = vb_dataset_type_register(plan->reg, &plan->types[i].wanted, &plan->types[i].type, err);
        if (r < 0)
            return r;
        fill_batch(plan, transfer, i, run->id, &b);
        r = vb_dataset_insert_all(plan->reg, b.datasets, b.locations, b.count, err);
    }
    return r;
}

static int define_visits(vb_raws_plan *plan, vb_error *err)
{
    int r = 0;

    for (vb_raws_exposure *e = plan->exposures; r >= 0 && e && !plan->options->no_visits; e = e->hh.next) {
        vb_auto_record record = {0};

        if (!e->nregions)
            continue;
        r = vb_exposure_record(plan->reg, e->key.rules, &e->first->exposure, &record, err);
        if (!r)
            r = vb_visit_define(plan->reg, &record, e->regions, e->nregions, err);
    }
    return r < 0 ? r : 0;
}

static int register_all(vb_raws_plan *plan, vb_transfer *transfer, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(plan->reg, &txn, err);

    if (!r)
        r = put_instruments(plan, err);
    if (!r)
        r = put_exposures(plan, err);
    if (!r)
        r = put_datasets(plan, transfer, err);
    if (!r)
        r = define_visits(plan, err);
    if (!r)
        r = vb_txn_commit(&txn, err);
    if (!r)
        vb_transfer_commit(transfer);
    return r;
}

/* ---- reporting ----------------------------------------------------------------------------------------- */

/* With --fail-fast the first bad file is the error. */
static int first_bad(const vb_raws_plan *plan, vb_error *err)
{
    for (size_t i = 0; plan->options->fail_fast && i < plan->nscans; i++)
        if (plan->scans[i].error.code) {
            int code = plan->scans[i].error.code;

            vb_error_move(err, &plan->scans[i].error);
            vb_error_context(err, "%s", plan->scans[i].path);
            return code;
        }
    return 0;
}

/* Gives files that could not be transferred their error, and the exposures the regions of the others. */
static void take_results(vb_raws_plan *plan, vb_transfer *transfer)
{
    for (size_t i = 0; i < plan->nitems; i++) {
        vb_raws_item *item = &plan->items[i];
        vb_transfer_file *file = &transfer->files[item->transfer];
        vb_raws_exposure *e = item->exposure;

        if (file->error.code) {
            if (!plan->scans[item->scan].error.code) {
                vb_error *to = &plan->scans[item->scan].error;

                vb_fail(to, file->error.code, "%s", file->error.message);
                if (file->error.hint)
                    vb_hint(to, "%s", file->error.hint);
            }
            continue;
        }
        e->used = true;
        if (item->part->has_region)
            *VB_PUSH(e->regions, e->nregions, e->cap) = (vb_detector_region){item->part->detector->id,
                                                                             &item->part->region};
    }
}

static size_t count_detectors(const vb_raws_plan *plan)
{
    const vb_rules_detector **seen = NULL;
    size_t n = 0, cap = 0;

    for (size_t i = 0; i < plan->nitems; i++) {
        size_t k = 0;

        if (plan->scans[plan->items[i].scan].error.code)
            continue;
        while (k < n && seen[k] != plan->items[i].part->detector)
            k++;
        if (k == n)
            *VB_PUSH(seen, n, cap) = plan->items[i].part->detector;
    }
    free(seen);
    return n;
}

static void report_datasets(const vb_raws_plan *plan, vb_raws_report *report)
{
    for (size_t i = 0; i < plan->nitems; i++) {
        const vb_raws_item *item = &plan->items[i];
        const vb_scan *scan = &plan->scans[item->scan];

        if (!scan->error.code)
            *VB_PUSH(report->datasets, report->ndatasets,
                     report->datasets_cap) = (vb_raws_dataset){.path = vb_strdup(scan->path),
                                                               .instrument = vb_strdup(scan->rules->name),
                                                               .type = vb_strdup(scan->type->name),
                                                               .exposure = scan->exposure.id,
                                                               .detector = item->part->detector->id,
                                                               .uuid = item->uuid};
    }
}

static void report_all(vb_raws_plan *plan, vb_raws_report *report)
{
    report->files = plan->nscans;
    report->existing = plan->existing;
    for (size_t i = 0; i < plan->nscans; i++)
        if (plan->scans[i].error.code) {
            vb_bad_file *bad = VB_PUSH(report->bad, report->nbad, report->bad_cap);

            bad->path = vb_strdup(plan->scans[i].path);
            vb_error_move(&bad->error, &plan->scans[i].error);
            plan->scans[i].error.code = bad->error.code; /* still bad */
        }
    report->ingested = report->files - report->existing - report->nbad;
    for (vb_raws_exposure *e = plan->exposures; e; e = e->hh.next)
        report->exposures += e->used;
    report->detectors = count_detectors(plan);
    report_datasets(plan, report);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct scanning {
    char *const *paths;
    const vb_instruments *instruments;
    vb_scan *scans;
};

static void scan_one(void *arg, size_t i)
{
    struct scanning *s = arg;

    vb_scan_file(s->paths[i], s->instruments->rules, s->instruments->count, NULL, &s->scans[i]);
}

static int ingest(const vb_repo *repo, vb_raws_plan *plan, vb_raws_report *report, vb_error *err)
{
    vb_auto(vb_transfer_end) vb_transfer *transfer = NULL;
    int r = first_bad(plan, err);

    if (!r)
        r = vb_raws_plan_make(plan, err);
    if (!r)
        r = first_bad(plan, err);
    if (!r && plan->nitems)
        r = vb_transfer_begin(repo, plan->reg, plan->options->transfer, &transfer, err);
    if (!r && transfer) {
        transfer->checksum = plan->options->checksum;
        vb_raws_plan_transfers(plan, transfer);
        r = vb_transfer_run(transfer, plan->options->threads, plan->options->progress, err);
    }
    if (!r && transfer) {
        take_results(plan, transfer);
        r = first_bad(plan, err);
    }
    if (!r && transfer)
        r = register_all(plan, transfer, err);
    if (!r)
        report_all(plan, report);
    return r;
}

int vb_ingest_raws(const vb_repo *repo, char *const *paths, const vb_raws_options *options, vb_raws_report *report,
                   vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    __attribute__((cleanup(vb_instruments_clear))) vb_instruments instruments = {0};
    __attribute__((cleanup(vb_paths_clear))) vb_paths files = {0};
    __attribute__((cleanup(vb_raws_plan_clear))) vb_raws_plan plan = {.options = options};
    struct scanning scanning;
    int r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);

    *report = (vb_raws_report){0};
    if (!r)
        r = vb_instruments_load(reg, &instruments, err);
    if (!r)
        r = vb_paths_expand(paths, &files, err);
    if (r < 0)
        return r;
    plan.reg = reg;
    plan.nscans = files.count;
    plan.scans = vb_alloc((files.count + 1) * sizeof *plan.scans);
    scanning = (struct scanning){files.items, &instruments, plan.scans};
    vb_parallel(files.count, vb_fits_threads() ? options->threads : 1, scan_one, &scanning, "reading headers",
                options->progress);
    return ingest(repo, &plan, report, err);
}
