/* sql.h - the one wrapper round SQLite: open, prepare, bind, step.
 *
 * Statements are prepared once a connection and kept by their text, which should therefore be a literal or one of few.
 * Arguments are bound by their C type, so a wrong one does not compile:
 *
 *     vb_auto(vb_stmt_done) vb_stmt *s = NULL;
 *     int r = vb_sql(db, &s, err, "SELECT id FROM collection WHERE name = ?", VB_ARGS(name));
 *     while (!r && (r = vb_stmt_step(s, err)) > 0) { ... vb_col_int(s, 0) ... r = 0; }
 *
 * A connection and its statements belong to one thread at a time.  Files are untrusted: every connection is opened
 * defensive, with trusted_schema off. */
#ifndef VB_REGISTRY_SQL_H
#define VB_REGISTRY_SQL_H

#include "registry/base/error.h"
#include "registry/base/uuid.h"
#include "registry/txn.h"
#include "registry/value.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct vb_stmt vb_stmt;

typedef enum vb_db_mode {
    VB_DB_READ,      /* read-only, live: sees the commits of others */
    VB_DB_IMMUTABLE, /* read-only, a file that nobody changes: no locks at all */
    VB_DB_WRITE,     /* reads and writes */
    VB_DB_CREATE,    /* a new file; -EEXIST where one is there */
} vb_db_mode;

/* -ENOENT, -EACCES; -EINVAL where the file is no SQLite database. */
int vb_db_open(const char *path, vb_db_mode mode, vb_db **out, vb_error *err);
void vb_db_close(vb_db *db);
VB_CLEANUP(vb_db, vb_db_close)

const char *vb_db_path(const vb_db *db);

/* Runs statements that are not worth keeping (schema, pragmas). */
int vb_db_run(vb_db *db, const char *sql, vb_error *err);

/* Attaches another database, read-only, under a name. */
int vb_db_attach(vb_db *db, const char *path, const char *name, vb_error *err);

/* Transactions of this connection hold the lease of the file from now on: it lies on a network file system.  Or nobody
 * else has the file, and none is needed. */
void vb_db_lease(vb_db *db, bool leased);

/* Whether the file keeps a write-ahead log; and to keep one, or a rollback journal.  While others have the file open it
 * stays as it is: that is no error. */
int vb_db_has_log(vb_db *db, bool *out, vb_error *err);
int vb_db_set_log(vb_db *db, bool log, vb_error *err);

/* How often something was undone on this connection: what was remembered before may never have been. */
uint64_t vb_db_rollbacks(const vb_db *db);

int64_t vb_db_last_id(vb_db *db);
int64_t vb_db_changes(vb_db *db); /* rows changed by the last statement */

/* One argument. */
typedef struct vb_arg {
    vb_kind kind;
    int64_t i;
    double d;
    const void *data; /* NULL: null */
    size_t len;
} vb_arg;

typedef struct vb_blob {
    const void *data;
    size_t len;
} vb_blob;

static inline vb_arg vb_arg_int(int64_t i)
{
    return (vb_arg){.kind = VB_INT, .i = i};
}
static inline vb_arg vb_arg_real(double d)
{
    return (vb_arg){.kind = VB_REAL, .d = d};
}
vb_arg vb_arg_text(const char *text);
vb_arg vb_arg_uuid(const vb_uuid *uuid);
vb_arg vb_arg_value(const vb_value *value);
static inline vb_arg vb_arg_blob(vb_blob b)
{
    return (vb_arg){.kind = VB_BYTES, .data = b.data, .len = b.len};
}

/* clang-format off */
#define VB_ARG(x)                                                                                             \
    _Generic((x),                                                                                             \
        bool: vb_arg_int, int: vb_arg_int, unsigned: vb_arg_int, long: vb_arg_int, unsigned long: vb_arg_int, \
        double: vb_arg_real, char *: vb_arg_text, const char *: vb_arg_text,                                  \
        vb_uuid *: vb_arg_uuid, const vb_uuid *: vb_arg_uuid,                                                 \
        vb_value *: vb_arg_value, const vb_value *: vb_arg_value, vb_blob: vb_arg_blob)(x)

