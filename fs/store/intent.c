#include "fs/store/intent.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/lease.h"
#include "registry/netfs.h"
#include "registry/store_paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { MAX_INTENT = 1 << 30, WEEK_S = 7 * 24 * 3600 };

static const char folder_name[] = ".vbutler/transfers", lock_name[] = "lock";

struct vb_intent {
    char *folder, *name;
    vb_buf text;
    int fd; /* of the written file, locked; -1: not written */
    const vb_repo *repo;
};

void vb_intent_temporary(vb_buf *out, const vb_uuid *uuid, const char *path)
{
    char id[VB_UUID_TEXT];
    const char *base = vb_path_base(path);

    vb_buf_add(out, path, (size_t)(base - path));
    vb_buf_printf(out, ".%s.part", vb_uuid_format(*uuid, id));
}

/* The folder's lock, held until it is closed. */
static int lock_folder(const char *folder, vb_error *err)
{
    vb_autofree char *path = vb_path_join(folder, lock_name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (fd >= 0 && !flock(fd, LOCK_EX))
        return fd;
    vb_fail_errno(err, -errno, "locking %s", path);
    if (fd >= 0)
        close(fd);
    return err ? err->code : -EACCES;
}

/* ---- sweeping ------------------------------------------------------------------------------------------ */

struct plans {
    vb_intent_file *items;
    size_t count, cap;
    char **dead; /* intents of dead writers */
};

void vb_intent_files_free(vb_intent_file *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i].path);
    free(items);
}

static void plans_clear(struct plans *p)
{
    vb_intent_files_free(p->items, p->count);
    vb_strv_free(p->dead);
}

/* A line is "UUID PATH". */
static void take_line(struct plans *p, char *line, bool alive)
{
    char *space = strchr(line, ' ');
    vb_uuid uuid;

    if (!space)
        return; /* half a line: its writer was killed before it made anything */
    *space = 0;
    if (vb_uuid_parse(line, &uuid) && vb_path_is_safe(space + 1))
        *VB_PUSH(p->items, p->count, p->cap) = (vb_intent_file){vb_strdup(space + 1), uuid, alive};
}

/* Over a network a lock that can be had does not tell that its holder is dead. */
static bool may_live(const char *path, const char *text, const struct stat *st)
{
    vb_autofree char *first = vb_strndup(text, strcspn(text, "\n"));

    return vb_starts_with(first, "# ") && vb_is_network_fs(path) && vb_process_may_live(first + 2) &&
           vb_clock_unix_ns() / 1000000000 - st->st_mtim.tv_sec < WEEK_S;
}

static void read_intent(struct plans *p, const char *folder, const char *name)
{
    vb_autofree char *path = vb_path_join(folder, name);
    vb_autoclose int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    vb_auto_buf text = {0};
    struct stat st;
    bool alive;

    if (fd < 0 || fstat(fd, &st) || vb_read_file(AT_FDCWD, path, MAX_INTENT, &text, NULL) < 0)
        return;
    alive = flock(fd, LOCK_EX | LOCK_NB) != 0 || may_live(path, vb_buf_text(&text), &st);
    if (!alive)
        vb_strv_add(&p->dead, path);
    for (char *line = text.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        take_line(p, line, alive);
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const vb_intent_file *)a)->path, ((const vb_intent_file *)b)->path);
}

