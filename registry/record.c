#include "registry/record.h"

#include "registry/base/mem.h"
#include "registry/internal.h"
#include "registry/schema.h"
#include "registry/sky/pixels.h"

#include <math.h>
#include <string.h>

/* ---- columns ---------------------------------------------------------------------------------------------- */

static int popcount(vb_dimset set)
{
    return __builtin_popcountll(set.bits[0]) + __builtin_popcountll(set.bits[1]);
}

static int count_columns(const vb_element *e)
{
    return popcount(e->required) + popcount(e->implied) + (int)(e->nkeys ? e->nkeys - 1 : 0) + (int)e->nmetadata +
           (e->spatial >= 0) + 2 * (e->temporal >= 0);
}

/* The name of column i, in the order of the table. */
static const char *column_name(const vb_universe *u, const vb_element *e, int i)
{
    static const char *const spans[] = {"timespan_begin", "timespan_end"};

    VB_EACH_DIMENSION(d, e->required)
        if (!i--)
            return vb_universe_at(u, d)->name;
    VB_EACH_DIMENSION(d, e->implied)
        if (!i--)
            return vb_universe_at(u, d)->name;
    if (e->nkeys && i < (int)e->nkeys - 1)
        return e->keys[i + 1].name;
    i -= e->nkeys ? (int)e->nkeys - 1 : 0;
    if (i < (int)e->nmetadata)
        return e->metadata[i].name;
    i -= (int)e->nmetadata;
    if (e->spatial >= 0 && !i--)
        return "region";
    return spans[i & 1];
}

vb_record vb_record_new(vb_registry *reg, const vb_element *element)
{
    return (vb_record){.universe = vb_registry_universe(reg),
                       .element = element,
                       .values = vb_alloc((size_t)count_columns(element) * sizeof(vb_value))};
}

void vb_record_clear(vb_record *r)
{
    int n = r->element ? vb_record_columns(r) : 0;

    for (int i = 0; i < n; i++)
        vb_value_clear(&r->values[i]);
    free(r->values);
    *r = (vb_record){0};
}

int vb_record_columns(const vb_record *r)
{
    return count_columns(r->element);
}

const char *vb_record_column(const vb_record *r, int i)
{
    return column_name(r->universe, r->element, i);
}

vb_value *vb_record_value(const vb_record *r, const char *column)
{
    for (int i = 0; i < vb_record_columns(r); i++)
        if (!strcmp(vb_record_column(r, i), column))
            return &r->values[i];
    return NULL;
}

bool vb_record_set(vb_record *r, const char *column, vb_value value)
{
    vb_value *place = vb_record_value(r, column);

    if (!place) {
        vb_value_clear(&value);
        return false;
    }
    vb_value_clear(place);
    if (value.kind != VB_REAL || !isnan(value.d)) /* SQLite keeps a NaN as null */
        *place = value;
    return true;
}

void vb_record_set_region(vb_record *r, const vb_region *region)
{
    vb_auto_buf bytes = {0};

    vb_region_encode(region, &bytes);
    vb_record_set(r, "region", vb_value_bytes(bytes.data, bytes.len));
}

void vb_record_set_timespan(vb_record *r, vb_timespan t)
{
    vb_record_set(r, "timespan_begin", vb_value_int(t.begin));
    vb_record_set(r, "timespan_end", vb_value_int(t.end));
}

void vb_record_dataid(const vb_record *r, vb_registry *reg, vb_dataid *out)
{
    *out = (vb_dataid){.group = vb_universe_conform(vb_registry_universe(reg), r->element->required)};
    for (int i = 0; i < out->group->nrequired; i++)
        out->values[i] = vb_value_copy(vb_record_value(r, out->group->dims[i]->name));
}

