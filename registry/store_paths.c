#include "registry/store_paths.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/internal.h"

#include <stdlib.h>
#include <string.h>

/* What may be the file, or a part of it: '$' comes after '#', with which a part begins.  ?2 is 0 for an absolute path,
 * whose store does not count. */
#define IN_PLACE " path >= ?1 AND path < ?1 || '$' AND (store_id = ?2 OR ?2 = 0)"

static const char locations[] = "SELECT path FROM location l WHERE" IN_PLACE
                                " AND EXISTS (SELECT 1 FROM dataset WHERE id = l.dataset_id)",
                  components[] = "SELECT path FROM component c WHERE" IN_PLACE
                                 " AND EXISTS (SELECT 1 FROM dataset WHERE id = c.dataset_id)";

struct asking {
    vb_registry *reg;
    int64_t store_id;
    const char *root;
    bool absolute, below, components; /* there are some that may lead here; the second: by the name of the root */
    char *dir, *real;                 /* of the last path: its directory, and what that is called really */
    vb_error *err;
};

static bool is_of_file(const char *path, const char *file, size_t n)
{
    const char *part = vb_location_part(path);

    return !strncmp(path, file, n) && (part ? part == path + n : !path[n]);
}

/* 1 where the statement finds the file, or a part of it. */
static int ask(struct asking *a, const char *sql, const char *file, int64_t store_id)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    size_t n = strlen(file);
    int r = vb_sql(a->reg->db, &s, a->err, sql, VB_ARGS(file, store_id));

    if (r < 0)
        return r;
    while ((r = vb_stmt_step(s, a->err)) > 0)
        if (is_of_file(vb_col_text(s, 0), file, n))
            return 1;
    return r;
}

static int ask_both(struct asking *a, const char *file, int64_t store_id)
{
    int r = ask(a, locations, file, store_id);

    return r || !a->components ? r : ask(a, components, file, store_id);
}

/* What a file of the store is called really, where a link leads to its directory; else NULL.  Files come by directory.
 */
static char *name_elsewhere(struct asking *a, const char *path)
{
    vb_autofree char *full = vb_path_join(a->root, path), *dir = vb_path_dir(full);

    if (!a->dir || strcmp(a->dir, dir) != 0) {
        free(a->dir);
        free(a->real);
        a->real = realpath(dir, NULL);
        a->dir = VB_STEAL(dir);
    }
    return a->real && strcmp(a->real, a->dir) != 0 ? vb_path_join(a->real, vb_path_base(path)) : NULL;
}

static int ask_all(struct asking *a, const char *path)
{
    vb_autofree char *full = a->below ? vb_path_join(a->root, path) : NULL;
    vb_autofree char *elsewhere = a->absolute ? name_elsewhere(a, path) : NULL;
    int r = ask_both(a, path, a->store_id);

    if (!r && full)
        r = ask_both(a, full, 0);
    if (!r && elsewhere)
        r = ask_both(a, elsewhere, 0);
    return r;
}

/* What need not be asked for each path. */
static int look_around(struct asking *a)
{
    static const char between[] = "SELECT 1 FROM location WHERE path >= ?1 AND path < ?2 UNION ALL"
                                  " SELECT 1 FROM component WHERE path >= ?1 AND path < ?2";
    vb_autofree char *below = vb_format("%s/", a->root), *beyond = vb_format("%s0", a->root);
    int64_t one;
    int r = vb_sql_int(a->reg->db, &one, a->err, "SELECT 1 FROM component WHERE path >= ''", VB_NO_ARGS);

    if (r < 0)
        return r;
    a->components = r;
    r = vb_sql_int(a->reg->db, &one, a->err, between, VB_ARGS("/", "0"));
    if (r < 0)
        return r;
    a->absolute = r;
    r = vb_sql_int(a->reg->db, &one, a->err, between, VB_ARGS(below, beyond));
    if (r < 0)
        return r;
    a->below = r;
    return 0;
}

/* ---- stores whose root is an address ------------------------------------------------------------------- */

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Files below the root that were registered by their addresses, sorted: paths as they are asked for. */
static int list_addresses(vb_registry *reg, const char *root, char ***out, size_t *count, vb_error *err)
{
    static const char sql[] = "SELECT path FROM location l WHERE path >= ?1 AND path < ?2"
                              " AND EXISTS (SELECT 1 FROM dataset WHERE id = l.dataset_id)"
                              " UNION ALL SELECT path FROM component c WHERE path >= ?1 AND path < ?2"
                              " AND EXISTS (SELECT 1 FROM dataset WHERE id = c.dataset_id)";
    size_t n = strlen(root) - (root[strlen(root) - 1] == '/'), cap = 0;
    vb_autofree char *plain = vb_strndup(root, n), *below = vb_format("%s/", plain), *beyond = vb_format("%s0", plain);
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, sql, VB_ARGS(below, beyond));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        const char *path = vb_col_text(s, 0), *part = vb_location_part(path);
        vb_autofree char *file = part ? vb_strndup(path + n + 1, (size_t)(part - path) - n - 1) : vb_strdup(path + n + 1);
        vb_auto_buf name = {0};

        if (!vb_percent_decode(&name, file)) {
            vb_buf_clear(&name);
            vb_buf_puts(&name, file);
        }
        *VB_PUSH(*out, *count, cap) = vb_strdup(vb_buf_text(&name));
        r = 0;
    }
    if (*count)
        qsort(*out, *count, sizeof **out, by_text);
    return r;
}

/* Adds what is held by its address. */
static int mark_addresses(vb_registry *reg, const char *root, const char *const *paths, size_t count, bool *held,
                          vb_error *err)
{
    char **names = NULL;
    size_t n = 0;
    int r = list_addresses(reg, root, &names, &n, err);

    for (size_t i = 0; !r && n && i < count; i++)
        held[i] = held[i] || bsearch(&paths[i], names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return r;
}

int vb_store_paths_held(vb_registry *reg, int64_t store_id, const char *root, const char *const *paths, size_t count,
                        bool *held, vb_error *err)
{
    struct asking a = {.reg = reg, .store_id = store_id, .root = root, .err = err};
    vb_auto_look look = {0};
    int r = vb_look_begin(&look, reg->db, err);

    if (!r)
        r = look_around(&a);
    if (vb_location_is_remote(root))
        a.absolute = a.below = false; /* mark_addresses() */
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = ask_all(&a, paths[i]);
        held[i] = r > 0;
    }
    if (r >= 0 && vb_location_is_remote(root))
        r = mark_addresses(reg, root, paths, count, held, err);
    free(a.dir);
    free(a.real);
    return r < 0 ? r : 0;
}

int vb_store_paths_below(vb_registry *reg, int64_t store_id, const char *directory, vb_error *err)
{
    vb_autofree char *first = vb_format("%s/", directory), *beyond = vb_format("%s0", directory);
    int64_t one;

    return vb_sql_int(reg->db, &one, err,
                      "SELECT 1 FROM location WHERE path >= ?1 AND path < ?2 AND store_id = ?3 UNION ALL"
                      " SELECT 1 FROM component WHERE path >= ?1 AND path < ?2 AND store_id = ?3",
                      VB_ARGS(first, beyond, store_id));
}
