#include "registry/cache_options.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <string.h>
#include <unistd.h>

/* ---- vbutler.yaml ---------------------------------------------------------------------------------------------- */

static int read_directory(const vb_yaml_node *map, char **out, vb_error *err)
{
    const char *text = vb_yaml_get_text(map, "directory");

    if (!text || *text != '/')
        return vb_yaml_fail(err, map, "'cache' needs a 'directory', an absolute path");
    *out = vb_strdup(text);
    return 0;
}

static int read_size(const vb_yaml_node *map, int64_t *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, "size");
    const char *text = vb_yaml_text(node);

    if (!node)
        return 0;
    if (!text || !vb_parse_bytes(text, out) || *out <= 0)
        return vb_yaml_fail(err, node, "'size' must be bytes that the cache may hold, like 500GB");
    return 0;
}

static int read_files(const vb_yaml_node *map, int64_t *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, "files");

    if (node && (!vb_yaml_int(node, out) || *out <= 0))
        return vb_yaml_fail(err, node, "'files' must be the number of files that the cache may hold");
    return 0;
}

static int read_shared(const vb_yaml_node *map, bool *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, "shared");

    return node && !vb_yaml_bool(node, out) ? vb_yaml_fail(err, node, "'shared' must be true or false") : 0;
}

static int read_tier(const vb_yaml_node *map, vb_cache_options *o, vb_error *err)
{
    static const char *const keys[] = {"directory", "size", "files", "shared", NULL};
    vb_cache_tier *tier = VB_PUSH(o->tiers, o->count, o->cap);
    int r;

    tier->files = VB_CACHE_FILES;
    if (map->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, map, "'cache' must be a map with a 'directory', or a list of such");
    r = vb_yaml_check_keys(map, "cache", keys, err);
    if (!r)
        r = read_directory(map, &tier->directory, err);
    if (!r)
        r = read_size(map, &tier->size, err);
    if (!r)
        r = read_files(map, &tier->files, err);
    return r < 0 ? r : read_shared(map, &tier->shared, err);
}

int vb_cache_options_read(const vb_yaml_node *node, vb_cache_options *out, vb_error *err)
{
    int r = 0;

    *out = (vb_cache_options){0};
    if (!node || vb_yaml_is_null(node))
        return 0;
    if (node->kind != VB_YAML_LIST)
        return read_tier(node, out, err);
    for (size_t i = 0; !r && i < node->count; i++)
        r = read_tier(node->items[i].value, out, err);
    return r;
}

static int read_file(const char *dir, vb_cache_options *out, vb_error *err)
{
    vb_autofree char *path = vb_path_join(dir, "vbutler.yaml");
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    int r;

    if (access(path, F_OK))
        return 0;
    r = vb_yaml_load_file(path, &doc, err);
    return r < 0 ? r : vb_cache_options_read(vb_yaml_get(vb_yaml_root(doc), "cache"), out, err);
}

/* ---- the environment ------------------------------------------------------------------------------------------- */

static int take_directories(const char *text, vb_cache_options *out, vb_error *err)
{
    char **dirs = vb_split(text, ':', NULL);
    int r = 0;

    for (char **d = dirs; !r && *d; d++) {
        vb_cache_tier *tier = VB_PUSH(out->tiers, out->count, out->cap);

        tier->files = VB_CACHE_FILES;
        tier->directory = vb_path_absolute(*d, err);
        if (!tier->directory)
            r = -ENOENT;
    }
    vb_strv_free(dirs);
    return r;
}

static int take_quotas(vb_cache_options *out, vb_error *err)
{
    const char *size = getenv("VBUTLER_CACHE_SIZE"), *files = getenv("VBUTLER_CACHE_FILES");
    int64_t n;

    if (size && (!vb_parse_bytes(size, &n) || n <= 0))
        return vb_fail(err, -EINVAL, "VBUTLER_CACHE_SIZE is '%s': it must be bytes, like 500GB", size);
    for (size_t i = 0; size && i < out->count; i++)
        out->tiers[i].size = n;
    if (files && (!vb_parse_int(files, &n) || n <= 0))
        return vb_fail(err, -EINVAL, "VBUTLER_CACHE_FILES is '%s': it must be a number above 0", files);
    for (size_t i = 0; files && i < out->count; i++)
        out->tiers[i].files = n;
    return 0;
}

int vb_cache_options_load(const char *dir, vb_cache_options *out, vb_error *err)
{
    const char *dirs = getenv("VBUTLER_CACHE");
    int r = 0;

    *out = (vb_cache_options){0};
    if (dirs && *dirs)
        r = take_directories(dirs, out, err);
    else if (dir)
        r = read_file(dir, out, err);
    if (r < 0)
        return r;
    if (!out->count)
        *VB_PUSH(out->tiers, out->count,
                 out->cap) = (vb_cache_tier){.directory = vb_format("/var/tmp/vbutler-%u/cache", geteuid()),
                                             .files = VB_CACHE_FILES};
    return take_quotas(out, err);
}

void vb_cache_options_clear(vb_cache_options *o)
{
    for (size_t i = 0; i < o->count; i++)
        free(o->tiers[i].directory);
    free(o->tiers);
    *o = (vb_cache_options){0};
}
