#include "registry/subset.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/schema.h"
#include "registry/storage_class.h"

#include <inttypes.h>
#include <string.h>

/* What the repository says of storage classes, beside what the program knows. */
static int note_storage_classes(vb_registry *src, vb_registry *into, vb_error *err)
{
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = NULL;
    vb_autofree char *text = NULL;
    int r = vb_storage_classes_open(src, &set, err);

    if (r < 0)
        return r;
    text = vb_storage_classes_text(set);
    return text ? vb_registry_set_meta(into, "storage_classes", text, err) : 0;
}

int vb_subset_create(vb_registry *src, const char *path, const char *format, vb_registry **out, vb_error *err)
{
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    const char *json = vb_universe_json(src->universe);
    int r = vb_universe_load_text(vb_registry_path(src), json, strlen(json), &u, err);

    if (!r)
        r = vb_registry_create(path, u, format, out, err);
    if (!r)
        r = note_storage_classes(src, *out, err);
    return r < 0 ? r : vb_db_attach((*out)->db, vb_registry_path(src), "src", err);
}

/* ---- definitions ------------------------------------------------------------------------------------------ */

/* The groups of the registry, under their numbers, so that member_N means the same in both. */
static int copy_groups(vb_registry *into, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(into->db, &s, err, "SELECT id, dimensions FROM src.dataid_group ORDER BY id", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        char **names = vb_split(vb_col_text(s, 1), ',', NULL);
        int64_t wanted = vb_col_int(s, 0), id = 0;
        const vb_group *group;

        r = vb_universe_conform_names(into->universe, names, &group, err);
        if (!r)
            r = vb_schema_group_numbered(into->db, group, wanted, &id, err);
        vb_strv_free(names);
    }
    return r;
}

int vb_subset_definitions(vb_registry *into, vb_error *err)
{
    /* Ids of what is added must lie above those of the registry. */
    static const char tables[] = "INSERT INTO store SELECT * FROM src.store;"
                                 "INSERT INTO dataset_type SELECT * FROM src.dataset_type;"
                                 "INSERT INTO instrument_rules SELECT * FROM src.instrument_rules;"
                                 "DELETE FROM sqlite_sequence;"
                                 "INSERT INTO sqlite_sequence SELECT name, seq FROM src.sqlite_sequence WHERE name IN"
                                 " ('dataset', 'dataset_type', 'collection');"
                                 "INSERT INTO sqlite_sequence SELECT 'dataset', 0 WHERE NOT EXISTS"
                                 " (SELECT 1 FROM sqlite_sequence WHERE name = 'dataset');";
    int r = copy_groups(into, err);

    return r < 0 ? r : vb_db_run(into->db, tables, err);
}

int vb_subset_collection(vb_registry *into, const char *name, vb_error *err)
{
    static const char below[] = "WITH RECURSIVE below(id) AS (SELECT id FROM src.collection WHERE name = ?1"
                                " UNION SELECT child_id FROM below JOIN src.collection_chain ON parent_id = below.id)";
    static const char *const copies[] = {
        "INSERT OR IGNORE INTO collection SELECT * FROM src.collection WHERE id IN (SELECT id FROM below)",
        "INSERT OR IGNORE INTO collection_chain SELECT * FROM src.collection_chain WHERE parent_id IN"
        " (SELECT id FROM below)",
        "INSERT OR IGNORE INTO collection_summary SELECT * FROM src.collection_summary WHERE collection_id IN"
        " (SELECT id FROM below)",
    };
    int r = 0;

    for (size_t i = 0; !r && i < VB_COUNT(copies); i++) {
        vb_autofree char *sql = vb_format("%s %s", below, copies[i]);

        r = vb_sql_exec(into->db, err, sql, VB_ARGS(name));
    }
    return r;
}

/* ---- datasets --------------------------------------------------------------------------------------------- */

int vb_subset_begin_wanted(vb_registry *into, vb_error *err)
{
    return vb_db_run(into->db, "CREATE TEMP TABLE wanted (dataset_id INTEGER PRIMARY KEY)", err);
}

int vb_subset_wanted(vb_registry *into, vb_error *err)
{
    static const char rows[] =
        "INSERT INTO dataset SELECT d.* FROM temp.wanted w CROSS JOIN src.dataset d ON d.id = w.dataset_id;"
        "INSERT INTO location SELECT l.* FROM temp.wanted w CROSS JOIN src.location l ON l.dataset_id = w.dataset_id;"
        "INSERT INTO association SELECT a.* FROM temp.wanted w CROSS JOIN src.association a"
        " ON a.dataset_id = w.dataset_id WHERE a.collection_id IN (SELECT id FROM collection);"
        "INSERT INTO component SELECT c.* FROM temp.wanted w CROSS JOIN src.component c ON c.dataset_id = w.dataset_id;"
        "INSERT OR IGNORE INTO component_summary SELECT DISTINCT type_id, component FROM component c CROSS JOIN dataset d"
        " ON d.id = c.dataset_id;"
        "INSERT INTO datastore_record SELECT r.* FROM temp.wanted w CROSS JOIN src.datastore_record r"
        " ON r.dataset_id = w.dataset_id;"
        "INSERT OR IGNORE INTO run_detail SELECT r.* FROM src.run_detail r WHERE r.collection_id IN"
        " (SELECT id FROM collection);";
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_db_run(into->db, rows, err);

    if (!r)
        r = vb_sql(into->db, &s, err, "SELECT id FROM src.dataid_group", VB_NO_ARGS);
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        static const char *const kinds[] = {"member", "calib"};
        vb_auto_buf sql = {0};

        for (size_t i = 0; i < VB_COUNT(kinds); i++)
            vb_buf_printf(&sql,
                          "INSERT INTO %s_%" PRId64 " SELECT m.* FROM src.%s_%" PRId64
                          " m WHERE m.dataset_id IN (SELECT dataset_id FROM temp.wanted)"
                          " AND m.type_id IN (SELECT DISTINCT type_id FROM dataset)"
                          " AND m.collection_id IN (SELECT id FROM collection);",
                          kinds[i], vb_col_int(s, 0), kinds[i], vb_col_int(s, 0));
        r = vb_db_run(into->db, vb_buf_text(&sql), err);
    }
    return r;
}

/* ---- dimension records ------------------------------------------------------------------------------------ */

int vb_subset_records(vb_registry *into, const vb_element *e, const char *table, vb_error *err)
{
    vb_auto_buf sql = {0}, names = {0}, element = {0};

    VB_EACH_DIMENSION(i, e->required) {
        vb_buf_separate(&names, ", ");
        vb_sql_name(&names, vb_universe_at(into->universe, i)->name);
    }
    vb_schema_table(&element, e);
    vb_buf_printf(&sql, "INSERT OR IGNORE INTO %s SELECT * FROM src.%s WHERE (%s) IN (SELECT DISTINCT %s FROM %s)",
                  element.data, element.data, names.data, names.data, table);
    return vb_db_run(into->db, vb_buf_text(&sql), err);
}

int vb_subset_implied(vb_registry *into, const vb_element *e, vb_error *err)
{
    int r = 0;

    for (int i = vb_universe_count(into->universe) - 1; !r && i > e->index; i--) {
        const vb_element *from = vb_universe_at(into->universe, i);
        vb_auto_buf table = {0};

        if (from->is_skypix || !from->has_table ||
            !vb_dimset_within(e->required, vb_dimset_union(from->required, from->implied)))
            continue;
        vb_schema_table(&table, from);
        r = vb_subset_records(into, e, vb_buf_text(&table), err);
    }
    return r;
}
