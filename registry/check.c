#include "registry/check.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <string.h>

/* A rule: `rows` selects one text a row that breaks it; `mend` changes these rows (NULL: nobody knows how).  "%s"
 * stands for a number N of a member table or the name of an element, where the rule holds for each. */
struct rule {
    enum { ONCE, EACH_GROUP, EACH_REGION } scope;
    const char *what, *rows, *mend;
};

#define NO_DATASET(id) " WHERE NOT EXISTS (SELECT 1 FROM dataset x WHERE x.id = " id ")"

static const struct rule rules[] = {
    {ONCE, "location",
     "SELECT path || ': of dataset ' || dataset_id || ', which is not there' FROM location l" NO_DATASET(
         "l.dataset_id"),
     "DELETE FROM location AS l" NO_DATASET("l.dataset_id")},
    {ONCE, "location",
     "SELECT path || ': in store ' || store_id || ', which is not there' FROM location l WHERE NOT EXISTS"
     " (SELECT 1 FROM store x WHERE x.id = l.store_id)",
     NULL},
    {ONCE, "component",
     "SELECT path || ': a component of dataset ' || dataset_id || ', which is not there' FROM component c" NO_DATASET(
         "c.dataset_id"),
     "DELETE FROM component AS c" NO_DATASET("c.dataset_id")},
    {ONCE, "component",
     "SELECT path || ': in store ' || store_id || ', which is not there' FROM component c WHERE NOT EXISTS"
     " (SELECT 1 FROM store x WHERE x.id = c.store_id)",
     NULL},
    {ONCE, "summary",
     "SELECT 'type ' || type_id || ': is not known to have files of component ' || component FROM (SELECT DISTINCT"
     " type_id, component FROM component c JOIN dataset d ON d.id = c.dataset_id) k WHERE NOT EXISTS (SELECT 1 FROM"
     " component_summary x WHERE x.type_id = k.type_id AND x.component = k.component)",
     "INSERT OR IGNORE INTO component_summary SELECT DISTINCT type_id, component FROM component c JOIN dataset d"
     " ON d.id = c.dataset_id"},
    {ONCE, "dataset",
     "SELECT 'dataset ' || id || ' ' || dataid || ': of type ' || type_id || ', which is not there' FROM dataset d"
     " WHERE NOT EXISTS (SELECT 1 FROM dataset_type x WHERE x.id = d.type_id)",
     NULL},
    {ONCE, "dataset",
     "SELECT 'dataset ' || id || ' ' || dataid || ': of run ' || run_id || ', which is not there' FROM dataset d"
     " WHERE state = 0 AND run_id != 0 AND NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = d.run_id)",
     NULL},
    {EACH_GROUP, "member",
     "SELECT 'collection ' || collection_id || ': holds dataset ' || dataset_id || ', which is not there'"
     " FROM member_%s m" NO_DATASET("m.dataset_id"),
     "DELETE FROM member_%s AS m" NO_DATASET("m.dataset_id")},
    {EACH_GROUP, "member",
     "SELECT 'dataset ' || dataset_id || ': is in collection ' || collection_id || ', which is not there'"
     " FROM member_%s m WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = m.collection_id)",
     "DELETE FROM member_%s AS m WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = m.collection_id)"},
    {EACH_GROUP, "member",
     "SELECT 'dataset ' || d.id || ' ' || d.dataid || ': its run does not hold it' FROM dataset d"
     " JOIN dataset_type t ON t.id = d.type_id AND t.group_id = %s WHERE d.state = 0 AND EXISTS (SELECT 1"
     " FROM collection x WHERE x.id = d.run_id) AND NOT EXISTS (SELECT 1 FROM member_%s m WHERE"
     " m.type_id = d.type_id AND m.collection_id = d.run_id AND m.dataset_id = d.id%K)",
     "INSERT OR IGNORE INTO member_%s SELECT d.type_id, d.run_id%V, d.id FROM dataset d JOIN dataset_type t ON t.id = d.type_id"
     " AND t.group_id = %s WHERE d.state = 0 AND EXISTS (SELECT 1 FROM collection x WHERE x.id = d.run_id) AND NOT EXISTS"
     " (SELECT 1 FROM member_%s m WHERE m.type_id = d.type_id AND m.collection_id = d.run_id AND m.dataset_id = d.id%K)"},
    {EACH_GROUP, "summary",
     "SELECT 'collection ' || collection_id || ': is not known to hold type ' || type_id FROM"
     " (SELECT DISTINCT type_id, collection_id FROM member_%s) m WHERE NOT EXISTS (SELECT 1 FROM"
     " collection_summary x WHERE x.collection_id = m.collection_id AND x.type_id = m.type_id)",
     "INSERT OR IGNORE INTO collection_summary SELECT DISTINCT collection_id, type_id FROM member_%s"},
    {ONCE, "chain",
     "SELECT 'chain ' || parent_id || ': leads to collection ' || child_id || ', which is not there' FROM"
     " collection_chain k WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = k.child_id) OR NOT EXISTS"
     " (SELECT 1 FROM collection x WHERE x.id = k.parent_id)",
     "DELETE FROM collection_chain AS k WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = k.child_id) OR NOT EXISTS"
     " (SELECT 1 FROM collection x WHERE x.id = k.parent_id)"},
    {ONCE, "provenance",
     "SELECT 'quantum ' || quantum_id || ': has read dataset ' || dataset_id || ', which is not there' FROM"
     " quantum_input q" NO_DATASET("q.dataset_id"),
     "DELETE FROM quantum_input AS q" NO_DATASET("q.dataset_id")},
    {ONCE, "provenance",
     "SELECT 'quantum ' || quantum_id || ': has made dataset ' || dataset_id || ', which is not there' FROM"
     " quantum_output q" NO_DATASET("q.dataset_id"),
     "DELETE FROM quantum_output AS q" NO_DATASET("q.dataset_id")},
    {ONCE, "provenance",
     "SELECT 'attempt ' || id || ': of quantum ' || quantum_id || ', which is not there' FROM attempt a"
     " WHERE NOT EXISTS (SELECT 1 FROM quantum x WHERE x.id = a.quantum_id)",
     "DELETE FROM attempt AS a WHERE NOT EXISTS (SELECT 1 FROM quantum x WHERE x.id = a.quantum_id)"},
    {ONCE, "provenance",
     "SELECT 'quantum ' || id || ': of task ' || task_id || ', which is not there' FROM quantum q"
     " WHERE NOT EXISTS (SELECT 1 FROM task x WHERE x.id = q.task_id)",
     NULL},
    {EACH_GROUP, "validity range",
     "SELECT 'collection ' || collection_id || ': certifies dataset ' || dataset_id || ', which is not there' FROM calib_%s"
     " c" NO_DATASET("c.dataset_id"),
     "DELETE FROM calib_%s AS c" NO_DATASET("c.dataset_id")},
    {EACH_GROUP, "validity range",
     "SELECT 'dataset ' || dataset_id || ': is certified in collection ' || collection_id || ', which is not there' FROM"
     " calib_%s c WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = c.collection_id)",
     "DELETE FROM calib_%s AS c WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = c.collection_id)"},
    {ONCE, "association",
     "SELECT 'collection ' || collection_id || ': is associated with dataset ' || dataset_id || ', which is not there' FROM"
     " association a" NO_DATASET("a.dataset_id"),
     "DELETE FROM association AS a" NO_DATASET("a.dataset_id")},
    {ONCE, "association",
     "SELECT 'dataset ' || dataset_id || ': is associated with collection ' || collection_id || ', which is not there' FROM"
     " association a WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = a.collection_id)",
     "DELETE FROM association AS a WHERE NOT EXISTS (SELECT 1 FROM collection x WHERE x.id = a.collection_id)"},
    {EACH_REGION, "overlap",
     "SELECT '%s ' || record_id || ': has pixels, and is not there' FROM (SELECT DISTINCT record_id FROM"
     " \"overlap_%s\") o WHERE NOT EXISTS (SELECT 1 FROM \"dimension_%s\" x WHERE x._id = o.record_id)",
     "DELETE FROM \"overlap_%s\" AS o WHERE NOT EXISTS (SELECT 1 FROM \"dimension_%s\" x WHERE x._id = o.record_id)"},
};

