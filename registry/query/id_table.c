/* id_table.c - data IDs that a person gives as a table, in a temporary table of the connection. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/query/query.h"
#include "registry/schema.h"

#include <string.h>

struct loading {
    vb_registry *reg;
    const vb_element *dimensions[VB_MAX_REQUIRED];
    size_t count;
    vb_id_table *table;
    vb_error *err;
};

static int find_columns(struct loading *l, char *const *columns, size_t n)
{
    const vb_universe *u = vb_registry_universe(l->reg);
    vb_dimset needed = {{0}};

    if (n > VB_MAX_REQUIRED)
        return vb_fail(l->err, -EINVAL, "%s: more than %d dimensions", l->table->file, VB_MAX_REQUIRED);
    for (size_t i = 0; i < n; i++) {
        if (vb_universe_dimension(u, columns[i], &l->dimensions[i], l->err) < 0)
            return vb_error_context(l->err, "%s:1", l->table->file);
        vb_dimset_add(&l->table->dims, l->dimensions[i]->index);
        needed = vb_dimset_union(needed, l->dimensions[i]->required);
    }
    VB_EACH_DIMENSION(i, vb_dimset_minus(needed, l->table->dims)) {
        vb_fail(l->err, -EINVAL, "%s:1: a column '%s' is missing", l->table->file, vb_universe_at(u, i)->name);
        vb_hint(l->err, "the values of the others mean nothing without it");
        return -EINVAL;
    }
    l->count = n;
    return 0;
}

static int create(struct loading *l)
{
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql, "CREATE TEMP TABLE %s (", l->table->name);
    for (size_t i = 0; i < l->count; i++) {
        vb_buf_puts(&sql, i ? ", " : "");
        vb_sql_name(&sql, l->dimensions[i]->name);
        vb_buf_printf(&sql, " %s NOT NULL", vb_schema_type(l->dimensions[i]->keys[0].type));
    }
    vb_buf_puts(&sql, ", UNIQUE (");
    for (size_t i = 0; i < l->count; i++) {
        vb_buf_puts(&sql, i ? ", " : "");
        vb_sql_name(&sql, l->dimensions[i]->name);
    }
    vb_buf_puts(&sql, "))");
    return vb_db_run(l->reg->db, vb_buf_text(&sql), l->err);
}

static int insert(struct loading *l, const char *sql, char *const *cells, size_t line)
{
    vb_value values[VB_MAX_REQUIRED] = {0};
    vb_arg args[VB_MAX_REQUIRED];
    int r = 0;

    for (size_t i = 0; !r && i < l->count; i++) {
        r = vb_dimension_parse(l->dimensions[i], cells[i], &values[i], l->err);
        args[i] = vb_arg_value(&values[i]);
    }
    if (r < 0)
        vb_error_context(l->err, "%s:%zu", l->table->file, line);
    if (!r)
        r = vb_sql_exec(l->reg->db, l->err, sql, args, l->count);
    for (size_t i = 0; i < l->count; i++)
        vb_value_clear(&values[i]);
    return r;
}

static int fill(struct loading *l, char *const *cells, const size_t *lines, size_t nrows)
{
    vb_auto_buf sql = {0};
    int r;

    vb_buf_printf(&sql, "INSERT OR IGNORE INTO temp.%s VALUES (?", l->table->name);
    for (size_t i = 1; i < l->count; i++)
        vb_buf_puts(&sql, ", ?");
    vb_buf_puts(&sql, ")");
    r = vb_db_run(l->reg->db, "BEGIN", l->err); /* deferred: the registry may be open for reading only */
    for (size_t i = 0; !r && i < nrows; i++)
        r = insert(l, vb_buf_text(&sql), cells + i * l->count, lines[i]);
    if (vb_db_run(l->reg->db, r < 0 ? "ROLLBACK" : "COMMIT", r < 0 ? NULL : l->err) < 0)
        return r < 0 ? r : -EIO;
    l->table->rows = (int64_t)nrows;
    return r;
}

int vb_query_add_table(vb_registry *reg, vb_query *q, const char *file, char *const *columns, size_t ncolumns,
                       char *const *cells, const size_t *lines, size_t nrows, vb_error *err)
{
    struct loading l = {.reg = reg, .err = err};
    int r;

    l.table = VB_PUSH(q->tables, q->ntables, q->tables_cap);
    l.table->name = vb_format("data_ids_%zu", q->ntables);
    l.table->file = vb_strdup(file);
    r = find_columns(&l, columns, ncolumns);
    if (!r)
        r = create(&l);
    return r < 0 ? r : fill(&l, cells, lines, nrows);
}
