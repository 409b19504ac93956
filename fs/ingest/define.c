/* define.c - visits of raws that a repository has already. */
#include "fs/ingest/element.h"
#include "fs/ingest/instrument.h"
#include "fs/ingest/scan.h"
#include "fs/ingest/visits.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/dataset.h"

#include <inttypes.h>
#include <string.h>

/* A raw whose detector has no region yet. */
struct raw {
    int64_t exposure, detector;
    size_t file;
};

struct job {
    const vb_repo *repo;
    vb_registry *reg;
    vb_rules *rules;
    const char *type; /* of the raws that are being listed */
    struct raw *raws;
    size_t nraws, raws_cap;
    char **files;
    const char **types;
    size_t nfiles, files_cap, types_cap;
    vb_scan *scans;
    vb_define_report *report;
};

static void job_clear(struct job *job)
{
    for (size_t i = 0; job->scans && i < job->nfiles; i++)
        vb_scan_clear(&job->scans[i]);
    for (size_t i = 0; i < job->nfiles; i++)
        free(job->files[i]);
    free(job->files);
    free(job->types);
    free(job->raws);
    free(job->scans);
}

static int64_t value_of(const vb_dataid *id, const char *dimension)
{
    const vb_value *v = vb_dataid_get(id, dimension);

    return v && v->kind == VB_INT ? v->i : -1;
}

/* 1 where the detector of a raw has its region in the visit already. */
static int is_defined(struct job *job, const vb_dataset *d, vb_error *err)
{
    vb_auto_record key = {0}, found = {0};
    int r = vb_element_record(job->reg, "visit_detector_region", &key, err);

    if (r < 0)
        return r;
    vb_record_set(&key, "instrument", vb_value_text(job->rules->name));
    vb_record_set(&key, "visit", vb_value_int(value_of(&d->dataid, "exposure")));
    vb_record_set(&key, "detector", vb_value_int(value_of(&d->dataid, "detector")));
    return vb_element_find(job->reg, &key, &found, err);
}

/* The number of a file in the job; the parts of one file come one after the other, mostly. */
static size_t file_number(struct job *job, char *path)
{
    if (job->nfiles && !strcmp(job->files[job->nfiles - 1], path)) {
        free(path);
        return job->nfiles - 1;
    }
    *VB_PUSH(job->types, job->nfiles, job->types_cap) = job->type;
    job->nfiles--;
    *VB_PUSH(job->files, job->nfiles, job->files_cap) = path;
    return job->nfiles - 1;
}

static int take_raw(void *arg, const vb_dataset *d, vb_error *err)
{
    struct job *job = arg;
    const vb_value *instrument = vb_dataid_get(&d->dataid, "instrument");
    vb_location location = {0};
    char *part;
    int r;

    if (!instrument || instrument->kind != VB_TEXT || strcmp(instrument->text, job->rules->name))
        return 0;
    job->report->raws++;
    r = is_defined(job, d, err);
    if (r)
        return r < 0 ? r : 0;
    r = vb_location_get(job->reg, d->id, &location, err);
    if (r <= 0)
        return r;
    part = strstr(location.path, "#hdu=");
    if (part)
        *part = 0;
    *VB_PUSH(job->raws, job->nraws,
             job->raws_cap) = (struct raw){value_of(&d->dataid, "exposure"), value_of(&d->dataid, "detector"),
                                           file_number(job, vb_path_join(job->repo->root, location.path))};
    vb_location_clear(&location);
    return 0;
}

static int list_raws(struct job *job, char *const *collections, vb_error *err)
{
    char *fallback[] = {job->rules->run, NULL};
    vb_auto_search search = {0};
    int r = vb_search_resolve(job->reg, collections ? collections : fallback, &search, err);

    for (size_t t = 0; !r && t < job->rules->ntypes; t++) {
        const vb_dataset_type *type;

        job->type = job->rules->types[t].name;
        if (!job->rules->types[t].region || vb_dataset_type_find(job->reg, job->type, &type, NULL))
            continue;
        for (size_t i = 0; !r && i < search.count; i++)
            if (search.items[i]->type != VB_CALIBRATION)
                r = vb_dataset_each(job->reg, search.items[i], type, take_raw, job, err);
    }
    return r;
}

