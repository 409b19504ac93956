/* plan.c - the order of a join's loops.
 *
 * What is known without statistics: how many records an element has (the largest _id), how many datasets a search holds
 * at least (counted up to SAMPLE), which dimensions a condition gives one value, and the columns of each table's key.
 * From each table in turn the rest is added greedily, the cheapest step first; the cheapest of these orders is taken.
 * Joins have a dozen tables at most, so that this takes microseconds.
 *
 * A step costs the rows that it looks at, and leaves a number of rows.  The key of a member table is (type, collection,
 * data ID): where a dimension in the middle of the data ID is not known yet, the beginnings of the keys are walked up
 * to there, or the records of that dimension are looped over, which makes a few probes of what would be a scan (a
 * `gap`).
 *
 * Of a dimension whose values a condition limits (visit < 20) the records are counted, up to a limit too; the condition
 * is said of the first table that has the dimension.  So are the records that conditions on their fields leave
 * (visit.exposure_time > 30). */
#include "registry/base/mem.h"
#include "registry/query/join.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_TABLES = 40, FEW_VALUES = 10, FEW_PIXELS = 10, FEW_RECORDS = 1000, PICKED = 10, ENVELOPE = 30, BEAM = 12 };

struct table {
    const vb_from *from;
    vb_from gap; /* what `from` is, where the join does not have it: the beginnings of a member table's keys, or the
                  * records of one of its dimensions */
    int type, length; /* of a gap: whose keys, how many dimensions */
    const vb_element *element;
    double size;
    double in_record, in_pixel; /* of OVERLAP: rows of a record, rows of a pixel; 0: not looked at yet */
    int place;                  /* in j->from; -1: a gap's */
};

struct planner {
    vb_join *j;
    struct table tables[MAX_TABLES];
    int count;                     /* the join's tables, then those for gaps */
    double sizes[VB_MAX_ELEMENTS]; /* records; 0: not asked yet */
    vb_error *err;
};

/* An order in the making. */
struct path {
    int order[MAX_TABLES], length;
    uint64_t placed;
    vb_dimset bound;
    double rows, cost;
};

static const vb_element *element_at(const struct planner *p, int i)
{
    return vb_universe_at(vb_registry_universe(p->j->reg), i);
}

/* ---- sizes -------------------------------------------------------------------------------------------------- */

static double size_of(struct planner *p, const vb_element *e)
{
    vb_auto_buf table = {0};
    vb_autofree char *sql = NULL;
    int64_t n = 0;

    if (p->sizes[e->index] > 0)
        return p->sizes[e->index];
    if (e->is_skypix || !e->has_table)
        return p->sizes[e->index] = e->is_skypix ? 1e5 : FEW_VALUES;
    vb_schema_table(&table, e);
    sql = vb_format("SELECT max(_id) FROM %s.%s", p->j->schema, vb_buf_text(&table));
    if (vb_sql_int(p->j->reg->db, &n, NULL, sql, VB_NO_ARGS) < 0 || n < 1)
        n = 1;
    return p->sizes[e->index] = (double)n;
}

static void add_table(struct planner *p, int place)
{
    struct table *t = &p->tables[p->count++];

    *t = (struct table){.place = place, .from = &p->j->from[place]};
    t->element = t->from->element;
    t->size = t->from->rows > 0 ? t->from->rows : t->element ? size_of(p, t->element) : 1;
}

static int find_table(const struct planner *p, const vb_element *dimension)
{
    for (int i = 0; i < p->count; i++)
        if (p->tables[i].place >= 0 && p->tables[i].from->kind == VB_FROM_ELEMENT && p->tables[i].element == dimension)
            return i;
    return -1;
}

