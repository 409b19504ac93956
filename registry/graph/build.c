/* build.c - a quantum graph, by SQL.
 *
 * The registry is attached to the new file as `src`.  One join over all dimensions of the tasks in the pipeline's
 * overall inputs and outputs, constrained by the data query and by the overall inputs that exist, fills temp.common;
 * everything else is a projection of it (SEMANTICS 4): the quanta of a task are its distinct data IDs (temp.q_N), the
 * datasets of a type are its distinct data IDs (temp.d_N), an edge is a pair of both on one row.  Memory stays flat:
 * the tables spill to disk.  Rows copied from the registry keep their ids; predicted datasets get ids above them. */
#include "registry/graph/build.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/schema.h"
#include "registry/time.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

void vb_graph_spec_clear(vb_graph_spec *spec)
{
    for (size_t t = 0; t < spec->ntasks; t++) {
        vb_task_spec *task = &spec->tasks[t];

        for (size_t c = 0; c < task->count; c++) {
            free(task->connections[c].name);
            vb_dataset_type_clear(&task->connections[c].type);
        }
        free(task->connections);
        free(task->label);
        free(task->definition);
    }
    free(spec->tasks);
    vb_strv_free(spec->inputs);
    vb_strv_free(spec->chain_children);
    vb_strv_free(spec->skip_existing_in);
    free(spec->run);
    free(spec->chain);
    free(spec->where);
    free(spec->command);
    free(spec->replaced);
    free(spec->prune_replaced);
    *spec = (vb_graph_spec){0};
}

static const vb_universe *universe(const struct build *b)
{
    return vb_registry_universe(b->graph);
}

static int run_sql(struct build *b, const vb_buf *sql)
{
    return vb_db_run(b->db, vb_buf_text(sql), b->err);
}

/* ---- types and columns ------------------------------------------------------------------------------------ */

static struct graph_type *find_type(struct build *b, const char *name)
{
    for (size_t i = 0; i < b->ntypes; i++)
        if (!strcmp(b->types[i].type->name, name))
            return &b->types[i];
    return NULL;
}

/* Registers every type in the graph file and notes who makes it. */
static int collect_types(struct build *b)
{
    for (size_t t = 0; t < b->spec->ntasks; t++)
        for (size_t c = 0; c < b->spec->tasks[t].count; c++) {
            const vb_connection_spec *connection = &b->spec->tasks[t].connections[c];
            vb_dataset_type wanted = connection->type;
            struct graph_type *type;
            const vb_dataset_type *registered;
            int r;

            /* The same dimensions, of the graph's own universe. */
            wanted.group = vb_universe_conform(vb_registry_universe(b->graph), wanted.group->all);
            r = vb_dataset_type_register(b->graph, &wanted, &registered, b->err);
            if (r < 0)
                return r;
            type = find_type(b, registered->name);
            if (!type) {
                type = VB_PUSH(b->types, b->ntypes, b->types_cap);
                type->type = registered;
                type->producer = -1;
            }
            if (connection->role == VB_ROLE_PREREQUISITE)
                type->prerequisite = true;
            else if (connection->role != VB_ROLE_INPUT)
                type->producer = (int)t;
            type->init = type->init || connection->role == VB_ROLE_INIT_OUTPUT;
        }
    return 0;
}

const struct graph_type *vb_build_overall_input(const struct build *b, size_t *next)
{
    while (*next < b->ntypes) {
        const struct graph_type *type = &b->types[(*next)++];

        if (type->producer < 0 && !type->prerequisite)
            return type;
    }
    return NULL;
}

