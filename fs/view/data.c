/* data.c - data/COLLECTION/TYPE/k=v/k=v/FILE: a path is a query, a directory is its result.
 *
 * A directory may be several things at once: the beginning of collections' names, a collection, and a dataset type of
 * the collection above; its look-ups and its listing are the union.  In a dataset type's part each component
 * chooses a value; a listing offers the next required dimension that is missing, in the universe's order.
 *
 * TYPE.COMPONENT stands for a type too, and shows of each dataset that one file.  It can be looked up and is not
 * listed: TYPE shows the same files, and who walks through a mount meets each of them once.
 *
 * In a CALIBRATION collection a data ID has many datasets, each valid for a time: "valid=BEGIN..END" comes before FILE,
 * or "at=", "exposure=", "visit=" anywhere in the path choose the one that is valid then. */
#include "fs/view/data_internal.h"
#include "fs/view/facets.h"
#include "fs/view/job.h"
#include "fs/view/names.h"
#include "fs/view/view.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <string.h>

enum { PAGE = 256 };

static void dir_free(void *data)
{
    struct data_dir *d = data;

    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++) {
        free(d->choices[i].dimension);
        vb_value_clear(&d->choices[i].value);
    }
    free(d->choices);
    free(d->prefix);
    free(d->collection);
    free(d->type);
    free(d->component);
    free(d);
}

/* Of one path: whether it is still the same things at once.  In a mount that lives a beginning of names may become a
 * collection, and an exposure's time may be corrected. */
static bool dir_same(const void *a, const void *b)
{
    const struct data_dir *x = a, *y = b;

    return x->is_collection == y->is_collection && !x->prefix == !y->prefix && !x->type == !y->type &&
           x->validity.kind == y->validity.kind && x->validity.span.begin == y->validity.span.begin &&
           x->validity.span.end == y->validity.span.end;
}

const struct data_dir *vb_data_state(const vb_node *dir)
{
    static const struct data_dir top = {.prefix = (char *)""};

    return dir->data ? dir->data : &top;
}

/* ---- the dataset type's part ------------------------------------------------------------------------------ */

/* A directory's query, resolved by this thread's handle. */
struct query {
    const vb_dataset_type *type;
    vb_search search;
    const vb_collection *calibration; /* whose directory it is; NULL: another collection's */
    vb_choice choices[VB_MAX_ELEMENTS];
    vb_faceted faceted;
};

static void query_clear(struct query *q)
{
    vb_search_clear(&q->search);
}
#define auto_query __attribute__((cleanup(query_clear))) struct query

/* True where the collection itself is CALIBRATION, and not a chain that leads to one. */
static bool is_calibration(const vb_search *search, const char *collection)
{
    return search->count == 1 && search->items[0]->type == VB_CALIBRATION &&
           !strcmp(search->items[0]->name, collection);
}

static bool has_calibrations(const vb_search *search)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i]->type == VB_CALIBRATION)
            return true;
    return false;
}

static int resolve(vb_call *c, const struct data_dir *d, struct query *q)
{
    char *names[] = {d->collection, NULL};
    int r = vb_dataset_type_find(c->reg, d->type, &q->type, NULL);

    if (!r)
        r = vb_search_resolve(c->reg, names, &q->search, NULL);
    for (size_t i = 0; !r && i < d->count; i++) {
        q->choices[i].dimension = vb_universe_find(vb_registry_universe(c->reg), d->choices[i].dimension);
        q->choices[i].value = d->choices[i].value; /* borrowed */
    }
    if (!r && is_calibration(&q->search, d->collection))
        q->calibration = q->search.items[0];
    q->faceted = (vb_faceted){.type = q->type,
                              .search = &q->search,
                              .validity = d->validity,
                              .choices = q->choices,
                              .count = d->count};
    if (q->calibration && d->validity.kind == VB_VALID_UNASKED)
        q->faceted.validity.kind = VB_VALID_EVER;
    return r;
}

static const vb_choice *choice_of(const struct query *q, const vb_element *dimension)
{
    for (size_t i = 0; i < q->faceted.count; i++)
        if (q->choices[i].dimension == dimension)
            return &q->choices[i];
    return NULL;
}

