/* job.c - the job: started in its sandbox, its session served by this thread until no process of it is left. */
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "runner/run/attempt.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { GRACE_SECONDS = 10 }; /* between the request to end and the kill */

struct stream {
    vb_log_capture *log;
    int number;
};

struct job {
    vb_attempt *attempt;
    vb_job_handle handle;
    int timer; /* -1: no limit */
    bool warned;
    bool reported;
};

static bool read_stream(void *arg)
{
    struct stream *s = arg;

    return vb_log_capture_read(s->log, s->number);
}

static bool read_socket(void *arg)
{
    struct job *job = arg;
    int r = vb_job_receive(&job->handle, &job->attempt->result);

    job->reported = job->reported || r > 0;
    return r >= 0;
}

static int set_timer(int fd, int64_t seconds)
{
    struct itimerspec when = {.it_value.tv_sec = seconds};

    return timerfd_settime(fd, 0, &when, NULL);
}

/* The time is up: first a request to end, then the end. */
static bool time_is_up(void *arg)
{
    struct job *job = arg;

    job->attempt->timed_out = true;
    kill(job->handle.pid, job->warned ? SIGKILL : SIGTERM);
    if (job->warned)
        return false;
    job->warned = true;
    set_timer(job->timer, GRACE_SECONDS);
    return true;
}

static int start_timer(struct job *job)
{
    json_int_t seconds = json_integer_value(
        json_object_get(json_object_get(job->attempt->definition, "resources"), "runtime"));

    if (seconds <= 0)
        return -1;
    job->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (job->timer >= 0)
        set_timer(job->timer, seconds);
    return job->timer;
}

/* After the mount is gone: what the pipes and the socket still hold, until every process is dead. */
static void drain(vb_session_watch *watches, size_t count)
{
    size_t left = 1;

    while (left) {
        struct pollfd fds[4];

        left = 0;
        for (size_t i = 0; i < count; i++) {
            fds[i] = (struct pollfd){watches[i].fd, POLLIN, 0};
            left += watches[i].fd >= 0 && i < 3; /* the timer does not end by itself */
        }
        if (!left || poll(fds, count, 1000) < 0)
            continue;
        for (size_t i = 0; i < count; i++)
            if (fds[i].revents && !watches[i].ready(watches[i].arg))
                watches[i].fd = -1;
    }
}

static int serve(vb_attempt *a, struct job *job, vb_error *err)
{
    vb_worker *w = a->worker;
    vb_auto(vb_session_free) vb_session *session = NULL;
    vb_session_options options = {.passthrough = w->site->passthrough, .writable = true, .timeout = VB_FOR_EVER};
    vb_call call = {a->view, w->repository ? w->repository : w->graph->reg, a->journal};
    struct stream streams[2] = {{a->log, 0}, {a->log, 1}};
    vb_session_watch watches[] = {
        {job->handle.socket, read_socket, job},
        {vb_log_capture_fd(a->log, 0), read_stream, &streams[0]},
        {vb_log_capture_fd(a->log, 1), read_stream, &streams[1]},
        {start_timer(job), time_is_up, job},
    };
    int r = 0;

    if (w->site->mountpoint)
        r = vb_session_new(a->view, job->handle.device, &options, &session, err);
    if (!r && session)
        r = vb_session_serve(session, &call, watches, VB_COUNT(watches), false, err);
    if (r < 0)
        kill(job->handle.pid, SIGKILL);
    drain(watches, VB_COUNT(watches));
    if (!session)
        vb_attempt_unstage(a);
    else
        a->data_path = vb_session_data_path(session);
    return r;
}

int vb_attempt_run(vb_attempt *a, vb_error *err)
{
    vb_worker *w = a->worker;
    vb_job_request request = {.argv = a->argv,
                              .environment = a->environment,
                              .directory = a->work,
                              .keep_stdin = w->site->options->exec_inputs != NULL};
    struct job job = {.attempt = a, .timer = -1};
    int taken = 0, r = vb_log_capture_open(a->log, &request.out, &request.err, err);

    if (!r) {
        taken = vb_slots_take(w->site->slots, a->cpus);
        r = atomic_load(&w->stop) ? vb_fail(err, -EINTR, "it was not started, because the run was ended") : 0;
    }
    if (!r)
        r = vb_zygote_spawn(w->site->zygote, &request, &job.handle, err);
    vb_log_capture_started(a->log);
    if (!r) {
        atomic_store(&w->job, job.handle.pid);
        r = serve(a, &job, err);
        atomic_store(&w->job, 0);
    }
    vb_slots_give(w->site->slots, taken);
    if (job.handle.pid <= 0)
        return r;
    close(job.handle.socket);
    if (job.timer >= 0)
        close(job.timer);
    if (!r && !job.reported) /* init was killed: by us, by the system, or by the task itself */
        a->result.status = SIGKILL;
    return r;
}
