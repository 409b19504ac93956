/* export_rows.c - the rows of a Gen3 registry, by SQL from ours. */
#include "registry/gen3/export_internal.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/gen3/tables.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <string.h>

#define ID "lower(hex(d.uuid))"

/* ---- records -------------------------------------------------------------------------------------------------- */

struct pair {
    vb_buf theirs, ours;
};

static void add(struct pair *p, const char *theirs, const char *ours, bool encoded)
{
    vb_buf_separate(&p->theirs, ", ");
    vb_sql_name(&p->theirs, theirs);
    vb_buf_separate(&p->ours, ", ");
    vb_buf_puts(&p->ours, encoded ? "vb_base64(" : "");
    vb_sql_name(&p->ours, ours);
    vb_buf_puts(&p->ours, encoded ? ")" : "");
}

static void list_columns(const vb_universe *u, const vb_element *e, struct pair *p)
{
    VB_EACH_DIMENSION(i, e->required)
        add(p, vb_gen3_column_name(e, vb_universe_at(u, i)), vb_universe_at(u, i)->name, false);
    VB_EACH_DIMENSION(i, e->implied)
        add(p, vb_universe_at(u, i)->name, vb_universe_at(u, i)->name, false);
    for (size_t i = 1; i < e->nkeys; i++)
        add(p, e->keys[i].name, e->keys[i].name, e->keys[i].type == VB_FIELD_HASH);
    for (size_t i = 0; i < e->nmetadata; i++)
        add(p, e->metadata[i].name, e->metadata[i].name, e->metadata[i].type == VB_FIELD_HASH);
    if (e->spatial >= 0)
        add(p, "region", "region", true);
    if (e->temporal >= 0) {
        add(p, "timespan_begin", "timespan_begin", false);
        add(p, "timespan_end", "timespan_end", false);
    }
}

static int export_overlaps(vb_gen3_export *x, const vb_element *e, vb_error *err)
{
    const vb_universe *u = vb_registry_universe(x->reg);
    const vb_element *common = vb_universe_common_skypix(u), *governor = NULL;
    vb_auto_buf dims = {0}, sql = {0};

    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *d = vb_universe_at(u, i);

        governor = d->is_governor && !governor ? d : governor;
        vb_buf_separate(&dims, ", ");
        vb_sql_name(&dims, d->name);
    }
    if (!governor)
        return 0;
    vb_buf_printf(&sql,
                  "INSERT INTO \"%s_skypix_overlap_summary\" (skypix_system, skypix_level, \"%s\") SELECT '%s', %d,"
                  " \"%s\" FROM (SELECT DISTINCT \"%s\" FROM \"%s\" WHERE region IS NOT NULL);",
                  e->name, governor->name, common->system, common->level, governor->name, governor->name, e->name);
    vb_buf_printf(
        &sql,
        "INSERT INTO \"%s_skypix_overlap\" (skypix_system, skypix_level, %s, skypix_index) SELECT '%s', %d, %s,"
        " o.pixel FROM temp.records x CROSS JOIN ours.\"dimension_%s\" d ON d._id = x.id CROSS JOIN ours.\"overlap_%s\" o"
        " ON o.record_id = d._id WHERE x.element = %d;",
        e->name, vb_buf_text(&dims), common->system, common->level, vb_buf_text(&dims), e->name, e->name, e->index);
    return vb_db_run(x->db, vb_buf_text(&sql), err);
}

static int export_element(vb_gen3_export *x, const vb_element *e, vb_error *err)
{
    struct pair p = {0};
    vb_autofree char *sql = NULL;
    int r;

    list_columns(vb_registry_universe(x->reg), e, &p);
    sql = vb_format("INSERT INTO \"%s\" (%s) SELECT %s FROM ours.\"dimension_%s\" WHERE _id IN (SELECT id FROM"
                    " temp.records WHERE element = %d) ORDER BY _id",
                    e->name, vb_buf_text(&p.theirs), vb_buf_text(&p.ours), e->name, e->index);
    r = vb_db_run(x->db, sql, err);
    vb_buf_free(&p.theirs);
    vb_buf_free(&p.ours);
    if (r < 0)
        return vb_error_context(err, "dimension records of %s", e->name);
    return e->spatial >= 0 ? export_overlaps(x, e, err) : 0;
}

