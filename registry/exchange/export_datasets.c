/* export_datasets.c - dataset types and datasets of an export, by type and run, in the order of data IDs.
 *
 * Datasets that share an artifact (the HDUs of one file) are one record, with as many ids and data IDs. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/exporting.h"
#include "registry/exchange/yaml_out.h"

#include <inttypes.h>
#include <string.h>

enum { UUID, PATH, SIZE, CHECKSUM, MTIME, FORMATTER, STORE, DIMENSIONS };

/* One record that is not written yet. */
struct record {
    char *path; /* of its artifact, without "#hdu=N" or "#unzip=M"; NULL: none yet */
    vb_location location;
    vb_buf ids, dataids, members, checksums;
};

static void record_clear(struct record *r)
{
    free(r->path);
    free(r->location.formatter);
    vb_buf_free(&r->ids);
    vb_buf_free(&r->dataids);
    vb_buf_free(&r->members);
    vb_buf_free(&r->checksums);
    *r = (struct record){0};
}

/* ---- one record ----------------------------------------------------------------------------------------------- */

static int write_record(vb_exporting *x, struct record *record)
{
    vb_auto_buf path = {0};
    int r;

    if (!record->path)
        return 0;
    record->location.path = record->path;
    r = x->options->artifact(x->options->arg, &record->location, &path, x->err);
    if (r)
        return r;
    vb_buf_puts(&x->text, "  - dataset_id:\n");
    vb_buf_add(&x->text, record->ids.data, record->ids.len);
    vb_buf_puts(&x->text, "    data_id:\n");
    vb_buf_add(&x->text, record->dataids.data, record->dataids.len);
    vb_buf_puts(&x->text, "    path: ");
    vb_yaml_put_text(&x->text, vb_buf_text(&path));
    vb_buf_putc(&x->text, '\n');
    if (record->location.formatter) {
        vb_buf_puts(&x->text, "    formatter: ");
        vb_yaml_put_text(&x->text, record->location.formatter);
        vb_buf_putc(&x->text, '\n');
    }
    if (record->members.len)
        vb_buf_printf(&x->text, "    parts: [%s]\n", record->members.data);
    if (record->checksums.len)
        vb_buf_printf(&x->text, "    checksum: %s\n", record->checksums.data);
    free(VB_STEAL(record->path));
    free(VB_STEAL(record->location.formatter));
    vb_buf_clear(&record->ids);
    vb_buf_clear(&record->dataids);
    vb_buf_clear(&record->members);
    vb_buf_clear(&record->checksums);
    return vb_export_flush(x, 1 << 16);
}

static void add_dataid(vb_buf *out, const vb_group *group, vb_stmt *s)
{
    for (int i = 0; i < group->nrequired; i++) {
        const vb_element *d = group->dims[i];

        vb_buf_puts(out, i ? "      " : "    - ");
        vb_buf_puts(out, d->name);
        vb_buf_puts(out, ": ");
        if (d->keys[0].type == VB_FIELD_INT) {
            char digits[24];

            vb_buf_add(out, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, vb_col_int(s, DIMENSIONS + i)));
        } else {
            vb_yaml_put_text(out, vb_col_text(s, DIMENSIONS + i));
        }
        vb_buf_putc(out, '\n');
    }
    if (!group->nrequired)
        vb_buf_puts(out, "    - {}\n");
}

static void begin_record(struct record *record, const char *path, size_t length, vb_stmt *s)
{
    const void *checksum;
    size_t n;

    record->path = vb_strndup(path, length);
    record->location = (vb_location){.store_id = vb_col_int(s, STORE),
                                     .size = path[length] ? -1 : vb_col_int(s, SIZE),
                                     .mtime = vb_col_null(s, MTIME) ? -1 : vb_col_int(s, MTIME)};
    if (!vb_col_null(s, FORMATTER))
        record->location.formatter = vb_strdup(vb_col_text(s, FORMATTER));
    checksum = vb_col_blob(s, CHECKSUM, &n);
    if (checksum && n == sizeof record->location.checksum.bytes && !path[length]) {
        vb_hash hash;
        char text[VB_HASH_TEXT];

        memcpy(hash.bytes, checksum, n);
        record->location.checksum = hash;
        record->location.has_checksum = true;
        vb_buf_puts(&record->checksums, vb_hash_format(&hash, text));
    }
}

