#include "fs/view/draft.h"

#include "fs/ingest/one.h"
#include "fs/view/names.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <uthash.h>

static const char folder_name[] = ".vbutler/drafts";

struct vb_draft {
    char *key; /* of the table: the type, and the packed data ID */
    char *type;
    vb_dataid id;
    char *stem; /* FILE, or what it begins with where the type tells no extension */
    bool any_extension;
    char directory[24]; /* below the mount's */
    UT_hash_handle hh;
};

/* A directory that was made, by its path; those in it. */
struct made {
    char *path;
    char **names;
    UT_hash_handle hh;
};

struct file {
    uint64_t ino;
    vb_draft *draft; /* in which it has got the name of a dataset; NULL: in none */
    char *name;      /* that name */
    int writers;     /* handles that could be written through */
    bool flushed;    /* nothing was written since a close() */
    bool sealed;     /* a dataset, or about to be one */
    UT_hash_handle hh;
};

struct vb_drafts {
    const vb_repo *repo;
    char *run, *path;          /* of the mount's directory */
    int fd;                    /* of it, locked */
    mode_t umask;              /* of who mounts; that of the serving threads is 0 */
    pthread_mutex_t taking_in; /* guards reg */
    vb_registry *reg;          /* open for writing */
    pthread_mutex_t lock;      /* guards the tables */
    struct vb_draft *drafts;
    struct made *made;
    struct file *files;
    unsigned next;
};

/* ---- opening and closing ------------------------------------------------------------------------------------ */

/* What a mount that was killed has left is for its owner to judge. */
static void tell_leftovers(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        vb_autofree char *path = vb_path_join(folder, entry->d_name);
        vb_autoclose int fd = entry->d_name[0] == '.' ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
            vb_log(VB_WARNING,
                   "%s holds what was written through a mount and did not become datasets: remove it if "
                   "it is not wanted",
                   path);
    }
    if (dir)
        closedir(dir);
}

static int make_directory(vb_drafts *d, vb_error *err)
{
    vb_autofree char *folder = vb_path_join(d->repo->root, folder_name);
    char id[VB_UUID_TEXT];
    int r = vb_mkdirs(AT_FDCWD, folder, 0777, err);

    if (r < 0)
        return r;
    tell_leftovers(folder);
    d->path = vb_path_join(folder, vb_uuid_format(vb_uuid_v7(), id));
    if (mkdir(d->path, 0700))
        return vb_fail_errno(err, -errno, "making directory %s", d->path);
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0 || flock(d->fd, LOCK_EX | LOCK_NB))
        return vb_fail_errno(err, -errno, "opening directory %s", d->path);
    return 0;
}

static int make_run(vb_drafts *d, vb_error *err)
{
    vb_auto_txn txn = {0};
    const vb_collection *run;
    int r = vb_registry_begin(d->reg, &txn, err);

    if (!r)
        r = vb_collection_register(d->reg, d->run, VB_RUN, NULL, &run, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

int vb_drafts_open(const vb_repo *repo, const char *run, vb_drafts **out, vb_error *err)
{
    vb_auto(vb_drafts_close) vb_drafts *d = VB_NEW(vb_drafts);
    int r;

    d->repo = repo;
    d->run = vb_strdup(run);
    d->fd = -1;
    pthread_mutex_init(&d->taking_in, NULL);
    pthread_mutex_init(&d->lock, NULL);
    d->umask = umask(0);
    umask(d->umask);
    r = vb_repo_registry(repo, VB_ACCESS_WRITE, &d->reg, err);
    if (!r)
        r = make_run(d, err);
    if (!r)
        r = make_directory(d, err);
    if (!r)
        *out = VB_STEAL(d);
    return r;
}

static void free_tables(vb_drafts *d)
{
    struct vb_draft *draft, *next_draft;
    struct made *made, *next_made;
    struct file *file, *next_file;

    HASH_ITER(hh, d->drafts, draft, next_draft) {
        HASH_DEL(d->drafts, draft);
        vb_dataid_clear(&draft->id);
        free(draft->key);
        free(draft->type);
        free(draft->stem);
        free(draft);
    }
    HASH_ITER(hh, d->made, made, next_made) {
        HASH_DEL(d->made, made);
        vb_strv_free(made->names);
        free(made->path);
        free(made);
    }
    HASH_ITER(hh, d->files, file, next_file) {
        HASH_DEL(d->files, file);
        free(file->name);
        free(file);
    }
}

static bool seal(struct file *file);
static int take_in(vb_drafts *d, struct file *file);

/* Empty directories go; true where something else is left. */
static bool remove_empty(int fd)
{
    vb_autoclose int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;
    bool left = false;

    while (dir && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(fd, entry->d_name, AT_REMOVEDIR)) {
            vb_autoclose int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            left |= below < 0 || remove_empty(below) || unlinkat(fd, entry->d_name, AT_REMOVEDIR);
        }
    }
    if (dir) {
        closedir(dir);
        again = -1;
    }
    return left;
}

void vb_drafts_close(vb_drafts *d)
{
    struct file *file, *next;

    HASH_ITER(hh, d->files, file, next) {
        if (file->flushed)
            file->writers = 0; /* its RELEASE was lost with the mount */
        if (seal(file))
            take_in(d, file);
    }
    if (d->fd >= 0) {
        if (remove_empty(d->fd))
            vb_log(VB_WARNING, "%s holds what was written and did not become datasets: remove it if it is not wanted",
                   d->path);
        else
            rmdir(d->path);
        close(d->fd);
    }
    free_tables(d);
    if (d->reg)
        vb_registry_close(d->reg);
    pthread_mutex_destroy(&d->taking_in);
    pthread_mutex_destroy(&d->lock);
    free(d->run);
    free(d->path);
    free(d);
}

const char *vb_drafts_run(const vb_drafts *d)
{
    return d->run;
}

int vb_drafts_directory(const vb_drafts *d)
{
    return d->fd;
}

/* ---- directories that were made ----------------------------------------------------------------------------- */

static struct made *find_made(vb_drafts *d, const char *path)
{
    struct made *made;

    HASH_FIND_STR(d->made, path, made);
    return made;
}

static struct made *add_made(vb_drafts *d, const char *path)
{
    struct made *made = find_made(d, path);

    if (made)
        return made;
    made = VB_NEW(struct made);
    made->path = vb_strdup(path);
    HASH_ADD_KEYPTR(hh, d->made, made->path, strlen(made->path), made);
    return made;
}

static bool has_name(struct made *directory, const char *name)
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
    struct made *above, *made;
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
    struct made *made;

    pthread_mutex_lock(&d->lock);
    made = find_made(d, directory);
    for (char **n = made ? made->names : NULL; n && *n; n++)
        each(arg, *n);
    pthread_mutex_unlock(&d->lock);
}

