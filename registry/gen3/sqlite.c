/* sqlite.c - a Gen3 registry in an SQLite file: the usual form of a small repository.
 *
 * Rubin keeps a rollback journal, so a reader takes a shared lock and writes nothing.  A file that somebody has put
 * into WAL mode would want a -shm beside it: it is read as one that nobody changes where nobody has it open, else from
 * a private copy (wal.h). */
#include "registry/gen3/source.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/gen3/private.h"
#include "registry/gen3/wal.h"
#include "registry/sql.h"

#include <string.h>

struct sqlite_source {
    vb_gen3_source base;
    vb_db *db;
};

struct sqlite_rows {
    vb_gen3_rows base;
    vb_stmt *s;
};

static void sqlite_close(vb_gen3_source *base)
{
    struct sqlite_source *s = (struct sqlite_source *)base;

    if (s->db)
        vb_db_close(s->db);
    free(s);
}

static int sqlite_columns(vb_gen3_source *base, const char *table, char ***out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(((struct sqlite_source *)base)->db, &s, err,
                   "SELECT c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'"
                   " AND t.name = ? ORDER BY c.cid",
                   VB_ARGS(table));

    *out = NULL;
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_strv_add(out, vb_col_text(s, 0));
        r = 0;
    }
    if (r < 0) {
        vb_strv_free(*out);
        *out = NULL;
    }
    return r;
}

static int sqlite_query(vb_gen3_source *base, const char *sql, vb_gen3_rows **out, vb_error *err)
{
    struct sqlite_rows *rows = VB_NEW(struct sqlite_rows);
    int r = vb_sql(((struct sqlite_source *)base)->db, &rows->s, err, sql, VB_NO_ARGS);

    if (r < 0)
        free(rows);
    else
        *out = &rows->base;
    return r;
}

static int sqlite_next(vb_gen3_rows *rows, vb_error *err)
{
    return vb_stmt_step(((struct sqlite_rows *)rows)->s, err);
}

static void sqlite_cell(vb_gen3_rows *rows, int i, vb_gen3_cell *out)
{
    vb_stmt *s = ((struct sqlite_rows *)rows)->s;

    out->kind = vb_col_kind(s, i);
    switch (out->kind) {
    case VB_INT: out->i = vb_col_int(s, i); break;
    case VB_REAL: out->d = vb_col_real(s, i); break;
    case VB_TEXT:
        out->data = vb_col_text(s, i);
        vb_col_blob(s, i, &out->len);
        break;
    case VB_BYTES:
        out->data = vb_col_blob(s, i, &out->len);
        if (!out->data)
            out->data = "";
        break;
    case VB_NULL: break;
    }
}

static void sqlite_done(vb_gen3_rows *rows)
{
    vb_stmt_done(((struct sqlite_rows *)rows)->s);
    free(rows);
}

static const vb_gen3_source_class sqlite_class = {
    .columns = sqlite_columns,
    .query = sqlite_query,
    .next = sqlite_next,
    .cell = sqlite_cell,
    .done = sqlite_done,
    .close = sqlite_close,
};

/* A file in WAL mode that nobody has open is read where it is; else a copy is, which has no name once it is open. */
static int open_database(const char *path, vb_db **out, vb_error *err)
{
    vb_autofree char *copy = NULL;
    int r;

    if (!vb_gen3_wal_mode(path))
        return vb_db_open(path, VB_DB_READ, out, err);
    if (!vb_gen3_wal_in_use(path))
        return vb_db_open(path, VB_DB_IMMUTABLE, out, err);
    r = vb_gen3_private_file(&copy, err);
    if (r < 0)
        return r;
    r = vb_gen3_wal_copy(path, copy, err);
    if (!r)
        r = vb_db_open(copy, VB_DB_IMMUTABLE, out, err);
    vb_gen3_private_unlink(copy);
    return r;
}

int vb_gen3_source_sqlite(const char *path, vb_gen3_source **out, vb_error *err)
{
    vb_auto(vb_gen3_source_close) vb_gen3_source *base = NULL;
    struct sqlite_source *s = VB_NEW(struct sqlite_source);
    int r;

    s->base = (vb_gen3_source){.class = &sqlite_class, .name = vb_strdup(path)};
    base = &s->base;
    r = open_database(path, &s->db, err);
    /* Every page that is mapped is checked at every access, one in the cache but once; and the pages of datasets and of
     * their files are asked for in the order of data IDs, which is not theirs. */
    if (!r)
        r = vb_db_run(s->db, "PRAGMA mmap_size = 0; PRAGMA cache_size = -262144", err);
    /* One state of the database, whatever is committed meanwhile. */
    if (!r)
        r = vb_db_run(s->db, "BEGIN; SELECT count(*) FROM sqlite_schema", err);
    if (!r)
        *out = VB_STEAL(base);
    return r;
}
