/* names.c - what the names of an expression mean: a dimension, a field of its records, a field of a dataset. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/query/piece.h"

#include <string.h>

/* By vb_dataset_field. */
static const char *const dataset_fields[] = {"", "dataset_id", "ingest_date", "run", "collection"};

static bool set_field(const vb_universe *u, struct meaning *m, const char *field)
{
    static const char *const timespans[] = {"timespan", "timespan.begin", "timespan.end"};
    const vb_element *told = vb_universe_find(u, field);

    if (m->element->is_dimension && !strcmp(field, m->element->keys[0].name))
        return true;
    if (m->element->spatial >= 0 && !strcmp(field, "region"))
        return m->region = true;
    for (int i = 0; m->element->temporal >= 0 && i < 3; i++)
        if (!strcmp(field, timespans[i]))
            return (m->timespan = i + 1);
    m->field = vb_element_field(m->element, field);
    if (!m->field && told && told != m->element && m->element->has_table &&
        vb_dimset_has(vb_dimset_union(m->element->required, m->element->implied), told->index))
        m->told = told;
    return m->field || m->told;
}

/* A field without its element: of the one element of the group that has it. */
static int find_unqualified(const vb_universe *u, const vb_group *among, const char *name, struct meaning *m)
{
    int found = 0;

    for (int i = 0; among && i < vb_universe_count(u); i++) {
        struct meaning candidate = {.element = vb_universe_at(u, i)};

        if (vb_dimset_within(candidate.element->required, among->all) &&
            (vb_element_field(candidate.element, name) || vb_starts_with(name, "timespan")) &&
            set_field(u, &candidate, name)) {
            *m = candidate;
            found++;
        }
    }
    return found;
}

/* "calexp.ingest_date", "ingest_date": the field, and where the type's name ends. */
static vb_dataset_field dataset_field(const char *name, size_t *type_length)
{
    const char *dot = strrchr(name, '.'), *field = dot ? dot + 1 : name;

    *type_length = dot ? (size_t)(dot - name) : 0;
    for (int i = VB_DATASET_UUID; i <= VB_DATASET_COLLECTION; i++)
        if (!strcmp(field, dataset_fields[i]) && (dot || i == VB_DATASET_UUID || i == VB_DATASET_INGEST_DATE))
            return (vb_dataset_field)i;
    return VB_DATASET_NONE;
}

bool vb_expr_speaks_of(const vb_expr *e, const char *type)
{
    size_t n;

    if (e->kind == VB_EXPR_NAME && dataset_field(e->text, &n) &&
        (!n || (strlen(type) == n && !strncmp(e->text, type, n))))
        return true;
    for (size_t i = 0; i < e->count; i++)
        if (vb_expr_speaks_of(e->operands[i], type))
            return true;
    return false;
}

static int no_such_name(const char *text, const vb_expr *e, vb_error *err)
{
    vb_expr_fail(err, text, e, "'%s' is no dimension and no field of one", e->text);
    if (!strpbrk(text, "'\""))
        vb_hint(err, "text values stand in single quotes: instrument='DECam'");
    return -EINVAL;
}

int vb_name_resolve(const vb_universe *u, const vb_group *among, const char *text, const vb_expr *e, struct meaning *m,
                    vb_error *err)
{
    const char *dot = strchr(e->text, '.');
    vb_autofree char *head = vb_strndup(e->text, dot ? (size_t)(dot - e->text) : strlen(e->text));
    int found;

    *m = (struct meaning){.element = vb_universe_find(u, head)};
    if (m->element && !dot && m->element->is_dimension)
        return 0;
    if (m->element && dot) {
        if (set_field(u, m, dot + 1))
            return 0;
        return vb_expr_fail(err, text, e, "'%s' has no field '%s'", head, dot + 1);
    }
    m->dataset = dataset_field(e->text, &m->type_length);
    if (m->dataset)
        return 0;
    found = find_unqualified(u, among, e->text, m);
    if (found == 1)
        return 0;
    if (found > 1)
        return vb_expr_fail(err, text, e, "'%s' is a field of several elements: write ELEMENT.%s", e->text, e->text);
    return no_such_name(text, e, err);
}

