#include "registry/lease.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { MAX_LEASE = 4096, FIRST_WAIT_MS = 5, LONGEST_WAIT_MS = 500 };

struct vb_lease {
    char *path, *own; /* the lease, and the file of ours that was linked to it: its name is in it */
    pthread_t beat;
    bool beating;
    pthread_mutex_t lock; /* guards `ended` */
    pthread_cond_t end;
    bool ended;
};

void vb_lease_holder_clear(vb_lease_holder *h)
{
    free(h->host);
    free(h->pids);
    free(h->command);
    free(h->file);
    *h = (vb_lease_holder){0};
}

static char *lease_path(const char *registry)
{
    return vb_format("%s-lease", registry);
}

static char *host_name(void)
{
    char name[256] = "?";

    gethostname(name, sizeof name - 1);
    return vb_strdup(name);
}

/* Where the process has its number: containers of one host may share its name, and each counts for itself. */
static char *pid_namespace(void)
{
    char name[64];
    ssize_t n = readlink("/proc/self/ns/pid", name, sizeof name);

    return vb_strndup(n > 0 ? name : "?", n > 0 ? (size_t)n : 1);
}

/* What the process calls itself: its arguments, cut short. */
static char *own_command(void)
{
    vb_auto_buf text = {0};

    vb_read_file(AT_FDCWD, "/proc/self/cmdline", 1 << 20, &text, NULL);
    for (size_t i = 0; i + 1 < text.len; i++)
        if (!text.data[i])
            text.data[i] = ' ';
    return vb_strndup(vb_buf_text(&text), text.len < 200 ? strlen(vb_buf_text(&text)) : 200);
}

/* ---- who has it ------------------------------------------------------------------------------------------- */

/* The file server's idea of now: what a file that is touched now gets. */
static int64_t server_now(const char *beside)
{
    vb_autofree char *path = vb_format("%s.%d.now", beside, (int)getpid());
    vb_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct stat st;
    int64_t now = vb_clock_unix_ns();

    if (fd >= 0 && !futimens(fd, NULL) && !fstat(fd, &st))
        now = vb_clock_ns(st.st_mtim);
    unlink(path);
    return now;
}

static char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return vb_strdup(text ? text : "?");
}

/* Reads a lease; false where nobody has it. */
static bool read_lease(const char *path, vb_lease_holder *out)
{
    vb_auto_buf text = {0};
    json_t *object;

    if (vb_read_file(AT_FDCWD, path, MAX_LEASE, &text, NULL) < 0)
        return false;
    object = json_loadb(vb_buf_text(&text), text.len, 0, NULL);
    out->host = text_of(object, "host");
    out->pids = text_of(object, "pids");
    out->command = text_of(object, "command");
    out->file = text_of(object, "file");
    out->pid = json_integer_value(json_object_get(object, "pid"));
    out->since = json_integer_value(json_object_get(object, "since"));
    json_decref(object);
    return true;
}

/* By the name of the holder's own file, which nobody else has ever had: inode numbers do not tell, for some network
 * file systems make them up, one a name. */
static bool is_of(const char *lease, const char *file)
{
    vb_auto_lease_holder h = {0};

    return read_lease(lease, &h) && !strcmp(h.file, file);
}

/* True where a process number of the holder is one of ours too. */
static bool counts_as_we(const vb_lease_holder *h)
{
    vb_autofree char *here = pid_namespace();

    return !strcmp(h->pids, here) || !strcmp(h->pids, "?"); /* it does not say so */
}

static bool is_dead(const char *host, int64_t pid)
{
    vb_autofree char *here = host_name();

    return !strcmp(host, here) && pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH;
}

static bool is_self(const char *host, int64_t pid)
{
    vb_autofree char *here = host_name();

    return pid == getpid() && !strcmp(host, here);
}

bool vb_lease_is_anothers(const char *registry)
{
    vb_autofree char *path = lease_path(registry);
    vb_auto_lease_holder h = {0};

    return read_lease(path, &h) && !(counts_as_we(&h) && (is_self(h.host, h.pid) || is_dead(h.host, h.pid)));
}

char *vb_process_name(void)
{
    vb_autofree char *host = host_name();

    return vb_format("%d on %s", (int)getpid(), host);
}

bool vb_process_may_live(const char *name)
{
    char host[256];
    int64_t pid;

    return sscanf(name, "%" SCNd64 " on %255s", &pid, host) == 2 && !is_self(host, pid) && !is_dead(host, pid);
}

int vb_lease_look(const char *registry, vb_lease_holder *out, vb_error *err)
{
    vb_autofree char *path = lease_path(registry);
    struct stat st;

    *out = (vb_lease_holder){0};
    if (stat(path, &st))
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "looking at %s", path);
    if (!read_lease(path, out))
        return 0; /* given back since */
    out->silent = (double)(server_now(path) - vb_clock_ns(st.st_mtim)) / 1e9;
    out->stale = out->silent > VB_LEASE_STALE_S;
    out->dead = counts_as_we(out) && is_dead(out->host, out->pid);
    return 1;
}

int vb_lease_refuse(const char *registry, const vb_lease_holder *h, vb_error *err)
{
    vb_fail(err, -EBUSY,
            "%s: process %" PRId64 " on %s is writing to it (%s), and gave its last sign of life %.0f s ago", registry,
            h->pid, h->host, h->command, h->silent > 0 ? h->silent : 0.0);
    if (h->stale)
        vb_hint(err, "that is long: if it is dead, vbutler lease --break REPO takes its lease away");
    else
        vb_hint(err, "wait for it to end");
    return -EBUSY;
}

