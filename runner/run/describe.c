/* describe.c - what a receipt says beside its outputs: what was read, by what command, where, and at what cost. */
#include "registry/base/json.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/run/attempt.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MAX_SCRATCH_LISTED = 1000 };

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static vb_receipt_input *add_input(vb_receipt *r, vb_uuid dataset, const char *connection, const char *type,
                                   const char *dataid, unsigned touch)
{
    vb_receipt_input *in = VB_PUSH(r->inputs, r->ninputs, r->inputs_cap);

    in->dataset = dataset;
    in->connection = connection ? vb_strdup(connection) : NULL;
    in->type = vb_strdup(type);
    in->dataid = vb_strdup(dataid);
    in->touch = touch;
    return in;
}

/* Every declared input that the job was given, read or not; then what was touched beside them. */
static void add_inputs(vb_attempt *a)
{
    unsigned declared = VB_TOUCH_DECLARED | (a->worker->site->mountpoint ? 0 : VB_TOUCH_STAGED);

    for (size_t i = 0; i < a->quantum.ninputs; i++) {
        const vb_edge *edge = &a->quantum.inputs[i];
        const vb_journal_entry *e = a->journal ? vb_journal_find_dataset(a->journal, edge->dataset.id) : NULL;
        vb_auto_buf packed = {0};

        if (a->input_names && !a->input_names[i])
            continue;
        vb_dataid_pack(&edge->dataset.dataid, &packed);
        add_input(a->receipt, edge->dataset.uuid, edge->connection->name, edge->dataset.type->name,
                  vb_buf_text(&packed), declared | (e ? e->touch : 0));
    }
    for (size_t i = 0; a->journal && i < vb_journal_count(a->journal); i++) {
        const vb_journal_entry *e = vb_journal_at(a->journal, i);
        bool adhoc = a->worker->repository != NULL; /* whose inputs are declared by naming the collection */

        if (e->kind != VB_JOURNAL_DATASET || (e->declared && !adhoc))
            continue;
        add_input(a->receipt, e->dataset, NULL, e->type, e->dataid, e->touch | (adhoc ? VB_TOUCH_DECLARED : 0));
    }
}

static json_t *io_json(const vb_attempt *a)
{
    json_t *io = json_array();
    char uuid[VB_UUID_TEXT];

    for (size_t i = 0; a->journal && i < vb_journal_count(a->journal); i++) {
        const vb_journal_entry *e = vb_journal_at(a->journal, i);
        json_t *line = json_object();

        json_object_set_new(line, "path", vb_json_text(e->path));
        json_object_set_new(line, "kind", json_string(vb_journal_kind_name(e->kind)));
        json_object_set_new(line, "touch", vb_touch_json(e->touch));
        if (e->kind == VB_JOURNAL_DATASET) {
            json_object_set_new(line, "dataset", json_string(vb_uuid_format(e->dataset, uuid)));
            json_object_set_new(line, "type", json_string(e->type));
            json_object_set_new(line, "declared", json_boolean(e->declared));
        }
        json_array_append_new(io, line);
    }
    return io;
}

/* ---- environment ------------------------------------------------------------------------------------------------- */

/* Values pass an allow-list before they are recorded: no secret reaches provenance. */
static bool recorded(const char *name, const json_t *own)
{
    static const char *const allowed[] = {"PATH",
                                          "HOME",
                                          "LANG",
                                          "LC_*",
                                          "TZ",
                                          "SHELL",
                                          "PWD",
                                          "TMPDIR",
                                          "LD_LIBRARY_PATH",
                                          "OMP_NUM_THREADS",
                                          "OPENBLAS_NUM_THREADS",
                                          "MKL_NUM_THREADS",
                                          "PYTHONPATH",
                                          "PYTHONHASHSEED",
                                          "VBUTLER_*",
                                          "SLURM_JOB_ID",
                                          "SLURM_ARRAY_*",
                                          "SLURM_PROCID",
                                          "SLURMD_NODENAME",
                                          "CONDOR_SLOT",
                                          "_CONDOR_SLOT"};

    for (size_t i = 0; i < VB_COUNT(allowed); i++)
        if (!fnmatch(allowed[i], name, 0))
            return true;
    return json_object_get(own, name) != NULL;
}