/* The first dimensions of a key, as far as one of them may be missing in the middle. */
static void add_gap(struct planner *p, int type, int length)
{
    const vb_joined_type *joined = &p->j->types[type];
    struct table *t = &p->tables[p->count++];

    *t = (struct table){.place = -1, .type = type, .length = length, .size = 1};
    t->gap = (vb_from){.kind = VB_FROM_KEYS, .after = -1};
    for (int i = 0; i < length; i++) {
        const vb_element *dimension = joined->type->group->dims[i];

        vb_dimset_add(&t->gap.dims, dimension->index);
        t->size = fmax(t->size, size_of(p, dimension));
    }
    t->size = fmin(t->size, p->tables[joined->members].size) * (double)joined->nheld;
    t->from = &t->gap;
}

/* The records of a dimension of a key, which nothing else has joined. */
static void add_records(struct planner *p, const vb_element *dimension)
{
    struct table *t = &p->tables[p->count];

    for (int i = 0; i < p->count; i++)
        if (p->tables[i].place < 0 && p->tables[i].element == dimension)
            return;
    *t = (struct table){.place = -1, .element = dimension, .size = size_of(p, dimension), .from = &t->gap};
    t->gap = (vb_from){.kind = VB_FROM_ELEMENT, .element = dimension, .dims = dimension->required, .after = -1};
    p->count++;
}

static void add_gaps(struct planner *p)
{
    enum { MANY_MEMBERS = 1000, FEW_COLLECTIONS = 50 };

    for (size_t t = 0; t < p->j->ntypes; t++) {
        const vb_joined_type *joined = &p->j->types[t];
        const vb_from *members = &p->j->from[joined->members];
        int n = joined->type->group->nrequired;

        if (members->scanned || members->rows < MANY_MEMBERS || !joined->nheld || joined->nheld > FEW_COLLECTIONS)
            continue;
        for (int length = 1; length < n && p->count < MAX_TABLES; length++)
            if (!joined->type->group->dims[length - 1]->is_skypix)
                add_gap(p, (int)t, length);
        for (int i = 0; i < n && p->count < MAX_TABLES; i++) {
            const vb_element *dimension = joined->type->group->dims[i];

            if (dimension->has_table && !vb_dimset_has(p->j->joined, dimension->index))
                add_records(p, dimension);
        }
    }
}

/* ---- a step ------------------------------------------------------------------------------------------------- */

struct step {
    double cost, rows;
};

/* The most values that one of these dimensions has: one dimension's values tell those that it requires. */
static double most_values(struct planner *p, vb_dimset dims)
{
    double most = 1;

    VB_EACH_DIMENSION(i, dims)
        most = fmax(most, size_of(p, element_at(p, i)));
    return most;
}

/* The part that conditions leave of what a table's new dimensions are. */
static double kept(const struct planner *p, const struct path *at, vb_dimset dims)
{
    double part = 1;

    VB_EACH_DIMENSION(i, vb_dimset_minus(dims, at->bound))
        if (p->j->keep[i] > 0)
            part *= p->j->keep[i];
    return part;
}

/* The part of a scan of keys that begin with `prefix` that a condition on the next dimension leaves. */
static double ranged(const struct planner *p, vb_dimset key, vb_dimset prefix)
{
    VB_EACH_DIMENSION(i, vb_dimset_minus(key, prefix))
        return p->j->ranges[i].len && p->j->keep[i] > 0 ? p->j->keep[i] : 1;
    return 1;
}

/* A table whose key are `key` dimensions, in the universe's order, of which some are known; a look-up takes so many
 * probes. */
static struct step by_key(struct planner *p, const struct path *at, vb_dimset key, double size, double probes)
{
    vb_dimset prefix = {{0}}, known = {{0}};
    bool begins = true;

    VB_EACH_DIMENSION(i, key) {
        bool bound = vb_dimset_has(at->bound, i);

        begins = begins && bound;
        if (bound)
            vb_dimset_add(&known, i);
        if (begins)
            vb_dimset_add(&prefix, i);
    }
    if (vb_dimset_equal(known, key))
        return (struct step){probes, 1};
    return (struct step){fmax(probes, size / most_values(p, prefix) * ranged(p, key, prefix)),
                         fmax(1, size / most_values(p, known)) * kept(p, at, key)};
}