/* ---- taking and giving back ------------------------------------------------------------------------------- */

static int write_own(vb_lease *l, vb_error *err)
{
    vb_autofree char *host = host_name(), *pids = pid_namespace(), *command = own_command();
    json_t *object = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "host", host, "pids", pids, "pid",
                               (json_int_t)getpid(), "file", vb_path_base(l->own), "command", command, "since",
                               (json_int_t)vb_clock_unix_ns());
    char *text;
    int r;

    if (!object) /* a command that is no UTF-8 */
        object = json_pack("{s:s, s:s, s:I, s:s}", "host", host, "pids", pids, "pid", (json_int_t)getpid(), "file",
                           vb_path_base(l->own));
    text = json_dumps(object, 0);
    r = vb_write_file(AT_FDCWD, l->own, text, strlen(text), 0644, false, err);
    free(text);
    json_decref(object);
    return r;
}

/* NFS may say that a link failed which was made. */
static bool link_own(const vb_lease *l)
{
    int why;

    if (!link(l->own, l->path))
        return true;
    why = errno;
    if (is_of(l->path, vb_path_base(l->own)))
        return true;
    errno = why;
    return false;
}

static void *beat(void *arg)
{
    vb_lease *l = arg;
    struct timespec until;

    pthread_mutex_lock(&l->lock);
    while (!l->ended) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += VB_LEASE_BEAT_S;
        if (pthread_cond_timedwait(&l->end, &l->lock, &until) == ETIMEDOUT)
            utimensat(AT_FDCWD, l->own, NULL, 0); /* the same inode: the lease itself */
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* 1: ours; 0: somebody lives with it. */
static int try_once(vb_lease *l, const char *registry, vb_lease_holder *h, vb_error *err)
{
    int r;

    if (link_own(l))
        return 1;
    if (errno == ENOSYS || errno == EOPNOTSUPP)
        return vb_fail_errno(err, -errno, "%s: its file system makes no hard links, with which writers take turns",
                             registry);
    vb_lease_holder_clear(h);
    r = vb_lease_look(registry, h, err);
    if (r <= 0 || !h->dead)
        return r < 0 ? r : 0;
    vb_log(VB_WARNING, "%s: took over the lease of process %" PRId64 ", which is dead", registry, h->pid);
    r = vb_lease_break(registry, false, err);
    return r < 0 ? r : link_own(l);
}

static void free_lease(vb_lease *l)
{
    unlink(l->own);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->end);
    free(l->path);
    free(l->own);
    free(l);
}

int vb_lease_take(const char *registry, int wait_ms, vb_lease **out, vb_error *err)
{
    vb_lease *l = VB_NEW(vb_lease);
    vb_auto_lease_holder holder = {0};
    int64_t until = vb_clock_monotonic_ns() + (int64_t)wait_ms * 1000000;
    char id[VB_UUID_TEXT];
    int r, pause = FIRST_WAIT_MS;

    l->path = lease_path(registry);
    l->own = vb_format("%s.%s", l->path, vb_uuid_format(vb_uuid_v7(), id));
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->end, NULL);
    r = write_own(l, err);
    while (!r && !(r = try_once(l, registry, &holder, err))) {
        if (vb_clock_monotonic_ns() > until) {
            r = holder.host ? vb_lease_refuse(registry, &holder, err)
                            : vb_fail(err, -EBUSY, "%s: others keep writing to it", registry);
            break;
        }
        pause_ms(pause);
        pause = 2 * pause < LONGEST_WAIT_MS ? 2 * pause : LONGEST_WAIT_MS;
    }
    if (r < 0) {
        free_lease(l);
        return r;
    }
    l->beating = !pthread_create(&l->beat, NULL, beat, l);
    *out = l;
    return 0;
}

int vb_lease_release(vb_lease *l, vb_error *err)
{
    int r = 0;

    if (l->beating) {
        pthread_mutex_lock(&l->lock);
        l->ended = true;
        pthread_cond_signal(&l->end);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->beat, NULL);
    }
    if (is_of(l->path, vb_path_base(l->own)))
        unlink(l->path);
    else
        r = vb_fail(err, -ESTALE, "%s was taken away while it was held", l->path);
    free_lease(l);
    return r;
}

/* The holder's own name of the lease goes with it. */
static void remove_own(const char *lease, const vb_lease_holder *h)
{
    vb_autofree char *dir = vb_path_dir(lease), *own = vb_path_join(dir, h->file);

    if (vb_path_is_safe(h->file) && !strchr(h->file, '/') && vb_starts_with(h->file, vb_path_base(lease)))
        unlink(own);
}

/* Renamed first, and looked at: of two that break it at a time, the second would take away the first one's new lease.
 */
int vb_lease_break(const char *registry, bool force, vb_error *err)
{
    vb_autofree char *path = lease_path(registry), *aside = vb_format("%s.broken.%d", path, (int)getpid());
    vb_auto_lease_holder h = {0};
    int r = vb_lease_look(registry, &h, err);

    if (r <= 0)
        return r;
    if (!h.stale && !h.dead && !force)
        return vb_lease_refuse(registry, &h, err);
    if (rename(path, aside))
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "breaking %s", path);
    if (!is_of(aside, h.file) && link(aside, path))
        r = vb_fail(err, -EBUSY, "%s: somebody else has just broken it", path);
    else
        remove_own(path, &h);
    unlink(aside);
    return r < 0 ? r : 0;
}