int vb_expr_dimensions(const vb_universe *u, const vb_group *among, const char *text, const vb_expr *e, vb_dimset *dims,
                       vb_error *err)
{
    struct meaning m;
    int r = 0;

    if (e->kind == VB_EXPR_NAME) {
        r = vb_name_resolve(u, among, text, e, &m, err);
        if (!r && m.element)
            *dims = vb_dimset_union(*dims, m.element->required);
    }
    for (size_t i = 0; !r && i < e->count; i++)
        r = vb_expr_dimensions(u, among, text, e->operands[i], dims, err);
    return r;
}

/* ---- as SQL ------------------------------------------------------------------------------------------------ */

static sql_type type_of_field(vb_field_type type)
{
    return type == VB_FIELD_STRING ? TEXT : type == VB_FIELD_HASH ? ANY : NUMBER;
}

/* The dataset type that a name speaks of: the one that it names, or the only one. */
static int find_type(struct compiler *c, const vb_expr *e, const struct meaning *m, vb_joined_type **out)
{
    vb_join *j = c->j;
    vb_autofree char *name = vb_strndup(e->text, m->type_length);

    if (!m->type_length && j->ntypes == 1) {
        *out = &j->types[0];
        return 0;
    }
    for (size_t i = 0; m->type_length && i < j->ntypes; i++)
        if (!strcmp(j->types[i].type->name, name)) {
            *out = &j->types[i];
            return 0;
        }
    if (m->type_length)
        return vb_expr_fail(c->err, c->text, e, "'%s' is neither a dimension nor a dataset type that is asked for",
                            name);
    if (!j->ntypes)
        return vb_expr_fail(c->err, c->text, e, "'%s' is a field of datasets, and no dataset type is asked for",
                            e->text);
    return vb_expr_fail(c->err, c->text, e, "'%s' could be of '%s' or of '%s': write TYPE.%s", e->text,
                        j->types[0].type->name, j->types[1].type->name, e->text);
}

static int compile_dataset(struct compiler *c, const vb_expr *e, const struct meaning *m, struct piece *out)
{
    static const sql_type types[] = {ANY, UUID, TIME, TEXT, TEXT};
    vb_joined_type *joined = NULL;
    int r = find_type(c, e, m, &joined);

    if (!r && m->dataset != VB_DATASET_COLLECTION)
        r = vb_join_rows(c->j, joined, c->err);
    if (r < 0)
        return r;
    out->type = types[m->dataset];
    switch (m->dataset) {
    case VB_DATASET_UUID: vb_buf_printf(&out->sql, "s%d.uuid", joined->number); break;
    case VB_DATASET_INGEST_DATE: vb_buf_printf(&out->sql, "s%d.ingest_date", joined->number); break;
    case VB_DATASET_RUN:
        vb_buf_printf(&out->sql, "(SELECT name FROM %s.collection WHERE id = s%d.run_id)", c->j->schema,
                      joined->number);
        break;
    default:
        vb_buf_printf(&out->sql, "(SELECT name FROM %s.collection WHERE id = d%d.collection_id)", c->j->schema,
                      joined->number);
    }
    return 0;
}

static void print_field(const struct meaning *m, struct piece *out)
{
    vb_buf_printf(&out->sql, "e_%s.", m->element->name);
    if (m->field || m->told) {
        vb_sql_name(&out->sql, m->field ? m->field->name : m->told->name);
        out->type = type_of_field(m->field ? m->field->type : m->told->keys[0].type);
    } else if (m->region) {
        vb_buf_puts(&out->sql, "region");
        out->type = REGION;
    } else {
        vb_buf_puts(&out->sql, m->timespan == 3 ? "timespan_end" : "timespan_begin");
        vb_buf_printf(&out->end, "e_%s.timespan_end", m->element->name);
        out->type = m->timespan == 1 ? TIMESPAN : TIME;
    }
}

