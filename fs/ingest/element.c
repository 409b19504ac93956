#include "fs/ingest/element.h"

int vb_element_record(vb_registry *reg, const char *element, vb_record *out, vb_error *err)
{
    const vb_universe *u = vb_registry_universe(reg);
    const vb_element *e = vb_universe_find(u, element);

    if (!e)
        return vb_fail(err, -ENOENT, "dimension universe %d has no '%s'", vb_universe_version(u), element);
    *out = vb_record_new(reg, e);
    return 0;
}

int vb_element_find(vb_registry *reg, const vb_record *key, vb_record *out, vb_error *err)
{
    vb_auto_dataid id = {0};

    vb_record_dataid(key, reg, &id);
    return vb_record_find(reg, key->element, &id, out, err);
}