static json_t *environment_json(const vb_attempt *a)
{
    const json_t *own = json_object_get(a->definition, "environment");
    json_t *object = json_object();

    for (char **e = a->environment; e && *e; e++) {
        const char *equals = strchr(*e, '=');
        vb_autofree char *name = vb_strndup(*e, equals ? (size_t)(equals - *e) : strlen(*e));

        if (equals && recorded(name, own))
            json_object_set_new(object, name, vb_json_text(equals + 1));
    }
    return object;
}

/* ---- scratch ----------------------------------------------------------------------------------------------------- */

/* A declared output, or a file of the pipeline (which is there where the job was plain). */
static bool is_declared(const vb_attempt *a, const char *path)
{
    if (json_object_get(json_object_get(a->definition, "files"), path))
        return true;
    for (size_t i = 0; i < a->quantum.noutputs; i++)
        if (a->output_names && a->output_names[i] && !strcmp(a->output_names[i], path))
            return true;
    return false;
}

/* What was left in the working directory beside declared outputs. */
static void list_scratch(const vb_attempt *a, int dirfd, const char *prefix, json_t *out)
{
    int fd = openat(dirfd, *prefix ? prefix : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) && json_array_size(out) < MAX_SCRATCH_LISTED) {
        vb_autofree char *path = *prefix ? vb_path_join(prefix, entry->d_name) : vb_strdup(entry->d_name);
        struct stat st;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        if (S_ISDIR(st.st_mode))
            list_scratch(a, dirfd, path, out);
        else if (!is_declared(a, path))
            json_array_append_new(out,
                                  json_pack("{s:o, s:I}", "path", vb_json_text(path), "size", (json_int_t)st.st_size));
    }
    if (dir)
        closedir(dir);
}

json_t *vb_attempt_undeclared_outputs(const vb_attempt *a)
{
    json_t *list = json_array();

    if (a->job)
        list_scratch(a, vb_job_scratch(a->job), "", list);
    return list;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static json_t *exit_json(const vb_attempt *a)
{
    json_t *object = json_object();

    if (a->result.step)
        json_object_set_new(object, "not_started", json_string(vb_job_step_name(a->result.step)));
    else if (WIFSIGNALED(a->result.status))
        json_object_set_new(object, "signal", json_integer(WTERMSIG(a->result.status)));
    else
        json_object_set_new(object, "code", json_integer(WEXITSTATUS(a->result.status)));
    return object;
}

static json_t *words_json(char *const *words)
{
    json_t *list = json_array();

    for (; words && *words; words++)
        json_array_append_new(list, vb_json_text(*words));
    return list;
}

void vb_attempt_describe(vb_attempt *a)
{
    json_t *details = a->receipt->details;

    a->receipt->usage = a->result.usage;
    add_inputs(a);
    json_object_set_new(details, "command", words_json(a->argv));
    json_object_set_new(details, "cwd", vb_json_text(a->work ? a->work : a->scratch));
    json_object_set_new(details, "environment", environment_json(a));
    json_object_set_new(details, "exit", exit_json(a));
    if (a->data_path)
        json_object_set_new(details, "data_path", json_string(a->data_path));
    if (a->job && vb_job_fetched(a->job))
        json_object_set_new(details, "bytes_fetched", json_integer(vb_job_fetched(a->job)));
    if (a->worker->graph->snapshot)
        json_object_set_new(details, "snapshot", json_string(a->worker->graph->snapshot));
    json_object_set_new(details, "runner", json_string("vbutler " VB_VERSION));
    json_object_set_new(details, "io", io_json(a));
    json_object_set_new(details, "undeclared_outputs", vb_attempt_undeclared_outputs(a));
    if (a->receipt->status != VB_STATUS_SUCCEEDED) {
        json_object_set_new(details, "scratch", vb_json_text(a->scratch));
        json_object_set_new(details, "log", vb_log_capture_tail(a->log));
    }
}
