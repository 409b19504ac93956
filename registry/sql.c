#include "registry/sql.h"

#include "registry/base/hash.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/functions.h"
#include "registry/lease.h"
#include "registry/netfs.h"
#include "registry/netlock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

/* Statements are long, and looked for by each call: uthash's own function takes five times as long. */
#define HASH_FUNCTION(key, length, hash) (hash) = (unsigned)vb_hash64(key, length)
#include <uthash.h>

enum { BUSY_TIMEOUT_MS = 60 * 1000, KEPT_STATEMENTS = 512, SHOWN_SQL = 120, RECENT = 64 };

struct vb_stmt {
    sqlite3_stmt *handle;
    vb_db *db;
    char *sql; /* the key in db->kept; NULL: not kept */
    bool busy;
    UT_hash_handle hh;
};

struct vb_db {
    sqlite3 *handle;
    char *path;
    vb_stmt *kept;
    vb_stmt *recent[RECENT]; /* of the kept ones: by where the text lies that they were asked by */
    int depth; /* of open transactions */
    uint64_t rollbacks;
    bool leased;     /* transactions take the lease */
    vb_lease *lease; /* of the transaction */
    vb_netlock *net; /* NULL: the file is on this machine */
};

/* A key that is there already, and not another constraint: what is missing or of the wrong type is no such row. */
static bool is_taken(int rc)
{
    return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID;
}

/* Who makes others wait. */
static int busy(vb_db *db, vb_error *err)
{
    vb_auto_lease_holder holder = {0};

    if (db->net && vb_lease_look(db->path, &holder, NULL) > 0)
        return vb_lease_refuse(db->path, &holder, err);
    vb_fail(err, -EBUSY, "%s: another process has been writing for more than %d s", db->path, BUSY_TIMEOUT_MS / 1000);
    vb_hint(err, "wait for it to end, or see who it is with: fuser -v %s", db->path);
    return -EBUSY;
}

static int read_only(vb_db *db, int rc, vb_error *err)
{
    if (rc != SQLITE_READONLY_ROLLBACK)
        return vb_fail(err, -EROFS, "%s: cannot be written", db->path);
    vb_fail(err, -EROFS, "%s: a writer was killed in the middle", db->path);
    vb_hint(err, "any vbutler command that writes to it undoes what was not done");
    return -EROFS;
}

/* SQLite's result as an errno and a sentence. */
static int sql_fail(vb_db *db, vb_error *err, int rc, const char *what)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return busy(db, err);
    case SQLITE_NOTADB: return vb_fail(err, -EINVAL, "%s: is not a registry (not an SQLite file)", db->path);
    case SQLITE_CORRUPT:
        vb_fail(err, -EUCLEAN, "%s: is damaged (%s)", db->path, sqlite3_errmsg(db->handle));
        vb_hint(err, "copy the file away first; then try: sqlite3 %s .recover", db->path);
        return -EUCLEAN;
    case SQLITE_FULL: return vb_fail(err, -ENOSPC, "%s: no space left on the device", db->path);
    case SQLITE_READONLY: return read_only(db, rc, err);
    case SQLITE_CANTOPEN:
        rc = sqlite3_system_errno(db->handle);
        return vb_fail_errno(err, rc ? -rc : -EACCES, "opening %s", db->path);
    case SQLITE_IOERR: return vb_fail(err, -EIO, "%s: input/output error (%s)", db->path, sqlite3_errmsg(db->handle));
    case SQLITE_INTERRUPT: return vb_fail(err, -EINTR, "%s: interrupted", db->path);
    default:
        return vb_fail(err, is_taken(rc) ? -EEXIST : -EINVAL, "%s: %.*s: %s", db->path, SHOWN_SQL, what,
                       sqlite3_errmsg(db->handle));
    }
}

static int configure(vb_db *db, vb_db_mode mode, vb_error *err)
{
    static const char pragmas[] =
        "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;"
        "PRAGMA temp_store = FILE; PRAGMA mmap_size = 1073741824; PRAGMA journal_size_limit = 0;";
    int persist = 1, r;

    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 4);
    /* The log stays when the last writer closes: who may only read cannot make one. */
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    r = vb_functions_register(db->handle, err);
    if (!r)
        r = vb_db_run(db, pragmas, err);
    /* Graphs and snapshots come from elsewhere.  In a live registry it would cost two thirds of each look-up: a page
     * that is mapped is checked again whenever it is looked at. */
    if (!r && mode == VB_DB_IMMUTABLE)
        r = vb_db_run(db, "PRAGMA cell_size_check = ON", err);
    return r;
}

