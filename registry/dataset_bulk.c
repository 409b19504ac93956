/* dataset_bulk.c - many datasets at once.
 *
 * An INSERT of four rows costs SQLite two thirds of four INSERTs of one: the statement is begun, its cursors
 * are opened and the AUTOINCREMENT number is read and written once.  More rows do not pay: a statement with
 * more than 31 parameters is prepared again each time that it is bound. */
#include "registry/dataset.h"

#include "registry/base/mem.h"
#include "registry/internal.h"
#include "registry/time.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS = 4, MAX_PARAMETERS = 31 };

/* "INSERT ... VALUES (...), (...)", by how many rows. */
#define BY_ROWS(insert, row)                                                                                       \
    {                                                                                                              \
        [2] = insert row ", " row, [3] = insert row ", " row ", " row, [4] = insert row ", " row ", " row ", " row \
    }

static const char *const datasets_sql[] =
    BY_ROWS("INSERT OR FAIL INTO dataset (uuid, type_id, run_id, dataid, ingest_date, state) VALUES ",
            "(?, ?, ?, ?, ?, ?)");
static const char *const locations_sql[] = BY_ROWS("INSERT OR FAIL INTO location VALUES ", "(?, ?, ?, ?, ?, ?, ?)");

/* "(?, ?, ?), (?, ?, ?)", appended. */
static void add_rows(vb_buf *sql, int rows, int columns)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            vb_buf_puts(sql, c ? ", ?" : r ? "), (?" : "(?");
    vb_buf_puts(sql, ")");
}

static int insert_datasets(vb_registry *reg, vb_dataset *d, int rows, vb_error *err)
{
    static const vb_uuid none;
    vb_arg args[6 * ROWS];
    vb_buf packed[ROWS] = {0};
    int r;

    for (int i = 0; i < rows; i++) {
        vb_arg *a = &args[6 * i];

        if (vb_uuid_equal(d[i].uuid, none))
            d[i].uuid = vb_uuid_v7();
        vb_dataid_pack(&d[i].dataid, &packed[i]);
        a[0] = vb_arg_uuid(&d[i].uuid);
        a[1] = vb_arg_int(d[i].type->id);
        a[2] = vb_arg_int(d[i].run_id);
        a[3] = (vb_arg){.kind = VB_TEXT, .data = vb_buf_text(&packed[i]), .len = packed[i].len};
        a[4] = vb_arg_int(d[i].ingest_date);
        a[5] = vb_arg_int(d[i].state);
    }
    r = vb_sql_exec(reg->db, err, datasets_sql[rows], args, (size_t)(6 * rows));
    for (int i = 0; i < rows; i++) {
        d[i].id = vb_db_last_id(reg->db) - rows + 1 + i; /* AUTOINCREMENT counts on */
        vb_buf_free(&packed[i]);
    }
    return r;
}

/* Which of the rows was there already, or is here twice.  Those before it are there by now too, as themselves. */
static int say_which(vb_registry *reg, const vb_dataset *d, int rows, vb_error *err)
{
    const vb_collection *run = NULL;
    vb_search search = {&run, 1, 1};
    vb_auto_buf what = {0};
    int r = vb_collection_by_id(reg, d->run_id, &run, err);

    for (int i = 0; r >= 0 && !what.len && i < rows; i++) {
        vb_auto_dataset there = {0};

        r = vb_dataset_find(reg, d[i].type, &d[i].dataid, &search, &there, err);
        if (r > 0 && there.id != d[i].id)
            vb_dataset_print(&d[i], &what);
    }
    if (r < 0)
        return r;
    return vb_fail(err, -EEXIST, "%s: run '%s' has one already", vb_buf_text(&what), run->name);
}

static int insert_members(vb_registry *reg, const vb_dataset *d, int rows, vb_error *err)
{
    const vb_dataset_type *type = d->type;
    int columns = type->group->nrequired + 3, r;
    vb_arg args[MAX_PARAMETERS];
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql, "INSERT OR FAIL INTO member_%" PRId64 " (", type->group_id);
    vb_sql_dimensions(&sql, type->group, "", ", ");
    vb_buf_printf(&sql, "%stype_id, collection_id, dataset_id) VALUES ", columns > 3 ? ", " : "");
    add_rows(&sql, rows, columns);
    for (int i = 0; i < rows; i++) {
        vb_arg *a = &args[columns * i];

        vb_dataid_args(&d[i].dataid, a);
        a[columns - 3] = vb_arg_int(d[i].type->id);
        a[columns - 2] = vb_arg_int(d[i].run_id);
        a[columns - 1] = vb_arg_int(d[i].id);
    }
    r = vb_sql_exec(reg->db, err, vb_buf_text(&sql), args, (size_t)(columns * rows));
    return r == -EEXIST ? say_which(reg, d, rows, err) : r;
}

