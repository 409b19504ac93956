/* prepare.c - before the job: its scratch directory, its view, its command line and environment. */
#include "fs/view/names.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/command/expand.h"
#include "runner/run/attempt.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

static const vb_branch *const job_branches[] = {&vb_branch_data, &vb_branch_dimensions, NULL};

static int locate_published(void *arg, const vb_dataset *d, vb_location *out)
{
    return vb_published_find(arg, &d->uuid, out);
}

/* Where the dataset is: in one file, or else in parts. */
static int locate(const vb_attempt *a, const vb_dataset *d, vb_files *out, vb_error *err)
{
    vb_worker *w = a->worker;
    vb_auto_location whole = {0};
    bool predicted = d->state == VB_DATASET_PREDICTED;
    int r = predicted ? vb_published_find(w->site->published, &d->uuid, &whole)
                      : vb_location_get(w->graph->reg, d->id, &whole, err);

    if (r > 0) {
        VB_PUSH(out->items, out->count, out->cap)->location = whole;
        whole = (vb_location){0};
    }
    return r || predicted ? (r < 0 ? r : 0) : vb_files_get(w->graph->reg, d->id, out, err);
}

/* Leaves of a dataset in parts only the one that the connection asks for. */
static int choose_part(const vb_edge *edge, vb_files *files, vb_error *err)
{
    const char *wanted = edge->connection->component;
    vb_auto_buf what = {0}, there = {0};
    vb_file chosen = {0};

    if (!wanted || !files->count || !files->items[0].component)
        return 0;
    for (size_t i = 0; i < files->count; i++) {
        vb_buf_printf(&there, "%s%s", i ? ", " : "", files->items[i].component);
        if (!strcmp(files->items[i].component, wanted)) {
            chosen = files->items[i];
            files->items[i] = (vb_file){0};
        }
    }
    if (!chosen.component) {
        vb_dataset_print(&edge->dataset, &what);
        return vb_fail(err, -ENOENT, "input %s has no file of its component '%s': it has those of %s",
                       vb_buf_text(&what), wanted, vb_buf_text(&there));
    }
    vb_files_clear(files);
    *VB_PUSH(files->items, files->count, files->cap) = chosen;
    return 0;
}

int vb_attempt_input_files(const vb_attempt *a, const vb_edge *edge, vb_files *out, vb_error *err)
{
    vb_auto_files files = {0};
    int64_t mtime;
    int r = locate(a, &edge->dataset, &files, err);

    if (!r)
        r = choose_part(edge, &files, err);
    for (size_t i = 0; !r && i < files.count; i++)
        if (files.items[i].location.size < 0)
            r = vb_stores_stat(a->worker->stores, &files.items[i].location, &files.items[i].location.size, &mtime, err);
    if (r < 0)
        return r;
    *out = files;
    files = (vb_files){0};
    return 0;
}

/* ---- inputs ----------------------------------------------------------------------------------------------------------- */

/* An edge of the quantum, on its way into the job. */
struct input {
    const vb_edge *edge;
    vb_files files;
    bool there;
};

/* What the registry has must have an artifact.  What another quantum was to make it may have left out, as far as
 * `minimum` says. */
static int find_input(vb_attempt *a, struct input *in, vb_error *err)
{
    vb_auto_buf what = {0};
    int r = vb_attempt_input_files(a, in->edge, &in->files, err);

    in->there = !r && in->files.count;
    if (r < 0 || in->there || in->edge->dataset.state == VB_DATASET_PREDICTED)
        return r;
    vb_dataset_print(&in->edge->dataset, &what);
    return vb_fail(err, -ENOENT, "input %s has no artifact: it was pruned", vb_buf_text(&what));
}

/* The end of the edges of one connection, which stand together. */
static size_t connection_end(const struct input *inputs, size_t begin, size_t count)
{
    size_t i = begin;

    while (i < count && inputs[i].edge->connection == inputs[begin].edge->connection)
        i++;
    return i;
}

static size_t count_there(const struct input *inputs, size_t begin, size_t end)
{
    size_t n = 0;

    for (size_t i = begin; i < end; i++)
        n += inputs[i].there;
    return n;
}

/* Takes out of connection `a` what connection `b` lacks: both are in the order of data IDs. */
static void drop_unpaired(struct input *a, size_t na, const struct input *b, size_t nb)
{
    size_t k = 0;

    for (size_t i = 0; i < na; i++) {
        int order = -1;

        while (k < nb && (order = vb_dataid_compare(&b[k].edge->dataset.dataid, &a[i].edge->dataset.dataid)) < 0)
            k++;
        if (k == nb || order || !b[k].there)
            a[i].there = false;
    }
}

/* Connections of equal dimensions that take many datasets align one to one: a data ID that one of them lacks is dropped
 * from all.  One that is wholly absent is no partner. */
