#include "registry/query/collections.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/dataset_type.h"
#include "registry/internal.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A set of collection types, as bits. */
static int parse_types(char *const *names, unsigned *out, vb_error *err)
{
    *out = names && *names ? 0 : ~0u;
    for (; names && *names; names++) {
        unsigned before = *out;

        for (int t = VB_RUN; t <= VB_CALIBRATION; t++)
            if (!strcasecmp(*names, vb_collection_type_name((vb_collection_type)t)))
                *out |= 1u << t;
        if (*out == before)
            return vb_fail(err, -EINVAL, "'%s' is no type of collection: RUN, TAGGED, CHAINED or CALIBRATION", *names);
    }
    return 0;
}

static bool matches(char *const *globs, const char *name)
{
    for (; *globs; globs++)
        if (!fnmatch(*globs, name, 0))
            return true;
    return false;
}

static int check_names(vb_registry *reg, char *const *globs, vb_error *err)
{
    const vb_collection *c;
    int r = 0;

    for (; !r && *globs; globs++)
        if (!strpbrk(*globs, "*?["))
            r = vb_collection_find(reg, *globs, &c, err);
    return r;
}

/* All that a name or glob stands for, in the order in which they were made. */
static int collect(vb_registry *reg, char *const *globs, vb_search *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT id, name FROM collection ORDER BY id", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        const vb_collection *c;

        r = 0;
        if (*globs && !matches(globs, vb_col_text(s, 1)))
            continue;
        r = vb_collection_by_id(reg, vb_col_int(s, 0), &c, err);
        if (!r)
            *VB_PUSH(out->items, out->count, out->cap) = c;
    }
    return r;
}

static int flattened(vb_registry *reg, vb_search *found, vb_error *err)
{
    vb_autofree char **names = vb_alloc((found->count + 1) * sizeof *names);
    vb_search flat = {0};
    int r;

    for (size_t i = 0; i < found->count; i++)
        names[i] = found->items[i]->name;
    r = vb_search_resolve(reg, names, &flat, err);
    if (r < 0)
        return r;
    vb_search_clear(found);
    *found = flat;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const vb_collection *const *)a)->name, (*(const vb_collection *const *)b)->name);
}

int vb_collections_select(vb_registry *reg, char *const *globs, char *const *types, bool flatten, vb_search *out,
                          vb_error *err)
{
    static char *const none[] = {NULL};
    unsigned wanted;
    size_t kept = 0;
    int r = parse_types(types, &wanted, err);

    globs = globs ? globs : none;
    *out = (vb_search){0};
    if (!r)
        r = check_names(reg, globs, err);
    if (!r)
        r = collect(reg, globs, out, err);
    if (!r && flatten)
        r = flattened(reg, out, err);
    for (size_t i = 0; i < out->count; i++)
        if (wanted >> out->items[i]->type & 1)
            out->items[kept++] = out->items[i];
    out->count = kept;
    if (!flatten && kept)
        qsort(out->items, kept, sizeof *out->items, by_name);
    return r;
}

int vb_collection_types(vb_registry *reg, const vb_collection *c, char *const *exclude, char ***out, vb_error *err)
{
    char **all = NULL, **names = vb_alloc(sizeof *names);
    int r = vb_dataset_type_list(reg, c->id, NULL, SIZE_MAX >> 1, &all, err);

    for (char **name = all; !r && *name; name++)
        if (!exclude || !matches(exclude, *name))
            vb_strv_add(&names, *name);
    if (!r)
        vb_strv_free(all);
    *out = names;
    return r;
}