/* The type whose members, or rows, a table is. */
static const vb_joined_type *type_at(const struct planner *p, int i)
{
    for (size_t t = 0; t < p->j->ntypes; t++)
        if (p->j->types[t].members == i || p->j->types[t].rows == i)
            return &p->j->types[t];
    return NULL;
}

static bool is_placed(const struct path *at, int i)
{
    return i >= 0 && at->placed >> i & 1;
}

static bool placed_kind(const struct planner *p, const struct path *at, vb_from_kind kind, const vb_element *element,
                        int but)
{
    for (int i = 0; i < p->count; i++)
        if (i != but && at->placed >> i & 1 && p->tables[i].from->kind == kind &&
            (!element || p->tables[i].element == element))
            return true;
    return false;
}

static struct step element_step(struct planner *p, const struct path *at, const struct table *t)
{
    const vb_element *e = t->element;
    struct step s = by_key(p, at, e->required, t->size, 1);

    if (placed_kind(p, at, VB_FROM_OVERLAP, e, -1) || placed_kind(p, at, VB_FROM_PICKED, e, -1))
        return (struct step){1, 1};
    if (vb_dimset_has(p->j->picked, e->index) && s.cost > PICKED)
        s = (struct step){PICKED, fmin(s.rows, PICKED)};
    bool one = s.rows <= 1;

    VB_EACH_DIMENSION(i, e->implied)
        if (vb_dimset_has(at->bound, i))
            s.rows /= size_of(p, element_at(p, i));
    if (one) /* a known visit is kept where its filter is the one that is known */
        return s;
    if (!e->is_dimension && p->j->keep[e->index] > 0)
        s.rows *= p->j->keep[e->index];
    s.rows = fmax(s.rows, 1);
    return s;
}

/* A look at one record in the middle: how many pixels it has, and how many records its first pixel. */
static void sample_overlap(struct planner *p, struct table *t)
{
    enum { SAMPLE = 1000 };
    const char *name = t->element->name, *schema = p->j->schema;
    int64_t pixels = 0, records = 0, middle = (int64_t)(t->size / 2) + 1;
    vb_autofree char *of_record = vb_format("SELECT count(*) FROM %s.\"overlap_%s\" WHERE record_id = ?", schema, name);
    vb_autofree char *of_pixel = vb_format("SELECT count(*) FROM (SELECT 1 FROM %s.\"overlap_%s\" WHERE pixel = (SELECT"
                                           " pixel FROM %s.\"overlap_%s\" WHERE record_id = ? LIMIT 1) LIMIT %d)",
                                           schema, name, schema, name, SAMPLE);

    if (t->in_record > 0)
        return;
    vb_sql_int(p->j->reg->db, &pixels, NULL, of_record, VB_ARGS(middle));
    vb_sql_int(p->j->reg->db, &records, NULL, of_pixel, VB_ARGS(middle));
    t->in_record = pixels > 0 ? (double)pixels : FEW_PIXELS;
    t->in_pixel = records > 0 ? (double)records : FEW_PIXELS;
}

static struct step overlap_step(struct planner *p, const struct path *at, int i)
{
    struct table *t = &p->tables[i];
    bool record = placed_kind(p, at, VB_FROM_ELEMENT, t->element, -1);
    bool pixel = placed_kind(p, at, VB_FROM_OVERLAP, NULL, i);

    sample_overlap(p, t);
    if (record && pixel)
        return (struct step){1, 0.3};
    if (record)
        return (struct step){t->in_record, t->in_record};
    /* Of the records that share a pixel a part overlaps, and a pair may share several. */
    return pixel ? (struct step){t->in_pixel, fmax(1, t->in_pixel / 5)}
                 : (struct step){t->size * t->in_record, t->size * t->in_record};
}

