#include "fs/view/draft_internal.h"

#include "fs/ingest/one.h"
#include "fs/view/names.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

static const char folder_name[] = ".vbutler/drafts";

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

static void free_drafts(vb_drafts *d)
{
    struct vb_draft *draft, *next;

    HASH_ITER(hh, d->drafts, draft, next) {
        HASH_DEL(d->drafts, draft);
        vb_dataid_clear(&draft->id);
        free(draft->key);
        free(draft->type);
        free(draft->stem);
        free(draft);
    }
}

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
    vb_draft_files_end(d);
    if (d->fd >= 0) {
        if (remove_empty(d->fd))
            vb_log(VB_WARNING, "%s holds what was written and did not become datasets: remove it if it is not wanted",
                   d->path);
        else
            rmdir(d->path);
        close(d->fd);
    }
    vb_draft_files_free(d);
    vb_draft_made_free(d);
    free_drafts(d);
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

bool vb_draft_is_file(const vb_draft *draft, const char *name)
{
    const char *rest = vb_starts_with(name, draft->stem) ? name + strlen(draft->stem) : NULL;

    if (!rest || !draft->any_extension)
        return rest && !*rest;
    return !*rest || (*rest == '.' && rest[1] && rest[strlen(rest) - 1] != '~');
}

/* The dataset and its files, if there is one. */
static int find(vb_call *c, vb_draft *draft, vb_dataset *out, vb_files *files)
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
    if (r > 0)
        r = vb_view_files(c, out, files);
    return r;
}

int vb_draft_list(vb_call *c, vb_draft *draft, vb_listing *l)
{
    vb_auto_dataset dataset = {0};
    vb_auto_files files = {0};
    int r = find(c, draft, &dataset, &files);

    for (size_t i = 0; r >= 0 && i < files.count; i++) {
        vb_auto_buf name = {0};

        vb_view_file_name(&dataset, &files.items[i], &name);
        vb_listing_add(l, vb_buf_text(&name), S_IFREG, 0);
    }
    return r < 0 ? r : 0;
}

int vb_draft_lookup(vb_call *c, vb_draft *draft, const char *name, vb_node **child)
{
    vb_auto_dataset dataset = {0};
    vb_auto_files files = {0};
    int r = vb_starts_with(name, draft->type) ? find(c, draft, &dataset, &files) : 0;

    for (size_t i = 0; r >= 0 && i < files.count; i++) {
        vb_auto_buf file = {0};

        vb_view_file_name(&dataset, &files.items[i], &file);
        if (strcmp(vb_buf_text(&file), name) != 0)
            continue;
        if (!child)
            return 1;
        r = vb_view_complete(c, &files.items[i].location);
        if (r >= 0)
            *child = vb_view_artifact(c, &dataset, &files.items[i]);
        return r < 0 ? r : 1;
    }
    return r < 0 ? r : 0;
}

int vb_draft_refuse(const vb_draft *draft, const char *name, int r, const vb_error *err)
{
    vb_log(VB_ERROR, "%s of %s does not become a dataset: %s%s%s", name, draft->type,
           err->message ? err->message : strerror(-r), err->hint ? "; " : "", err->hint ? err->hint : "");
    return r == -ENOENT ? -EINVAL : r;
}

int vb_draft_check(vb_call *c, vb_draft *draft, const char *name)
{
    vb_auto_error err = VB_ERROR_INIT;
    const vb_one one = {.type = draft->type, .run = vb_drafts_run(c->view->drafts), .dataid = &draft->id};
    int r = vb_ingest_one_check(c->reg, &one, &err);

    return r < 0 ? vb_draft_refuse(draft, name, r, &err) : 0;
}

int vb_draft_may_be(vb_call *c, vb_draft *draft)
{
    int r = vb_draft_check(c, draft, draft->stem);

    return r == -EEXIST ? 0 : r;
}

int vb_draft_may_name(vb_call *c, vb_draft *draft, const char *name)
{
    return vb_draft_is_file(draft, name) ? vb_draft_check(c, draft, name) : 0;
}
