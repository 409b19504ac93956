#include "registry/gen3/paths.h"

#include "registry/base/mem.h"
#include "registry/gen3/private.h"
#include "registry/sql.h"

#include <string.h>
#include <unistd.h>

struct vb_gen3_paths {
    vb_db *db;
    int64_t last_number; /* of a directory */
    char *recent;        /* the directory of the last file: the next one mostly lies there too */
    int64_t recent_number;
};

static const char schema[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
    "CREATE TABLE entry (parent INTEGER NOT NULL, name TEXT NOT NULL, directory INTEGER NOT NULL,"
    " dataset_id INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (parent, name)) STRICT, WITHOUT ROWID;"
    "BEGIN;";

void vb_gen3_path_clear(vb_gen3_path *path)
{
    free(path->name);
    *path = (vb_gen3_path){0};
}

int vb_gen3_paths_make(vb_gen3_paths **out, vb_error *err)
{
    vb_auto(vb_gen3_paths_close) vb_gen3_paths *p = VB_NEW(vb_gen3_paths);
    vb_autofree char *file = NULL;
    int r = vb_gen3_private_file(&file, err);

    p->last_number = VB_GEN3_PATHS_TOP;
    if (!r)
        r = vb_db_open(file, VB_DB_CREATE, &p->db, err);
    if (!r)
        r = vb_db_run(p->db, schema, err);
    if (file)
        vb_gen3_private_unlink(file);
    if (!r)
        *out = VB_STEAL(p);
    return r;
}

void vb_gen3_paths_close(vb_gen3_paths *p)
{
    if (p->db)
        vb_db_close(p->db);
    free(p->recent);
    free(p);
}

static void read_entry(vb_stmt *s, vb_gen3_path *out)
{
    *out = (vb_gen3_path){vb_strdup(vb_col_text(s, 0)), vb_col_int(s, 1), vb_col_int(s, 2), (int)vb_col_int(s, 3)};
}

int vb_gen3_paths_find(vb_gen3_paths *p, int64_t directory, const char *name, vb_gen3_path *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(p->db, &s, err,
                   "SELECT name, directory, dataset_id, number FROM entry WHERE parent = ? AND name = ?",
                   VB_ARGS(directory, name));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0)
        read_entry(s, out);
    return r;
}

int vb_gen3_paths_list(vb_gen3_paths *p, int64_t directory, const char *after, size_t limit, vb_gen3_path *out,
                       size_t *count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(p->db, &s, err,
                   "SELECT name, directory, dataset_id, number FROM entry WHERE parent = ? AND name > ? ORDER BY name"
                   " LIMIT ?",
                   VB_ARGS(directory, after ? after : "", limit));

    *count = 0;
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        read_entry(s, &out[(*count)++]);
        r = 0;
    }
    return r;
}

static int insert(vb_gen3_paths *p, int64_t parent, const char *name, int64_t directory, int64_t dataset_id, int number,
                  vb_error *err)
{
    return vb_sql_exec(p->db, err, "INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?, ?)",
                       VB_ARGS(parent, name, directory, dataset_id, number));
}

/* The directory of that name in another, made where it is not there: 0; 1 where a file has its name. */
static int enter(vb_gen3_paths *p, int64_t parent, const char *name, int64_t *out, vb_error *err)
{
    vb_auto_gen3_path found = {0};
    int r = vb_gen3_paths_find(p, parent, name, &found, err);

    if (r < 0)
        return r;
    *out = r ? found.directory : ++p->last_number;
    return r ? !found.directory : insert(p, parent, name, *out, 0, 0, err);
}

/* The number of the directory whose path is the first `n` bytes. */
static int find_directory(vb_gen3_paths *p, const char *path, size_t n, int64_t *out, vb_error *err)
{
    vb_autofree char *copy = vb_strndup(path, n);
    char *rest = copy, *name;
    int r = 0;

    *out = VB_GEN3_PATHS_TOP;
    if (p->recent && !strcmp(p->recent, copy)) {
        *out = p->recent_number;
        return 0;
    }
    while (!r && (name = strsep(&rest, "/")) && *name)
        r = enter(p, *out, name, out, err);
    if (r)
        return r;
    free(p->recent);
    p->recent = vb_strndup(path, n);
    p->recent_number = *out;
    return 0;
}

int vb_gen3_paths_add(vb_gen3_paths *p, const char *path, int64_t dataset_id, int number, vb_error *err)
{
    const char *slash = strrchr(path, '/');
    int64_t parent;
    int r = find_directory(p, path, slash ? (size_t)(slash - path) : 0, &parent, err);

    if (!r)
        r = insert(p, parent, slash ? slash + 1 : path, 0, dataset_id, number, err);
    return r ? r : vb_db_changes(p->db) == 0;
}

int vb_gen3_paths_end(vb_gen3_paths *p, vb_error *err)
{
    return vb_db_run(p->db, "COMMIT", err);
}
