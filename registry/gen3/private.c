#include "registry/gen3/private.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PENDING = 4, MAX_NAME = 1024 };

/* What is beside a file; the file itself comes last. */
static const char *const endings[] = {"-journal", "-wal", "-shm", ""};

/* For a handler: a slot is free where its first byte is 0, which is set last and taken away first. */
static char pending[MAX_PENDING][MAX_NAME];

static void note(const char *file)
{
    for (int i = 0; i < MAX_PENDING; i++)
        if (!*pending[i] && strlen(file) < MAX_NAME - sizeof "-journal") {
            strcpy(pending[i] + 1, file + 1);
            *pending[i] = *file;
            return;
        }
}

static void forget(const char *file)
{
    for (int i = 0; i < MAX_PENDING; i++)
        if (!strcmp(pending[i], file))
            *pending[i] = 0;
}

int vb_gen3_private_file(char **file, vb_error *err)
{
    const char *base = getenv("TMPDIR");
    vb_autofree char *dir = vb_format("%s/vbutler-gen3.XXXXXX", base && *base ? base : "/var/tmp");
    sigset_t all, before;
    int error;

    sigfillset(&all); /* no signal between making it and noting it */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = mkdtemp(dir) ? 0 : errno;
    *file = error ? NULL : vb_path_join(dir, "registry.sqlite3");
    if (*file)
        note(*file);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error ? vb_fail_errno(err, -error, "making a private directory %s", dir) : 0;
}

void vb_gen3_private_unlink(const char *file)
{
    vb_autofree char *dir = vb_path_dir(file);

    for (size_t i = 0; i < VB_COUNT(endings); i++) {
        vb_autofree char *name = vb_format("%s%s", file, endings[i]);

        unlink(name);
    }
    rmdir(dir);
    forget(file);
}

void vb_gen3_private_sweep(void)
{
    for (int i = 0; i < MAX_PENDING; i++) {
        char *file = pending[i], *slash;
        size_t n = strlen(file);

        for (size_t k = 0; n && k < VB_COUNT(endings); k++) {
            strcpy(file + n, endings[k]);
            unlink(file);
        }
        slash = n ? strrchr(file, '/') : NULL;
        if (slash) {
            *slash = 0;
            rmdir(file);
        }
    }
}