json_t *vb_record_json(const vb_record *r)
{
    json_t *object = json_object();

    for (int i = 0; i < vb_record_columns(r); i++) {
        const char *name = vb_record_column(r, i);
        const vb_value *v = &r->values[i];
        vb_auto_region region = {0};
        vb_auto_buf text = {0};

        if (!strcmp(name, "region") && v->kind == VB_BYTES && !vb_region_decode(v->bytes, v->len, &region, NULL))
            vb_region_encode_base64(&region, &text);
        else if (!strncmp(name, "timespan_", 9) && v->kind == VB_INT)
            vb_time_print(v->i, &text);
        json_object_set_new(object, name, text.len ? json_string(text.data) : vb_value_json(v));
    }
    return object;
}

/* ---- overlaps --------------------------------------------------------------------------------------------- */

/* The statement that adds or removes a row of the overlap table; the caller's where it removes. */
static char *overlap_sql(vb_registry *reg, const vb_element *e, bool add)
{
    char **kept = &reg->record_sql[e->index].add_overlap;

    if (!add)
        return vb_format("DELETE FROM \"overlap_%s\" WHERE pixel = ? AND record_id = ?", e->name);
    if (!*kept)
        *kept = vb_format("INSERT OR IGNORE INTO \"overlap_%s\" VALUES (?, ?)", e->name);
    return *kept;
}

/* Runs the statement for each pixel that a region may touch. */
static int each_overlap(vb_registry *reg, const vb_record *r, const vb_value *bytes, const char *sql, vb_error *err)
{
    const vb_element *common = vb_universe_common_skypix(reg->universe);
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_region region = {0};
    vb_auto_ranges pixels = {0};
    int status = vb_region_decode(bytes->bytes, bytes->len, &region, err);

    if (!status)
        status = vb_skypix_envelope(common->system, common->level, &region, &pixels, err);
    for (size_t i = 0; !status && i < pixels.count; i++)
        for (uint64_t p = pixels.items[i].begin; !status && p < pixels.items[i].end; p++) {
            status = s ? vb_stmt_rebind(s, VB_ARGS(p, r->id), err) : vb_sql(reg->db, &s, err, sql, VB_ARGS(p, r->id));
            if (!status)
                status = vb_stmt_step(s, err);
        }
    return status;
}

/* Adds or removes the rows of the overlap table for a region. */
static int change_overlaps(vb_registry *reg, const vb_record *r, const vb_value *bytes, bool add, vb_error *err)
{
    char *sql = overlap_sql(reg, r->element, add);
    int status = each_overlap(reg, r, bytes, sql, err);

    if (!add)
        free(sql);
    return status;
}

static int replace_overlaps(vb_registry *reg, const vb_record *r, const vb_record *before, vb_error *err)
{
    const vb_value *region = vb_record_value(r, "region"), *old = before ? vb_record_value(before, "region") : NULL;
    int status = 0;

    if (r->element->spatial < 0)
        return 0;
    if (old && region && !vb_value_compare(old, region))
        return 0;
    if (old && old->kind == VB_BYTES)
        status = change_overlaps(reg, r, old, false, err);
    if (!status && region && region->kind == VB_BYTES)
        status = change_overlaps(reg, r, region, true, err);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static void append_columns(vb_buf *sql, const vb_record *r, const char *before, const char *after)
{
    for (int i = 0; i < vb_record_columns(r); i++) {
        vb_buf_puts(sql, i ? before : "");
        vb_sql_name(sql, vb_record_column(r, i));
        vb_buf_puts(sql, after);
    }
}

/* "SELECT ... WHERE "instrument" = ? AND "visit" = ?", made once a handle. */
const char *vb_record_find_sql(vb_registry *reg, const vb_element *e)
{
    char **kept = &reg->record_sql[e->index].find;
    vb_record columns = {.universe = reg->universe, .element = e};
    const char *before = " WHERE ";
    vb_buf sql = {0};

    if (*kept)
        return *kept;
    vb_buf_puts(&sql, "SELECT _id, ");
    append_columns(&sql, &columns, ", ", "");
    vb_buf_puts(&sql, " FROM ");
    vb_schema_table(&sql, e);
    VB_EACH_DIMENSION(i, e->required) {
        vb_buf_puts(&sql, before);
        vb_sql_name(&sql, vb_universe_at(reg->universe, i)->name);
        vb_buf_puts(&sql, " = ?");
        before = " AND ";
    }
    return *kept = vb_buf_steal(&sql);
}

void vb_record_read(vb_registry *reg, const vb_element *element, vb_stmt *s, vb_record *out)
{
    int n;

    *out = vb_record_new(reg, element);
    out->id = vb_col_int(s, 0);
    n = vb_record_columns(out);
    for (int i = 0; i < n; i++)
        out->values[i] = vb_col_value(s, i + 1);
}

static int fetch(vb_registry *reg, const vb_element *element, const char *sql, const vb_arg *args, size_t count,
                 vb_record *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, sql, args, count);

    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0)
        vb_record_read(reg, element, s, out);
    return r;
}