/* The file as a URI, so that `immutable` can be said and a name with '?' or '%' is no trap. */
static char *file_uri(const char *path, vb_db_mode mode)
{
    vb_buf uri = {0};

    vb_buf_puts(&uri, "file:");
    for (const unsigned char *p = (const unsigned char *)path; *p; p++)
        if (strchr("?#%", *p) || *p < 0x20 || *p > 0x7e)
            vb_buf_printf(&uri, "%%%02X", *p);
        else
            vb_buf_putc(&uri, (char)*p);
    vb_buf_puts(&uri, mode == VB_DB_IMMUTABLE ? "?immutable=1" : mode == VB_DB_READ ? "?mode=ro" : "");
    return vb_buf_steal(&uri);
}

/* What it protects is over: a commit by who has lost it meanwhile has been SQLite's to protect. */
static void give_lease_back(vb_db *db)
{
    vb_auto_error err = VB_ERROR_INIT;

    if (db->lease && vb_lease_release(VB_STEAL(db->lease), &err) < 0)
        vb_log(VB_WARNING, "%s", err.message);
}

/* Reads the header now, so that a file that is no database is refused here and not at its first use.  Over a network who
 * may write does it with the lease: what a dead writer has left in the middle is undone. */
static int read_header(vb_db *db, vb_db_mode mode, vb_error *err)
{
    int r = db->net && mode == VB_DB_WRITE ? vb_lease_take(db->path, BUSY_TIMEOUT_MS, &db->lease, err) : 0;

    if (!r)
        r = vb_db_run(db, "SELECT count(*) FROM sqlite_schema", err);
    give_lease_back(db);
    return r;
}

int vb_db_open(const char *path, vb_db_mode mode, vb_db **out, vb_error *err)
{
    static const int flags[] = {
        [VB_DB_READ] = SQLITE_OPEN_READONLY,
        [VB_DB_IMMUTABLE] = SQLITE_OPEN_READONLY,
        [VB_DB_WRITE] = SQLITE_OPEN_READWRITE,
        [VB_DB_CREATE] = SQLITE_OPEN_READWRITE,
    };
    vb_auto(vb_db_close) vb_db *db = VB_NEW(vb_db);
    vb_autofree char *uri = file_uri(path, mode);
    /* SQLite takes an empty file for a new database, and cannot tell why it could not make one. */
    vb_autoclose int made = mode == VB_DB_CREATE ? open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666) : -1;
    int r;

    if (mode == VB_DB_CREATE ? made < 0 : access(path, F_OK))
        return vb_fail_errno(err, -errno, mode == VB_DB_CREATE ? "making %s" : "opening %s", path);
    db->path = vb_strdup(path);
    r = sqlite3_open_v2(uri, &db->handle, flags[mode] | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        NULL);
    if (r != SQLITE_OK)
        return sql_fail(db, err, r, "opening");
    if (mode != VB_DB_IMMUTABLE && mode != VB_DB_CREATE && vb_is_network_fs(path))
        db->net = vb_netlock_new(db->handle, path, &db->lease, mode == VB_DB_WRITE);
    r = configure(db, mode, err);
    if (!r)
        r = read_header(db, mode, err);
    if (!r && (mode == VB_DB_WRITE || mode == VB_DB_CREATE)) /* what does not fit is written twice */
        r = vb_db_run(db, "PRAGMA cache_size = -131072", err);
    if (mode == VB_DB_READ && !db->net && (r == -EROFS || r == -EACCES))
        vb_hint(err,
                "who may not write needs %s-wal and -shm to be there: vbutler leaves them, other programs that close "
                "the registry take them away; any vbutler command of its owner brings them back",
                path);
    if (r < 0)
        return r;
    *out = VB_STEAL(db);
    return 0;
}

static void finalize(vb_stmt *s)
{
    sqlite3_finalize(s->handle);
    free(s->sql);
    free(s);
}

