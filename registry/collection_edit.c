#include "registry/collection_edit.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

int vb_collection_rename(vb_registry *reg, const vb_collection *c, const char *name, vb_error *err)
{
    vb_auto_error why = VB_ERROR_INIT;
    int r = vb_collection_check_name(name, err);

    if (r < 0)
        return r;
    r = vb_sql_exec(reg->db, &why, "UPDATE collection SET name = ? WHERE id = ?", VB_ARGS(name, c->id));
    if (r == -EEXIST)
        return vb_fail(err, r, "collection '%s' cannot be called '%s': there is one of that name", c->name, name);
    if (r < 0)
        vb_error_move(err, &why);
    vb_registry_forget(reg);
    return r;
}

int vb_collection_set_doc(vb_registry *reg, const vb_collection *c, const char *doc, vb_error *err)
{
    int r = vb_sql_exec(reg->db, err, "UPDATE collection SET doc = nullif(?, '') WHERE id = ?", VB_ARGS(doc, c->id));

    vb_registry_forget(reg);
    return r;
}

/* ---- chains --------------------------------------------------------------------------------------------------- */

static const char *const modes[] =
    {[VB_CHAIN_REDEFINE] = "redefine", [VB_CHAIN_PREPEND] = "prepend", [VB_CHAIN_EXTEND] = "extend",
     [VB_CHAIN_REMOVE] = "remove",     [VB_CHAIN_POP] = "pop",         NULL};

int vb_chain_mode_parse(const char *text, vb_chain_mode *out, vb_error *err)
{
    for (int i = 0; modes[i]; i++)
        if (!strcmp(modes[i], text)) {
            *out = (vb_chain_mode)i;
            return 0;
        }
    return vb_fail(err, -EINVAL, "'%s' is no mode: redefine, prepend, extend, remove or pop", text);
}

/* Adds those of `from` that are neither in *to nor in `without` (NULL: none). */
static void add_new(char ***to, char *const *from, char *const *without)
{
    for (; *from; from++)
        if (!vb_strv_has(*to, *from) && (!without || !vb_strv_has(without, *from)))
            vb_strv_add(to, *from);
}

static int check_in(const vb_collection *chain, char *const *now, char *const *children, vb_error *err)
{
    for (; *children; children++)
        if (!vb_strv_has(now, *children))
            return vb_fail(err, -ENOENT, "chain '%s' has no child '%s'", chain->name, *children);
    return 0;
}

/* The children at the positions; none: the first. */
static int names_at(const vb_collection *chain, char *const *now, char *const *positions, char ***out, vb_error *err)
{
    static char *const first[] = {(char *)"0", NULL};
    int64_t count = (int64_t)vb_strv_count(now), i;

    if (!count)
        return vb_fail(err, -ENOENT, "chain '%s' has no children", chain->name);
    for (char *const *p = positions && *positions ? positions : first; *p; p++) {
        if (!vb_parse_int(*p, &i))
            return vb_fail(err, -EINVAL, "'%s' is no position in chain '%s': to pop, give numbers from 0", *p,
                           chain->name);
        if (i < -count || i >= count)
            return vb_fail(err, -ENOENT, "chain '%s' has no child at %" PRId64 ": it has %" PRId64 " from 0",
                           chain->name, i, count);
        vb_strv_add(out, now[i < 0 ? i + count : i]);
    }
    return 0;
}

static int edited(const vb_collection *chain, char *const *now, char *const *children, vb_chain_mode mode, char ***out,
                  vb_error *err)
{
    char **popped = vb_strv_dup(NULL);
    int r = 0;

    switch (mode) {
    case VB_CHAIN_REDEFINE: add_new(out, children, NULL); break;
    case VB_CHAIN_PREPEND:
        add_new(out, children, NULL);
        add_new(out, now, NULL);
        break;
    case VB_CHAIN_EXTEND:
        add_new(out, now, children);
        add_new(out, children, NULL);
        break;
    case VB_CHAIN_REMOVE:
        r = check_in(chain, now, children, err);
        add_new(out, now, children);
        break;
    case VB_CHAIN_POP:
        r = names_at(chain, now, children, &popped, err);
        add_new(out, now, popped);
        break;
    }
    vb_strv_free(popped);
    return r;
}

