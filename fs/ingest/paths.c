#include "fs/ingest/paths.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <dirent.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

void vb_paths_clear(vb_paths *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i]);
    free(p->items);
    *p = (vb_paths){0};
}

static bool is_fits_name(const char *name)
{
    static const char *const packed[] = {"", ".fz", ".gz", ".bz2"}, *const kinds[] = {".fits", ".fit", ".fts"};

    for (size_t i = 0; i < VB_COUNT(packed); i++)
        for (size_t k = 0; k < VB_COUNT(kinds); k++) {
            vb_autofree char *end = vb_format("%s%s", kinds[k], packed[i]);

            if (vb_ends_with(name, end) && strcmp(name, end))
                return true;
        }
    return false;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_directory(const char *path, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static int walk(const char *directory, vb_paths *out, int depth, vb_error *err)
{
    struct dirent **entries;
    int n, r = 0;

    if (depth > MAX_DEPTH)
        return vb_fail(err, -ELOOP, "%s: directories are nested more than %d deep", directory, MAX_DEPTH);
    n = scandir(directory, &entries, not_hidden, alphasort);
    if (n < 0)
        return vb_fail_errno(err, -errno, "listing %s", directory);
    for (int i = 0; i < n; i++) {
        vb_autofree char *path = vb_path_join(directory, entries[i]->d_name);

        if (!r && is_directory(path, entries[i]))
            r = walk(path, out, depth + 1, err);
        else if (!r && is_fits_name(entries[i]->d_name))
            *VB_PUSH(out->items, out->count, out->cap) = VB_STEAL(path);
        free(entries[i]);
    }
    free(entries);
    return r;
}

int vb_paths_expand(char *const *paths, vb_paths *out, vb_error *err)
{
    struct stat st;
    int r = 0;

    *out = (vb_paths){0};
    for (; !r && *paths; paths++) {
        if (!stat(*paths, &st) && S_ISDIR(st.st_mode))
            r = walk(*paths, out, 0, err);
        else
            *VB_PUSH(out->items, out->count, out->cap) = vb_strdup(*paths);
    }
    return r;
}
