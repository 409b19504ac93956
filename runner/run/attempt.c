#include "runner/run/artifact.h"

#include "registry/base/clock.h"
#include "registry/base/json.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void vb_attempt_clear(vb_attempt *a)
{
    if (a->view)
        vb_view_free(a->view); /* its nodes hold overlays of the job: first */
    if (a->job)
        vb_job_view_free(a->job);
    if (a->journal)
        vb_journal_free(a->journal);
    if (a->log)
        vb_log_capture_free(a->log);
    if (a->receipt)
        vb_receipt_free(a->receipt);
    for (size_t i = 0; a->input_names && i < a->quantum.ninputs; i++) {
        free(a->input_names[i]);
        vb_strv_free(a->more_names[i]);
    }
    free(a->more_names);
    for (size_t i = 0; a->output_names && i < a->quantum.noutputs; i++)
        free(a->output_names[i]);
    free(a->input_names);
    free(a->output_names);
    vb_artifacts_free(a->artifacts, a->quantum.noutputs);
    vb_strv_free(a->argv);
    vb_strv_free(a->environment);
    if (a->file >= 0)
        close(a->file);
    free(a->scratch);
    free(a->work);
    vb_buf_free(&a->notes);
    json_decref(a->definition);
    vb_quantum_clear(&a->quantum);
}

static vb_receipt *start_receipt(const vb_attempt *a)
{
    vb_receipt *r = vb_receipt_new();
    vb_buf packed = {0};

    vb_dataid_pack(&a->quantum.dataid, &packed);
    r->graph = vb_strdup(a->worker->graph->id);
    r->run = vb_strdup(a->worker->graph->run);
    r->task = vb_strdup(a->quantum.task->label);
    r->quantum = a->quantum.uuid;
    r->dataid = vb_buf_steal(&packed);
    r->attempt = a->number;
    r->capture = vb_strdup(a->worker->site->capture);
    r->host = vb_strdup(a->worker->site->host);
    r->started = vb_clock_unix_ns();
    return r;
}

void vb_attempt_withdraw(vb_attempt *a)
{
    vb_artifacts_withdraw(a->worker->site, a->artifacts, a->receipt->noutputs);
    for (size_t i = 0; i < a->receipt->noutputs; i++) {
        free(a->receipt->outputs[i].path);
        a->receipt->outputs[i].path = NULL;
    }
}

/* A link from where the task saw a file to where it is. */
static bool leave_link(const vb_attempt *a, const char *name, const vb_location *location)
{
    vb_autofree char *target = vb_stores_path(a->worker->stores, location), *dir = vb_path_dir(name);

    return vb_mkdirs(vb_job_scratch(a->job), dir, 0755, NULL) || !symlinkat(target, vb_job_scratch(a->job), name);
}

/* Shows a person who looks into a kept scratch directory the inputs where the task saw them. */
static void leave_links(const vb_attempt *a)
{
    for (size_t i = 0; a->input_names && i < a->quantum.ninputs; i++) {
        const vb_edge *edge = &a->quantum.inputs[i];
        char *const *more = a->more_names[i];
        vb_auto_files files = {0};

        if (!a->input_names[i] || vb_attempt_input_files(a, edge, &files, NULL) < 0)
            continue;
        for (size_t k = 0; k < files.count && (!k || (more && more[k - 1])); k++)
            if (!leave_link(a, k ? more[k - 1] : a->input_names[i], &files.items[k].location))
                return; /* a convenience: its failure is none of the attempt's */
    }
}

static int note_receipt(vb_attempt *a, vb_error *err)
{
    vb_autofree char *line = vb_receipt_write(a->receipt);

    return vb_rundir_note(a->file, line, err);
}

/* A success: what it made is published and noted.  Where that cannot be done it is none. */
static int succeed(vb_attempt *a, vb_error *err)
{
    int r;

    a->receipt->status = VB_STATUS_SUCCEEDED;
    if (a->notes.len)
        vb_log_capture_say(a->log, "WARNING", a->notes.data);
    r = vb_attempt_publish(a, err);
    if (!r) {
        vb_attempt_describe(a);
        r = note_receipt(a, err);
    }
    if (r < 0)
        vb_attempt_withdraw(a);
    return r;
}

static int fail(vb_attempt *a, const vb_error *why, vb_error *err)
{
    int r;

    a->receipt->status = atomic_load(&a->worker->stop) ? VB_STATUS_ABORTED : VB_STATUS_FAILED;
    a->receipt->message = vb_strdup(why->message ? why->message : strerror(-why->code));
    if (why->hint)
        json_object_set_new(a->receipt->details, "hint", vb_json_text(why->hint));
    for (size_t i = 0; i < a->receipt->ninputs; i++) { /* described already, before publishing failed */
        free(a->receipt->inputs[i].connection);
        free(a->receipt->inputs[i].type);
        free(a->receipt->inputs[i].dataid);
    }
    a->receipt->ninputs = 0;
    vb_attempt_describe(a);
    if (a->job)
        leave_links(a);
    r = note_receipt(a, err);
    if (r != -ENOSPC)
        return r;
    /* The working directory is what filled the disk, or can make room. */
    vb_error_clear(err);
    vb_remove_tree(AT_FDCWD, a->scratch, NULL);
    free(a->scratch);
    a->scratch = NULL;
    json_object_del(a->receipt->details, "scratch");
    return note_receipt(a, err);
}

static int begin(vb_worker *w, int64_t quantum_id, int number, vb_attempt *a, vb_error *err)
{
    vb_autofree char *scratch = NULL, *spill = NULL;
    int r = vb_graph_quantum(w->graph, quantum_id, &a->quantum, err);

    if (r < 0)
        return r;
    a->definition = json_loads(a->quantum.task->definition, 0, NULL);
    if (!a->definition)
        return vb_fail(err, -EINVAL, "the graph's definition of task '%s' is damaged", a->quantum.task->label);
    a->number = number;
    a->file = vb_rundir_begin(w->site->dir, &a->quantum.uuid, &a->number, err);
    if (a->file < 0)
        return a->file;
    scratch = vb_rundir_scratch(w->site->dir, &a->quantum.uuid, a->number);
    spill = vb_format("%s.log", scratch);
    a->log = vb_log_capture_new(a->quantum.task->label, spill);
    if (w->repository)
        vb_log_capture_echo(a->log);
    a->receipt = start_receipt(a);
    return 0;
}

int vb_attempt_make(vb_worker *w, int64_t quantum_id, int number, vb_attempt *a, vb_error *err)
{
    vb_auto_error why = VB_ERROR_INIT;
    int r;

    *a = (vb_attempt){.worker = w, .file = -1};
    r = begin(w, quantum_id, number, a, err);
    if (r < 0)
        return r;
    r = vb_attempt_prepare(a, &why);
    if (!r)
        r = vb_attempt_run(a, &why);
    if (!r)
        r = vb_attempt_judge(a, &why);
    if (!r)
        r = succeed(a, &why);
    if (r < 0)
        return fail(a, &why, err);
    if (!w->site->options->keep_scratch && !w->repository)
        vb_remove_tree(AT_FDCWD, a->scratch, NULL);
    return 0;
}
