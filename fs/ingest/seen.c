#include "fs/ingest/seen.h"

#include "registry/base/hash.h"
#include "registry/base/mem.h"
#include "registry/lookup.h"

#include <string.h>

/* A hash table with open addressing; a slot of length 0 is free. */
struct slot {
    uint64_t hash;
    size_t offset, length; /* of the key, in `keys` */
    size_t line;
};

struct vb_seen {
    vb_registry *reg;
    const vb_group *group;
    vb_buf keys, key;
    struct slot *slots;
    size_t count, size; /* a power of two */
};

vb_seen *vb_seen_new(vb_registry *reg, const vb_group *group)
{
    vb_seen *seen = VB_NEW(vb_seen);

    *seen = (vb_seen){.reg = reg, .group = group, .size = 1024};
    seen->slots = vb_alloc(seen->size * sizeof *seen->slots);
    return seen;
}

void vb_seen_free(vb_seen *seen)
{
    vb_buf_free(&seen->keys);
    vb_buf_free(&seen->key);
    free(seen->slots);
    free(seen);
}

/* The slot of the key, or the free one where it belongs. */
static struct slot *find(vb_seen *seen, uint64_t hash)
{
    for (size_t i = hash & (seen->size - 1);; i = (i + 1) & (seen->size - 1)) {
        struct slot *s = &seen->slots[i];

        if (!s->length || (s->hash == hash && s->length == seen->key.len &&
                           !memcmp(seen->keys.data + s->offset, seen->key.data, s->length)))
            return s;
    }
}

static void grow(vb_seen *seen)
{
    struct slot *old = seen->slots;
    size_t n = seen->size;

    seen->size *= 2;
    seen->slots = vb_alloc(seen->size * sizeof *seen->slots);
    for (size_t i = 0; i < n; i++)
        if (old[i].length) {
            size_t at = old[i].hash & (seen->size - 1);

            while (seen->slots[at].length)
                at = (at + 1) & (seen->size - 1);
            seen->slots[at] = old[i];
        }
    free(old);
}

static void take(vb_seen *seen, struct slot *s, uint64_t hash, size_t line)
{
    *s = (struct slot){hash, seen->keys.len, seen->key.len, line};
    vb_buf_add(&seen->keys, seen->key.data, seen->key.len);
    if (++seen->count > seen->size / 2)
        grow(seen);
}

static void add_value(vb_buf *key, const vb_value *v)
{
    if (v->kind == VB_INT) {
        vb_buf_add(key, &v->i, sizeof v->i);
        return;
    }
    vb_buf_add(key, &v->len, sizeof v->len);
    vb_buf_add(key, v->text, v->len);
}

int vb_seen_add(vb_seen *seen, const vb_dataid *id, size_t line, vb_error *err)
{
    vb_auto_buf text = {0};
    struct slot *s;
    uint64_t hash;

    vb_buf_clear(&seen->key);
    vb_buf_putc(&seen->key, 0); /* no element has this number */
    for (int i = 0; i < id->group->nrequired; i++)
        add_value(&seen->key, &id->values[i]);
    hash = vb_hash64(seen->key.data, seen->key.len);
    s = find(seen, hash);
    if (!s->length) {
        take(seen, s, hash, line);
        return 0;
    }
    vb_dataid_print(id, &text);
    return vb_fail(err, -EEXIST, "%s is in line %zu too", vb_buf_text(&text), s->line);
}

/* Fills the key with the dimension's part of a data ID. */
static void key_of(vb_seen *seen, const vb_element *d, const vb_dataid *id)
{
    vb_buf_clear(&seen->key);
    vb_buf_putc(&seen->key, (char)(d->index + 1));
    for (int i = 0; i < id->group->nrequired; i++)
        if (vb_dimset_has(d->required, id->group->dims[i]->index))
            add_value(&seen->key, &id->values[i]);
}

static int check_record(vb_seen *seen, const vb_element *d, const vb_dataid *id, vb_error *err)
{
    vb_auto_dataid part = {0};
    vb_auto_buf text = {0};
    struct slot *s;
    uint64_t hash;
    int r;

    key_of(seen, d, id);
    hash = vb_hash64(seen->key.data, seen->key.len);
    s = find(seen, hash);
    if (s->length)
        return 0;
    r = vb_record_exists(seen->reg, d, id, err);
    if (r > 0)
        take(seen, s, hash, 0);
    if (r)
        return r < 0 ? r : 0;
    vb_dataid_project(id, vb_universe_conform(vb_registry_universe(seen->reg), d->required), &part);
    vb_dataid_print(&part, &text);
    return vb_fail(err, -ENOENT, "the repository has no %s %s", d->name, vb_buf_text(&text));
}

int vb_seen_records(vb_seen *seen, const vb_dataid *id, vb_error *err)
{
    int r = 0;

    for (int i = 0; !r && i < id->group->nrequired; i++)
        if (id->group->dims[i]->has_table && !id->group->dims[i]->is_skypix)
            r = check_record(seen, id->group->dims[i], id, err);
    return r;
}
