#include "registry/gen3/datasets.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/gen3/read.h"
#include "registry/sql.h"

#include <inttypes.h>
#include <string.h>

/* How a component is recorded that is none: the dataset is whole. */
static const char whole[] = "__NULL_STRING__";

void vb_gen3_dataset_print(const vb_gen3_dataset *d, vb_buf *out)
{
    vb_buf_printf(out, "%s ", d->type->name);
    vb_dataid_print(&d->dataid, out);
}

static void clear_files(vb_gen3_dataset *d)
{
    for (size_t i = 0; i < d->nfiles; i++) {
        vb_gen3_file *f = &d->files[i];

        free(f->component);
        free(f->path);
        free(f->formatter);
        free(f->storage_class);
        free(f->checksum);
    }
    d->nfiles = 0;
}

static void dataset_clear(vb_gen3_dataset *d)
{
    clear_files(d);
    free(d->files);
    vb_dataid_clear(&d->dataid);
}

/* Rubin writes paths below the root as they are, and absolute ones as URLs, quoted; and the fragments of both. */
char *vb_gen3_file_path(const vb_gen3_file *f, vb_buf *fragment)
{
    static const char *const parts[] = {"#hdu=", "#unzip=", "#zip-path="};
    bool url = vb_starts_with(f->path, "file://");
    const char *path = url ? f->path + strlen("file://") : f->path, *end = path + strlen(path);
    vb_autofree char *plain = NULL;

    if (strstr(f->path, "://") && !url)
        return NULL;
    for (size_t i = 0; i < VB_COUNT(parts); i++) {
        const char *at = strstr(path, parts[i]);
        vb_autofree char *member = at ? vb_gen3_unquote(at + strlen(parts[i])) : NULL;

        if (!at || at >= end)
            continue;
        end = at;
        vb_buf_clear(fragment);
        vb_buf_printf(fragment, "%s%s", i ? "#unzip=" : parts[i], member);
    }
    plain = vb_strndup(path, (size_t)(end - path));
    return url ? vb_gen3_unquote(plain) : VB_STEAL(plain);
}

const vb_gen3_file *vb_gen3_next_file(const vb_gen3_dataset *d, const vb_gen3_file *f)
{
    size_t store = SIZE_MAX;

    for (size_t i = 0; i < d->nfiles; i++)
        store = d->files[i].store < store ? d->files[i].store : store;
    for (f = f ? f + 1 : d->files; f && f < d->files + d->nfiles; f++)
        if (f->store == store)
            return f;
    return NULL;
}

/* ---- which ---------------------------------------------------------------------------------------------------- */

bool vb_gen3_all_wanted(const vb_gen3 *g)
{
    for (size_t i = 0; i < g->ncollections; i++)
        if (!g->collections[i].wanted)
            return false;
    return true;
}

/* "(1, 2)" of the wanted collections of a type; "(NULL)" of none. */
static void wanted_ids(const vb_gen3 *g, vb_collection_type type, vb_buf *sql)
{
    const char *before = "";

    vb_buf_putc(sql, '(');
    for (size_t i = 0; i < g->ncollections; i++)
        if (g->collections[i].wanted && g->collections[i].type == type) {
            vb_buf_printf(sql, "%s%" PRId64, before, g->collections[i].id);
            before = ", ";
        }
    vb_buf_puts(sql, *before ? ")" : "NULL)");
}

static void add_condition(const vb_gen3 *g, const vb_gen3_type *type, vb_buf *sql)
{
    if (vb_gen3_all_wanted(g))
        return;
    vb_buf_puts(sql, " AND (t.collection_id IN ");
    wanted_ids(g, VB_RUN, sql);
    vb_buf_printf(sql, " OR t.dataset_id IN (SELECT dataset_id FROM %s WHERE collection_id IN ", type->tags);
    wanted_ids(g, VB_TAGGED, sql);
    vb_buf_puts(sql, ")");
    if (type->calibs) {
        vb_buf_printf(sql, " OR t.dataset_id IN (SELECT dataset_id FROM %s WHERE collection_id IN ", type->calibs);
        wanted_ids(g, VB_CALIBRATION, sql);
        vb_buf_puts(sql, ")");
    }
    vb_buf_puts(sql, ")");
}

/* ---- records of datastores ------------------------------------------------------------------------------------ */

static int add_records(vb_gen3 *g, size_t store, vb_buf *sql, vb_error *err)
{
    static const char *const columns[] = {"dataset_id", "path",     "formatter", "storage_class",
                                          "component",  "checksum", "file_size", NULL};
    const char *table = g->config->datastores[store].table;
    char **there = NULL;
    int r = vb_gen3_columns(g->source, table, &there, err);

    if (!r && there) {
        r = vb_gen3_check_columns(g, table, columns, err);
        vb_buf_separate(sql, " UNION ALL ");
        vb_buf_printf(sql,
                      "SELECT %zu AS store, dataset_id, component, path, formatter, storage_class, checksum,"
                      " file_size FROM ",
                      store);
        vb_sql_name(sql, table);
    }
    vb_strv_free(there);
    return r;
}

