#include "registry/exchange/integrity.h"

#include "registry/base/mem.h"
#include "registry/internal.h"
#include "registry/record.h"
#include "registry/schema.h"

#include <string.h>

struct vb_integrity {
    vb_registry *reg;
    int64_t last[VB_MAX_ELEMENTS]; /* the greatest row, by element */
};

static bool has_rows(const vb_element *e)
{
    return e->has_table && !e->is_skypix;
}

int vb_integrity_begin(vb_registry *reg, vb_integrity **out, vb_error *err)
{
    vb_integrity *before = VB_NEW(vb_integrity);
    int r = 0;

    before->reg = reg;
    for (int i = 0; r >= 0 && i < vb_universe_count(reg->universe); i++) {
        const vb_element *e = vb_universe_at(reg->universe, i);
        vb_auto_buf sql = {0};

        if (!has_rows(e))
            continue;
        vb_buf_puts(&sql, "SELECT coalesce(max(_id), 0) FROM ");
        vb_schema_table(&sql, e);
        r = vb_sql_int(reg->db, &before->last[i], err, vb_buf_text(&sql), VB_NO_ARGS);
    }
    if (r < 0) {
        free(before);
        return r;
    }
    *out = before;
    return 0;
}

void vb_integrity_free(vb_integrity *before)
{
    free(before);
}

static int refuse(vb_integrity *before, const vb_element *e, int64_t id, const vb_element *on, vb_error *err)
{
    vb_auto_record record = {0};
    vb_auto_dataid dataid = {0};
    vb_auto_buf text = {0}, value = {0};
    int r = vb_record_by_id(before->reg, e, id, &record, err);

    if (r < 0)
        return r;
    vb_record_dataid(&record, before->reg, &dataid);
    vb_dataid_print(&dataid, &text);
    vb_value_print(vb_record_value(&record, on->name), &value);
    return vb_fail(err, -ENOENT, "%s %s refers to %s %s, of which there is no record", e->name, vb_buf_text(&text),
                   on->name, vb_buf_text(&value));
}

/* A new record of `e` without its record of `on`. */
static int check_pair(vb_integrity *before, const vb_element *e, const vb_element *on, vb_error *err)
{
    vb_auto_buf sql = {0}, name = {0};
    const char *joint = " WHERE ";
    int64_t id;
    int r;

    vb_schema_table(&name, e);
    vb_buf_printf(&sql, "SELECT _id FROM %s AS r WHERE _id > ? AND ", name.data);
    vb_sql_name(&sql, on->name);
    vb_buf_puts(&sql, " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ");
    vb_schema_table(&sql, on);
    vb_buf_puts(&sql, " AS d");
    VB_EACH_DIMENSION(i, on->required) {
        vb_buf_puts(&sql, joint);
        vb_buf_puts(&sql, "d.");
        vb_sql_name(&sql, vb_universe_at(before->reg->universe, i)->name);
        vb_buf_puts(&sql, " = r.");
        vb_sql_name(&sql, vb_universe_at(before->reg->universe, i)->name);
        joint = " AND ";
    }
    vb_buf_puts(&sql, ") LIMIT 1");
    r = vb_sql_int(before->reg->db, &id, err, vb_buf_text(&sql), VB_ARGS(before->last[e->index]));
    return r <= 0 ? r : refuse(before, e, id, on, err);
}

int vb_integrity_check(vb_integrity *before, vb_error *err)
{
    const vb_universe *u = before->reg->universe;
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (!has_rows(e))
            continue;
        VB_EACH_DIMENSION(k, vb_dimset_union(e->required, e->implied)) {
            const vb_element *on = vb_universe_at(u, k);

            if (!r && k != i && has_rows(on))
                r = check_pair(before, e, on, err);
        }
    }
    return r;
}