/* ---- drafts ------------------------------------------------------------------------------------------------- */

static vb_draft *new_draft(vb_drafts *d, const vb_dataset_type *type, const vb_dataid *id, char *key)
{
    vb_draft *draft = VB_NEW(vb_draft);
    const char *extension = vb_dataset_type_extension(type, "");
    vb_buf stem = {0};

    draft->key = key;
    draft->type = vb_strdup(type->name);
    draft->id = vb_dataid_copy(id);
    vb_name_file(&stem, type, id, extension);
    draft->stem = vb_buf_steal(&stem);
    draft->any_extension = !*extension;
    snprintf(draft->directory, sizeof draft->directory, "%u", d->next++);
    HASH_ADD_KEYPTR(hh, d->drafts, draft->key, strlen(draft->key), draft);
    return draft;
}

vb_draft *vb_drafts_get(vb_drafts *d, const vb_dataset_type *type, const vb_dataid *id)
{
    vb_buf key = {0};
    vb_draft *draft;

    vb_buf_printf(&key, "%s ", type->name);
    vb_dataid_pack(id, &key);
    pthread_mutex_lock(&d->lock);
    HASH_FIND_STR(d->drafts, vb_buf_text(&key), draft);
    if (!draft)
        draft = new_draft(d, type, id, vb_buf_steal(&key));
    pthread_mutex_unlock(&d->lock);
    vb_buf_free(&key);
    return draft;
}