/* The records of all datastores as one table; of one, the table itself, so that its index serves. */
static int join_records(vb_gen3 *g, vb_buf *columns, vb_buf *from, vb_error *err)
{
    vb_auto_buf all = {0};
    int r = 0;

    for (size_t i = 0; !r && i < g->config->ndatastores; i++)
        r = add_records(g, i, &all, err);
    if (r < 0)
        return r;
    if (!all.len) { /* nobody has written to it yet */
        vb_buf_puts(columns, ", 0, NULL, NULL, NULL, NULL, NULL, NULL");
        return 0;
    }
    vb_buf_puts(columns, g->config->ndatastores > 1 ? ", r.store" : ", 0");
    vb_buf_puts(columns, ", r.component, r.path, r.formatter, r.storage_class, r.checksum, r.file_size");
    vb_buf_puts(from, " LEFT JOIN ");
    if (g->config->ndatastores > 1)
        vb_buf_printf(from, "(%s)", vb_buf_text(&all));
    else
        vb_sql_name(from, g->config->datastores[0].table);
    vb_buf_puts(from, " r ON r.dataset_id = d.id");
    return 0;
}

static int read_file(vb_gen3 *g, vb_gen3_rows *rows, int i, vb_gen3_dataset *d, vb_error *err)
{
    vb_gen3_file *f;
    const char *component, *path, *formatter, *class;
    int64_t store = 0;
    int r;

    if (vb_gen3_null(rows, i + 2))
        return 0;
    r = vb_gen3_int(rows, i, "store", &store, err);
    if (!r)
        r = vb_gen3_text(rows, i + 1, "component", &component, err);
    if (!r)
        r = vb_gen3_text(rows, i + 2, "path", &path, err);
    if (!r)
        r = vb_gen3_text(rows, i + 3, "formatter", &formatter, err);
    if (!r)
        r = vb_gen3_text(rows, i + 4, "storage_class", &class, err);
    if (r < 0)
        return r;
    f = VB_PUSH(d->files, d->nfiles, d->cap);
    f->store = (size_t)store;
    f->component = vb_strdup(strcmp(component, whole) ? component : "");
    f->path = vb_strdup(path);
    f->formatter = vb_strdup(formatter);
    f->storage_class = vb_strdup(class);
    f->size = -1;
    r = vb_gen3_text_or_null(rows, i + 5, "checksum", &f->checksum, err);
    if (!r && !vb_gen3_null(rows, i + 6))
        r = vb_gen3_int(rows, i + 6, "file_size", &f->size, err);
    f->size = f->size < 0 ? -1 : f->size;
    return r;
}

/* ---- datasets ------------------------------------------------------------------------------------------------- */

/* The rows of a type, of all runs; where the rows of a dataset's files come together.
 *
 * In SQLite what was put together lies together, in the order of rows and in no other: data IDs, and UUIDs even more,
 * lead all over the tables.  So rows are taken in their own order.  A server knows best how to join, and has to sort.
 */
static void add_rows(vb_gen3 *g, const vb_gen3_type *type, const char *order, vb_buf *sql)
{
    bool sqlite = !g->source->class->ranges;

    if (sqlite)
        vb_buf_printf(sql, " WHERE t.rowid IN (SELECT t.rowid FROM %s t", type->tags);
    vb_buf_printf(sql, " WHERE t.dataset_type_id = %" PRId64, type->id);
    add_condition(g, type, sql);
    if (sqlite)
        vb_buf_puts(sql, ")");
    else
        vb_buf_printf(sql, " ORDER BY t.collection_id%s", order);
}

static int datasets_sql(vb_gen3 *g, const vb_gen3_type *type, vb_buf *sql, vb_error *err)
{
    vb_auto_buf columns = {0}, from = {0}, order = {0};
    int r = join_records(g, &columns, &from, err);

    for (int i = 0; i < type->group->nrequired; i++) {
        vb_buf_puts(&order, ", t.");
        vb_sql_name(&order, type->group->dims[i]->name);
    }
    vb_buf_printf(sql, "SELECT d.id, d.ingest_date, t.collection_id%s%s FROM %s t", vb_buf_text(&order),
                  vb_buf_text(&columns), type->tags);
    /* SQLite takes tables in the order of a CROSS JOIN; the standard's has no condition. */
    vb_buf_printf(sql, " %s dataset d ON d.id = t.dataset_id AND d.run_id = t.collection_id%s",
                  g->source->class->ranges ? "JOIN" : "CROSS JOIN", vb_buf_text(&from));
    add_rows(g, type, vb_buf_text(&order), sql);
    return r;
}

static int read_run(vb_gen3 *g, int64_t id, vb_gen3_dataset *d, vb_error *err)
{
    if (d->run && d->run->id == id)
        return 0;
    d->run = vb_gen3_collection_by_id(g, id);
    if (!d->run || d->run->type != VB_RUN)
        return vb_fail(err, -EINVAL, "%s: a dataset of type '%s' is in run number %" PRId64 ", which is %s",
                       g->source->name, d->type->name, id, d->run ? "no RUN" : "not there");
    return 0;
}

