#include "fs/ingest/bind.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/lookup.h"
#include "registry/sky/pixels.h"

#include <inttypes.h>
#include <string.h>

/* All names that could stand for a dimension of the type, for the nearest of them. */
static char **possible_names(const vb_group *group)
{
    char **names = NULL;

    for (int i = 0; i < group->nrequired; i++) {
        const vb_element *d = group->dims[i];

        vb_strv_add(&names, d->name);
        for (size_t k = 1; k < d->nkeys; k++) {
            vb_autofree char *name = vb_format("%s.%s", d->name, d->keys[k].name);

            vb_strv_add(&names, name);
        }
        if (d->is_skypix && !strcmp(d->system, "healpix")) {
            vb_autofree char *name = vb_format("%s.ring", d->name);

            vb_strv_add(&names, name);
        }
    }
    return names;
}

static int no_such_name(const vb_bindings *b, const char *name, vb_error *err)
{
    char **names = possible_names(b->type->group);
    const char *near = vb_nearest(name, (const char *const *)names);

    vb_fail(err, -EINVAL, "'%s' is no dimension of dataset type '%s', which has {%s}", name, b->type->name,
            b->type->group->key);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    vb_strv_free(names);
    return -EINVAL;
}

/* How "detector.full_name" binds; false where there is no such key. */
static bool parse_suffix(const vb_element *d, const char *suffix, vb_binding *out)
{
    if (d->is_skypix) {
        out->kind = VB_BIND_RING;
        return !strcmp(d->system, "healpix") && !strcmp(suffix, "ring");
    }
    out->kind = VB_BIND_KEY;
    for (size_t i = 1; i < d->nkeys; i++)
        if (!strcmp(d->keys[i].name, suffix))
            out->key = &d->keys[i];
    return out->key != NULL;
}

int vb_bindings_add(vb_bindings *b, const char *name, size_t column, const char *constant, vb_error *err)
{
    const vb_group *group = b->type->group;
    size_t n = strcspn(name, ".");

    for (int i = 0; i < group->nrequired; i++) {
        vb_binding binding = {.dimension = group->dims[i], .column = column, .constant = constant};

        if (strlen(group->dims[i]->name) != n || strncmp(group->dims[i]->name, name, n))
            continue;
        if (name[n] && !parse_suffix(group->dims[i], name + n + 1, &binding))
            break;
        if (b->items[i].dimension)
            return vb_fail(err, -EINVAL, "'%s' is told twice", group->dims[i]->name);
        b->items[i] = binding;
        return 0;
    }
    return no_such_name(b, name, err);
}

int vb_bindings_complete(const vb_bindings *b, vb_error *err)
{
    const vb_group *group = b->type->group;

    for (int i = 0; i < group->nrequired; i++)
        if (!b->items[i].dimension) {
            vb_fail(err, -EINVAL, "nothing tells '%s', which dataset type '%s' {%s} needs", group->dims[i]->name,
                    b->type->name, group->key);
            vb_hint(err, "add a column of that name, or say --data-id %s=...", group->dims[i]->name);
            return -EINVAL;
        }
    return 0;
}

static const char *text_of(const vb_binding *binding, char *const *cells)
{
    return binding->column == SIZE_MAX ? binding->constant : cells[binding->column];
}

static int parse_pixel(const vb_binding *binding, const char *text, vb_value *out, vb_error *err)
{
    const vb_element *d = binding->dimension;
    bool healpix = !strcmp(d->system, "healpix");
    uint64_t begin = healpix ? 0 : UINT64_C(8) << (2 * d->level);
    uint64_t end = healpix ? UINT64_C(12) << (2 * d->level) : 2 * begin;
    int r = vb_dimension_parse(d, text, out, err);

    if (r < 0)
        return r;
    if (out->i < (int64_t)begin || out->i >= (int64_t)end)
        return vb_fail(err, -EINVAL, "%s: must be from %" PRIu64 " to %" PRIu64 ", not %s", d->name, begin, end - 1,
                       text);
    if (binding->kind == VB_BIND_RING)
        out->i = (int64_t)vb_healpix_ring_to_nest(d->level, (uint64_t)out->i);
    return 0;
}

static int find_key(const vb_bindings *b, const vb_binding *binding, const char *text, const vb_dataid *id,
                    vb_value *out, vb_error *err)
{
    int r = vb_dimension_by_key(b->reg, binding->dimension, binding->key->name, text, id, out, err);

    return r ? (r < 0 ? r : 0)
             : vb_fail(err, -ENOENT, "no %s has %s '%s'", binding->dimension->name, binding->key->name, text);
}

/* Keys are looked up when the other values are there. */
static int fill(const vb_bindings *b, char *const *cells, bool keys, vb_dataid *out, vb_error *err)
{
    int r = 0;

    for (int i = 0; !r && i < out->group->nrequired; i++) {
        const vb_binding *binding = &b->items[i];
        const char *text = text_of(binding, cells);

        if ((binding->kind == VB_BIND_KEY) != keys)
            continue;
        if (keys)
            r = find_key(b, binding, text, out, &out->values[i], err);
        else if (binding->dimension->is_skypix)
            r = parse_pixel(binding, text, &out->values[i], err);
        else
            r = vb_dimension_parse(binding->dimension, text, &out->values[i], err);
    }
    return r;
}

int vb_bindings_dataid(const vb_bindings *b, char *const *cells, vb_dataid *out, vb_error *err)
{
    int r;

    *out = (vb_dataid){.group = b->type->group};
    r = fill(b, cells, false, out, err);
    if (!r)
        r = fill(b, cells, true, out, err);
    if (r < 0)
        vb_dataid_clear(out);
    return r;
}
