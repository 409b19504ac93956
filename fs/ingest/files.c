#include "fs/ingest/files.h"

#include "fs/ingest/artifact.h"
#include "fs/ingest/bind.h"
#include "fs/ingest/parts.h"
#include "fs/ingest/seen.h"
#include "fs/ingest/table.h"
#include "fs/remote/url.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/component.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_NAMED = 3 }; /* files that an error names */

/* A file that is to become a dataset, or a component of one. */
struct row {
    size_t row; /* of the table */
    vb_dataid dataid;
    vb_uuid uuid;
    const vb_storage_component *component; /* NULL: the whole */
};

struct job {
    const vb_files_options *options;
    vb_registry *reg;
    vb_table table;
    size_t path_column;
    size_t component_column; /* SIZE_MAX: there is none */
    vb_bindings bindings;
    vb_seen *seen;
    vb_parts *parts; /* of a table with a column `component`; NULL */
    struct row *rows;
    size_t nrows, rows_cap;
    size_t existing;
};

static void job_clear(struct job *job)
{
    if (job->seen)
        vb_seen_free(job->seen);
    if (job->parts)
        vb_parts_free(job->parts);
    for (size_t i = 0; i < job->nrows; i++)
        vb_dataid_clear(&job->rows[i].dataid);
    free(job->rows);
    vb_table_clear(&job->table);
}

/* ---- columns ------------------------------------------------------------------------------------------- */

static size_t find_path_column(const vb_table *t)
{
    static const char *const names[] = {"path", "file", "filename"};

    for (size_t i = 0; i < t->ncolumns; i++)
        for (size_t k = 0; k < VB_COUNT(names); k++)
            if (!strcmp(t->columns[i], names[k]))
                return i;
    return 0;
}

static size_t find_component_column(const vb_table *t)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        if (!strcmp(t->columns[i], "component"))
            return i;
    return SIZE_MAX;
}

static int bind_constant(struct job *job, char *text, vb_error *err)
{
    char *equals = strchr(text, '=');
    int r;

    if (!equals || equals == text || !equals[1])
        return vb_fail(err, -EINVAL, "--data-id %s: must be like detector=42", text);
    *equals = 0;
    r = vb_bindings_add(&job->bindings, text, SIZE_MAX, equals + 1, err);
    return r < 0 ? vb_error_context(err, "--data-id") : 0;
}

