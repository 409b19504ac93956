#include "fs/view/gen3.h"

#include "fs/gen3/export.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/gen3/config.h"
#include "registry/gen3/paths.h"
#include "registry/gen3/private.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 256 };

static const char database_name[] = "gen3.sqlite3", configuration_name[] = "butler.yaml";

struct vb_gen3_tree {
    pthread_mutex_t lock; /* guards all below, while it is made and when `paths` is asked */
    char *repository;     /* Rubin's; NULL: ours */
    char *root;           /* its directory, once made */
    bool made;
    int failed; /* what making it ended with */
    vb_gen3_paths *paths;
    vb_buf configuration; /* of ours: the text of butler.yaml */
    int database;         /* of ours: gen3.sqlite3, which has no name any more; -1: none */
};

vb_gen3_tree *vb_gen3_tree_new(const char *repository)
{
    vb_gen3_tree *tree = VB_NEW(vb_gen3_tree);

    pthread_mutex_init(&tree->lock, NULL);
    tree->repository = repository ? vb_strdup(repository) : NULL;
    tree->database = -1;
    return tree;
}

void vb_gen3_tree_free(vb_gen3_tree *tree)
{
    if (tree->paths)
        vb_gen3_paths_close(tree->paths);
    if (tree->database >= 0)
        close(tree->database);
    vb_buf_free(&tree->configuration);
    pthread_mutex_destroy(&tree->lock);
    free(tree->repository);
    free(tree->root);
    free(tree);
}

/* ---- making it -------------------------------------------------------------------------------------------- */

struct making {
    vb_gen3_tree *tree;
    vb_call *c;
};

static int add_name(void *arg, const char *path, const vb_dataset *d, const char *component, vb_error *err)
{
    struct making *m = arg;
    vb_auto_file file = {0};
    int r = component ? vb_component_get(m->c->reg, d->id, component, &file, err) : 0;

    return r < 0 ? r : vb_gen3_paths_add(m->tree->paths, path, d->id, file.number, err);
}

/* Of a repository of ours: what export-gen3 would make. */
static int make_ours(struct making *m, vb_error *err)
{
    vb_gen3_tree *tree = m->tree;
    vb_autofree char *file = NULL;
    int r = vb_gen3_private_file(&file, err);

    if (!r)
        r = vb_gen3_export_names(m->c->reg, file, add_name, m, &tree->configuration, err);
    if (!r) {
        tree->database = open(file, O_RDONLY | O_CLOEXEC);
        r = tree->database < 0 ? vb_fail_errno(err, -errno, "opening %s", file) : 0;
    }
    if (file)
        vb_gen3_private_unlink(file);
    if (!r)
        r = vb_gen3_paths_add(tree->paths, configuration_name, 0, VB_GEN3_PATHS_SHARED, err);
    return r < 0 ? r : vb_gen3_paths_add(tree->paths, database_name, 0, VB_GEN3_PATHS_SHARED, err);
}

/* Adds a file of Rubin's repository; what lies elsewhere its own records name. */
static int add_own(const vb_gen3_tree *tree, const char *path, int64_t dataset_id, int number, vb_error *err)
{
    size_t n = strlen(tree->root);

    if (strncmp(path, tree->root, n) || path[n] != '/' || !vb_path_is_safe(path + n + 1))
        return 0;
    return vb_gen3_paths_add(tree->paths, path + n + 1, dataset_id, number, err);
}

static int add_place(void *arg, int64_t dataset_id, int number, const vb_location *place, vb_error *err)
{
    const struct making *m = arg;
    vb_autofree char *path = vb_stores_path(m->c->view->stores, place);
    bool part = vb_location_part(place->path);
    int r = add_own(m->tree, path, dataset_id, part ? VB_GEN3_PATHS_SHARED : number, err);

    return r < 0 ? r : 0; /* several datasets may share a file */
}

