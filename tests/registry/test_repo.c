/* A repository: a directory with vbutler.yaml and a registry. */
#include "registry/repo.h"
#include "tests/registry/fixture.h"

#include <grp.h>
#include <signal.h>
#include <sys/resource.h>

/* Opens the repository "r" with that text as its vbutler.yaml. */
static int open_with(fixture *f, const char *config, vb_repo **out, vb_error *err)
{
    fixture_write(f, "r/vbutler.yaml", config);
    return vb_repo_open(fixture_path(f, "r"), out, err);
}

static int setup_repo(void **state)
{
    int r = fixture_setup(state);
    fixture *f = *state;

    return r ? r : vb_repo_create(fixture_path(f, "r"), 8, &f->err);
}

/* ---- making ----------------------------------------------------------------------------------------------- */

static void a_new_repository_has_a_registry_and_its_own_store(void **state)
{
    fixture *f = *state;
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_autofree int64_t *ids = NULL;
    char **names, **roots;
    size_t n;

    assert_ok(vb_repo_open(fixture_path(f, "r"), &repo, &f->err), &f->err);
    assert_string_equal(repo->root, fixture_path(f, "r"));
    assert_string_equal(repo->registry_path, fixture_path(f, "r/registry.sqlite3"));
    assert_int_equal(repo->file_mode, 0444);
    assert_int_equal(repo->dir_mode, 0755);
    assert_true(repo->group == (gid_t)-1);
    assert_ok(vb_repo_registry(repo, VB_ACCESS_READ, &reg, &f->err), &f->err);
    assert_int_equal(vb_universe_version(vb_registry_universe(reg)), 8);
    assert_ok(vb_store_list(reg, &ids, &names, &roots, &n, &f->err), &f->err);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], 1);
    assert_string_equal(roots[0], ".");
    vb_strv_free(names);
    vb_strv_free(roots);
}

static void an_empty_directory_becomes_a_repository_and_a_full_one_does_not(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(mkdir(fixture_path(f, "empty"), 0777), 0);
    assert_ok(vb_repo_create(fixture_path(f, "empty"), 8, &f->err), &f->err);
    assert_int_equal(vb_repo_create(fixture_path(f, "empty"), 8, &err), -ENOTEMPTY);
    assert_hints(&err, "not there yet");
    fixture_write(f, "file", "x");
    assert_int_equal(vb_repo_create(fixture_path(f, "file"), 8, NULL), -ENOTDIR);
    assert_int_equal(vb_repo_create(fixture_path(f, "new/and/deep"), 8, &f->err), 0);
}

static void a_refused_repository_leaves_nothing_behind(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_repo_create(fixture_path(f, "x"), 77, &err), -ENOENT);
    assert_says(&err, "universe 7");
    assert_int_not_equal(access(fixture_path(f, "x"), F_OK), 0);
    /* Bug: the directories above it stayed. */
    assert_int_equal(vb_repo_create(fixture_path(f, "a/b/c"), 77, NULL), -ENOENT);
    assert_int_not_equal(access(fixture_path(f, "a"), F_OK), 0);
    /* What was there before stays. */
    assert_int_equal(mkdir(fixture_path(f, "mine"), 0777), 0);
    assert_int_equal(vb_repo_create(fixture_path(f, "mine"), 77, NULL), -ENOENT);
    assert_int_equal(rmdir(fixture_path(f, "mine")), 0);
}