static int read_dataset(vb_gen3 *g, vb_gen3_rows *rows, vb_gen3_dataset *d, vb_error *err)
{
    int64_t run;
    int r = vb_gen3_time(rows, 1, "ingest_date", &d->ingest_date, err);

    if (!r)
        r = vb_gen3_int(rows, 2, "collection_id", &run, err);
    if (!r)
        r = read_run(g, run, d, err);
    vb_dataid_clear(&d->dataid);
    d->dataid.group = d->type->group;
    for (int i = 0; i < d->type->group->nrequired; i++) {
        const vb_element *dim = d->type->group->dims[i];

        d->dataid.values[i] = (vb_value){0};
        if (!r)
            r = vb_gen3_field(rows, 3 + i, dim->name, dim->keys[0].type, &d->dataid.values[i], err);
        if (!r && d->dataid.values[i].kind == VB_NULL)
            r = vb_fail(err, -EINVAL, "%s: %s.%s is null", g->source->name, d->type->tags, dim->name);
    }
    return r;
}

/* A dataset in several files has several rows, one after the other. */
int vb_gen3_each_dataset(vb_gen3 *g, const vb_gen3_type *type, vb_gen3_dataset_fn *each, void *arg, vb_error *err)
{
    __attribute__((cleanup(dataset_clear))) vb_gen3_dataset d = {.type = type};
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    vb_auto_buf sql = {0};
    bool have = false;
    int r = datasets_sql(g, type, &sql, err);

    if (!r)
        r = vb_gen3_query(g->source, type->tags, vb_buf_text(&sql), &rows, err);
    while (!r && (r = vb_gen3_next(rows, err)) > 0) {
        vb_uuid uuid;

        r = vb_gen3_uuid(rows, 0, "dataset_id", &uuid, err);
        if (!r && !(have && vb_uuid_equal(uuid, d.uuid))) {
            r = have ? each(arg, &d, err) : 0;
            clear_files(&d);
            d.uuid = uuid;
            have = true;
            if (!r)
                r = read_dataset(g, rows, &d, err);
        }
        if (!r)
            r = read_file(g, rows, 3 + type->group->nrequired, &d, err);
    }
    return !r && have ? each(arg, &d, err) : r;
}

int vb_gen3_count_datasets(vb_gen3 *g, int64_t *out, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    int r = vb_gen3_query(g->source, "dataset", "SELECT count(*) FROM dataset", &rows, err);

    if (!r)
        r = vb_gen3_next(rows, err);
    return r <= 0 ? r : vb_gen3_int(rows, 0, "count", out, err);
}

/* ---- members -------------------------------------------------------------------------------------------------- */

static int each_member(vb_gen3 *g, const char *table, const char *sql, bool certified, vb_gen3_member_fn *each,
                       void *arg, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    int r = vb_gen3_query(g->source, table, sql, &rows, err);

    while (!r && (r = vb_gen3_next(rows, err)) > 0) {
        vb_gen3_member m = {0};
        int64_t id;

        r = vb_gen3_uuid(rows, 0, "dataset_id", &m.uuid, err);
        if (!r)
            r = vb_gen3_int(rows, 1, "collection_id", &id, err);
        m.collection = r < 0 ? NULL : vb_gen3_collection_by_id(g, id);
        if (!r && certified)
            r = vb_gen3_int(rows, 2, "timespan_begin", &m.begin, err);
        if (!r && certified)
            r = vb_gen3_int(rows, 3, "timespan_end", &m.end, err);
        if (!r)
            r = each(arg, &m, err);
    }
    return r;
}

int vb_gen3_each_tagged(vb_gen3 *g, const vb_gen3_type *type, vb_gen3_member_fn *each, void *arg, vb_error *err)
{
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql,
                  "SELECT dataset_id, collection_id FROM %s WHERE dataset_type_id = %" PRId64 " AND collection_id IN ",
                  type->tags, type->id);
    wanted_ids(g, VB_TAGGED, &sql);
    return each_member(g, type->tags, vb_buf_text(&sql), false, each, arg, err);
}

int vb_gen3_each_certified(vb_gen3 *g, const vb_gen3_type *type, vb_gen3_member_fn *each, void *arg, vb_error *err)
{
    vb_auto_buf sql = {0};

    if (!type->calibs)
        return 0;
    vb_buf_puts(&sql, "SELECT dataset_id, collection_id, ");
    vb_gen3_timespan_sql(g->source, "", &sql);
    vb_buf_printf(&sql, " FROM %s WHERE dataset_type_id = %" PRId64 " AND collection_id IN ", type->calibs, type->id);
    wanted_ids(g, VB_CALIBRATION, &sql);
    vb_buf_puts(&sql, " ORDER BY id");
    return each_member(g, type->calibs, vb_buf_text(&sql), true, each, arg, err);
}