int vb_record_by_id(vb_registry *reg, const vb_element *element, int64_t id, vb_record *out, vb_error *err)
{
    const char *by_key = vb_record_find_sql(reg, element), *where = strstr(by_key, " WHERE ");
    vb_autofree char *sql = vb_format("%.*s WHERE _id = ?", (int)(where - by_key), by_key);

    return fetch(reg, element, sql, VB_ARGS(id), out, err);
}

int vb_record_find(vb_registry *reg, const vb_element *element, const vb_dataid *dataid, vb_record *out, vb_error *err)
{
    vb_arg args[VB_MAX_REQUIRED];
    size_t n = 0;

    if (!element->has_table || element->is_skypix)
        return 0;
    VB_EACH_DIMENSION(i, element->required) {
        const vb_element *dimension = vb_universe_at(reg->universe, i);
        const vb_value *v = vb_dataid_get(dataid, dimension->name);

        if (!v)
            return vb_fail(err, -EINVAL, "%s: a data ID without '%s'", element->name, dimension->name);
        args[n++] = vb_arg_value(v);
    }
    return fetch(reg, element, vb_record_find_sql(reg, element), args, n, out, err);
}

static void print_key(vb_registry *reg, const vb_record *r, vb_buf *out)
{
    vb_auto_dataid id = {0};

    vb_record_dataid(r, reg, &id);
    vb_buf_printf(out, "%s ", r->element->name);
    vb_dataid_print(&id, out);
}

/* "INSERT ... ON CONFLICT DO NOTHING", where the conflict is one of the record's own key: another key of it that is
 * taken is an error.  So a new record costs one statement, and only one that is there is looked at. */
static const char *insert_sql(vb_registry *reg, const vb_record *r)
{
    char **kept = &reg->record_sql[r->element->index].insert;
    const char *before = "";
    vb_buf sql = {0};
    int n = vb_record_columns(r);

    if (*kept)
        return *kept;
    vb_buf_puts(&sql, "INSERT INTO ");
    vb_schema_table(&sql, r->element);
    vb_buf_puts(&sql, " (");
    append_columns(&sql, r, ", ", "");
    vb_buf_puts(&sql, ") VALUES (");
    for (int i = 0; i < n; i++)
        vb_buf_puts(&sql, i ? ", ?" : "?");
    vb_buf_puts(&sql, ") ON CONFLICT (");
    VB_EACH_DIMENSION(i, r->element->required) {
        vb_buf_puts(&sql, before);
        vb_sql_name(&sql, vb_universe_at(reg->universe, i)->name);
        before = ", ";
    }
    vb_buf_puts(&sql, ") DO NOTHING");
    return *kept = vb_buf_steal(&sql);
}

