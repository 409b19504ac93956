/* sqlite.c - a Gen3 registry in an SQLite file: the usual form of a small repository.
 *
 * Rubin keeps a rollback journal, so a reader takes a shared lock and writes nothing.  A file that somebody has put
 * into WAL mode would want a -shm beside it: it is read as one that nobody changes, if its log is empty. */
#include "registry/gen3/source.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/sql.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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

/* True for a file in WAL mode (bytes 18 and 19 of its header: https://sqlite.org/fileformat2.html#the_database_header).
 */
static bool in_wal_mode(const char *path)
{
    vb_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char header[20];

    return fd >= 0 && pread(fd, header, sizeof header, 0) == sizeof header && header[18] == 2 && header[19] == 2;
}

static int choose_mode(const char *path, vb_db_mode *mode, vb_error *err)
{
    vb_autofree char *wal = vb_format("%s-wal", path);
    struct stat st;

    *mode = VB_DB_READ;
    if (!in_wal_mode(path))
        return 0;
    *mode = VB_DB_IMMUTABLE;
    if (stat(wal, &st) || !st.st_size)
        return 0;
    vb_fail(err, -EBUSY, "%s: has a write-ahead log that is not empty, and reading it would write beside it", path);
    vb_hint(err, "its owner can put the log back: sqlite3 %s 'PRAGMA wal_checkpoint(TRUNCATE)'", path);
    return -EBUSY;
}

int vb_gen3_source_sqlite(const char *path, vb_gen3_source **out, vb_error *err)
{
    vb_auto(vb_gen3_source_close) vb_gen3_source *base = NULL;
    struct sqlite_source *s;
    vb_db_mode mode;
    int r = choose_mode(path, &mode, err);

    if (r < 0)
        return r;
    s = VB_NEW(struct sqlite_source);
    s->base = (vb_gen3_source){.class = &sqlite_class, .name = vb_strdup(path)};
    base = &s->base;
    r = vb_db_open(path, mode, &s->db, err);
    /* One state of the database, whatever is committed meanwhile. */
    if (!r)
        r = vb_db_run(s->db, "BEGIN; SELECT count(*) FROM sqlite_schema", err);
    if (!r)
        *out = VB_STEAL(base);
    return r;
}
