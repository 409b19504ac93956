#include "registry/snapshot.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"
#include "registry/record_choice.h"
#include "registry/schema.h"
#include "registry/selection.h"
#include "registry/subset.h"

#include <inttypes.h>
#include <string.h>

struct snapshot {
    vb_registry *src, *into;
    const vb_snapshot_spec *spec;
    vb_search search;
    vb_error *err;
};

/* ---- datasets --------------------------------------------------------------------------------------------- */

static int want(void *arg, const vb_dataset *d, vb_error *err)
{
    const struct snapshot *s = arg;

    return vb_sql_exec(s->into->db, err, "INSERT OR IGNORE INTO temp.wanted VALUES (?)", VB_ARGS(d->id));
}

static int copy_collections(struct snapshot *s)
{
    int r = 0;

    /* By name first, so that chains are there; what a glob means is in the search. */
    for (char *const *name = s->spec->collections; !r && *name; name++)
        r = vb_subset_collection(s->into, *name, s->err);
    for (size_t i = 0; !r && i < s->search.count; i++)
        r = vb_subset_collection(s->into, s->search.items[i]->name, s->err);
    return r;
}

/* The runs of datasets that were reached through TAGGED and CALIBRATION collections. */
static int copy_runs(struct snapshot *s)
{
    return vb_db_run(
        s->into->db,
        "INSERT OR IGNORE INTO collection SELECT * FROM src.collection WHERE id IN (SELECT DISTINCT d.run_id FROM"
        " temp.wanted w CROSS JOIN src.dataset d ON d.id = w.dataset_id)",
        s->err);
}

/* What a collection may hold, of what was copied. */
static int summarize(struct snapshot *s)
{
    vb_auto(vb_stmt_done) vb_stmt *groups = NULL;
    int r = vb_db_run(s->into->db, "DELETE FROM collection_summary", s->err);

    if (!r)
        r = vb_sql(s->into->db, &groups, s->err, "SELECT id FROM main.dataid_group", VB_NO_ARGS);
    while (!r && (r = vb_stmt_step(groups, s->err)) > 0) {
        int64_t n = vb_col_int(groups, 0);
        vb_autofree char *sql =
            vb_format("INSERT OR IGNORE INTO collection_summary SELECT DISTINCT collection_id, type_id FROM"
                      " member_%" PRId64 ";INSERT OR IGNORE INTO collection_summary SELECT DISTINCT"
                      " collection_id, type_id FROM calib_%" PRId64,
                      n, n);

        r = vb_db_run(s->into->db, sql, s->err);
    }
    return r;
}

static int copy_datasets(struct snapshot *s)
{
    vb_selecting what = {.types = s->spec->types,
                         .collections = s->spec->collections,
                         .where = s->spec->where,
                         .find_first = s->spec->find_first};
    int64_t count = 0;
    int r = vb_select(s->src, &what, &count, s->err);

    if (!r && !count)
        r = vb_fail(s->err, -ENODATA, "no dataset was chosen: there would be nothing in the snapshot");
    if (!r)
        r = vb_subset_begin_wanted(s->into, s->err);
    if (!r)
        r = vb_selected_each(s->src, want, s, s->err);
    if (!r)
        r = copy_collections(s);
    if (!r)
        r = copy_runs(s);
    if (!r)
        r = vb_subset_wanted(s->into, s->err);
    return r < 0 ? r : summarize(s);
}

/* ---- what made them --------------------------------------------------------------------------------------- */

