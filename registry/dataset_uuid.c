/* dataset_uuid.c - UUIDs that are told by what a dataset is. */
#include "registry/dataset.h"

#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const vb_element *const *)a)->name, (*(const vb_element *const *)b)->name);
}

/* "dataset_type=raw,run=r,detector=1,instrument=HSC", the dimensions by name, in the name space of lsst.org. */
vb_uuid vb_dataset_uuid5(const vb_dataset_type *type, const char *run, const vb_dataid *dataid)
{
    static const vb_uuid space = {
        {0x84, 0x0b, 0x31, 0xd9, 0x05, 0xcd, 0x51, 0x61, 0xb2, 0xc8, 0x00, 0xd3, 0x2b, 0x28, 0x0d, 0x0f}};
    const vb_element *dims[VB_MAX_REQUIRED];
    vb_auto_buf name = {0};
    int n = dataid->group->nrequired;

    memcpy(dims, dataid->group->dims, (size_t)n * sizeof *dims);
    qsort(dims, (size_t)n, sizeof *dims, by_name);
    vb_buf_printf(&name, "dataset_type=%s", type->name);
    if (run)
        vb_buf_printf(&name, ",run=%s", run);
    for (int i = 0; i < n; i++) {
        vb_buf_printf(&name, ",%s=", dims[i]->name);
        vb_value_print(vb_dataid_get(dataid, dims[i]->name), &name);
    }
    return vb_uuid_v5(&space, name.data, name.len);
}
