/* dimensions.c - dimensions/ELEMENT/k=v/.../record.json: what is known of a value, as a file, so that reading it is
 * captured. */
#include "fs/view/facets.h"
#include "fs/view/names.h"
#include "fs/view/view.h"
#include "registry/base/mem.h"
#include "registry/record.h"

#include <string.h>

enum { PAGE = 256 };

/* The values of the required dimensions chosen so far, in their order. */
struct element_dir {
    char *element;
    vb_value values[VB_MAX_REQUIRED];
    int count;
};

static void dir_free(void *data)
{
    struct element_dir *d = data;

    if (!d)
        return;
    for (int i = 0; i < d->count; i++)
        vb_value_clear(&d->values[i]);
    free(d->element);
    free(d);
}

static const vb_node_class element_class;

struct query {
    const vb_element *element;
    const vb_group *group;
    vb_choice choices[VB_MAX_REQUIRED];
    vb_faceted faceted;
};

static void resolve(vb_call *c, const struct element_dir *d, struct query *q)
{
    q->element = vb_universe_find(vb_registry_universe(c->reg), d->element);
    q->group = vb_universe_conform(vb_registry_universe(c->reg), q->element->required);
    for (int i = 0; i < d->count; i++)
        q->choices[i] = (vb_choice){q->group->dims[i], d->values[i]};
    q->faceted = (vb_faceted){.element = q->element, .choices = q->choices, .count = (size_t)d->count};
}

static int lookup_record(vb_call *c, vb_node *dir, const struct query *q, vb_node **child)
{
    vb_dataid id = {.group = q->group}; /* its values are borrowed */
    vb_auto_record record = {0};
    vb_auto_buf text = {0};
    json_t *object;
    char *json;
    int r;

    for (int i = 0; i < q->group->nrequired; i++)
        id.values[i] = q->choices[i].value;
    r = vb_record_find(c->reg, q->element, &id, &record, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    object = vb_record_json(&record);
    json = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    vb_buf_printf(&text, "%s\n", json);
    free(json);
    vb_view_touch(c, VB_JOURNAL_RECORD, dir, "record.json", VB_TOUCH_READ);
    *child = vb_view_text(c, dir, "record.json", &text);
    return 0;
}

static int lookup_value(vb_call *c, vb_node *dir, struct query *q, const char *name, vb_node **child)
{
    const struct element_dir *d = dir->data;
    const vb_element *dimension = q->group->dims[d->count];
    struct element_dir *next;
    vb_auto_value value = {0};
    int r = vb_facet_value(c, &q->faceted, dimension, name, &value);

    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    q->choices[d->count] = (vb_choice){dimension, value};
    q->faceted.count++;
    r = vb_faceted_exists(c->reg, &q->faceted, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    next = VB_NEW(struct element_dir);
    next->element = vb_strdup(d->element);
    for (next->count = 0; next->count < d->count; next->count++)
        next->values[next->count] = vb_value_copy(&d->values[next->count]);
    next->values[next->count++] = value;
    value = (vb_value){0};
    *child = vb_nodes_path(c->view->nodes, dir, name, &element_class, next);
    return 0;
}

static int element_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct element_dir *d = dir->data;
    struct query q;
    int r;

    resolve(c, d, &q);
    if (d->count < q.group->nrequired)
        r = lookup_value(c, dir, &q, name, child);
    else
        r = strcmp(name, "record.json") ? -ENOENT : lookup_record(c, dir, &q, child);
    if (r == -ENOENT)
        vb_view_touch(c, VB_JOURNAL_MISSING, dir, name, VB_TOUCH_MISSING);
    return r;
}

static int element_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    const struct element_dir *d = dir->data;
    vb_value values[PAGE] = {{0}};
    struct query q;
    size_t n = 0;
    int r;

    if (!l->last.kind)
        vb_view_touch(c, VB_JOURNAL_DIRECTORY, dir, NULL, VB_TOUCH_LISTED);
    resolve(c, d, &q);
    if (d->count == q.group->nrequired) {
        vb_listing_add(l, "record.json", S_IFREG, 0);
        l->done = true;
        return 0;
    }
    r = vb_faceted_values(c->reg, &q.faceted, q.group->dims[d->count], l->last.kind ? &l->last : NULL, PAGE, values, &n,
                          NULL);
    for (size_t i = 0; i < n; i++) {
        vb_auto_buf name = {0};

        vb_name_facet(&name, q.group->dims[d->count]->name, &values[i]);
        vb_listing_add(l, vb_buf_text(&name), S_IFDIR, 0);
        vb_value_clear(&l->last);
        l->last = values[i];
    }
    l->done = n < PAGE;
    return r;
}

static const vb_node_class element_class = {.name = "element",
                                            .type = S_IFDIR,
                                            .lookup = element_lookup,
                                            .list = element_list,
                                            .free = dir_free};

/* Elements that have records, whether there are any or not. */
static int dimensions_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const vb_element *e = vb_universe_find(vb_registry_universe(c->reg), name);
    struct element_dir *d;

    if (!e || e->is_skypix || !e->has_table) {
        vb_view_touch(c, VB_JOURNAL_MISSING, dir, name, VB_TOUCH_MISSING);
        return -ENOENT;
    }
    d = VB_NEW(struct element_dir);
    d->element = vb_strdup(name);
    *child = vb_nodes_path(c->view->nodes, dir, name, &element_class, d);
    return 0;
}

static int dimensions_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    const vb_universe *u = vb_registry_universe(c->reg);

    for (int i = 0; i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (!e->is_skypix && e->has_table)
            vb_listing_add(l, e->name, S_IFDIR, 0);
    }
    l->done = true;
    return 0;
}

static const vb_node_class dimensions_class = {.name = "dimensions",
                                               .type = S_IFDIR,
                                               .lookup = dimensions_lookup,
                                               .list = dimensions_list};

const vb_branch vb_branch_dimensions = {"dimensions", &dimensions_class};
