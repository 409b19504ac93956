/* masks.c - which directories a job must not see, so that no artifact is reached but through its session. */
#include "fs/cache/cache.h"
#include "fs/session/mounts.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/run/site.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 64, MAX_DIRECTORIES = 4096, MAX_TEXT = 4096 /* it is in every receipt */ };

struct mount {
    char *device, *root, *point;
};

struct directories {
    const vb_site *site;
    char **found; /* the repository's own is the first */
    size_t count, cap;
    bool more;   /* than are looked at */
    bool remote; /* some artifact is not on this machine */
    struct mount *mounts;
    size_t nmounts, mounts_cap;
};

static void add(struct directories *d, const char *dir)
{
    for (size_t i = d->count; i-- > 0;) /* neighbours are often alike */
        if (!strcmp(d->found[i], dir))
            return;
    d->more = d->more || d->count >= MAX_DIRECTORIES;
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

/* What an artifact that is a symbolic link leads to. */
static int add_target(void *arg, const char *path)
{
    struct directories *d = arg;
    const char *part = strstr(path, "#hdu=");
    vb_autofree char *file = part ? vb_strndup(path, (size_t)(part - path)) : vb_strdup(path), *whole = NULL;
    char target[PATH_MAX];

    d->remote = d->remote || vb_location_is_remote(path);
    if (*file == '/' || readlinkat(d->site->root, file, target, sizeof target) < 0)
        return 0;
    whole = vb_path_join(d->site->repo->root, file);
    return realpath(whole, target) ? add_directory(d, target) : 0;
}

/* ---- mounts ------------------------------------------------------------------------------------------------------ */

/* A browsing mount of the repository, or of a graph or snapshot, which may be of it. */
static int add_mount(void *arg, const char *mountpoint, const char *source)
{
    struct directories *d = arg;
    struct stat st;

    if (!strcmp(source, d->site->repo->root) || stat(source, &st) || !S_ISDIR(st.st_mode))
        add(d, mountpoint);
    return 0;
}

static int note_mount(void *arg, const vb_mount_line *line)
{
    struct directories *d = arg;

    *VB_PUSH(d->mounts, d->nmounts, d->mounts_cap) = (struct mount){vb_strdup(line->device), vb_strdup(line->root),
                                                                    vb_strdup(line->mountpoint)};
    return 0;
}

/* The mount that a path lies in; of several at one place the last is in sight. */
static const struct mount *mount_of(const struct directories *d, const char *path)
{
    const struct mount *best = NULL;

    for (size_t i = 0; i < d->nmounts; i++)
        if (vb_path_inside(path, d->mounts[i].point) && (!best || strlen(d->mounts[i].point) >= strlen(best->point)))
            best = &d->mounts[i];
    return best;
}

/* What is left of `path` below `root`, in `other`. */
static char *carry_over(const char *path, const char *root, const char *other)
{
    const char *rest = path + (strcmp(root, "/") ? strlen(root) : 0);

    while (*rest == '/')
        rest++;
    return *rest ? vb_path_join(other, rest) : vb_strdup(other);
}

/* False where something else lies there, which hides it. */
static bool same_file(const char *alias, const char *own)
{
    struct stat a, b;

    return !stat(alias, &a) && (stat(own, &b) || (a.st_dev == b.st_dev && a.st_ino == b.st_ino));
}

/* Other mounts (bind mounts, mostly) that show a directory, or a part of it. */
static void add_aliases(struct directories *d, const char *dir)
{
    const struct mount *home = mount_of(d, dir);
    vb_autofree char *inner = home ? carry_over(dir, home->point, home->root) : NULL;

    for (size_t i = 0; home && i < d->nmounts; i++) {
        const struct mount *m = &d->mounts[i];
        vb_autofree char *alias = NULL, *own = NULL;

        if (m == home || strcmp(m->device, home->device) != 0)
            continue;
        if (vb_path_inside(m->root, inner)) {
            alias = vb_strdup(m->point);
            own = carry_over(m->root, inner, dir);
        } else if (vb_path_inside(inner, m->root)) {
            alias = carry_over(inner, m->root, m->point);
            own = vb_strdup(dir);
        }
        if (alias && !vb_path_inside(alias, dir) && !vb_path_inside(alias, d->site->repo->root) &&
            same_file(alias, own))
            add(d, alias);
    }
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static bool is_home(const char *dir)
{
    const char *home = getenv("HOME");
    vb_autofree char *real = home && *home == '/' ? vb_path_absolute(home, NULL) : NULL;

    return real && vb_path_inside(real, dir);
}

/* A directory that the job's own programs live in, or its mount, cannot be covered. */
static bool needed(const vb_site *site, const char *dir)
{
    static const char *const system[] = {"/usr",  "/bin", "/sbin", "/lib", "/lib64", "/etc", "/dev",
                                         "/proc", "/sys", "/run",  "/tmp", "/var",   "/opt"};

    if (vb_path_inside(site->mountpoint, dir) || is_home(dir))
        return true;
    for (size_t i = 0; i < VB_COUNT(system); i++)
        if (vb_path_inside(system[i], dir))
            return true;
    return false;
}

/* ---- the cache --------------------------------------------------------------------------------------------------- */

static bool any_remote(char *const *roots)
{
    for (; roots && *roots; roots++)
        if (vb_location_is_remote(*roots))
            return true;
    return false;
}

static int find_remote_stores(struct directories *d, vb_registry *reg, vb_error *err)
{
    vb_store_config config = {0};
    vb_autofree int64_t *ids = NULL;
    char **names = NULL, **roots = NULL;
    size_t n;
    int r = vb_store_list(reg, &ids, &names, &roots, &n, err);

    if (!r)
        r = vb_store_config_load(d->site->repo->root, &config, err);
    d->remote = d->remote || (!r && any_remote(roots));
    for (size_t i = 0; !r && i < config.count; i++)
        d->remote = d->remote || any_remote(config.items[i].chain);
    vb_store_config_clear(&config);
    vb_strv_free(names);
    vb_strv_free(roots);
    return r;
}

/* Copies of artifacts are in the cache too.  One that the run will need is made now: what is not there cannot be
 * covered. */
static int add_cache(struct directories *d, vb_error *err)
{
    vb_auto_cache_options options = {0};
    vb_auto(vb_cache_close) vb_cache *cache = NULL;
    int r = vb_cache_options_load(d->site->repo->root, &options, err);

    if (!r && d->remote)
        r = vb_cache_open(&options, &cache, err);
    for (size_t i = 0; !r && i < options.count; i++) {
        vb_autofree char *real = realpath(options.tiers[i].directory, NULL);

        if (real)
            add(d, real);
    }
    return r;
}

static int find(struct directories *d, vb_graph *g, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    size_t own;
    int r = vb_repo_registry(d->site->repo, VB_ACCESS_READ, &reg, err); /* it knows more than the graph */

    add(d, d->site->repo->root);
    vb_mounts_each(add_mount, d);
    if (!r)
        r = vb_location_each_absolute(reg, add_directory, d, err);
    if (!r)
        r = vb_location_each(g->reg, add_target, d, err);
    if (!r)
        r = find_remote_stores(d, reg, err);
    if (!r)
        r = add_cache(d, err);
    vb_mounts_each_line(note_mount, d);
    own = d->count;
    for (size_t i = 0; !r && i < own; i++)
        add_aliases(d, d->found[i]);
    return r;
}

void vb_note_reachable(vb_buf *text, const char *dir)
{
    vb_buf_separate(text, ", ");
    for (const unsigned char *c = (const unsigned char *)dir; *c; c++)
        if (*c < ' ' || *c == 0x7f)
            vb_buf_printf(text, "\\%03o", *c); /* as the kernel's tables have it */
        else
            vb_buf_putc(text, (char)*c);
    vb_buf_puts(text, " reachable");
}

int vb_find_masks(const vb_site *site, vb_graph *g, char ***masks, vb_buf *reachable, vb_error *err)
{
    struct directories d = {.site = site};
    size_t covered = 0;
    int r = find(&d, g, err);

    *masks = NULL;
    for (size_t i = 0; i < d.count; i++) {
        if (!r && !needed(site, d.found[i]) && covered <= MANY) {
            vb_strv_add(masks, d.found[i]);
            covered++;
        } else if (!r && reachable->len < MAX_TEXT) {
            vb_note_reachable(reachable, d.found[i]);
        } else {
            d.more = true;
        }
        if (!r && !i && reachable->len)
            vb_log(VB_WARNING, "your home or a system directory lies in the repository, so jobs can reach it");
        free(d.found[i]);
    }
    free(d.found);
    for (size_t i = 0; i < d.nmounts; i++) {
        free(d.mounts[i].device);
        free(d.mounts[i].root);
        free(d.mounts[i].point);
    }
    free(d.mounts);
    if (d.more)
        vb_note_reachable(reachable, "more directories");
    return r;
}
