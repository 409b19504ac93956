/* run.c - a graph's execution: what earlier ones left, the workers, the committer, the end.
 *
 * The order of steps matters: the zygote is forked while there is one thread; the umask becomes 0 after it, so that
 * jobs inherit the user's; workers have handles of their own; the committer is stopped last, so that what the workers
 * have handed over is committed. */
#include "runner/run/run.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/provenance.h"
#include "runner/run/committer.h"
#include "runner/run/executions.h"
#include "runner/run/progress.h"
#include "runner/run/recover.h"
#include "runner/run/site.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN_FAILURES = 10, TICK_MS = 200, GRACE_MS = 5000, SPARE_THREADS = 8 };

struct run {
    vb_site site;
    const char *graph_file;
    vb_graph *graph;
    vb_registry *reg;
    vb_schedule *schedule;
    vb_committer *committer;
    vb_outcome *outcome;
    vb_worker *workers;
    pthread_t *threads;
    int nthreads;
    _Atomic int ended_threads;
    int ended;                     /* an eventfd: a worker has ended */
    pthread_mutex_t failures_lock; /* guards failures, error and the ad-hoc part of the outcome */
    int failures;
    vb_error error; /* of the run itself */
};

void vb_outcome_clear(vb_outcome *o)
{
    free(o->run);
    free(o->graph_file);
    free(o->capture);
    free(o->scratch);
    *o = (vb_outcome){0};
}

/* ---- failures, said once ------------------------------------------------------------------------------------------------- */

static void say_failure(struct run *run, const vb_attempt *a)
{
    const vb_receipt *r = a->receipt;
    const char *hint = json_string_value(json_object_get(r->details, "hint"));
    vb_auto_buf text = {0};
    char uuid[VB_UUID_TEXT];
    int n;

    pthread_mutex_lock(&run->failures_lock);
    n = ++run->failures;
    pthread_mutex_unlock(&run->failures_lock);
    if (n > SHOWN_FAILURES) {
        if (n == SHOWN_FAILURES + 1)
            vb_log(VB_ERROR, "there are more failures; vbutler report will list them");
        return;
    }
    vb_quantum_print(&a->quantum, &text);
    vb_buf_printf(&text, ": %s (attempt %d)", r->message, r->attempt);
    for (const char *p = hint; p && *p;) {
        size_t length = strcspn(p, "\n");

        vb_buf_printf(&text, "\n%s%.*s", p[0] == ' ' ? "" : "  ", (int)length, p);
        p += length + (p[length] == '\n');
    }
    vb_buf_printf(&text, "\n  log: provenance/%s/%s/%s/log   scratch %s%s", r->run, r->task,
                  vb_uuid_format(r->quantum, uuid), a->scratch ? "kept: " : "removed: the disk is full",
                  a->scratch ? a->scratch : "");
    vb_log(VB_ERROR, "%s", text.data);
}

static void keep_error(struct run *run, vb_error *err)
{
    pthread_mutex_lock(&run->failures_lock);
    if (!run->error.code)
        vb_error_move(&run->error, err);
    pthread_mutex_unlock(&run->failures_lock);
}

/* ---- workers --------------------------------------------------------------------------------------------------------------- */

static int64_t size_of(vb_registry *reg, const vb_uuid *dataset)
{
    vb_auto_dataset d = {0};
    vb_auto_files files = {0};
    int64_t size = 0;

    if (vb_dataset_by_uuid(reg, dataset, &d, NULL) > 0 && vb_files_get(reg, d.id, &files, NULL) < 0)
        return 0;
    for (size_t i = 0; i < files.count; i++)
        size += files.items[i].location.size > 0 ? files.items[i].location.size : 0;
    return size;
}

