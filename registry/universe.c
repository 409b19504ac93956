#include "registry/universe_internal.h"

#include "registry/base/buf.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <string.h>

/* registry/universes/N.yaml, by the build (universes/table.sh). */
struct vb_embedded_universe {
    int version;
    const char *text;
    const size_t *size;
};
extern const struct vb_embedded_universe vb_embedded_universes[];
extern const size_t vb_embedded_universe_count;

int vb_universe_builtin(int version, vb_universe **out, vb_error *err)
{
    vb_auto_buf there = {0};

    for (size_t i = 0; i < vb_embedded_universe_count; i++) {
        const struct vb_embedded_universe *e = &vb_embedded_universes[i];
        vb_autofree char *name = vb_format("universes/%d.yaml", e->version);

        if (e->version == version)
            return vb_universe_load_text(name, e->text, *e->size, out, err);
        vb_buf_separate(&there, ", ");
        vb_buf_printf(&there, "%d", e->version);
    }
    return vb_fail(err, -ENOENT, "dimension universe %d does not come with vbutler (%s do)", version,
                   vb_buf_text(&there));
}

static void free_fields(vb_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(fields[i].name);
        free(fields[i].doc);
    }
    free(fields);
}

void vb_universe_free(vb_universe *u)
{
    for (int i = 0; i < u->count; i++) {
        vb_element *e = &u->elements[i];

        free(e->name);
        free(e->doc);
        free(e->populated_by);
        free_fields(e->keys, e->nkeys);
        free_fields(e->metadata, e->nmetadata);
    }
    for (size_t i = 0; i < u->ngroups; i++) {
        free((void *)u->groups[i]->dims);
        free(u->groups[i]->key);
        free(u->groups[i]);
    }
    free(u->groups);
    free(u->elements);
    free(u->namespace);
    free(u->json);
    free(u);
}

int vb_universe_version(const vb_universe *u)
{
    return u->version;
}

const char *vb_universe_namespace(const vb_universe *u)
{
    return u->namespace;
}

const char *vb_universe_json(const vb_universe *u)
{
    return u->json;
}

int vb_universe_count(const vb_universe *u)
{
    return u->count;
}

const vb_element *vb_universe_at(const vb_universe *u, int index)
{
    return &u->elements[index];
}

const vb_element *vb_universe_find(const vb_universe *u, const char *name)
{
    for (int i = 0; i < u->count; i++)
        if (!strcmp(u->elements[i].name, name))
            return &u->elements[i];
    return NULL;
}

const vb_element *vb_universe_common_skypix(const vb_universe *u)
{
    return u->common;
}

int vb_universe_dimension(const vb_universe *u, const char *name, const vb_element **out, vb_error *err)
{
    const vb_element *e = vb_universe_find(u, name);
    const char *names[VB_MAX_ELEMENTS + 1], *near;
    int n = 0;

    if (e && e->is_dimension) {
        *out = e;
        return 0;
    }
    for (int i = 0; i < u->count; i++)
        if (u->elements[i].is_dimension)
            names[n++] = u->elements[i].name;
    names[n] = NULL;
    vb_fail(err, -EINVAL, "no dimension '%s' in universe %d", name, u->version);
    near = vb_nearest(name, names);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    return -EINVAL;
}

int vb_universe_spatial_families(const vb_universe *u)
{
    return u->spatial_families;
}

int vb_universe_temporal_families(const vb_universe *u)
{
    return u->temporal_families;
}

const vb_field *vb_element_field(const vb_element *e, const char *name)
{
    for (size_t i = 1; i < e->nkeys; i++)
        if (!strcmp(e->keys[i].name, name))
            return &e->keys[i];
    for (size_t i = 0; i < e->nmetadata; i++)
        if (!strcmp(e->metadata[i].name, name))
            return &e->metadata[i];
    return NULL;
}