int vb_compile_name(struct compiler *c, const vb_expr *e, struct piece *out)
{
    struct meaning m;
    int r = vb_name_resolve(vb_registry_universe(c->j->reg), c->j->group, c->text, e, &m, c->err);

    if (r < 0)
        return r;
    if (m.dataset)
        return compile_dataset(c, e, &m, out);
    if (!m.field && !m.told && !m.region && !m.timespan) {
        r = vb_join_dimension(c->j, m.element, c->err);
        if (r < 0)
            return r;
        vb_buf_puts(&out->sql, c->j->columns[m.element->index]);
        out->dimension = m.element;
        out->type = type_of_field(m.element->keys[0].type);
        return 0;
    }
    r = vb_join_element(c->j, m.element, c->err);
    if (r < 0)
        return r;
    out->element = m.element;
    print_field(&m, out);
    return 0;
}

static bool has_name(const vb_expr *e)
{
    for (size_t i = 0; i < e->count; i++)
        if (has_name(e->operands[i]))
            return true;
    return e->kind == VB_EXPR_NAME;
}

vb_joined_type *vb_name_known_rows(struct compiler *c, const vb_expr *e)
{
    bool compares = e->kind == VB_EXPR_COMPARE && strcmp(e->text, "!=") != 0;
    const vb_expr *name = e->count ? e->operands[0] : NULL;
    vb_joined_type *joined = NULL;
    struct meaning m;

    if (!compares && e->kind != VB_EXPR_IN && e->kind != VB_EXPR_OVERLAPS)
        return NULL;
    if (name->kind != VB_EXPR_NAME && e->kind != VB_EXPR_IN)
        name = e->operands[1];
    for (size_t i = 0; i < e->count; i++)
        if (e->operands[i] != name && has_name(e->operands[i]))
            return NULL;
    if (name->kind != VB_EXPR_NAME ||
        vb_name_resolve(vb_registry_universe(c->j->reg), c->j->group, c->text, name, &m, NULL) < 0 ||
        (m.dataset != VB_DATASET_UUID && m.dataset != VB_DATASET_INGEST_DATE) || find_type(c, name, &m, &joined) < 0)
        return NULL;
    return joined;
}

bool vb_join_sorting(vb_join *j, const char *text, vb_sorting *out)
{
    struct compiler c = {j, text, NULL, NULL, NULL};
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_joined_type *joined = NULL;
    struct meaning m;

    if (vb_expr_parse(text, &e, NULL) < 0 || !e || e->kind != VB_EXPR_NAME ||
        vb_name_resolve(vb_registry_universe(j->reg), j->group, text, e, &m, NULL) < 0)
        return false;
    if (m.dataset == VB_DATASET_INGEST_DATE && !find_type(&c, e, &m, &joined))
        out->type = joined;
    else if (!m.dataset && !m.field && !m.told && !m.region && m.timespan <= 2)
        out->element = m.element;
    return out->type || out->element;
}

/* ---- what conditions tell the plan -------------------------------------------------------------------------- */

static bool is_value(const vb_expr *e)
{
    return e->kind == VB_EXPR_INT || e->kind == VB_EXPR_REAL || e->kind == VB_EXPR_STRING || e->kind == VB_EXPR_TIME ||
           e->kind == VB_EXPR_BIND || e->kind == VB_EXPR_CALL ||
           (e->kind == VB_EXPR_NEGATE && is_value(e->operands[0]));
}

static bool has_key(const vb_element *e, const vb_field *field)
{
    return field && field >= e->keys && field < e->keys + e->nkeys;
}

