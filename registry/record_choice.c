#include "registry/record_choice.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/dataset_type.h"
#include "registry/internal.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <string.h>

static bool has_rows(const vb_element *e)
{
    return e->has_table && !e->is_skypix;
}

static void key_of(const vb_universe *u, vb_dimset dimensions, const char *table, vb_buf *out)
{
    const char *between = "";

    VB_EACH_DIMENSION(i, dimensions) {
        vb_buf_printf(out, "%s%s.", between, table);
        vb_sql_name(out, vb_universe_at(u, i)->name);
        between = ", ";
    }
}

/* Records of `e` with values of these dimensions that stand in rows of "FROM ...", aliased f. */
static int add_records(vb_registry *reg, const vb_element *e, vb_dimset dimensions, const char *from, vb_error *err)
{
    vb_auto_buf sql = {0}, mine = {0}, theirs = {0}, table = {0};

    key_of(reg->universe, dimensions, "e", &mine);
    key_of(reg->universe, dimensions, "f", &theirs);
    vb_schema_table(&table, e);
    vb_buf_printf(&sql,
                  "INSERT OR IGNORE INTO temp.chosen_record SELECT %d, e._id FROM %s e WHERE (%s) IN"
                  " (SELECT DISTINCT %s FROM %s)",
                  e->index, table.data, mine.data, theirs.data, from);
    return vb_db_run(reg->db, sql.data, err);
}

/* The rows of `e` that were chosen, aliased f. */
static char *chosen_rows(const vb_element *e)
{
    vb_auto_buf table = {0};

    vb_schema_table(&table, e);
    return vb_format("%s f JOIN temp.chosen_record x ON x.element = %d AND x.id = f._id", table.data, e->index);
}

/* ---- what the data IDs name -------------------------------------------------------------------------------- */

bool vb_divides_sky(const vb_universe *u, const vb_element *e)
{
    const vb_element *map = vb_universe_find(u, "skymap");

    return map && e->has_table && e->spatial >= 0 && vb_dimset_has(e->required, map->index);
}

bool vb_defines_sky_map(const vb_universe *u, const vb_group *group)
{
    const vb_element *map = vb_universe_find(u, "skymap");

    return map && group->nrequired == 1 && group->dims[0] == map;
}

static int add_named(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    vb_autofree char *from =
        vb_format("member_%" PRId64 " f WHERE f.type_id = %" PRId64
                  " AND f.dataset_id IN (SELECT dataset_id FROM temp.selected WHERE type_id = %" PRId64 ")",
                  type->group_id, type->id, type->id);
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(reg->universe); i++) {
        const vb_element *e = vb_universe_at(reg->universe, i);

        if (!has_rows(e))
            continue;
        if (vb_dimset_within(e->required, type->group->required))
            r = add_records(reg, e, e->required, from, err);
        else if (vb_divides_sky(reg->universe, e) && vb_defines_sky_map(reg->universe, type->group))
            r = add_records(reg, e, type->group->required, from, err);
    }
    return r;
}

static int add_all_named(vb_registry *reg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT DISTINCT type_id FROM temp.selected", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        const vb_dataset_type *type;

        r = vb_dataset_type_by_id(reg, vb_col_int(s, 0), &type, err);
        if (!r)
            r = add_named(reg, type, err);
    }
    return r;
}

/* ---- what these bring with them ---------------------------------------------------------------------------- */

/* From the last element of the universe to the first, what the records name: it comes before them there. */
static int add_dependencies(vb_registry *reg, vb_error *err)
{
    const vb_universe *u = reg->universe;
    int r = 0;

    for (int i = vb_universe_count(u) - 1; !r && i >= 0; i--) {
        const vb_element *from = vb_universe_at(u, i);
        vb_autofree char *rows = has_rows(from) ? chosen_rows(from) : NULL;

        VB_EACH_DIMENSION(k, vb_dimset_union(from->required, from->implied)) {
            const vb_element *e = vb_universe_at(u, k);

            if (!r && rows && k != i && has_rows(e))
                r = add_records(reg, e, e->required, rows, err);
        }
    }
    return r;
}

/* What a relation comes with; universes before 4 do not say it: all of them relate something to visits. */
static const vb_element *populating(const vb_universe *u, const vb_element *e)
{
    const vb_element *visit = vb_universe_find(u, "visit");

    if (e->populated_by)
        return vb_universe_find(u, e->populated_by);
    if (e->is_dimension || !visit)
        return NULL;
    return vb_dimset_has(vb_dimset_union(e->required, e->implied), visit->index) ? visit : NULL;
}

static int add_populated(vb_registry *reg, vb_error *err)
{
    const vb_universe *u = reg->universe;
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i), *by = has_rows(e) ? populating(u, e) : NULL;
        vb_autofree char *rows = by && has_rows(by) ? chosen_rows(by) : NULL;

        if (rows)
            r = add_records(reg, e, by->required, rows, err);
    }
    return r;
}

/* ---- all --------------------------------------------------------------------------------------------------- */

static int begin(vb_registry *reg, vb_error *err)
{
    return vb_db_run(reg->db,
                     "CREATE TEMP TABLE IF NOT EXISTS chosen_record (element INTEGER NOT NULL, id INTEGER NOT NULL,"
                     " PRIMARY KEY (element, id)) STRICT, WITHOUT ROWID; DELETE FROM temp.chosen_record",
                     err);
}

int vb_choose_records(vb_registry *reg, vb_error *err)
{
    int r = begin(reg, err);

    if (!r)
        r = add_all_named(reg, err);
    if (!r)
        r = add_dependencies(reg, err);
    if (!r)
        r = add_populated(reg, err);
    return r < 0 ? r : add_dependencies(reg, err);
}

int vb_choose_all_records(vb_registry *reg, vb_error *err)
{
    int r = begin(reg, err);

    for (int i = 0; !r && i < vb_universe_count(reg->universe); i++) {
        vb_auto_buf sql = {0};

        if (!has_rows(vb_universe_at(reg->universe, i)))
            continue;
        vb_buf_printf(&sql, "INSERT INTO temp.chosen_record SELECT %d, _id FROM ", i);
        vb_schema_table(&sql, vb_universe_at(reg->universe, i));
        r = vb_db_run(reg->db, vb_buf_text(&sql), err);
    }
    return r;
}
