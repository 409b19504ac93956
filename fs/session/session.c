#include "fs/session/session.h"

#include "fs/fetch/lazy.h"
#include "fs/session/internal.h"
#include "fs/session/park.h"
#include "fs/view/job.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

__thread vb_call *vb_session_call;

enum { CACHED = 1, PASSTHROUGH = 2 };

/* ---- handles ------------------------------------------------------------------------------------------------ */

struct handle *vb_session_open_handle(vb_session *s, vb_node *node, const vb_content *content)
{
    struct handle *h = VB_NEW(struct handle);

    h->node = node;
    if (content)
        h->content = *content;
    else
        h->content.fd = -1;
    h->listing.dir = node;
    vb_nodes_ref(s->view->nodes, node);
    pthread_mutex_lock(&s->handles_lock);
    h->next = s->handles;
    if (h->next)
        h->next->previous = h;
    s->handles = h;
    pthread_mutex_unlock(&s->handles_lock);
    return h;
}

/* Gives up a node's backing file with its last handle. */
static void leave_node(vb_session *s, vb_node *node)
{
    int backing = 0;

    pthread_mutex_lock(&s->handles_lock);
    if (node->open_count && !--node->open_count) {
        backing = node->backing_id;
        node->backing_id = 0;
        node->open_mode = 0;
    }
    pthread_mutex_unlock(&s->handles_lock);
    if (backing)
        vb_wire_backing_close(&s->wire, backing);
}

/* What it has moved counts for the job. */
static void close_stream(vb_stream *stream)
{
    int64_t moved = vb_stream_close(stream);

    if (!vb_session_call)
        return;
    if (moved < 0)
        vb_job_note_fault(vb_session_call,
                          "an artifact that it read by block has other bytes than those that were registered");
    else
        vb_job_note_fetched(vb_session_call->view->job, moved);
}

void vb_session_close_handle(vb_session *s, struct handle *h)
{
    pthread_mutex_lock(&s->handles_lock);
    if (h->previous)
        h->previous->next = h->next;
    else
        s->handles = h->next;
    if (h->next)
        h->next->previous = h->previous;
    pthread_mutex_unlock(&s->handles_lock);
    if (h->content.written && h->node->class->closed)
        h->node->class->closed(vb_session_call, h->node, &h->content);
    if (h->node->class->open)
        leave_node(s, h->node);
    if (h->content.stream)
        close_stream(h->content.stream);
    if (h->content.fd >= 0)
        close(h->content.fd);
    vb_listing_clear(&h->listing);
    vb_nodes_unref(s->view->nodes, h->node, 1);
    free(h);
}

int vb_session_backing(vb_session *s, vb_node *node, const vb_content *content)
{
    int id;

    pthread_mutex_lock(&s->handles_lock);
    if (!node->open_mode) {
        /* The first open decides until the last release: mixing the two is EIO. */
        id = s->wire.passthrough && content->fd >= 0 && content->whole && !content->served
                 ? vb_wire_backing_open(&s->wire, content->fd)
                 : 0;
        if (id < 0) {
            s->data_path = id == -ELOOP ? "cached (the store lies on a stacked file system)"
                                        : "cached (the kernel refuses passthrough)";
            id = 0;
        }
        node->open_mode = id ? PASSTHROUGH : CACHED;
        node->backing_id = id;
    }
    node->open_count++;
    id = node->backing_id;
    pthread_mutex_unlock(&s->handles_lock);
    return id;
}

/* ---- the session -------------------------------------------------------------------------------------------- */

static int new_session(vb_view *view, const char *options, const vb_session_options *wanted, vb_session **out,
                       vb_error *err)
{
    vb_autofree char *name = vb_strdup("vbutler"), *flag = vb_strdup("-o"), *copy = vb_strdup(options);
    char *argv[] = {name, flag, copy, NULL};
    struct fuse_args args = {.argc = *options ? 3 : 1, .argv = argv};
    struct fuse_lowlevel_ops ops = vb_session_read_ops;
    vb_session *s = VB_NEW(vb_session);

    s->view = view;
    s->options = *wanted;
    s->wire.device = -1;
    s->wire.want_passthrough = wanted->passthrough;
    s->data_path = wanted->passthrough ? "passthrough" : "cached (no right to passthrough)";
    pthread_mutex_init(&s->handles_lock, NULL);
    pthread_mutex_init(&s->parked_lock, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wanted->writable)
        vb_session_add_write_handlers(&ops, view->drafts != NULL);
    s->fuse = fuse_session_new(&args, &ops, sizeof ops, s); /* keeps a copy */
    fuse_opt_free_args(&args);                              /* libfuse has put a copy in its place */
    if (!s->fuse) {
        vb_session_free(s);
        return vb_fail(err, -EINVAL, "starting a FUSE session");
    }
    *out = s;
    return 0;
}