/* What an ad-hoc command is told about itself. */
static void note_adhoc(struct run *run, const vb_attempt *a)
{
    vb_outcome *o = run->outcome;
    int status = a->result.status;

    for (size_t i = 0; i < a->receipt->ninputs; i++) {
        const vb_receipt_input *input = &a->receipt->inputs[i];

        if (input->touch & VB_TOUCH_READ) {
            o->datasets_read++;
            o->bytes_read += size_of(a->worker->repository, &input->dataset);
        }
    }
    o->files_written = (int64_t)json_array_size(json_object_get(a->receipt->details, "undeclared_outputs"));
    o->capture = vb_strdup(a->receipt->capture);
    o->scratch = a->scratch ? vb_strdup(a->scratch) : NULL;
    o->exit_code = !a->result.ran        ? 127
                   : WIFSIGNALED(status) ? 128 + WTERMSIG(status) /* as shells say it */
                                         : WEXITSTATUS(status);
}

static vb_quantum_state settle(struct run *run, vb_attempt *a)
{
    vb_receipt *receipt = a->receipt;
    vb_quantum_state state = receipt->status == VB_STATUS_SUCCEEDED ? VB_SUCCEEDED
                             : receipt->status == VB_STATUS_ABORTED ? VB_ABORTED
                                                                    : VB_FAILED;

    if (run->site.options->exec_inputs)
        note_adhoc(run, a);
    if (state == VB_SUCCEEDED && run->site.options->durability == VB_DURABILITY_QUANTUM && syncfs(run->site.root)) {
        vb_attempt_withdraw(a);
        receipt->status = VB_STATUS_FAILED;
        receipt->message = vb_format("its outputs could not be written to disk: %s", strerror(errno));
        state = VB_FAILED;
    }
    if (state == VB_FAILED)
        say_failure(run, a);
    if (state == VB_SUCCEEDED)
        vb_published_add(run->site.published, receipt);
    a->receipt = NULL;
    vb_committer_add(run->committer, receipt);
    return state;
}

static void work(struct run *run, vb_worker *w)
{
    int64_t quantum;
    int attempt;

    while (vb_schedule_next(run->schedule, &quantum, &attempt)) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_attempt a = {.file = -1};
        vb_quantum_state state = VB_FAILED;

        if (vb_attempt_make(w, quantum, attempt, &a, &err) < 0) {
            keep_error(run, &err);
            vb_schedule_stop(run->schedule);
        } else {
            state = settle(run, &a);
        }
        vb_schedule_finish(run->schedule, quantum, state);
        if (state == VB_FAILED && run->site.options->fail_fast)
            vb_schedule_stop(run->schedule);
    }
}

static int open_worker(struct run *run, vb_worker *w, vb_error *err)
{
    int r;

    w->site = &run->site;
    r = vb_graph_open(run->graph_file, &w->graph, err);
    if (!r && run->site.options->exec_inputs) {
        r = vb_repo_registry(run->site.repo, VB_ACCESS_READ, &w->repository, err);
        if (!r)
            r = vb_search_resolve(w->repository, run->site.options->exec_inputs, &w->search, err);
    }
    return r < 0 ? r
                 : vb_stores_open(w->repository ? w->repository : w->graph->reg, run->site.repo->root, &w->stores, err);
}

static void close_worker(vb_worker *w)
{
    vb_search_clear(&w->search);
    if (w->stores)
        vb_stores_close(w->stores);
    if (w->repository)
        vb_registry_close(w->repository);
    if (w->graph)
        vb_graph_close(w->graph);
}

struct start {
    struct run *run;
    vb_worker *worker;
};

static void *worker_main(void *arg)
{
    struct start *start = arg;
    vb_auto_error err = VB_ERROR_INIT;

    if (open_worker(start->run, start->worker, &err) < 0) {
        keep_error(start->run, &err);
        vb_schedule_stop(start->run->schedule);
    } else {
        work(start->run, start->worker);
    }
    close_worker(start->worker);
    atomic_fetch_add(&start->run->ended_threads, 1);
    eventfd_write(start->run->ended, 1);
    free(start);
    return NULL;
}