/* Adds the row to the record, or to a new one after the last is written. */
static int add_row(vb_exporting *x, struct record *record, const vb_dataset_type *type, vb_stmt *s)
{
    const char *path = vb_col_text(s, PATH), *part;
    vb_uuid uuid = vb_col_uuid(s, UUID);
    size_t length;
    int r;

    if (!path) {
        x->report->without_artifact++;
        return 0;
    }
    part = strstr(path, "#hdu=");
    if (!part)
        part = strstr(path, "#unzip=");
    length = part ? (size_t)(part - path) : strlen(path);
    if (!part || !record->path || strlen(record->path) != length || memcmp(record->path, path, length) != 0) {
        r = write_record(x, record);
        if (r)
            return r;
        begin_record(record, path, length, s);
    }
    vb_buf_puts(&record->ids, "    - ");
    vb_yaml_put_uuid(&record->ids, &uuid);
    vb_buf_putc(&record->ids, '\n');
    add_dataid(&record->dataids, type->group, s);
    if (part) {
        vb_buf_separate(&record->members, ", ");
        vb_yaml_put_text(&record->members, part + 1);
    }
    x->report->datasets++;
    return 0;
}

/* ---- a type in a run -------------------------------------------------------------------------------------------- */

/* " FROM ... WHERE ...": what is exported of a type (?1) in a run (?2), with its locations, appended. */
static void put_from(const vb_exporting *x, vb_buf *sql, const vb_dataset_type *type)
{
    vb_buf_printf(sql,
                  " FROM member_%" PRId64
                  " m %s CROSS JOIN dataset d ON d.id = m.dataset_id LEFT JOIN location l ON l.dataset_id = d.id"
                  " WHERE m.type_id = ?1 AND m.collection_id = ?2 AND d.state = 0",
                  type->group_id,
                  x->whole ? "" : "CROSS JOIN temp.selected w ON w.type_id = ?1 AND w.dataset_id = m.dataset_id");
}

/* True where some artifact is a part of a file: then datasets of one file must come together.  Asked of what is
 * exported, whatever else the repository has. */
static int has_parts(vb_exporting *x, const vb_dataset_type *type, const vb_collection *run, bool *out)
{
    vb_auto_buf sql = {0};
    int64_t one;
    int r;

    vb_buf_puts(&sql, "SELECT 1");
    put_from(x, &sql, type);
    vb_buf_puts(&sql, " AND instr(l.path, '#') LIMIT 1");
    r = vb_sql_int(x->reg->db, &one, x->err, vb_buf_text(&sql), VB_ARGS(type->id, run->id));
    *out = r > 0;
    return r < 0 ? r : 0;
}

static int write_datasets(vb_exporting *x, const vb_dataset_type *type, const vb_collection *run)
{
    __attribute__((cleanup(record_clear))) struct record record = {0};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    bool parts, first = true;
    int r = has_parts(x, type, run, &parts);

    vb_buf_puts(&sql, "SELECT d.uuid, l.path, l.size, l.checksum, l.mtime, l.formatter, l.store_id");
    vb_sql_dimensions(&sql, type->group, ", m.", ", m.");
    put_from(x, &sql, type);
    vb_buf_puts(&sql, parts ? " ORDER BY l.path" : "");
    if (!r)
        r = vb_sql(x->reg->db, &s, x->err, vb_buf_text(&sql), VB_ARGS(type->id, run->id));
    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        if (first) {
            vb_buf_printf(&x->text, "- type: dataset\n  dataset_type: %s\n  run: ", type->name);
            vb_yaml_put_text(&x->text, run->name);
            vb_buf_puts(&x->text, "\n  records:\n");
        }
        first = false;
        r = add_row(x, &record, type, s);
    }
    return r < 0 ? r : write_record(x, &record);
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

