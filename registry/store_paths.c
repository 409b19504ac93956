#include "registry/store_paths.h"

#include "registry/base/mem.h"
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

int vb_store_paths_held(vb_registry *reg, int64_t store_id, const char *const *paths, size_t count, bool *held,
                        vb_error *err)
{
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
    return r;
}
