/* Tests of runner/sandbox/zygote: jobs are started, watched, and gone when they are said to be. */
#include "runner/sandbox/zygote.h"
#include "tests/runner/bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

static vb_zygote *start(const vb_zygote_options *options)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_zygote *z = NULL;
    int r = vb_zygote_start(options, &z, &err);

    if (r == -EPERM && options->mountpoint) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    assert_ok(r, &err);
    return z;
}

static vb_zygote *start_plain(void)
{
    return start(&(vb_zygote_options){0});
}

/* Starts a job; what it prints comes out of the descriptor. */
static int spawn(vb_zygote *z, vb_job_request request, vb_job_handle *job)
{
    vb_auto_error err = VB_ERROR_INIT;
    int pair[2], r;

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    request.out = request.err = pair[1];
    request.directory = request.directory ? request.directory : "/";
    r = vb_zygote_spawn(z, &request, job, &err);
    close(pair[1]);
    assert_ok(r, &err);
    return pair[0];
}

/* Waits until every process of a job is dead; how it ended. */
static vb_job_result finish(vb_job_handle *job)
{
    vb_job_result result = {0};
    int r, results = 0;

    while ((r = vb_job_receive(job, &result)) >= 0)
        results += r;
    assert_int_equal(r, -EPIPE);
    assert_true(results <= 1);
    close(job->socket);
    if (job->device >= 0)
        close(job->device);
    return result;
}

/* Runs a job; what it printed, which the caller frees. */
static char *run(vb_zygote *z, vb_job_request request, vb_job_result *result)
{
    vb_job_handle job;
    vb_autoclose int out = spawn(z, request, &job);
    vb_buf text = {0};
    char block[4096];
    ssize_t n;

    while ((n = read(out, block, sizeof block)) > 0)
        vb_buf_add(&text, block, (size_t)n);
    *result = finish(&job);
    return vb_buf_steal(&text);
}

#define SHELL(script)                                      \
    (char *const[])                                        \
    {                                                      \
        (char *)"sh", (char *)"-c", (char *)(script), NULL \
    }

static void check(vb_zygote *z, vb_job_request request, int status, const char *output)
{
    vb_job_result result;
    vb_autofree char *text = run(z, request, &result);

    assert_string_equal(text, output);
    assert_true(result.ran);
    assert_int_equal(result.step, VB_STEP_NONE);
    assert_int_equal(result.status, status);
}

static void test_output_and_status_come_back(void **state)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();

    check(z, (vb_job_request){.argv = SHELL("echo hello; echo oh >&2; exit 3")}, 3 << 8, "hello\noh\n");
    check(z, (vb_job_request){.argv = SHELL("exit 0")}, 0, "");
    check(z, (vb_job_request){.argv = SHELL("kill -9 $$")}, SIGKILL, "");
}

static void test_a_job_has_its_environment_and_directory_and_no_more(void **state)
{
    fixture *f = *state;
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();
    vb_autofree char *here = vb_format("%s\n", f->dir);
    char *const environment[] = {(char *)"A=b c", (char *)"E=", NULL};

    check(z, (vb_job_request){.argv = (char *const[]){(char *)"env", NULL}, .environment = environment}, 0,
          "A=b c\nE=\n");
    check(z, (vb_job_request){.argv = (char *const[]){(char *)"pwd", NULL}, .directory = f->dir}, 0, here);
    check(z, (vb_job_request){.argv = (char *const[]){(char *)"cat", NULL}}, 0, "");       /* stdin is empty */
    check(z, (vb_job_request){.argv = SHELL("cd /proc/$$/fd && echo *")}, 0, "0 1 2 3\n"); /* 3: what lists them */
}

static void test_a_long_command_line_arrives_whole(void **state)
{
    enum { MANY = 3000 };
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();
    vb_autofree char *big = vb_alloc(100001);
    char **argv = NULL;

    memset(big, 'x', 100000);
    vb_strv_add(&argv, "sh");
    vb_strv_add(&argv, "-c");
    vb_strv_add(&argv, "echo $# ${#1} \"$2\"");
    vb_strv_add(&argv, "sh");
    vb_strv_add(&argv, big);
    for (int i = 0; i < MANY; i++)
        vb_strv_add(&argv, i ? "" : "two words");
    check(z, (vb_job_request){.argv = argv}, 0, "3001 100000 two words\n");
    vb_strv_free(argv);
}

static void test_what_a_job_used_is_told(void **state)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();
    vb_job_result result;
    vb_autofree char *text = run(z, (vb_job_request){.argv = SHELL("head -c 300000 /dev/zero | cat >/dev/null")},
                                 &result);

    assert_true(result.usage.wall > 0);
    assert_true(result.usage.memory > 100000);
    assert_true(result.usage.bytes_read >= 300000);
    assert_true(result.usage.bytes_written >= 600000);
    assert_true(result.usage.cpu_user + result.usage.cpu_system >= 0);
}