static void scan_one(void *arg, size_t i)
{
    struct job *job = arg;

    vb_scan_file(job->files[i], &job->rules, 1, job->types[i], &job->scans[i]);
}

static int find_exposure(struct job *job, int64_t exposure, vb_record *out, vb_error *err)
{
    vb_auto_record key = {0};
    int r = vb_element_record(job->reg, "exposure", &key, err);

    if (r < 0)
        return r;
    vb_record_set(&key, "instrument", vb_value_text(job->rules->name));
    vb_record_set(&key, "exposure", vb_value_int(exposure));
    r = vb_element_find(job->reg, &key, out, err);
    if (!r)
        r = vb_fail(err, -ENOENT, "there is no record of exposure %" PRId64, exposure);
    return r < 0 ? r : 0;
}

static const vb_scan_part *part_of(const vb_scan *scan, int64_t detector)
{
    for (size_t i = 0; i < scan->count; i++)
        if (scan->parts[i].detector->id == detector)
            return &scan->parts[i];
    return NULL;
}

static int define_raw(struct job *job, const struct raw *raw, vb_error *err)
{
    const vb_scan *scan = &job->scans[raw->file];
    const vb_scan_part *part = part_of(scan, raw->detector);
    vb_detector_region region = {raw->detector, part ? &part->region : NULL};
    vb_auto_record exposure = {0};
    int r;

    if (scan->error.code)
        return vb_fail(err, scan->error.code, "%s: %s", scan->path, scan->error.message);
    if (!part || scan->exposure.id != raw->exposure)
        return vb_fail(err, -EINVAL, "%s: is not exposure %" PRId64 ", detector %" PRId64, scan->path, raw->exposure,
                       raw->detector);
    if (!part->has_region)
        return 0;
    r = find_exposure(job, raw->exposure, &exposure, err);
    return r < 0 ? r : vb_visit_define(job->reg, &exposure, &region, 1, err);
}

static int by_exposure(const void *a, const void *b)
{
    int64_t x = ((const struct raw *)a)->exposure, y = ((const struct raw *)b)->exposure;

    return (x > y) - (x < y);
}

static int define_all(struct job *job, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(job->reg, &txn, err);

    if (job->nraws)
        qsort(job->raws, job->nraws, sizeof *job->raws, by_exposure);
    for (size_t i = 0; r >= 0 && i < job->nraws; i++) {
        bool next = !i || job->raws[i].exposure != job->raws[i - 1].exposure;

        r = define_raw(job, &job->raws[i], err);
        if (next && !r)
            job->report->without++;
        else if (next)
            job->report->visits++;
    }
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

int vb_define_visits(const vb_repo *repo, const char *instrument, char *const *collections, size_t threads,
                     const vb_progress *progress, vb_define_report *report, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    __attribute__((cleanup(vb_instruments_clear))) vb_instruments all = {0};
    __attribute__((cleanup(job_clear))) struct job job = {.repo = repo, .report = report};
    int r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);

    *report = (vb_define_report){0};
    if (!r)
        r = vb_instruments_load(reg, &all, err);
    if (!r)
        r = vb_instruments_find(&all, instrument, &job.rules, err);
    job.reg = reg;
    if (!r)
        r = list_raws(&job, collections, err);
    if (r < 0)
        return r;
    job.scans = vb_alloc((job.nfiles + 1) * sizeof *job.scans);
    vb_parallel(job.nfiles, vb_fits_threads() ? threads : 1, scan_one, &job, "reading headers", progress);
    return define_all(&job, err);
}
