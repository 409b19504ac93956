/* Tests of fs/view/journal: one line for each thing touched, in the order of its first touch. */
#include "fs/view/journal.h"
#include "tests/fs/world.h"

static int new_journal(void **state)
{
    *state = vb_journal_new();
    return 0;
}

static int free_journal(void **state)
{
    vb_journal_free(*state);
    return 0;
}

static void test_an_empty_journal(void **state)
{
    assert_int_equal(vb_journal_count(*state), 0);
    assert_null(vb_journal_find_dataset(*state, 1));
}

/* A look-up, then a read, of one path is one line that says both. */
static void test_touches_of_a_path_are_merged(void **state)
{
    vb_journal_touch(*state, VB_JOURNAL_SCRATCH, "work/a", 0, VB_TOUCH_LOOKUP);
    vb_journal_touch(*state, VB_JOURNAL_SCRATCH, "work/a", 0, VB_TOUCH_READ);
    assert_int_equal(vb_journal_count(*state), 1);
    assert_int_equal(vb_journal_at(*state, 0)->touch, VB_TOUCH_LOOKUP | VB_TOUCH_READ);
    assert_string_equal(vb_journal_at(*state, 0)->path, "work/a");
}

/* A dataset is one line under whatever names it is seen; the first name stands. */
static void test_a_dataset_is_one_line_under_all_its_names(void **state)
{
    vb_journal_touch(*state, VB_JOURNAL_DATASET, "work/in/raw/x.fits", 7, VB_TOUCH_LOOKUP);
    vb_journal_touch(*state, VB_JOURNAL_DATASET, "data/u/raw/x.fits", 7, VB_TOUCH_READ);
    vb_journal_touch(*state, VB_JOURNAL_DATASET, "work/in/raw/x.fits", 8, VB_TOUCH_DENIED);
    assert_int_equal(vb_journal_count(*state), 2);
    assert_string_equal(vb_journal_find_dataset(*state, 7)->path, "work/in/raw/x.fits");
    assert_int_equal(vb_journal_find_dataset(*state, 7)->touch, VB_TOUCH_LOOKUP | VB_TOUCH_READ);
    assert_int_equal(vb_journal_find_dataset(*state, 8)->touch, VB_TOUCH_DENIED);
    assert_null(vb_journal_find_dataset(*state, 9));
}

/* What was missing and was then made is two lines of one path, not one that says neither. */
static void test_kinds_do_not_mix(void **state)
{
    vb_journal_touch(*state, VB_JOURNAL_MISSING, "work/a", 0, VB_TOUCH_MISSING);
    vb_journal_touch(*state, VB_JOURNAL_SCRATCH, "work/a", 0, VB_TOUCH_WRITTEN);
    vb_journal_touch(*state, VB_JOURNAL_DATASET, "work/a", 1, VB_TOUCH_READ);
    assert_int_equal(vb_journal_count(*state), 3);
    assert_int_equal(vb_journal_at(*state, 0)->kind, VB_JOURNAL_MISSING);
    assert_int_equal(vb_journal_at(*state, 1)->kind, VB_JOURNAL_SCRATCH);
    assert_int_equal(vb_journal_at(*state, 2)->kind, VB_JOURNAL_DATASET);
}

static void test_lines_keep_the_order_of_the_first_touch(void **state)
{
    enum { MANY = 1000 };

    for (int i = 0; i < MANY; i++) {
        vb_autofree char *path = vb_format("work/%d", (i * 7) % MANY);

        vb_journal_touch(*state, VB_JOURNAL_SCRATCH, path, 0, VB_TOUCH_LOOKUP);
    }
    vb_journal_touch(*state, VB_JOURNAL_SCRATCH, "work/0", 0, VB_TOUCH_READ);
    assert_int_equal(vb_journal_count(*state), MANY);
    for (int i = 0; i < MANY; i++) {
        vb_autofree char *path = vb_format("work/%d", (i * 7) % MANY);

        assert_string_equal(vb_journal_at(*state, (size_t)i)->path, path);
    }
}

/* The caller may go on filling the entry that it got: later touches do not move it. */
static void test_entries_stay_where_they_are(void **state)
{
    vb_journal_entry *first = vb_journal_touch(*state, VB_JOURNAL_DATASET, "a", 1, VB_TOUCH_LOOKUP);

    for (int i = 2; i < 100; i++)
        vb_journal_touch(*state, VB_JOURNAL_DATASET, "b", i, VB_TOUCH_LOOKUP);
    first->type = vb_strdup("raw");
    assert_ptr_equal(vb_journal_find_dataset(*state, 1), first);
    assert_string_equal(vb_journal_at(*state, 0)->type, "raw");
}

static void test_without_a_journal_nothing_is_noted(void **state)
{
    assert_null(vb_journal_touch(NULL, VB_JOURNAL_SCRATCH, "a", 0, VB_TOUCH_READ));
}

static void test_kinds_have_names(void **state)
{
    assert_string_equal(vb_journal_kind_name(VB_JOURNAL_DATASET), "dataset");
    assert_string_equal(vb_journal_kind_name(VB_JOURNAL_RECORD), "record");
    assert_string_equal(vb_journal_kind_name(VB_JOURNAL_DIRECTORY), "directory");
    assert_string_equal(vb_journal_kind_name(VB_JOURNAL_MISSING), "missing");
    assert_string_equal(vb_journal_kind_name(VB_JOURNAL_FILE), "file");
    assert_string_equal(vb_journal_kind_name(VB_JOURNAL_SCRATCH), "scratch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_journal, new_journal, free_journal),
        cmocka_unit_test_setup_teardown(test_touches_of_a_path_are_merged, new_journal, free_journal),
        cmocka_unit_test_setup_teardown(test_a_dataset_is_one_line_under_all_its_names, new_journal, free_journal),
        cmocka_unit_test_setup_teardown(test_kinds_do_not_mix, new_journal, free_journal),
        cmocka_unit_test_setup_teardown(test_lines_keep_the_order_of_the_first_touch, new_journal, free_journal),
        cmocka_unit_test_setup_teardown(test_entries_stay_where_they_are, new_journal, free_journal),
        cmocka_unit_test(test_without_a_journal_nothing_is_noted),
        cmocka_unit_test(test_kinds_have_names),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
