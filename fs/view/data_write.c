/* data_write.c - data/RUN/ of a mount for writing: directories that are made for datasets that are not there yet.
 *
 * A directory exists where it was made, or where a dataset lies below it.  What cannot be the path of a dataset is
 * refused with ENOENT, and the mount's log says why. */
#include "fs/view/data_internal.h"
#include "fs/view/draft.h"
#include "fs/view/job_internal.h"
#include "fs/view/names.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <string.h>

/* The RUN itself, or part of a dataset type's in it. */
static bool is_ours(const vb_call *c, const struct data_dir *d)
{
    const char *run = c->view->drafts ? vb_drafts_run(c->view->drafts) : NULL;

    return run && !d->component &&
           ((d->is_collection && d->prefix && !strcmp(d->prefix, run)) || (d->type && !strcmp(d->collection, run)));
}

static char *path_of(const vb_node *dir, const char *name)
{
    vb_buf path = {0};

    vb_node_path(dir, &path);
    vb_buf_printf(&path, "/%s", name);
    return vb_buf_steal(&path);
}

bool vb_data_is_made(vb_call *c, const vb_node *dir, const char *name)
{
    vb_autofree char *path = NULL;

    if (!is_ours(c, vb_data_state(dir)))
        return false;
    path = path_of(dir, name);
    return vb_drafts_has_path(c->view->drafts, path);
}

/* The whole data ID that a directory's choices are; false where a required dimension is missing.  Values are borrowed.
 */
static bool whole(const vb_universe *universe, const vb_dataset_type *type, const struct data_dir *d, vb_dataid *out)
{
    *out = (vb_dataid){.group = type->group};
    for (int i = 0; i < type->group->nrequired; i++) {
        size_t k = 0;

        while (k < d->count && vb_universe_find(universe, d->choices[k].dimension) != type->group->dims[i])
            k++;
        if (k == d->count)
            return false;
        out->values[i] = d->choices[k].value;
    }
    return true;
}

vb_node *vb_data_draft(vb_call *c, vb_node *dir, const char *name, const struct data_dir *d)
{
    const vb_dataset_type *type;
    vb_dataid id;

    if (!is_ours(c, d) || d->prefix || vb_dataset_type_find(c->reg, d->type, &type, NULL) < 0 ||
        !whole(vb_registry_universe(c->reg), type, d, &id))
        return NULL;
    return vb_scratch_draft_node(c, dir, name, vb_drafts_get(c->view->drafts, type, &id));
}

static void add_name(void *arg, const char *name)
{
    char ***names = arg;

    vb_strv_add(names, name);
}

void vb_data_list_made(vb_call *c, vb_node *dir, vb_listing *l,
                       bool (*exists)(vb_call *c, vb_node *dir, const char *name))
{
    vb_auto_buf path = {0};
    char **names = NULL;

    if (!is_ours(c, vb_data_state(dir)))
        return;
    vb_node_path(dir, &path);
    vb_drafts_each_name(c->view->drafts, vb_buf_text(&path), add_name, &names);
    for (char **n = names; n && *n; n++)
        if (!exists(c, dir, *n))
            vb_listing_add(l, *n, S_IFDIR, 0);
    vb_strv_free(names);
}

int vb_data_attr(vb_call *c, vb_node *node, struct stat *st)
{
    if (is_ours(c, vb_data_state(node)))
        st->st_mode |= S_IWUSR;
    return 0;
}

/* ---- what is refused ---------------------------------------------------------------------------------------- */

static int refuse(const vb_node *dir, const char *name, const char *why, const char *remedy)
{
    vb_autofree char *path = path_of(dir, name);

    vb_log(VB_ERROR, "%s: %s%s%s", path, why, *remedy ? "; " : "", remedy);
    return -ENOENT;
}

static int may_make_type(vb_call *c, const vb_node *dir, const char *name)
{
    vb_auto_error err = VB_ERROR_INIT;
    const vb_dataset_type *type;

    if (!vb_dataset_type_find(c->reg, name, &type, &err))
        return 0;
    return refuse(dir, name, err.message, err.hint ? err.hint : "vbutler register-dataset-type makes it");
}

