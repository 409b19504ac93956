#include "registry/lookup.h"

#include "registry/base/mem.h"
#include "registry/internal.h"
#include "registry/schema.h"

#include <string.h>

/* " AND "visit" = ?" for each of the dimensions; -EINVAL where the data ID lacks one. */
static int add_conditions(const vb_universe *u, vb_dimset dims, const vb_dataid *dataid, vb_buf *sql, vb_arg *args,
                          size_t *count, vb_error *err)
{
    VB_EACH_DIMENSION(i, dims) {
        const char *name = vb_universe_at(u, i)->name;
        const vb_value *v = vb_dataid_get(dataid, name);

        if (!v)
            return vb_fail(err, -EINVAL, "a data ID without '%s'", name);
        vb_buf_puts(sql, " AND ");
        vb_sql_name(sql, name);
        vb_buf_puts(sql, " = ?");
        args[(*count)++] = vb_arg_value(v);
    }
    return 0;
}

int vb_record_exists(vb_registry *reg, const vb_element *element, const vb_dataid *dataid, vb_error *err)
{
    vb_auto_buf sql = {0};
    vb_arg args[VB_MAX_REQUIRED];
    size_t n = 0;
    int64_t one;
    int r;

    if (!element->has_table || element->is_skypix)
        return 1;
    vb_buf_puts(&sql, "SELECT 1 FROM ");
    vb_schema_table(&sql, element);
    vb_buf_puts(&sql, " WHERE 1");
    r = add_conditions(reg->universe, element->required, dataid, &sql, args, &n, err);
    return r < 0 ? r : vb_sql_int(reg->db, &one, err, vb_buf_text(&sql), args, n);
}

static bool has_key(const vb_element *dimension, const char *key)
{
    for (size_t i = 1; i < dimension->nkeys; i++)
        if (!strcmp(dimension->keys[i].name, key))
            return true;
    return false;
}

int vb_dimension_by_key(vb_registry *reg, const vb_element *dimension, const char *key, const char *text,
                        const vb_dataid *dataid, vb_value *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_dimset others = dimension->required;
    vb_auto_buf sql = {0};
    vb_arg args[VB_MAX_REQUIRED + 1] = {vb_arg_text(text)};
    size_t n = 1;
    int r;

    if (!dimension->has_table || !has_key(dimension, key))
        return vb_fail(err, -EINVAL, "dimension '%s' has no key '%s'", dimension->name, key);
    others.bits[dimension->index / 64] &= ~(UINT64_C(1) << (dimension->index % 64));
    vb_buf_puts(&sql, "SELECT ");
    vb_sql_name(&sql, dimension->name);
    vb_buf_puts(&sql, " FROM ");
    vb_schema_table(&sql, dimension);
    vb_buf_puts(&sql, " WHERE ");
    vb_sql_name(&sql, key);
    vb_buf_puts(&sql, " = ?");
    r = add_conditions(reg->universe, others, dataid, &sql, args, &n, err);
    if (!r)
        r = vb_sql(reg->db, &s, err, vb_buf_text(&sql), args, n);
    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0)
        *out = vb_col_value(s, 0);
    return r;
}