static struct step members_step(struct planner *p, const struct path *at, int i)
{
    const struct table *t = &p->tables[i];
    const vb_joined_type *joined = type_at(p, i);

    if (t->from->scanned)
        return (struct step){t->size, fmax(1, t->size / most_values(p, at->bound))};
    return joined && is_placed(at, joined->rows) ? (struct step){1, 1}
                                                 : by_key(p, at, t->from->dims, t->size, fmax(1, t->from->probes));
}

static struct step step_of(struct planner *p, const struct path *at, int i)
{
    const struct table *t = &p->tables[i];
    const vb_joined_type *joined;

    switch (t->from->kind) {
    case VB_FROM_ELEMENT: return element_step(p, at, t);
    case VB_FROM_MEMBERS: return members_step(p, at, i);
    case VB_FROM_OVERLAP: return overlap_step(p, at, i);
    case VB_FROM_PICKED:
        return (struct step){PICKED, placed_kind(p, at, VB_FROM_ELEMENT, t->element, -1) ? 0.1 : PICKED};
    case VB_FROM_PIXELS: return (struct step){ENVELOPE, vb_dimset_within(t->from->dims, at->bound) ? 0.5 : ENVELOPE};
    case VB_FROM_DATA_IDS: return (struct step){t->size, fmax(1, t->size / most_values(p, at->bound))};
    case VB_FROM_KEYS: /* each is found by a probe for each of its columns */
        return (struct step){t->size * t->length, fmax(1, t->size / most_values(p, at->bound))};
    case VB_FROM_VIEW: return (struct step){FEW_VALUES, vb_dimset_within(t->from->dims, at->bound) ? 1 : FEW_VALUES};
    case VB_FROM_DATASET: break;
    }
    joined = type_at(p, i); /* its rows: each of a member, or those that are known */
    return joined && !is_placed(at, joined->members) ? (struct step){t->size, t->size} : (struct step){1, 1};
}

/* True where a table may come now: what it refers to is there. */
static bool may_come(const struct planner *p, const struct path *at, int i)
{
    const vb_from *from = p->tables[i].from;

    if (from->kind == VB_FROM_DATASET && type_at(p, i) && type_at(p, i)->rows_first)
        return true;
    return from->after < 0 || at->placed >> from->after & 1;
}

static void place(struct planner *p, struct path *at, int i)
{
    struct step s = step_of(p, at, i);

    at->cost += at->rows * (s.cost + 1);
    at->rows *= s.rows;
    at->placed |= UINT64_C(1) << i;
    at->bound = vb_dimset_union(at->bound, p->tables[i].from->dims);
    at->order[at->length++] = i;
}

/* The beginnings of a member table's keys that reach to the last dimension that is not known, before one that is; -1:
 * none is missing there. */
static int find_gap(const struct planner *p, const struct path *at, int members)
{
    int length = 0, position = 0;

    for (int i = 0; i < p->count; i++) {
        const struct table *t = &p->tables[i];
        const vb_joined_type *joined = t->from->kind == VB_FROM_KEYS ? &p->j->types[t->type] : NULL;

        if (!joined || joined->members != members || length)
            continue;
        for (position = 0; position < joined->type->group->nrequired; position++) {
            bool bound = vb_dimset_has(at->bound, joined->type->group->dims[position]->index);

            if (bound)
                continue;
            for (int later = position + 1; later < joined->type->group->nrequired; later++)
                if (vb_dimset_has(at->bound, joined->type->group->dims[later]->index))
                    length = position + 1;
        }
    }
    for (int i = 0; length && i < p->count; i++)
        if (p->tables[i].from->kind == VB_FROM_KEYS && p->tables[i].length == length &&
            p->j->types[p->tables[i].type].members == members)
            return i;
    return -1;
}

