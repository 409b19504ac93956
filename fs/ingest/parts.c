#include "fs/ingest/parts.h"

#include "registry/base/buf.h"
#include "registry/base/mem.h"

#include <string.h>
#include <uthash.h>

/* The line in which a component of a dataset was told; "" is the whole. */
struct told {
    const vb_storage_component *component; /* NULL: the whole */
    size_t line;
};

struct entry {
    vb_part_of of;
    struct told *told;
    size_t count, cap;
    UT_hash_handle hh;
    char dataid[]; /* packed */
};

struct vb_parts {
    vb_storage_classes *classes;
    const vb_dataset_type *type;
    struct entry *table;
};

int vb_parts_new(vb_registry *reg, const vb_dataset_type *type, vb_parts **out, vb_error *err)
{
    vb_auto(vb_parts_free) vb_parts *p = VB_NEW(vb_parts);
    int r = vb_storage_classes_open(reg, &p->classes, err);

    if (r < 0)
        return r;
    p->type = type;
    *out = VB_STEAL(p);
    return 0;
}

void vb_parts_free(vb_parts *p)
{
    struct entry *e, *next;

    HASH_ITER(hh, p->table, e, next) {
        HASH_DEL(p->table, e);
        free(e->told);
        free(e);
    }
    if (p->classes)
        vb_storage_classes_close(p->classes);
    free(p);
}

static struct entry *find(vb_parts *p, const vb_buf *packed)
{
    struct entry *e;

    HASH_FIND(hh, p->table, packed->data, packed->len, e);
    return e;
}

static struct entry *add(vb_parts *p, const vb_buf *packed)
{
    struct entry *e = vb_alloc(sizeof *e + packed->len + 1);

    memcpy(e->dataid, packed->data, packed->len);
    HASH_ADD_KEYPTR(hh, p->table, e->dataid, packed->len, e);
    return e;
}

vb_part_of *vb_parts_find(vb_parts *p, const vb_dataid *id)
{
    vb_auto_buf packed = {0};
    struct entry *e;

    vb_dataid_pack(id, &packed);
    e = find(p, &packed);
    return e ? &e->of : NULL;
}

/* The component that a cell names; NULL: the whole. */
static int find_component(const vb_parts *p, const char *name, const vb_storage_component **out, vb_error *err)
{
    int r;

    *out = NULL;
    if (!*name)
        return 0;
    r = vb_storage_classes_component(p->classes, p->type->storage_class, name, out, err);
    if (r < 0)
        return vb_error_context(err, "dataset type '%s'", p->type->name);
    if (!(*out)->derived)
        return 0;
    vb_fail(err, -EINVAL,
            "component '%s' of storage class %s is derived: it is reckoned from the others and has no file", name,
            p->type->storage_class);
    return -EINVAL;
}

static int check_told(const struct entry *e, const vb_dataid *id, const vb_storage_component *component, vb_error *err)
{
    vb_auto_buf text = {0};

    vb_dataid_print(id, &text);
    for (size_t i = 0; i < e->count; i++) {
        const struct told *t = &e->told[i];

        if (t->component == component && !component)
            return vb_fail(err, -EEXIST, "%s is in line %zu too", vb_buf_text(&text), t->line);
        if (t->component == component)
            return vb_fail(err, -EEXIST, "component '%s' of %s is in line %zu too", component->name, vb_buf_text(&text),
                           t->line);
        if (!t->component != !component)
            return vb_fail(err, -EINVAL, "%s is %s line %zu, and %s here: a dataset is in one file or in parts",
                           vb_buf_text(&text), component ? "whole in" : "in parts since", t->line,
                           component ? "in parts" : "whole");
    }
    return 0;
}

int vb_parts_add(vb_parts *p, const vb_dataid *id, const char *component, size_t line, vb_part_of **of,
                 const vb_storage_component **out, vb_error *err)
{
    vb_auto_buf packed = {0};
    struct entry *e;
    int r = find_component(p, component, out, err);

    if (r < 0)
        return r;
    vb_dataid_pack(id, &packed);
    e = find(p, &packed);
    r = e ? check_told(e, id, *out, err) : 0;
    if (r < 0)
        return r;
    if (!e)
        e = add(p, &packed);
    *VB_PUSH(e->told, e->count, e->cap) = (struct told){*out, line};
    *of = &e->of;
    return e->count == 1;
}

size_t vb_parts_count(const vb_parts *p)
{
    size_t n = 0;

    for (const struct entry *e = p->table; e; e = e->hh.next)
        n += !e->of.left_out && e->told[0].component;
    return n;
}