/* The dimensions of the join, and the columns of temp.common: what some task or type requires. */
static void collect_dimensions(struct build *b)
{
    vb_dimset all = {{0}};

    for (size_t t = 0; t < b->spec->ntasks; t++) {
        all = vb_dimset_union(all, b->spec->tasks[t].group->all);
        b->columns = vb_dimset_union(b->columns, b->spec->tasks[t].group->required);
    }
    for (size_t i = 0; i < b->ntypes; i++)
        if (!b->types[i].prerequisite) {
            all = vb_dimset_union(all, b->types[i].type->group->all);
            b->columns = vb_dimset_union(b->columns, b->types[i].type->group->required);
        }
    b->dims = vb_universe_conform(vb_registry_universe(b->graph), all);
}

/* ---- temp.common ------------------------------------------------------------------------------------------ */

int vb_build_join(struct build *b, const char *text, const vb_expr *where, vb_join *out)
{
    vb_universe *u = vb_registry_universe(b->graph);
    vb_dimset dims = b->dims->all;
    const struct graph_type *type;
    size_t next = 0;
    int r = where ? vb_expr_dimensions(u, b->dims, text, where, &dims, b->err) : 0;

    if (r < 0)
        return r;
    vb_join_init(out, b->graph, "src", vb_universe_conform(u, dims));
    while (!r && (type = vb_build_overall_input(b, &next)))
        r = vb_join_datasets(out, type->type, &b->inputs, b->err);
    if (!r)
        r = vb_join_relate(out, b->err);
    if (!r && where)
        r = vb_join_where(out, text, where, NULL, b->err);
    return r;
}

static void column_list(const struct build *b, vb_dimset dims, const char *prefix, vb_buf *sql)
{
    const char *between = "";

    VB_EACH_DIMENSION(i, dims) {
        vb_buf_printf(sql, "%s%s", between, prefix);
        vb_sql_name(sql, vb_universe_at(universe(b), i)->name);
        between = ", ";
    }
}

static void column_definitions(const struct build *b, vb_dimset dims, vb_buf *sql)
{
    const char *between = "";

    VB_EACH_DIMENSION(i, dims) {
        const vb_element *e = vb_universe_at(universe(b), i);

        vb_buf_puts(sql, between);
        vb_sql_name(sql, e->name);
        vb_buf_printf(sql, " %s NOT NULL", vb_schema_type(e->keys[0].type));
        between = ", ";
    }
}

static int create_common(struct build *b)
{
    vb_auto_buf sql = {0};

    if (vb_dimset_empty(b->columns)) /* no task has dimensions: one row stands for the one quantum of each */
        return vb_db_run(b->db, "CREATE TEMP TABLE common (one INTEGER); INSERT INTO temp.common VALUES (1)", b->err);
    vb_buf_puts(&sql, "CREATE TEMP TABLE common (");
    column_definitions(b, b->columns, &sql);
    vb_buf_puts(&sql, ")");
    return run_sql(b, &sql);
}

static int fill_common(struct build *b)
{
    vb_auto_join join = {0};
    vb_auto(vb_expr_free) vb_expr *where = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf columns = {0}, sql = {0};
    const char *text = b->spec->where ? b->spec->where : "";
    int r = create_common(b);

    if (r < 0 || vb_dimset_empty(b->columns))
        return r;
    r = vb_expr_parse(text, &where, b->err);
    if (!r)
        r = vb_build_join(b, text, where, &join);
    if (r < 0)
        return vb_error_context(b->err, "data query");
    vb_buf_puts(&columns, "DISTINCT ");
    VB_EACH_DIMENSION(i, b->columns) {
        if (columns.len > 9)
            vb_buf_puts(&columns, ", ");
        vb_buf_puts(&columns, join.columns[i]);
    }
    vb_buf_puts(&sql, "INSERT INTO temp.common ");
    vb_join_select(&join, vb_buf_text(&columns), &sql);
    r = vb_join_sql(&join, &s, vb_buf_text(&sql), b->err);
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (!r && !vb_db_changes(b->db))
        r = vb_build_explain_empty(b);
    return r;
}

/* A dimension that names the others (instrument, skymap) must be one, or be spoken of in the data query: the same visit
 * number means different things in two instruments (SEMANTICS, 2). */