static int bind_all(struct job *job, vb_error *err)
{
    int r = 0;

    job->path_column = find_path_column(&job->table);
    job->component_column = find_component_column(&job->table);
    if (job->path_column == job->component_column && ++job->path_column == job->table.ncolumns)
        return vb_fail(err, -EINVAL, "%s: has no column for paths", job->table.name);
    for (char *const *p = job->options->dataid; !r && p && *p; p++)
        r = bind_constant(job, *p, err);
    for (size_t i = 0; !r && i < job->table.ncolumns; i++)
        if (i != job->path_column && i != job->component_column) {
            r = vb_bindings_add(&job->bindings, job->table.columns[i], i, NULL, err);
            if (r < 0)
                vb_error_context(err, "%s: column %zu", job->table.name, i + 1);
        }
    return r < 0 ? r : vb_bindings_complete(&job->bindings, err);
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* 1 where the run has the dataset already: without --skip-existing that is an error. */
static int check_existing(struct job *job, const vb_dataid *id, const vb_search *run, vb_error *err)
{
    vb_auto_dataset there = {0};
    vb_auto_buf text = {0};
    int r = run->count ? vb_dataset_find(job->reg, job->bindings.type, id, run, &there, err) : 0;

    if (r <= 0)
        return r;
    job->existing++;
    if (job->options->skip_existing)
        return 1;
    vb_dataid_print(id, &text);
    vb_fail(err, -EEXIST, "%s %s is in %s already", job->options->type, vb_buf_text(&text), job->options->run);
    vb_hint(err, "--skip-existing leaves out what is there");
    return -EEXIST;
}

static vb_uuid new_uuid(const struct job *job, const vb_dataid *id)
{
    return vb_dataset_uuid(job->options->ids, job->options->type, job->options->run, id);
}

/* A row of a table without components is a dataset: 1, or 0 where it is left out. */
static int plan_whole(struct job *job, size_t line, const vb_search *run, struct row *row, vb_error *err)
{
    int r = vb_seen_add(job->seen, &row->dataid, line, err);

    if (!r)
        r = vb_seen_records(job->seen, &row->dataid, err);
    if (!r)
        r = check_existing(job, &row->dataid, run, err);
    if (r)
        return r < 0 ? r : 0;
    row->uuid = new_uuid(job, &row->dataid);
    return 1;
}

/* A row of a table with components is a dataset, or one of the rows that make it. */
static int plan_part(struct job *job, size_t line, const char *component, const vb_search *run, struct row *row,
                     vb_error *err)
{
    vb_part_of *of;
    int r = vb_parts_add(job->parts, &row->dataid, component, line, &of, &row->component, err);

    if (r > 0) { /* the first of its dataset */
        r = vb_seen_records(job->seen, &row->dataid, err);
        if (!r)
            r = check_existing(job, &row->dataid, run, err);
        of->left_out = r > 0;
        if (!r)
            of->uuid = new_uuid(job, &row->dataid);
    }
    if (r < 0 || of->left_out)
        return r < 0 ? r : 0;
    row->uuid = of->uuid;
    return 1;
}

static int plan_row(struct job *job, size_t row, const vb_search *run, vb_error *err)
{
    char *const *cells = &job->table.cells[row * job->table.ncolumns];
    struct row planned = {.row = row};
    int r = vb_bindings_dataid(&job->bindings, cells, &planned.dataid, err);

    if (r < 0)
        return r;
    r = *cells[job->path_column] ? 0 : vb_fail(err, -EINVAL, "has no path");
    if (!r)
        r = job->parts ? plan_part(job, job->table.lines[row], cells[job->component_column], run, &planned, err)
                       : plan_whole(job, job->table.lines[row], run, &planned, err);
    if (r > 0) {
        *VB_PUSH(job->rows, job->nrows, job->rows_cap) = planned;
        return 0;
    }
    vb_dataid_clear(&planned.dataid);
    return r;
}

static int plan_rows(struct job *job, vb_error *err)
{
    vb_auto_search search = {0};
    const vb_collection *run;
    int r = 0;

    job->seen = vb_seen_new(job->reg, job->bindings.type->group);
    if (job->component_column != SIZE_MAX)
        r = vb_parts_new(job->reg, job->bindings.type, &job->parts, err);
    if (!vb_collection_find(job->reg, job->options->run, &run, NULL))
        *VB_PUSH(search.items, search.count, search.cap) = run;
    for (size_t i = 0; !r && i < job->table.nrows; i++) {
        r = plan_row(job, i, &search, err);
        if (r < 0)
            vb_error_context(err, "%s:%zu", job->table.name, job->table.lines[i]);
    }
    return r;
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* The dataset type, or the component of it, that a row's file is of; *part is cleared by the caller. */
static const vb_dataset_type *type_of(const struct job *job, const struct row *row, vb_dataset_type *part)
{
    if (!row->component)
        return job->bindings.type;
    vb_component_type(job->bindings.type, row->component->name, row->component->storage_class, part);
    return part;
}

/* Names that promise another format than the files have are a mistake in the dataset type, most likely. */
static void check_extension(const struct job *job)
{
    vb_auto_part part = {0};
    const vb_dataset_type *type;
    vb_autofree char *name = NULL;
    const char *has, *wanted;

    if (!job->nrows)
        return;
    type = type_of(job, &job->rows[0], &part);
    name = vb_artifact_name(vb_table_cell(&job->table, job->rows[0].row, job->path_column));
    has = vb_path_extension(name);
    wanted = vb_dataset_type_extension(type, "");
    if (*has && *wanted && !vb_starts_with(has, wanted))
        vb_log(VB_WARNING, "the files end in %s, but those of dataset type '%s' (%s) are shown as %s%s", has,
               type->name, type->storage_class, wanted,
               job->rows[0].component ? "" : ": --extension of register-dataset-type tells another");
}

/* The prefix may be an address too. */
static char *full_path(const char *prefix, const char *path)
{
    if (!prefix || vb_location_is_remote(path))
        return vb_strdup(path);
    return vb_location_is_remote(prefix) && *path != '/' ? vb_url_join(prefix, path) : vb_path_join(prefix, path);
}

static void plan_transfers(struct job *job, vb_transfer *transfer)
{
    check_extension(job);
    for (size_t i = 0; i < job->nrows; i++) {
        vb_auto_part part = {0};
        const char *path = vb_table_cell(&job->table, job->rows[i].row, job->path_column);
        vb_autofree char *full = full_path(job->options->prefix, path);

        vb_artifact_add(transfer, full, job->options->run, type_of(job, &job->rows[i], &part), &job->rows[i].dataid,
                        &job->rows[i].uuid);
    }
}

/* The first files that failed, by line. */
static int check_transfers(const struct job *job, const vb_transfer *transfer, vb_error *err)
{
    size_t failed = 0;

    for (size_t i = 0; i < transfer->count; i++) {
        const vb_transfer_file *f = &transfer->files[i];
        size_t line = job->table.lines[job->rows[i].row];
        vb_autofree char *source = NULL;

        if (!f->error.code || ++failed > MAX_NAMED)
            continue;
        source = vb_url_shown(f->source);
        if (failed == 1) {
            vb_fail(err, f->error.code, "%s:%zu: %s: %s", job->table.name, line, source, f->error.message);
            if (f->error.hint)
                vb_hint(err, "%s", f->error.hint);
        } else if (err) {
            vb_fail(err, err->code, "%s\n%s:%zu: %s: %s", err->message, job->table.name, line, source,
                    f->error.message);
        }
    }
    if (failed > MAX_NAMED && err)
        vb_fail(err, err->code, "%s\nand %zu more files", err->message, failed - MAX_NAMED);
    return failed ? -EINVAL : 0;
}

/* Inserts all rows that are datasets; their data IDs and paths stay where they are. */
static int insert_whole(struct job *job, const vb_transfer *transfer, const vb_dataset_type *type, int64_t run,
                        vb_error *err)
{
    vb_autofree vb_dataset *datasets = vb_alloc((job->nrows + 1) * sizeof *datasets);
    vb_autofree vb_location *locations = vb_alloc((job->nrows + 1) * sizeof *locations);
    size_t n = 0;

    for (size_t i = 0; i < job->nrows; i++) {
        if (job->rows[i].component)
            continue;
        datasets[n] = (vb_dataset){.uuid = job->rows[i].uuid,
                                   .type = type,
                                   .run_id = run,
                                   .dataid = job->rows[i].dataid};
        locations[n] = transfer->files[i].location;
        locations[n++].formatter = (char *)job->options->formatter;
    }
    return vb_dataset_insert_all(job->reg, datasets, locations, n, err);
}

/* The file of a component, and its dataset with the first of them. */
static int insert_part(struct job *job, const struct row *row, const vb_location *location, const vb_dataset_type *type,
                       int64_t run, vb_error *err)
{
    vb_part_of *of = vb_parts_find(job->parts, &row->dataid);
    vb_dataset d = {.id = of->id, .uuid = row->uuid, .type = type, .run_id = run, .dataid = row->dataid};
    vb_file file = {.component = row->component->name,
                    .storage_class = row->component->storage_class,
                    .location = *location};
    int r = d.id ? 0 : vb_dataset_insert(job->reg, &d, NULL, err);

    of->id = d.id;
    file.location.formatter = (char *)job->options->formatter;
    return r < 0 ? r : vb_component_insert(job->reg, &d, &file, err);
}

static int insert_rows(struct job *job, const vb_transfer *transfer, const vb_dataset_type *type, int64_t run,
                       vb_error *err)
{
    int r = insert_whole(job, transfer, type, run, err);

    for (size_t i = 0; !r && i < job->nrows; i++)
        if (job->rows[i].component)
            r = insert_part(job, &job->rows[i], &transfer->files[i].location, type, run, err);
    return r;
}

static int register_rows(struct job *job, vb_transfer *transfer, vb_error *err)
{
    vb_auto_txn txn = {0};
    const vb_collection *run;
    const vb_dataset_type *type;
    int r = vb_registry_begin(job->reg, &txn, err);

    if (!r)
        r = vb_collection_register(job->reg, job->options->run, VB_RUN, NULL, &run, err);
    if (!r)
        r = vb_dataset_type_find(job->reg, job->options->type, &type, err);
    if (!r)
        r = insert_rows(job, transfer, type, run->id, err);
    if (!r)
        r = vb_txn_commit(&txn, err);
    if (!r)
        vb_transfer_commit(transfer);
    return r;
}

static int check_run(struct job *job, vb_error *err)
{
    const vb_collection *run;

    if (vb_collection_find(job->reg, job->options->run, &run, NULL) <
        0) /* told before there are files under the name */
        return vb_collection_check_name(job->options->run, err);
    if (run->type == VB_RUN)
        return 0;
    return vb_fail(err, -EINVAL, "collection '%s' is a %s: files go into a RUN", run->name,
                   vb_collection_type_name(run->type));
}

static int find_type(struct job *job, vb_error *err)
{
    int r = vb_dataset_type_find(job->reg, job->options->type, &job->bindings.type, err);
    vb_autofree char *type = NULL, *component = NULL;

    if (r == -ENOENT && vb_component_split(job->options->type, &type, &component)) {
        vb_fail(err, -EINVAL, "'%s' is a component of dataset type '%s'", job->options->type, type);
        vb_hint(err, "ingest into '%s', and say '%s' in a column 'component' of the table", type, component);
        return -EINVAL;
    }
    if (r == -ENOENT && err && !err->hint)
        vb_hint(err, "vbutler register-dataset-type REPO %s STORAGE_CLASS DIMENSIONS... makes it", job->options->type);
    return r;
}

int vb_ingest_files(const vb_repo *repo, const char *table, const vb_files_options *options, vb_files_report *report,
                    vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    __attribute__((cleanup(job_clear))) struct job job = {.options = options};
    vb_auto(vb_transfer_end) vb_transfer *transfer = NULL;
    int r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);

    *report = (vb_files_report){0};
    job.reg = job.bindings.reg = reg;
    if (!r)
        r = find_type(&job, err);
    if (!r)
        r = check_run(&job, err);
    if (!r)
        r = vb_table_read(table, &job.table, err);
    if (!r)
        r = bind_all(&job, err);
    if (!r)
        r = plan_rows(&job, err);
    if (!r)
        r = vb_transfer_begin(repo, reg, options->transfer, &transfer, err);
    if (r < 0)
        return r;
    transfer->checksum = options->checksum;
    plan_transfers(&job, transfer);
    r = vb_transfer_run(transfer, options->threads, options->progress, err);
    if (!r)
        r = check_transfers(&job, transfer, err);
    if (!r)
        r = register_rows(&job, transfer, err);
    *report = (vb_files_report){.ingested = job.nrows,
                                .existing = job.existing,
                                .in_parts = job.parts ? vb_parts_count(job.parts) : 0};
    return r;
}