/* A file that may not grow stands for a full disk. */
static void a_full_disk_leaves_nothing_behind(void **state)
{
    fixture *f = *state;
    struct rlimit was, small;
    int r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = (struct rlimit){10000, was.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    r = vb_repo_create(fixture_path(f, "x"), 8, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_true(r < 0);
    assert_int_not_equal(access(fixture_path(f, "x"), F_OK), 0);
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

static void what_is_no_repository_is_refused_with_what_to_do(void **state)
{
    fixture *f = *state;
    const char *const names[] = {f->dir, fixture_path(f, "nothing")};

    for (size_t i = 0; i < VB_COUNT(names); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_repo *repo = NULL;

        assert_int_equal(vb_repo_open(names[i], &repo, &err), -ENOENT);
        assert_null(repo);
        assert_says(&err, names[i]);
        assert_hints(&err, "vbutler create");
    }
}

static void an_administrator_decides_modes_and_group(void **state)
{
    fixture *f = *state;
    const struct group *mine = getgrgid(getgid());
    vb_autofree char *named = vb_format("format: 1\npermissions: {file: \"0640\", group: %s}\n",
                                        mine ? mine->gr_name : "0");
    vb_auto(vb_repo_close) vb_repo *a = NULL, *b = NULL, *c = NULL;

    assert_ok(open_with(f, named, &a, &f->err), &f->err);
    assert_int_equal(a->file_mode, 0640);
    assert_int_equal(a->dir_mode, 0755);
    assert_int_equal(a->group, getgid());
    assert_ok(open_with(f, "format: 1\npermissions: {directory: 02775, group: 1234}\n", &b, &f->err), &f->err);
    assert_int_equal(b->dir_mode, 02775);
    assert_int_equal(b->group, 1234);
    assert_ok(open_with(f, "format: 1\n", &c, &f->err), &f->err);
    assert_int_equal(c->file_mode, 0444);
}

static void odd_configurations_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"", "must be a mapping"},
        {"- 1\n", "must be a mapping"},
        {"format: [", "vbutler.yaml"},
        {"permissions: {}\n", "format must be 1"},
        {"format: 2\n", "format must be 1"},
        {"format: one\n", "format must be 1"},
        {"format: 1\npermission: {}\n", "no key 'permission'"},
        {"format: 1\npermissions: 0444\n", "permissions must be a mapping"},
        {"format: 1\npermissions: {files: \"0444\"}\n", "no key 'files'"},
        {"format: 1\npermissions: {file: \"0999\"}\n", "vbutler.yaml:2:"},
        {"format: 1\npermissions: {file: \"10000\"}\n", "octal"},
        {"format: 1\npermissions: {file: rw}\n", "octal"},
        {"format: 1\npermissions: {file: \"\"}\n", "octal"},
        {"format: 1\npermissions: {file: -1}\n", "octal"},
        {"format: 1\npermissions: {directory: [0755]}\n", "octal"},
        {"format: 1\npermissions: {group: no-such-group-here}\n", "no group 'no-such-group-here'"},
        {"format: 1\npermissions: {group: [a]}\n", "no group"},
        /* Bug: it was taken modulo 2^32, and so was root's. */
        {"format: 1\npermissions: {group: 4294967296}\n", "no group '4294967296'"},
        {"format: 1\npermissions: {group: -1}\n", "no group '-1'"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_repo *repo = NULL;

        assert_int_equal(open_with(f, cases[i].config, &repo, &err), -EINVAL);
        assert_null(repo);
        assert_says(&err, cases[i].message);
    }
}

static void a_repository_is_found_through_a_link(void **state)
{
    fixture *f = *state;
    vb_auto(vb_repo_close) vb_repo *repo = NULL;

    assert_int_equal(symlink("r", fixture_path(f, "link")), 0);
    assert_ok(vb_repo_open(fixture_path(f, "link/../link"), &repo, &f->err), &f->err);
    assert_string_equal(repo->root, fixture_path(f, "r"));
}

int main(void)
{
#define TEST(name)      cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_REPO(name) cmocka_unit_test_setup_teardown(name, setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST_REPO(a_new_repository_has_a_registry_and_its_own_store),
        TEST(an_empty_directory_becomes_a_repository_and_a_full_one_does_not),
        TEST(a_refused_repository_leaves_nothing_behind),
        TEST(a_full_disk_leaves_nothing_behind),
        TEST(what_is_no_repository_is_refused_with_what_to_do),
        TEST_REPO(an_administrator_decides_modes_and_group),
        TEST_REPO(odd_configurations_are_refused_with_their_place),
        TEST_REPO(a_repository_is_found_through_a_link),
    };

    return cmocka_run_group_tests_name("repository", tests, NULL, NULL);
}