/* 1: inserted; 0: a record of that key is there. */
static int insert(vb_registry *reg, vb_record *r, vb_error *err)
{
    int n = vb_record_columns(r), status;
    vb_autofree vb_arg *args = vb_alloc((size_t)n * sizeof *args);

    for (int i = 0; i < n; i++)
        args[i] = vb_arg_value(&r->values[i]);
    status = vb_sql_exec(reg->db, err, insert_sql(reg, r), args, (size_t)n);
    if (status == -EEXIST) {
        vb_auto_buf key = {0};

        print_key(reg, r, &key);
        vb_error_context(err, "%s", vb_buf_text(&key));
    }
    if (status < 0 || !vb_db_changes(reg->db))
        return status;
    r->id = vb_db_last_id(reg->db);
    return 1;
}

static int update(vb_registry *reg, const vb_record *r, vb_error *err)
{
    int n = vb_record_columns(r);
    vb_autofree vb_arg *args = vb_alloc(((size_t)n + 1) * sizeof *args);
    vb_auto_buf sql = {0};

    vb_buf_puts(&sql, "UPDATE ");
    vb_schema_table(&sql, r->element);
    vb_buf_puts(&sql, " SET ");
    append_columns(&sql, r, ", ", " = ?");
    vb_buf_puts(&sql, " WHERE _id = ?");
    for (int i = 0; i < n; i++)
        args[i] = vb_arg_value(&r->values[i]);
    args[n] = vb_arg_int(r->id);
    return vb_sql_exec(reg->db, err, vb_buf_text(&sql), args, (size_t)n + 1);
}

/* The first column in which two records differ; NULL: none. */
static const char *difference(const vb_record *a, const vb_record *b)
{
    for (int i = 0; i < vb_record_columns(a); i++)
        if (vb_value_compare(&a->values[i], &b->values[i]))
            return vb_record_column(a, i);
    return NULL;
}

static int conflict(vb_registry *reg, const vb_record *r, const vb_record *there, const char *column, vb_error *err)
{
    vb_auto_buf key = {0}, is = {0}, wanted = {0};

    print_key(reg, r, &key);
    vb_value_print(vb_record_value(there, column), &is);
    vb_value_print(vb_record_value(r, column), &wanted);
    return vb_fail(err, -EEXIST, "%s is there already, and differs: %s is '%.80s', not '%.80s'", vb_buf_text(&key),
                   column, vb_buf_text(&is), vb_buf_text(&wanted));
}

/* Gives a record that is there the values of this one, as far as the mode allows. */
static int put_again(vb_registry *reg, vb_record *r, vb_record_mode mode, vb_error *err)
{
    vb_auto_record there = {0};
    vb_auto_dataid id = {0};
    const char *column;
    int status;

    vb_record_dataid(r, reg, &id);
    status = vb_record_find(reg, r->element, &id, &there, err);
    if (status <= 0)
        return status;
    r->id = there.id;
    column = difference(r, &there);
    if (!column || mode == VB_RECORD_KEEP)
        return 0;
    if (mode == VB_RECORD_SAME)
        return conflict(reg, r, &there, column, err);
    status = update(reg, r, err);
    if (!status)
        status = replace_overlaps(reg, r, &there, err);
    return status < 0 ? status : 1;
}

int vb_record_put(vb_registry *reg, vb_record *r, vb_record_mode mode, vb_error *err)
{
    int status = insert(reg, r, err);

    if (!status)
        return put_again(reg, r, mode, err);
    if (status > 0)
        status = replace_overlaps(reg, r, NULL, err);
    return status < 0 ? status : 1;
}

int vb_dataid_region(vb_registry *reg, const vb_dataid *dataid, vb_region *out, vb_error *err)
{
    for (int family = 0; family < vb_universe_spatial_families(reg->universe); family++) {
        const vb_element *e = vb_group_spatial(dataid->group, family);
        vb_auto_record record = {0};
        const vb_value *bytes;
        int r;

        if (!e)
            continue;
        r = vb_record_find(reg, e, dataid, &record, err);
        if (r < 0)
            return r;
        bytes = r ? vb_record_value(&record, "region") : NULL;
        if (bytes && bytes->kind == VB_BYTES) {
            r = vb_region_decode(bytes->bytes, bytes->len, out, err);
            return r < 0 ? r : 1;
        }
    }
    return 0;
}
