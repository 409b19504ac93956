#include "fs/view/view.h"

#include "fs/view/gen3.h"
#include "fs/view/job.h"
#include "fs/view/names.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"

#include <string.h>

const vb_branch *const vb_browse_branches[] = {&vb_branch_by_id,      &vb_branch_data,    &vb_branch_dimensions,
                                               &vb_branch_provenance, &vb_branch_reports, NULL};

const vb_branch *const vb_repository_branches[] = {&vb_branch_by_id,
                                                   &vb_branch_data,
                                                   &vb_branch_dimensions,
                                                   &vb_branch_gen3,
                                                   &vb_branch_provenance,
                                                   &vb_branch_reports,
                                                   NULL};

/* ---- the root --------------------------------------------------------------------------------------------- */

static int root_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    for (const vb_branch *const *b = c->view->branches; *b; b++)
        if (!strcmp((*b)->name, name)) {
            *child = vb_nodes_path(c->view->nodes, dir, name, (*b)->class, NULL);
            return 0;
        }
    return c->view->job ? vb_job_root_lookup(c, dir, name, child) : -ENOENT;
}

static int root_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    for (const vb_branch *const *b = c->view->branches; *b; b++)
        vb_listing_add(l, (*b)->name, S_IFDIR, 0);
    if (c->view->job)
        vb_job_root_list(l);
    l->done = true;
    return 0;
}

static const vb_node_class root_class = {.name = "root", .type = S_IFDIR, .lookup = root_lookup, .list = root_list};

vb_view *vb_view_new(vb_stores *stores, const vb_branch *const *branches)
{
    vb_view *view = VB_NEW(vb_view);

    view->nodes = vb_nodes_new(&root_class, NULL);
    view->stores = stores;
    view->branches = branches;
    view->mtime = vb_clock_unix_ns();
    view->uid = getuid();
    view->gid = getgid();
    return view;
}

void vb_view_free(vb_view *view)
{
    vb_nodes_free(view->nodes);
    if (view->gen3)
        vb_gen3_tree_free(view->gen3);
    free(view);
}

/* ---- calls ------------------------------------------------------------------------------------------------ */

int vb_view_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    if (!dir->class->lookup)
        return -ENOTDIR;
    return dir->class->lookup(c, dir, name, child);
}

void vb_view_attr(vb_call *c, vb_node *node, struct stat *st)
{
    mode_t type = node->class->type;

    *st = (struct stat){
        .st_ino = node->ino,
        .st_mode = type | (type == S_IFDIR   ? 0555
                           : type == S_IFLNK ? 0777
                                             : 0444),
        .st_nlink = type == S_IFDIR ? 2 : 1,
        .st_uid = c->view->uid,
        .st_gid = c->view->gid,
        .st_blksize = 4096,
        .st_blocks = -1,
        .st_mtim = vb_clock_timespec(c->view->mtime),
        .st_atim = {.tv_nsec = UTIME_OMIT},
        .st_ctim = {.tv_nsec = UTIME_OMIT},
    };
    if (node->class->attr)
        node->class->attr(c, node, st);
    st->st_atim = st->st_atim.tv_nsec == UTIME_OMIT ? st->st_mtim : st->st_atim;
    st->st_ctim = st->st_ctim.tv_nsec == UTIME_OMIT ? st->st_mtim : st->st_ctim;
    if (st->st_blocks < 0)
        st->st_blocks = (st->st_size + 511) / 512;
}

vb_journal_entry *vb_view_touch(vb_call *c, vb_journal_kind kind, const vb_node *dir, const char *name, unsigned touch)
{
    vb_auto_buf path = {0};

    if (!c->journal)
        return NULL;
    vb_node_path(dir, &path);
    if (name) {
        vb_buf_separate(&path, "/");
        vb_buf_puts(&path, name);
    }
    return vb_journal_touch(c->journal, kind, vb_buf_text(&path), 0, touch);
}