/* ---- what a rule's text becomes --------------------------------------------------------------------------- */

/* " AND m."visit" = json_extract(d.dataid, '$[2]')", or ", json_extract(...)", for each dimension. */
static void add_keys(vb_buf *sql, const vb_group *group, bool compare)
{
    for (int i = 0; i < group->nrequired; i++) {
        vb_buf_puts(sql, compare ? " AND m." : ", ");
        if (compare) {
            vb_sql_name(sql, group->dims[i]->name);
            vb_buf_puts(sql, " = ");
        }
        vb_buf_printf(sql, "json_extract(d.dataid, '$[%d]')", i);
    }
}

static void expand(vb_buf *sql, const char *text, const char *name, const vb_group *group)
{
    for (const char *p; (p = strchr(text, '%')); text = p + 2) {
        vb_buf_add(sql, text, (size_t)(p - text));
        if (p[1] == 's')
            vb_buf_puts(sql, name);
        else
            add_keys(sql, group, p[1] == 'K');
    }
    vb_buf_puts(sql, text);
}

typedef int rule_fn(vb_registry *reg, const struct rule *rule, const char *sql, void *arg, vb_error *err);

static int apply(vb_registry *reg, const struct rule *rule, bool mend, const char *name, const vb_group *group,
                 rule_fn *fn, void *arg, vb_error *err)
{
    vb_auto_buf sql = {0};

    expand(&sql, mend ? rule->mend : rule->rows, name, group);
    return fn(reg, rule, vb_buf_text(&sql), arg, err);
}

