#include "registry/collection.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/internal.h"
#include "registry/repo.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_NESTING = 64, MAX_COMPONENT = 240 }; /* the latter in bytes, as mounts and stores take it */

const char *vb_collection_type_name(vb_collection_type type)
{
    static const char *const names[] = {"?", "RUN", "TAGGED", "CHAINED", "CALIBRATION"};

    return names[type >= VB_RUN && type <= VB_CALIBRATION ? type : 0];
}

/* Remembers the row (id, name, type, doc) that the statement stands on. */
static const vb_collection *remember(vb_registry *reg, vb_stmt *s)
{
    struct vb_known_collection *known = VB_NEW(struct vb_known_collection);

    known->c.id = vb_col_int(s, 0);
    known->c.name = vb_strdup(vb_col_text(s, 1));
    known->c.type = (vb_collection_type)vb_col_int(s, 2);
    known->c.doc = vb_col_null(s, 3) ? NULL : vb_strdup(vb_col_text(s, 3));
    HASH_ADD(by_id, reg->collections_by_id, c.id, sizeof known->c.id, known);
    HASH_ADD_KEYPTR(by_name, reg->collections_by_name, known->c.name, strlen(known->c.name), known);
    return &known->c;
}

static int no_such_collection(vb_registry *reg, const char *name, vb_error *err)
{
    char **names = NULL;
    const char *near;

    vb_fail(err, -ENOENT, "no collection '%s'", name);
    if (err && !vb_collection_list(reg, "", NULL, 10000, &names, NULL)) {
        near = vb_nearest(name, (const char *const *)names);
        if (near)
            vb_hint(err, "did you mean '%s'?", near);
        vb_strv_free(names);
    }
    return -ENOENT;
}

int vb_collection_find(vb_registry *reg, const char *name, const vb_collection **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    struct vb_known_collection *known;
    int r;

    vb_registry_check_memory(reg);
    HASH_FIND(by_name, reg->collections_by_name, name, strlen(name), known);
    if (known) {
        *out = &known->c;
        return 0;
    }
    r = vb_sql(reg->db, &s, err, "SELECT id, name, type, doc FROM collection WHERE name = ?", VB_ARGS(name));
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r < 0 ? r : no_such_collection(reg, name, err);
    *out = remember(reg, s);
    return 0;
}

int vb_collection_by_id(vb_registry *reg, int64_t id, const vb_collection **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    struct vb_known_collection *known;
    int r;

    vb_registry_check_memory(reg);
    HASH_FIND(by_id, reg->collections_by_id, &id, sizeof id, known);
    if (known) {
        *out = &known->c;
        return 0;
    }
    r = vb_sql(reg->db, &s, err, "SELECT id, name, type, doc FROM collection WHERE id = ?", VB_ARGS(id));
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r < 0 ? r : vb_fail(err, -ENOENT, "no collection number %" PRId64, id);
    *out = remember(reg, s);
    return 0;
}

/* A name is a path in mounts and stores: no empty component, none that begins with a dot (`.vbutler` is ours, `.` and
 * `..` are everybody's), nothing that a glob would read as its own. */
int vb_collection_check_name(const char *name, vb_error *err)
{
    vb_autofree char *slashed = vb_format("/%s/", name);

    if (!*name || strstr(slashed, "//") || strstr(slashed, "/.") || !vb_utf8_valid(name, strlen(name)) ||
        strpbrk(name, "*?[],\n"))
        return vb_fail(err, -EINVAL,
                       "'%s' cannot name a collection: components between slashes must not be empty or "
                       "begin with '.', and '*', '?', '[', ']' and ',' are not allowed",
                       name);
    if (vb_repo_is_own(name))
        return vb_fail(err, -EINVAL, "'%s' cannot name a collection: files of that name are the repository's own",
                       name);
    if (vb_location_part(name))
        return vb_fail(err, -EINVAL,
                       "'%s' cannot name a collection: '#hdu=' and '#unzip=' in a path begin the part of a file", name);
    for (const char *p = name, *end; *p; p = *end ? end + 1 : end) {
        end = strchrnul(p, '/');
        if (end - p > MAX_COMPONENT)
            return vb_fail(err, -ENAMETOOLONG,
                           "'%s' cannot name a collection: a component between slashes may have %d bytes", name,
                           MAX_COMPONENT);
    }
    return 0;
}

