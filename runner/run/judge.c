/* judge.c - whether an attempt succeeded, and if not, why: in a sentence that a person can act on. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "runner/run/attempt.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { LAST_LINES = 3, MISSING_NAMED = 3 };

static const char *program(const vb_attempt *a)
{
    return a->argv[0];
}

/* What a policy makes of something: a note for the log, a failure, or nothing but the record. */
static int apply(vb_attempt *a, const char *key, const char *otherwise, const char *what, vb_error *err)
{
    const char *word = json_string_value(json_object_get(json_object_get(a->definition, "policy"), key));

    word = word ? word : otherwise;
    if (!strcmp(word, "warn"))
        vb_buf_printf(&a->notes, "%s\n", what);
    return strcmp(word, "fail") ? 0 : vb_fail(err, -ECANCELED, "%s (policy %s: fail)", what, key);
}

/* ---- exit ---------------------------------------------------------------------------------------------------------- */

static int judge_start(const vb_attempt *a, vb_error *err)
{
    if (a->result.step == VB_STEP_EXEC) {
        vb_fail(err, -a->result.error, "%s: cannot be executed: %s", program(a), strerror(a->result.error));
        if (a->result.error == ENOENT)
            vb_hint(err, "it is not in PATH on this machine: install it, or name it by its whole path");
        return -a->result.error;
    }
    return vb_fail(err, -EIO, "the job was not started: %s: %s", vb_job_step_name(a->result.step),
                   strerror(a->result.error));
}

static int judge_exit(const vb_attempt *a, vb_error *err)
{
    int status = a->result.status;
    double wall = a->result.usage.wall;

    if (a->timed_out)
        return vb_fail(err, -ETIMEDOUT, "%s was ended after %.1f s: resources.runtime allows no more", program(a),
                       wall);
    if (atomic_load(&a->worker->stop))
        return vb_fail(err, -EINTR, "%s was ended after %.1f s, because the run was", program(a), wall);
    if (WIFSIGNALED(status))
        return vb_fail(err, -ECANCELED, "%s was killed by signal %d (%s) after %.2f s", program(a), WTERMSIG(status),
                       strsignal(WTERMSIG(status)), wall);
    if (WEXITSTATUS(status))
        return vb_fail(err, -ECANCELED, "%s exited with %d after %.2f s", program(a), WEXITSTATUS(status), wall);
    return 0;
}

/* ---- hints: the end of the log, and what was looked for in vain ------------------------------------------------------ */

static bool worth_naming(const vb_journal_entry *e)
{
    return (e->touch & VB_TOUCH_MISSING) && !(e->touch & (VB_TOUCH_WRITTEN | VB_TOUCH_READ)) &&
           (e->kind == VB_JOURNAL_SCRATCH || e->kind == VB_JOURNAL_MISSING) && !vb_starts_with(e->path, "work/out/");
}

static void add_missing(const vb_attempt *a, vb_buf *hint)
{
    const char *label = a->quantum.task->label;
    int named = 0;

    /* The last are nearest to the failure. */
    for (size_t i = vb_journal_count(a->journal); i-- && named < MISSING_NAMED;) {
        const vb_journal_entry *e = vb_journal_at(a->journal, i);

        if (!worth_naming(e))
            continue;
        vb_buf_separate(hint, "\n");
        vb_buf_printf(hint, "it looked for %s (not there)", e->path);
        if (!a->worker->repository && vb_starts_with(e->path, "work/") && !strchr(e->path + 5, '/'))
            vb_buf_printf(hint, "; the pipeline's task '%s' declares no file of that name under 'files'", label);
        named++;
    }
}

static void add_hints(const vb_attempt *a, vb_error *err)
{
    vb_auto_buf lines = {0}, hint = {0}, indented = {0};

    vb_log_capture_last_lines(a->log, LAST_LINES, &lines);
    for (const char *p = vb_buf_text(&lines); *p; p++) {
        vb_buf_putc(&indented, *p);
        if (*p == '\n')
            vb_buf_puts(&indented, "              ");
    }
    if (indented.len)
        vb_buf_printf(&hint, "  last lines: %s", indented.data);
    add_missing(a, &hint);
    if (err->hint) {
        vb_buf_separate(&hint, "\n");
        vb_buf_puts(&hint, err->hint);
    }
    if (hint.len)
        vb_hint(err, "%s", hint.data);
}