/* The rule for each number of a member table. */
static int apply_to_groups(vb_registry *reg, const struct rule *rule, bool mend, rule_fn *fn, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT id, dimensions FROM dataid_group", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_autofree char *number = vb_format("%" PRId64, vb_col_int(s, 0));
        char **names = vb_split(vb_col_text(s, 1), ',', NULL);
        const vb_group *group;

        r = vb_universe_conform_names(reg->universe, names, &group, err);
        if (!r)
            r = apply(reg, rule, mend, number, group, fn, arg, err);
        vb_strv_free(names);
    }
    return r;
}

static int apply_to_regions(vb_registry *reg, const struct rule *rule, bool mend, rule_fn *fn, void *arg, vb_error *err)
{
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(reg->universe); i++) {
        const vb_element *e = vb_universe_at(reg->universe, i);

        if (e->has_table && !e->is_skypix && e->spatial >= 0)
            r = apply(reg, rule, mend, e->name, NULL, fn, arg, err);
    }
    return r;
}

static int apply_all(vb_registry *reg, bool mend, rule_fn *fn, void *arg, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < VB_COUNT(rules); i++) {
        const struct rule *rule = &rules[i];

        if (mend && !rule->mend)
            continue;
        r = rule->scope == ONCE         ? apply(reg, rule, mend, NULL, NULL, fn, arg, err)
            : rule->scope == EACH_GROUP ? apply_to_groups(reg, rule, mend, fn, arg, err)
                                        : apply_to_regions(reg, rule, mend, fn, arg, err);
    }
    return r;
}

/* ---- checking and mending --------------------------------------------------------------------------------- */

struct listener {
    vb_check_fn *each;
    void *arg;
};

static int tell_rows(vb_registry *reg, const struct rule *rule, const char *sql, void *arg, vb_error *err)
{
    const struct listener *l = arg;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, sql, VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0)
        r = l->each(l->arg, rule->what, vb_col_text(s, 0), rule->mend, err);
    return r;
}

int vb_check_references(vb_registry *reg, vb_check_fn *each, void *arg, vb_error *err)
{
    struct listener l = {each, arg};

    return apply_all(reg, false, tell_rows, &l, err);
}

static int mend_rows(vb_registry *reg, const struct rule *rule, const char *sql, void *arg, vb_error *err)
{
    int r = vb_sql_exec(reg->db, err, sql, VB_NO_ARGS);

    if (!r)
        *(int64_t *)arg += vb_db_changes(reg->db);
    return r;
}

