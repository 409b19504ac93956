/* publish.c - outputs get their final names in the store; log and metadata are written there.
 *
 * Before any name is taken, the attempt's file says which: so what a dead attempt has left can be found and removed. No
 * name is ever taken from another (RENAME_NOREPLACE, O_EXCL); modes and group are the repository's, whatever the task's
 * umask. */
#include "fs/view/names.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/run/attempt.h"

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
    vb_autofree char *copy = vb_format("%s.own", name);
    vb_autoclose int to = openat(vb_job_scratch(a->job), copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = to < 0 ? vb_fail_errno(err, -errno, "copying output %s", name) : vb_copy_fd(*fd, to, err);

    if (!r && renameat(vb_job_scratch(a->job), copy, vb_job_scratch(a->job), name))
        r = vb_fail_errno(err, -errno, "copying output %s", name);
    if (r < 0)
        return r;
    close(*fd);
    *fd = vb_steal_fd(&to);
    return 0;
}

static int set_permissions(const vb_repo *repo, int fd, const char *name, vb_error *err)
{
    if (repo->group != (gid_t)-1 && fchown(fd, (uid_t)-1, repo->group))
        return vb_fail_errno(err, -errno, "%s: giving it the repository's group", name);
    return fchmod(fd, repo->file_mode) ? vb_fail_errno(err, -errno, "%s: giving it the repository's mode", name) : 0;
}

/* Checks an output, hashes it, gives it its mode. */
static int take_output(vb_attempt *a, const char *name, vb_receipt_output *out, vb_error *err)
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
        r = set_permissions(a->worker->site->repo, fd, name, err);
    if (!r && fstat(fd, &st))
        r = vb_fail_errno(err, -errno, "output %s", name);
    if (!r)
        out->mtime = vb_clock_ns(st.st_mtim);
    return r;
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */

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

/* The final path; where something has it already (two data IDs that are spelled alike in a path), one with the UUID in
 * it. */
static char *final_path(const vb_attempt *a, const vb_edge *edge)
{
    const vb_dataset *d = &edge->dataset;
    const char *extension = vb_dataset_type_extension(d->type, NULL);
    vb_buf path = {0};

    vb_name_artifact(&path, a->worker->graph->run, d->type, &d->dataid, extension, a->number);
    if (!faccessat(a->worker->site->root, vb_buf_text(&path), F_OK, AT_SYMLINK_NOFOLLOW)) {
        vb_autofree char *dir = vb_path_dir(vb_buf_text(&path));

        vb_buf_clear(&path);
        vb_buf_printf(&path, "%s/", dir);
        vb_name_file_unique(&path, d->type, &d->dataid, extension, &d->uuid);
    }
    return vb_buf_steal(&path);
}

static int note_intent(vb_attempt *a, vb_error *err)
{
    json_t *paths = json_array(), *object = json_object();
    char *line;
    int r;

    for (size_t i = 0; i < a->receipt->noutputs; i++)
        if (a->receipt->outputs[i].path)
            json_array_append_new(paths, json_string(a->receipt->outputs[i].path));
    json_object_set_new(object, "intent", paths);
    line = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    r = vb_rundir_note(a->file, line, err);
    free(line);
    return r;
}

static int make_directory(const vb_site *site, const char *path, vb_error *err)
{
    vb_autofree char *dir = vb_path_dir(path);

    return vb_mkdirs(site->root, dir, site->repo->dir_mode, err); /* the runner's umask is 0 */
}

