#include "registry/gen3/ddl.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <string.h>

enum { LONGEST_CHECKED = 32 };

/* Names that SQL has taken: the ones that a universe could have. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {"group", "order", "index", "table", "key",   "set",  "values", "view",
                                        "match", "row",   "query", "plan",  "limit", "full", "check",  NULL};

    return vb_strv_has((char *const *)words, name);
}

static void put_name(vb_buf *sql, const char *name)
{
    vb_buf_printf(sql, is_reserved(name) ? "\"%s\"" : "%s", name);
}

static void put_list(vb_buf *sql, const char *const *columns, const char *between, bool quote)
{
    for (const char *const *c = columns; *c; c++) {
        vb_buf_puts(sql, c == columns ? "" : between);
        if (quote)
            put_name(sql, *c);
        else
            vb_buf_puts(sql, *c);
    }
}

void vb_gen3_table_begin(vb_gen3_table *t, const char *name)
{
    *t = (vb_gen3_table){.name = name};
}

void vb_gen3_column(vb_gen3_table *t, const char *name, const char *type, bool not_null)
{
    vb_buf_puts(&t->columns, t->columns.len ? ", \n\t" : "\n\t");
    put_name(&t->columns, name);
    vb_buf_printf(&t->columns, " %s%s", type, not_null ? " NOT NULL" : "");
}

void vb_gen3_string(vb_gen3_table *t, const char *name, int length, bool not_null)
{
    vb_autofree char *type = vb_format("VARCHAR(%d)", length);

    if (length <= 0 || length > LONGEST_CHECKED) {
        vb_gen3_column(t, name, "TEXT", not_null);
        return;
    }
    vb_gen3_column(t, name, type, not_null);
    vb_buf_printf(&t->checks, ", \n\tCONSTRAINT %s_len_%s CHECK (length(\"%s\")<=%d AND length(\"%s\")>=1)", t->name,
                  name, name, length, name);
}

void vb_gen3_primary(vb_gen3_table *t, const char *const *columns)
{
    t->key = columns;
}

void vb_gen3_unique(vb_gen3_table *t, const char *const *columns)
{
    vb_buf_printf(&t->uniques, ", \n\tCONSTRAINT %s_unq_", t->name);
    put_list(&t->uniques, columns, "_", false);
    vb_buf_puts(&t->uniques, " UNIQUE (");
    put_list(&t->uniques, columns, ", ", true);
    vb_buf_puts(&t->uniques, ")");
}

static void put_index(vb_gen3_table *t, const char *kind, const char *const *columns)
{
    vb_buf_printf(&t->indexes, "CREATE INDEX %s_%s_", t->name, kind);
    put_list(&t->indexes, columns, "_", false);
    vb_buf_puts(&t->indexes, " ON ");
    put_name(&t->indexes, t->name);
    vb_buf_puts(&t->indexes, " (");
    put_list(&t->indexes, columns, ", ", true);
    vb_buf_puts(&t->indexes, ");\n");
}

void vb_gen3_index(vb_gen3_table *t, const char *const *columns)
{
    put_index(t, "idx", columns);
}

static bool is_key(const vb_gen3_table *t, const char *const *columns)
{
    size_t i = 0;

    while (columns[i] && t->key[i] && !strcmp(columns[i], t->key[i]))
        i++;
    return !columns[i] && !t->key[i];
}

void vb_gen3_foreign(vb_gen3_table *t, const char *table, const char *const *theirs, const char *const *columns,
                     bool cascade)
{
    vb_buf_printf(&t->foreign, ", \n\tCONSTRAINT fkey_%s_%s_", t->name, table);
    put_list(&t->foreign, theirs, "_", false);
    vb_buf_puts(&t->foreign, "_");
    put_list(&t->foreign, columns, "_", false);
    vb_buf_puts(&t->foreign, " FOREIGN KEY(");
    put_list(&t->foreign, columns, ", ", true);
    vb_buf_puts(&t->foreign, ") REFERENCES ");
    put_name(&t->foreign, table);
    vb_buf_puts(&t->foreign, " (");
    put_list(&t->foreign, theirs, ", ", true);
    vb_buf_puts(&t->foreign, cascade ? ") ON DELETE CASCADE" : ")");
    if (!is_key(t, columns))
        put_index(t, "fkidx", columns);
}

void vb_gen3_table_end(vb_gen3_table *t, vb_gen3_sql *sql)
{
    vb_buf_puts(&sql->tables, "CREATE TABLE ");
    put_name(&sql->tables, t->name);
    vb_buf_printf(&sql->tables, " (%s, \n\tPRIMARY KEY (", vb_buf_text(&t->columns));
    put_list(&sql->tables, t->key, ", ", true);
    vb_buf_printf(&sql->tables, ")%s%s%s\n);\n", vb_buf_text(&t->checks), vb_buf_text(&t->uniques),
                  vb_buf_text(&t->foreign));
    vb_buf_puts(&sql->indexes, vb_buf_text(&t->indexes));
    vb_buf_free(&t->columns);
    vb_buf_free(&t->checks);
    vb_buf_free(&t->uniques);
    vb_buf_free(&t->foreign);
    vb_buf_free(&t->indexes);
}