static void start_workers(struct run *run)
{
    int64_t total = vb_schedule_counts(run->schedule).total;
    int processes = run->site.options->processes;

    /* More threads than programs at a time: the next are prepared and the last are published while programs run. */
    run->nthreads = processes + (processes < SPARE_THREADS ? processes : SPARE_THREADS);
    if (total < run->nthreads)
        run->nthreads = total ? (int)total : 1;
    run->site.slots = vb_slots_new(processes);
    run->workers = vb_alloc((size_t)run->nthreads * sizeof *run->workers);
    run->threads = vb_alloc((size_t)run->nthreads * sizeof *run->threads);
    for (int i = 0; i < run->nthreads; i++) {
        struct start *start = VB_NEW(struct start);

        *start = (struct start){run, &run->workers[i]};
        pthread_create(&run->threads[i], NULL, worker_main, start);
    }
}

/* ---- the main thread --------------------------------------------------------------------------------------------------------- */

static void kill_jobs(struct run *run, int signal)
{
    for (int i = 0; i < run->nthreads; i++) {
        pid_t pid = atomic_load(&run->workers[i].job);

        atomic_store(&run->workers[i].stop, true);
        if (pid > 0)
            kill(pid, signal);
    }
}

static double seconds_since(int64_t start)
{
    return (double)(vb_clock_monotonic_ns() - start) / 1e9;
}

/* Shows progress and obeys signals until every worker has ended. */
static void watch(struct run *run, int signals, int64_t start)
{
    int64_t deadline = 0;

    while (atomic_load(&run->ended_threads) < run->nthreads) {
        struct pollfd fds[] = {{signals, POLLIN, 0}, {run->ended, POLLIN, 0}};
        struct signalfd_siginfo info;
        eventfd_t ended;
        vb_counts counts = vb_schedule_counts(run->schedule);

        if (!run->site.options->no_progress)
            vb_run_progress_show(&counts, seconds_since(start));
        poll(fds, VB_COUNT(fds), TICK_MS);
        if (fds[1].revents)
            eventfd_read(run->ended, &ended);
        if (fds[0].revents && read(signals, &info, sizeof info) == sizeof info) {
            bool again = run->outcome->interrupted;

            if (!again)
                vb_log(VB_WARNING,
                       "ending: running quanta are asked to end; what is done stays (once more to kill them)");
            run->outcome->interrupted = true;
            vb_schedule_stop(run->schedule);
            kill_jobs(run, again ? SIGKILL : SIGTERM);
            deadline = vb_clock_monotonic_ns() + GRACE_MS * INT64_C(1000000);
        }
        if (deadline && vb_clock_monotonic_ns() > deadline)
            kill_jobs(run, SIGKILL);
    }
    for (int i = 0; i < run->nthreads; i++)
        pthread_join(run->threads[i], NULL);
}

static int block_signals(sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, before);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------------- */

/* Sessions hold a descriptor for each file that a job has made or opened. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Artifacts that gave way to others: what was replaced or clobbered.  What cannot be removed now is tried again by the
 * next run. */
static void empty_trash(struct run *run)
{
    vb_auto(vb_stores_close) vb_stores *stores = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_stores_open(run->reg, run->site.repo->root, &stores, &err);

    if (!r)
        r = vb_stores_empty_trash(stores, run->reg, &err);
    if (r < 0)
        vb_log(VB_WARNING, "removing artifacts that are not needed any more: %s", err.message);
}

/* A run that it replaces, and prunes, must not be executed meanwhile. */
static int register_run(struct run *run, const vb_repo *repo, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *held = NULL;
    char *replaced[] = {run->graph->prune_replaced ? run->graph->replaced : NULL, NULL};
    int r = vb_executions_hold(repo, replaced, &held, err);

    return r < 0 ? r : vb_provenance_register_run(run->reg, run->graph, err);
}