static int copy_provenance(struct snapshot *s)
{
    static const char sql[] =
        "INSERT INTO quantum SELECT * FROM src.quantum WHERE id IN (SELECT o.quantum_id FROM temp.wanted w CROSS JOIN"
        " src.quantum_output o ON o.dataset_id = w.dataset_id);"
        "INSERT INTO task SELECT * FROM src.task WHERE id IN (SELECT task_id FROM quantum);"
        "INSERT INTO connection SELECT * FROM src.connection WHERE task_id IN (SELECT id FROM task);"
        "INSERT INTO attempt SELECT * FROM src.attempt WHERE quantum_id IN (SELECT id FROM quantum);"
        "INSERT INTO quantum_input SELECT i.* FROM quantum q CROSS JOIN src.quantum_input i ON i.quantum_id = q.id;"
        "INSERT INTO quantum_output SELECT o.* FROM quantum q CROSS JOIN src.quantum_output o ON o.quantum_id = q.id;"
        "INSERT OR IGNORE INTO collection SELECT * FROM src.collection WHERE id IN (SELECT run_id FROM task);"
        "INSERT INTO execution SELECT * FROM src.execution WHERE run_id IN (SELECT run_id FROM task);"
        /* What these have read and made besides: provenance speaks of it, and this file does not have it. */
        "INSERT OR IGNORE INTO dataset SELECT d.id, d.uuid, d.type_id, CASE WHEN EXISTS (SELECT 1 FROM collection c WHERE"
        " c.id = d.run_id) THEN d.run_id ELSE 0 END, d.dataid, d.ingest_date, 2 FROM src.dataset d WHERE d.id IN"
        " (SELECT dataset_id FROM quantum_input UNION SELECT dataset_id FROM quantum_output);";

    return vb_db_run(s->into->db, sql, s->err);
}

/* ---- dimension records ------------------------------------------------------------------------------------ */

/* Of what the data IDs of the datasets speak of. */
static int copy_named(struct snapshot *s, const vb_element *e)
{
    static const char *const kinds[] = {"member", "calib"};
    vb_auto(vb_stmt_done) vb_stmt *groups = NULL;
    int r = vb_sql(s->into->db, &groups, s->err, "SELECT id, dimensions FROM main.dataid_group", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(groups, s->err)) > 0) {
        char **names = vb_split(vb_col_text(groups, 1), ',', NULL);
        const vb_group *group;

        r = vb_universe_conform_names(s->into->universe, names, &group, s->err);
        for (size_t i = 0; !r && i < VB_COUNT(kinds); i++) {
            vb_autofree char *table = vb_format("%s_%" PRId64, kinds[i], vb_col_int(groups, 0));

            if (vb_dimset_within(e->required, group->required))
                r = vb_subset_records(s->into, e, table, s->err);
        }
        vb_strv_free(names);
    }
    return r;
}

/* All that a sky map divides the sky into, where its definition is in the file. */
static int copy_divisions(struct snapshot *s, const vb_element *e)
{
    int64_t group;
    int r = vb_sql_int(s->into->db, &group, s->err, "SELECT id FROM main.dataid_group WHERE dimensions = 'skymap'",
                       VB_NO_ARGS);
    vb_autofree char *sql = vb_format("INSERT OR IGNORE INTO \"dimension_%s\" SELECT * FROM src.\"dimension_%s\" WHERE"
                                      " skymap IN (SELECT skymap FROM member_%" PRId64 ")",
                                      e->name, e->name, r > 0 ? group : 0);

    return r <= 0 ? r : vb_db_run(s->into->db, sql, s->err);
}

/* What lies where the regions of `by` do: they share a pixel.  More never overlaps, so that a question has the answer
 * that it has in the registry. */
static int copy_below(struct snapshot *s, const vb_element *e, const vb_element *by)
{
    vb_autofree char *sql = vb_format(
        "INSERT OR IGNORE INTO \"dimension_%s\" SELECT * FROM src.\"dimension_%s\" WHERE _id IN (SELECT o.record_id FROM"
        " (SELECT DISTINCT f.pixel FROM \"dimension_%s\" d CROSS JOIN src.\"overlap_%s\" f ON f.record_id = d._id) p"
        " CROSS JOIN src.\"overlap_%s\" o ON o.pixel = p.pixel)",
        e->name, e->name, by->name, by->name, e->name);

    return vb_db_run(s->into->db, sql, s->err);
}

/* Tracts and patches: of the sky maps that are in the file, and where its visits lie, since graphs ask for these. */
static int sky(struct snapshot *s, const vb_element *e)
{
    const vb_universe *u = s->into->universe;
    int r = vb_divides_sky(u, e) ? copy_divisions(s, e) : 0;

    for (int i = 0; !r && vb_divides_sky(u, e) && i < vb_universe_count(u); i++) {
        const vb_element *by = vb_universe_at(u, i);

        if (by->has_table && !by->is_skypix && by->spatial >= 0 && !vb_divides_sky(u, by))
            r = copy_below(s, e, by);
    }
    return r;
}

