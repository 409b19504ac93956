/* draft_files.c - files of a mount for writing, and how they become datasets. */
#include "fs/ingest/one.h"
#include "fs/view/draft_internal.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <string.h>

/* The entry of an inode, made where there is none; the lock is held. */
static struct draft_file *entry(vb_drafts *d, uint64_t ino)
{
    struct draft_file *file;

    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    if (file)
        return file;
    file = VB_NEW(struct draft_file);
    file->ino = ino;
    HASH_ADD(hh, d->files, ino, sizeof file->ino, file);
    return file;
}

/* An inode number that comes again must find nothing: entries that say nothing go.  The lock is held. */
static void forget_if_idle(vb_drafts *d, struct draft_file *file)
{
    if (file->writers || file->sealed || file->failed || file->draft)
        return;
    HASH_DEL(d->files, file);
    free(file->name);
    free(file);
}

int vb_drafts_opened(vb_drafts *d, uint64_t ino, bool anew)
{
    struct draft_file *file;
    int r = 0;

    pthread_mutex_lock(&d->lock);
    file = entry(d, ino);
    if (file->sealed) {
        r = -EROFS;
    } else {
        file->writers++;
        file->flushed = false;
        file->failed = file->failed && !anew;
    }
    pthread_mutex_unlock(&d->lock);
    return r;
}

bool vb_drafts_sealed(vb_drafts *d, uint64_t ino)
{
    struct draft_file *file;
    bool sealed;

    pthread_mutex_lock(&d->lock);
    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    sealed = file && file->sealed;
    pthread_mutex_unlock(&d->lock);
    return sealed;
}

void vb_drafts_wrote(vb_drafts *d, uint64_t ino, bool failed)
{
    struct draft_file *file;

    pthread_mutex_lock(&d->lock);
    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    if (file) {
        file->flushed = false;
        file->failed |= failed;
    }
    pthread_mutex_unlock(&d->lock);
}

/* Whether the file still has the dataset's name.  With several names it must be copied: none may alias the artifact. */
static bool is_named(vb_drafts *d, const struct draft_file *file, struct stat *st)
{
    vb_autofree char *path = vb_path_join(file->draft->directory, file->name);

    return !fstatat(d->fd, path, st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st->st_mode) &&
           vb_ino(VB_INO_SCRATCH, (int64_t)st->st_ino) == file->ino;
}

/* What becomes of a file that nobody writes to. */
enum outcome {
    STAYS,    /* empty: some make a file first, and write to it later */
    NO_DRAFT, /* another has its name, or nobody */
    COPIED,
    MOVED, /* it is the artifact now */
};

/* Makes the dataset of a sealed file; nothing changes it meanwhile. */
static int make_dataset(vb_drafts *d, struct draft_file *file)
{
    vb_autofree char *directory = vb_path_join(d->path, file->draft->directory),
                     *source = vb_path_join(directory, file->name);
    vb_auto_error err = VB_ERROR_INIT;
    vb_one one = {.type = file->draft->type, .run = d->run, .source = source, .dataid = &file->draft->id};
    struct stat st;
    int r;

    if (!is_named(d, file, &st))
        return NO_DRAFT;
    if (file->failed) {
        vb_fail(&err, -EIO, "it could not be written in full");
        return vb_draft_refuse(file->draft, file->name, -EIO, &err);
    }
    if (!st.st_size)
        return STAYS;
    one.move = st.st_nlink == 1;
    vb_registry_refresh(d->reg, NULL);
    r = vb_ingest_one(d->repo, d->reg, &one, &err);
    if (r < 0)
        return vb_draft_refuse(file->draft, file->name, r, &err);
    if (!one.move)
        unlink(source);
    return one.move ? MOVED : COPIED;
}

/* To be called with the lock held, before take_in(): from here on nothing changes the file. */
static bool seal(struct draft_file *file)
{
    if (file->sealed || !file->draft || file->writers)
        return false;
    return file->sealed = true;
}

/* A file that could not be taken in is tried again when it was written to again, and at the end. */
static int take_in(vb_drafts *d, struct draft_file *file)
{
    mode_t mask = umask(d->umask);
    int r;

    pthread_mutex_lock(&d->taking_in);
    r = make_dataset(d, file);
    pthread_mutex_unlock(&d->taking_in);
    umask(mask);
    pthread_mutex_lock(&d->lock);
    file->sealed = r == MOVED;
    if (r > STAYS)
        file->draft = NULL;
    forget_if_idle(d, file);
    pthread_mutex_unlock(&d->lock);
    return r < 0 ? r : 0;
}

int vb_drafts_flushed(vb_call *c, uint64_t ino)
{
    vb_drafts *d = c->view->drafts;
    vb_draft *draft = NULL;
    vb_autofree char *name = NULL;
    struct draft_file *file;

    pthread_mutex_lock(&d->lock);
    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    if (file && file->draft && !file->sealed) {
        file->flushed = true;
        draft = file->draft;
        name = vb_strdup(file->name);
    }
    pthread_mutex_unlock(&d->lock);
    return draft ? vb_draft_check(c, draft, name) : 0;
}

void vb_drafts_closed(vb_call *c, uint64_t ino)
{
    vb_drafts *d = c->view->drafts;
    struct draft_file *file;
    bool last;

    pthread_mutex_lock(&d->lock);
    file = entry(d, ino);
    if (file->writers)
        file->writers--;
    last = seal(file);
    if (!last)
        forget_if_idle(d, file);
    pthread_mutex_unlock(&d->lock);
    if (last)
        take_in(d, file);
}

int vb_drafts_named(vb_call *c, vb_draft *draft, const char *name, uint64_t ino)
{
    vb_drafts *d = c->view->drafts;
    struct draft_file *file;
    bool idle;

    if (!vb_draft_is_file(draft, name))
        return 0;
    pthread_mutex_lock(&d->lock);
    file = entry(d, ino);
    file->draft = draft;
    free(file->name);
    file->name = vb_strdup(name);
    idle = seal(file);
    pthread_mutex_unlock(&d->lock);
    return idle ? take_in(d, file) : 0;
}

void vb_draft_files_end(vb_drafts *d)
{
    struct draft_file *file, *next;

    HASH_ITER(hh, d->files, file, next) {
        if (file->flushed)
            file->writers = 0; /* its RELEASE was lost with the mount */
        if (seal(file))
            take_in(d, file);
    }
}

void vb_draft_files_free(vb_drafts *d)
{
    struct draft_file *file, *next;

    HASH_ITER(hh, d->files, file, next) {
        HASH_DEL(d->files, file);
        free(file->name);
        free(file);
    }
}
