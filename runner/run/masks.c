/* masks.c - which directories a job must not see, so that no artifact is reached but through its session. */
#include "fs/session/mounts.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/run/site.h"

#include <string.h>
#include <sys/stat.h>

enum { MANY = 64, MAX_DIRECTORIES = 4096 };

struct directories {
    const vb_site *site;
    char **found;
    size_t count, cap;
    bool more; /* than are looked at */
};

static void add(struct directories *d, const char *dir)
{
    for (size_t i = d->count; i-- > 0;) /* neighbours are often alike */
        if (!strcmp(d->found[i], dir))
            return;
    d->more = d->count >= MAX_DIRECTORIES;
    if (!d->more)
        *VB_PUSH(d->found, d->count, d->cap) = vb_strdup(dir);
}

/* The directory of an artifact that lies outside the repository. */
static int add_directory(void *arg, const char *path)
{
    struct directories *d = arg;
    vb_autofree char *dir = vb_path_dir(path);

    if (!d->more && !vb_path_inside(dir, d->site->repo->root))
        add(d, dir);
    return 0;
}

/* A browsing mount of the repository, or of a graph or snapshot, which may be of it. */
static int add_mount(void *arg, const char *mountpoint, const char *source)
{
    struct directories *d = arg;
    struct stat st;

    if (!strcmp(source, d->site->repo->root) || stat(source, &st) || !S_ISDIR(st.st_mode))
        add(d, mountpoint);
    return 0;
}

/* A directory that the job's own programs live in, or its mount, cannot be covered. */
static bool needed(const vb_site *site, const char *dir)
{
    static const char *const system[] = {"/usr",  "/bin", "/sbin", "/lib", "/lib64", "/etc", "/dev",
                                         "/proc", "/sys", "/run",  "/tmp", "/var",   "/opt"};

    if (vb_path_inside(site->mountpoint, dir) || (getenv("HOME") && vb_path_inside(getenv("HOME"), dir)))
        return true;
    for (size_t i = 0; i < VB_COUNT(system); i++)
        if (vb_path_inside(system[i], dir))
            return true;
    return false;
}

int vb_find_masks(const vb_site *site, vb_graph *g, vb_registry *shown, char ***masks, vb_buf *unmaskable,
                  vb_error *err)
{
    struct directories d = {.site = site};
    size_t covered = 0;
    int r;

    vb_mounts_each(add_mount, &d);
    r = vb_location_each_absolute(shown, add_directory, &d, err);

    *masks = NULL;
    vb_strv_add(masks, site->repo->root);
    for (size_t i = 0; i < d.count; i++) {
        if (!r && !needed(site, d.found[i]) && covered < MANY) {
            vb_strv_add(masks, d.found[i]);
            covered++;
        } else if (!r) {
            vb_buf_printf(unmaskable, "%s%s reachable", unmaskable->len ? ", " : "", d.found[i]);
        }
        free(d.found[i]);
    }
    free(d.found);
    if (d.more)
        vb_buf_puts(unmaskable, ", more directories reachable");
    return r;
}
