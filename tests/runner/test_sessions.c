/* Tests of many sessions in one process: what jobs have while they run, at once and one after the other, leaves
 * nothing. */
#include "fs/session/session.h"
#include "fs/view/job.h"
#include "runner/sandbox/zygote.h"
#include "tests/fs/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 50 };
#else
enum { SLOWER = 1 };
#endif

enum { AT_ONCE = 200, ROUNDS = 10000 };

static const vb_branch *const job_branches[] = {&vb_branch_data, &vb_branch_dimensions, NULL};

struct site {
    fixture *f;
    vb_stores *stores;
    vb_zygote *zygote;
    const char *work; /* a job's current directory */
};

static bool is_alive(void *arg)
{
    vb_job_result result;

    return vb_job_receive(arg, &result) >= 0;
}

static char *const environment[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

/* Runs a job in a session of its own: 0, or what went wrong. */
static int run_session(struct site *site, vb_registry *reg, const char *scratch, char *const *argv)
{
    vb_autoclose int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    vb_auto(vb_session_free) vb_session *session = NULL;
    vb_auto(vb_journal_free) vb_journal *journal = vb_journal_new();
    vb_auto(vb_job_view_free) vb_job_view *job_view = NULL;
    vb_auto(vb_view_free) vb_view *view = NULL;
    vb_job_request request = {.argv = argv, .environment = environment, .out = out, .err = out};
    vb_session_watch watch = {.ready = is_alive};
    vb_job_result result = {0};
    vb_job_handle job;
    vb_call call;
    int r = vb_job_view_new(scratch, &job_view, NULL);

    if (r < 0)
        return r;
    view = vb_view_new(site->stores, job_branches);
    view->job = job_view;
    request.directory = site->work;
    r = vb_zygote_spawn(site->zygote, &request, &job, NULL);
    if (r < 0)
        return r;
    r = vb_session_new(view, job.device,
                       &(vb_session_options){.writable = true, .timeout = VB_FOR_EVER, .passthrough = !geteuid()},
                       &session, NULL);
    call = (vb_call){.view = view, .reg = reg, .journal = journal};
    watch.fd = job.socket;
    watch.arg = &job;
    if (!r)
        r = vb_session_serve(session, &call, &watch, 1, false, NULL);
    if (watch.fd >= 0)
        while (vb_job_receive(&job, &result) >= 0)
            ;
    close(job.socket);
    return r;
}

static int setup(void **state)
{
    int r = world_setup(state);

    if (!r)
        world_raws(*state);
    return r;
}

static void open_site(fixture *f, struct site *site)
{
    vb_auto_error err = VB_ERROR_INIT;
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    *site = (struct site){.f = f, .work = fixture_path(f, "mnt/work")};
    assert_int_equal(mkdir(fixture_path(f, "mnt"), 0755), 0);
    if (vb_zygote_start(&(vb_zygote_options){.mountpoint = fixture_path(f, "mnt")}, &site->zygote, &err) < 0) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    assert_ok(vb_stores_open(f->reg, f->repo->root, &site->stores, &err), &err);
}

static void close_site(struct site *site)
{
    vb_stores_close(site->stores);
    vb_zygote_stop(site->zygote);
}

/* ---- at once ---------------------------------------------------------------------------------------------------- */

struct one {
    struct site *site;
    const char *scratch, *gate;
    pthread_t thread;
    int result;
};

static void *run_one(void *arg)
{
    struct one *one = arg;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_autofree char *script =
        vb_format("echo here >here; cat ../data/TestCam/raw/all/raw/instrument=TestCam/detector=2/"
                  "exposure=101/* here >both; ls -R . >listing; read x <%s; mv both done",
                  one->gate);
    char *const argv[] = {(char *)"sh", (char *)"-ec", script, NULL};

    one->result = vb_repo_registry(one->site->f->repo, VB_ACCESS_READ, &reg, NULL);
    if (!one->result)
        one->result = run_session(one->site, reg, one->scratch, argv);
    return NULL;
}

/* Every job has come to the gate, with its session served, before it is opened. */
static void test_two_hundred_sessions_at_once(void **state)
{
    struct site site;
    struct one *all = vb_alloc(AT_ONCE * sizeof *all);
    const char *gate = fixture_path(*state, "gate");
    int waiting = 0, fd;

    open_site(*state, &site);
    assert_int_equal(mkfifo(gate, 0600), 0);
    for (int i = 0; i < AT_ONCE; i++) {
        vb_autofree char *name = vb_format("scratch.%d", i);

        all[i] = (struct one){.site = &site, .scratch = fixture_path(*state, name), .gate = gate};
        assert_int_equal(mkdir(all[i].scratch, 0755), 0);
        assert_int_equal(pthread_create(&all[i].thread, NULL, run_one, &all[i]), 0);
    }
    for (int tries = 0; waiting < AT_ONCE; tries++) {
        assert_true(tries < 1000 * SLOWER);
        usleep(50000);
        waiting = 0;
        for (int i = 0; i < AT_ONCE; i++) {
            vb_autofree char *path = vb_path_join(all[i].scratch, "listing");

            waiting += !access(path, F_OK);
        }
    }
    fd = open(gate, O_RDWR);
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(write(fd, "\n", 1), 1);
    for (int i = 0; i < AT_ONCE; i++) {
        vb_autofree char *path = vb_path_join(all[i].scratch, "done");
        vb_auto_buf text = {0};

        pthread_join(all[i].thread, NULL);
        assert_int_equal(all[i].result, 0);
        assert_int_equal(vb_read_file(AT_FDCWD, path, 100, &text, NULL), 0);
        assert_string_equal(vb_buf_text(&text), "raw 101 2\nhere\n");
    }
    close(fd);
    free(all);
    close_site(&site);
}

/* ---- one after the other ---------------------------------------------------------------------------------------- */

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void show_descriptors(void)
{
    for (int fd = 0; fd < 1000; fd++) {
        char path[64], target[256];
        ssize_t n;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof target - 1);
        if (n > 0)
            print_message("%d -> %.*s\n", fd, (int)n, target);
    }
}