/* Removes what nobody holds.  A path that two intents name is alive if one of them is. */
static int remove_lost(const vb_repo *repo, vb_registry *reg, struct plans *p, vb_error *err)
{
    vb_autofree const char **paths = vb_alloc((p->count + 1) * sizeof *paths);
    vb_autofree bool *held = vb_alloc(p->count + 1);
    vb_autoclose int root = open(repo->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    size_t removed = 0;
    int r;

    if (p->count)
        qsort(p->items, p->count, sizeof *p->items, compare);
    for (size_t i = 0; i < p->count; i++)
        paths[i] = p->items[i].path;
    r = vb_store_paths_held(reg, 1, repo->root, paths, p->count, held, err);
    for (size_t i = 0; !r && i < p->count; i++)
        for (size_t j = i; j < p->count && !strcmp(paths[i], paths[j]); j++) {
            held[j] |= p->items[i].alive || p->items[j].alive;
            held[i] |= held[j];
        }
    for (size_t i = 0; !r && i < p->count; i++) {
        vb_auto_buf temporary = {0};

        vb_intent_temporary(&temporary, &p->items[i].uuid, paths[i]);
        if (!p->items[i].alive)
            removed += !unlinkat(root, vb_buf_text(&temporary), 0);
        if (!held[i])
            removed += !unlinkat(root, paths[i], 0);
    }
    if (removed)
        vb_log(VB_INFO, "removed %zu files of an ingest that was killed", removed);
    return r;
}

static int read_intents(struct plans *p, const char *folder, vb_error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    if (!dir)
        return vb_fail_errno(err, -errno, "listing %s", folder);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, lock_name) != 0)
            read_intent(p, folder, entry->d_name);
    closedir(dir);
    return 0;
}

int vb_intents_list(const vb_repo *repo, vb_intent_file **out, size_t *count, vb_error *err)
{
    __attribute__((cleanup(plans_clear))) struct plans p = {0};
    vb_autofree char *folder = vb_path_join(repo->root, folder_name);
    vb_autoclose int lock = -1; /* or who begins an intent now could not lock it */
    int r = 0;

    *out = NULL;
    *count = 0;
    if (access(folder, F_OK))
        return 0;
    lock = lock_folder(folder, err);
    r = lock < 0 ? lock : read_intents(&p, folder, err);
    *out = p.items;
    *count = p.count;
    p.items = NULL;
    p.count = 0;
    return r;
}

static int sweep(const vb_repo *repo, vb_registry *reg, const char *folder, vb_error *err)
{
    __attribute__((cleanup(plans_clear))) struct plans p = {0};
    int r = read_intents(&p, folder, err);

    if (r < 0 || !p.dead)
        return r;
    r = remove_lost(repo, reg, &p, err);
    for (char **path = p.dead; !r && *path; path++)
        unlink(*path);
    return r;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

int vb_intent_begin(const vb_repo *repo, vb_registry *reg, vb_intent **out, vb_error *err)
{
    vb_auto(vb_intent_end) vb_intent *intent = VB_NEW(vb_intent);
    vb_autoclose int lock = -1;
    char id[VB_UUID_TEXT];
    int r;

    intent->fd = -1;
    intent->repo = repo;
    intent->folder = vb_path_join(repo->root, folder_name);
    intent->name = vb_path_join(intent->folder, vb_uuid_format(vb_uuid_v7(), id));
    r = vb_mkdirs(AT_FDCWD, intent->folder, 0777, err);
    if (r < 0)
        return r;
    lock = lock_folder(intent->folder, err);
    if (lock < 0)
        return lock;
    r = sweep(repo, reg, intent->folder, err);
    if (!r)
        *out = VB_STEAL(intent);
    return r;
}

void vb_intent_add(vb_intent *intent, const vb_uuid *uuid, const char *path)
{
    char id[VB_UUID_TEXT];

    vb_buf_puts(&intent->text, vb_uuid_format(*uuid, id));
    vb_buf_putc(&intent->text, ' ');
    vb_buf_puts(&intent->text, path);
    vb_buf_putc(&intent->text, '\n');
}

int vb_intent_write(vb_intent *intent, vb_error *err)
{
    vb_autoclose int lock = lock_folder(intent->folder, err);
    vb_autofree char *process = vb_process_name(), *text = vb_format("# %s\n%s", process, vb_buf_text(&intent->text));
    int r;

    if (lock < 0)
        return lock;
    intent->fd = open(intent->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (intent->fd < 0)
        return vb_fail_errno(err, -errno, "writing %s", intent->name);
    r = flock(intent->fd, LOCK_EX | LOCK_NB) ? -errno
                                             : vb_write_all(intent->fd, text, strlen(text));
    return r < 0 ? vb_fail_errno(err, r, "writing %s", intent->name) : 0;
}

void vb_intent_end(vb_intent *intent)
{
    if (intent->fd >= 0) {
        unlink(intent->name);
        close(intent->fd);
    }
    vb_buf_free(&intent->text);
    free(intent->folder);
    free(intent->name);
    free(intent);
}