/* ---- what cannot be started ------------------------------------------------------------------------------------- */

static void test_the_step_that_failed_is_told(void **state)
{
    fixture *f = *state;
    const struct {
        const char *program, *directory;
        vb_job_step step;
        int error;
    } cases[] = {
        {"no-such-program", NULL, VB_STEP_EXEC, ENOENT},
        {"/no/such/program", NULL, VB_STEP_EXEC, ENOENT},
        {f->dir, NULL, VB_STEP_EXEC, EACCES},
        {"true", "/no/such/directory", VB_STEP_CHDIR, ENOENT},
    };
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        char *const argv[] = {(char *)cases[i].program, NULL};
        vb_job_result result;
        vb_autofree char *text = run(z, (vb_job_request){.argv = argv, .directory = cases[i].directory}, &result);

        assert_false(result.ran);
        assert_int_equal(result.step, cases[i].step);
        assert_int_equal(result.error, cases[i].error);
    }
    check(z, (vb_job_request){.argv = SHELL("echo on")}, 0, "on\n"); /* and the next is none the worse for it */
}

static void test_steps_have_names(void **state)
{
    for (int step = VB_STEP_FUSE; step <= VB_STEP_EXEC; step++)
        assert_true(strlen(vb_job_step_name((vb_job_step)step)) > 5);
    assert_string_equal(vb_job_step_name(VB_STEP_EXEC), "executing the program");
}

/* The only child that this process has. */
static pid_t zygote_process(void)
{
    vb_autofree char *path = vb_format("/proc/self/task/%d/children", (int)getpid());
    vb_auto_buf text = {0};

    assert_int_equal(vb_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
    return (pid_t)atoi(vb_buf_text(&text));
}

static void test_without_a_zygote_nothing_is_started(void **state)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();
    vb_auto_error err = VB_ERROR_INIT;
    vb_job_request request = {.argv = SHELL("true"), .directory = "/", .out = 1, .err = 2};
    pid_t pid = zygote_process();
    vb_job_handle job;
    siginfo_t info;

    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(vb_zygote_spawn(z, &request, &job, &err), -EPIPE);
    assert_says(&err, "the process that starts jobs is gone");
}

/* Bug: descriptor 0 was closed, which was nobody's to close. */
static void test_a_zygote_that_cannot_start_leaves_what_is_not_its_own(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_zygote *z = NULL;
    struct rlimit before, low;
    int next = dup(0), r;

    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    close(next);
    low.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &low);
    r = vb_zygote_start(&(vb_zygote_options){0}, &z, &err);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(r, -EMFILE);
    assert_null(z);
    assert_true(fcntl(0, F_GETFD) >= 0);
}

/* ---- ends ------------------------------------------------------------------------------------------------------- */

/* Reads the number of a process that a job has printed. */
static pid_t read_pid(int out)
{
    char text[32] = {0};

    assert_true(read(out, text, sizeof text - 1) > 0);
    return (pid_t)atoi(text);
}

/* Dead, or a corpse that its parent has not seen yet. */
static bool is_dead(pid_t pid)
{
    vb_autofree char *path = vb_format("/proc/%d/stat", (int)pid);
    vb_auto_buf text = {0};
    const char *state;

    if (vb_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return true;
    state = strrchr(vb_buf_text(&text), ')');
    return !state || state[2] == 'Z' || state[2] == 'X';
}

/* When a job is said to be dead, so is what it has left running, in a session of its own too. */
static void test_what_a_job_leaves_running_is_killed(void **state)
{
    static const char *const scripts[] =
        {"sleep 1000 & echo $!",
         "setsid sh -c 'echo $$; >told; exec sleep 1000' & while ! [ -e told ]; do sleep 0.01; done",
         "(trap '' TERM HUP; sleep 1000 & echo $!) & wait"};
    fixture *f = *state;
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();

    for (size_t i = 0; i < VB_COUNT(scripts); i++) {
        vb_job_handle job;
        vb_autoclose int out = spawn(z, (vb_job_request){.argv = SHELL(scripts[i]), .directory = f->dir}, &job);
        pid_t left = read_pid(out);

        assert_true(left > 1);
        finish(&job);
        assert_true(is_dead(left));
    }
}

static void test_a_request_to_end_reaches_the_task(void **state)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();
    vb_job_handle job;
    vb_autoclose int out =
        spawn(z, (vb_job_request){.argv = SHELL("trap 'exit 5' TERM; echo 1; while :; do sleep 0.01; done")}, &job);
    vb_job_result result;

    assert_int_equal(read_pid(out), 1);
    kill(job.pid, SIGTERM);
    result = finish(&job);
    assert_int_equal(WEXITSTATUS(result.status), 5);
}

