#include "fs/session/park.h"

#include "fs/fetch/lazy.h"
#include "fs/view/job.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>

enum { PATIENCE_MS = 500, PARKED_MS = 100 };

struct parked {
    vb_session *session;
    fuse_req_t req;
    vb_resume_fn *resume;
    struct request request;
    vb_fetch *fetch;
    vb_waiter waiter;
    atomic_bool done, interrupted;
    bool settled; /* everyone knows of it: it may be taken */
    struct parked *next, *previous;
};

/* The two may be called with locks of others held, so they take none. */

static void on_done(vb_waiter *w)
{
    struct parked *p = (struct parked *)(void *)((char *)w - offsetof(struct parked, waiter));

    atomic_store(&p->done, true);
    eventfd_write(p->session->wake, 1);
}

static void on_interrupt(fuse_req_t req, void *data)
{
    struct parked *p = data;

    atomic_store(&p->interrupted, true);
    eventfd_write(p->session->wake, 1);
}

void vb_park(fuse_req_t req, vb_resume_fn *resume, const struct request *request)
{
    vb_session *s = vb_session_of(req);
    struct parked *p = VB_NEW(struct parked);

    *p = (struct parked){.session = s,
                         .req = req,
                         .resume = resume,
                         .request = *request,
                         .fetch = vb_session_call->wait->begun,
                         .waiter.done = on_done,
                         .next = NULL};
    vb_session_call->wait->begun = NULL;
    p->request.name = request->name ? vb_strdup(request->name) : NULL;
    vb_nodes_ref(s->view->nodes, request->node);
    pthread_mutex_lock(&s->parked_lock);
    p->next = s->parked;
    if (p->next)
        p->next->previous = p;
    s->parked = p;
    atomic_fetch_add(&s->parked_count, 1);
    pthread_mutex_unlock(&s->parked_lock);
    vb_fetch_await(p->fetch, &p->waiter);
    fuse_req_interrupt_func(req, on_interrupt, p);
    pthread_mutex_lock(&s->parked_lock);
    p->settled = true;
    if (atomic_load(&p->done) || atomic_load(&p->interrupted))
        eventfd_write(s->wake, 1); /* who was woken before may have passed it over */
    pthread_mutex_unlock(&s->parked_lock);
}

/* Takes one out of the list that can go on, or any; NULL: there is none. */
static struct parked *take(vb_session *s, bool any)
{
    struct parked *p;

    pthread_mutex_lock(&s->parked_lock);
    for (p = s->parked; p; p = p->next)
        if (any ||
            (p->settled && (atomic_load(&p->done) || atomic_load(&p->interrupted) || vb_fetch_overdue(p->fetch))))
            break;
    if (p) {
        if (p->previous)
            p->previous->next = p->next;
        else
            s->parked = p->next;
        if (p->next)
            p->next->previous = p->previous;
        atomic_fetch_sub(&s->parked_count, 1);
    }
    pthread_mutex_unlock(&s->parked_lock);
    if (p) { /* from here on nobody else knows of it */
        fuse_req_interrupt_func(p->req, NULL, NULL);
        vb_fetch_forget(p->fetch, &p->waiter);
    }
    return p;
}

static void put_away(struct parked *p)
{
    vb_fetch_unref(p->fetch);
    vb_nodes_unref(p->session->view->nodes, p->request.node, 1);
    free(p->request.name);
    free(p);
}

/* The work is overdue: its thread hangs, or waits behind some that do. */
static void give_up(struct parked *p)
{
    vb_autofree char *message = vb_format("%s: nothing came before its deadline", vb_fetch_name(p->fetch));

    vb_log(VB_WARNING, "%s", message);
    vb_job_note_fault(vb_session_call, message);
    fuse_reply_err(p->req, EIO);
}

static void go_on(struct parked *p)
{
    if (!vb_fetch_done(p->fetch) && atomic_load(&p->interrupted)) {
        fuse_reply_err(p->req, EINTR);
    } else if (!vb_fetch_done(p->fetch)) {
        give_up(p);
    } else {
        if (vb_session_call->live)
            vb_registry_refresh(vb_session_call->reg, NULL);
        vb_session_call->wait->done = p->fetch;
        p->resume(p->req, &p->request);
        vb_session_call->wait->done = NULL;
    }
}

void vb_unpark(vb_session *s, bool woken)
{
    struct parked *p;
    eventfd_t count;

    if (woken)
        eventfd_read(s->wake, &count);
    while (atomic_load(&s->parked_count) && (p = take(s, false))) {
        go_on(p);
        put_away(p);
    }
}

void vb_park_drop(vb_session *s)
{
    struct parked *p;

    while ((p = take(s, true))) {
        fuse_reply_err(p->req, EIO);
        put_away(p);
    }
}

int vb_park_patience(vb_session *s)
{
    return atomic_load(&s->parked_count) ? PARKED_MS : PATIENCE_MS;
}