static int check_governor(struct build *b, const vb_element *governor, const vb_dimset *spoken_of)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0}, values = {0};
    int n = 0, r;

    vb_buf_puts(&sql, "SELECT DISTINCT ");
    vb_sql_name(&sql, governor->name);
    vb_buf_puts(&sql, " FROM temp.common ORDER BY 1");
    r = vb_sql(b->db, &s, b->err, vb_buf_text(&sql), VB_NO_ARGS);
    for (; !r && (r = vb_stmt_step(s, b->err)) > 0; r = 0, n++)
        vb_buf_printf(&values, "%s'%s'", n ? ", " : "", vb_col_text(s, 0));
    if (r < 0 || n < 2 || vb_dimset_has(*spoken_of, governor->index))
        return r;
    vb_fail(b->err, -EINVAL, "the inputs hold several values of %s (%s), and the data query does not choose",
            governor->name, values.data);
    vb_hint(b->err, "add %s=... or %s in (...) to --data-query", governor->name, governor->name);
    return -EINVAL;
}

static int check_governors(struct build *b)
{
    vb_auto(vb_expr_free) vb_expr *where = NULL;
    vb_dimset spoken_of = {{0}};
    int r = b->spec->where ? vb_expr_parse(b->spec->where, &where, b->err) : 0;

    if (!r && where)
        r = vb_expr_dimensions(universe(b), b->dims, b->spec->where, where, &spoken_of, b->err);
    VB_EACH_DIMENSION(i, b->columns) {
        if (!r && vb_universe_at(universe(b), i)->is_governor)
            r = check_governor(b, vb_universe_at(universe(b), i), &spoken_of);
    }
    return r;
}

/* ---- quanta ----------------------------------------------------------------------------------------------- */

/* "a.x = b.x AND a.y = b.y"; "1" for no dimensions. */
static void equal_columns(const struct build *b, vb_dimset dims, const char *left, const char *right, vb_buf *sql)
{
    const char *between = "";

    if (vb_dimset_empty(dims))
        vb_buf_puts(sql, "1");
    VB_EACH_DIMENSION(i, dims) {
        vb_auto_buf name = {0};

        vb_sql_name(&name, vb_universe_at(universe(b), i)->name);
        vb_buf_printf(sql, "%s%s.%s = %s.%s", between, left, name.data, right, name.data);
        between = " AND ";
    }
}

/* CREATE TEMP TABLE name (id INTEGER PRIMARY KEY, dims, UNIQUE (dims)) */
static int create_keyed(struct build *b, const char *name, const char *id, vb_dimset dims)
{
    vb_auto_buf sql = {0};
    bool none = vb_dimset_empty(dims);

    vb_buf_printf(&sql, "CREATE TEMP TABLE %s (%s INTEGER PRIMARY KEY%s", name, id, none ? "" : ", ");
    column_definitions(b, dims, &sql);
    if (!none) {
        vb_buf_puts(&sql, ", UNIQUE (");
        column_list(b, dims, "", &sql);
        vb_buf_puts(&sql, ")");
    }
    vb_buf_puts(&sql, ")");
    return run_sql(b, &sql);
}

static const struct graph_type *metadata_type(struct build *b, size_t t)
{
    for (size_t c = 0; c < b->spec->tasks[t].count; c++)
        if (b->spec->tasks[t].connections[c].role == VB_ROLE_METADATA)
            return find_type(b, b->spec->tasks[t].connections[c].type.name);
    return NULL;
}

static void collection_ids(const vb_search *search, vb_buf *sql)
{
    for (size_t i = 0; i < search->count; i++)
        vb_buf_printf(sql, "%s%" PRId64, i ? ", " : "", search->items[i]->id);
}