static int insert_locations(vb_registry *reg, const vb_dataset *d, const vb_location *l, int rows, vb_error *err)
{
    vb_arg args[7 * ROWS];

    for (int i = 0; i < rows; i++) {
        vb_arg *a = &args[7 * i];

        a[0] = vb_arg_int(d[i].id);
        a[1] = vb_arg_int(l[i].store_id);
        a[2] = vb_arg_text(l[i].path);
        a[3] = vb_arg_int(l[i].size);
        a[4] = vb_arg_blob((vb_blob){l[i].has_checksum ? l[i].checksum.bytes : NULL, sizeof l[i].checksum.bytes});
        a[5] = l[i].mtime < 0 ? (vb_arg){.kind = VB_NULL} : vb_arg_int(l[i].mtime);
        a[6] = vb_arg_text(l[i].formatter);
    }
    return vb_sql_exec(reg->db, err, locations_sql[rows], args, (size_t)(7 * rows));
}

/* Two to four rows, whose types have the same dimensions. */
static int insert_rows(vb_registry *reg, vb_dataset *d, const vb_location *l, int rows, vb_error *err)
{
    int fit = MAX_PARAMETERS / (d->type->group->nrequired + 3), r = insert_datasets(reg, d, rows, err);

    fit = fit > rows ? rows : fit;
    for (int i = 0; !r && i < rows; i += fit)
        r = insert_members(reg, d + i, i + fit > rows ? rows - i : fit, err);
    return r < 0 || !l ? r : insert_locations(reg, d, l, rows, err);
}

/* 1 where the registry speaks of one of them already.  (IN would make a table of the four each time.) */
static int some_known(vb_registry *reg, const vb_dataset *d, int rows, vb_error *err)
{
#define ONE "SELECT 1 FROM dataset WHERE uuid = ?"
    static const char *const sql[] = {[1] = ONE,
                                      [2] = ONE " UNION ALL " ONE,
                                      [3] = ONE " UNION ALL " ONE " UNION ALL " ONE,
                                      [4] = ONE " UNION ALL " ONE " UNION ALL " ONE " UNION ALL " ONE};
#undef ONE
    vb_arg args[ROWS];
    int64_t one;

    for (int i = 0; i < rows; i++)
        args[i] = vb_arg_uuid(&d[i].uuid);
    return vb_sql_int(reg->db, &one, err, sql[rows], args, (size_t)rows);
}

static int insert_one_by_one(vb_registry *reg, vb_dataset *d, const vb_location *l, size_t count, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < count; i++)
        r = vb_dataset_insert(reg, &d[i], l ? &l[i] : NULL, err);
    return r;
}

/* UUIDs that are told by type and data ID may come back. */
static int insert_four(vb_registry *reg, vb_dataset *d, const vb_location *l, vb_error *err)
{
    int r = vb_uuid_version(d->uuid) == 5 ? some_known(reg, d, ROWS, err) : 0;

    if (r < 0)
        return r;
    return r ? insert_one_by_one(reg, d, l, ROWS, err) : insert_rows(reg, d, l, ROWS, err);
}

int vb_dataset_insert_some(vb_registry *reg, vb_dataset *d, const vb_location *locations, size_t count, vb_error *err)
{
    bool alike = true;
    int r = 0;

    vb_registry_check_memory(reg);
    for (size_t i = 0; i < count; i++) {
        alike = alike && d[i].type->group == d->type->group;
        if (!d[i].ingest_date)
            d[i].ingest_date = vb_time_now();
    }
    for (size_t i = 0; !r && i < count;) {
        size_t n = count - i < ROWS ? count - i : ROWS;

        r = alike && n > 1 ? some_known(reg, &d[i], (int)n, err) : 1;
        if (r >= 0)
            r = r ? insert_one_by_one(reg, &d[i], &locations[i], n, err)
                  : insert_rows(reg, &d[i], &locations[i], (int)n, err);
        i += n;
    }
    for (size_t i = 0; !r && i < count; i++)
        r = vb_dataset_note_summary(reg, d[i].run_id, d[i].type->id, err);
    return r;
}

int vb_dataset_insert_all(vb_registry *reg, vb_dataset *datasets, const vb_location *locations, size_t count,
                          vb_error *err)
{
    int64_t now = vb_time_now();
    size_t i = 0;
    int r = 0;

    for (size_t k = 0; k < count; k++)
        if (!datasets[k].ingest_date)
            datasets[k].ingest_date = now;
    /* The first by itself: it notes that the run has the type. */
    r = insert_one_by_one(reg, datasets, locations, count ? 1 : 0, err);
    for (i = 1; !r && i + ROWS <= count; i += ROWS)
        r = insert_four(reg, &datasets[i], locations ? &locations[i] : NULL, err);
    return r < 0 || i >= count ? r
                               : insert_one_by_one(reg, &datasets[i], locations ? &locations[i] : NULL, count - i, err);
}