static void write_type(vb_exporting *x, const vb_dataset_type *type)
{
    vb_buf_puts(&x->text, "- type: dataset_type\n  name: ");
    vb_yaml_put_text(&x->text, type->name);
    vb_buf_puts(&x->text, type->group->nrequired ? "\n  dimensions:\n" : "\n  dimensions: []\n");
    for (int i = 0; i < type->group->nrequired + type->group->nimplied; i++)
        vb_buf_printf(&x->text, "  - %s\n", type->group->dims[i]->name);
    vb_buf_puts(&x->text, "  storage_class: ");
    vb_yaml_put_text(&x->text, type->storage_class);
    vb_buf_printf(&x->text, "\n  is_calibration: %s\n", type->is_calibration ? "true" : "false");
    if (type->extension) {
        vb_buf_puts(&x->text, "  extension: ");
        vb_yaml_put_text(&x->text, type->extension);
        vb_buf_putc(&x->text, '\n');
    }
    x->report->types++;
    if (!x->report->storage_classes)
        x->report->storage_classes = vb_alloc(sizeof *x->report->storage_classes);
    if (!vb_strv_has(x->report->storage_classes, type->storage_class))
        vb_strv_add(&x->report->storage_classes, type->storage_class);
}

/* The runs that the selected datasets of a type are in, by name. */
static int write_runs(vb_exporting *x, const vb_dataset_type *type)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    const char *sql = "SELECT c.id FROM collection c WHERE c.type = 1 AND EXISTS (SELECT 1 FROM collection_summary k"
                      " WHERE k.collection_id = c.id AND k.type_id = ?) ORDER BY c.name";
    int r = vb_sql(x->reg->db, &s, x->err, sql, VB_ARGS(type->id));

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        const vb_collection *run;

        r = vb_collection_by_id(x->reg, vb_col_int(s, 0), &run, x->err);
        if (!r)
            r = write_datasets(x, type, run);
    }
    return r;
}

/* The format has a file a record, and Rubin's reader no place for several. */
static int refuse_parts(vb_exporting *x)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_dataset first = {0};
    vb_auto_buf what = {0};
    vb_autofree char *sql = vb_format("SELECT count(DISTINCT d.id), min(d.id) FROM component c CROSS JOIN dataset d"
                                      " ON d.id = c.dataset_id AND d.state = 0%s",
                                      x->whole ? ""
                                               : " CROSS JOIN temp.selected w ON w.type_id = d.type_id AND"
                                                 " w.dataset_id = d.id");
    char count[32];
    int r = vb_sql(x->reg->db, &s, x->err, sql, VB_NO_ARGS);

    if (!r)
        r = vb_stmt_step(s, x->err);
    if (r <= 0 || !vb_col_int(s, 0))
        return r < 0 ? r : 0;
    r = vb_dataset_by_id(x->reg, vb_col_int(s, 1), &first, x->err);
    if (r > 0)
        vb_dataset_print(&first, &what);
    vb_fail(x->err, -EINVAL,
            "%s %s in several files, one a component, which the format of exports cannot say: the first is %s",
            vb_plural(count, sizeof count, vb_col_int(s, 0), "dataset"), vb_col_int(s, 0) == 1 ? "is" : "are",
            vb_buf_text(&what));
    vb_hint(x->err, "vbutler export-gen3 takes them along; or leave them out with --dataset-types or --where");
    return -EINVAL;
}

int vb_export_datasets(vb_exporting *x)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    /* With everything goes every type, also one without datasets. */
    const char *sql = x->all ? "SELECT id FROM dataset_type ORDER BY name"
                             : "SELECT id FROM dataset_type WHERE id IN (SELECT type_id FROM temp.selected)"
                               " ORDER BY name";
    int r = refuse_parts(x);

    if (!r)
        r = vb_sql(x->reg->db, &s, x->err, sql, VB_NO_ARGS);
    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        const vb_dataset_type *type;

        r = vb_dataset_type_by_id(x->reg, vb_col_int(s, 0), &type, x->err);
        if (!r)
            write_type(x, type);
        if (!r)
            r = write_runs(x, type);
    }
    return r;
}