/* Takes out of q_T the quanta whose metadata exist where skip_existing_in says; *skipped counts them. */
static int skip_existing(struct build *b, size_t t, int64_t *skipped)
{
    const struct graph_type *metadata = metadata_type(b, t);
    vb_dimset dims = b->spec->tasks[t].group->required;
    vb_auto_buf sql = {0};
    int r;

    if (!b->skip.count || !metadata)
        return 0;
    vb_buf_printf(&sql,
                  "DELETE FROM temp.q_%zu WHERE EXISTS (SELECT 1 FROM src.member_%" PRId64 " m JOIN src.dataset_type t"
                  " ON t.id = m.type_id WHERE t.name = '%s' AND m.collection_id IN (",
                  t, metadata->type->group_id, metadata->type->name);
    collection_ids(&b->skip, &sql);
    vb_buf_puts(&sql, ") AND ");
    vb_autofree char *table = vb_format("q_%zu", t);
    equal_columns(b, dims, "m", table, &sql);
    vb_buf_puts(&sql, ")");
    r = run_sql(b, &sql);
    if (!r)
        *skipped += vb_db_changes(b->db);
    return r;
}

/* True where the registry has the member table of a type's dimensions: a type that is new to it may not. */
static int src_has_group(struct build *b, const vb_dataset_type *type, bool *out)
{
    int64_t found = 0;
    int r = vb_sql_int(b->db, &found, b->err, "SELECT 1 FROM src.dataid_group WHERE id = ?", VB_ARGS(type->group_id));

    *out = found;
    return r < 0 ? r : 0;
}

/* json_array("q"."instrument", ...): the packed data ID. */
static void packed_dataid(const struct build *b, vb_dimset dims, const char *prefix, vb_buf *sql)
{
    vb_buf_puts(sql, "json_array(");
    column_list(b, dims, prefix, sql);
    vb_buf_puts(sql, ")");
}

static int make_quanta(struct build *b, size_t t, vb_graph_counts *counts)
{
    const vb_task_spec *task = &b->spec->tasks[t];
    vb_dimset dims = task->group->required;
    const struct graph_type *metadata = metadata_type(b, t);
    vb_autofree char *table = vb_format("q_%zu", t);
    vb_auto_buf sql = {0};
    bool known = false;
    int64_t offset = 0;
    int r = create_keyed(b, table, "quantum_id", dims);

    if (!r)
        r = vb_sql_int(b->db, &offset, b->err, "SELECT coalesce(max(id), 0) FROM quantum", VB_NO_ARGS);
    if (r >= 0 && metadata)
        r = src_has_group(b, metadata->type, &known);
    if (r < 0)
        return r;
    if (vb_dimset_empty(dims)) {
        vb_buf_printf(&sql, "INSERT INTO temp.%s SELECT %" PRId64, table, offset + 1);
    } else {
        vb_buf_printf(&sql, "INSERT INTO temp.%s SELECT row_number() OVER () + %" PRId64 ", * FROM (SELECT DISTINCT ",
                      table, offset);
        column_list(b, dims, "", &sql);
        vb_buf_puts(&sql, " FROM temp.common ORDER BY ");
        column_list(b, dims, "", &sql);
        vb_buf_puts(&sql, ")");
    }
    r = run_sql(b, &sql);
    if (!r && known)
        r = skip_existing(b, t, &counts->skipped);
    if (r < 0)
        return r;
    vb_buf_clear(&sql);
    vb_buf_printf(&sql, "INSERT INTO quantum SELECT quantum_id, vb_uuid(), %" PRId64 ", ", b->task_ids[t]);
    packed_dataid(b, dims, "", &sql);
    vb_buf_printf(&sql, ", 0, 0 FROM temp.%s ORDER BY quantum_id", table);
    r = run_sql(b, &sql);
    counts->quanta += r ? 0 : vb_db_changes(b->db);
    return r;
}