int vb_collection_register(vb_registry *reg, const char *name, vb_collection_type type, const char *doc,
                           const vb_collection **out, vb_error *err)
{
    vb_auto_error ignored = VB_ERROR_INIT;
    const vb_collection *found;
    int r = vb_collection_check_name(name, err);

    if (r < 0)
        return r;
    r = vb_collection_find(reg, name, &found, &ignored);
    if (r == -ENOENT) {
        r = vb_sql_exec(reg->db, err, "INSERT INTO collection (name, type, doc) VALUES (?, ?, ?)",
                        VB_ARGS(name, (int)type, doc));
        if (!r)
            r = vb_collection_find(reg, name, &found, err);
    } else if (r < 0) {
        vb_error_move(err, &ignored);
    } else if (found->type != type) {
        r = vb_fail(err, -EEXIST, "collection '%s' is there already, as %s and not as %s", name,
                    vb_collection_type_name(found->type), vb_collection_type_name(type));
    }
    if (!r && out)
        *out = found;
    return r;
}

/* True where `target` is `from` or below it. */
static int reaches(vb_registry *reg, int64_t from, int64_t target, bool *out, vb_error *err)
{
    int64_t found = 0;
    int r = vb_sql_int(reg->db, &found, err,
                       "WITH RECURSIVE below(id) AS (SELECT ? UNION SELECT child_id FROM below JOIN collection_chain"
                       " ON parent_id = below.id) SELECT 1 FROM below WHERE id = ?",
                       VB_ARGS(from, target));

    *out = found;
    return r < 0 ? r : 0;
}

int vb_collection_set_children(vb_registry *reg, const vb_collection *chain, char *const *children, vb_error *err)
{
    vb_auto_txn txn = {0};
    int64_t parent = chain->id;
    int r, position = 0;

    if (chain->type != VB_CHAINED)
        return vb_fail(err, -EINVAL, "collection '%s' is a %s, not CHAINED: it has no children", chain->name,
                       vb_collection_type_name(chain->type));
    r = vb_txn_begin(&txn, reg->db, err);
    if (!r)
        r = vb_sql_exec(reg->db, err, "DELETE FROM collection_chain WHERE parent_id = ?", VB_ARGS(parent));
    for (; !r && *children; children++) {
        const vb_collection *child;
        bool cycle = false;

        r = vb_collection_find(reg, *children, &child, err);
        if (!r)
            r = reaches(reg, child->id, parent, &cycle, err);
        if (!r && cycle)
            r = vb_fail(err, -ELOOP, "chain '%s' cannot have '%s' as a child: that would be a cycle", chain->name,
                        *children);
        if (!r)
            r = vb_sql_exec(reg->db, err, "INSERT INTO collection_chain VALUES (?, ?, ?)",
                            VB_ARGS(parent, position++, child->id));
    }
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

int vb_collection_children(vb_registry *reg, const vb_collection *chain, char ***out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    char **names = vb_alloc(sizeof *names);
    int r = vb_sql(reg->db, &s, err,
                   "SELECT name FROM collection_chain JOIN collection ON id = child_id"
                   " WHERE parent_id = ? ORDER BY position",
                   VB_ARGS(chain->id));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_strv_add(&names, vb_col_text(s, 0));
        r = 0;
    }
    if (r < 0)
        vb_strv_free(names);
    else
        *out = names;
    return r;
}

void vb_run_detail_clear(vb_run_detail *detail)
{
    free(detail->host);
    *detail = (vb_run_detail){0};
}

int vb_collection_run_detail(vb_registry *reg, const vb_collection *run, vb_run_detail *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT host, timespan_begin, timespan_end FROM run_detail WHERE collection_id = ?",
                   VB_ARGS(run->id));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    *out = (vb_run_detail){.host = vb_col_null(s, 0) ? NULL : vb_strdup(vb_col_text(s, 0)),
                           .has_span = !vb_col_null(s, 1) && !vb_col_null(s, 2),
                           .span = {vb_col_int(s, 1), vb_col_int(s, 2)}};
    return 1;
}

