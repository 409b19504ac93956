/* Tests of fs/cache: many processes that want the same artifacts, and die. */
#include "tests/fs/faulty.h"
#include "tests/fs/fixture.h"

#include "registry/base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 16, ARTIFACTS = 200 };

static char paths[ARTIFACTS][32];
static vb_cache_item items[ARTIFACTS];

static int setup(void **state)
{
    faulty_reset();
    for (int i = 0; i < ARTIFACTS; i++) {
        snprintf(paths[i], sizeof paths[i], "f%d-%d", i, 1000 + i * 1237);
        items[i] = faulty_item(paths[i]);
    }
    return fixture_setup(state);
}

static vb_cache *open_cache(fixture *f, int64_t size)
{
    vb_cache_tier tier = {fixture_path(f, "cache"), size, 100000, false};
    vb_cache_options o = {&tier, 1, 1};
    vb_auto_error err = VB_ERROR_INIT;
    vb_cache *c = NULL;

    assert_ok(vb_cache_open(&o, &c, &err), &err);
    return c;
}

/* A process that wants all of them, in an order of its own: 0 where each was right; it never returns. */
static void want_all(fixture *f, int64_t size, unsigned seed)
{
    vb_cache *c = open_cache(f, size);
    int order[ARTIFACTS];

    for (int i = 0; i < ARTIFACTS; i++)
        order[i] = i;
    for (int i = ARTIFACTS; i-- > 1;) {
        int k = (int)((unsigned)rand_r(&seed) % (unsigned)(i + 1)), kept = order[i];

        order[i] = order[k];
        order[k] = kept;
    }
    for (int i = 0; i < ARTIFACTS; i++) {
        vb_cache_source source = faulty_source(paths[order[i]], 60);
        vb_auto_error err = VB_ERROR_INIT;
        vb_autoclose int fd = vb_cache_get(c, &items[order[i]], &source, &err);

        if (fd < 0 || !faulty_is(fd, paths[order[i]])) {
            fprintf(stderr, "%s: %s\n", paths[order[i]], fd < 0 ? err.message : "wrong bytes");
            _exit(1);
        }
    }
    _exit(0);
}

static pid_t start(fixture *f, int64_t size, unsigned seed)
{
    pid_t pid = fork();

    if (!pid) {
        alarm(120);
        want_all(f, size, seed);
    }
    assert_true(pid > 0);
    return pid;
}

/* The bytes of all files of the cache, as the disk has them at one moment: names change under the lock only. */
static int64_t bytes_on_disk(fixture *f)
{
    vb_autoclose int lock = open(fixture_path(f, "cache/lock"), O_RDWR);
    int64_t sum = 0;

    assert_int_equal(flock(lock, LOCK_EX), 0);
    for (int i = 0; i < 256; i++) {
        char name[32];
        struct dirent *e;
        DIR *d;

        snprintf(name, sizeof name, "cache/%02x", i);
        d = opendir(fixture_path(f, name));
        while (d && (e = readdir(d))) {
            struct stat st;

            if (!fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
                sum += st.st_size;
        }
        if (d)
            closedir(d);
    }
    return sum;
}

/* All that is whole is right, and what is counted is what is there. */
static int check_entry(void *arg, const vb_cached *e)
{
    for (int i = 0; e->kind == VB_CACHED_WHOLE && i < ARTIFACTS; i++) {
        char key[VB_CACHE_KEY_TEXT];

        if (!strcmp(vb_cache_key(&items[i], key), e->key)) {
            vb_autoclose int fd = vb_cache_find(arg, &items[i], NULL);

            assert_true(faulty_is(fd, paths[i]));
            return 0;
        }
    }
    assert_int_not_equal(e->kind, VB_CACHED_WHOLE);
    return 0;
}

static void check_cache(fixture *f, int64_t size)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(f, size);
    vb_cache_state state;
    int64_t counted[2];
    vb_autoclose int usage = open(fixture_path(f, "cache/usage"), O_RDONLY);

    assert_int_equal(vb_cache_each(c, check_entry, c, NULL), 0);
    assert_int_equal(vb_cache_stat(c, 0, &state, NULL), 0);
    assert_int_equal(pread(usage, counted, sizeof counted, 0), sizeof counted);
    assert_int_equal(counted[0], state.bytes);
    assert_int_equal(counted[1], state.files);
    assert_true(state.bytes <= size);
}

static void test_each_is_asked_for_once(void **state)
{
    enum { PLENTY = 1 << 30 };
    pid_t pids[PROCESSES];
    int status;

    atomic_store(&faults->pace, 100000);
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = start(*state, PLENTY, (unsigned)i);
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < ARTIFACTS; i++)
        assert_int_equal(atomic_load(&faults->asked[i]), 1);
    check_cache(*state, PLENTY);
}

/* Processes are killed at random and started again for some seconds, then left to end. */
static int kill_and_restart(fixture *f, int64_t size, double seconds)
{
    int64_t end = vb_clock_monotonic_ns() + (int64_t)(seconds * 1e9);
    unsigned seed = 12345;
    pid_t pids[PROCESSES];
    int status, kills = 0;

    for (int i = 0; i < PROCESSES; i++)
        pids[i] = start(f, size, (unsigned)i);
    while (vb_clock_monotonic_ns() < end) {
        struct timespec moment = {0, 1000000 + (long)((unsigned)rand_r(&seed) % 20000000)};
        int victim = (int)((unsigned)rand_r(&seed) % PROCESSES);

        nanosleep(&moment, NULL);
        kill(pids[victim], SIGKILL);
        assert_int_equal(waitpid(pids[victim], &status, 0), pids[victim]);
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : !WEXITSTATUS(status));
        kills += WIFSIGNALED(status);
        pids[victim] = start(f, size, (unsigned)rand_r(&seed));
        if (kills % 8 == 0)
            assert_true(bytes_on_disk(f) <= size);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    print_message("%d processes were killed\n", kills);
    return kills;
}

static void test_kills_leave_nothing_wrong(void **state)
{
    enum { PLENTY = 1 << 30 };
    int kills, more = 0;

    atomic_store(&faults->pace, 300000);
    kills = kill_and_restart(*state, PLENTY, 3);
    for (int i = 0; i < ARTIFACTS; i++) {
        assert_true(atomic_load(&faults->asked[i]) >= 1);
        more += atomic_load(&faults->asked[i]) - 1;
    }
    assert_true(kills > 10);
    assert_true(more <= kills); /* who dies has asked for one */
    check_cache(*state, PLENTY);
}

static void test_kills_under_pressure_hold_the_quota(void **state)
{
    enum { LITTLE = 5000000 }; /* a fifth of all */

    assert_true(kill_and_restart(*state, LITTLE, 4) > 10);
    check_cache(*state, LITTLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_each_is_asked_for_once),
        TEST(test_kills_leave_nothing_wrong),
        TEST(test_kills_under_pressure_hold_the_quota),
    };

    return cmocka_run_group_tests_name("cache_kill", tests, NULL, NULL);
}
