#include "registry/gen3/chosen.h"

#include "registry/base/mem.h"
#include "registry/gen3/private.h"
#include "registry/internal.h"
#include "registry/record_choice.h"
#include "registry/schema.h"
#include "registry/selection.h"

#include <stdlib.h>
#include <string.h>

struct vb_gen3_chosen {
    vb_registry *reg; /* the snapshot, with the records that were chosen */
    vb_uuid *uuids;   /* sorted */
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
    static char glob[] = "*";
    char *every[] = {glob, NULL};
    vb_selecting what = {.collections = every, .where = where};
    int64_t count;
    int r = vb_registry_open(file, VB_ACCESS_WRITE, &c->reg, err);

    vb_gen3_private_unlink(file);
    if (!r)
        r = vb_select(c->reg, &what, &count, err);
    if (!r)
        r = vb_selected_each(c->reg, add, c, err);
    return r < 0 ? r : vb_choose_records(c->reg, err);
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
    if (c->reg)
        vb_registry_close(c->reg);
    free(c->uuids);
    free(c);
}

bool vb_gen3_chosen_has(const vb_gen3_chosen *c, const vb_uuid *uuid)
{
    return c->count && bsearch(uuid, c->uuids, c->count, sizeof *c->uuids, by_bytes);
}

int vb_gen3_chosen_record(const vb_gen3_chosen *c, const vb_element *e, const vb_value *key, vb_error *err)
{
    const vb_element *ours = vb_universe_find(c->reg->universe, e->name);
    vb_arg args[VB_MAX_REQUIRED + 1];
    vb_auto_buf sql = {0};
    int64_t one;
    size_t n = 0;

    vb_buf_puts(&sql, "SELECT 1 FROM ");
    vb_schema_table(&sql, ours);
    vb_buf_puts(&sql, " e CROSS JOIN temp.chosen_record x ON x.element = ? AND x.id = e._id WHERE");
    args[n++] = vb_arg_int(ours->index);
    VB_EACH_DIMENSION(i, ours->required) {
        vb_buf_puts(&sql, n > 1 ? " AND e." : " e.");
        vb_sql_name(&sql, vb_universe_at(c->reg->universe, i)->name);
        vb_buf_puts(&sql, " = ?");
        args[n] = vb_arg_value(&key[n - 1]);
        n++;
    }
    return vb_sql_int(c->reg->db, &one, err, vb_buf_text(&sql), args, n);
}