/* Of this process's mounts, those below a directory: others come and go. */
static int count_mounts(const char *directory)
{
    FILE *in = fopen("/proc/self/mountinfo", "r");
    char line[4096];
    int n = 0;

    while (in && fgets(line, sizeof line, in))
        n += strstr(line, directory) != NULL;
    if (in)
        fclose(in);
    return n;
}

/* Processes of ours that nobody has waited for, or that go on. */
static int count_children(void)
{
    vb_autofree char *path = vb_format("/proc/self/task/%d/children", getpid());
    FILE *in = fopen(path, "r");
    int pid, n = 0;

    while (in && fscanf(in, "%d", &pid) == 1)
        n++;
    if (in)
        fclose(in);
    return n;
}

struct left {
    int descriptors, mounts, children;
    size_t memory;
};

static struct left count_all(const fixture *f)
{
    return (struct left){.descriptors = count_descriptors(),
                         .mounts = count_mounts(f->dir),
                         .children = count_children(),
                         .memory = mallinfo2().uordblks};
}

static void test_sessions_one_after_the_other_leave_nothing(void **state)
{
    char *const argv[] = {(char *)"true", NULL};
    int rounds = getenv("VB_SOAK") ? 10 * ROUNDS : ROUNDS;
    const char *scratch = fixture_path(*state, "scratch");
    struct left before = {0}, after;
    struct site site;

    open_site(*state, &site);
    assert_int_equal(mkdir(scratch, 0755), 0);
    rounds /= SLOWER;
    for (int i = 0; i < rounds; i++) {
        if (i == 50) /* what is kept from one to the next is there now */
            before = count_all(*state);
        assert_int_equal(run_session(&site, ((fixture *)*state)->reg, scratch, argv), 0);
    }
    after = count_all(*state);
    if (after.descriptors != before.descriptors)
        show_descriptors();
    assert_int_equal(after.descriptors, before.descriptors);
    assert_int_equal(after.mounts, before.mounts);
    assert_int_equal(after.children, before.children);
    if (SLOWER == 1) /* sanitizers have memory of their own, and look for leaks themselves */
        assert_in_range(after.memory, 0, before.memory + 65536);
    close_site(&site);
    assert_int_equal(rmdir(fixture_path(*state, "mnt")), 0); /* no mount is left on it */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_two_hundred_sessions_at_once),
        TEST(test_sessions_one_after_the_other_leave_nothing),
    };

    return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
