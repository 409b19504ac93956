#include "registry/dataset_uuid.h"

#include "registry/base/mem.h"

#include <string.h>

static const char *const modes[] =
    {[VB_ID_UNIQUE] = "UNIQUE", [VB_ID_DATAID_TYPE] = "DATAID_TYPE", [VB_ID_DATAID_TYPE_RUN] = "DATAID_TYPE_RUN"};

int vb_id_generation_parse(const char *text, vb_id_generation *out, vb_error *err)
{
    for (size_t i = 0; i < VB_COUNT(modes); i++)
        if (!strcmp(modes[i], text)) {
            *out = (vb_id_generation)i;
            return 0;
        }
    return vb_fail(err, -EINVAL, "'%s' is no way to make UUIDs: %s", text, VB_ID_GENERATION_MODES);
}

/* ",k=v" of each required dimension, by name. */
static void add_dataid(const vb_dataid *id, vb_buf *out)
{
    const char *last = "";

    for (int done = 0; done < id->group->nrequired; done++) {
        int next = -1;

        for (int i = 0; i < id->group->nrequired; i++) {
            const char *name = id->group->dims[i]->name;

            if (strcmp(name, last) > 0 && (next < 0 || strcmp(name, id->group->dims[next]->name) < 0))
                next = i;
        }
        last = id->group->dims[next]->name;
        vb_buf_printf(out, ",%s=", last);
        vb_value_print(&id->values[next], out);
    }
}

vb_uuid vb_dataset_uuid(vb_id_generation mode, const char *type, const char *run, const vb_dataid *dataid)
{
    static const vb_uuid lsst = {
        {0x84, 0x0b, 0x31, 0xd9, 0x05, 0xcd, 0x51, 0x61, 0xb2, 0xc8, 0x00, 0xd3, 0x2b, 0x28, 0x0d, 0x0f}};
    vb_auto_buf name = {0};

    if (mode == VB_ID_UNIQUE)
        return vb_uuid_v7();
    vb_buf_printf(&name, "dataset_type=%s", type);
    if (mode == VB_ID_DATAID_TYPE_RUN)
        vb_buf_printf(&name, ",run=%s", run);
    add_dataid(dataid, &name);
    return vb_uuid_v5(lsst, vb_buf_text(&name), name.len);
}
