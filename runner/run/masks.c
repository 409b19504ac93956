/* masks.c - which directories a job must not see, so that no artifact is reached but through its session. */
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/run/recover.h"

#include <string.h>

enum { MANY = 64 };

struct directories {
    const vb_site *site;
    char **found;
    size_t count, cap;
};

/* The directory of an artifact that lies outside the repository, once. */
static int add_directory(void *arg, const char *path)
{
    struct directories *d = arg;
    vb_autofree char *dir = vb_path_dir(path);

    if (vb_path_inside(dir, d->site->repo->root) || (d->count && !strcmp(d->found[d->count - 1], dir)))
        return 0;
    for (size_t i = 0; i < d->count; i++)
        if (!strcmp(d->found[i], dir))
            return 0;
    *VB_PUSH(d->found, d->count, d->cap) = VB_STEAL(dir);
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
    int r = vb_location_each_absolute(shown, add_directory, &d, err);
    size_t covered = 0;

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
    return r;
}