void vb_view_to_root(const vb_node *dir, vb_buf *out)
{
    for (; dir->parent; dir = dir->parent)
        vb_buf_puts(out, "../");
}

/* ---- generated text, links -------------------------------------------------------------------------------- */

static void text_free(void *data)
{
    vb_buf_free(data);
    free(data);
}

static bool text_same(const void *a, const void *b)
{
    const vb_buf *x = a, *y = b;

    return x->len == y->len && !memcmp(vb_buf_text(x), vb_buf_text(y), x->len);
}

static int text_attr(vb_call *c, vb_node *node, struct stat *st)
{
    st->st_size = (off_t)((const vb_buf *)node->data)->len;
    return 0;
}

static int text_open(vb_call *c, vb_node *node, int flags, vb_content *out)
{
    const vb_buf *text = node->data;

    *out = (vb_content){.fd = -1, .text = vb_buf_text(text), .size = (int64_t)text->len};
    return 0;
}

static const vb_node_class text_class = {.name = "text",
                                         .type = S_IFREG,
                                         .attr = text_attr,
                                         .open = text_open,
                                         .free = text_free};

vb_node *vb_view_text(vb_call *c, vb_node *dir, const char *name, vb_buf *text)
{
    vb_buf *data = VB_NEW(vb_buf);

    *data = *text;
    *text = (vb_buf){0};
    return vb_nodes_path_changed(c->view->nodes, dir, name, &text_class, data, text_same);
}

static int link_attr(vb_call *c, vb_node *node, struct stat *st)
{
    st->st_size = (off_t)strlen(node->data);
    return 0;
}

static int link_read(vb_call *c, vb_node *node, vb_buf *target)
{
    vb_buf_puts(target, node->data);
    return 0;
}

static bool link_same(const void *a, const void *b)
{
    return !strcmp(a, b);
}

static const vb_node_class link_class = {.name = "link",
                                         .type = S_IFLNK,
                                         .attr = link_attr,
                                         .link = link_read,
                                         .free = free};

vb_node *vb_view_link(vb_call *c, vb_node *dir, const char *name, const char *target)
{
    return vb_nodes_path_changed(c->view->nodes, dir, name, &link_class, vb_strdup(target), link_same);
}

/* ---- datasets --------------------------------------------------------------------------------------------- */

int vb_view_complete(vb_call *c, vb_location *location)
{
    vb_auto_error err = VB_ERROR_INIT;
    int64_t size, mtime;
    int r = location->size >= 0 ? 0 : vb_stores_stat_later(c->view->stores, location, c->wait, &size, &mtime, &err);

    if (r == -EINPROGRESS)
        return r;
    if (r < 0) {
        vb_log(VB_WARNING, "%s", err.message);
        vb_job_note_fault(c, err.message);
        return -EIO;
    }
    if (location->size < 0)
        location->size = size;
    return 0;
}

int vb_view_files(vb_call *c, const vb_dataset *d, vb_files *out)
{
    vb_auto_location whole = {0};
    bool predicted = d->state == VB_DATASET_PREDICTED;
    int r = !predicted        ? vb_location_get(c->reg, d->id, &whole, NULL)
            : c->view->locate ? c->view->locate(c->view->locate_arg, d, &whole)
                              : 0;

    *out = (vb_files){0};
    if (r > 0) {
        VB_PUSH(out->items, out->count, out->cap)->location = whole;
        whole = (vb_location){0};
    } else if (!r && !predicted) {
        r = vb_files_get(c->reg, d->id, out, NULL);
    }
    return r < 0 ? r : 0;
}

void vb_view_file_name(const vb_dataset *d, const vb_file *file, vb_buf *out)
{
    vb_auto_part part = {0};
    const vb_dataset_type *type = vb_file_type(d->type, file, &part);

    vb_name_file(out, type, &d->dataid, vb_dataset_type_extension(type, file->location.path));
}