void vb_db_close(vb_db *db)
{
    vb_stmt *s, *next;

    HASH_ITER(hh, db->kept, s, next) {
        HASH_DEL(db->kept, s);
        finalize(s);
    }
    if (db->handle && sqlite3_close(db->handle) != SQLITE_OK)
        vb_log(VB_ERROR, "%s: closed with statements in use", db->path);
    if (db->net)
        vb_netlock_free(db->net);
    free(db->path);
    free(db);
}

const char *vb_db_path(const vb_db *db)
{
    return db->path;
}

int vb_db_run(vb_db *db, const char *sql, vb_error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : sql_fail(db, err, rc, sql);
}

int vb_db_attach(vb_db *db, const char *path, const char *name, vb_error *err)
{
    vb_autofree char *uri = file_uri(path, VB_DB_READ);

    return vb_sql_exec(db, err, "ATTACH ? AS ?", VB_ARGS(uri, name));
}

int vb_db_has_log(vb_db *db, bool *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(db, &s, err, "PRAGMA journal_mode", VB_NO_ARGS);

    if (!r)
        r = vb_stmt_step(s, err);
    *out = r > 0 && !strcmp(vb_col_text(s, 0), "wal");
    return r < 0 ? r : 0;
}

int vb_db_set_log(vb_db *db, bool log, vb_error *err)
{
    vb_auto_error failed = VB_ERROR_INIT;
    int r = db->leased ? vb_lease_take(db->path, BUSY_TIMEOUT_MS, &db->lease, err) : 0;

    if (r < 0)
        return r;
    sqlite3_busy_timeout(db->handle, 0);
    r = vb_db_run(db, log ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE", &failed);
    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    give_lease_back(db);
    if (r < 0 && r != -EBUSY)
        vb_error_move(err, &failed);
    return r == -EBUSY ? 0 : r;
}

void vb_db_lease(vb_db *db, bool leased)
{
    db->leased = leased;
    if (!leased && db->net)
        vb_netlock_lift(db->net);
}

uint64_t vb_db_rollbacks(const vb_db *db)
{
    return db->rollbacks;
}

int64_t vb_db_last_id(vb_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t vb_db_changes(vb_db *db)
{
    return sqlite3_changes64(db->handle);
}

vb_arg vb_arg_text(const char *text)
{
    return (vb_arg){.kind = VB_TEXT, .data = text, .len = text ? strlen(text) : 0};
}

vb_arg vb_arg_uuid(const vb_uuid *uuid)
{
    return (vb_arg){.kind = VB_BYTES, .data = uuid, .len = uuid ? sizeof uuid->bytes : 0};
}

vb_arg vb_arg_value(const vb_value *v)
{
    switch (v ? v->kind : VB_NULL) {
    case VB_INT: return vb_arg_int(v->i);
    case VB_REAL: return vb_arg_real(v->d);
    case VB_TEXT: return (vb_arg){.kind = VB_TEXT, .data = v->text, .len = v->len};
    case VB_BYTES: return (vb_arg){.kind = VB_BYTES, .data = v->bytes, .len = v->len};
    case VB_NULL: break;
    }
    return (vb_arg){.kind = VB_NULL};
}

static int bind(sqlite3_stmt *s, int i, const vb_arg *arg)
{
    switch (arg->kind) {
    case VB_INT: return sqlite3_bind_int64(s, i, arg->i);
    case VB_REAL: return sqlite3_bind_double(s, i, arg->d);
    case VB_TEXT:
        if (arg->data)
            return sqlite3_bind_text64(s, i, arg->data, arg->len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case VB_BYTES:
        if (arg->data)
            return sqlite3_bind_blob64(s, i, arg->data, arg->len, SQLITE_STATIC);
        break;
    case VB_NULL: break;
    }
    return sqlite3_bind_null(s, i);
}

int vb_stmt_rebind(vb_stmt *s, const vb_arg *args, size_t count, vb_error *err)
{
    sqlite3_reset(s->handle);
    if (count != (size_t)sqlite3_bind_parameter_count(s->handle))
        return vb_fail(err, -EINVAL, "%zu arguments for: %s", count, sqlite3_sql(s->handle));
    for (size_t i = 0; i < count; i++) {
        int rc = bind(s->handle, (int)i + 1, &args[i]);

        if (rc != SQLITE_OK)
            return sql_fail(s->db, err, rc, "binding");
    }
    return 0;
}

/* The kept statement of this text.  Most texts are literals: one that lies where another lay is compared, not hashed. */
static vb_stmt *find_kept(vb_db *db, const char *sql)
{
    vb_stmt **recent = &db->recent[((uintptr_t)sql >> 4) % RECENT], *known;

    if (*recent && !strcmp((*recent)->sql, sql))
        return *recent;
    HASH_FIND_STR(db->kept, sql, known);
    if (known)
        *recent = known;
    return known;
}

/* A statement of this text that nobody is stepping: a kept one, or a new one (kept, unless one of its text is). */
static int take(vb_db *db, vb_stmt **out, vb_error *err, const char *sql)
{
    vb_stmt *s, *known = find_kept(db, sql);
    int rc;

    if (known && !known->busy) {
        known->busy = true;
        *out = known;
        return 0;
    }
    s = VB_NEW(vb_stmt);
    s->db = db;
    s->busy = true;
    rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
    if (rc != SQLITE_OK) {
        finalize(s);
        return sql_fail(db, err, rc, sql);
    }
    if (!known && HASH_COUNT(db->kept) < KEPT_STATEMENTS) {
        s->sql = vb_strdup(sql);
        HASH_ADD_KEYPTR(hh, db->kept, s->sql, strlen(s->sql), s);
    }
    *out = s;
    return 0;
}

int vb_sql(vb_db *db, vb_stmt **out, vb_error *err, const char *sql, const vb_arg *args, size_t count)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = take(db, &s, err, sql);

    if (!r)
        r = vb_stmt_rebind(s, args, count, err);
    if (!r)
        *out = VB_STEAL(s);
    return r;
}

int vb_stmt_step(vb_stmt *s, vb_error *err)
{
    int rc = sqlite3_step(s->handle);

    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return sql_fail(s->db, err, rc, sqlite3_sql(s->handle));
}

void vb_stmt_done(vb_stmt *s)
{
    if (!s)
        return;
    if (!s->sql) {
        finalize(s);
        return;
    }
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
    s->busy = false;
}

bool vb_col_null(vb_stmt *s, int i)
{
    return sqlite3_column_type(s->handle, i) == SQLITE_NULL;
}

vb_kind vb_col_kind(vb_stmt *s, int i)
{
    switch (sqlite3_column_type(s->handle, i)) {
    case SQLITE_INTEGER: return VB_INT;
    case SQLITE_FLOAT: return VB_REAL;
    case SQLITE_TEXT: return VB_TEXT;
    case SQLITE_BLOB: return VB_BYTES;
    default: return VB_NULL;
    }
}

int64_t vb_col_int(vb_stmt *s, int i)
{
    return sqlite3_column_int64(s->handle, i);
}

double vb_col_real(vb_stmt *s, int i)
{
    return sqlite3_column_double(s->handle, i);
}

const char *vb_col_text(vb_stmt *s, int i)
{
    return (const char *)sqlite3_column_text(s->handle, i);
}

const void *vb_col_blob(vb_stmt *s, int i, size_t *n)
{
    const void *blob = sqlite3_column_blob(s->handle, i);

    *n = (size_t)sqlite3_column_bytes(s->handle, i);
    return blob;
}

vb_uuid vb_col_uuid(vb_stmt *s, int i)
{
    vb_uuid uuid = {{0}};
    size_t n;
    const void *blob = vb_col_blob(s, i, &n);

    if (blob && n == sizeof uuid.bytes)
        memcpy(uuid.bytes, blob, n);
    return uuid;
}

vb_value vb_col_value(vb_stmt *s, int i)
{
    size_t n;
    const void *data;

    switch (sqlite3_column_type(s->handle, i)) {
    case SQLITE_INTEGER: return vb_value_int(vb_col_int(s, i));
    case SQLITE_FLOAT: return vb_value_real(vb_col_real(s, i));
    case SQLITE_TEXT: return vb_value_text(vb_col_text(s, i));
    case SQLITE_BLOB: data = vb_col_blob(s, i, &n); return vb_value_bytes(data, n);
    default: return (vb_value){0};
    }
}

int vb_col_count(vb_stmt *s)
{
    return sqlite3_column_count(s->handle);
}

int vb_sql_exec(vb_db *db, vb_error *err, const char *sql, const vb_arg *args, size_t count)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(db, &s, err, sql, args, count);

    if (!r)
        while ((r = vb_stmt_step(s, err)) > 0)
            ;
    return r;
}

int vb_sql_int(vb_db *db, int64_t *out, vb_error *err, const char *sql, const vb_arg *args, size_t count)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(db, &s, err, sql, args, count);

    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0)
        *out = vb_col_int(s, 0);
    return r;
}

