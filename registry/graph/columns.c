/* columns.c - pieces of SQL that the graph builder is made of. */
#include "registry/base/mem.h"
#include "registry/graph/build.h"
#include "registry/schema.h"

#include <string.h>

int vb_build_run(struct build *b, const vb_buf *sql)
{
    return vb_db_run(b->db, vb_buf_text(sql), b->err);
}

struct graph_type *vb_build_type(struct build *b, const char *name)
{
    for (size_t i = 0; i < b->ntypes; i++)
        if (!strcmp(b->types[i].type->name, name))
            return &b->types[i];
    return NULL;
}

void vb_build_columns(const struct build *b, vb_dimset dims, const char *prefix, vb_buf *sql)
{
    const char *between = "";

    VB_EACH_DIMENSION(i, dims) {
        vb_buf_printf(sql, "%s%s", between, prefix);
        vb_sql_name(sql, vb_universe_at(vb_registry_universe(b->graph), i)->name);
        between = ", ";
    }
}

void vb_build_definitions(const struct build *b, vb_dimset dims, vb_buf *sql)
{
    const char *between = "";

    VB_EACH_DIMENSION(i, dims) {
        const vb_element *e = vb_universe_at(vb_registry_universe(b->graph), i);

        vb_buf_puts(sql, between);
        vb_sql_name(sql, e->name);
        vb_buf_printf(sql, " %s NOT NULL", vb_schema_type(e->keys[0].type));
        between = ", ";
    }
}

void vb_build_equal(const struct build *b, vb_dimset dims, const char *left, const char *right, vb_buf *sql)
{
    const char *between = "";

    if (vb_dimset_empty(dims))
        vb_buf_puts(sql, "1");
    VB_EACH_DIMENSION(i, dims) {
        vb_auto_buf name = {0};

        vb_sql_name(&name, vb_universe_at(vb_registry_universe(b->graph), i)->name);
        vb_buf_printf(sql, "%s%s.%s = %s.%s", between, left, name.data, right, name.data);
        between = " AND ";
    }
}

int vb_build_keyed_table(struct build *b, const char *name, const char *id, vb_dimset dims)
{
    vb_auto_buf sql = {0};
    bool none = vb_dimset_empty(dims);

    vb_buf_printf(&sql, "CREATE TEMP TABLE %s (%s INTEGER PRIMARY KEY%s", name, id, none ? "" : ", ");
    vb_build_definitions(b, dims, &sql);
    if (!none) {
        vb_buf_puts(&sql, ", UNIQUE (");
        vb_build_columns(b, dims, "", &sql);
        vb_buf_puts(&sql, ")");
    }
    vb_buf_puts(&sql, ")");
    return vb_build_run(b, &sql);
}

int vb_build_src_has_group(struct build *b, const vb_dataset_type *type, bool *out)
{
    int64_t found = 0;
    int r = vb_sql_int(b->db, &found, b->err, "SELECT 1 FROM src.dataid_group WHERE id = ?", VB_ARGS(type->group_id));

    *out = found;
    return r < 0 ? r : 0;
}

void vb_build_packed(const struct build *b, vb_dimset dims, const char *prefix, vb_buf *sql)
{
    vb_buf_puts(sql, "json_array(");
    vb_build_columns(b, dims, prefix, sql);
    vb_buf_puts(sql, ")");
}

void vb_build_print(const vb_group *group, const char *packed, vb_buf *out)
{
    vb_auto_dataid id = {0};

    if (vb_dataid_unpack(group, packed, &id, NULL) < 0)
        vb_buf_puts(out, packed);
    else
        vb_dataid_print(&id, out);
}