/* Relations without a region (an exposure's visit, a visit's system) are copied from either side. */
static int copy_relation(struct snapshot *s, const vb_element *e)
{
    int r = 0;

    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *side = vb_universe_at(s->into->universe, i);
        vb_auto_buf relation = {0}, table = {0}, names = {0}, sql = {0};

        if (r < 0 || side->is_governor || !side->has_table || side->temporal < 0)
            continue;
        vb_schema_table(&relation, e);
        vb_schema_table(&table, side);
        VB_EACH_DIMENSION(k, side->required) {
            vb_buf_separate(&names, ", ");
            vb_sql_name(&names, vb_universe_at(s->into->universe, k)->name);
        }
        vb_buf_printf(&sql, "INSERT OR IGNORE INTO %s SELECT * FROM src.%s WHERE (%s) IN (SELECT %s FROM %s)",
                      relation.data, relation.data, names.data, names.data, table.data);
        r = vb_db_run(s->into->db, vb_buf_text(&sql), s->err);
    }
    return r;
}

/* Regions of relations, as visits' detectors have them: where all that they relate is there. */
static int copy_region(struct snapshot *s, const vb_element *e)
{
    vb_auto_buf sql = {0}, table = {0};

    vb_schema_table(&table, e);
    vb_buf_printf(&sql, "INSERT OR IGNORE INTO %s SELECT * FROM src.%s WHERE 1", table.data, table.data);
    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *side = vb_universe_at(s->into->universe, i);
        vb_auto_buf names = {0}, from = {0};

        if (!side->has_table)
            continue;
        vb_schema_table(&from, side);
        VB_EACH_DIMENSION(k, side->required) {
            vb_buf_separate(&names, ", ");
            vb_sql_name(&names, vb_universe_at(s->into->universe, k)->name);
        }
        vb_buf_printf(&sql, " AND (%s) IN (SELECT %s FROM %s)", names.data, names.data, from.data);
    }
    return vb_db_run(s->into->db, vb_buf_text(&sql), s->err);
}

typedef int element_fn(struct snapshot *s, const vb_element *e);

static int implied(struct snapshot *s, const vb_element *e)
{
    return vb_subset_implied(s->into, e, s->err);
}

static int relation(struct snapshot *s, const vb_element *e)
{
    return e->is_dimension ? 0 : e->spatial >= 0 ? copy_region(s, e) : copy_relation(s, e);
}

static int overlaps(struct snapshot *s, const vb_element *e)
{
    vb_autofree char *sql = vb_format("INSERT INTO \"overlap_%s\" SELECT o.* FROM \"dimension_%s\" d CROSS JOIN"
                                      " src.\"overlap_%s\" o ON o.record_id = d._id",
                                      e->name, e->name, e->name);

    return e->spatial < 0 ? 0 : vb_db_run(s->into->db, sql, s->err);
}

/* From the last element of the universe to the first. */
static int for_elements(struct snapshot *s, element_fn *fn)
{
    int r = 0;

    for (int i = vb_universe_count(s->into->universe) - 1; !r && i >= 0; i--) {
        const vb_element *e = vb_universe_at(s->into->universe, i);

        if (!e->is_skypix && e->has_table)
            r = fn(s, e);
    }
    return r;
}