/* "VERB s3": a statement about the savepoint of a level. */
static int run_level(vb_db *db, const char *verb, int depth, vb_error *err)
{
    char sql[48];

    snprintf(sql, sizeof sql, "%s s%d", verb, depth);
    return vb_db_run(db, sql, err);
}

static int begin_outermost(vb_db *db, vb_error *err)
{
    int r = db->leased ? vb_lease_take(db->path, BUSY_TIMEOUT_MS, &db->lease, err) : 0;

    if (!r && db->net)
        sqlite3_db_release_memory(db->handle); /* what was read under another's hands: netlock.h */
    if (!r)
        r = vb_db_run(db, "BEGIN IMMEDIATE", err);
    if (r < 0)
        give_lease_back(db);
    return r;
}

int vb_txn_begin(vb_txn *txn, vb_db *db, vb_error *err)
{
    int r = db->depth ? run_level(db, "SAVEPOINT", db->depth, err) : begin_outermost(db, err);

    if (r < 0)
        return r;
    *txn = (vb_txn){db, db->depth++};
    return 0;
}

int vb_txn_commit(vb_txn *txn, vb_error *err)
{
    int r = txn->depth ? run_level(txn->db, "RELEASE", txn->depth, err) : vb_db_run(txn->db, "COMMIT", err);

    if (r < 0)
        return r; /* still open: the scope undoes it */
    if (!--txn->db->depth)
        give_lease_back(txn->db);
    txn->db = NULL;
    return 0;
}