/* The next required dimension that a listing offers; NULL: the data ID is whole. */
static const vb_element *missing_dimension(const struct query *q)
{
    for (int i = 0; i < q->type->group->nrequired; i++)
        if (!choice_of(q, q->type->group->dims[i]))
            return q->type->group->dims[i];
    return NULL;
}

/* The data ID that the choices make; a governor dimension that was left out is the only one there is.  1: whole. */
static int whole_dataid(vb_call *c, const struct query *q, vb_dataid *out)
{
    *out = (vb_dataid){.group = q->type->group};
    for (int i = 0; i < q->type->group->nrequired; i++) {
        const vb_element *dimension = q->type->group->dims[i];
        const vb_choice *choice = choice_of(q, dimension);
        vb_value values[2] = {{0}};
        size_t n = 0;
        int r;

        if (choice) {
            out->values[i] = vb_value_copy(&choice->value);
            continue;
        }
        if (!dimension->is_governor)
            return 0;
        r = vb_faceted_values(c->reg, &q->faceted, dimension, NULL, 2, values, &n, NULL);
        if (r < 0 || n != 1) {
            for (size_t k = 0; k < n; k++)
                vb_value_clear(&values[k]);
            return r < 0 ? r : 0;
        }
        out->values[i] = values[0];
    }
    return 1;
}

static struct data_dir *copy_dir(const struct data_dir *d)
{
    struct data_dir *copy = VB_NEW(struct data_dir);

    copy->collection = vb_strdup(d->collection);
    copy->type = vb_strdup(d->type);
    copy->component = d->component ? vb_strdup(d->component) : NULL;
    copy->choices = vb_alloc((d->count + 1) * sizeof *copy->choices);
    for (size_t i = 0; i < d->count; i++)
        copy->choices[i] = (struct chosen){vb_strdup(d->choices[i].dimension), vb_value_copy(&d->choices[i].value)};
    copy->count = d->count;
    copy->validity = d->validity;
    return copy;
}

/* valid=, at=, exposure= or visit=: narrows to the calibrations that are valid then, if there are any.  A chain has
 * datasets beside them, which no range limits. */
static int lookup_validity(vb_call *c, const struct data_dir *d, struct query *q, const char *key, const char *spelling,
                           struct data_dir **out)
{
    vb_faceted ever = q->faceted;
    vb_validity validity;
    int r;

    if (d->validity.kind != VB_VALID_UNASKED || !has_calibrations(&q->search))
        return -ENOENT;
    ever.validity.kind = VB_VALID_EVER;
    r = vb_facet_validity(c, &ever, key, spelling, &validity);
    if (r > 0 && validity.kind == VB_VALID_EXACTLY && !q->calibration)
        r = 0;
    q->faceted.validity = validity;
    if (r > 0)
        r = vb_faceted_exists(c->reg, &q->faceted, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *out = copy_dir(d);
    (*out)->validity = validity;
    return 0;
}

/* k=v: narrows the query, if anything is left.  In a chain it may lead to calibrations, which only a time shows. */
static int lookup_facet(vb_call *c, const vb_node *dir, struct query *q, const char *key, const char *name,
                        struct data_dir **out)
{
    const struct data_dir *d = vb_data_state(dir);
    const vb_element *dimension = vb_universe_find(vb_registry_universe(c->reg), key);
    vb_auto_value value = {0};
    int r;