static int may_make_facet(vb_call *c, const vb_node *dir, const struct data_dir *d, const char *name)
{
    const vb_dataset_type *type;
    vb_auto_buf key = {0}, spelling = {0}, text = {0}, again = {0};
    vb_auto_value value = {0};
    const vb_element *dimension;

    if (vb_dataset_type_find(c->reg, d->type, &type, NULL) < 0)
        return -ENOENT;
    if (!vb_name_split_facet(name, &key, &spelling))
        return refuse(dir, name, "is no k=v, and the data ID is not whole", "");
    dimension = vb_universe_find(vb_registry_universe(c->reg), vb_buf_text(&key));
    if (!dimension || !vb_dimset_has(type->group->required, dimension->index)) {
        vb_autofree char *why = vb_format("dataset type %s does not require a dimension %s", d->type,
                                          vb_buf_text(&key));

        return refuse(dir, name, why, "");
    }
    for (size_t i = 0; i < d->count; i++)
        if (!strcmp(d->choices[i].dimension, dimension->name))
            return refuse(dir, name, "the path has a value for that dimension already", "");
    if (!vb_name_decode(vb_buf_text(&spelling), &text) ||
        vb_dimension_parse(dimension, vb_buf_text(&text), &value, NULL) < 0)
        return refuse(dir, name, "is no value of that dimension", "");
    vb_name_facet(&again, dimension->name, &value);
    if (strcmp(vb_buf_text(&again), name)) {
        vb_autofree char *remedy = vb_format("it is %s", vb_buf_text(&again));

        return refuse(dir, name, "a value has one spelling", remedy);
    }
    return 0;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

int vb_data_make(vb_call *c, vb_node *dir, const char *name, mode_t mode, dev_t device, vb_node **child)
{
    const struct data_dir *d = vb_data_state(dir);
    vb_autofree char *path = NULL;
    int r;

    if (!is_ours(c, d))
        return -EROFS;
    if (!S_ISDIR(mode))
        return refuse(dir, name, "only the directory of a whole data ID holds files", "");
    r = vb_view_lookup(c, dir, name, child);
    if (r != -ENOENT) {
        if (!r)
            vb_nodes_unref(c->view->nodes, *child, 1);
        return r < 0 ? r : -EEXIST;
    }
    r = d->type ? may_make_facet(c, dir, d, name) : may_make_type(c, dir, name);
    if (r < 0)
        return r;
    path = path_of(dir, name);
    vb_drafts_add_path(c->view->drafts, path);
    r = vb_view_lookup(c, dir, name, child);
    if (!r && (*child)->class == &vb_scratch_class)
        r = vb_draft_may_be(c, ((struct scratch *)(*child)->data)->draft);
    if (r < 0) {
        vb_nodes_unref(c->view->nodes, *child, 1);
        vb_drafts_remove_path(c->view->drafts, path);
    }
    return r;
}

int vb_data_create(vb_call *c, vb_node *dir, const char *name, mode_t mode, int flags, vb_node **child, vb_content *out)
{
    return is_ours(c, vb_data_state(dir)) ? refuse(dir, name, "only the directory of a whole data ID holds files", "")
                                          : -EROFS;
}

/* Neither a dataset lies below it, nor anything that was made. */
static bool is_empty(vb_call *c, vb_node *node)
{
    vb_listing l = {.dir = node};
    bool empty;

    empty = !node->class->list(c, node, &l) && !l.count;
    vb_listing_clear(&l);
    return empty;
}

int vb_data_unlink(vb_call *c, vb_node *dir, const char *name, bool directory)
{
    vb_autofree char *path = NULL;
    vb_node *child;
    int r;

    if (!directory || !vb_data_is_made(c, dir, name))
        return is_ours(c, vb_data_state(dir)) && directory ? -ENOTEMPTY : -EROFS;
    path = path_of(dir, name);
    r = vb_view_lookup(c, dir, name, &child);
    if (r < 0)
        return r;
    r = is_empty(c, child) ? vb_drafts_remove_path(c->view->drafts, path) : -ENOTEMPTY;
    vb_nodes_unref(c->view->nodes, child, 1);
    return r;
}
