#include "registry/store_paths.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/dataset.h"
#include "registry/internal.h"

#include <string.h>

/* The first of the sorted paths that is not before the `n` bytes of text. */
static size_t lower_bound(const char *const *paths, size_t count, const char *text, size_t n)
{
    size_t begin = 0, end = count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = strncmp(paths[middle], text, n);

        if (order < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static void mark(const char *const *paths, size_t count, const char *text, bool *held)
{
    const char *part = vb_location_part(text);
    size_t n = part ? (size_t)(part - text) : strlen(text);

    for (size_t i = lower_bound(paths, count, text, n); i < count && !strncmp(paths[i], text, n) && !paths[i][n]; i++)
        held[i] = true;
}

/* A file that was registered where it is, by an absolute path that may lead below the root. */
struct absolute {
    const char *root;
    const char *const *paths;
    size_t count;
    bool *held;
    char *dir, *real; /* of the one before: they come sorted */
};

static int mark_absolute(void *arg, const char *path)
{
    struct absolute *a = arg;
    vb_autofree char *dir = vb_path_dir(path), *file = NULL;
    size_t n = strlen(a->root);

    if (!a->dir || strcmp(a->dir, dir) != 0) {
        free(a->dir);
        free(a->real);
        a->real = realpath(dir, NULL);
        a->dir = VB_STEAL(dir);
    }
    if (!a->real || !vb_path_inside(a->real, a->root))
        return 0;
    file = vb_path_join(a->real, vb_path_base(path));
    mark(a->paths, a->count, file + n + (file[n] == '/'), a->held);
    return 0;
}

/* Artifacts that were registered by their addresses below a root that is one. */
static int mark_addresses(vb_registry *reg, const struct absolute *a, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    size_t n = strlen(a->root);
    int r = vb_sql(reg->db, &s, err, "SELECT path FROM location WHERE path GLOB '[a-zA-Z]*://*'", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        const char *path = vb_col_text(s, 0), *below = path + n;
        vb_auto_buf plain = {0};

        r = 0;
        if (strncmp(path, a->root, n) != 0 || (a->root[n - 1] != '/' && *below++ != '/'))
            continue;
        if (!vb_percent_decode(&plain, below))
            vb_buf_puts(&plain, below);
        mark(a->paths, a->count, vb_buf_text(&plain), a->held);
    }
    return r;
}

int vb_store_paths_held(vb_registry *reg, int64_t store_id, const char *root, const char *const *paths, size_t count,
                        bool *held, vb_error *err)
{
    struct absolute absolute = {.root = root, .paths = paths, .count = count, .held = held};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT path FROM location l WHERE store_id = ?1 AND EXISTS"
                   " (SELECT 1 FROM dataset WHERE id = l.dataset_id)"
                   " UNION ALL SELECT path FROM datastore_record r WHERE store_id = ?1 AND component != '' AND EXISTS"
                   " (SELECT 1 FROM dataset WHERE id = r.dataset_id)",
                   VB_ARGS(store_id));

    memset(held, 0, count * sizeof *held);
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        mark(paths, count, vb_col_text(s, 0), held);
        r = 0;
    }
    if (!r && count && vb_location_is_remote(root))
        return mark_addresses(reg, &absolute, err);
    if (!r && count)
        r = vb_location_each_absolute(reg, mark_absolute, &absolute, err);
    free(absolute.dir);
    free(absolute.real);
    return r;
}
