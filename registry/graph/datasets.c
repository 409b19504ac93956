/* datasets.c - the datasets of a graph: found along the inputs, or predicted. */
#include "registry/base/mem.h"
#include "registry/dataset.h"
#include "registry/graph/build.h"
#include "registry/time.h"

#include <inttypes.h>

/* d_N of a type that exists: for each data ID of common the first dataset along the search,
 * collection by collection. */
static int find_existing(struct build *b, size_t i, const vb_search *search)
{
    const vb_dataset_type *type = b->types[i].type;
    vb_dimset dims = type->group->required;
    int r = 0;

    for (size_t c = 0; !r && c < search->count; c++) {
        vb_auto_buf sql = {0};

        vb_buf_printf(&sql, "INSERT OR IGNORE INTO temp.d_%zu SELECT dataset_id", i);
        vb_sql_dimensions(&sql, type->group, ", m.", ", m.");
        vb_buf_printf(&sql, " FROM (SELECT DISTINCT %s", vb_dimset_empty(dims) ? "1" : "");
        vb_build_columns(b, dims, "", &sql);
        vb_buf_printf(&sql,
                      " FROM temp.common) k CROSS JOIN src.member_%" PRId64 " m ON m.type_id = %" PRId64
                      " AND m.collection_id = %" PRId64 " AND ",
                      type->group_id, type->id, search->items[c]->id);
        vb_build_equal(b, dims, "m", "k", &sql);
        r = vb_build_run(b, &sql);
    }
    return r;
}

/* Says which output the run has already; 0 where it has none. */
static int refuse_existing(struct build *b, const vb_dataset_type *type)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0}, id = {0};
    int r;

    vb_buf_printf(&sql,
                  "SELECT d.dataid FROM temp.new_outputs n CROSS JOIN src.member_%" PRId64 " m ON m.type_id = ? AND"
                  " m.collection_id = (SELECT id FROM src.collection WHERE name = ?) AND ",
                  type->group_id);
    vb_build_equal(b, type->group->required, "m", "n", &sql);
    vb_buf_puts(&sql, " JOIN src.dataset d ON d.id = m.dataset_id LIMIT 1");
    r = vb_sql(b->db, &s, b->err, vb_buf_text(&sql), VB_ARGS(type->id, b->spec->run));
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (r <= 0)
        return r;
    vb_build_print(type->group, vb_col_text(s, 0), &id);
    vb_fail(b->err, -EEXIST, "run '%s' has %s %s already", b->spec->run, type->name, vb_buf_text(&id));
    vb_hint(b->err, "--skip-existing leaves out the quanta that are done; --clobber-outputs makes their outputs anew");
    return -EEXIST;
}

/* With --clobber-outputs the old ones go: not those that somebody has picked. */
static int refuse_referenced(struct build *b, const vb_dataset_type *type)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0}, id = {0};
    int r;

    vb_buf_printf(&sql,
                  "SELECT d.dataid, c.type, c.name FROM temp.new_outputs n CROSS JOIN src.member_%" PRId64
                  " m ON m.type_id = ? AND m.collection_id = (SELECT id FROM src.collection WHERE name = ?) AND ",
                  type->group_id);
    vb_build_equal(b, type->group->required, "m", "n", &sql);
    vb_buf_puts(&sql, " CROSS JOIN src.association a ON a.dataset_id = m.dataset_id"
                      " JOIN src.collection c ON c.id = a.collection_id JOIN src.dataset d ON d.id = m.dataset_id"
                      " LIMIT 1");
    r = vb_sql(b->db, &s, b->err, vb_buf_text(&sql), VB_ARGS(type->id, b->spec->run));
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (r <= 0)
        return r;
    vb_build_print(type->group, vb_col_text(s, 0), &id);
    vb_fail(b->err, -EBUSY, "--clobber-outputs would take %s %s of run '%s' out of %s '%s'", type->name,
            vb_buf_text(&id), b->spec->run, vb_collection_type_name((vb_collection_type)vb_col_int(s, 1)),
            vb_col_text(s, 2));
    vb_hint(b->err, "disassociate or decertify it first, or make it anew in another run");
    return -EBUSY;
}