int vb_gen3_export_records(vb_gen3_export *x, vb_error *err)
{
    const vb_universe *u = vb_registry_universe(x->reg);
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (e->has_table && !e->is_skypix)
            r = export_element(x, e, err);
    }
    return r;
}

/* ---- collections ---------------------------------------------------------------------------------------------- */

int vb_gen3_export_collections(vb_gen3_export *x, vb_error *err)
{
    return vb_db_run(
        x->db,
        "INSERT INTO collection SELECT n.number, c.name, c.type, c.doc FROM ours.collection c"
        " JOIN temp.cols n USING (id) ORDER BY n.number;"
        "INSERT INTO run SELECT n.number, r.host, r.timespan_begin, r.timespan_end FROM ours.collection c"
        " JOIN temp.cols n USING (id) LEFT JOIN ours.run_detail r ON r.collection_id = c.id WHERE c.type = 1"
        " ORDER BY n.number;"
        "INSERT INTO collection_chain SELECT p.number, k.position, c.number FROM ours.collection_chain k"
        " JOIN temp.cols p ON p.id = k.parent_id JOIN temp.cols c ON c.id = k.child_id"
        " ORDER BY p.number, k.position;",
        err);
}

/* ---- datasets ------------------------------------------------------------------------------------------------- */

struct members {
    vb_gen3_export *x;
    const vb_group *group;
    int64_t ours, theirs; /* numbers of the group */
    bool calibs;
};

static int run_members(const struct members *m, vb_error *err)
{
    vb_auto_buf dims = {0}, sql = {0};
    int r;

    for (int i = 0; i < m->group->nrequired; i++) {
        vb_buf_puts(&dims, ", m.");
        vb_sql_name(&dims, m->group->dims[i]->name);
    }
    vb_buf_printf(&sql,
                  "INSERT INTO dataset_tags_%08" PRId64 " SELECT t.number, " ID ", c.number%s FROM ours.member_%" PRId64
                  " m JOIN temp.types t ON t.id = m.type_id JOIN temp.cols c ON c.id = m.collection_id"
                  " JOIN temp.chosen s ON s.id = m.dataset_id JOIN ours.dataset d ON d.id = m.dataset_id;",
                  m->theirs, vb_buf_text(&dims), m->ours);
    if (m->calibs)
        vb_buf_printf(&sql,
                      "INSERT INTO dataset_calibs_%08" PRId64 " SELECT NULL, t.number, " ID
                      ", c.number%s, m.timespan_begin, m.timespan_end FROM ours.calib_%" PRId64
                      " m JOIN temp.types t ON t.id = m.type_id JOIN temp.cols c ON c.id = m.collection_id"
                      " JOIN temp.chosen s ON s.id = m.dataset_id JOIN ours.dataset d ON d.id = m.dataset_id;",
                      m->theirs, vb_buf_text(&dims), m->ours);
    r = vb_db_run(m->x->db, vb_buf_text(&sql), err);
    return r;
}

/* Which types and governors a collection may hold. */
static int run_summaries(const struct members *m, vb_error *err)
{
    static const char *const kinds[] = {"tags", "calibs"};
    vb_auto_buf sql = {0};

    for (int k = 0; k < (m->calibs ? 2 : 1); k++) {
        vb_buf_printf(&sql,
                      "INSERT OR IGNORE INTO collection_summary_dataset_type SELECT DISTINCT collection_id,"
                      " dataset_type_id FROM dataset_%s_%08" PRId64 ";",
                      kinds[k], m->theirs);
        for (int i = 0; i < m->group->nrequired; i++)
            if (m->group->dims[i]->is_governor)
                vb_buf_printf(&sql,
                              "INSERT OR IGNORE INTO \"collection_summary_%s\" SELECT DISTINCT collection_id, \"%s\""
                              " FROM dataset_%s_%08" PRId64 ";",
                              m->group->dims[i]->name, m->group->dims[i]->name, kinds[k], m->theirs);
    }
    return vb_db_run(m->x->db, vb_buf_text(&sql), err);
}