/* Takes the way to table i by `gap`, if it is cheaper. */
static void try_gap(struct planner *p, const struct path *at, int gap, int i, struct path *best)
{
    struct path other = *at;

    place(p, &other, gap);
    place(p, &other, i);
    if (other.cost + other.rows < best->cost + best->rows)
        *best = other;
}

/* True of the records of a dimension of the members' keys that is not known, before one that is known or limited.  Each
 * dataset has them: docs/schema.md. */
static bool fills(const struct planner *p, const struct path *at, int gap, int members)
{
    const struct table *t = &p->tables[gap];
    vb_dimset key = p->tables[members].from->dims;

    if (t->place >= 0 || t->from->kind != VB_FROM_ELEMENT || is_placed(at, gap) ||
        !vb_dimset_has(key, t->element->index) || vb_dimset_has(at->bound, t->element->index))
        return false;
    VB_EACH_DIMENSION(i, key)
        if (i > t->element->index && (vb_dimset_has(at->bound, i) || p->j->ranges[i].len))
            return true;
    return false;
}

/* The cheapest way to add table i to the path. */
static struct path extended(struct planner *p, const struct path *at, int i)
{
    struct path best = *at;
    bool members = p->tables[i].from->kind == VB_FROM_MEMBERS && at->length + 2 <= MAX_TABLES;
    int gap = members ? find_gap(p, at, i) : -1;

    place(p, &best, i);
    if (gap >= 0)
        try_gap(p, at, gap, i, &best);
    for (int t = 0; members && t < p->count; t++)
        if (fills(p, at, t, i))
            try_gap(p, at, t, i, &best);
    return best;
}

static bool is_needed(const struct planner *p, const struct path *at, int i)
{
    return p->tables[i].place >= 0 && !(at->placed >> i & 1) && may_come(p, at, i);
}

/* The paths that are followed: of those with the same tables only the cheapest. */
struct beam {
    struct path paths[BEAM];
    int count;
};

static double score(const struct path *at)
{
    return at->cost + at->rows;
}

static void keep(struct beam *beam, const struct path *at)
{
    int worst = 0;

    for (int i = 0; i < beam->count; i++) {
        if (beam->paths[i].placed == at->placed) {
            if (score(at) < score(&beam->paths[i]))
                beam->paths[i] = *at;
            return;
        }
        if (score(&beam->paths[i]) > score(&beam->paths[worst]))
            worst = i;
    }
    if (beam->count < BEAM)
        beam->paths[beam->count++] = *at;
    else if (score(at) < score(&beam->paths[worst]))
        beam->paths[worst] = *at;
}

static bool is_whole(const struct planner *p, const struct path *at)
{
    for (int i = 0; i < p->count; i++)
        if (p->tables[i].place >= 0 && !(at->placed >> i & 1))
            return false;
    return true;
}

/* Follows the cheapest paths from `start` until they have all tables, and takes the cheapest. */
static struct path search(struct planner *p, const struct path *start)
{
    struct beam beams[2] = {{.count = 1, .paths = {*start}}};
    struct path best = {.cost = INFINITY};