/* d_N of a type that a task makes: a new UUID for each data ID of a quantum that is left. */
static int predict(struct build *b, size_t i)
{
    const vb_dataset_type *type = b->types[i].type;
    const vb_group *task = b->spec->tasks[b->types[i].producer].group;
    vb_dimset dims = type->group->required;
    bool none = vb_dimset_empty(dims);
    vb_auto_buf sql = {0};
    bool known;
    int64_t offset = 0;
    int r = vb_build_src_has_group(b, type, &known);

    if (r >= 0)
        r = vb_sql_int(b->db, &offset, b->err, "SELECT seq FROM sqlite_sequence WHERE name = 'dataset'", VB_NO_ARGS);
    if (r < 0)
        return r;
    vb_buf_puts(&sql,
                "DROP TABLE IF EXISTS temp.new_outputs; CREATE TEMP TABLE new_outputs AS SELECT row_number() OVER ()");
    vb_buf_printf(&sql, " + %" PRId64 " AS dataset_id, * FROM (SELECT DISTINCT %s", offset, none ? "1 AS one" : "");
    vb_build_columns(b, dims, "k.", &sql);
    if (b->types[i].init) {
        vb_buf_printf(&sql, " FROM (SELECT 1) k WHERE NOT EXISTS (SELECT 1 FROM temp.d_%zu)", i);
    } else if (vb_dimset_within(dims, task->required)) {
        vb_buf_printf(&sql, " FROM temp.q_%d k", b->types[i].producer);
    } else {
        vb_buf_printf(&sql, " FROM temp.common k JOIN temp.q_%d q ON ", b->types[i].producer);
        vb_build_equal(b, task->required, "k", "q", &sql);
    }
    if (!none) {
        vb_buf_puts(&sql, " ORDER BY ");
        vb_build_columns(b, dims, "k.", &sql);
    }
    vb_buf_puts(&sql, ")");
    r = vb_build_run(b, &sql);
    if (!r && known)
        r = b->spec->clobber_outputs ? refuse_referenced(b, type) : refuse_existing(b, type);
    if (r < 0)
        return r;
    vb_buf_clear(&sql);
    vb_buf_printf(&sql, "INSERT INTO dataset SELECT dataset_id, vb_uuid(), %" PRId64 ", %" PRId64 ", ", type->id,
                  b->run_id);
    vb_build_packed(b, dims, "", &sql);
    vb_buf_printf(&sql, ", %" PRId64 ", %d FROM temp.new_outputs;", vb_time_now(), VB_DATASET_PREDICTED);
    vb_buf_printf(&sql, "INSERT INTO member_%" PRId64 " SELECT %" PRId64 ", %" PRId64 "%s", type->group_id, type->id,
                  b->run_id, none ? "" : ", ");
    vb_build_columns(b, dims, "", &sql);
    vb_buf_puts(&sql, ", dataset_id FROM temp.new_outputs;");
    vb_buf_printf(&sql, "INSERT OR IGNORE INTO collection_summary VALUES (%" PRId64 ", %" PRId64 ");", b->run_id,
                  type->id);
    vb_buf_printf(&sql, "INSERT INTO temp.d_%zu SELECT dataset_id%s", i, none ? "" : ", ");
    vb_build_columns(b, dims, "", &sql);
    vb_buf_puts(&sql, " FROM temp.new_outputs");
    return vb_build_run(b, &sql);
}

/* An overall input is found along the inputs.  What a task makes is predicted; an output of a quantum that is left out
 * is where it was found done, and an init-output that the run has already is kept. */
static int make_type(struct build *b, size_t i)
{
    const struct graph_type *type = &b->types[i];
    vb_autofree char *table = vb_format("d_%zu", i);
    bool known = false;
    int r = vb_build_keyed_table(b, table, "dataset_id", type->type->group->required);

    if (!r)
        r = vb_build_src_has_group(b, type->type, &known);
    if (!r && known && type->init)
        r = find_existing(b, i, &b->run);
    if (!r && type->producer >= 0)
        r = predict(b, i);
    if (!r && known && !type->init)
        r = find_existing(b, i, type->producer < 0 ? &b->inputs : &b->skip);
    return r;
}

int vb_build_datasets(struct build *b)
{
    int r = 0;

    for (size_t i = 0; !r && i < b->ntypes; i++)
        if (!b->types[i].prerequisite)
            r = make_type(b, i);
    return r;
}
