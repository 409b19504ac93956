/* Who may write to a registry on a network file system; which file systems are such. */
#include "registry/lease.h"
#include "registry/netfs.h"
#include "tests/registry/fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static void age(const char *path, int seconds)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - seconds}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void who_has_it_is_told(void **state)
{
    fixture *f = *state;
    vb_auto_lease_holder h = {0};
    vb_lease *lease = NULL;

    assert_int_equal(vb_lease_look(f->path, &h, &f->err), 0);
    assert_ok(vb_lease_take(f->path, 0, &lease, &f->err), &f->err);
    assert_int_equal(vb_lease_look(f->path, &h, &f->err), 1);
    assert_int_equal(h.pid, getpid());
    assert_false(h.stale);
    assert_false(h.dead);
    assert_true(h.silent < 30);
    assert_ok(vb_lease_release(lease, &f->err), &f->err);
    vb_lease_holder_clear(&h);
    assert_int_equal(vb_lease_look(f->path, &h, &f->err), 0);
}

static void nothing_is_left_behind(void **state)
{
    fixture *f = *state;
    vb_autofree char *pattern = vb_format("ls %s | grep -c lease >/dev/null", f->dir);
    vb_lease *lease = NULL;

    assert_ok(vb_lease_take(f->path, 0, &lease, &f->err), &f->err);
    assert_int_equal(system(pattern), 0);
    assert_ok(vb_lease_release(lease, &f->err), &f->err);
    assert_int_not_equal(system(pattern), 0);
}

static void a_second_one_waits_and_says_for_whom(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *me = vb_format("process %d on", (int)getpid());
    vb_lease *first = NULL, *second = NULL;

    assert_ok(vb_lease_take(f->path, 0, &first, &f->err), &f->err);
    assert_int_equal(vb_lease_take(f->path, 50, &second, &err), -EBUSY);
    assert_null(second);
    assert_says(&err, me);
    assert_ok(vb_lease_release(first, &f->err), &f->err);
    assert_ok(vb_lease_take(f->path, 0, &second, &f->err), &f->err);
    assert_ok(vb_lease_release(second, &f->err), &f->err);
}

static void a_stale_one_is_told_and_can_be_broken(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT, lost = VB_ERROR_INIT;
    vb_autofree char *path = vb_format("%s-lease", f->path);
    vb_auto_lease_holder h = {0};
    vb_lease *first = NULL, *second = NULL;

    assert_ok(vb_lease_take(f->path, 0, &first, &f->err), &f->err);
    assert_int_equal(vb_lease_break(f->path, false, &err), -EBUSY);
    age(path, VB_LEASE_STALE_S + 10);
    assert_int_equal(vb_lease_look(f->path, &h, &f->err), 1);
    assert_true(h.stale);
    vb_error_clear(&err);
    assert_int_equal(vb_lease_take(f->path, 0, &second, &err), -EBUSY);
    assert_hints(&err, "vbutler lease --break");
    assert_ok(vb_lease_break(f->path, false, &f->err), &f->err);
    assert_ok(vb_lease_take(f->path, 0, &second, &f->err), &f->err);
    /* Who has lost it learns that, and leaves the new one alone. */
    assert_int_equal(vb_lease_release(first, &lost), -ESTALE);
    assert_int_equal(access(path, F_OK), 0);
    assert_ok(vb_lease_release(second, &f->err), &f->err);
}

static void one_of_a_dead_process_is_taken_over(void **state)
{
    fixture *f = *state;
    vb_lease *lease = NULL;
    pid_t child = fork();
    int status;

    if (!child) {
        vb_lease_take(f->path, 0, &lease, NULL);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_ok(vb_lease_take(f->path, 0, &lease, &f->err), &f->err);
    assert_ok(vb_lease_release(lease, &f->err), &f->err);
}

static void transactions_of_a_network_registry_hold_it(void **state)
{
    fixture *f = *state;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto_lease_holder h = {0};

    setenv("VBUTLER_NETWORK_FS", "1", 1);
    assert_ok(vb_registry_open(f->path, VB_ACCESS_WRITE, &reg, &f->err), &f->err);
    for (int commit = 0; commit < 2; commit++) {
        vb_auto_txn outer = {0};

        assert_ok(vb_registry_begin(reg, &outer, &f->err), &f->err);
        {
            vb_auto_txn inner = {0};

            assert_ok(vb_registry_begin(reg, &inner, &f->err), &f->err);
            assert_ok(vb_registry_set_meta(reg, "k", "v", &f->err), &f->err);
            assert_ok(vb_txn_commit(&inner, &f->err), &f->err);
        }
        assert_int_equal(vb_lease_look(f->path, &h, &f->err), 1);
        vb_lease_holder_clear(&h);
        if (commit)
            assert_ok(vb_txn_commit(&outer, &f->err), &f->err);
        else
            vb_txn_rollback(&outer);
        assert_int_equal(vb_lease_look(f->path, &h, &f->err), 0);
    }
    unsetenv("VBUTLER_NETWORK_FS");
}

static void file_systems(void **state)
{
    fixture *f = *state;

    unsetenv("VBUTLER_NETWORK_FS");
    assert_false(vb_is_network_fs("/proc/self"));
    assert_false(vb_is_network_fs("/dev/shm/not there"));
    setenv("VBUTLER_NETWORK_FS", "1", 1);
    assert_true(vb_is_network_fs(f->path));
    setenv("VBUTLER_NETWORK_FS", "0", 1);
    assert_false(vb_is_network_fs(f->path));
    unsetenv("VBUTLER_NETWORK_FS");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_has_it_is_told),
        TEST(nothing_is_left_behind),
        TEST(a_second_one_waits_and_says_for_whom),
        TEST(a_stale_one_is_told_and_can_be_broken),
        TEST(one_of_a_dead_process_is_taken_over),
        TEST(transactions_of_a_network_registry_hold_it),
        TEST(file_systems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