static int make_theirs(struct making *m, vb_error *err)
{
    vb_auto(vb_gen3_config_free) vb_gen3_config *config = NULL;
    int r = vb_gen3_config_read(m->tree->repository, &config, err);

    if (r < 0)
        return r;
    m->tree->root = vb_path_dir(config->file);
    r = add_own(m->tree, config->file, 0, VB_GEN3_PATHS_SHARED, err);
    if (r >= 0 && !config->is_postgres)
        r = add_own(m->tree, config->db, 0, VB_GEN3_PATHS_SHARED, err);
    return r < 0 ? r : vb_files_each(m->c->reg, add_place, m, err);
}

static int make(vb_call *c, vb_gen3_tree *tree)
{
    struct making m = {tree, c};
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_gen3_paths_make(&tree->paths, &err);

    if (!r)
        r = tree->repository ? make_theirs(&m, &err) : make_ours(&m, &err);
    if (r >= 0)
        r = vb_gen3_paths_end(tree->paths, &err);
    if (r < 0)
        vb_log(VB_WARNING, "gen3/: %s", err.message);
    return r < 0 ? -EIO : 0;
}

/* The tree, made and locked; a negative errno where it could not be made. */
static int enter(vb_call *c, vb_gen3_tree *tree)
{
    pthread_mutex_lock(&tree->lock);
    if (!tree->made)
        tree->failed = make(c, tree);
    tree->made = true;
    if (tree->failed)
        pthread_mutex_unlock(&tree->lock);
    return tree->failed;
}

static int find(vb_call *c, int64_t directory, const char *name, vb_gen3_path *out)
{
    vb_gen3_tree *tree = c->view->gen3;
    int r = enter(c, tree);

    if (r < 0)
        return r;
    r = vb_gen3_paths_find(tree->paths, directory, name, out, NULL);
    pthread_mutex_unlock(&tree->lock);
    return r < 0 ? r : r ? 0 : -ENOENT;
}

static int list(vb_call *c, int64_t directory, const char *after, vb_gen3_path *out, size_t *count)
{
    vb_gen3_tree *tree = c->view->gen3;
    int r = enter(c, tree);

    if (r < 0)
        return r;
    r = vb_gen3_paths_list(tree->paths, directory, after, PAGE, out, count, NULL);
    pthread_mutex_unlock(&tree->lock);
    return r;
}

/* ---- files that are no dataset's alone -------------------------------------------------------------------- */

struct plain {
    char *path;
    int64_t size, mtime; /* when it was looked up */
};

static void plain_free(void *data)
{
    struct plain *p = data;

    free(p->path);
    free(p);
}

static bool plain_same(const void *a, const void *b)
{
    const struct plain *x = a, *y = b;

    return x->size == y->size && x->mtime == y->mtime;
}

static int plain_attr(vb_call *c, vb_node *node, struct stat *st)
{
    const struct plain *p = node->data;

    st->st_size = p->size;
    st->st_mtim = vb_clock_timespec(p->mtime);
    return 0;
}

static int plain_open(vb_call *c, vb_node *node, int flags, vb_content *out)
{
    const struct plain *p = node->data;
    struct stat st;

    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
        return -EROFS;
    *out = (vb_content){.fd = open(p->path, O_RDONLY | O_CLOEXEC), .size = p->size, .whole = true};
    if (out->fd >= 0 && !fstat(out->fd, &st) && st.st_size == p->size)
        return 0;
    vb_log(VB_WARNING, "%s: is gone, or has changed since it was looked up", p->path);
    if (out->fd >= 0)
        close(out->fd);
    return -EIO;
}

static const vb_node_class plain_class = {.name = "plain",
                                          .type = S_IFREG,
                                          .attr = plain_attr,
                                          .open = plain_open,
                                          .free = plain_free};

static int plain_node(vb_call *c, vb_node *dir, const char *name, const char *path, vb_node **child)
{
    struct plain *p;
    struct stat st;

    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return -EIO;
    p = VB_NEW(struct plain);
    *p = (struct plain){vb_strdup(path), st.st_size, vb_clock_ns(st.st_mtim)};
    *child = vb_nodes_path_changed(c->view->nodes, dir, name, &plain_class, p, plain_same);
    return 0;
}