    if (!dimension || !vb_dimset_has(q->type->group->all, dimension->index))
        return lookup_validity(c, d, q, key, name + strlen(key) + 1, out);
    if (choice_of(q, dimension))
        return -ENOENT;
    if (q->faceted.validity.kind == VB_VALID_UNASKED)
        q->faceted.validity.kind = VB_VALID_EVER;
    r = vb_facet_value(c, &q->faceted, dimension, name, &value);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    q->choices[q->faceted.count] = (vb_choice){dimension, value};
    q->faceted.count++;
    r = vb_faceted_exists(c->reg, &q->faceted, NULL);
    if (!r)
        r = vb_data_is_made(c, dir, name);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *out = copy_dir(d);
    (*out)->choices[(*out)->count++] = (struct chosen){vb_strdup(key), value};
    value = (vb_value){0};
    return 0;
}

/* The calibration with just the validity range that the path names. */
static int find_exactly(vb_call *c, const struct query *q, const vb_dataid *id, vb_dataset *d)
{
    vb_timespan span = q->faceted.validity.span;
    vb_valid_range range;
    size_t n;
    int r = vb_calibration_ranges(c->reg, q->calibration, q->type, id, span.begin, 1, &range, &n, NULL);

    if (r < 0 || !n || range.span.begin != span.begin || range.span.end != span.end)
        return r;
    return vb_dataset_by_id(c->reg, range.dataset_id, d, NULL);
}

/* The dataset of a data ID.  Two calibrations of which each is valid for a part of an exposure are an error. */
static int find_dataset(vb_call *c, const struct query *q, const vb_dataid *id, vb_dataset *d)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    if (q->faceted.validity.kind == VB_VALID_EXACTLY)
        return find_exactly(c, q, id, d);
    if (q->faceted.validity.kind != VB_VALID_DURING)
        return vb_dataset_find(c->reg, q->type, id, &q->search, d, NULL);
    r = vb_dataset_find_at(c->reg, q->type, id, &q->search, q->faceted.validity.span, d, &err);
    if (r < 0)
        vb_log(VB_WARNING, "%s", err.message);
    return r;
}

/* The one dataset of a whole data ID, and its files: 1, 0 where there is none. */
static int find_files(vb_call *c, const struct query *q, vb_dataset *d, vb_files *files)
{
    vb_auto_dataid id = {0};
    int r = whole_dataid(c, q, &id);

    if (r > 0)
        r = find_dataset(c, q, &id, d);
    if (r <= 0)
        return r;
    r = vb_view_files(c, d, files);
    return r < 0 ? r : 1;
}

/* False for a file that TYPE.COMPONENT leaves out. */
static bool shows(const struct data_dir *d, const vb_file *file)
{
    return !d->component || (file->component && !strcmp(file->component, d->component));
}

/* FILE: of the one dataset of a whole data ID. */
static int lookup_file(vb_call *c, vb_node *dir, const struct query *q, const char *name, vb_node **child)
{
    const struct data_dir *of = vb_data_state(dir);
    vb_auto_dataset d = {0};
    vb_auto_files files = {0};
    int r = find_files(c, q, &d, &files);

    for (size_t i = 0; r > 0 && i < files.count; i++) {
        vb_auto_buf file = {0};

        vb_view_file_name(&d, &files.items[i], &file);
        if (!shows(of, &files.items[i]) || strcmp(vb_buf_text(&file), name))
            continue;
        r = vb_view_complete(c, &files.items[i].location);
        if (r < 0)
            return r;
        vb_view_touch_dataset(c, dir, name, &d, VB_TOUCH_LOOKUP);
        *child = vb_view_artifact(c, &d, &files.items[i]);
        return 0;
    }
    return r < 0 ? r : -ENOENT;
}

static int lookup_in_type(vb_call *c, vb_node *dir, const char *name, struct data_dir **facet, vb_node **child)
{
    const struct data_dir *d = vb_data_state(dir);
    vb_auto_buf key = {0}, value = {0};
    auto_query q = {0};
    int r = resolve(c, d, &q);

    if (r < 0)
        return r;
    if (vb_name_split_facet(name, &key, &value))
        return lookup_facet(c, dir, &q, vb_buf_text(&key), name, facet);
    return lookup_file(c, dir, &q, name, child);
}

/* ---- the collections' part -------------------------------------------------------------------------------- */

/* True where some collection's name is `prefix` or goes on after it with a '/'. */
static int begins_collections(vb_call *c, const char *prefix, bool *is_collection, bool *begins)
{
    vb_autofree char *deeper = vb_format("%s/", prefix);
    const vb_collection *found;
    char **names;
    int r = vb_collection_find(c->reg, prefix, &found, NULL);

    *is_collection = !r;
    r = vb_collection_list(c->reg, deeper, NULL, 1, &names, NULL);
    if (r < 0)
        return r;
    *begins = *is_collection || names[0];
    vb_strv_free(names);
    return 0;
}

/* True where a collection, or any that a chain leads to, holds datasets of a type.  Those of a chain's CALIBRATION
 * collections can be looked up, and are not listed. */