static void align(struct input *inputs, size_t count)
{
    for (size_t a = 0, a_end; a < count; a = a_end) {
        a_end = connection_end(inputs, a, count);
        for (size_t b = 0, b_end; b < count; b = b_end) {
            b_end = connection_end(inputs, b, count);
            if (a != b && inputs[a].edge->connection->multiple && inputs[b].edge->connection->multiple &&
                inputs[a].edge->dataset.type->group == inputs[b].edge->dataset.type->group &&
                count_there(inputs, b, b_end))
                drop_unpaired(inputs + a, a_end - a, inputs + b, b_end - b);
        }
    }
}

static int check_minimum(const vb_attempt *a, const struct input *inputs, size_t count, vb_error *err)
{
    for (size_t i = 0, end; i < count; i = end) {
        const vb_connection *c = inputs[i].edge->connection;
        vb_auto_buf what = {0};
        size_t n;

        end = connection_end(inputs, i, count);
        n = count_there(inputs, i, end);
        if (n >= (size_t)c->minimum || c->role != VB_ROLE_INPUT)
            continue;
        for (size_t k = i; !what.len && k < end; k++)
            if (!inputs[k].there)
                vb_dataset_print(&inputs[k].edge->dataset, &what);
        return vb_fail(err, -ENOENT, "its connection '%s' needs %d, and %zu of %zu are there: %s was not made", c->name,
                       c->minimum, n, end - i, vb_buf_text(&what));
    }
    return 0;
}

/* A name that a file of the job has. */
struct named {
    char *name;
    UT_hash_handle hh;
};

static void forget_names(struct named **all)
{
    struct named *n, *next;

    HASH_ITER(hh, *all, n, next) {
        HASH_DEL(*all, n);
        free(n->name);
        free(n);
    }
}

/* FILE below in/CONNECTION; a name that an earlier file has is made unique. */
static const char *name_file(struct named **named, const vb_edge *edge, const vb_file *file)
{
    vb_auto_part part = {0};
    const vb_dataset *d = &edge->dataset;
    const vb_dataset_type *type = vb_file_type(d->type, file, &part);
    const char *extension = vb_dataset_type_extension(type, file->location.path);
    struct named *other;
    vb_buf name = {0};

    vb_buf_printf(&name, "in/%s/", edge->connection->name);
    vb_name_file(&name, type, &d->dataid, extension);
    HASH_FIND_STR(*named, vb_buf_text(&name), other);
    if (other) {
        vb_buf_clear(&name);
        vb_buf_printf(&name, "in/%s/", edge->connection->name);
        vb_name_file_unique(&name, type, &d->dataid, extension, &d->uuid);
    }
    other = VB_NEW(struct named);
    other->name = vb_buf_steal(&name);
    HASH_ADD_KEYPTR(hh, *named, other->name, strlen(other->name), other);
    return other->name;
}

/* The job sees the file under its name: through its session, or as a copy. */
static int show_file(vb_attempt *a, const vb_edge *edge, const char *name, vb_file *file, vb_error *err)
{
    vb_auto_dataset d = edge->dataset;

    d.dataid = vb_dataid_copy(&edge->dataset.dataid);
    if (!a->worker->site->mountpoint)
        return vb_attempt_stage_input(a, name, &file->location, err);
    vb_job_add_input(a->job, edge->connection->name, vb_path_base(name), &d, file);
    return 0;
}

static int show_input(vb_attempt *a, size_t i, struct named **named, struct input *in, vb_error *err)
{
    int r = 0;

    for (size_t k = 0; !r && k < in->files.count; k++) {
        const char *name = name_file(named, in->edge, &in->files.items[k]);

        if (k)
            vb_strv_add(&a->more_names[i], name);
        else
            a->input_names[i] = vb_strdup(name);
        r = show_file(a, in->edge, name, &in->files.items[k], err);
    }
    return r;
}

static int add_inputs(vb_attempt *a, vb_error *err)
{
    size_t count = a->quantum.ninputs;
    vb_autofree struct input *inputs = vb_alloc((count + 1) * sizeof *inputs);
    struct named *named = NULL;
    int r = 0;

    for (size_t i = 0; i < count; i++)
        inputs[i].edge = &a->quantum.inputs[i];
    for (size_t i = 0; !r && i < count; i++)
        r = find_input(a, &inputs[i], err);
    align(inputs, count);
    if (!r)
        r = check_minimum(a, inputs, count, err);
    if (!r) {
        a->input_names = vb_alloc((count + 1) * sizeof *a->input_names);
        a->more_names = vb_alloc((count + 1) * sizeof *a->more_names);
    }
    for (size_t i = 0; !r && i < count; i++)
        if (inputs[i].there)
            r = show_input(a, i, &named, &inputs[i], err);
    forget_names(&named);
    for (size_t i = 0; i < count; i++)
        vb_files_clear(&inputs[i].files);
    return r;
}

/* ---- outputs and files ------------------------------------------------------------------------------------------------ */

