/* publish.c - outputs are checked, hashed and given to the store; log and metadata are written.
 *
 * Modes and group are the repository's, whatever the task's umask. */
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/run/artifact.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- one output ------------------------------------------------------------------------------------------------------ */

/* Opens a declared output for reading.  A symlink is followed while it stays in the scratch directory. */
static int open_output(const vb_attempt *a, const char *name, vb_error *err)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, vb_job_scratch(a->job), name, &how, sizeof how);
    struct stat st;

    if (fd < 0 && errno == EXDEV)
        return vb_fail(err, -EXDEV, "output %s is a symbolic link that leads out of the working directory", name);
    if (fd < 0)
        return vb_fail_errno(err, -errno, "output %s", name);
    if (!fstat(fd, &st) && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return vb_fail(err, -EINVAL, "output %s is no regular file", name);
}

/* A file with other names, or behind a symlink, is copied: no kept scratch name may alias an artifact. */
static int own_copy(const vb_attempt *a, const char *name, int *fd, vb_error *err)
{
    int scratch = vb_job_scratch(a->job), r;
    vb_autofree char *copy = NULL;
    vb_autoclose int to = vb_create_beside(scratch, name, 0600, &copy);

    if (to < 0)
        return vb_fail_errno(err, to, "copying output %s", name);
    r = vb_copy_fd(*fd, to, err);
    if (!r && renameat(scratch, copy, scratch, name))
        r = vb_fail_errno(err, -errno, "copying output %s", name);
    if (r < 0)
        return r;
    close(*fd);
    *fd = vb_steal_fd(&to);
    return 0;
}

/* Checks an output, hashes it, gives it its mode. */
static int take_output(vb_attempt *a, const char *name, vb_receipt_output *out, vb_artifact *artifact, vb_error *err)
{
    vb_autoclose int fd = open_output(a, name, err);
    struct stat st, link;
    int r = fd < 0 ? fd : 0;

    if (!r && (fstat(fd, &st) || fstatat(vb_job_scratch(a->job), name, &link, AT_SYMLINK_NOFOLLOW)))
        r = vb_fail_errno(err, -errno, "output %s", name);
    if (!r && (st.st_nlink > 1 || S_ISLNK(link.st_mode)))
        r = own_copy(a, name, &fd, err);
    if (!r)
        r = vb_hash_fd(fd, &out->checksum, &out->size, err);
    if (!r)
        r = vb_artifact_permit(a->worker->site, fd, name, err);
    if (!r && fstat(fd, &st))
        r = vb_fail_errno(err, -errno, "output %s", name);
    if (r < 0)
        return r;
    out->mtime = vb_clock_ns(st.st_mtim);
    artifact->from = vb_strdup(name);
    artifact->inode = st.st_ino;
    return 0;
}

/* ---- what the receipt says ------------------------------------------------------------------------------------------------------------ */

static vb_receipt_output *add_output(vb_attempt *a, const vb_edge *edge)
{
    vb_receipt_output *out = VB_PUSH(a->receipt->outputs, a->receipt->noutputs, a->receipt->outputs_cap);
    vb_buf packed = {0};

    out->dataset = edge->dataset.uuid;
    out->connection = vb_strdup(edge->connection->name);
    out->type = vb_strdup(edge->dataset.type->name);
    vb_dataid_pack(&edge->dataset.dataid, &packed);
    out->dataid = vb_buf_steal(&packed);
    return out;
}

/* ---- log and metadata -------------------------------------------------------------------------------------------------- */

/* Rubin's TaskMetadata: what the runner knows of the quantum, in the keys that pipe_base uses. */
static char *metadata_json(const vb_attempt *a)
{
    const vb_usage *u = &a->result.usage;
    char start[28], end[28];
    json_t *quantum = json_pack("{s:[s], s:[s], s:[f], s:[f], s:[I]}", "startUtc",
                                vb_clock_iso(a->receipt->started, start), "endUtc",
                                vb_clock_iso(a->receipt->started + (int64_t)(u->wall * 1e9), end), "startCpuTime", 0.0,
                                "endCpuTime", u->cpu_user + u->cpu_system, "endMaxResidentSetSize",
                                (json_int_t)u->memory);
    json_t *object = json_pack("{s:{}, s:{}, s:{s:{s:{}, s:o, s:{}}}}", "scalars", "arrays", "metadata", "quantum",
                               "scalars", "arrays", quantum, "metadata");
    char *text = json_dumps(object, JSON_COMPACT);

    json_decref(object);
    return text;
}

static int write_own(vb_attempt *a, const vb_edge *edge, vb_receipt_output *out, vb_artifact *artifact, vb_error *err)
{
    vb_autoclose int fd = vb_artifact_create(vb_job_scratch(a->job), artifact, err);
    struct stat st;
    int r = fd < 0 ? fd : 0;

    if (!r && edge->connection->role == VB_ROLE_LOG) {
        r = vb_log_capture_write(a->log, fd, &out->size, &out->checksum, err);
    } else if (!r) {
        vb_autofree char *text = metadata_json(a);

        out->size = (int64_t)strlen(text);
        out->checksum = vb_hash_bytes(text, strlen(text));
        r = vb_write_all(fd, text, strlen(text));
        r = r < 0 ? vb_fail_errno(err, r, "writing %s", artifact->path) : 0;
    }
    if (!r)
        r = vb_artifact_permit(a->worker->site, fd, artifact->path, err);
    if (!r && fstat(fd, &st))
        r = vb_fail_errno(err, -errno, "writing %s", artifact->path);
    if (!r)
        out->mtime = vb_clock_ns(st.st_mtim);
    return r;
}

/* ---- all ----------------------------------------------------------------------------------------------------------------- */

static bool is_own(const vb_edge *edge)
{
    return edge->connection->role == VB_ROLE_LOG || edge->connection->role == VB_ROLE_METADATA;
}

/* What was made, checked and hashed, with the names that it is to have; nothing is named yet. */
static int take_outputs(vb_attempt *a, vb_error *err)
{
    int r = 0;

    a->artifacts = vb_alloc((a->quantum.noutputs + 1) * sizeof *a->artifacts);
    for (size_t i = 0; !r && i < a->quantum.noutputs; i++) {
        const vb_edge *edge = &a->quantum.outputs[i];
        vb_receipt_output *out = add_output(a, edge);

        vb_artifact_plan(a->worker->graph->run, &edge->dataset, a->number, &a->artifacts[i]);
        if (is_own(edge))
            r = write_own(a, edge, out, &a->artifacts[i], err);
        else if (!faccessat(vb_job_scratch(a->job), a->output_names[i], F_OK, AT_SYMLINK_NOFOLLOW))
            r = take_output(a, a->output_names[i], out, &a->artifacts[i], err); /* else optional, and not made */
    }
    return r;
}

int vb_attempt_publish(vb_attempt *a, vb_error *err)
{
    int r = take_outputs(a, err);

    if (!r)
        r = vb_artifacts_name(a->worker->site, a->file, vb_job_scratch(a->job), a->artifacts, a->quantum.noutputs, err);
    for (size_t i = 0; !r && i < a->quantum.noutputs; i++)
        if (a->artifacts[i].named)
            a->receipt->outputs[i].path = vb_strdup(a->artifacts[i].path);
    return r;
}

void vb_receipt_withdraw(const vb_site *site, vb_receipt *receipt)
{
    for (size_t i = 0; i < receipt->noutputs; i++) {
        vb_autofree char *path = VB_STEAL(receipt->outputs[i].path);

        if (path && vb_path_is_safe(path))
            unlinkat(site->root, path, 0);
    }
}