static bool holds_type(vb_call *c, const char *collection, const char *type, bool listed)
{
    const vb_dataset_type *t;
    vb_auto_search search = {0};
    char *names[] = {(char *)collection, NULL};
    vb_faceted f;

    if (vb_dataset_type_find(c->reg, type, &t, NULL) < 0 || vb_search_resolve(c->reg, names, &search, NULL) < 0)
        return false;
    f = (vb_faceted){.type = t, .search = &search};
    if (!listed || is_calibration(&search, collection))
        f.validity.kind = VB_VALID_EVER;
    return vb_faceted_exists(c->reg, &f, NULL) > 0;
}

/* True for the TYPE.COMPONENT of a type that the collection holds, of which some dataset has such a file. */
static bool holds_component(vb_call *c, const char *collection, const char *name, struct data_dir *next)
{
    vb_autofree char *component = NULL;
    const vb_dataset_type *type;

    if (vb_component_find(c->reg, name, &type, &component, NULL) <= 0 || !holds_type(c, collection, type->name, false))
        return false;
    next->type = vb_strdup(type->name);
    next->component = VB_STEAL(component);
    return true;
}

/* The component of a collection's name below `prefix` that was cut to `name`: the few that begin as it does are looked
 * through.  1, 0 where there is none. */
static int find_cut_component(vb_call *c, const char *prefix, const char *name, vb_buf *out)
{
    vb_auto_buf head = {0};
    vb_autofree char *longer = NULL, *after = NULL;
    int r = vb_name_head(name, 0, &head), found = 0;

    longer = *prefix ? vb_format("%s/%s", prefix, vb_buf_text(&head)) : vb_strdup(vb_buf_text(&head));
    while (r > 0 && !found) {
        size_t n = *prefix ? strlen(prefix) + 1 : 0, length;
        char **names;

        r = vb_collection_list(c->reg, longer, after, 1, &names, NULL);
        if (r < 0)
            return r;
        r = names[0] != NULL;
        if (names[0]) {
            length = strcspn(names[0] + n, "/");
            vb_buf_clear(out);
            vb_buf_add(out, names[0] + n, length);
            found = vb_name_spells(name, vb_buf_text(out), length);
            free(after);
            after = vb_strdup(names[0]);
        }
        vb_strv_free(names);
    }
    return found;
}

static int decode_component(vb_call *c, const char *prefix, const char *name, vb_buf *out)
{
    return vb_name_is_cut(name) ? find_cut_component(c, prefix, name, out) : vb_name_decode(name, out);
}

static int lookup_in_prefix(vb_call *c, const vb_node *dir, const char *name, struct data_dir *next)
{
    const struct data_dir *d = vb_data_state(dir);
    vb_auto_buf text = {0};
    vb_autofree char *longer = NULL;
    bool is_collection, begins;
    int r;

    r = decode_component(c, d->prefix, name, &text);
    if (r <= 0 || strchr(vb_buf_text(&text), '/'))
        return r < 0 ? r : 0;
    longer = *d->prefix ? vb_format("%s/%s", d->prefix, vb_buf_text(&text)) : vb_strdup(vb_buf_text(&text));
    r = begins_collections(c, longer, &is_collection, &begins);
    if (r < 0)
        return r;
    if (begins) {
        next->prefix = VB_STEAL(longer);
        next->is_collection = is_collection;
    }
    if (d->is_collection && (holds_type(c, d->prefix, vb_buf_text(&text), false) || vb_data_is_made(c, dir, name))) {
        next->collection = vb_strdup(d->prefix);
        next->type = vb_buf_steal(&text);
    } else if (d->is_collection && holds_component(c, d->prefix, vb_buf_text(&text), next)) {
        next->collection = vb_strdup(d->prefix);
    }
    return 0;
}

static int data_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct data_dir *d = vb_data_state(dir);
    struct data_dir *next = VB_NEW(struct data_dir), *facet = NULL;
    int r = d->prefix ? lookup_in_prefix(c, dir, name, next) : 0;

    *child = NULL;
    if (!r && !next->prefix && !next->type && d->type) {
        r = lookup_in_type(c, dir, name, &facet, child);
        dir_free(next);
        next = facet;
    }
    if (!r && next && next->type)
        *child = vb_data_draft(c, dir, name, next);
    if (!r && !*child && next && (next->prefix || next->type))
        *child = vb_nodes_path_changed(c->view->nodes, dir, name, &vb_data_class, VB_STEAL(next), dir_same);
    dir_free(next);
    if (!r && !*child)
        r = -ENOENT;
    if (r == -ENOENT)
        vb_view_touch(c, VB_JOURNAL_MISSING, dir, name, VB_TOUCH_MISSING);
    return r;
}

