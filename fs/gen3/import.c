#include "fs/gen3/import.h"

#include "fs/gen3/plan.h"
#include "fs/ingest/rules.h"
#include "registry/gen3/chosen.h"

#include <string.h>

struct job {
    const vb_gen3_import_options *options;
    vb_gen3 *g;
    vb_registry *reg;
    vb_gen3_plan *plan;
    vb_gen3_chosen *chosen; /* NULL: all */
};

static bool wants(void *arg, const vb_uuid *uuid)
{
    const struct job *job = arg;

    return !job->chosen || vb_gen3_chosen_has(job->chosen, uuid);
}

static int plan_dataset(void *arg, vb_gen3_dataset *d, vb_error *err)
{
    struct job *job = arg;
    vb_auto_dataset there = {0};
    int r = wants(job, &d->uuid) ? vb_dataset_by_uuid(job->reg, &d->uuid, &there, err) : 1;

    if (r < 0 || (r && (there.run_id || !wants(job, &d->uuid))))
        return r < 0 ? r : 0;
    return vb_gen3_plan_add(job->plan, d, err);
}

static int plan_all(struct job *job, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < job->g->ntypes; i++)
        r = vb_gen3_each_dataset(job->g, &job->g->types[i], plan_dataset, job, err);
    return r;
}

static int wants_record(void *arg, const vb_element *e, const vb_value *key, vb_error *err)
{
    return vb_gen3_chosen_record(((const struct job *)arg)->chosen, e, key, err);
}

static int day_offset(void *arg, const char *instrument, int64_t *offset, vb_error *err)
{
    return vb_rules_day_offset(((const struct job *)arg)->reg, instrument, offset, err);
}

static int locate(void *arg, const vb_gen3_dataset *d, const vb_gen3_file *f, vb_location *out, vb_error *err)
{
    return vb_gen3_plan_locate(((struct job *)arg)->plan, d, f, out, err);
}

static vb_gen3_copy_options copy_options(struct job *job)
{
    const vb_progress *progress = job->options->progress;

    return (vb_gen3_copy_options){.wants = job->chosen ? wants : NULL,
                                  .wants_record = job->chosen ? wants_record : NULL,
                                  .day_offset = day_offset,
                                  .locate = locate,
                                  .arg = job,
                                  .tell = progress ? progress->tell : NULL,
                                  .tell_arg = progress ? progress->arg : NULL};
}

static int copy(struct job *job, vb_gen3_counts *counts, vb_error *err)
{
    vb_gen3_copy_options options = copy_options(job);

    return vb_gen3_copy(job->g, job->reg, &options, counts, err);
}

static int bring_in(struct job *job, vb_transfer *transfer, vb_gen3_import_report *report, vb_error *err)
{
    vb_auto(vb_gen3_plan_free) vb_gen3_plan *plan = vb_gen3_plan_new(job->g, job->reg, transfer);
    int r;

    job->plan = plan;
    r = plan_all(job, err);
    if (!r)
        r = vb_transfer_run(transfer, job->options->threads, job->options->progress, err);
    if (!r)
        r = vb_gen3_plan_check(plan, err);
    if (!r)
        r = copy(job, &report->counts, err);
    if (!r)
        vb_transfer_commit(transfer);
    report->files = transfer->count;
    return r;
}

int vb_gen3_import(const vb_repo *repo, const char *gen3, const vb_gen3_import_options *options,
                   vb_gen3_import_report *report, vb_error *err)
{
    vb_auto(vb_gen3_close) vb_gen3 *g = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto(vb_transfer_end) vb_transfer *transfer = NULL;
    vb_auto(vb_gen3_chosen_free) vb_gen3_chosen *chosen = NULL;
    struct job job = {.options = options};
    int r = vb_gen3_open(gen3, &g, err);

    *report = (vb_gen3_import_report){0};
    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);
    if (!r)
        r = vb_gen3_check_universe(g, reg, err);
    if (!r)
        r = vb_gen3_select(g, options->collections, err);
    if (!r)
        r = vb_transfer_begin(repo, reg, options->transfer, &transfer, err);
    if (r < 0)
        return r;
    transfer->checksum = options->checksum;
    job.g = g;
    job.reg = reg;
    if ((options->where && *options->where) || !vb_gen3_all_wanted(g)) {
        vb_gen3_copy_options progress = copy_options(&job);

        r = vb_gen3_choose(g, options->where, &progress, &chosen, err);
    }
    job.chosen = chosen;
    return r < 0 ? r : bring_in(&job, transfer, report, err);
}
