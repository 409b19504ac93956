#include "tests/fs/viewer.h"

#include <fcntl.h>
#include <unistd.h>

static const vb_branch *const job_branches[] = {&vb_branch_data, &vb_branch_dimensions, NULL};

static viewer *open_viewer(fixture *f, vb_registry *reg, const vb_branch *const *branches)
{
    vb_auto_error err = VB_ERROR_INIT;
    viewer *v = VB_NEW(viewer);

    assert_ok(vb_stores_open(reg, f->repo->root, &v->stores, &err), &err);
    v->view = vb_view_new(v->stores, branches);
    v->call = (vb_call){.view = v->view, .reg = reg, .journal = vb_journal_new()};
    return v;
}

viewer *viewer_new(fixture *f, vb_registry *reg)
{
    return open_viewer(f, reg, vb_browse_branches);
}

viewer *viewer_new_job(fixture *f, vb_registry *reg, const char *scratch)
{
    vb_auto_error err = VB_ERROR_INIT;
    viewer *v = open_viewer(f, reg, job_branches);

    assert_ok(vb_job_view_new(scratch, &v->view->job, &err), &err);
    return v;
}

/* Every node that was looked up was given back, or the test fails: one that is kept is a leak in a mount. */
void viewer_free(viewer *v)
{
    size_t left = vb_nodes_count(v->view->nodes);
    vb_job_view *job = v->view->job;

    vb_view_free(v->view);
    if (job)
        vb_job_view_free(job);
    vb_journal_free(v->call.journal);
    vb_stores_close(v->stores);
    free(v);
    assert_int_equal(left, 1);
}

/* ---- walking --------------------------------------------------------------------------------------------- */

void viewer_forget(viewer *v, vb_node *node)
{
    vb_nodes_unref(v->view->nodes, node, 1);
}

static vb_node *root(viewer *v)
{
    vb_node *node = vb_nodes_get(v->view->nodes, VB_INO_ROOT);

    vb_nodes_ref(v->view->nodes, node);
    return node;
}

int viewer_walk(viewer *v, const char *path, vb_node **out)
{
    vb_node *node = root(v), *child;
    int r = 0;

    for (const char *p = path; !r && *p;) {
        vb_autofree char *name = vb_strndup(p, strcspn(p, "/"));

        r = vb_view_lookup(&v->call, node, name, &child);
        viewer_forget(v, node);
        node = child;
        p += strlen(name);
        p += *p == '/';
    }
    *out = node;
    return r;
}

int viewer_try(viewer *v, const char *path)
{
    vb_node *node;
    int r = viewer_walk(v, path, &node);

    if (!r)
        viewer_forget(v, node);
    return r;
}

static vb_node *walk(viewer *v, const char *path)
{
    vb_node *node;
    int r = viewer_walk(v, path, &node);

    if (r < 0)
        fail_msg("%s: %s", path, strerror(-r));
    return node;
}

/* The directory of a symlink and its target as one path without ".."; NULL where that leads out. */
static char *resolve(const char *dir, const char *target)
{
    vb_autofree char *joined = vb_format("%s/%s", dir, target);
    char **parts = vb_split(joined, '/', NULL), **kept = vb_alloc((vb_strv_count(parts) + 1) * sizeof *kept);
    vb_buf path = {0};
    size_t n = 0;

    for (char **part = parts; *part; part++) {
        bool up = !strcmp(*part, "..");

        if (up && !n)
            fail_msg("%s in %s leads out of the mount", target, dir);
        if (up)
            n--;
        else
            kept[n++] = *part;
    }
    for (size_t i = 0; i < n; i++)
        vb_buf_printf(&path, "%s%s", i ? "/" : "", kept[i]);
    free(kept);
    vb_strv_free(parts);
    return vb_buf_steal(&path);
}

/* Goes down component by component; at a symlink it starts anew with what the link says. */
static int follow(viewer *v, const char *path, int depth, vb_node **out)
{
    size_t n = strlen(path);

    assert_true(depth < 40);
    for (size_t end = strcspn(path, "/");; end += 1 + strcspn(path + end + 1, "/")) {
        vb_autofree char *here = vb_strndup(path, end), *dir = vb_path_dir(here), *longer = NULL, *next = NULL;
        vb_auto_buf target = {0};
        int r = viewer_walk(v, here, out);

        if (r < 0)
            return r;
        if ((*out)->class->link && S_ISLNK((*out)->class->type)) {
            assert_int_equal((*out)->class->link(&v->call, *out, &target), 0);
            assert_int_not_equal(vb_buf_text(&target)[0], '/');
            viewer_forget(v, *out);
            longer = vb_format("%s%s", vb_buf_text(&target), path + end);
            next = resolve(!strcmp(dir, ".") ? "" : dir, longer);
            return follow(v, next, depth + 1, out);
        }
        if (end == n)
            return 0;
        viewer_forget(v, *out);
    }
}