/* One value, or one of a list. */
static void note_equal(vb_join *j, const struct meaning *m, bool one)
{
    enum { FEW = 50 };

    if (m->dataset)
        return;
    if (!m->field && !m->told && !m->region && !m->timespan) {
        vb_dimset_add(&j->fixed, m->element->index);
        if (one)
            vb_dimset_add(&j->single, m->element->index);
    } else if (has_key(m->element, m->field)) {
        vb_dimset_add(&j->picked, m->element->index);
    } else {
        j->keep[m->element->index] = 1.0 / FEW;
    }
}

static void note_less(vb_join *j, const struct meaning *m)
{
    if (!m->dataset && !j->keep[m->element->index])
        j->keep[m->element->index] = 0.3;
}

const vb_element *vb_name_ranged(const vb_join *j, const char *text, const vb_expr *e)
{
    bool compares = e->kind == VB_EXPR_COMPARE && strcmp(e->text, "=") != 0 && strcmp(e->text, "!=") != 0;
    bool in_range = e->kind == VB_EXPR_IN && e->count == 2 && e->operands[1]->kind == VB_EXPR_RANGE;
    const vb_expr *name = e->count == 2 ? e->operands[0] : NULL, *other = e->count == 2 ? e->operands[1] : NULL;
    struct meaning m;

    if (!name || !(compares || in_range))
        return NULL;
    if (compares && name->kind != VB_EXPR_NAME) {
        other = name;
        name = e->operands[1];
    }
    if (name->kind != VB_EXPR_NAME || (compares && !is_value(other)) ||
        vb_name_resolve(vb_registry_universe(j->reg), j->group, text, name, &m, NULL) < 0)
        return NULL;
    return m.dataset || m.field || m.told || m.region || m.timespan ? NULL : m.element;
}

/* False where a name is no field of a record, or of another element's than *out. */
static bool speaks_of_fields(const vb_join *j, const char *text, const vb_expr *e, const vb_element **out)
{
    struct meaning m;

    for (size_t i = 0; i < e->count; i++)
        if (!speaks_of_fields(j, text, e->operands[i], out))
            return false;
    if (e->kind != VB_EXPR_NAME)
        return true;
    if (vb_name_resolve(vb_registry_universe(j->reg), j->group, text, e, &m, NULL) < 0 || m.dataset ||
        !(m.field || m.timespan) || (*out && *out != m.element))
        return false;
    *out = m.element;
    return true;
}

const vb_element *vb_name_tested(const vb_join *j, const char *text, const vb_expr *e)
{
    const vb_element *element = NULL;

    return speaks_of_fields(j, text, e, &element) ? element : NULL;
}

void vb_name_note(vb_join *j, const char *text, const vb_expr *e)
{
    const vb_expr *name = e->count ? e->operands[0] : NULL, *other = e->count > 1 ? e->operands[1] : NULL;
    struct meaning m;

    if (e->kind == VB_EXPR_AND) {
        for (size_t i = 0; i < e->count; i++)
            vb_name_note(j, text, e->operands[i]);
        return;
    }
    if (name && other && name->kind != VB_EXPR_NAME && other->kind == VB_EXPR_NAME) {
        const vb_expr *swap = name;

        name = other;
        other = swap;
    }
    if (!name || name->kind != VB_EXPR_NAME ||
        vb_name_resolve(vb_registry_universe(j->reg), j->group, text, name, &m, NULL) < 0)
        return;
    if (e->kind == VB_EXPR_COMPARE && is_value(other) && !strcmp(e->text, "="))
        note_equal(j, &m, true);
    else if (e->kind == VB_EXPR_IN && e->count == 2 && other->kind == VB_EXPR_RANGE)
        note_less(j, &m);
    else if (e->kind == VB_EXPR_IN)
        note_equal(j, &m, e->count == 2 && is_value(other) && other->kind != VB_EXPR_BIND);
    else if (e->kind == VB_EXPR_OVERLAPS && m.region && other->kind == VB_EXPR_CALL)
        vb_dimset_add(&j->picked, m.element->index);
    else
        note_less(j, &m);
}
