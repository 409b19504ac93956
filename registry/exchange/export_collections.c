/* export_collections.c - collections of an export, and what TAGGED and CALIBRATION ones have of its datasets. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/exporting.h"
#include "registry/exchange/yaml_out.h"

#include <inttypes.h>
#include <string.h>

static int write_children(vb_exporting *x, const vb_collection *chain)
{
    char **children;
    int r = vb_collection_children(x->reg, chain, &children, x->err);

    if (r < 0)
        return r;
    vb_buf_puts(&x->text, *children ? "  children:\n" : "  children: []\n");
    for (char **child = children; *child; child++) {
        vb_buf_puts(&x->text, "  - ");
        vb_yaml_put_text(&x->text, *child);
        vb_buf_putc(&x->text, '\n');
    }
    vb_strv_free(children);
    return 0;
}

/* Where and when a RUN was made: null where nobody has said so. */
static int write_run(vb_exporting *x, const vb_collection *run)
{
    vb_run_detail detail = {0};
    int r = vb_collection_run_detail(x->reg, run, &detail, x->err);

    if (r < 0)
        return r;
    vb_buf_puts(&x->text, "  host: ");
    if (detail.host)
        vb_yaml_put_text(&x->text, detail.host);
    else
        vb_buf_puts(&x->text, "null");
    vb_buf_puts(&x->text, "\n  timespan_begin: ");
    vb_yaml_put_time(&x->text, detail.has_span ? detail.span.begin : VB_TIME_MIN, VB_TIME_MIN);
    vb_buf_puts(&x->text, "\n  timespan_end: ");
    vb_yaml_put_time(&x->text, detail.has_span ? detail.span.end : VB_TIME_MAX, VB_TIME_MAX);
    vb_buf_putc(&x->text, '\n');
    vb_run_detail_clear(&detail);
    return 0;
}

static int write_collection(vb_exporting *x, const vb_collection *c)
{
    int r = 0;

    vb_buf_printf(&x->text, "- type: collection\n  collection_type: %s\n  name: ", vb_collection_type_name(c->type));
    vb_yaml_put_text(&x->text, c->name);
    vb_buf_putc(&x->text, '\n');
    if (c->doc) {
        vb_buf_puts(&x->text, "  doc: ");
        vb_yaml_put_text(&x->text, c->doc);
        vb_buf_putc(&x->text, '\n');
    }
    if (c->type == VB_RUN)
        r = write_run(x, c);
    x->report->collections++;
    return r < 0 || c->type != VB_CHAINED ? r : write_children(x, c);
}

/* Calls `each` for the exported collections of a type, by name. */
static int each_collection(vb_exporting *x, const char *condition, int (*each)(vb_exporting *, const vb_collection *))
{
    vb_autofree char *sql = vb_format("SELECT id FROM collection WHERE id IN (SELECT id FROM temp.exported_collection)"
                                      " AND type %s ORDER BY type, name",
                                      condition);
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(x->reg->db, &s, x->err, sql, VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        const vb_collection *c;

        r = vb_collection_by_id(x->reg, vb_col_int(s, 0), &c, x->err);
        if (!r)
            r = each(x, c);
    }
    return r;
}

int vb_export_collections(vb_exporting *x)
{
    int r = each_collection(x, "!= 3", write_collection);

    return r < 0 ? r : each_collection(x, "= 3", write_collection); /* chains come after their children */
}

/* ---- associations ----------------------------------------------------------------------------------------------- */

/* "SELECT ... UNION ALL SELECT ...": the rows that a collection has, of all groups of dimensions. */
static int rows_of(vb_exporting *x, const char *table, const char *columns, vb_buf *sql)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(x->reg->db, &s, x->err, "SELECT id FROM dataid_group ORDER BY id", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        vb_buf_separate(sql, " UNION ALL ");
        vb_buf_printf(sql,
                      "SELECT d.uuid%s FROM %s_%" PRId64
                      " m CROSS JOIN dataset d ON d.id = m.dataset_id WHERE m.collection_id = ?1"
                      " AND m.type_id IN (SELECT id FROM dataset_type) AND d.state = 0%s",
                      columns, table, vb_col_int(s, 0),
                      x->whole ? ""
                               : " AND EXISTS (SELECT 1 FROM temp.selected w WHERE w.type_id = m.type_id"
                                 " AND w.dataset_id = m.dataset_id)");
        r = 0;
    }
    return r;
}

static void begin_associations(vb_exporting *x, const vb_collection *c, const char *list)
{
    vb_buf_puts(&x->text, "- type: associations\n  collection: ");
    vb_yaml_put_text(&x->text, c->name);
    vb_buf_printf(&x->text, "\n  collection_type: %s\n  %s:\n", vb_collection_type_name(c->type), list);
}

static int write_tagged(vb_exporting *x, const vb_collection *c)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    bool first = true;
    int r = rows_of(x, "member", "", &sql);

    if (r < 0 || !sql.len)
        return r;
    r = vb_sql(x->reg->db, &s, x->err, sql.data, VB_ARGS(c->id));
    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        vb_uuid uuid = vb_col_uuid(s, 0);

        if (first)
            begin_associations(x, c, "dataset_ids");
        first = false;
        vb_buf_puts(&x->text, "  - ");
        vb_yaml_put_uuid(&x->text, &uuid);
        vb_buf_putc(&x->text, '\n');
        x->report->associations++;
        r = vb_export_flush(x, 1 << 16);
    }
    return r;
}

static void begin_range(vb_exporting *x, int64_t begin, int64_t end)
{
    vb_buf_puts(&x->text, "  - timespan: !lsst.daf.butler.Timespan\n      begin: ");
    vb_yaml_put_time(&x->text, begin, VB_TIME_MIN);
    vb_buf_puts(&x->text, "\n      end: ");
    vb_yaml_put_time(&x->text, end, VB_TIME_MAX);
    vb_buf_puts(&x->text, "\n    dataset_ids:\n");
}

static int write_ranges(vb_exporting *x, const vb_collection *c)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int64_t begin = 0, end = 0;
    bool first = true;
    int r = rows_of(x, "calib", ", m.timespan_begin, m.timespan_end", &sql);

    if (r < 0 || !sql.len)
        return r;
    vb_buf_puts(&sql, " ORDER BY 2, 3");
    r = vb_sql(x->reg->db, &s, x->err, sql.data, VB_ARGS(c->id));
    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        vb_uuid uuid = vb_col_uuid(s, 0);

        if (first)
            begin_associations(x, c, "validity_ranges");
        if (first || begin != vb_col_int(s, 1) || end != vb_col_int(s, 2))
            begin_range(x, begin = vb_col_int(s, 1), end = vb_col_int(s, 2));
        first = false;
        vb_buf_puts(&x->text, "    - ");
        vb_yaml_put_uuid(&x->text, &uuid);
        vb_buf_putc(&x->text, '\n');
        x->report->associations++;
        r = vb_export_flush(x, 1 << 16);
    }
    return r;
}

int vb_export_associations(vb_exporting *x)
{
    int r = each_collection(x, "= 2", write_tagged);

    return r < 0 ? r : each_collection(x, "= 4", write_ranges);
}
