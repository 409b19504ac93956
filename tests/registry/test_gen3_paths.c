/* Tests of the table of paths of a Gen3 repository. */
#include "registry/gen3/paths.h"

#include "registry/base/mem.h"
#include "tests/registry/fixture.h"

#include <inttypes.h>
#include <string.h>

static vb_gen3_paths *make(void)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_gen3_paths *p = NULL;

    assert_ok(vb_gen3_paths_make(&p, &err), &err);
    return p;
}

static int add(vb_gen3_paths *p, const char *path, int64_t dataset)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_gen3_paths_add(p, path, dataset, 0, &err);

    assert_true(r >= 0);
    return r;
}

/* The number of a directory, or minus the dataset of a file; 0: nothing is there. */
static int64_t walk(vb_gen3_paths *p, const char *path)
{
    vb_autofree char *copy = vb_strdup(path);
    char *rest = copy, *name;
    int64_t at = VB_GEN3_PATHS_TOP;

    while ((name = strsep(&rest, "/"))) {
        vb_auto_gen3_path found = {0};
        int r = vb_gen3_paths_find(p, at, name, &found, NULL);

        if (r <= 0)
            return r;
        assert_string_equal(found.name, name);
        at = found.directory ? found.directory : -found.dataset_id;
    }
    return at;
}

static void what_is_added_is_found(void **state)
{
    vb_auto(vb_gen3_paths_close) vb_gen3_paths *p = make();

    assert_int_equal(add(p, "butler.yaml", 1), 0);
    assert_int_equal(add(p, "run/raw/a", 2), 0);
    assert_int_equal(add(p, "run/raw/b", 3), 0);
    assert_int_equal(add(p, "run/calexp/a", 4), 0);
    assert_int_equal(add(p, "run/raw/c", 5), 0);
    assert_int_equal(vb_gen3_paths_end(p, NULL), 0);
    assert_int_equal(walk(p, "butler.yaml"), -1);
    assert_int_equal(walk(p, "run/raw/a"), -2);
    assert_int_equal(walk(p, "run/calexp/a"), -4);
    assert_int_equal(walk(p, "run/raw/c"), -5);
    assert_true(walk(p, "run/raw") > VB_GEN3_PATHS_TOP);
    assert_true(walk(p, "run/calexp") != walk(p, "run/raw"));
    assert_int_equal(walk(p, "run/raw/d"), 0);
    assert_int_equal(walk(p, "raw"), 0);
}

/* The first keeps its name; a file is no directory, and a directory no file. */
static void a_name_is_taken_once(void **state)
{
    vb_auto(vb_gen3_paths_close) vb_gen3_paths *p = make();

    assert_int_equal(add(p, "run/a", 1), 0);
    assert_int_equal(add(p, "run/a", 2), 1);
    assert_int_equal(add(p, "run/a/b", 3), 1);
    assert_int_equal(add(p, "run", 4), 1);
    assert_int_equal(add(p, "run/b", 5), 0);
    assert_int_equal(walk(p, "run/a"), -1);
    assert_int_equal(walk(p, "run/b"), -5);
}

static void listings_resume_by_name(void **state)
{
    enum { MANY = 1000, LIMIT = 64 };
    vb_auto(vb_gen3_paths_close) vb_gen3_paths *p = make();
    vb_autofree char *after = NULL;
    int64_t seen = 0;
    size_t n = LIMIT;

    for (int i = 0; i < MANY; i++) {
        vb_autofree char *path = vb_format("run/%03d", (i * 7) % MANY);

        assert_int_equal(add(p, path, i + 1), 0);
    }
    while (n == LIMIT) {
        vb_gen3_path entries[LIMIT];

        assert_int_equal(vb_gen3_paths_list(p, walk(p, "run"), after, LIMIT, entries, &n, NULL), 0);
        for (size_t i = 0; i < n; i++) {
            vb_autofree char *expected = vb_format("%03" PRId64, seen++);

            assert_string_equal(entries[i].name, expected);
            free(after);
            after = VB_STEAL(entries[i].name);
        }
    }
    assert_int_equal(seen, MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_found),
        cmocka_unit_test(a_name_is_taken_once),
        cmocka_unit_test(listings_resume_by_name),
    };

    return cmocka_run_group_tests_name("gen3 paths", tests, NULL, NULL);
}