    for (int now = 0; beams[now].count; now = !now) {
        beams[!now].count = 0;
        for (int b = 0; b < beams[now].count; b++) {
            const struct path *at = &beams[now].paths[b];

            if (is_whole(p, at)) {
                best = at->cost < best.cost ? *at : best;
                continue;
            }
            for (int i = 0; i < p->count; i++) {
                struct path next;

                if (!is_needed(p, at, i))
                    continue;
                next = extended(p, at, i);
                keep(&beams[!now], &next);
            }
        }
    }
    return best;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

/* Counts, up to a limit, the rows of `dataset` that conditions on their UUIDs and dates leave; above it, 0. */
static double count_known(vb_join *j, const vb_joined_type *joined)
{
    enum { FEW_ROWS = 10000 };
    vb_autofree char *sql = vb_format("SELECT count(*), ?%zu FROM (SELECT 1 FROM %s.dataset AS s%d WHERE s%d.type_id ="
                                      " %" PRId64 " AND %s LIMIT %d)",
                                      j->nvalues ? j->nvalues : 1, j->schema, joined->number, joined->number,
                                      joined->type->id, vb_buf_text(&joined->known), FEW_ROWS + 1);
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int64_t n = FEW_ROWS + 1;

    if (!vb_join_sql(j, &s, sql, NULL) && vb_stmt_step(s, NULL) > 0)
        n = vb_col_int(s, 0);
    return n > FEW_ROWS ? 0 : fmax((double)n, 1);
}

/* A row of `dataset` tells its data ID, which is the way into its member table. */
static void tell_data_ids(vb_join *j, vb_joined_type *joined)
{
    vb_buf *where = vb_join_condition(j);

    vb_buf_printf(where, "s%d.type_id = %" PRId64, joined->number, joined->type->id);
    for (int i = 0; i < joined->type->group->nrequired; i++) {
        vb_buf_printf(where, " AND d%d.", joined->number);
        vb_sql_name(where, joined->type->group->dims[i]->name);
        vb_buf_printf(where, " = json_extract(s%d.dataid, '$[%d]')", joined->number, i);
    }
    joined->rows_first = true;
}

/* Datasets that are named by UUIDs or dates: where they are few, the others are found by them. */
static void begin_known(vb_join *j)
{
    for (size_t t = 0; t < j->ntypes; t++) {
        vb_joined_type *joined = &j->types[t];
        double rows = joined->rows >= 0 && joined->known.len ? count_known(j, joined) : 0;

        if (rows > 0) {
            j->from[joined->rows].rows = rows;
            tell_data_ids(j, joined);
        }
    }
}

/* `d0."visit"`: how many characters name the table; 0: it is no table's column. */
static size_t alias_length(const vb_join *j, int dimension)
{
    const char *column = j->columns[dimension], *dot = column ? strchr(column, '.') : NULL;

    return dot ? (size_t)(dot - column) : 0;
}

/* The records of a dimension that the conditions on its values leave; -1: they are many, or cannot be counted. */
static double count_range(struct planner *p, const vb_element *dimension)
{
    vb_join *j = p->j;
    size_t length = alias_length(j, dimension->index);
    vb_autofree char *alias = vb_strndup(length ? j->columns[dimension->index] : "", length);
    vb_auto_buf table = {0}, sql = {0};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int64_t n = FEW_RECORDS + 1;

    if (!length || !dimension->has_table)
        return -1;
    vb_schema_table(&table, dimension);
    vb_buf_printf(&sql, "SELECT count(*), ?%zu FROM (SELECT 1 FROM %s.%s AS %s WHERE %s", j->nvalues ? j->nvalues : 1,
                  j->schema, vb_buf_text(&table), alias, vb_buf_text(&j->ranges[dimension->index]));
    VB_EACH_DIMENSION(i, dimension->required)
        if (i != dimension->index && j->equal[i]) {
            vb_buf_printf(&sql, " AND %s.", alias);
            vb_sql_name(&sql, element_at(p, i)->name);
            vb_buf_printf(&sql, " = %s", j->equal[i]);
        }
    vb_buf_printf(&sql, " LIMIT %d)", FEW_RECORDS + 1);
    if (!vb_join_sql(j, &s, vb_buf_text(&sql), NULL) && vb_stmt_step(s, NULL) > 0)
        n = vb_col_int(s, 0);
    return n > FEW_RECORDS ? -1 : (double)n;
}

/* The same of an element's records, by the conditions on their fields. */
static double count_tested(struct planner *p, const vb_element *e)
{
    vb_join *j = p->j;
    vb_autofree char *sql = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int i = find_table(p, e);
    int64_t n = FEW_RECORDS + 1;

    if (i < 0)
        return -1;
    sql = vb_format("SELECT count(*), ?%zu FROM (SELECT 1 FROM %s WHERE %s LIMIT %d)", j->nvalues ? j->nvalues : 1,
                    p->tables[i].from->sql, vb_buf_text(&j->tests[e->index]), FEW_RECORDS + 1);
    if (!vb_join_sql(j, &s, sql, NULL) && vb_stmt_step(s, NULL) > 0)
        n = vb_col_int(s, 0);
    return n > FEW_RECORDS ? -1 : (double)n;
}

static void count_ranges(struct planner *p)
{
    for (int i = 0; i < VB_MAX_ELEMENTS; i++) {
        double n = p->j->ranges[i].len ? count_range(p, element_at(p, i)) : -1;
        double tested = p->j->tests[i].len ? count_tested(p, element_at(p, i)) : -1;

        if (n < 0 || (tested >= 0 && tested < n))
            n = tested;
        if (n >= 0)
            p->j->keep[i] = fmin(1, fmax(1, n) / size_of(p, element_at(p, i)));
    }
}

/* Says the conditions on a dimension's values of its column in the first table too, so that there they limit the loop.
 */
static void limit_first(vb_join *j, const vb_element *dimension)
{
    const char *column = j->columns[dimension->index], *next, *at;
    vb_auto_buf first = {0};
    vb_buf *where;

    vb_join_column(j, dimension, &first);
    if (!strcmp(vb_buf_text(&first), column))
        return;
    where = vb_join_condition(j);
    for (at = vb_buf_text(&j->ranges[dimension->index]); (next = strstr(at, column)); at = next + strlen(column))
        vb_buf_printf(where, "%.*s%s", (int)(next - at), at, vb_buf_text(&first));
    vb_buf_puts(where, at);
}

/* Joins what fills gaps, and numbers the tables. */
static int settle(struct planner *p, const struct path *best)
{
    vb_join *j = p->j;
    int places[MAX_TABLES], r = 0;

    for (int i = 0; !r && i < best->length; i++) {
        const struct table *t = &p->tables[best->order[i]];

        places[i] = t->place;
        if (t->place >= 0)
            continue;
        if (t->gap.kind == VB_FROM_KEYS)
            vb_join_keys(j, &j->types[t->type], t->length);
        else
            r = vb_join_element(j, t->element, p->err);
        places[i] = (int)j->nfrom - 1;
    }
    if (r < 0)
        return r;
    for (int i = 0; i < best->length; i++)
        j->from[places[i]].position = i;
    j->planned = true;
    for (int i = 0; i < VB_MAX_ELEMENTS; i++)
        if (j->ranges[i].len)
            limit_first(j, element_at(p, i));
    return 0;
}

/* Says which instrument, where there is one only: then its visits stand in their order in an index. */
static void fix_governor(struct planner *p, const vb_element *governor, vb_dimset *bound)
{
    vb_join *j = p->j;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf table = {0}, name = {0};
    vb_autofree char *sql = NULL;
    vb_buf *where;

    if (!governor->is_governor || !governor->has_table || size_of(p, governor) > 1 || !j->columns[governor->index])
        return;
    vb_schema_table(&table, governor);
    vb_sql_name(&name, governor->name);
    sql = vb_format("SELECT %s FROM %s.%s", name.data, j->schema, table.data);
    if (vb_sql(j->reg->db, &s, NULL, sql, VB_NO_ARGS) < 0 || vb_stmt_step(s, NULL) <= 0)
        return;
    where = vb_join_condition(j);
    vb_buf_printf(where, "%s = ", j->columns[governor->index]);
    vb_join_bind(j, vb_col_value(s, 0), where);
    vb_dimset_add(bound, governor->index);
}

/* True where of the datasets of a type that came in last (or first) so many are in the RUNs that are searched, that
 * there will be enough of them soon. */
static bool are_there_soon(vb_join *j, const vb_sorting *first)
{
    enum { SAMPLE = 200 };
    const vb_joined_type *joined = first->type;
    vb_auto_buf sql = {0};
    int64_t n = 0;

    vb_buf_puts(&sql, "SELECT total(run_id IN (");
    for (size_t i = 0; i < joined->nheld; i++)
        vb_buf_printf(&sql, "%s%" PRId64, i ? ", " : "", joined->held[i]);
    vb_buf_printf(&sql,
                  ")) FROM (SELECT run_id FROM %s.dataset WHERE type_id = %" PRId64 " ORDER BY ingest_date%s LIMIT %d)",
                  j->schema, joined->type->id, first->descending ? " DESC" : "", SAMPLE);
    return vb_sql_int(j->reg->db, &n, NULL, vb_buf_text(&sql), VB_NO_ARGS) > 0 && n >= SAMPLE / 2;
}

/* Where few rows are asked for in the order of a dimension, its records in that order, if all of them would have to be
 * sorted otherwise. */
static void begin_by_date(struct planner *p, const struct path *start, const vb_sorting *first, struct path *best)
{
    vb_joined_type *joined = &p->j->types[first->type - p->j->types];
    struct path at = *start;

    if (joined->rows < 0 || p->tables[joined->members].from->scanned || !are_there_soon(p->j, first))
        return;
    if (!joined->rows_first)
        tell_data_ids(p->j, joined);
    place(p, &at, joined->rows);
    at = search(p, &at);
    if (isfinite(at.cost))
        *best = at;
}

static void begin_sorted(struct planner *p, const struct path *start, const vb_element *first, struct path *best)
{
    int i = find_table(p, first);
    vb_dimset above = {{0}};
    struct path at;

    if (i < 0)
        return;
    at = *start;
    VB_EACH_DIMENSION(d, first->required) {
        if (d != first->index)
            vb_dimset_add(&above, d);
        if (d != first->index && !vb_dimset_has(at.bound, d))
            fix_governor(p, element_at(p, d), &at.bound);
    }
    if (!vb_dimset_within(above, at.bound))
        return;
    place(p, &at, i);
    at = search(p, &at);
    if (isfinite(at.cost))
        *best = at;
}

int vb_join_plan(vb_join *j, const vb_sorting *first, vb_error *err)
{
    enum { DEAR = 20000 };
    struct planner p = {.j = j, .err = err};
    struct path best, start = {.rows = 1, .bound = j->fixed};

    if (j->nfrom > MAX_TABLES / 2 || !j->nfrom)
        return 0; /* SQLite's guess */
    begin_known(j);
    for (size_t i = 0; i < j->nfrom; i++)
        add_table(&p, (int)i);
    count_ranges(&p);
    add_gaps(&p);
    best = search(&p, &start);
    if (first && best.cost >= DEAR && first->type)
        begin_by_date(&p, &start, first, &best);
    else if (first && best.cost >= DEAR)
        begin_sorted(&p, &start, first->element, &best);
    return settle(&p, &best);
}

void vb_join_column(const vb_join *j, const vb_element *dimension, vb_buf *sql)
{
    const vb_from *first = NULL;

    for (size_t i = 0; j->planned && i < j->nfrom; i++)
        if (vb_dimset_has(j->from[i].dims, dimension->index) && j->from[i].kind != VB_FROM_PIXELS &&
            (!first || j->from[i].position < first->position))
            first = &j->from[i];
    if (!first) {
        vb_buf_puts(sql, j->columns[dimension->index]);
        return;
    }
    const char *as = strstr(first->sql, " AS ");

    for (const char *next = as; next; next = strstr(next + 1, " AS ")) /* the last: a view has one inside */
        as = next;
    vb_buf_printf(sql, "%s.", as ? as + 4 : first->sql + strlen("temp."));
    vb_sql_name(sql, dimension->name);
}