/* Moves a file of the scratch directory to its final name; over file systems through a temporary name beside it. */
static int move_output(vb_attempt *a, const char *name, const char *path, vb_error *err)
{
    const vb_site *site = a->worker->site;
    int scratch = vb_job_scratch(a->job), r;
    vb_autofree char *temporary = NULL;
    vb_autoclose int from = -1, to = -1;

    if (!renameat2(scratch, name, site->root, path, RENAME_NOREPLACE))
        return 0;
    if (errno != EXDEV)
        return vb_fail_errno(err, -errno, "naming output %s %s", name, path);
    temporary = vb_format("%s.%d.tmp", path, (int)getpid());
    from = openat(scratch, name, O_RDONLY | O_CLOEXEC);
    to = openat(site->root, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0)
        return vb_fail_errno(err, -errno, "copying output %s to %s", name, path);
    r = vb_copy_fd(from, to, err);
    if (!r)
        r = set_permissions(site->repo, to, path, err);
    if (!r && renameat2(site->root, temporary, site->root, path, RENAME_NOREPLACE))
        r = vb_fail_errno(err, -errno, "naming output %s %s", name, path);
    if (r < 0)
        unlinkat(site->root, temporary, 0);
    return r;
}

/* ---- log and metadata -------------------------------------------------------------------------------------------------- */

static int create(vb_attempt *a, const char *path, vb_error *err)
{
    int r = make_directory(a->worker->site, path, err);
    int fd = r < 0 ? r : openat(a->worker->site->root, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd < 0 && !r ? vb_fail_errno(err, -errno, "writing %s", path) : fd;
}

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

static int write_own(vb_attempt *a, const vb_edge *edge, vb_receipt_output *out, vb_error *err)
{
    vb_autoclose int fd = create(a, out->path, err);
    struct stat st;
    int r = fd < 0 ? fd : 0;

    if (!r && edge->connection->role == VB_ROLE_LOG) {
        r = vb_log_capture_write(a->log, fd, &out->size, &out->checksum, err);
    } else if (!r) {
        vb_autofree char *text = metadata_json(a);

        out->size = (int64_t)strlen(text);
        out->checksum = vb_hash_bytes(text, strlen(text));
        r = vb_write_all(fd, text, strlen(text));
        r = r < 0 ? vb_fail_errno(err, r, "writing %s", out->path) : 0;
    }
    if (!r)
        r = set_permissions(a->worker->site->repo, fd, out->path, err);
    if (!r && fstat(fd, &st))
        r = vb_fail_errno(err, -errno, "writing %s", out->path);
    if (!r)
        out->mtime = vb_clock_ns(st.st_mtim);
    return r;
}

/* ---- all ----------------------------------------------------------------------------------------------------------------- */

static bool is_own(const vb_edge *edge)
{
    return edge->connection->role == VB_ROLE_LOG || edge->connection->role == VB_ROLE_METADATA;
}

/* What was made, checked and hashed, with the names that it will get; nothing is named yet. */
static int take_outputs(vb_attempt *a, vb_error *err)
{
    for (size_t i = 0; i < a->quantum.noutputs; i++) {
        const vb_edge *edge = &a->quantum.outputs[i];
        vb_receipt_output *out = add_output(a, edge);
        int r;

        if (!is_own(edge) && faccessat(vb_job_scratch(a->job), a->output_names[i], F_OK, AT_SYMLINK_NOFOLLOW))
            continue; /* optional, and not made */
        r = is_own(edge) ? 0 : take_output(a, a->output_names[i], out, err);
        if (r < 0)
            return r;
        out->path = final_path(a, edge);
    }
    return 0;
}

int vb_attempt_publish(vb_attempt *a, vb_error *err)
{
    int r = take_outputs(a, err);

    if (!r)
        r = note_intent(a, err);
    for (size_t i = 0; !r && i < a->quantum.noutputs; i++) {
        vb_receipt_output *out = &a->receipt->outputs[i];

        if (!out->path)
            continue;
        if (is_own(&a->quantum.outputs[i])) {
            r = write_own(a, &a->quantum.outputs[i], out, err);
        } else {
            r = make_directory(a->worker->site, out->path, err);
            if (!r)
                r = move_output(a, a->output_names[i], out->path, err);
        }
    }
    return r;
}

void vb_attempt_unpublish(const vb_site *site, char *const *paths)
{
    for (; paths && *paths; paths++)
        if (vb_path_is_safe(*paths))
            unlinkat(site->root, *paths, 0);
}