static int insert_tasks(struct build *b)
{
    int r = 0;

    b->task_ids = vb_alloc((b->spec->ntasks + 1) * sizeof *b->task_ids);
    for (size_t t = 0; !r && t < b->spec->ntasks; t++) {
        const vb_task_spec *task = &b->spec->tasks[t];
        int64_t group_id;

        r = vb_schema_group(b->db, task->group, &group_id, b->err);
        if (!r)
            r = vb_sql_exec(b->db, b->err,
                            "INSERT INTO task (run_id, label, position, group_id, definition)"
                            " VALUES (?, ?, ?, ?, ?)",
                            VB_ARGS(b->run_id, task->label, t, group_id, task->definition));
        b->task_ids[t] = vb_db_last_id(b->db);
        for (size_t c = 0; !r && c < task->count; c++) {
            const vb_connection_spec *k = &task->connections[c];

            r = vb_sql_exec(b->db, b->err,
                            "INSERT INTO connection (task_id, name, kind, type_id, multiple, minimum,"
                            " position) VALUES (?, ?, ?, ?, ?, ?, ?)",
                            VB_ARGS(b->task_ids[t], k->name, (int)k->role, find_type(b, k->type.name)->type->id,
                                    k->multiple, k->minimum, c));
        }
    }
    return r;
}

/* ---- datasets --------------------------------------------------------------------------------------------- */

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
        column_list(b, dims, "", &sql);
        vb_buf_printf(&sql,
                      " FROM temp.common) k CROSS JOIN src.member_%" PRId64 " m ON m.type_id = %" PRId64
                      " AND m.collection_id = %" PRId64 " AND ",
                      type->group_id, type->id, search->items[c]->id);
        equal_columns(b, dims, "m", "k", &sql);
        r = run_sql(b, &sql);
    }
    return r;
}

/* Says which output the run has already; 0 where it has none. */
static int refuse_existing(struct build *b, const vb_dataset_type *type)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r;

    vb_buf_printf(&sql,
                  "SELECT d.dataid FROM temp.new_outputs n CROSS JOIN src.member_%" PRId64 " m ON m.type_id = ? AND"
                  " m.collection_id = (SELECT id FROM src.collection WHERE name = ?) AND ",
                  type->group_id);
    equal_columns(b, type->group->required, "m", "n", &sql);
    vb_buf_puts(&sql, " JOIN src.dataset d ON d.id = m.dataset_id LIMIT 1");
    r = vb_sql(b->db, &s, b->err, vb_buf_text(&sql), VB_ARGS(type->id, b->spec->run));
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (r <= 0)
        return r;
    vb_fail(b->err, -EEXIST, "run '%s' has '%s' %s already", b->spec->run, type->name, vb_col_text(s, 0));
    vb_hint(b->err, "--skip-existing leaves out the quanta that are done; --clobber-outputs makes their outputs anew");
    return -EEXIST;
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
    int r = src_has_group(b, type, &known);

    if (r >= 0)
        r = vb_sql_int(b->db, &offset, b->err, "SELECT seq FROM sqlite_sequence WHERE name = 'dataset'", VB_NO_ARGS);
    if (r < 0)
        return r;
    vb_buf_puts(&sql,
                "DROP TABLE IF EXISTS temp.new_outputs; CREATE TEMP TABLE new_outputs AS SELECT row_number() OVER ()");
    vb_buf_printf(&sql, " + %" PRId64 " AS dataset_id, * FROM (SELECT DISTINCT %s", offset, none ? "1 AS one" : "");
    column_list(b, dims, "k.", &sql);
    if (b->types[i].init) {
        vb_buf_printf(&sql, " FROM (SELECT 1) k WHERE NOT EXISTS (SELECT 1 FROM temp.d_%zu)", i);
    } else if (vb_dimset_within(dims, task->required)) {
        vb_buf_printf(&sql, " FROM temp.q_%d k", b->types[i].producer);
    } else {
        vb_buf_printf(&sql, " FROM temp.common k JOIN temp.q_%d q ON ", b->types[i].producer);
        equal_columns(b, task->required, "k", "q", &sql);
    }
    if (!none) {
        vb_buf_puts(&sql, " ORDER BY ");
        column_list(b, dims, "k.", &sql);
    }
    vb_buf_puts(&sql, ")");
    r = run_sql(b, &sql);
    if (!r && known && !b->spec->clobber_outputs)
        r = refuse_existing(b, type);
    if (r < 0)
        return r;
    vb_buf_clear(&sql);
    vb_buf_printf(&sql, "INSERT INTO dataset SELECT dataset_id, vb_uuid(), %" PRId64 ", %" PRId64 ", ", type->id,
                  b->run_id);
    packed_dataid(b, dims, "", &sql);
    vb_buf_printf(&sql, ", %" PRId64 ", %d FROM temp.new_outputs;", vb_time_now(), VB_DATASET_PREDICTED);
    vb_buf_printf(&sql, "INSERT INTO member_%" PRId64 " SELECT %" PRId64 ", %" PRId64 "%s", type->group_id, type->id,
                  b->run_id, none ? "" : ", ");
    column_list(b, dims, "", &sql);
    vb_buf_puts(&sql, ", dataset_id FROM temp.new_outputs;");
    vb_buf_printf(&sql, "INSERT OR IGNORE INTO collection_summary VALUES (%" PRId64 ", %" PRId64 ");", b->run_id,
                  type->id);
    vb_buf_printf(&sql, "INSERT INTO temp.d_%zu SELECT dataset_id%s", i, none ? "" : ", ");
    column_list(b, dims, "", &sql);
    vb_buf_puts(&sql, " FROM temp.new_outputs");
    return run_sql(b, &sql);
}