/* Declared outputs have names, and their connections directories. */
static int add_outputs(vb_attempt *a, vb_error *err)
{
    int r = 0;

    a->output_names = vb_alloc((a->quantum.noutputs + 1) * sizeof *a->output_names);
    for (size_t i = 0; !r && i < a->quantum.noutputs; i++) {
        const vb_edge *edge = &a->quantum.outputs[i];
        vb_autofree char *dir = vb_format("out/%s", edge->connection->name);
        vb_buf name = {0};

        if (edge->connection->role != VB_ROLE_OUTPUT)
            continue;
        vb_buf_printf(&name, "%s/", dir);
        vb_name_file(&name, edge->dataset.type, &edge->dataset.dataid,
                     vb_dataset_type_extension(edge->dataset.type, NULL));
        a->output_names[i] = vb_buf_steal(&name);
        if (a->worker->site->mountpoint)
            vb_job_add_connection(a->job, true, edge->connection->name);
        else
            r = vb_mkdirs(vb_job_scratch(a->job), dir, 0755, err);
    }
    return r;
}

static int add_files(vb_attempt *a, vb_error *err)
{
    const char *name;
    json_t *file;
    int r = 0;

    json_object_foreach(json_object_get(a->definition, "files"), name, file) {
        vb_autofree char *path = vb_format("%s/files/%s/%s", a->worker->site->dir->path, a->quantum.task->label, name);

        if (!r)
            r = a->worker->site->mountpoint ? vb_job_add_file(a->job, name, path, err)
                                            : vb_attempt_stage_file(a, name, path, err);
    }
    return r;
}

static vb_policy policy(const vb_attempt *a, const char *key, vb_policy otherwise)
{
    const char *word = json_string_value(json_object_get(json_object_get(a->definition, "policy"), key));

    if (!word)
        return otherwise;
    return !strcmp(word, "fail") ? VB_POLICY_FAIL : !strcmp(word, "warn") ? VB_POLICY_WARN : VB_POLICY_RECORD;
}

static int make_view(vb_attempt *a, vb_error *err)
{
    vb_worker *w = a->worker;
    int r = vb_job_view_new(a->scratch, &a->job, err);

    if (r < 0)
        return r;
    a->view = vb_view_new(w->stores, job_branches);
    a->view->job = a->job;
    a->view->locate = locate_published;
    a->view->locate_arg = w->site->published;
    a->view->undeclared = policy(a, "undeclaredInputs", VB_POLICY_RECORD);
    a->journal = vb_journal_new();
    if (w->repository)
        vb_job_show_types(a->job, &w->search);
    r = add_inputs(a, err);
    if (!r)
        r = add_files(a, err);
    return r < 0 ? r : add_outputs(a, err);
}

/* ---- command and environment -------------------------------------------------------------------------------------- */

static int cpus(const vb_attempt *a)
{
    json_int_t n = json_integer_value(json_object_get(json_object_get(a->definition, "resources"), "cpus"));

    return n > 0 ? (int)n : 1;
}

static void set_variable(char ***environment, const char *name, const char *value)
{
    vb_autofree char *pair = vb_format("%s=%s", name, value);

    vb_strv_add(environment, pair);
}

/* The runner's environment, with what the pipeline sets and where the job is. */
static void make_environment(vb_attempt *a)
{
    const json_t *own = json_object_get(a->definition, "environment");
    const char *mountpoint = a->worker->site->mountpoint, *name;
    char uuid[VB_UUID_TEXT];
    json_t *value;

    for (char **e = environ; *e; e++) {
        vb_autofree char *key = vb_strndup(*e, strcspn(*e, "="));

        if (strcmp(key, "PWD") && strcmp(key, "OLDPWD") && !vb_starts_with(key, "VBUTLER_") &&
            !json_object_get(own, key))
            vb_strv_add(&a->environment, *e);
    }
    json_object_foreach((json_t *)own, name, value)
        set_variable(&a->environment, name, json_string_value(value));
    set_variable(&a->environment, "PWD", a->work);
    if (mountpoint)
        set_variable(&a->environment, "VBUTLER_MOUNT", mountpoint);
    set_variable(&a->environment, "VBUTLER_RUN", a->worker->graph->run);
    set_variable(&a->environment, "VBUTLER_TASK", a->quantum.task->label);
    set_variable(&a->environment, "VBUTLER_QUANTUM", vb_uuid_format(a->quantum.uuid, uuid));
}

int vb_attempt_prepare(vb_attempt *a, vb_error *err)
{
    vb_expansion expansion = {.graph = a->worker->graph, .quantum = &a->quantum, .definition = a->definition};
    int r = vb_rundir_make_scratch(a->worker->site->dir, &a->quantum.uuid, a->number, &a->scratch, err);

    if (!r)
        r = make_view(a, err);
    if (r < 0)
        return r;
    a->work = a->worker->site->mountpoint ? vb_path_join(a->worker->site->mountpoint, "work") : vb_strdup(a->scratch);
    a->cpus = cpus(a);
    expansion.cpus = a->cpus;
    expansion.input_names = a->input_names;
    expansion.more_names = a->more_names;
    expansion.output_names = a->output_names;
    expansion.work = vb_job_scratch(a->job);
    r = vb_expand_command(&expansion, &a->argv, err);
    if (!r)
        make_environment(a);
    return r;
}
