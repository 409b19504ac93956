#include "registry/exchange/export.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/exporting.h"

#include <string.h>

enum { CHUNK = 1 << 16 };

void vb_export_report_clear(vb_export_report *report)
{
    vb_strv_free(report->storage_classes);
    vb_strv_free(report->left_out);
    *report = (vb_export_report){0};
}

int vb_export_flush(vb_exporting *x, size_t above)
{
    if (x->text.len <= above)
        return 0;
    if (fwrite(x->text.data, 1, x->text.len, x->out) != x->text.len)
        return vb_fail_errno(x->err, errno ? -errno : -EIO, "writing the export");
    vb_buf_clear(&x->text);
    return 0;
}

static int write_all(vb_exporting *x)
{
    static int (*const steps[])(vb_exporting *) = {
        vb_export_plan, vb_export_records, vb_export_collections, vb_export_datasets, vb_export_associations,
    };
    const vb_universe *u = x->reg->universe;
    int r = 0;

    vb_buf_printf(&x->text,
                  "description: Butler Data Repository Export\nversion: 1.0.2\nuniverse_version: %d\n"
                  "universe_namespace: %s\ndata:\n",
                  vb_universe_version(u), vb_universe_namespace(u));
    for (size_t i = 0; !r && i < VB_COUNT(steps); i++)
        r = steps[i](x);
    if (!r && vb_ends_with(vb_buf_text(&x->text), "data:\n")) { /* nothing: an empty list */
        x->text.len--;
        vb_buf_puts(&x->text, " []\n");
    }
    return r < 0 ? r : vb_export_flush(x, 0);
}

int vb_export_write(vb_registry *reg, const vb_export_options *options, FILE *out, vb_export_report *report,
                    vb_error *err)
{
    vb_exporting x = {.reg = reg, .options = options, .out = out, .report = report, .err = err};
    int r;

    x.all = !options->collections && !options->types && !options->where;
    x.whole = x.all && !options->target;
    *report = (vb_export_report){0};
    r = options->target ? vb_export_attach_target(&x) : 0;
    /* All that is read is of one moment. */
    if (!r)
        r = vb_db_run(reg->db, "BEGIN", err);
    if (r < 0)
        return r;
    r = write_all(&x);
    vb_db_run(reg->db, "ROLLBACK", NULL);
    if (options->target)
        vb_db_run(reg->db, "DETACH target", NULL);
    vb_buf_free(&x.text);
    return r;
}