static int copy_records(struct snapshot *s)
{
    static element_fn *const passes[] = {copy_named, relation, implied, relation, implied, sky, implied, overlaps};
    int r = 0;

    for (size_t i = 0; !r && i < VB_COUNT(passes); i++)
        r = for_elements(s, passes[i]);
    return r;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

int vb_snapshot_source(vb_registry *src, char **repository, char **id, vb_error *err)
{
    vb_autofree char *root = vb_path_dir(vb_registry_path(src));

    *repository = *id = NULL;
    if (!strcmp(vb_registry_format(src), "registry")) {
        *repository = vb_path_absolute(root, err);
        return *repository ? 0 : err ? err->code : -ENOENT;
    }
    if (vb_registry_meta(src, "repository", repository, err) < 0)
        return err ? err->code : -EIO;
    return vb_registry_meta(src, "snapshot_id", id, err);
}

static void join_names(char *const *names, vb_buf *out)
{
    for (; names && *names; names++) {
        vb_buf_separate(out, ",");
        vb_buf_puts(out, *names);
    }
}

static int write_meta(struct snapshot *s, vb_snapshot_counts *counts)
{
    vb_autofree char *repository = NULL, *parent = NULL;
    vb_auto_buf collections = {0}, types = {0};
    int r = vb_snapshot_source(s->src, &repository, &parent, s->err);
    const char *pairs[][2] = {
        {"snapshot_id", vb_uuid_format(vb_uuid_v7(), counts->id)},
        {"repository", repository},
        {"parent_snapshot", parent},
        {"collections", NULL},
        {"dataset_types", NULL},
        {"where", s->spec->where},
        {"command", s->spec->command},
    };

    join_names(s->spec->collections, &collections);
    join_names(s->spec->types, &types);
    pairs[3][1] = vb_buf_text(&collections);
    pairs[4][1] = types.len ? types.data : NULL;
    for (size_t i = 0; !r && i < VB_COUNT(pairs); i++)
        if (pairs[i][1])
            r = vb_schema_set_meta(s->into->db, pairs[i][0], pairs[i][1], s->err);
    return r;
}

static int count_element(struct snapshot *s, const vb_element *e, int64_t *records)
{
    vb_autofree char *sql = vb_format("SELECT count(*) FROM \"dimension_%s\"", e->name);
    int64_t n = 0;
    int r = vb_sql_int(s->into->db, &n, s->err, sql, VB_NO_ARGS);

    *records += n;
    return r < 0 ? r : 0;
}

static int count(struct snapshot *s, vb_snapshot_counts *counts)
{
    int r = vb_sql_int(s->into->db, &counts->datasets, s->err, "SELECT count(*) FROM dataset WHERE state = 0",
                       VB_NO_ARGS);

    if (r >= 0)
        r = vb_sql_int(s->into->db, &counts->quanta, s->err, "SELECT count(*) FROM quantum", VB_NO_ARGS);
    for (int i = 0; r >= 0 && i < vb_universe_count(s->into->universe); i++) {
        const vb_element *e = vb_universe_at(s->into->universe, i);

        if (!e->is_skypix && e->has_table)
            r = count_element(s, e, &counts->records);
    }
    return r < 0 ? r : 0;
}

static int fill(struct snapshot *s, vb_snapshot_counts *counts)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(s->into, &txn, s->err);

    if (!r)
        r = vb_subset_definitions(s->into, s->err);
    if (!r)
        r = copy_datasets(s);
    if (!r)
        r = copy_provenance(s);
    if (!r)
        r = copy_records(s);
    if (!r)
        r = write_meta(s, counts);
    if (!r)
        r = count(s, counts);
    return r < 0 ? r : vb_txn_commit(&txn, s->err);
}

int vb_snapshot_make(vb_registry *src, const vb_snapshot_spec *spec, const char *path, vb_snapshot_counts *counts,
                     vb_error *err)
{
    vb_autofree char *temporary = vb_format("%s.%d.tmp", path, (int)getpid());
    struct snapshot s = {.src = src, .spec = spec, .err = err};
    int r = access(path, F_OK) ? 0 : vb_fail(err, -EEXIST, "%s is there already: a snapshot never changes", path);

    *counts = (vb_snapshot_counts){0};
    if (r < 0)
        return r;
    unlink(temporary);
    r = vb_search_resolve(src, spec->collections, &s.search, err);
    if (!r)
        r = vb_subset_create(src, temporary, "snapshot", &s.into, err);
    if (!r)
        r = fill(&s, counts);
    if (s.into)
        vb_registry_close(s.into);
    if (!r)
        r = vb_publish_file(temporary, path, false, err);
    if (r < 0)
        unlink(temporary);
    vb_search_clear(&s.search);
    return r;
}