int vb_collection_set_run_detail(vb_registry *reg, const vb_collection *run, const vb_run_detail *detail, vb_error *err)
{
    vb_value none = {0}, begin = vb_value_int(detail->span.begin), end = vb_value_int(detail->span.end);

    if (!detail->host && !detail->has_span)
        return 0;
    return vb_sql_exec(reg->db, err, "INSERT OR IGNORE INTO run_detail VALUES (?, ?, ?, ?)",
                       VB_ARGS(run->id, detail->host, detail->has_span ? &begin : &none,
                               detail->has_span ? &end : &none));
}

int vb_collection_list(vb_registry *reg, const char *prefix, const char *after, size_t limit, char ***out,
                       vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    const char *from = after && strcmp(after, prefix) > 0 ? after : prefix;
    size_t n = strlen(prefix), count = 0;
    char **names = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT name FROM collection WHERE name > ? ORDER BY name LIMIT ?",
                   VB_ARGS(from, limit));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        const char *name = vb_col_text(s, 0);

        r = 0;
        if (strncmp(name, prefix, n))
            break;
        names = vb_realloc(names, count + 2, sizeof *names);
        names[count++] = vb_strdup(name);
        names[count] = NULL;
    }
    *out = names ? names : vb_alloc(sizeof *names);
    return r;
}

void vb_search_clear(vb_search *s)
{
    free(s->items);
    *s = (vb_search){0};
}

/* A search while it is made.  A chain that is walked once more would add nothing; and in a damaged file it may be in
 * itself. */
struct flattening {
    vb_registry *reg;
    vb_search *out, chains;
    vb_error *err;
};

static bool has(const vb_search *s, const vb_collection *c)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i]->id == c->id)
            return true;
    return false;
}

static int flatten(struct flattening *f, const vb_collection *c, int depth)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_search *to = c->type == VB_CHAINED ? &f->chains : f->out;
    int r;

    if (has(to, c))
        return 0;
    *VB_PUSH(to->items, to->count, to->cap) = c;
    if (c->type != VB_CHAINED)
        return 0;
    if (depth > MAX_NESTING)
        return vb_fail(f->err, -ELOOP, "collection '%s': chains are nested more than %d deep", c->name, MAX_NESTING);
    r = vb_sql(f->reg->db, &s, f->err, "SELECT child_id FROM collection_chain WHERE parent_id = ? ORDER BY position",
               VB_ARGS(c->id));
    while (!r && (r = vb_stmt_step(s, f->err)) > 0) {
        const vb_collection *child;

        r = vb_collection_by_id(f->reg, vb_col_int(s, 0), &child, f->err);
        if (!r)
            r = flatten(f, child, depth + 1);
    }
    return r;
}

static int add_glob(struct flattening *f, const char *glob)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(f->reg->db, &s, f->err, "SELECT id, name FROM collection ORDER BY name", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, f->err)) > 0) {
        const vb_collection *c;

        r = 0;
        if (fnmatch(glob, vb_col_text(s, 1), 0))
            continue;
        r = vb_collection_by_id(f->reg, vb_col_int(s, 0), &c, f->err);
        if (!r)
            r = flatten(f, c, 0);
    }
    return r;
}

int vb_search_resolve(vb_registry *reg, char *const *names, vb_search *out, vb_error *err)
{
    struct flattening f = {.reg = reg, .out = out, .err = err};
    int r = 0;

    *out = (vb_search){0};
    for (; !r && names && *names; names++) {
        const vb_collection *c;

        if (strpbrk(*names, "*?[")) {
            r = add_glob(&f, *names);
            continue;
        }
        r = vb_collection_find(reg, *names, &c, err);
        if (!r)
            r = flatten(&f, c, 0);
    }
    vb_search_clear(&f.chains);
    if (r < 0)
        vb_search_clear(out);
    return r;
}