static int make_group(const struct members *m, vb_error *err)
{
    vb_gen3_sql sql = {0};
    int r;

    vb_gen3_tags_table(m->group, m->theirs, &sql);
    if (m->calibs)
        vb_gen3_calibs_table(m->group, m->theirs, &sql);
    r = vb_db_run(m->x->db, vb_buf_text(&sql.tables), err);
    vb_buf_puts(&m->x->indexes, vb_buf_text(&sql.indexes));
    vb_buf_free(&sql.tables);
    vb_buf_free(&sql.indexes);
    if (!r && m->theirs)
        r = vb_sql_exec(m->x->db, err, "INSERT INTO dimension_graph_key VALUES (?)", VB_ARGS(m->theirs));
    for (int i = 0; !r && i < m->group->nrequired; i++)
        r = vb_sql_exec(m->x->db, err, "INSERT INTO dimension_graph_definition VALUES (?, ?)",
                        VB_ARGS(m->theirs, m->group->dims[i]->name));
    return r;
}

static int export_group(struct members *m, const char *dimensions, vb_error *err)
{
    char **names = vb_split(dimensions, ',', NULL);
    int r = vb_universe_conform_names(vb_registry_universe(m->x->reg), names, &m->group, err);

    vb_strv_free(names);
    if (!r)
        r = make_group(m, err);
    if (!r)
        r = run_members(m, err);
    return r < 0 ? r : run_summaries(m, err);
}

static int export_groups(vb_gen3_export *x, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(x->db, &s, err,
                   "SELECT n.id, n.number, g.dimensions, max(t.is_calibration) FROM temp.groups n"
                   " JOIN ours.dataid_group g ON g.id = n.id JOIN ours.dataset_type t ON t.group_id = n.id"
                   " JOIN temp.types u ON u.id = t.id GROUP BY n.id ORDER BY n.number",
                   VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        struct members m = {x, NULL, vb_col_int(s, 0), vb_col_int(s, 1), vb_col_int(s, 3)};
        vb_autofree char *dimensions = vb_strdup(vb_col_text(s, 2));

        r = export_group(&m, dimensions, err);
    }
    return r;
}

int vb_gen3_export_datasets(vb_gen3_export *x, vb_error *err)
{
    int r = vb_db_run(
        x->db,
        "INSERT INTO dataset_type SELECT n.number, t.name, t.storage_class, g.number,"
        " printf('dataset_tags_%08d', g.number), CASE WHEN t.is_calibration THEN printf('dataset_calibs_%08d', g.number)"
        " END FROM ours.dataset_type t JOIN temp.types n USING (id) JOIN temp.groups g ON g.id = t.group_id"
        " ORDER BY n.number;"
        "INSERT INTO dataset SELECT " ID ", t.number, d.ingest_date, c.number FROM temp.chosen s"
        " JOIN ours.dataset d ON d.id = s.id JOIN temp.types t ON t.id = d.type_id"
        " JOIN temp.cols c ON c.id = d.run_id ORDER BY d.uuid;",
        err);

    if (!r)
        r = export_groups(x, err);
    if (!r && x->all) /* what a collection has held counts too */
        r = vb_db_run(x->db,
                      "INSERT OR IGNORE INTO collection_summary_dataset_type SELECT c.number, t.number"
                      " FROM ours.collection_summary m JOIN temp.cols c ON c.id = m.collection_id"
                      " JOIN temp.types t ON t.id = m.type_id",
                      err);
    return r;
}
