/* stage.c - jobs without a file system of their own, where FUSE or namespaces cannot be had.
 *
 * Declared inputs and the pipeline's files are copied into the working directory, under the names that a session would
 * show.  What a job reads of them, and what it reads beside them, nobody sees; receipts say so: `capture: partial`. */
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "runner/run/attempt.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int make(const vb_attempt *a, const char *name, vb_error *err)
{
    vb_autofree char *dir = vb_path_dir(name);
    int r = *dir && strcmp(dir, ".") ? vb_mkdirs(vb_job_scratch(a->job), dir, 0755, err) : 0;
    int fd = r < 0 ? r : openat(vb_job_scratch(a->job), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

    return fd < 0 && !r ? vb_fail_errno(err, -errno, "staging %s", name) : fd;
}

int vb_attempt_stage_input(vb_attempt *a, const char *name, const vb_location *location, vb_error *err)
{
    vb_autoclose int to = make(a, name, err);
    int64_t moved = 0;
    int r = to < 0 ? to : vb_stores_copy_cached(a->worker->stores, location, to, &moved, err);

    vb_job_note_fetched(a->job, moved);
    return r;
}

int vb_attempt_stage_file(vb_attempt *a, const char *name, const char *path, vb_error *err)
{
    vb_autoclose int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;

    if (from < 0)
        return vb_fail_errno(err, -errno, "file %s of the pipeline, kept as %s", name, path);
    to = make(a, name, err);
    return to < 0 ? to : vb_copy_fd(from, to, err);
}

void vb_attempt_unstage(vb_attempt *a)
{
    vb_job_check_space(a->job, vb_job_scratch(a->job), "work");
    vb_remove_tree(vb_job_scratch(a->job), "in", NULL);
}
