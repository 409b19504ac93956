#include "registry/gen3/chosen.h"

#include "registry/base/mem.h"
#include "registry/gen3/private.h"
#include "registry/selection.h"

#include <stdlib.h>
#include <string.h>

struct vb_gen3_chosen {
    vb_uuid *uuids; /* sorted */
    size_t count, cap;
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(vb_uuid));
}

static int add(void *arg, const vb_dataset *d, vb_error *err)
{
    vb_gen3_chosen *c = arg;

    *VB_PUSH(c->uuids, c->count, c->cap) = d->uuid;
    return 0;
}

static int ask(const char *file, const char *where, vb_gen3_chosen *c, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    static char glob[] = "*";
    char *every[] = {glob, NULL};
    vb_selecting what = {.collections = every, .where = where};
    int64_t count;
    int r = vb_registry_open(file, VB_ACCESS_WRITE, &reg, err);

    vb_gen3_private_unlink(file);
    if (!r)
        r = vb_select(reg, &what, &count, err);
    return r < 0 ? r : vb_selected_each(reg, add, c, err);
}

int vb_gen3_choose(vb_gen3 *g, const char *where, const vb_gen3_copy_options *options, vb_gen3_chosen **out,
                   vb_error *err)
{
    vb_auto(vb_gen3_chosen_free) vb_gen3_chosen *c = VB_NEW(vb_gen3_chosen);
    vb_gen3_copy_options all = {.tell = options->tell, .tell_arg = options->tell_arg};
    vb_autofree char *file = NULL;
    vb_gen3_counts counts;
    int r = vb_gen3_private_file(&file, err);

    if (r < 0)
        return r;
    r = vb_gen3_snapshot(g, file, &all, &counts, err);
    if (!r)
        r = ask(file, where, c, err);
    else
        vb_gen3_private_unlink(file);
    if (r < 0)
        return r;
    if (c->count)
        qsort(c->uuids, c->count, sizeof *c->uuids, by_bytes);
    *out = VB_STEAL(c);
    return 0;
}

void vb_gen3_chosen_free(vb_gen3_chosen *c)
{
    free(c->uuids);
    free(c);
}

bool vb_gen3_chosen_has(const vb_gen3_chosen *c, const vb_uuid *uuid)
{
    return c->count && bsearch(uuid, c->uuids, c->count, sizeof *c->uuids, by_bytes);
}