/* butler.yaml, the database, a file with parts of several datasets.  What these are is settled: no lock is needed. */
static int lookup_plain(vb_call *c, vb_node *dir, const char *below, const char *name, vb_node **child)
{
    const vb_gen3_tree *tree = c->view->gen3;
    vb_autofree char *path = NULL;
    vb_auto_buf text = {0};

    if (tree->root)
        path = vb_format("%s/%s%s", tree->root, below, name);
    else if (!strcmp(name, database_name))
        path = vb_format("/proc/self/fd/%d", tree->database);
    if (path)
        return plain_node(c, dir, name, path, child);
    vb_buf_puts(&text, vb_buf_text(&tree->configuration));
    *child = vb_view_text(c, dir, name, &text);
    return 0;
}

/* ---- directories ------------------------------------------------------------------------------------------ */

struct gen3_dir {
    int64_t number;
    char *path; /* "run/raw/"; "": the top */
};

static const struct gen3_dir *state(const vb_node *dir)
{
    static const struct gen3_dir top = {VB_GEN3_PATHS_TOP, (char *)""};

    return dir->data ? dir->data : &top;
}

static void dir_free(void *data)
{
    struct gen3_dir *d = data;

    if (d)
        free(d->path);
    free(d);
}

static const vb_node_class gen3_class;

static int lookup_file(vb_call *c, vb_node *dir, const char *name, const vb_gen3_path *found, vb_node **child)
{
    vb_auto_dataset d = {0};
    vb_auto_files files = {0};
    int r = vb_dataset_by_id(c->reg, found->dataset_id, &d, NULL);

    if (r > 0)
        r = vb_view_files(c, &d, &files);
    for (size_t i = 0; !r && i < files.count; i++) {
        if (files.items[i].number != found->number)
            continue;
        r = vb_view_complete(c, &files.items[i].location);
        if (r < 0)
            return r;
        vb_view_touch_dataset(c, dir, name, &d, VB_TOUCH_LOOKUP);
        *child = vb_view_artifact(c, &d, &files.items[i]);
        return 0;
    }
    return r < 0 ? r : -ENOENT; /* it was removed since */
}

static int gen3_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct gen3_dir *d = state(dir);
    vb_auto_gen3_path found = {0};
    struct gen3_dir *next;
    int r = find(c, d->number, name, &found);

    if (r < 0)
        return r;
    if (found.number == VB_GEN3_PATHS_SHARED)
        return lookup_plain(c, dir, d->path, name, child);
    if (!found.directory)
        return lookup_file(c, dir, name, &found, child);
    next = VB_NEW(struct gen3_dir);
    *next = (struct gen3_dir){found.directory, vb_format("%s%s/", d->path, name)};
    *child = vb_nodes_path(c->view->nodes, dir, name, &gen3_class, next);
    return 0;
}

static int gen3_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    vb_gen3_path entries[PAGE];
    size_t n = 0;
    int r = list(c, state(dir)->number, l->last.kind == VB_TEXT ? l->last.text : NULL, entries, &n);

    for (size_t i = 0; i < n; i++) {
        vb_listing_add(l, entries[i].name, entries[i].directory ? S_IFDIR : S_IFREG, 0);
        if (i + 1 == n) {
            vb_value_clear(&l->last);
            l->last = vb_value_text(entries[i].name);
        }
        vb_gen3_path_clear(&entries[i]);
    }
    l->done = n < PAGE;
    return r;
}

static const vb_node_class gen3_class = {.name = "gen3",
                                         .type = S_IFDIR,
                                         .lookup = gen3_lookup,
                                         .list = gen3_list,
                                         .free = dir_free};

const vb_branch vb_branch_gen3 = {"gen3", &gen3_class};
