#include "tools/mount_gen3.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/gen3/copy.h"
#include "tools/progress.h"

#include "fs/store/parallel.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char pending[4096]; /* the snapshot while it is made; for the handler */

void vb_mount_gen3_unlink(const char *file)
{
    vb_autofree char *dir = vb_path_dir(file);

    unlink(file);
    rmdir(dir);
    *pending = 0;
}

/* Only calls that a handler may make. */
static void on_signal(int number)
{
    char *slash = strrchr(pending, '/');

    if (slash) {
        unlink(pending);
        *slash = 0;
        rmdir(pending);
    }
    _exit(128 + number);
}

static void watch_signals(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static int make_place(char **file, vb_error *err)
{
    const char *base = getenv("TMPDIR");
    vb_autofree char *dir = vb_format("%s/vbutler-gen3.XXXXXX", base && *base ? base : "/var/tmp");

    if (!mkdtemp(dir))
        return vb_fail_errno(err, -errno, "making a private directory %s", dir);
    *file = vb_format("%s/snapshot.sqlite3", dir);
    if (strlen(*file) < sizeof pending)
        strcpy(pending, *file);
    return 0;
}

static int make_snapshot(const char *path, char *const *collections, const char *file, vb_error *err)
{
    const vb_progress *progress = vb_progress_on_terminal();
    vb_gen3_copy_options options = {.tell = progress ? progress->tell : NULL,
                                    .tell_arg = progress ? progress->arg : NULL};
    vb_auto(vb_gen3_close) vb_gen3 *g = NULL;
    vb_gen3_counts counts;
    int r = vb_gen3_open(path, &g, err);

    if (!r)
        r = vb_gen3_select(g, collections, err);
    if (!r)
        r = vb_gen3_snapshot(g, file, &options, &counts, err);
    vb_progress_end();
    return r;
}

int vb_mount_gen3_snapshot(const char *path, char *const *collections, char **file, vb_error *err)
{
    vb_autofree char *made = NULL;
    int r = make_place(&made, err);

    if (r < 0)
        return r;
    watch_signals(on_signal);
    r = make_snapshot(path, collections, made, err);
    watch_signals(SIG_DFL);
    if (r < 0)
        vb_mount_gen3_unlink(made);
    else
        *file = VB_STEAL(made);
    return r;
}
