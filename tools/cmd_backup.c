#include "registry/backup.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "registry/repo.h"
#include "tools/commands.h"
#include "tools/progress.h"

#include <stdio.h>
#include <sys/stat.h>

static const char *output;

static void tell(void *arg, int64_t done, int64_t total)
{
    const vb_progress *p = arg;

    p->tell(p->arg, "copying pages", (size_t)done, (size_t)total);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    const vb_progress *progress = vb_progress_on_terminal();
    int64_t begun = vb_clock_monotonic_ns();
    struct stat st;
    char size[32];
    int r;

    if (!output && vb_fail(err, -EINVAL, "say where to: --output FILE"))
        return VB_EXIT_USAGE;
    r = vb_repo_open(argv[0], &repo, err);
    if (!r)
        r = vb_registry_backup(repo->registry_path, output, progress ? tell : NULL, (void *)(uintptr_t)progress, err);
    vb_progress_end();
    if (r < 0)
        return VB_EXIT_FAILED;
    printf("backed up the registry of %s to %s (%s) in %.2f s\n", argv[0], output,
           vb_bytes(size, sizeof size, stat(output, &st) ? 0 : st.st_size),
           (double)(vb_clock_monotonic_ns() - begun) / 1e9);
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"output", 'o', VB_OPTION_TEXT, &output, "FILE", "the copy, which must not be there yet"},
    VB_OPTION_END,
};

const vb_command vb_cmd_backup = {
    .name = "backup",
    .arguments = "REPO",
    .summary = "copy a repository's registry while it is in use",
    .details =
        "FILE is the registry as it was at one moment, whole, checked and on disk, or it is not there. Artifacts are not "
        "copied: they never change, so any copy made after the backup has them. To go back, put FILE in the place of "
        "registry.sqlite3 while nobody uses the repository, without the -wal and -shm files, and run vbutler fsck.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