int viewer_follow(viewer *v, const char *path, vb_node **out)
{
    return follow(v, path, 0, out);
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

uint64_t viewer_ino(viewer *v, const char *path)
{
    vb_node *node = walk(v, path);
    uint64_t ino = node->ino;

    viewer_forget(v, node);
    return ino;
}

struct stat viewer_stat(viewer *v, const char *path)
{
    vb_node *node = walk(v, path);
    struct stat st;

    vb_view_attr(&v->call, node, &st);
    viewer_forget(v, node);
    return st;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A name that is listed is there, and is what the listing says. */
static void check_entry(viewer *v, vb_node *dir, const vb_entry *e)
{
    vb_node *child;
    struct stat st;
    int r = vb_view_lookup(&v->call, dir, e->name, &child);

    if (r < 0)
        fail_msg("'%s' is listed, but: %s", e->name, strerror(-r));
    vb_view_attr(&v->call, child, &st);
    if ((st.st_mode & S_IFMT) != e->type)
        fail_msg("'%s' is listed as %o and is %o", e->name, e->type, st.st_mode & S_IFMT);
    viewer_forget(v, child);
}

/* Takes the entries of a page; those that were there stay out of the next call's sight. */
static void take_page(viewer *v, vb_listing *l, char ***names)
{
    for (; l->at < l->count; l->at++) {
        check_entry(v, l->dir, &l->page[l->at]);
        vb_strv_add(names, l->page[l->at].name);
    }
    for (size_t i = 0; i < l->count; i++)
        free(l->page[i].name);
    l->count = l->at = 0;
}

char *viewer_list(viewer *v, const char *path)
{
    vb_node *dir = walk(v, path);
    vb_listing l = {.dir = dir};
    char **names = vb_alloc(sizeof *names);
    vb_buf text = {0};

    assert_non_null(dir->class->list);
    while (!l.done) {
        int r = dir->class->list(&v->call, dir, &l);

        if (r < 0)
            fail_msg("listing %s: %s", path, strerror(-r));
        take_page(v, &l, &names);
    }
    qsort(names, vb_strv_count(names), sizeof *names, compare);
    for (char **name = names; *name; name++)
        vb_buf_printf(&text, "%s%s", name == names ? "" : " ", *name);
    vb_strv_free(names);
    vb_listing_clear(&l);
    viewer_forget(v, dir);
    return vb_buf_steal(&text);
}

char *viewer_link(viewer *v, const char *path)
{
    vb_node *node = walk(v, path);
    vb_buf target = {0};

    assert_non_null(node->class->link);
    assert_int_equal(node->class->link(&v->call, node, &target), 0);
    viewer_forget(v, node);
    return vb_buf_steal(&target);
}

/* ---- files ----------------------------------------------------------------------------------------------- */

static void read_content(const vb_content *content, vb_buf *out)
{
    vb_segment whole = {0, content->size};
    int n = content->whole ? 1 : content->nsegments;

    if (content->fd < 0) {
        vb_buf_add(out, content->text, (size_t)content->size);
        return;
    }
    for (int i = 0; i < n; i++) {
        const vb_segment *part = content->whole ? &whole : &content->segments[i];
        vb_autofree char *bytes = vb_alloc((size_t)part->length + 1);

        assert_int_equal(pread(content->fd, bytes, (size_t)part->length, part->offset), part->length);
        vb_buf_add(out, bytes, (size_t)part->length);
    }
    close(content->fd);
}

char *viewer_read(viewer *v, const char *path)
{
    vb_node *node;
    vb_content content;
    vb_buf out = {0};
    int r = viewer_follow(v, path, &node);

    if (r < 0)
        fail_msg("%s: %s", path, strerror(-r));
    assert_non_null(node->class->open);
    r = node->class->open(&v->call, node, O_RDONLY, &content);
    if (r < 0)
        fail_msg("opening %s: %s", path, strerror(-r));
    read_content(&content, &out);
    viewer_forget(v, node);
    return vb_buf_steal(&out);
}

int viewer_open(viewer *v, const char *path, int flags)
{
    vb_node *node = walk(v, path);
    vb_content content;
    int r = node->class->open ? node->class->open(&v->call, node, flags, &content) : -EISDIR;

    if (!r && content.fd >= 0)
        close(content.fd);
    viewer_forget(v, node);
    return r;
}

char *viewer_xattr(viewer *v, const char *path, const char *name)
{
    vb_node *node = walk(v, path);
    vb_buf value = {0};
    int r = node->class->xattr ? node->class->xattr(&v->call, node, name, &value) : -ENODATA;

    viewer_forget(v, node);
    if (!r)
        return vb_buf_steal(&value);
    vb_buf_free(&value);
    return NULL;
}

const vb_journal_entry *viewer_journal(viewer *v, vb_journal_kind kind, const char *path)
{
    for (size_t i = 0; i < vb_journal_count(v->call.journal); i++) {
        const vb_journal_entry *e = vb_journal_at(v->call.journal, i);

        if (e->kind == kind && !strcmp(e->path, path))
            return e;
    }
    return NULL;
}