int vb_draft_open(vb_drafts *d, vb_draft *draft, bool make)
{
    if (make && mkdirat(d->fd, draft->directory, 0755) && errno != EEXIST)
        return -1;
    return openat(d->fd, draft->directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whether a name is the dataset's.  Of a type that tells no extension any will do: the artifact has it then. */
static bool is_file(const vb_draft *draft, const char *name)
{
    const char *rest = vb_starts_with(name, draft->stem) ? name + strlen(draft->stem) : NULL;

    if (!rest || !draft->any_extension)
        return rest && !*rest;
    return !*rest || (*rest == '.' && rest[1] && rest[strlen(rest) - 1] != '~');
}

/* The dataset, if there is one. */
static int find(vb_call *c, vb_draft *draft, vb_dataset *out, vb_location *location)
{
    char *names[] = {(char *)vb_drafts_run(c->view->drafts), NULL};
    const vb_dataset_type *type;
    vb_auto_search search = {0};
    vb_dataid id = draft->id; /* borrowed */
    int r = vb_dataset_type_find(c->reg, draft->type, &type, NULL);

    if (!r)
        r = vb_search_resolve(c->reg, names, &search, NULL);
    if (r < 0)
        return r;
    id.group = type->group;
    r = vb_dataset_find(c->reg, type, &id, &search, out, NULL);
    return r <= 0 ? r : vb_view_locate(c, out, location);
}

int vb_draft_name(vb_call *c, vb_draft *draft, vb_buf *out)
{
    vb_auto_dataset dataset = {0};
    vb_auto_location location = {0};
    int r = find(c, draft, &dataset, &location);

    if (r > 0)
        vb_view_file_name(&dataset, &location, out);
    return r;
}

int vb_draft_lookup(vb_call *c, vb_draft *draft, const char *name, vb_node **child)
{
    vb_auto_dataset dataset = {0};
    vb_auto_location location = {0};
    vb_auto_buf file = {0};
    int r = is_file(draft, name) ? find(c, draft, &dataset, &location) : 0;

    if (r <= 0)
        return r;
    vb_view_file_name(&dataset, &location, &file);
    if (strcmp(vb_buf_text(&file), name))
        return 0;
    if (child)
        *child = vb_view_artifact(c, &dataset, &location);
    return 1;
}

/* Says in the log why something does not become a dataset; -ENOENT is for names. */
static int refuse(const vb_draft *draft, const char *name, int r, const vb_error *err)
{
    vb_log(VB_ERROR, "%s of %s does not become a dataset: %s%s%s", name, draft->type,
           err->message ? err->message : strerror(-r), err->hint ? "; " : "", err->hint ? err->hint : "");
    return r == -ENOENT ? -EINVAL : r;
}

static int check(vb_call *c, vb_draft *draft, const char *name)
{
    vb_auto_error err = VB_ERROR_INIT;
    const vb_one one = {.type = draft->type, .run = vb_drafts_run(c->view->drafts), .dataid = &draft->id};
    int r = vb_ingest_one_check(c->reg, &one, &err);

    return r < 0 ? refuse(draft, name, r, &err) : 0;
}

int vb_draft_may_be(vb_call *c, vb_draft *draft)
{
    int r = check(c, draft, draft->stem);

    return r == -EEXIST ? 0 : r;
}

int vb_draft_may_name(vb_call *c, vb_draft *draft, const char *name)
{
    return is_file(draft, name) ? check(c, draft, name) : 0;
}

/* ---- files -------------------------------------------------------------------------------------------------- */

/* The entry of an inode, made where there is none; the lock is held. */
static struct file *entry(vb_drafts *d, uint64_t ino)
{
    struct file *file;

    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    if (file)
        return file;
    file = VB_NEW(struct file);
    file->ino = ino;
    HASH_ADD(hh, d->files, ino, sizeof file->ino, file);
    return file;
}

/* An inode number that comes again must find nothing: entries that say nothing go.  The lock is held. */
static void forget_if_idle(vb_drafts *d, struct file *file)
{
    if (file->writers || file->sealed || file->draft)
        return;
    HASH_DEL(d->files, file);
    free(file->name);
    free(file);
}

int vb_drafts_opened(vb_drafts *d, uint64_t ino)
{
    struct file *file;
    int r = 0;

    pthread_mutex_lock(&d->lock);
    file = entry(d, ino);
    if (file->sealed) {
        r = -EROFS;
    } else {
        file->writers++;
        file->flushed = false;
    }
    pthread_mutex_unlock(&d->lock);
    return r;
}

bool vb_drafts_sealed(vb_drafts *d, uint64_t ino)
{
    struct file *file;
    bool sealed;

    pthread_mutex_lock(&d->lock);
    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    sealed = file && file->sealed;
    pthread_mutex_unlock(&d->lock);
    return sealed;
}

void vb_drafts_wrote(vb_drafts *d, uint64_t ino)
{
    struct file *file;

    pthread_mutex_lock(&d->lock);
    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    if (file)
        file->flushed = false;
    pthread_mutex_unlock(&d->lock);
}

/* Whether the file still has the dataset's name.  With several names it must be copied: none may alias the artifact. */
static bool is_named(vb_drafts *d, const struct file *file, struct stat *st)
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
static int make_dataset(vb_drafts *d, struct file *file)
{
    vb_autofree char *directory = vb_path_join(d->path, file->draft->directory),
                     *source = vb_path_join(directory, file->name);
    vb_auto_error err = VB_ERROR_INIT;
    vb_one one = {.type = file->draft->type, .run = d->run, .source = source, .dataid = &file->draft->id};
    struct stat st;
    int r;

    if (!is_named(d, file, &st))
        return NO_DRAFT;
    if (!st.st_size)
        return STAYS;
    one.move = st.st_nlink == 1;
    vb_registry_refresh(d->reg, NULL);
    r = vb_ingest_one(d->repo, d->reg, &one, &err);
    if (r < 0)
        return refuse(file->draft, file->name, r, &err);
    if (!one.move)
        unlink(source);
    return one.move ? MOVED : COPIED;
}

/* To be called with the lock held, before take_in(): from here on nothing changes the file. */
static bool seal(struct file *file)
{
    if (file->sealed || !file->draft || file->writers)
        return false;
    return file->sealed = true;
}

/* A file that could not be taken in is tried again when it was written to again, and at the end. */
static int take_in(vb_drafts *d, struct file *file)
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
    struct file *file;

    pthread_mutex_lock(&d->lock);
    HASH_FIND(hh, d->files, &ino, sizeof ino, file);
    if (file && file->draft && !file->sealed) {
        file->flushed = true;
        draft = file->draft;
        name = vb_strdup(file->name);
    }
    pthread_mutex_unlock(&d->lock);
    return draft ? check(c, draft, name) : 0;
}

void vb_drafts_closed(vb_call *c, uint64_t ino)
{
    vb_drafts *d = c->view->drafts;
    struct file *file;
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
    struct file *file;
    bool idle;

    if (!is_file(draft, name))
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