int vb_session_new(vb_view *view, int device, const vb_session_options *options, vb_session **out, vb_error *err)
{
    int r = new_session(view, "", options, out, err);

    if (r < 0) {
        close(device);
        return r;
    }
    (*out)->wire.device = device;
    fcntl(device, F_SETFL, fcntl(device, F_GETFL) | O_NONBLOCK);
    if (fuse_session_custom_io((*out)->fuse, &vb_wire_io, device)) {
        close(device);
        vb_session_free(VB_STEAL(*out));
        return vb_fail(err, -EINVAL, "starting a FUSE session");
    }
    return 0;
}

/* As fuse_opt wants a value of an option: commas and backslashes after a backslash. */
static char *escape(const char *text)
{
    vb_buf out = {0};

    for (; *text; text++) {
        if (strchr(",\\", *text))
            vb_buf_putc(&out, '\\');
        vb_buf_putc(&out, *text);
    }
    return vb_buf_steal(&out);
}

int vb_session_mount(vb_view *view, const char *mountpoint, const char *source, bool allow_other,
                     const vb_session_options *options, vb_session **out, vb_error *err)
{
    vb_auto(vb_session_free) vb_session *s = NULL;
    vb_autofree char *name = escape(source);
    vb_autofree char *text = vb_format("default_permissions%s,fsname=%s,subtype=vbutler%s",
                                       options->writable ? "" : ",ro", name, allow_other ? ",allow_other" : "");
    int r = new_session(view, text, options, &s, err);

    if (r < 0)
        return r;
    if (fuse_session_mount(s->fuse, mountpoint)) {
        r = vb_fail(err, -EPERM, "mounting at %s failed", mountpoint);
        vb_hint(err, "libfuse has said why above; `vbutler umount %s` clears a mount that is left over", mountpoint);
        return r;
    }
    s->mountpoint = vb_strdup(mountpoint);
    s->wire.device = fuse_session_fd(s->fuse);
    if (fuse_session_custom_io(s->fuse, &vb_wire_io, s->wire.device))
        return vb_fail(err, -EINVAL, "starting a FUSE session at %s", mountpoint);
    fcntl(s->wire.device, F_SETFL, fcntl(s->wire.device, F_GETFL) | O_NONBLOCK);
    *out = VB_STEAL(s);
    return 0;
}

void vb_session_free(vb_session *s)
{
    vb_park_drop(s);
    while (s->handles)
        vb_session_close_handle(s, s->handles);
    if (s->fuse) {
        if (s->mountpoint)
            fuse_session_unmount(s->fuse);
        fuse_session_destroy(s->fuse); /* closes the device */
    }
    pthread_mutex_destroy(&s->handles_lock);
    pthread_mutex_destroy(&s->parked_lock);
    if (s->wake >= 0)
        close(s->wake);
    free(s->mountpoint);
    free(s);
}

bool vb_session_gone(const vb_session *s)
{
    return s->wire.gone || fuse_session_exited(s->fuse);
}

void vb_session_stop(vb_session *s)
{
    fuse_session_exit(s->fuse);
}

void vb_session_prune(vb_session *s, size_t keep)
{
    enum { TICK_US = 50000, BATCH = 4096 };
    vb_autofree uint64_t *inos = vb_alloc(BATCH * sizeof *inos);
    bool able = true;

    while (able && !vb_session_gone(s)) {
        size_t count = vb_nodes_count(s->view->nodes);

        /* What is in use stays: one round goes through all nodes at most. */
        for (size_t left = count; able && count > keep && left;) {
            size_t n = vb_nodes_oldest(s->view->nodes, left < BATCH ? left : BATCH, inos);

            able = !n || vb_wire_prune(&s->wire, inos, n);
            left -= n ? n : left;
            count = vb_nodes_count(s->view->nodes);
        }
        usleep(TICK_US);
    }
}

const char *vb_session_data_path(const vb_session *s)
{
    return s->data_path;
}

/* ---- serving ------------------------------------------------------------------------------------------------ */