void vb_txn_rollback(vb_txn *txn)
{
    if (!txn->db)
        return;
    txn->db->rollbacks++;
    /* SQLite may have undone it already: then these fail, and that is well. */
    if (txn->depth) {
        run_level(txn->db, "ROLLBACK TO", txn->depth, NULL);
        run_level(txn->db, "RELEASE", txn->depth, NULL);
    } else {
        vb_db_run(txn->db, "ROLLBACK", NULL);
    }
    if (!--txn->db->depth)
        give_lease_back(txn->db);
    txn->db = NULL;
}

int vb_look_begin(vb_look *look, vb_db *db, vb_error *err)
{
    int r;

    if (!sqlite3_get_autocommit(db->handle))
        return 0;
    r = vb_sql_exec(db, err, "BEGIN", VB_NO_ARGS);
    if (!r)
        look->db = db;
    return r;
}

void vb_look_end(vb_look *look)
{
    if (look->db)
        vb_sql_exec(look->db, NULL, "COMMIT", VB_NO_ARGS);
    look->db = NULL;
}

struct vb_copy {
    sqlite3_backup *handle;
    vb_db *to;
};

int vb_copy_open(vb_db *from, vb_db *to, vb_copy **out, vb_error *err)
{
    sqlite3_backup *handle = sqlite3_backup_init(to->handle, "main", from->handle, "main");

    if (!handle)
        return sql_fail(to, err, sqlite3_extended_errcode(to->handle), "copying");
    *out = VB_NEW(vb_copy);
    **out = (vb_copy){handle, to};
    return 0;
}

int vb_copy_step(vb_copy *copy, int pages, int64_t *done, int64_t *total, vb_error *err)
{
    int rc = sqlite3_backup_step(copy->handle, pages);

    *total = sqlite3_backup_pagecount(copy->handle);
    *done = *total - sqlite3_backup_remaining(copy->handle);
    if (rc == SQLITE_OK || rc == SQLITE_DONE)
        return rc == SQLITE_OK;
    return sql_fail(copy->to, err, rc, "copying");
}

void vb_copy_close(vb_copy *copy)
{
    sqlite3_backup_finish(copy->handle);
    free(copy);
}

void vb_sql_name(vb_buf *out, const char *name)
{
    vb_buf_putc(out, '"');
    for (; *name; name++) {
        if (*name == '"')
            vb_buf_putc(out, '"');
        vb_buf_putc(out, *name);
    }
    vb_buf_putc(out, '"');
}
