#include "fs/view/node.h"

#include "registry/base/mem.h"

#include <pthread.h>
#include <string.h>
#include <uthash.h>

struct by_ino {
    vb_node *node;
    UT_hash_handle hh;
};

/* The key of a path's node: its parent's number and its name, in one block. */
struct by_path {
    vb_node *node;
    UT_hash_handle hh;
    unsigned length;
    char key[];
};

struct vb_nodes {
    pthread_mutex_t lock; /* guards the tables, and refs, unlisted of the nodes */
    struct by_ino *inos;
    struct by_path *paths;
    uint64_t next; /* number of the next path's node */
};

void vb_listing_add(vb_listing *l, const char *name, mode_t type, uint64_t ino)
{
    *VB_PUSH(l->page, l->count, l->cap) = (vb_entry){vb_strdup(name), type, ino};
}

void vb_listing_next_stage(vb_listing *l)
{
    l->stage++;
    vb_value_clear(&l->last);
}

void vb_listing_clear(vb_listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->page[i].name);
    free(l->page);
    vb_value_clear(&l->last);
    *l = (vb_listing){.dir = l->dir};
}

static struct by_path *new_path(const vb_node *parent, const char *name)
{
    size_t n = strlen(name);
    struct by_path *p = vb_alloc(sizeof *p + sizeof parent->ino + n);

    p->length = (unsigned)(sizeof parent->ino + n);
    memcpy(p->key, &parent->ino, sizeof parent->ino);
    memcpy(p->key + sizeof parent->ino, name, n);
    return p;
}

/* Adds a node to the table of numbers; the lock is held. */
static void add(vb_nodes *t, vb_node *node)
{
    struct by_ino *entry = VB_NEW(struct by_ino);

    entry->node = node;
    node->by_ino = entry;
    HASH_ADD_KEYPTR(hh, t->inos, &node->ino, sizeof node->ino, entry);
}

static vb_node *new_node(uint64_t ino, const vb_node_class *class, void *data)
{
    vb_node *node = VB_NEW(vb_node);

    node->ino = ino;
    node->class = class;
    node->data = data;
    node->refs = 1;
    return node;
}

vb_nodes *vb_nodes_new(const vb_node_class *root, void *data)
{
    vb_nodes *t = VB_NEW(vb_nodes);

    pthread_mutex_init(&t->lock, NULL);
    t->next = VB_INO_ROOT + 1;
    add(t, new_node(VB_INO_ROOT, root, data));
    return t;
}

static void free_node(vb_node *node)
{
    if (node->class->free)
        node->class->free(node->data);
    free(node->by_ino);
    free(node->by_path);
    free(node->name);
    free(node);
}