int vb_check_mend(vb_registry *reg, int64_t *changed, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(reg, &txn, err);

    *changed = 0;
    if (!r)
        r = apply_all(reg, true, mend_rows, changed, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

int vb_check_database(vb_registry *reg, vb_check_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "PRAGMA integrity_check(100)", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0)
        r = strcmp(vb_col_text(s, 0), "ok") ? each(arg, "database", vb_col_text(s, 0), false, err) : 0;
    return r;
}

/* ---- locations -------------------------------------------------------------------------------------------- */

struct vb_held_list {
    vb_stmt *s;
    vb_held row;
};

/* The file of a path, without the part of it that the path names; and whether it names one. */
#define PATH_OF_FILE                                                                \
    "CASE WHEN instr(path, '#hdu=') THEN substr(path, 1, instr(path, '#hdu=') - 1)" \
    " WHEN instr(path, '#unzip=') THEN substr(path, 1, instr(path, '#unzip=') - 1) ELSE path END AS file"
#define IS_PART "instr(path, '#hdu=') > 0 OR instr(path, '#unzip=') > 0"

int vb_held_open(vb_registry *reg, vb_held_list **out, vb_error *err)
{
    vb_auto(vb_held_close) vb_held_list *l = VB_NEW(vb_held_list);
    int r = vb_sql(reg->db, &l->s, err,
                   "SELECT " PATH_OF_FILE ", " IS_PART ", dataset_id, store_id, size, ifnull(mtime, -1), checksum, NULL"
                   " FROM location l WHERE EXISTS (SELECT 1 FROM dataset x WHERE x.id = l.dataset_id)"
                   " UNION ALL SELECT " PATH_OF_FILE ", " IS_PART ", dataset_id, store_id, size, ifnull(mtime, -1),"
                   " checksum, component FROM component c WHERE EXISTS (SELECT 1 FROM dataset x WHERE"
                   " x.id = c.dataset_id) ORDER BY file",
                   VB_NO_ARGS);

    if (!r)
        *out = VB_STEAL(l);
    return r;
}

static void held_clear(vb_held *h)
{
    free(h->file);
    free(h->component);
    *h = (vb_held){0};
}

int vb_held_next(vb_held_list *l, const vb_held **out, vb_error *err)
{
    const void *checksum;
    size_t n;
    int r = vb_stmt_step(l->s, err);

    held_clear(&l->row);
    if (r <= 0)
        return r;
    l->row = (vb_held){.file = vb_strdup(vb_col_text(l->s, 0)),
                       .part = vb_col_int(l->s, 1),
                       .dataset_id = vb_col_int(l->s, 2),
                       .store_id = vb_col_int(l->s, 3),
                       .size = vb_col_int(l->s, 4),
                       .mtime = vb_col_int(l->s, 5),
                       .component = vb_col_null(l->s, 7) ? NULL : vb_strdup(vb_col_text(l->s, 7))};
    checksum = vb_col_blob(l->s, 6, &n);
    if (checksum && n == sizeof l->row.checksum.bytes) {
        l->row.has_checksum = true;
        memcpy(l->row.checksum.bytes, checksum, n);
    }
    *out = &l->row;
    return 1;
}

void vb_held_close(vb_held_list *l)
{
    vb_stmt_done(l->s);
    held_clear(&l->row);
    free(l);
}

int vb_location_count(vb_registry *reg, int64_t *out, vb_error *err)
{
    int r = vb_sql_int(reg->db, out, err, "SELECT (SELECT count(*) FROM location) + (SELECT count(*) FROM component)",
                       VB_NO_ARGS);

    return r < 0 ? r : 0;
}

int vb_location_forget(vb_registry *reg, int64_t dataset_id, int64_t store_id, vb_error *err)
{
    return vb_sql_exec(reg->db, err, "DELETE FROM location WHERE dataset_id = ? AND store_id = ?",
                       VB_ARGS(dataset_id, store_id));
}

int vb_location_set_mtime(vb_registry *reg, int64_t dataset_id, int64_t store_id, int64_t mtime, vb_error *err)
{
    return vb_sql_exec(reg->db, err, "UPDATE location SET mtime = ? WHERE dataset_id = ? AND store_id = ?",
                       VB_ARGS(mtime, dataset_id, store_id));
}
