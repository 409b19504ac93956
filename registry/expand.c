#include "registry/expand.h"

#include "registry/base/hash.h"
#include "registry/base/mem.h"
#include "registry/internal.h"

#include <string.h>

enum { PLACES = 1 << 14 }; /* for the records of an element that many data IDs share */

/* A record that was looked for. */
struct place {
    bool has;
    vb_record record;
    vb_value key[];
};

/* Where a dimension's value is told. */
struct source {
    int element; /* by a record of this; -1: by the data ID */
    int at;      /* which of its values */
};

struct part {
    const vb_element *element;
    struct source key[VB_MAX_REQUIRED];
    int nkey;
    struct place **places; /* by the hash of the key */
    size_t nplaces;        /* 1: each data ID has its own record */
    struct place *last;
    vb_stmt *find;
};

struct vb_expander {
    vb_registry *reg;
    const vb_group *group;
    struct part parts[VB_MAX_ELEMENTS]; /* each after those that tell its key */
    int nparts;
    struct source sources[VB_MAX_ELEMENTS]; /* of the dimensions */
    const vb_record *records[VB_MAX_ELEMENTS];
};

/* ---- what tells what ------------------------------------------------------------------------------------------ */

static int column_of(const vb_record *columns, const char *name)
{
    int i = 0;

    while (strcmp(vb_record_column(columns, i), name) != 0)
        i++;
    return i;
}

static void add_part(vb_expander *x, const vb_element *e, vb_dimset *known)
{
    struct part *part = &x->parts[x->nparts++];
    vb_record columns = {.universe = x->group->universe, .element = e};
    bool own = vb_dimset_within(x->group->required, e->required);

    *part = (struct part){.element = e, .nplaces = own ? 1 : PLACES};
    part->places = vb_alloc(part->nplaces * sizeof *part->places);
    VB_EACH_DIMENSION(i, e->required)
        part->key[part->nkey++] = x->sources[i];
    VB_EACH_DIMENSION(i, vb_dimset_minus(e->implied, *known)) {
        x->sources[i] = (struct source){e->index, column_of(&columns, vb_universe_at(columns.universe, i)->name)};
        vb_dimset_add(known, i);
    }
}

vb_expander *vb_expander_new(vb_registry *reg, const vb_group *group)
{
    vb_expander *x = VB_NEW(vb_expander);
    vb_dimset known = group->required, done = {{0}};

    x->reg = reg;
    x->group = group;
    for (int i = 0; i < group->nrequired; i++)
        x->sources[group->dims[i]->index] = (struct source){-1, i};
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < vb_universe_count(group->universe); i++) {
            const vb_element *e = vb_universe_at(group->universe, i);

            if (!e->has_table || e->is_skypix || vb_dimset_has(done, i) || !vb_dimset_within(e->required, known))
                continue;
            vb_dimset_add(&done, i);
            add_part(x, e, &known);
            more = true;
        }
    }
    return x;
}

static void free_place(const struct part *part, struct place *place)
{
    for (int i = 0; place && i < part->nkey; i++)
        vb_value_clear(&place->key[i]);
    if (place)
        vb_record_clear(&place->record);
    free(place);
}

void vb_expander_free(vb_expander *x)
{
    for (int p = 0; p < x->nparts; p++) {
        for (size_t i = 0; i < x->parts[p].nplaces; i++)
            free_place(&x->parts[p], x->parts[p].places[i]);
        free(x->parts[p].places);
        vb_stmt_done(x->parts[p].find);
    }
    free(x);
}

/* ---- one data ID ---------------------------------------------------------------------------------------------- */

static bool is_of(const struct part *part, const struct place *place, const vb_value *const *key)
{
    for (int i = 0; i < part->nkey; i++)
        if (vb_value_compare(&place->key[i], key[i]))
            return false;
    return true;
}

static size_t hash(const struct part *part, const vb_value *const *key)
{
    const uint64_t odd = 0x9e3779b97f4a7c15;
    uint64_t mixed = 0;

    for (int i = 0; i < part->nkey; i++)
        mixed = (mixed ^ (key[i]->kind == VB_TEXT ? vb_hash64(key[i]->text, key[i]->len) : (uint64_t)key[i]->i)) * odd;
    return (size_t)(mixed >> 32) % part->nplaces;
}

static int look_up(vb_expander *x, struct part *part, const vb_value *const *key, struct place *out, vb_error *err)
{
    vb_arg args[VB_MAX_REQUIRED];
    size_t n = (size_t)part->nkey;
    int r;

    for (int i = 0; i < part->nkey; i++) {
        out->key[i] = vb_value_copy(key[i]);
        args[i] = vb_arg_value(&out->key[i]);
    }
    r = part->find ? vb_stmt_rebind(part->find, args, n, err)
                   : vb_sql(x->reg->db, &part->find, err, vb_record_find_sql(x->reg, part->element), args, n);
    if (!r)
        r = vb_stmt_step(part->find, err);
    out->has = r > 0;
    if (r > 0) {
        vb_record_read(x->reg, part->element, part->find, &out->record);
        r = vb_stmt_step(part->find, err); /* to its end: no lock is held until the next */
    }
    return r < 0 ? r : 0;
}

/* Puts what is looked for in the place of what was there. */
static int replace(vb_expander *x, struct part *part, const vb_value *const *key, struct place **place, vb_error *err)
{
    struct place *new = vb_alloc(sizeof *new + (size_t)part->nkey * sizeof *new->key);
    int r = look_up(x, part, key, new, err);

    free_place(part, *place);
    *place = new;
    if (r < 0)
        free_place(part, VB_STEAL(*place));
    return r;
}

/* NULL where no record tells one of the values. */
static const vb_value *told(const vb_expander *x, const vb_dataid *id, struct source source)
{
    const vb_value *v = source.element < 0           ? &id->values[source.at]
                        : x->records[source.element] ? &x->records[source.element]->values[source.at]
                                                     : NULL;

    return v && v->kind != VB_NULL ? v : NULL;
}

static int expand_part(vb_expander *x, struct part *part, const vb_dataid *id, vb_error *err)
{
    const vb_value *key[VB_MAX_REQUIRED];
    struct place **place;
    int r = 0;

    for (int i = 0; i < part->nkey; i++) {
        key[i] = told(x, id, part->key[i]);
        if (!key[i])
            return 0;
    }
    if (!part->last || !is_of(part, part->last, key)) {
        place = &part->places[hash(part, key)];
        part->last = NULL;
        if (!*place || !is_of(part, *place, key))
            r = replace(x, part, key, place, err);
        part->last = *place;
    }
    if (!r && part->last->has)
        x->records[part->element->index] = &part->last->record;
    return r;
}

int vb_expand(vb_expander *x, const vb_dataid *id, const vb_record *const **records, vb_error *err)
{
    int r = 0;

    memset(x->records, 0, sizeof x->records);
    for (int i = 0; !r && i < x->nparts; i++)
        r = expand_part(x, &x->parts[i], id, err);
    *records = x->records;
    return r;
}