/* Bug: init was sometimes quicker than the message that tells its number, and the request went to number 0: to the
 * runner and all of its group.  Bug: one that came before init had noted the task's number was lost.  Many are tried,
 * since the moment is short; a task that is not reached makes the test end by its time limit. */
static void test_a_request_to_end_that_comes_early_is_kept(void **state)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();

    for (int i = 0; i < 50; i++) {
        vb_job_handle job;
        vb_autoclose int out = spawn(z, (vb_job_request){.argv = SHELL("exec sleep 1000")}, &job);
        vb_job_result result;

        assert_true(job.pid > 1);
        kill(job.pid, SIGTERM);
        result = finish(&job);
        assert_true(WIFSIGNALED(result.status));
        assert_int_equal(WTERMSIG(result.status), SIGTERM);
    }
}

static void test_a_stop_ends_every_job(void **state)
{
    vb_zygote *z = start_plain();
    vb_job_handle jobs[3];
    pid_t tasks[3];

    for (int i = 0; i < 3; i++) {
        vb_autoclose int out = spawn(z, (vb_job_request){.argv = SHELL("echo $$; exec sleep 1000")}, &jobs[i]);

        tasks[i] = read_pid(out);
    }
    vb_zygote_stop(z);
    for (int i = 0; i < 3; i++) {
        finish(&jobs[i]);
        while (!is_dead(tasks[i])) /* or the test ends by its time limit */
            usleep(1000);
    }
}

struct crowd {
    vb_zygote *z;
    atomic_int next, wrong;
};

static void *run_some(void *arg)
{
    struct crowd *c = arg;

    for (int n; (n = atomic_fetch_add(&c->next, 1)) < 40;) {
        vb_autofree char *script = vb_format("echo %d; exit %d", n, n), *expected = vb_format("%d\n", n);
        vb_job_result result;
        vb_autofree char *text = run(c->z, (vb_job_request){.argv = SHELL(script)}, &result);

        if (strcmp(text, expected) || WEXITSTATUS(result.status) != n)
            atomic_fetch_add(&c->wrong, 1);
    }
    return NULL;
}

static void test_threads_start_jobs_at_once(void **state)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = start_plain();
    struct crowd c = {.z = z};

    bench_threads(6, run_some, &c);
    assert_int_equal(atomic_load(&c.wrong), 0);
}

/* ---- namespaces: mounts that nobody has to serve, since nobody looks ---------------------------------------------- */

static const char *make_directory(fixture *f, const char *name)
{
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, name), 0755), 0);
    return fixture_path(f, name);
}

