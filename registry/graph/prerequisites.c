/* prerequisites.c - what is looked up for each quantum: by its data ID, by the pixels that its region overlaps, or,
 * in a CALIBRATION collection, by its data ID and the timespan of its exposure or visit. */
#include "registry/base/mem.h"
#include "registry/calibration.h"
#include "registry/dataset.h"
#include "registry/graph/build.h"
#include "registry/record.h"
#include "registry/sky/pixels.h"

#include <inttypes.h>

struct lookup {
    struct build *b;
    const vb_task_spec *task;
    const vb_connection_spec *connection;
    const vb_dataset_type *type; /* the graph's; same id as the registry's */
    const vb_element *skypix;    /* NULL: by data ID alone */
    int64_t connection_id;
    int64_t found; /* for the quantum */
    bool known;    /* the registry has a table of its dimensions */
    bool untimed;  /* a record of the quantum's has no timespan to look calibrations up by */
};

/* The skypix dimension of a type; NULL where it has none. */
static const vb_element *skypix_of(const vb_dataset_type *type)
{
    for (int i = 0; i < type->group->nrequired; i++)
        if (type->group->dims[i]->is_skypix)
            return type->group->dims[i];
    return NULL;
}

static int check_dimensions(const struct lookup *l)
{
    for (int i = 0; i < l->type->group->nrequired; i++) {
        const vb_element *dimension = l->type->group->dims[i];

        if (!dimension->is_skypix && !vb_dimset_has(l->task->group->all, dimension->index))
            return vb_fail(l->b->err, -EINVAL,
                           "task '%s', prerequisite '%s': dataset type '%s' has dimension '%s', which the task "
                           "does not have",
                           l->task->label, l->connection->name, l->type->name, dimension->name);
    }
    return 0;
}

static int add_edge(struct lookup *l, int64_t quantum_id, int64_t dataset_id)
{
    int r = vb_sql_exec(l->b->db, l->b->err, "INSERT OR IGNORE INTO quantum_input VALUES (?, ?, ?, 1)",
                        VB_ARGS(quantum_id, l->connection_id, dataset_id));

    l->found += r ? 0 : vb_db_changes(l->b->db);
    return r;
}

/* The pixels that the quantum's regions overlap: with two (a visit's and a patch's) those that both do. */
static int region_pixels(struct lookup *l, const vb_dataid *quantum, vb_ranges *out)
{
    const vb_universe *u = vb_registry_universe(l->b->src);
    bool any = false;

    for (int family = 0; family < vb_universe_spatial_families(u); family++) {
        const vb_element *e = vb_group_spatial(quantum->group, family);
        vb_auto_record record = {0};
        vb_auto_region region = {0};
        vb_auto_ranges pixels = {0};
        const vb_value *bytes;
        int r = e ? vb_record_find(l->b->src, e, quantum, &record, l->b->err) : 0;

        if (r < 0)
            return r;
        bytes = r ? vb_record_value(&record, "region") : NULL;
        if (!bytes || bytes->kind != VB_BYTES)
            continue;
        r = vb_region_decode(bytes->bytes, bytes->len, &region, l->b->err);
        if (!r)
            r = vb_skypix_envelope(l->skypix->system, l->skypix->level, &region, any ? &pixels : out, l->b->err);
        if (r < 0)
            return r;
        if (any)
            vb_ranges_intersect(out, &pixels);
        any = true;
    }
    return 0;
}

/* One quantum, with the records that tell its implied dimensions where the type has such. */
static int join_quantum(const struct lookup *l, const vb_dataid *quantum, vb_join *j)
{
    const vb_group *task = l->task->group;
    int r = 0;

    for (int i = 0; !r && i < task->nrequired; i++) {
        r = vb_join_dimension(j, task->dims[i], l->b->err);
        if (!r) {
            vb_buf_printf(vb_join_condition(j), "%s = ", j->columns[task->dims[i]->index]);
            vb_join_bind(j, vb_value_copy(&quantum->values[i]), &j->where);
        }
    }
    if (!r && !vb_dimset_within(l->type->group->required, task->required))
        r = vb_join_relations(j, l->b->err);
    return r;
}

static int implied_value(const struct lookup *l, const vb_dataid *quantum, const vb_element *dimension, vb_value *out)
{
    vb_auto_join j = {0};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r;

    vb_join_init(&j, l->b->graph, "src", l->task->group);
    r = join_quantum(l, quantum, &j);
    if (!r)
        r = vb_join_dimension(&j, dimension, l->b->err);
    if (r < 0)
        return r;
    vb_join_select(&j, j.columns[dimension->index], &sql);
    r = vb_join_sql(&j, &s, vb_buf_text(&sql), l->b->err);
    if (!r)
        r = vb_stmt_step(s, l->b->err);
    if (r > 0)
        *out = vb_col_value(s, 0);
    return r < 0 ? r : 0;
}

