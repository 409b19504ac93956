#include "registry/exchange/ranges.h"

#include "registry/internal.h"

#include <inttypes.h>

int vb_range_exists(vb_registry *reg, const vb_collection *calibration, const vb_dataset *d, vb_timespan span,
                    vb_error *err)
{
    const vb_group *group = d->type->group;
    vb_arg args[VB_MAX_REQUIRED + 5];
    size_t n = (size_t)group->nrequired;
    vb_auto_buf sql = {0};
    int64_t one;

    vb_buf_printf(&sql, "SELECT 1 FROM calib_%" PRId64 " WHERE ", d->type->group_id);
    vb_sql_dimensions(&sql, group, "", " = ? AND ");
    vb_buf_printf(&sql,
                  "%stype_id = ? AND collection_id = ? AND timespan_begin = ? AND timespan_end = ? AND"
                  " dataset_id = ?",
                  n ? " = ? AND " : "");
    vb_dataid_args(&d->dataid, args);
    args[n++] = vb_arg_int(d->type->id);
    args[n++] = vb_arg_int(calibration->id);
    args[n++] = vb_arg_int(span.begin);
    args[n++] = vb_arg_int(span.end);
    args[n++] = vb_arg_int(d->id);
    return vb_sql_int(reg->db, &one, err, vb_buf_text(&sql), args, n);
}
