/* trash.c - artifacts that nothing names any more are unlinked.
 *
 * No fsync, neither of a file that goes nor of its directory: the notes that say what is to go are durable before the
 * first unlink, and are dropped after the last.  What a power cut brings back is a name, never a dataset's: either its
 * note is there still and it goes the next time, or it is told by fsck, as orphaned. */
#include "registry/trash.h"
#include "fs/store/parallel.h"
#include "fs/store/stores.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/store_paths.h"

#include <string.h>

enum {
    BATCH = 100000, /* notes in memory; each batch is forgotten before the next is looked at */
    SPAN = 128      /* files that a thread takes at once: most of them lie in few directories */
};

struct emptying {
    vb_stores *stores;
    vb_registry *reg;
    vb_trash *notes; /* sorted by store and path */
    size_t count;
    bool *used;
    vb_doomed *files; /* those of no dataset */
    size_t nfiles;
};

static int by_store_and_path(const void *left, const void *right)
{
    const vb_trash *a = left, *b = right;

    return a->store_id != b->store_id ? (a->store_id < b->store_id ? -1 : 1) : strcmp(a->path, b->path);
}

/* Says which files some dataset has. */
static int find_used(struct emptying *e, vb_error *err)
{
    vb_autofree const char **paths = vb_alloc((e->count + 1) * sizeof *paths);
    size_t begin = 0, end = 0;
    int r = 0;

    for (size_t i = 0; i < e->count; i++)
        paths[i] = e->notes[i].path;
    for (; !r && begin < e->count; begin = end) {
        const struct vb_store *store = vb_stores_find(e->stores, e->notes[begin].store_id);

        while (end < e->count && e->notes[end].store_id == e->notes[begin].store_id)
            end++;
        if (store)
            r = vb_store_paths_held(e->reg, store->id, store->root, paths + begin, end - begin, e->used + begin, err);
    }
    return r;
}

/* Removes one span, whose files may be of several stores. */
static void remove_span(void *arg, size_t span)
{
    struct emptying *e = arg;
    size_t begin = span * SPAN, stop = begin + SPAN < e->nfiles ? begin + SPAN : e->nfiles, end;

    for (; begin < stop; begin = end) {
        const struct vb_store *store = vb_stores_find(e->stores, e->files[begin].store_id);

        for (end = begin; end < stop && e->files[end].store_id == e->files[begin].store_id; end++)
            e->files[end].gone = !store;
        if (store)
            store->class->remove(store->root, e->files + begin, end - begin);
    }
}

static void remove_files(struct emptying *e)
{
    e->nfiles = 0;
    for (size_t i = 0; i < e->count; i++)
        if (!e->used[i])
            e->files[e->nfiles++] = (vb_doomed){.store_id = e->notes[i].store_id,
                                                .path = e->notes[i].path,
                                                .size = e->notes[i].size,
                                                .mtime = e->notes[i].mtime};
    vb_parallel((e->nfiles + SPAN - 1) / SPAN, 0, remove_span, e, "removing files", NULL);
}

/* Moves to the front the notes that may be dropped: the file is gone, is another one, or is in use (whoever removes
 * that dataset notes it again).  Returns how many. */
static size_t put_done_first(struct emptying *e)
{
    size_t done = 0, file = 0;

    for (size_t i = 0; i < e->count; i++)
        if (e->used[i] || e->files[file++].gone) {
            vb_trash note = e->notes[i];

            e->notes[i] = e->notes[done];
            e->notes[done++] = note;
        }
    return done;
}

/* Removes what the oldest notes name; *more where there may be others that can go. */
static int empty_batch(struct emptying *e, bool *more, vb_error *err)
{
    size_t done = 0;
    int r = vb_trash_list(e->reg, BATCH, &e->notes, &e->count, err);

    memset(e->used, 0, BATCH);
    if (!r && e->count) {
        qsort(e->notes, e->count, sizeof *e->notes, by_store_and_path);
        r = find_used(e, err);
    }
    if (!r) {
        remove_files(e);
        done = put_done_first(e);
    }
    if (!r && done)
        r = vb_trash_forget(e->reg, e->notes, done, err);
    *more = e->count == BATCH && done;
    vb_trash_free(e->notes, e->count);
    return r;
}

int vb_stores_empty_trash(vb_stores *s, vb_registry *reg, vb_error *err)
{
    vb_autofree bool *used = vb_alloc(BATCH);
    vb_autofree vb_doomed *files = vb_alloc(BATCH * sizeof *files);
    struct emptying e = {.stores = s, .reg = reg, .used = used, .files = files};
    bool more = true;
    int r = 0;

    while (!r && more)
        r = empty_batch(&e, &more, err);
    return r;
}