/* The quantum's part of the type's data IDs: all but the pixel. */
static int project(const struct lookup *l, const vb_dataid *quantum, vb_dataid *out)
{
    int r = 0;

    *out = (vb_dataid){.group = l->type->group};
    for (int i = 0; !r && i < out->group->nrequired; i++) {
        const vb_element *dimension = out->group->dims[i];
        const vb_value *own = vb_dataid_get(quantum, dimension->name);

        if (own)
            out->values[i] = vb_value_copy(own);
        else if (dimension != l->skypix)
            r = implied_value(l, quantum, dimension, &out->values[i]);
    }
    return r;
}

/* Adds what one collection holds in a range of pixels, unless an earlier collection had that pixel. */
static int find_in_range(struct lookup *l, int64_t quantum_id, const vb_dataid *wanted, const vb_collection *collection,
                         const vb_range *range)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    vb_arg args[VB_MAX_REQUIRED + 5];
    size_t n = 0;
    int r;

    args[n++] = vb_arg_int(l->type->id);
    args[n++] = vb_arg_int(collection->id);
    args[n++] = vb_arg_int((int64_t)range->begin);
    args[n++] = vb_arg_int((int64_t)range->end);
    args[n++] = vb_arg_int(quantum_id);
    args[n++] = vb_arg_int(l->connection_id);
    vb_buf_printf(
        &sql,
        "SELECT dataset_id FROM src.member_%" PRId64 " m WHERE type_id = ?1 AND collection_id = ?2 AND m.%s >= ?3"
        " AND m.%s < ?4 AND NOT EXISTS (SELECT 1 FROM quantum_input q JOIN src.dataset d ON d.id = q.dataset_id"
        " WHERE q.quantum_id = ?5 AND q.connection_id = ?6 AND d.dataid ="
        " (SELECT dataid FROM src.dataset WHERE id = m.dataset_id))",
        l->type->group_id, l->skypix->name, l->skypix->name);
    for (int i = 0; i < l->type->group->nrequired; i++) {
        const char *name = l->type->group->dims[i]->name;

        if (l->type->group->dims[i] == l->skypix)
            continue;
        vb_buf_puts(&sql, " AND m.");
        vb_sql_name(&sql, name);
        vb_buf_printf(&sql, " = ?%zu", n + 1);
        args[n++] = vb_arg_value(&wanted->values[i]);
    }
    r = vb_sql(l->b->db, &s, l->b->err, vb_buf_text(&sql), args, n);
    while (!r && (r = vb_stmt_step(s, l->b->err)) > 0)
        r = add_edge(l, quantum_id, vb_col_int(s, 0));
    return r;
}

static int find_by_region(struct lookup *l, int64_t quantum_id, const vb_dataid *quantum)
{
    vb_auto_ranges pixels = {0};
    vb_auto_dataid wanted = {0};
    int r = region_pixels(l, quantum, &pixels);

    if (!r)
        r = project(l, quantum, &wanted);
    for (size_t c = 0; !r && c < l->b->inputs.count; c++)
        for (size_t i = 0; !r && i < pixels.count; i++)
            r = find_in_range(l, quantum_id, &wanted, l->b->inputs.items[c], &pixels.items[i]);
    return r;
}

/* Without pixels: the one dataset of the quantum's own data ID (projected), implied dimensions through the registry. */
static int find_in_collection(struct lookup *l, int64_t quantum_id, const vb_dataid *quantum,
                              const vb_collection *collection)
{
    vb_search search = {&collection, 1, 1};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    vb_auto_join j = {0};
    int r;

    vb_join_init(&j, l->b->graph, "src", l->task->group);
    r = vb_join_datasets(&j, l->type, &search, l->b->err);
    if (!r)
        r = join_quantum(l, quantum, &j);
    vb_join_select(&j, "d0.dataset_id", &sql);
    if (!r)
        r = vb_join_sql(&j, &s, vb_buf_text(&sql), l->b->err);
    while (!r && (r = vb_stmt_step(s, l->b->err)) > 0)
        r = add_edge(l, quantum_id, vb_col_int(s, 0));
    return r;
}

/* The timespan of the quantum's exposure or visit; all of time where it has none of these.  0: it has one whose record
 * says no timespan. */
static int quantum_timespan(struct lookup *l, const vb_dataid *quantum, vb_timespan *out)
{
    const vb_universe *u = vb_registry_universe(l->b->src);

    *out = (vb_timespan){VB_TIME_MIN, VB_TIME_MAX};
    for (int family = 0; family < vb_universe_temporal_families(u); family++) {
        const vb_element *e = vb_group_temporal(quantum->group, family);
        vb_auto_record record = {0};
        const vb_value *begin, *end;
        int r = e ? vb_record_find(l->b->src, e, quantum, &record, l->b->err) : 0;

        if (r < 0)
            return r;
        if (!e)
            continue;
        begin = r ? vb_record_value(&record, "timespan_begin") : NULL;
        end = r ? vb_record_value(&record, "timespan_end") : NULL;
        if (!begin || !end || begin->kind != VB_INT || end->kind != VB_INT)
            return 0;
        *out = (vb_timespan){begin->i, end->i};
    }
    return 1;
}