/* ---- listing ---------------------------------------------------------------------------------------------- */

/* One component of collections' names: the next after `*after`, which then lies beyond all that begin with it.  1:
 * listed or passed over; 0: there is none. */
static int list_component(vb_call *c, const struct data_dir *d, const char *prefix, char **after, vb_listing *l)
{
    vb_auto_buf component = {0};
    const vb_collection *exact;
    size_t n = strlen(prefix);
    char **names, *slash;
    bool listed;
    int r = vb_collection_list(c->reg, prefix, *after, 1, &names, NULL);

    if (r < 0)
        return r;
    free(*after);
    *after = NULL;
    if (names[0]) {
        slash = strchr(names[0] + n, '/');
        if (slash)
            *slash = 0;
        /* "a" comes before "a-b", and that before "a/c": so "a" was listed where it is a collection itself.  A dataset
         * type of that name is listed with the types: one directory shows both. */
        listed = (slash && !vb_collection_find(c->reg, names[0], &exact, NULL)) ||
                 (d->is_collection && holds_type(c, d->prefix, names[0] + n, true));
        vb_name_encode(&component, names[0] + n, strlen(names[0] + n));
        if (!listed)
            vb_listing_add(l, vb_buf_text(&component), S_IFDIR, 0);
        *after = vb_format("%s%s", names[0], slash ? "/\xff" : "");
    }
    vb_strv_free(names);
    return *after != NULL;
}

static int list_prefix(vb_call *c, const struct data_dir *d, vb_listing *l)
{
    vb_autofree char *prefix = *d->prefix ? vb_format("%s/", d->prefix) : vb_strdup("");
    char *after = l->last.kind == VB_TEXT ? vb_strdup(l->last.text) : NULL;
    int r = 1;

    for (int i = 0; r > 0 && i < PAGE; i++)
        r = list_component(c, d, prefix, &after, l);
    vb_value_clear(&l->last);
    l->last = vb_value_text(after);
    free(after);
    if (!r)
        vb_listing_next_stage(l);
    return r < 0 ? r : 0;
}

/* The dataset types of a collection, merged over a chain. */
static int list_types(vb_call *c, const struct data_dir *d, vb_listing *l)
{
    vb_auto_search search = {0};
    char *name[] = {d->prefix, NULL}, *last = NULL;
    int r = vb_search_resolve(c->reg, name, &search, NULL);

    for (size_t i = 0; !r && i < search.count; i++) {
        char **names;

        if (search.items[i]->type == VB_CALIBRATION && !is_calibration(&search, d->prefix))
            continue;
        r = vb_dataset_type_list(c->reg, search.items[i]->id, l->last.kind == VB_TEXT ? l->last.text : NULL, 1, &names,
                                 NULL);
        if (!r && names[0] && (!last || strcmp(names[0], last) < 0)) {
            free(last);
            last = vb_strdup(names[0]);
        }
        if (!r)
            vb_strv_free(names);
    }
    if (r < 0 || !last) {
        free(last);
        vb_listing_next_stage(l);
        return r;
    }
    if (holds_type(c, d->prefix, last, true))
        vb_listing_add(l, last, S_IFDIR, 0);
    vb_value_clear(&l->last);
    l->last = (vb_value){.kind = VB_TEXT, .len = strlen(last), .text = last};
    return 0;
}

/* FILE, or the files of the components. */
static int list_files(vb_call *c, const struct data_dir *d, const struct query *q, vb_listing *l)
{
    vb_auto_dataset dataset = {0};
    vb_auto_files files = {0};
    int r = find_files(c, q, &dataset, &files);

    for (size_t i = 0; r > 0 && i < files.count; i++) {
        vb_auto_buf file = {0};

        if (!shows(d, &files.items[i]))
            continue;
        vb_view_file_name(&dataset, &files.items[i], &file);
        vb_listing_add(l, vb_buf_text(&file), S_IFREG, 0);
    }
    vb_listing_next_stage(l);
    return r < 0 ? r : 0;
}