/* An overall input is found along the inputs.  What a task makes is predicted; an output of a quantum that is left out
 * is where it was found done, and an init-output that the run has already is kept. */
static int make_type(struct build *b, size_t i)
{
    const struct graph_type *type = &b->types[i];
    vb_autofree char *table = vb_format("d_%zu", i);
    bool known = false;
    int r = create_keyed(b, table, "dataset_id", type->type->group->required);

    if (!r)
        r = src_has_group(b, type->type, &known);
    if (!r && known && type->init)
        r = find_existing(b, i, &b->run);
    if (!r && type->producer >= 0)
        r = predict(b, i);
    if (!r && known && !type->init)
        r = find_existing(b, i, type->producer < 0 ? &b->inputs : &b->skip);
    return r;
}

static int make_datasets(struct build *b)
{
    int r = 0;

    for (size_t i = 0; !r && i < b->ntypes; i++)
        if (!b->types[i].prerequisite)
            r = make_type(b, i);
    return r;
}

/* ---- edges ------------------------------------------------------------------------------------------------ */

/* The pairs of a task's quanta and a type's datasets that stand on one row of common. */
static int make_edges(struct build *b, size_t t, const vb_connection_spec *connection)
{
    bool input = connection->role == VB_ROLE_INPUT;
    const struct graph_type *type = find_type(b, connection->type.name);
    vb_dimset task = b->spec->tasks[t].group->required, dims = type->type->group->required;
    size_t d = (size_t)(type - b->types);
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql,
                  "INSERT INTO %s SELECT DISTINCT q.quantum_id, (SELECT id FROM connection WHERE task_id = %" PRId64
                  " AND kind = %d AND name = ?), d.dataset_id, 1 FROM temp.q_%zu q",
                  input ? "quantum_input" : "quantum_output", b->task_ids[t], connection->role, t);
    if (vb_dimset_within(dims, task) || vb_dimset_within(task, dims)) {
        vb_dimset shared = vb_dimset_within(dims, task) ? dims : task;

        vb_buf_printf(&sql, " JOIN temp.d_%zu d ON ", d);
        equal_columns(b, shared, "d", "q", &sql);
    } else {
        vb_buf_puts(&sql, " JOIN temp.common k ON ");
        equal_columns(b, task, "k", "q", &sql);
        vb_buf_printf(&sql, " JOIN temp.d_%zu d ON ", d);
        equal_columns(b, dims, "d", "k", &sql);
    }
    return vb_sql_exec(b->db, b->err, vb_buf_text(&sql), VB_ARGS(connection->name));
}