/* In a CALIBRATION collection: what is certified for the quantum's time. */
static int find_certified(struct lookup *l, int64_t quantum_id, const vb_dataid *quantum,
                          const vb_collection *collection)
{
    vb_search search = {&collection, 1, 1};
    vb_auto_dataid wanted = {0};
    vb_auto_dataset d = {0};
    vb_timespan when;
    int r = quantum_timespan(l, quantum, &when);

    if (r <= 0) {
        l->untimed = !r;
        return r;
    }
    r = project(l, quantum, &wanted);
    if (!r)
        r = vb_dataset_find_at(l->b->src, l->type, &wanted, &search, when, &d, l->b->err);
    if (r < 0) {
        vb_error_context(l->b->err, "task '%s', prerequisite '%s'", l->task->label, l->connection->name);
        return r;
    }
    return r ? add_edge(l, quantum_id, d.id) : 0;
}

static int find_by_dataid(struct lookup *l, int64_t quantum_id, const vb_dataid *quantum)
{
    int r = 0;

    for (size_t c = 0; !r && !l->found && c < l->b->inputs.count; c++)
        r = l->b->inputs.items[c]->type == VB_CALIBRATION
                ? find_certified(l, quantum_id, quantum, l->b->inputs.items[c])
                : find_in_collection(l, quantum_id, quantum, l->b->inputs.items[c]);
    return r;
}

static int too_few(const struct lookup *l, const vb_dataid *quantum)
{
    vb_auto_buf id = {0}, where = {0};

    vb_dataid_print(quantum, &id);
    for (char **name = l->b->spec->inputs; name && *name; name++) {
        vb_buf_separate(&where, ", ");
        vb_buf_puts(&where, *name);
    }
    vb_fail(l->b->err, -ENODATA,
            "%s %s: prerequisite '%s' needs at least %d of dataset type '%s', and finds %" PRId64
            " in the input collections (%s)%s",
            l->task->label, vb_buf_text(&id), l->connection->name, l->connection->minimum, l->type->name, l->found,
            vb_buf_text(&where),
            l->skypix    ? " where they overlap its region"
            : l->untimed ? "; its exposure or visit has no timespan to look one up by"
                         : "");
    vb_hint(l->b->err, "add the collection that holds them to --input, or set 'minimum: 0' on the connection");
    return -ENODATA;
}

static int look_up_task(struct lookup *l, size_t t)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(l->b->db, &s, l->b->err, "SELECT id, dataid FROM quantum WHERE task_id = ? ORDER BY id",
                   VB_ARGS(l->b->task_ids[t]));

    while (!r && (r = vb_stmt_step(s, l->b->err)) > 0) {
        vb_universe *u = vb_registry_universe(l->b->src);
        const vb_group *group = vb_universe_conform(u, l->task->group->all); /* the same, of the registry's universe */
        vb_auto_dataid quantum = {0};
        int64_t id = vb_col_int(s, 0);

        l->found = 0;
        l->untimed = false;
        r = vb_dataid_unpack(group, vb_col_text(s, 1), &quantum, l->b->err);
        if (!r && l->known)
            r = l->skypix ? find_by_region(l, id, &quantum) : find_by_dataid(l, id, &quantum);
        if (!r && l->found < l->connection->minimum)
            r = too_few(l, &quantum);
    }
    return r;
}

int vb_build_prerequisites(struct build *b, size_t t)
{
    const vb_task_spec *task = &b->spec->tasks[t];
    int r = 0;

    for (size_t c = 0; !r && c < task->count; c++) {
        struct lookup l = {.b = b, .task = task, .connection = &task->connections[c]};

        if (l.connection->role != VB_ROLE_PREREQUISITE)
            continue;
        r = vb_dataset_type_find(b->graph, l.connection->type.name, &l.type, b->err);
        if (r < 0)
            return r;
        l.skypix = skypix_of(l.type);
        r = check_dimensions(&l);
        if (!r)
            r = vb_build_src_has_group(b, l.type, &l.known);
        if (!r)
            r = vb_sql_int(b->db, &l.connection_id, b->err,
                           "SELECT id FROM connection WHERE task_id = ? AND kind = ? AND name = ?",
                           VB_ARGS(b->task_ids[t], (int)VB_ROLE_PREREQUISITE, l.connection->name));
        if (r >= 0)
            r = look_up_task(&l, t);
    }
    return r;
}