#define VB_ARGS_1(a)      VB_ARG(a)
#define VB_ARGS_2(a, ...) VB_ARG(a), VB_ARGS_1(__VA_ARGS__)
#define VB_ARGS_3(a, ...) VB_ARG(a), VB_ARGS_2(__VA_ARGS__)
#define VB_ARGS_4(a, ...) VB_ARG(a), VB_ARGS_3(__VA_ARGS__)
#define VB_ARGS_5(a, ...) VB_ARG(a), VB_ARGS_4(__VA_ARGS__)
#define VB_ARGS_6(a, ...) VB_ARG(a), VB_ARGS_5(__VA_ARGS__)
#define VB_ARGS_7(a, ...) VB_ARG(a), VB_ARGS_6(__VA_ARGS__)
#define VB_ARGS_8(a, ...) VB_ARG(a), VB_ARGS_7(__VA_ARGS__)
#define VB_ARGS_9(a, ...) VB_ARG(a), VB_ARGS_8(__VA_ARGS__)
#define VB_ARGS_10(a, ...) VB_ARG(a), VB_ARGS_9(__VA_ARGS__)
#define VB_ARGS_11(a, ...) VB_ARG(a), VB_ARGS_10(__VA_ARGS__)
#define VB_ARGS_12(a, ...) VB_ARG(a), VB_ARGS_11(__VA_ARGS__)
#define VB_ARGS_13(a, ...) VB_ARG(a), VB_ARGS_12(__VA_ARGS__)
#define VB_ARGS_14(a, ...) VB_ARG(a), VB_ARGS_13(__VA_ARGS__)
#define VB_ARGS_15(a, ...) VB_ARG(a), VB_ARGS_14(__VA_ARGS__)
#define VB_ARGS_16(a, ...) VB_ARG(a), VB_ARGS_15(__VA_ARGS__)
#define VB_ARGS_PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, name, ...) name
/* clang-format on */

/* The arguments of a statement, in order; VB_NO_ARGS where it has none. */
#define VB_ARGS(...)                                                                                                   \
    (const vb_arg[]){VB_ARGS_PICK(__VA_ARGS__, VB_ARGS_16, VB_ARGS_15, VB_ARGS_14, VB_ARGS_13, VB_ARGS_12, VB_ARGS_11, \
                                  VB_ARGS_10, VB_ARGS_9, VB_ARGS_8, VB_ARGS_7, VB_ARGS_6, VB_ARGS_5, VB_ARGS_4,        \
                                  VB_ARGS_3, VB_ARGS_2, VB_ARGS_1)(__VA_ARGS__)},                                      \
        VB_ARGS_PICK(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
#define VB_NO_ARGS NULL, 0

/* A statement, bound and ready to step.  Text and bytes are not copied: they must live until the statement is done. */
int vb_sql(vb_db *db, vb_stmt **out, vb_error *err, const char *sql, const vb_arg *args, size_t count);

/* 1: a row; 0: no more; negative: failed. */
int vb_stmt_step(vb_stmt *s, vb_error *err);

/* Gives the statement back; NULL is allowed. */
void vb_stmt_done(vb_stmt *s);
VB_CLEANUP(vb_stmt, vb_stmt_done)

/* Binds again, from the first parameter, after resetting: for a statement in a loop. */
int vb_stmt_rebind(vb_stmt *s, const vb_arg *args, size_t count, vb_error *err);

/* The columns of the row; text and bytes live until the next step. */
bool vb_col_null(vb_stmt *s, int i);
vb_kind vb_col_kind(vb_stmt *s, int i); /* what the cell holds, whatever its column was declared as */
int64_t vb_col_int(vb_stmt *s, int i);
double vb_col_real(vb_stmt *s, int i);
const char *vb_col_text(vb_stmt *s, int i); /* NULL for null */
const void *vb_col_blob(vb_stmt *s, int i, size_t *n);
vb_uuid vb_col_uuid(vb_stmt *s, int i);
vb_value vb_col_value(vb_stmt *s, int i); /* the caller's */
int vb_col_count(vb_stmt *s);

/* Runs a statement to its end. */
int vb_sql_exec(vb_db *db, vb_error *err, const char *sql, const vb_arg *args, size_t count);

/* The first column of the first row as an integer: 1, or 0 where there is no row. */
int vb_sql_int(vb_db *db, int64_t *out, vb_error *err, const char *sql, const vb_arg *args, size_t count);

/* Several look-ups at one state of the database, with its lock taken once: until the scope ends.  Nothing in a
 * transaction, which is such a scope already.  Nothing may be written in it. */
typedef struct vb_look {
    vb_db *db; /* NULL: nothing to be ended */
} vb_look;

int vb_look_begin(vb_look *look, vb_db *db, vb_error *err);
void vb_look_end(vb_look *look);
#define vb_auto_look __attribute__((cleanup(vb_look_end))) vb_look

/* A copy of a whole database, page by page, while others write to it: 1 while there are more, 0 at the end.  A commit
 * of another connection makes it begin again; `pages` -1: all that is left, at once. */
typedef struct vb_copy vb_copy;
int vb_copy_open(vb_db *from, vb_db *to, vb_copy **out, vb_error *err);
int vb_copy_step(vb_copy *copy, int pages, int64_t *done, int64_t *total, vb_error *err);
void vb_copy_close(vb_copy *copy);
VB_CLEANUP(vb_copy, vb_copy_close)

/* "name" with the quotes that SQL wants round an identifier, appended. */
void vb_sql_name(vb_buf *out, const char *name);

#endif