static void test_a_job_has_its_own_processes_and_a_mount(void **state)
{
    fixture *f = *state;
    const char *mountpoint = make_directory(f, "mnt");
    vb_auto(vb_zygote_stop) vb_zygote *z = start(&(vb_zygote_options){.mountpoint = mountpoint});
    vb_autofree char *script = vb_format("echo $$; grep -c ' %s fuse ' /proc/self/mounts", mountpoint);
    vb_job_handle job;
    vb_autoclose int out = spawn(z, (vb_job_request){.argv = SHELL(script)}, &job);
    vb_auto_buf own = {0};
    char text[64] = {0};
    size_t n = 0;

    assert_true(job.device >= 0);
    for (ssize_t got; n < sizeof text - 1 && (got = read(out, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)got;
    assert_string_equal(text, "2\n1\n");
    finish(&job);
    assert_int_equal(vb_read_file(AT_FDCWD, "/proc/self/mounts", 1 << 20, &own, NULL), 0);
    assert_null(strstr(vb_buf_text(&own), mountpoint)); /* it is not ours */
}

static void test_masks_cover_what_jobs_must_not_see(void **state)
{
    fixture *f = *state;
    const char *mountpoint = make_directory(f, "mnt"), *secret = make_directory(f, "secret");
    const char *file = fixture_path(f, "file"), *none = fixture_path(f, "none");
    char *const masks[] = {(char *)secret, (char *)file, (char *)none, NULL};
    vb_auto(vb_zygote_stop) vb_zygote *z = NULL;
    vb_autofree char *script = vb_format("ls -A %s", secret);

    fixture_write(f, "secret/artifact", "x");
    fixture_write(f, "file", "x");
    z = start(&(vb_zygote_options){.mountpoint = mountpoint, .masks = masks});
    assert_int_equal(vb_zygote_mask_error(z, 0), 0);
    assert_int_equal(vb_zygote_mask_error(z, 1), ENOTDIR);
    assert_int_equal(vb_zygote_mask_error(z, 2), 0); /* what is not there need not be covered */
    check(z, (vb_job_request){.argv = SHELL(script)}, 0, "");
    assert_int_equal(access(fixture_path(f, "secret/artifact"), F_OK), 0);
}

/* bug: what did not fit into 32 kB of text counted as covered */
static void test_every_mask_is_told_of(void **state)
{
    enum { COUNT = 70, DEPTH = 1000 };
    fixture *f = *state;
    const char *mountpoint = make_directory(f, "mnt"), *directory = make_directory(f, "dir:\n");
    char *masks[COUNT + 1] = {NULL};
    vb_auto_buf path = {0};
    vb_auto(vb_zygote_stop) vb_zygote *z = NULL;

    fixture_write(f, "dir:\n/file", "x");
    vb_buf_puts(&path, directory);
    for (int i = 0; i < DEPTH; i++)
        vb_buf_puts(&path, "/.");
    vb_buf_puts(&path, "/file");
    for (int i = 0; i < COUNT; i++)
        masks[i] = path.data;
    masks[COUNT - 1] = (char *)directory;
    z = start(&(vb_zygote_options){.mountpoint = mountpoint, .masks = masks});
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(vb_zygote_mask_error(z, i), i == COUNT - 1 ? 0 : ENOTDIR);
}

static void test_jobs_cannot_take_masks_away(void **state)
{
    fixture *f = *state;
    const char *secret = make_directory(f, "secret");
    char *const masks[] = {(char *)secret, NULL};
    vb_auto(vb_zygote_stop) vb_zygote *z = NULL;
    vb_autofree char *script = vb_format("exec 2>/dev/null; cd %s/..; umount secret && echo unmounted; "
                                         "unshare -m umount %s && echo alone; "
                                         "unshare -Urm umount %s && echo in a user namespace; "
                                         "unshare -Urm mount --bind . %s && echo beside; "
                                         "nsenter -t 1 -m true && echo entered; "
                                         "cat /proc/1/root/%s/artifact && echo by its root; "
                                         "chmod 777 secret && echo changed; echo x >secret/x && echo written; "
                                         "ls -A secret",
                                         secret, secret, secret, fixture_path(f, "other"), secret);

    fixture_write(f, "secret/artifact", "x");
    make_directory(f, "other");
    z = start(&(vb_zygote_options){.mountpoint = make_directory(f, "mnt"), .masks = masks});
    assert_int_equal(vb_zygote_privilege_error(z), 0);
    check(z, (vb_job_request){.argv = SHELL(script)}, 0, "");
}

static void test_a_namespace_takes_its_processes_with_it(void **state)
{
    fixture *f = *state;
    vb_auto(vb_zygote_stop) vb_zygote *z = start(&(vb_zygote_options){.mountpoint = make_directory(f, "mnt")});
    vb_job_handle job;
    vb_autoclose int out = spawn(z, (vb_job_request){.argv = SHELL("setsid sleep 1000 & echo 1")}, &job);
    char byte;

    assert_int_equal(read_pid(out), 1);
    finish(&job);
    assert_int_equal(read(out, &byte, 1), 0); /* nobody has the other end */
}

static void test_a_mountpoint_that_is_not_there_is_told(void **state)
{
    fixture *f = *state;
    vb_auto(vb_zygote_stop) vb_zygote *z = start(&(vb_zygote_options){.mountpoint = fixture_path(f, "none")});
    vb_job_request request = {.argv = SHELL("true"), .directory = "/", .out = 1, .err = 2};
    vb_auto_error err = VB_ERROR_INIT;
    vb_job_handle job;

    assert_int_equal(vb_zygote_spawn(z, &request, &job, &err), -ENOENT);
    assert_says(&err, "starting a job: mounting its file system: No such file or directory");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_output_and_status_come_back),
        TEST(test_a_job_has_its_environment_and_directory_and_no_more),
        TEST(test_a_long_command_line_arrives_whole),
        TEST(test_what_a_job_used_is_told),
        TEST(test_the_step_that_failed_is_told),
        TEST(test_steps_have_names),
        TEST(test_without_a_zygote_nothing_is_started),
        TEST(test_a_zygote_that_cannot_start_leaves_what_is_not_its_own),
        TEST(test_what_a_job_leaves_running_is_killed),
        TEST(test_a_request_to_end_reaches_the_task),
        TEST(test_a_request_to_end_that_comes_early_is_kept),
        TEST(test_a_stop_ends_every_job),
        TEST(test_threads_start_jobs_at_once),
        TEST(test_a_job_has_its_own_processes_and_a_mount),
        TEST(test_masks_cover_what_jobs_must_not_see),
        TEST(test_every_mask_is_told_of),
        TEST(test_jobs_cannot_take_masks_away),
        TEST(test_a_namespace_takes_its_processes_with_it),
        TEST(test_a_mountpoint_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests_name("zygote", tests, NULL, NULL);
}
