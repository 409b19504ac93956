#include "registry/trash.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/internal.h"

#include <string.h>

int vb_trash_list(vb_registry *reg, size_t limit, vb_trash **out, size_t *count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_trash *items = NULL;
    size_t n = 0, cap = 0;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT id, store_id, path, size, ifnull(mtime, -1) FROM trash ORDER BY id LIMIT ?", VB_ARGS(limit));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_trash *t = VB_PUSH(items, n, cap);
        const char *path = vb_col_text(s, 2), *part = vb_location_part(path);

        *t = (vb_trash){vb_col_int(s, 0), vb_col_int(s, 1),
                        part ? vb_strndup(path, (size_t)(part - path)) : vb_strdup(path), part ? -1 : vb_col_int(s, 3),
                        vb_col_int(s, 4)};
        r = 0;
    }
    *out = items;
    *count = n;
    return r;
}

int vb_trash_add(vb_registry *reg, int64_t store_id, const char *path, int64_t size, int64_t mtime, vb_error *err)
{
    return vb_sql_exec(reg->db, err, "INSERT INTO trash (store_id, path, size, mtime) VALUES (?, ?, ?, ?)",
                       VB_ARGS(store_id, path, size, mtime));
}

void vb_trash_free(vb_trash *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i].path);
    free(items);
}

static int by_id(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

/* Notes come and go together, so that few statements name them all. */
static int forget_runs(vb_registry *reg, const int64_t *ids, size_t count, vb_error *err)
{
    int r = 0;

    for (size_t begin = 0, end; !r && begin < count; begin = end) {
        for (end = begin + 1; end < count && ids[end] == ids[end - 1] + 1; end++)
            ;
        r = vb_sql_exec(reg->db, err, "DELETE FROM trash WHERE id >= ? AND id <= ?", VB_ARGS(ids[begin], ids[end - 1]));
    }
    return r;
}

int vb_trash_forget(vb_registry *reg, const vb_trash *items, size_t count, vb_error *err)
{
    vb_autofree int64_t *ids = vb_alloc((count + 1) * sizeof *ids);
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(reg, &txn, err);

    for (size_t i = 0; i < count; i++)
        ids[i] = items[i].id;
    qsort(ids, count, sizeof *ids, by_id);
    if (!r)
        r = forget_runs(reg, ids, count, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}