/* ---- policies -------------------------------------------------------------------------------------------------------- */

static int judge_inputs(vb_attempt *a, vb_error *err)
{
    vb_auto_buf undeclared = {0}, unused = {0};
    int denied = 0, r = 0;

    for (size_t i = 0; i < vb_journal_count(a->journal); i++) {
        const vb_journal_entry *e = vb_journal_at(a->journal, i);

        if (e->kind != VB_JOURNAL_DATASET || e->declared || !(e->touch & (VB_TOUCH_READ | VB_TOUCH_DENIED)))
            continue;
        denied += (e->touch & VB_TOUCH_DENIED) != 0;
        vb_buf_printf(&undeclared, "%s%s %s", undeclared.len ? ", " : "", e->type, e->path);
    }
    for (size_t i = 0; a->worker->site->mountpoint && i < a->quantum.ninputs; i++) {
        const vb_journal_entry *e = vb_journal_find_dataset(a->journal, a->quantum.inputs[i].dataset.id);

        if (a->input_names[i] && (!e || !(e->touch & VB_TOUCH_READ)))
            vb_buf_printf(&unused, "%s%s", unused.len ? ", " : "", a->input_names[i]);
    }
    if (undeclared.len) {
        vb_autofree char *what = vb_format("it %s datasets that the pipeline does not declare as inputs of '%s': %s",
                                           denied ? "tried to open" : "read", a->quantum.task->label, undeclared.data);

        r = apply(a, "undeclaredInputs", "record", what, err);
    }
    if (!r && unused.len) {
        vb_autofree char *what = vb_format("it did not read declared inputs: %s", unused.data);

        r = apply(a, "unusedInputs", "record", what, err);
    }
    return r;
}

static int judge_outputs(vb_attempt *a, vb_error *err)
{
    vb_auto_buf missing = {0};

    for (size_t i = 0; i < a->quantum.noutputs; i++)
        if (a->output_names[i] && a->quantum.outputs[i].connection->minimum > 0 &&
            faccessat(vb_job_scratch(a->job), a->output_names[i], F_OK, AT_SYMLINK_NOFOLLOW))
            vb_buf_printf(&missing, "%s%s", missing.len ? ", " : "", a->output_names[i]);
    if (!missing.len)
        return 0;
    vb_autofree char *what = vb_format("%s exited with 0 but did not write %s", program(a), missing.data);
    return apply(a, "missingOutputs", "fail", what, err);
}

static int judge_other_files(vb_attempt *a, vb_error *err)
{
    json_t *files = vb_attempt_undeclared_outputs(a), *file;
    vb_auto_buf what = {0};
    size_t i;
    int r = 0;

    json_array_foreach(files, i, file) {
        vb_buf_puts(&what, what.len ? ", " : "it wrote files that are no outputs: ");
        vb_buf_puts(&what, json_string_value(json_object_get(file, "path")));
    }
    json_decref(files);
    if (what.len)
        r = apply(a, "undeclaredOutputs", "record", what.data, err);
    return r;
}

int vb_attempt_judge(vb_attempt *a, vb_error *err)
{
    const char *fault = vb_job_fault(a->job);
    int r = a->result.step ? judge_start(a, err) : judge_exit(a, err);

    if (!r && fault) /* whatever the program makes of it */
        r = vb_fail(err, -EIO, "%s exited with 0, but not all of its files could be read or written", program(a));
    if (!r)
        r = judge_inputs(a, err);
    if (!r)
        r = judge_outputs(a, err);
    if (!r)
        r = judge_other_files(a, err);
    if (r < 0 && fault)
        vb_hint(err, "%s", fault);
    if (r < 0)
        add_hints(a, err);
    return r;
}