void vb_nodes_free(vb_nodes *t)
{
    struct by_ino *entry, *next;

    HASH_CLEAR(hh, t->paths);
    HASH_ITER(hh, t->inos, entry, next) {
        vb_node *node = entry->node;

        HASH_DEL(t->inos, entry);
        free_node(node);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

size_t vb_nodes_count(vb_nodes *t)
{
    size_t n;

    pthread_mutex_lock(&t->lock);
    n = HASH_COUNT(t->inos);
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* The table keeps the order in which nodes came; what is told of goes to its end, so that what stays is not told of
 * again and again. */
size_t vb_nodes_oldest(vb_nodes *t, size_t limit, uint64_t *inos)
{
    size_t n = 0, count;

    pthread_mutex_lock(&t->lock);
    count = HASH_COUNT(t->inos);
    for (size_t i = 0; i < count && n < limit; i++) {
        struct by_ino *entry = t->inos;

        HASH_DEL(t->inos, entry);
        HASH_ADD_KEYPTR(hh, t->inos, &entry->node->ino, sizeof entry->node->ino, entry);
        if (entry->node->ino != VB_INO_ROOT)
            inos[n++] = entry->node->ino;
    }
    pthread_mutex_unlock(&t->lock);
    for (size_t i = 0; i < n / 2; i++) {
        uint64_t swap = inos[i];

        inos[i] = inos[n - 1 - i];
        inos[n - 1 - i] = swap;
    }
    return n;
}

static vb_node *find(vb_nodes *t, uint64_t ino)
{
    struct by_ino *entry;

    HASH_FIND(hh, t->inos, &ino, sizeof ino, entry);
    return entry ? entry->node : NULL;
}

vb_node *vb_nodes_get(vb_nodes *t, uint64_t ino)
{
    vb_node *node;

    pthread_mutex_lock(&t->lock);
    node = find(t, ino);
    pthread_mutex_unlock(&t->lock);
    return node;
}

vb_node *vb_nodes_path_changed(vb_nodes *t, vb_node *parent, const char *name, const vb_node_class *class, void *data,
                               bool (*same)(const void *a, const void *b))
{
    struct by_path *wanted = new_path(parent, name), *found;
    vb_node *node = NULL;

    pthread_mutex_lock(&t->lock);
    HASH_FIND(hh, t->paths, wanted->key, wanted->length, found);
    if (found && (found->node->class != class || (same && !same(found->node->data, data)))) {
        found->node->unlisted = true;
        found->node->by_path = NULL;
        HASH_DEL(t->paths, found);
        free(found);
        found = NULL;
    }
    if (found) {
        node = found->node;
        node->refs++;
    } else {
        node = new_node(t->next++, class, data);
        node->parent = parent;
        node->name = vb_strdup(name);
        node->by_path = wanted;
        parent->refs++;
        wanted->node = node;
        HASH_ADD_KEYPTR(hh, t->paths, wanted->key, wanted->length, wanted);
        add(t, node);
    }
    pthread_mutex_unlock(&t->lock);
    if (found) {
        free(wanted);
        if (class->free)
            class->free(data);
    }
    return node;
}

vb_node *vb_nodes_path(vb_nodes *t, vb_node *parent, const char *name, const vb_node_class *class, void *data)
{
    return vb_nodes_path_changed(t, parent, name, class, data, NULL);
}

vb_node *vb_nodes_row(vb_nodes *t, vb_ino_kind kind, int64_t row, const vb_node_class *class, void *data)
{
    uint64_t ino = vb_ino(kind, row);
    vb_node *node;
    bool found;

    pthread_mutex_lock(&t->lock);
    node = find(t, ino);
    found = node != NULL;
    if (found) {
        node->refs++;
    } else {
        node = new_node(ino, class, data);
        add(t, node);
    }
    pthread_mutex_unlock(&t->lock);
    if (found && class->free)
        class->free(data);
    return node;
}

void vb_nodes_ref(vb_nodes *t, vb_node *node)
{
    pthread_mutex_lock(&t->lock);
    node->refs++;
    pthread_mutex_unlock(&t->lock);
}

/* Takes a node that nobody refers to out of the tables; the lock is held. */
static void take_out(vb_nodes *t, vb_node *node)
{
    struct by_ino *entry = node->by_ino;
    struct by_path *path = node->by_path;

    HASH_DEL(t->inos, entry);
    if (path)
        HASH_DEL(t->paths, path);
}

void vb_nodes_unref(vb_nodes *t, vb_node *node, uint64_t n)
{
    /* A node holds a reference to its parent: freeing one may free those above it. */
    while (node) {
        vb_node *parent = node->parent;
        bool last;

        pthread_mutex_lock(&t->lock);
        node->refs -= n < node->refs ? n : node->refs;
        last = !node->refs && node->ino != VB_INO_ROOT;
        if (last)
            take_out(t, node);
        pthread_mutex_unlock(&t->lock);
        if (!last)
            return;
        free_node(node);
        node = parent;
        n = 1;
    }
}

void vb_node_path(const vb_node *node, vb_buf *out)
{
    if (!node->parent)
        return;
    vb_node_path(node->parent, out);
    vb_buf_separate(out, "/");
    vb_buf_puts(out, node->name);
}