static int begin(struct run *run, const vb_repo *repo, vb_error *err)
{
    int r = vb_executions_settle(repo, err);

    if (!r)
        r = vb_graph_open(run->graph_file, &run->graph, err);
    run->site.repo = repo;
    run->site.root = open(repo->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!r && run->site.root < 0)
        r = vb_fail_errno(err, -errno, "opening repository %s", repo->root);
    if (!r)
        r = vb_places_open(repo, &run->site.places, err);
    if (!r)
        r = vb_rundir_open(repo, run->graph, run->graph_file, &run->site.dir, err);
    if (!r) /* after the lock: a graph that another runner executes starts no jobs here */
        r = vb_site_start(&run->site, run->graph, err);
    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_WRITE, &run->reg, err);
    if (!r)
        r = vb_schedule_new(run->graph, &run->schedule, err);
    if (r < 0)
        return r;
    umask(0);
    raise_descriptor_limit();
    run->site.published = vb_published_new();
    r = register_run(run, repo, err);
    if (r < 0)
        return r;
    empty_trash(run);
    r = vb_recover(&run->site, run->reg, run->graph, run->schedule, err);
    return r < 0 ? r : vb_make_init_outputs(&run->site, run->reg, run->graph, err);
}

static int mark_blocked(struct run *run, vb_error *err)
{
    vb_uuid *blocked;
    size_t n;
    int r;

    vb_schedule_list(run->schedule, VB_BLOCKED, &blocked, &n);
    r = vb_provenance_mark_blocked(run->reg, run->graph, blocked, n, err);
    free(blocked);
    return r;
}

static int execute(struct run *run, vb_error *err)
{
    int64_t start = vb_clock_monotonic_ns();
    sigset_t before;
    int signals = block_signals(&before), r;
    vb_counts counts;

    vb_schedule_start(run->schedule);
    run->committer = vb_committer_start(&run->site, run->reg, run->graph);
    run->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    start_workers(run);
    watch(run, signals, start);
    r = vb_committer_stop(run->committer, err);
    if (!r)
        r = mark_blocked(run, err);
    empty_trash(run);
    if (!r && run->error.code) {
        r = run->error.code;
        vb_error_move(err, &run->error);
    }
    counts = run->outcome->counts = vb_schedule_counts(run->schedule);
    run->outcome->wall = seconds_since(start);
    if (!run->site.options->no_progress)
        vb_run_progress_end(&counts, run->outcome->wall);
    close(run->ended);
    close(signals);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

static void end(struct run *run)
{
    if (run->site.zygote)
        vb_zygote_stop(run->site.zygote);
    if (run->schedule)
        vb_schedule_free(run->schedule);
    if (run->site.slots)
        vb_slots_free(run->site.slots);
    if (run->site.published)
        vb_published_free(run->site.published);
    if (run->reg)
        vb_registry_close(run->reg);
    if (run->site.dir) {
        umask(run->site.dir->umask);
        vb_rundir_close(run->site.dir);
    }
    if (run->graph)
        vb_graph_close(run->graph);
    if (run->site.places)
        vb_places_close(run->site.places);
    if (run->site.root >= 0)
        close(run->site.root);
    free(run->workers);
    free(run->threads);
    free(run->site.mountpoint);
    free(run->site.capture);
    free(run->site.host);
    vb_error_clear(&run->error);
    pthread_mutex_destroy(&run->failures_lock);
}

int vb_run_graph(const vb_repo *repo, const char *graph_file, const vb_run_options *options, vb_outcome *out,
                 vb_error *err)
{
    struct run run = {.graph_file = graph_file, .outcome = out};
    int r;

    *out = (vb_outcome){0};
    run.site.options = options;
    run.site.root = -1;
    pthread_mutex_init(&run.failures_lock, NULL);
    r = begin(&run, repo, err);
    if (!r) {
        out->run = vb_strdup(run.graph->run);
        out->graph_file = vb_path_join(run.site.dir->path, "graph.vbg");
        r = execute(&run, err);
    }
    end(&run);
    return r;
}