/* A connection that is not `multiple` has one dataset a quantum. */
static int check_single(struct build *b, size_t t, const vb_connection_spec *connection)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    bool output = connection->role == VB_ROLE_OUTPUT;
    vb_autofree char *sql = vb_format("SELECT q.dataid, count(*) FROM %s e JOIN quantum q ON q.id = e.quantum_id"
                                      " JOIN connection c ON c.id = e.connection_id WHERE c.task_id = ? AND c.name = ?"
                                      " AND c.kind = ? GROUP BY e.quantum_id HAVING count(*) > 1 LIMIT 1",
                                      output ? "quantum_output" : "quantum_input");
    int r;

    if (connection->multiple || connection->role > VB_ROLE_OUTPUT)
        return 0;
    r = vb_sql(b->db, &s, b->err, sql, VB_ARGS(b->task_ids[t], connection->name, (int)connection->role));
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (r <= 0)
        return r;
    vb_fail(b->err, -EINVAL, "task '%s', connection '%s': quantum %s has %" PRId64 " datasets of type '%s'",
            b->spec->tasks[t].label, connection->name, vb_col_text(s, 0), vb_col_int(s, 1), connection->type.name);
    vb_hint(b->err, "say 'multiple: true' on the connection if that is meant");
    return -EINVAL;
}

