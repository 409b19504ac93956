#include "tests/fuzz/damage.h"

#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/sql.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

char **damage_tables(const char *path)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    char **tables = NULL;

    check(!vb_db_open(path, VB_DB_READ, &db, &err));
    check(!vb_sql(db, &s, &err, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", VB_NO_ARGS));
    while (vb_stmt_step(s, &err) > 0)
        vb_strv_add(&tables, vb_col_text(s, 0));
    return tables;
}

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *in, int bytes)
{
    unsigned n = 0;

    for (; bytes--; in->size -= in->size > 0)
        n = n << 8 | (in->size ? *in->data++ : 0);
    return n;
}

static const char *take_table(struct input *in, char *const *tables)
{
    return tables[take(in, 1) % vb_strv_count(tables)];
}

static vb_arg take_value(struct input *in)
{
    unsigned kind = take(in, 1) % 5;
    size_t n = take(in, 1);
    const uint8_t *text = in->data;

    n = n < in->size ? n : in->size;
    in->data += n;
    in->size -= n;
    switch (kind) {
    case VB_INT: return vb_arg_int(n ? (int64_t)(text[0] - 8 + (n > 1 ? (uint64_t)text[1] << 56 : 0)) : 0);
    case VB_REAL: return vb_arg_real(n ? text[0] / 3.0 : 0);
    case VB_TEXT:
    case VB_BYTES: return (vb_arg){.kind = (vb_kind)kind, .data = n ? (const void *)text : "", .len = n};
    default: return (vb_arg){.kind = VB_NULL};
    }
}

static void change_cell(vb_db *db, char *const *tables, struct input *in)
{
    const char *table = take_table(in, tables);
    vb_autofree char *find = vb_format("SELECT name FROM pragma_table_info('%s') ORDER BY (cid + %u) %% 7 LIMIT 1",
                                       table, take(in, 1));
    vb_autofree char *sql = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    unsigned row = take(in, 1) % 16 + 1;
    vb_arg value = take_value(in);

    if (vb_sql(db, &s, NULL, find, VB_NO_ARGS) < 0 || vb_stmt_step(s, NULL) <= 0)
        return;
    sql = vb_format("UPDATE \"%s\" SET \"%s\" = ? WHERE rowid = %u OR %u = 16", table, vb_col_text(s, 0), row, row);
    vb_sql_exec(db, NULL, sql, &value, 1);
}

static void change(vb_db *db, char *const *tables, struct input *in, int file)
{
    vb_autofree char *sql = NULL;
    const char *table;
    uint8_t byte;
    off_t offset;

    switch (take(in, 1) % 5) {
    case 0: change_cell(db, tables, in); return;
    case 1:
        table = take_table(in, tables);
        sql = vb_format("DELETE FROM \"%s\" WHERE rowid = %u", table, take(in, 1));
        vb_sql_exec(db, NULL, sql, VB_NO_ARGS);
        return;
    case 2:
        vb_sql_exec(db, NULL, "INSERT INTO collection_chain VALUES (?, ?, ?)",
                    VB_ARGS(take(in, 1) % 5, take(in, 1), take(in, 1) % 5));
        return;
    case 3:
        offset = take(in, 3);
        byte = (uint8_t)take(in, 1);
        check(pwrite(file, &byte, 1, offset) >= 0);
        return;
    case 4: check(!ftruncate(file, take(in, 3))); return;
    }
}

static void copy_file(const char *base, const char *work)
{
    vb_autoclose int from = open(base, O_RDONLY | O_CLOEXEC);
    vb_autoclose int to = open(work, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    check(from >= 0 && to >= 0 && !vb_copy_fd(from, to, NULL));
}

void damage_copy(const char *base, char *const *tables, const char *work, const uint8_t *data, size_t size)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    struct input in = {data, size};
    vb_autoclose int file = -1;

    copy_file(base, work);
    file = open(work, O_RDWR | O_CLOEXEC);
    check(!vb_db_open(work, VB_DB_WRITE, &db, NULL));
    vb_db_run(db,
              "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF;"
              "PRAGMA journal_mode = OFF; PRAGMA mmap_size = 0",
              NULL);
    for (int i = 0; i < 16 && in.size; i++)
        change(db, tables, &in, file);
}
