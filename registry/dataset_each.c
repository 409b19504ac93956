/* dataset_each.c - the datasets of a collection, in the order in which their rows lie.
 *
 * A member table is sorted by data ID, the rows of `dataset` by when they came.  Looked up in the order of the member
 * table each row lies in another page than the one before; so the ids are taken from the member table, 131,072
 * at most, sorted, and `dataset` is read along them. */
#include "registry/dataset.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum { AT_ONCE = 1 << 17, FEW = 1 << 10, SKIPPED = 16 };

struct reading {
    vb_registry *reg;
    int64_t *ids; /* of datasets, ascending */
    size_t count, room;
    vb_stmt *rows; /* of `dataset`, ascending; NULL: not begun */
    int64_t at;    /* the id on which it stands; INT64_MAX: at its end */
    vb_dataset_fn *each;
    void *arg;
    vb_error *err;
};

static int by_id(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

/* The next ids of the collection; 0 of them: there are no more. */
static int take_ids(struct reading *r, vb_stmt *members)
{
    int more = 0;

    for (r->count = 0; r->count < AT_ONCE && (more = vb_stmt_step(members, r->err)) > 0; r->count++) {
        if (r->count == r->room) {
            r->room = r->room ? 4 * r->room : FEW;
            r->ids = vb_realloc(r->ids, r->room, sizeof *r->ids);
        }
        r->ids[r->count] = vb_col_int(members, 0);
    }
    qsort(r->ids, r->count, sizeof *r->ids, by_id);
    return more;
}

static int step(struct reading *r)
{
    int status = vb_stmt_step(r->rows, r->err);

    r->at = status > 0 ? vb_col_int(r->rows, 0) : INT64_MAX;
    return status < 0 ? status : 0;
}

static int seek(struct reading *r, int64_t id)
{
    int status = r->rows ? vb_stmt_rebind(r->rows, VB_ARGS(id), r->err)
                         : vb_sql(r->reg->db, &r->rows, r->err, VB_SELECT_DATASET " WHERE id >= ? ORDER BY id",
                                  VB_ARGS(id));

    return status < 0 ? status : step(r);
}

/* Goes to the row of a dataset: a few rows on, or by a search. */
static int move_to(struct reading *r, int64_t id)
{
    int status = r->rows && r->at <= id ? 0 : seek(r, id);

    for (int i = 0; !status && i < SKIPPED && r->at < id; i++)
        status = step(r);
    return !status && r->at < id ? seek(r, id) : status;
}

static int hand_over(struct reading *r)
{
    int status = 0;

    for (size_t i = 0; !status && i < r->count; i++) {
        vb_auto_dataset d = {0};

        status = move_to(r, r->ids[i]);
        if (status < 0 || r->at != r->ids[i])
            continue;
        status = vb_dataset_read(r->reg, r->rows, NULL, &d, r->err);
        if (!status)
            status = r->each(r->arg, &d, r->err);
    }
    return status;
}

static int each_of_type(struct reading *r, const vb_collection *collection, const vb_dataset_type *type)
{
    vb_auto(vb_stmt_done) vb_stmt *members = NULL;
    vb_autofree char *sql = vb_format("SELECT dataset_id FROM member_%" PRId64
                                      " WHERE type_id = ? AND collection_id = ?",
                                      type->group_id);
    int more = 1, status = vb_sql(r->reg->db, &members, r->err, sql, VB_ARGS(type->id, collection->id));

    while (!status && more > 0) {
        more = take_ids(r, members);
        status = more < 0 ? more : hand_over(r);
    }
    return status;
}

int vb_dataset_each(vb_registry *reg, const vb_collection *collection, const vb_dataset_type *type, vb_dataset_fn *each,
                    void *arg, vb_error *err)
{
    struct reading reading = {.reg = reg, .each = each, .arg = arg, .err = err};
    vb_auto_look look = {0};
    char **names = NULL;
    int r = vb_look_begin(&look, reg->db, err); /* members and rows are of one state */

    if (!r && type)
        r = each_of_type(&reading, collection, type);
    else if (!r)
        r = vb_dataset_type_list(reg, collection->id, NULL, SIZE_MAX >> 1, &names, err);
    for (char **name = names; !r && name && *name; name++) {
        r = vb_dataset_type_find(reg, *name, &type, err);
        if (!r)
            r = each_of_type(&reading, collection, type);
    }
    vb_strv_free(names);
    vb_stmt_done(reading.rows);
    free(reading.ids);
    return r;
}