/* Who asks, for what he makes: handlers find it with their call. */
static void note_asker(const struct fuse_buf *buf)
{
    const struct fuse_in_header *header = buf->mem;

    if (buf->flags & FUSE_BUF_IS_FD || buf->size < sizeof *header)
        return;
    vb_session_call->uid = header->uid;
    vb_session_call->gid = header->gid;
    vb_session_call->drop_suid = vb_wire_drops_suid();
}

/* What a request asks is of one state of the registry.  One that may write, in a mount for writing, begins a transaction
 * of its own. */
static void process(vb_session *s, struct fuse_buf *buf)
{
    bool live = vb_session_call->live, look = live && !s->view->drafts && vb_wire_asks(buf);

    if (look)
        vb_registry_look_begin(vb_session_call->reg, NULL);
    else if (live && s->view->drafts)
        vb_registry_refresh(vb_session_call->reg, NULL);
    note_asker(buf);
    if (!vb_session_statx(s, buf))
        fuse_session_process_buf(s->fuse, buf);
    if (look)
        vb_registry_look_end(vb_session_call->reg);
}

/* Answers one request: the next one nearly always comes when this one is answered, so asking for it at once would be in
 * vain. */
static int answer(vb_session *s, struct fuse_buf *buf, vb_error *err)
{
    int n = fuse_session_receive_buf(s->fuse, buf);

    if (n == -EINTR || n == -EAGAIN || n == 0 || vb_session_gone(s))
        return 0;
    if (n < 0)
        return vb_fail_errno(err, n, "reading from /dev/fuse");
    process(s, buf);
    return 0;
}

/* An epoll of the device that wakes one of the threads which wait for it, and not all; -1 where it cannot be had. */
static int make_turn(const vb_session *s)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int turn = epoll_create1(EPOLL_CLOEXEC);

    if (turn >= 0 && !epoll_ctl(turn, EPOLL_CTL_ADD, s->wire.device, &event))
        return turn;
    if (turn >= 0)
        close(turn);
    return -1;
}

/* A thread's buffer for requests, a megabyte, is kept from one session to the next. */
static pthread_key_t buffer_key;

static void free_buffer(void *mem)
{
    free(mem);
}

static void make_buffer_key(void)
{
    pthread_key_create(&buffer_key, free_buffer);
}

static struct fuse_buf take_buffer(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_buffer_key);
    return (struct fuse_buf){.mem = pthread_getspecific(buffer_key)};
}

int vb_session_serve(vb_session *s, vb_call *call, vb_session_watch *watches, size_t count, bool until_watches_end,
                     vb_error *err)
{
    vb_autofree struct pollfd *fds = vb_alloc((count + 2) * sizeof *fds);
    vb_autoclose int turn = count ? -1 : make_turn(s);
    struct fuse_buf buf = take_buffer();
    vb_wait wait = {NULL, NULL};
    size_t left = count;
    int r = 0;

    vb_session_call = call;
    call->wait = &wait;
    if (s->view->drafts && !unshare(CLONE_FS)) /* modes are what the kernel asks for; a runner has no umask anyway */
        umask(0);
    while (!r && !vb_session_gone(s) && !(until_watches_end && !left)) {
        fds[0] = (struct pollfd){turn >= 0 ? turn : s->wire.device, POLLIN, 0};
        for (size_t i = 0; i < count; i++)
            fds[i + 1] = (struct pollfd){watches[i].fd, POLLIN, 0};
        fds[count + 1] = (struct pollfd){s->wake, POLLIN, 0};
        if (poll(fds, count + 2, vb_park_patience(s)) < 0 && errno != EINTR)
            r = vb_fail_errno(err, -errno, "waiting for requests");
        if (!r && fds[0].revents)
            r = answer(s, &buf, err);
        vb_unpark(s, fds[count + 1].revents != 0);
        for (size_t i = 0; i < count; i++)
            if (fds[i + 1].revents && !watches[i].ready(watches[i].arg)) {
                watches[i].fd = -1;
                left--;
            }
    }
    /* After an abort no RELEASE comes.  Drafts are served by several threads: others may still use them. */
    if (s->options.writable && !s->view->drafts) /* a job's: nobody else serves it */
        vb_park_drop(s);
    while (s->options.writable && !s->view->drafts && s->handles)
        vb_session_close_handle(s, s->handles);
    vb_session_call = NULL;
    call->wait = NULL;
    pthread_setspecific(buffer_key, buf.mem);
    return r;
}