int vb_chain_edit(vb_registry *reg, const vb_collection *chain, char *const *children, vb_chain_mode mode,
                  vb_error *err)
{
    char **now = NULL, **next = vb_strv_dup(NULL);
    int r = 0;

    if (chain->type != VB_CHAINED)
        r = vb_fail(err, -EINVAL, "collection '%s' is a %s, not CHAINED: it has no children", chain->name,
                    vb_collection_type_name(chain->type));
    if (!r)
        r = vb_collection_children(reg, chain, &now, err);
    if (!r)
        r = edited(chain, now, children, mode, &next, err);
    if (!r)
        r = vb_collection_set_children(reg, chain, next, err);
    if (now)
        vb_strv_free(now);
    vb_strv_free(next);
    return r;
}

static int add_matching(vb_registry *reg, const char *glob, char ***out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT name FROM collection ORDER BY name", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        if (!fnmatch(glob, vb_col_text(s, 0), 0) && !vb_strv_has(*out, vb_col_text(s, 0)))
            vb_strv_add(out, vb_col_text(s, 0));
        r = 0;
    }
    return r;
}

int vb_collection_expand(vb_registry *reg, char *const *names, bool flatten, char ***out, vb_error *err)
{
    char **found = vb_strv_dup(NULL);
    vb_auto_search search = {0};
    int r = flatten ? vb_search_resolve(reg, names, &search, err) : 0;

    for (size_t i = 0; !r && i < search.count; i++)
        vb_strv_add(&found, search.items[i]->name);
    for (char *const *name = names; !r && !flatten && *name; name++) {
        const vb_collection *c;

        if (strpbrk(*name, "*?[")) {
            r = add_matching(reg, *name, &found, err);
            continue;
        }
        r = vb_collection_find(reg, *name, &c, err);
        if (!r && !vb_strv_has(found, *name))
            vb_strv_add(&found, *name);
    }
    if (r < 0)
        vb_strv_free(found);
    else
        *out = found;
    return r;
}