/* The validity ranges of a whole data ID. */
static int list_ranges(vb_call *c, const struct query *q, vb_listing *l)
{
    vb_valid_range ranges[PAGE];
    vb_auto_dataid id = {0};
    size_t n = 0;
    int r = whole_dataid(c, q, &id);

    if (r > 0)
        r = vb_calibration_ranges(c->reg, q->calibration, q->type, &id, l->last.kind ? l->last.i + 1 : VB_TIME_MIN,
                                  PAGE, ranges, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        vb_auto_buf name = {0};

        vb_facet_print_valid(ranges[i].span, &name);
        vb_listing_add(l, vb_buf_text(&name), S_IFDIR, 0);
        l->last = vb_value_int(ranges[i].span.begin);
    }
    if (n < PAGE)
        vb_listing_next_stage(l);
    return r < 0 ? r : 0;
}

/* The values of the next dimension, or the files of the one dataset. */
static int list_facets(vb_call *c, const struct data_dir *d, vb_listing *l)
{
    vb_value values[PAGE] = {{0}};
    const vb_element *dimension;
    auto_query q = {0};
    size_t n = 0;
    int r = resolve(c, d, &q);

    if (r < 0)
        return r;
    dimension = missing_dimension(&q);
    if (!dimension && q.calibration && d->validity.kind == VB_VALID_UNASKED)
        return list_ranges(c, &q, l);
    if (!dimension)
        return list_files(c, d, &q, l);
    r = vb_faceted_values(c->reg, &q.faceted, dimension, l->last.kind ? &l->last : NULL, PAGE, values, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        vb_auto_buf name = {0};

        vb_name_facet(&name, dimension->name, &values[i]);
        vb_listing_add(l, vb_buf_text(&name), S_IFDIR, 0);
        vb_value_clear(&l->last);
        l->last = values[i];
    }
    if (n < PAGE)
        vb_listing_next_stage(l);
    return r;
}

/* Whether an entry of a directory was listed because of datasets below it. */
static bool holds(vb_call *c, vb_node *dir, const char *name)
{
    const struct data_dir *d = vb_data_state(dir);
    vb_auto_buf key = {0}, spelling = {0};
    vb_auto_value value = {0};
    const vb_element *dimension;
    auto_query q = {0};

    if (!d->type)
        return holds_type(c, d->prefix, name, true);
    if (resolve(c, d, &q) < 0 || !vb_name_split_facet(name, &key, &spelling))
        return false;
    dimension = vb_universe_find(vb_registry_universe(c->reg), vb_buf_text(&key));
    /* Only of the next missing dimension values are listed. */
    if (!dimension || dimension != missing_dimension(&q) ||
        vb_facet_value(c, &q.faceted, dimension, name, &value) <= 0)
        return false;
    q.choices[q.faceted.count++] = (vb_choice){dimension, value};
    return vb_faceted_exists(c->reg, &q.faceted, NULL) > 0;
}

static int data_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    const struct data_dir *d = vb_data_state(dir);
    int r = 0;

    if (l->stage == 0)
        vb_view_touch(c, VB_JOURNAL_DIRECTORY, dir, NULL, VB_TOUCH_LISTED);
    while (!r && !l->done && l->at == l->count) {
        if (l->stage == 0 && d->prefix)
            r = list_prefix(c, d, l);
        else if (l->stage == 1 && d->is_collection)
            r = list_types(c, d, l);
        else if (l->stage == 2 && d->type)
            r = list_facets(c, d, l);
        else if (l->stage > 2) {
            vb_data_list_made(c, dir, l, holds);
            l->done = true;
        } else
            vb_listing_next_stage(l);
    }
    return r;
}

const vb_node_class vb_data_class = {
    .name = "data",
    .type = S_IFDIR,
    .lookup = data_lookup,
    .list = data_list,
    .attr = vb_data_attr,
    .free = dir_free,
    .make = vb_data_make,
    .create = vb_data_create,
    .unlink = vb_data_unlink,
};

const vb_branch vb_branch_data = {"data", &vb_data_class};
