#include "fs/exchange/import.h"

#include "fs/exchange/import_internal.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <string.h>

void vb_import_report_clear(vb_import_report *report)
{
    vb_strv_free(report->missing);
    vb_strv_free(report->remarks);
    *report = (vb_import_report){0};
}

static void forget_seen(vb_importing *im)
{
    struct vb_import_seen *s, *next;

    HASH_ITER(hh, im->seen, s, next) {
        HASH_DEL(im->seen, s);
        vb_seen_free(s->seen);
        free(s);
    }
}

static void importing_clear(vb_importing *im)
{
    struct vb_import_number *number, *next;
    struct vb_import_absent *absent, *next_absent;

    HASH_ITER(hh, im->numbers, number, next) {
        HASH_DEL(im->numbers, number);
        free(number);
    }
    HASH_ITER(hh, im->absent, absent, next_absent) {
        HASH_DEL(im->absent, absent);
        free(absent);
    }
    forget_seen(im);
    if (im->transfer)
        vb_transfer_end(im->transfer);
    if (im->stores)
        vb_stores_close(im->stores);
    if (im->file)
        vb_export_file_close(im->file);
    if (im->reg)
        vb_registry_close(im->reg);
}

static int check_universe(const vb_importing *im, vb_error *err)
{
    const char *theirs = vb_export_file_namespace(im->file),
               *ours = vb_universe_namespace(vb_registry_universe(im->reg));

    if (!strcmp(theirs, ours))
        return 0;
    return vb_fail(err, -EINVAL, "%s: is of the dimension universe '%s', the repository is of '%s'",
                   vb_export_file_path(im->file), theirs, ours);
}

/* Once through the file, in the order in which things depend on each other. */
static int go_through(vb_importing *im, vb_error *err)
{
    static int (*const steps[])(vb_importing *, vb_error *) = {
        vb_import_records,  vb_import_types,  vb_import_collections,
        vb_import_datasets, vb_import_chains, vb_import_associations,
    };
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(im->reg, &txn, err);

    if (!r)
        r = vb_dataset_any(im->reg, &im->any_datasets, err);
    for (size_t i = 0; !r && i < VB_COUNT(steps); i++)
        r = steps[i](im, err);
    forget_seen(im); /* of records that may be undone */
    return r < 0 || im->planning ? r : vb_txn_commit(&txn, err);
}

/* Goes through the file without keeping anything, to see that all fits; then makes the files that were planned. */
static int prepare(vb_importing *im, vb_error *err)
{
    int r = vb_transfer_begin(im->repo, im->reg, im->options->transfer, &im->transfer, err);

    if (r < 0)
        return r;
    im->transfer->checksum = im->options->checksum;
    im->planning = true;
    r = go_through(im, err);
    im->planning = false;
    vb_import_report_clear(im->report);
    if (!r)
        r = vb_transfer_run(im->transfer, im->options->threads, im->options->progress, err);
    return r;
}

int vb_import(const vb_repo *repo, const char *directory, const char *file, const vb_import_options *options,
              vb_import_report *report, vb_error *err)
{
    __attribute__((cleanup(importing_clear)))
    vb_importing im = {.repo = repo, .directory = directory, .options = options, .report = report};
    int r = vb_repo_registry(repo, VB_ACCESS_WRITE, &im.reg, err);

    *report = (vb_import_report){0};
    if (!r)
        r = vb_export_file_open(file, &im.file, err);
    if (!r)
        r = check_universe(&im, err);
    if (r < 0)
        return r;
    im.from = vb_export_file_universe(im.file);
    im.to = vb_universe_version(vb_registry_universe(im.reg));
    if (options->transfer != VB_TRANSFER_DIRECT)
        r = prepare(&im, err);
    if (!r)
        r = go_through(&im, err);
    if (!r && im.transfer)
        vb_transfer_commit(im.transfer);
    return r;
}
