/* draft_made.c - directories that were made in a mount for writing. */
#include "fs/view/draft_internal.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <string.h>

static struct draft_made *find_made(vb_drafts *d, const char *path)
{
    struct draft_made *made;

    HASH_FIND_STR(d->made, path, made);
    return made;
}

static struct draft_made *add_made(vb_drafts *d, const char *path)
{
    struct draft_made *made = find_made(d, path);

    if (made)
        return made;
    made = VB_NEW(struct draft_made);
    made->path = vb_strdup(path);
    HASH_ADD_KEYPTR(hh, d->made, made->path, strlen(made->path), made);
    return made;
}

static bool has_name(struct draft_made *directory, const char *name)
{
    for (char **n = directory ? directory->names : NULL; n && *n; n++)
        if (!strcmp(*n, name))
            return true;
    return false;
}

bool vb_drafts_has_path(vb_drafts *d, const char *path)
{
    vb_autofree char *directory = vb_path_dir(path);
    bool has;

    pthread_mutex_lock(&d->lock);
    has = has_name(find_made(d, directory), vb_path_base(path));
    pthread_mutex_unlock(&d->lock);
    return has;
}

void vb_drafts_add_path(vb_drafts *d, const char *path)
{
    vb_autofree char *directory = vb_path_dir(path);

    pthread_mutex_lock(&d->lock);
    vb_strv_add(&add_made(d, directory)->names, vb_path_base(path));
    pthread_mutex_unlock(&d->lock);
}

int vb_drafts_remove_path(vb_drafts *d, const char *path)
{
    vb_autofree char *directory = vb_path_dir(path);
    struct draft_made *above, *made;
    int r = -ENOENT;

    pthread_mutex_lock(&d->lock);
    above = find_made(d, directory);
    made = find_made(d, path);
    if (made && made->names && *made->names)
        r = -ENOTEMPTY;
    for (char **n = above && r == -ENOENT ? above->names : NULL; n && *n; n++)
        if (!strcmp(*n, vb_path_base(path))) {
            free(*n);
            do
                n[0] = n[1];
            while (*n++);
            r = 0;
            break;
        }
    pthread_mutex_unlock(&d->lock);
    return r;
}

void vb_drafts_each_name(vb_drafts *d, const char *directory, void (*each)(void *arg, const char *name), void *arg)
{
    struct draft_made *made;

    pthread_mutex_lock(&d->lock);
    made = find_made(d, directory);
    for (char **n = made ? made->names : NULL; n && *n; n++)
        each(arg, *n);
    pthread_mutex_unlock(&d->lock);
}

void vb_draft_made_free(vb_drafts *d)
{
    struct draft_made *made, *next;

    HASH_ITER(hh, d->made, made, next) {
        HASH_DEL(d->made, made);
        vb_strv_free(made->names);
        free(made->path);
        free(made);
    }
}