int vb_collection_parents(vb_registry *reg, const vb_collection *c, char ***out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    char **names = vb_strv_dup(NULL);
    int r = vb_sql(reg->db, &s, err,
                   "SELECT DISTINCT name FROM collection_chain JOIN collection ON id = parent_id WHERE child_id = ?"
                   " ORDER BY name",
                   VB_ARGS(c->id));

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

/* ---- removing --------------------------------------------------------------------------------------------------- */

/* The collection's rows of one type. */
static int drop_members(vb_registry *reg, const vb_collection *c, const vb_dataset_type *type, vb_error *err)
{
    const char *kind = c->type == VB_CALIBRATION ? "calib" : "member";
    vb_autofree char *forget = vb_format(
        "DELETE FROM association WHERE collection_id = ?2 AND dataset_id IN (SELECT dataset_id FROM %s_%" PRId64
        " WHERE type_id = ?1 AND collection_id = ?2)",
        kind, type->group_id);
    vb_autofree char *leave = vb_format("DELETE FROM %s_%" PRId64 " WHERE type_id = ?1 AND collection_id = ?2", kind,
                                        type->group_id);
    int r = vb_sql_exec(reg->db, err, forget, VB_ARGS(type->id, c->id));

    return r < 0 ? r : vb_sql_exec(reg->db, err, leave, VB_ARGS(type->id, c->id));
}

static int check_parents(vb_registry *reg, const vb_collection *c, vb_error *err)
{
    vb_auto_buf names = {0};
    char **parents = NULL;
    int r = vb_collection_parents(reg, c, &parents, err);

    if (r < 0)
        return r;
    for (char **p = parents; *p; p++) {
        vb_buf_separate(&names, "', '");
        vb_buf_puts(&names, *p);
    }
    vb_strv_free(parents);
    return names.len ? vb_fail(err, -EBUSY, "%s '%s' is in chain '%s'", vb_collection_type_name(c->type), c->name,
                               vb_buf_text(&names))
                     : 0;
}

int vb_collection_drop(vb_registry *reg, const vb_collection *c, bool from_parents, vb_error *err)
{
    static const char *const statements[] = {"DELETE FROM collection_chain WHERE parent_id = ?",
                                             "DELETE FROM collection_chain WHERE child_id = ?",
                                             "DELETE FROM collection_summary WHERE collection_id = ?",
                                             "DELETE FROM collection WHERE id = ?"};
    int64_t id = c->id;
    int r = from_parents ? 0 : check_parents(reg, c, err);

    for (size_t i = 0; !r && i < VB_COUNT(statements); i++)
        r = vb_sql_exec(reg->db, err, statements[i], VB_ARGS(id));
    vb_registry_forget(reg);
    return r;
}

int vb_collection_remove(vb_registry *reg, const vb_collection *c, bool from_parents, vb_error *err)
{
    char **types = NULL;
    int r;

    if (c->type == VB_RUN) {
        vb_fail(err, -EINVAL, "collection '%s' is a RUN: its datasets would go with it", c->name);
        vb_hint(err, "vbutler remove-runs removes it with its datasets");
        return -EINVAL;
    }
    r = vb_dataset_type_list(reg, c->id, NULL, SIZE_MAX >> 1, &types, err);
    for (char **name = types; !r && name && *name; name++) {
        const vb_dataset_type *type;

        r = vb_dataset_type_find(reg, *name, &type, err);
        if (!r)
            r = drop_members(reg, c, type, err);
    }
    vb_strv_free(types);
    return r < 0 ? r : vb_collection_drop(reg, c, from_parents, err);
}

/* ---- dataset types ----------------------------------------------------------------------------------------------- */

/* The name of a collection that has a dataset of the type. */
static int holder(vb_registry *reg, const vb_dataset_type *type, char **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_autofree char *sql = vb_format("SELECT c.name FROM (SELECT collection_id FROM member_%" PRId64
                                      " WHERE type_id = ?1 UNION ALL"
                                      " SELECT collection_id FROM calib_%" PRId64
                                      " WHERE type_id = ?1) m JOIN collection c ON c.id = m.collection_id"
                                      " LIMIT 1",
                                      type->group_id, type->group_id);
    int r = vb_sql(reg->db, &s, err, sql, VB_ARGS(type->id));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0)
        *out = vb_strdup(vb_col_text(s, 0));
    return r;
}

int vb_dataset_type_remove(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    vb_autofree char *collection = NULL;
    int64_t id = type->id, one;
    int r = holder(reg, type, &collection, err);

    if (r > 0)
        return vb_fail(err, -EBUSY, "dataset type '%s' cannot be removed: collection '%s' has datasets of it",
                       type->name, collection);
    if (!r)
        r = vb_sql_int(reg->db, &one, err,
                       "SELECT 1 WHERE EXISTS (SELECT 1 FROM connection WHERE type_id = ?1)"
                       " OR EXISTS (SELECT 1 FROM dataset WHERE type_id = ?1 AND state = 2)",
                       VB_ARGS(id));
    if (r > 0)
        return vb_fail(err, -EBUSY, "dataset type '%s' cannot be removed: provenance of quanta speaks of it",
                       type->name);
    if (!r)
        r = vb_sql_exec(reg->db, err, "DELETE FROM collection_summary WHERE type_id = ?", VB_ARGS(id));
    if (!r)
        r = vb_sql_exec(reg->db, err, "DELETE FROM component_summary WHERE type_id = ?", VB_ARGS(id));
    if (!r)
        r = vb_sql_exec(reg->db, err, "DELETE FROM dataset_type WHERE id = ?", VB_ARGS(id));
    vb_registry_forget(reg);
    return r;
}