static int make_all_edges(struct build *b)
{
    int r = 0;

    for (size_t t = 0; !r && t < b->spec->ntasks; t++) {
        for (size_t c = 0; !r && c < b->spec->tasks[t].count; c++) {
            vb_role role = b->spec->tasks[t].connections[c].role;

            if (role != VB_ROLE_PREREQUISITE && role != VB_ROLE_INIT_OUTPUT)
                r = make_edges(b, t, &b->spec->tasks[t].connections[c]);
        }
        if (!r)
            r = vb_build_prerequisites(b, t);
        for (size_t c = 0; !r && c < b->spec->tasks[t].count; c++)
            r = check_single(b, t, &b->spec->tasks[t].connections[c]);
    }
    return r;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static int write_meta(struct build *b)
{
    vb_autofree char *root = vb_path_dir(vb_registry_path(b->src)), *repository = vb_path_absolute(root, NULL);
    vb_auto_buf inputs = {0}, children = {0};
    char text[VB_UUID_TEXT];
    const char *pairs[][2] = {
        {"graph_id", vb_uuid_format(vb_uuid_v7(), text)},
        {"run", b->spec->run},
        {"chain", b->spec->chain},
        {"chain_children", NULL},
        {"inputs", NULL},
        {"data_query", b->spec->where},
        {"command", b->spec->command},
        {"extends_run", b->spec->extends_run ? "1" : NULL},
        {"clobber_outputs", b->spec->clobber_outputs ? "1" : NULL},
        {"repository", repository},
        {"replaced", b->spec->replaced},
        {"prune_replaced", b->spec->prune_replaced},
    };
    int r = 0;

    for (char **name = b->spec->chain_children; name && *name; name++) {
        vb_buf_separate(&children, ",");
        vb_buf_puts(&children, *name);
    }
    for (char **name = b->spec->inputs; name && *name; name++) {
        vb_buf_separate(&inputs, ",");
        vb_buf_puts(&inputs, *name);
    }
    pairs[3][1] = vb_buf_text(&children);
    pairs[4][1] = vb_buf_text(&inputs);
    for (size_t i = 0; !r && i < VB_COUNT(pairs); i++)
        if (pairs[i][1])
            r = vb_schema_set_meta(b->db, pairs[i][0], pairs[i][1], b->err);
    return r;
}

static int count(struct build *b, vb_graph_counts *counts)
{
    int r = vb_sql_int(b->db, &counts->inputs, b->err, "SELECT count(*) FROM dataset WHERE state = ?",
                       VB_ARGS((int)VB_DATASET_PRESENT));

    if (r >= 0)
        r = vb_sql_int(b->db, &counts->outputs, b->err, "SELECT count(*) FROM dataset WHERE state = ?",
                       VB_ARGS((int)VB_DATASET_PREDICTED));
    counts->tasks = (int64_t)b->spec->ntasks;
    return r < 0 ? r : 0;
}

static int fill(struct build *b, vb_graph_counts *counts)
{
    int r = vb_build_copy_definitions(b);

    if (!r)
        r = collect_types(b);
    if (r < 0)
        return r;
    collect_dimensions(b);
    r = insert_tasks(b);
    if (!r)
        r = fill_common(b);
    if (!r)
        r = check_governors(b);
    for (size_t t = 0; !r && t < b->spec->ntasks; t++)
        r = make_quanta(b, t, counts);
    if (!r)
        r = make_datasets(b);
    if (!r)
        r = make_all_edges(b);
    if (!r)
        r = vb_build_copy_inputs(b);
    if (!r)
        r = vb_build_copy_records(b);
    if (!r)
        r = write_meta(b);
    return r < 0 ? r : count(b, counts);
}

/* The outermost steps: a temporary file beside the final one, filled in one transaction, synced, renamed. */
static int build_file(struct build *b, const char *path, vb_graph_counts *counts)
{
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    vb_auto_txn txn = {0};
    const char *json = vb_universe_json(vb_registry_universe(b->src));
    int r = vb_universe_load_text(vb_registry_path(b->src), json, strlen(json), &u, b->err);

    if (!r)
        r = vb_registry_create(path, u, "graph", &b->graph, b->err);
    if (r < 0)
        return r;
    b->db = b->graph->db;
    r = vb_db_attach(b->db, vb_registry_path(b->src), "src", b->err);
    if (!r)
        r = vb_registry_begin(b->graph, &txn, b->err);
    if (!r)
        r = fill(b, counts);
    return r < 0 ? r : vb_txn_commit(&txn, b->err);
}

/* The output run as a search, empty where the registry does not have it yet. */
static int find_run(struct build *b)
{
    vb_auto_error missing = VB_ERROR_INIT;
    char *names[] = {b->spec->run, NULL};
    int r = vb_search_resolve(b->src, names, &b->run, &missing);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        vb_error_move(b->err, &missing);
    return r;
}

int vb_graph_build(vb_registry *src, const vb_graph_spec *spec, const char *path, vb_graph_counts *counts,
                   vb_error *err)
{
    vb_autofree char *temporary = vb_format("%s.%d.tmp", path, (int)getpid());
    vb_autoclose int fd = -1;
    struct build b = {.src = src, .spec = spec, .err = err};
    int r;

    *counts = (vb_graph_counts){0};
    unlink(temporary);
    r = vb_search_resolve(src, spec->inputs, &b.inputs, err);
    if (!r)
        r = vb_search_resolve(src, spec->skip_existing_in, &b.skip, err);
    if (!r)
        r = find_run(&b);
    if (!r)
        r = build_file(&b, temporary, counts);
    if (b.graph)
        vb_registry_close(b.graph);
    if (!r) {
        fd = open(temporary, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) || rename(temporary, path))
            r = vb_fail_errno(err, -errno, "writing %s", path);
    }
    if (r < 0)
        unlink(temporary);
    vb_search_clear(&b.inputs);
    vb_search_clear(&b.skip);
    vb_search_clear(&b.run);
    free(b.types);
    free(b.task_ids);
    return r;
}
