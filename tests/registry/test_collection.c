/* Collections: names, chains, the order in which they are searched. */
#include "registry/collection.h"
#include "tests/registry/fixture.h"

static vb_collection_type type_of(char letter)
{
    return letter == 'r' ? VB_RUN : letter == 't' ? VB_TAGGED : letter == 'c' ? VB_CHAINED : VB_CALIBRATION;
}

static int set_children(fixture *f, const char *chain, const char *children, vb_error *err)
{
    char **names = vb_split(children, ',', NULL);
    int r = vb_collection_set_children(f->reg, fixture_collection(f, chain, VB_CHAINED), names, err);

    vb_strv_free(names);
    return r;
}

static void check_list(char **names, const char *expected)
{
    vb_auto_buf text = {0};

    for (char **name = names; *name; name++) {
        vb_buf_separate(&text, ",");
        vb_buf_puts(&text, *name);
    }
    vb_strv_free(names);
    assert_string_equal(vb_buf_text(&text), expected);
}

static void check_children(fixture *f, const char *chain, const char *expected)
{
    char **names;

    assert_ok(vb_collection_children(f->reg, fixture_collection(f, chain, VB_CHAINED), &names, &f->err), &f->err);
    check_list(names, expected);
}

static void check_search(fixture *f, const char *names, const char *expected)
{
    const vb_search *search = fixture_search(f, names);
    vb_auto_buf text = {0};

    for (size_t i = 0; i < search->count; i++) {
        vb_buf_separate(&text, ",");
        vb_buf_puts(&text, search->items[i]->name);
    }
    assert_string_equal(vb_buf_text(&text), expected);
}

/* ---- one collection --------------------------------------------------------------------------------------- */

static void a_type_has_its_name(void **state)
{
    static const char *const names[] = {"?", "RUN", "TAGGED", "CHAINED", "CALIBRATION", "?"};

    for (size_t i = 0; i < VB_COUNT(names); i++)
        assert_string_equal(vb_collection_type_name((vb_collection_type)i), names[i]);
    assert_string_equal(vb_collection_type_name((vb_collection_type)-1), "?");
}

static void a_collection_is_registered_once(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    const vb_collection *c, *again, *by_id;

    assert_ok(vb_collection_register(f->reg, "u/me", VB_TAGGED, "mine", &c, &f->err), &f->err);
    assert_ok(vb_collection_register(f->reg, "u/me", VB_TAGGED, "other", &again, &f->err), &f->err);
    assert_ok(vb_collection_by_id(f->reg, c->id, &by_id, &f->err), &f->err);
    assert_ptr_equal(again, c);
    assert_ptr_equal(by_id, c);
    assert_string_equal(c->doc, "mine");
    assert_int_equal(c->type, VB_TAGGED);
    assert_int_equal(vb_collection_register(f->reg, "u/me", VB_RUN, NULL, NULL, &err), -EEXIST);
    assert_says(&err, "as TAGGED and not as RUN");
    assert_null(fixture_run(f, "r")->doc);
}

static void a_name_that_is_no_path_is_refused(void **state)
{
    static const char *const wrong[] = {"",     "/",  "/a", "a/",  "a//b", ".",   "..",   "a/../b", ".git",
                                        "a/.b", "a*", "a?", "[a]", "a]b",  "a,b", "a\nb", "a\xff",  ".vbutler"};
    static const char *const not_ours[] = {"a#hdu=1",        "a/b#unzip=c",      "vbutler.yaml",
                                           "vbutler.yaml/a", "registry.sqlite3", "registry.sqlite3-journal/a"};
    static const char *const right[] = {"a", "HSC/raw/all", "u/me/20200101T000000Z", "a.b", "\xc3\xa9", "a b", "a#b"};
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(wrong); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        assert_int_equal(vb_collection_register(f->reg, wrong[i], VB_RUN, NULL, NULL, &err), -EINVAL);
        assert_says(&err, "cannot name a collection");
    }
    for (size_t i = 0; i < VB_COUNT(not_ours); i++)
        assert_int_equal(vb_collection_register(f->reg, not_ours[i], VB_RUN, NULL, NULL, NULL), -EINVAL);
    for (size_t i = 0; i < VB_COUNT(right); i++)
        assert_string_equal(fixture_run(f, right[i])->name, right[i]);
    assert_int_equal(fixture_count(f, "collection"), VB_COUNT(right));
}

static void what_is_not_there_is_said_with_the_nearest_name(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT, none = VB_ERROR_INIT;
    const vb_collection *c = NULL;

    fixture_run(f, "HSC/raw/all");
    assert_int_equal(vb_collection_find(f->reg, "HSC/raw/al", &c, &err), -ENOENT);
    assert_says(&err, "'HSC/raw/al'");
    assert_hints(&err, "'HSC/raw/all'");
    assert_int_equal(vb_collection_find(f->reg, "completely/else", &c, &none), -ENOENT);
    assert_null(none.hint);
    assert_int_equal(vb_collection_by_id(f->reg, 99, &c, NULL), -ENOENT);
    assert_null(c);
}

static void names_are_told_apart_by_case(void **state)
{
    fixture *f = *state;

    assert_int_not_equal(fixture_run(f, "a")->id, fixture_run(f, "A")->id);
}

static void a_collection_that_was_undone_is_forgotten(void **state)
{
    fixture *f = *state;
    const vb_collection *c;
    vb_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    fixture_run(f, "r");
    vb_txn_rollback(&txn);
    assert_int_equal(vb_collection_find(f->reg, "r", &c, NULL), -ENOENT);
    fixture_collection(f, "r", VB_TAGGED); /* of another type, then */
}

/* ---- listings --------------------------------------------------------------------------------------------- */

static void a_listing_is_sorted_and_goes_on_where_it_ended(void **state)
{
    static const struct {
        const char *prefix, *after;
        size_t limit;
        const char *expected;
    } cases[] = {
        {"", NULL, 100, "B,a,a/b,a/c,a0,b"}, {"", NULL, 2, "B,a"},      {"", "a", 2, "a/b,a/c"},    {"", "b", 2, ""},
        {"a", NULL, 100, "a/b,a/c,a0"}, /* longer than the prefix */
        {"a/", NULL, 100, "a/b,a/c"},        {"a/", "a/b", 100, "a/c"}, {"a/", "a/bb", 100, "a/c"}, /* which need not be
                                                                                                       there */
        {"a/", "B", 100, "a/b,a/c"},         {"a/", "b", 100, ""},      {"c", NULL, 100, ""},       {"", NULL, 0, ""},
    };
    fixture *f = *state;
    char **names;

    fixture_run(f, "b");
    fixture_run(f, "a/c");
    fixture_run(f, "a0");
    fixture_run(f, "B");
    fixture_run(f, "a");
    fixture_run(f, "a/b");
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        assert_ok(vb_collection_list(f->reg, cases[i].prefix, cases[i].after, cases[i].limit, &names, &f->err),
                  &f->err);
        check_list(names, cases[i].expected);
    }
}

/* ---- chains ----------------------------------------------------------------------------------------------- */

static void children_keep_their_order_and_are_replaced_whole(void **state)
{
    fixture *f = *state;

    fixture_run(f, "a");
    fixture_run(f, "b");
    fixture_run(f, "c");
    assert_ok(set_children(f, "chain", "c,a,b", &f->err), &f->err);
    check_children(f, "chain", "c,a,b");
    assert_ok(set_children(f, "chain", "b", &f->err), &f->err);
    check_children(f, "chain", "b");
    assert_ok(set_children(f, "chain", "", &f->err), &f->err);
    check_children(f, "chain", "");
    check_search(f, "chain", "");
}

static void only_a_chain_has_children(void **state)
{
    fixture *f = *state;

    for (const char *letter = "rtk"; *letter; letter++) {
        char name[] = {*letter, 0}, *children[] = {NULL};
        vb_auto_error err = VB_ERROR_INIT;

        assert_int_equal(vb_collection_set_children(f->reg, fixture_collection(f, name, type_of(*letter)), children,
                                                    &err),
                         -EINVAL);
        assert_says(&err, "not CHAINED");
    }
}

static void a_chain_that_holds_itself_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    fixture_run(f, "r");
    fixture_chain(f, "a", "r");
    fixture_chain(f, "b", "a");
    fixture_chain(f, "c", "b");
    assert_int_equal(set_children(f, "a", "r,a", &err), -ELOOP);
    assert_says(&err, "chain 'a' cannot have 'a'");
    assert_int_equal(set_children(f, "a", "r,c", NULL), -ELOOP);
    check_children(f, "a", "r"); /* as it was */
    assert_int_equal(set_children(f, "c", "a,b,r", &f->err), 0);
}

static void a_child_that_is_not_there_changes_nothing(void **state)
{
    fixture *f = *state;

    fixture_run(f, "r");
    fixture_chain(f, "a", "r");
    assert_int_equal(set_children(f, "a", "r,x", NULL), -ENOENT);
    check_children(f, "a", "r");
}

/* ---- searching -------------------------------------------------------------------------------------------- */

/* The collections of ../shared/data/gen3/repo-small; the order is what `butler query-collections` prints. */
static void rubins_small_repository(fixture *f)
{
    static const struct {
        char type;
        const char *name;
    } made[] = {{'r', "HSC/raw/all"}, {'r', "u/test/run1"}, {'r', "u/test/run2"}, {'r', "HSC/calib/unbounded"},
                {'r', "skymaps"},     {'k', "HSC/calib"},   {'t', "u/test/best"}};

    for (size_t i = 0; i < VB_COUNT(made); i++)
        fixture_collection(f, made[i].name, type_of(made[i].type));
    fixture_chain(f, "HSC/defaults", "HSC/raw/all,HSC/calib,HSC/calib/unbounded,skymaps");
    fixture_chain(f, "u/test/chain", "u/test/run2,u/test/run1,HSC/defaults");
}

static void chains_are_flattened_depth_first_and_each_collection_comes_once(void **state)
{
    static const struct {
        const char *names, *expected;
    } cases[] = {
        {"u/test/chain", "u/test/run2,u/test/run1,HSC/raw/all,HSC/calib,HSC/calib/unbounded,skymaps"},
        {"skymaps,HSC/defaults", "skymaps,HSC/raw/all,HSC/calib,HSC/calib/unbounded"},
        {"u/test/run1,u/test/run1", "u/test/run1"},
        {"u/test/best", "u/test/best"},
        {"u/test/run*", "u/test/run1,u/test/run2"},
        {"u/*", "u/test/best,u/test/run2,u/test/run1,HSC/raw/all,HSC/calib,HSC/calib/unbounded,skymaps"},
        {"u/test/run?", "u/test/run1,u/test/run2"},
        {"u/test/run[2-9],skymaps", "u/test/run2,skymaps"},
        {"nothing*", ""},
        {"nothing*,skymaps", "skymaps"},
        {"", ""},
    };
    fixture *f = *state;

    rubins_small_repository(f);
    for (size_t i = 0; i < VB_COUNT(cases); i++)
        check_search(f, cases[i].names, cases[i].expected);
}

static void a_name_that_is_not_there_ends_the_search(void **state)
{
    fixture *f = *state;
    char *names[] = {(char *)"a", (char *)"x", NULL};
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_search search = {0};

    fixture_run(f, "a");
    assert_int_equal(vb_search_resolve(f->reg, names, &search, &err), -ENOENT);
    assert_says(&err, "'x'");
    assert_int_equal(search.count, 0);
    assert_null(search.items);
    assert_ok(vb_search_resolve(f->reg, NULL, &search, &err), &err);
}

/* Bug: each way through was gone, and here they are 2^40. */
static void a_chain_that_is_reached_in_many_ways_is_walked_once(void **state)
{
    fixture *f = *state;

    fixture_run(f, "r");
    fixture_chain(f, "a0", "r");
    fixture_chain(f, "b0", "r");
    for (int i = 1; i <= 40; i++) {
        vb_autofree char *a = vb_format("a%d", i), *b = vb_format("b%d", i);
        vb_autofree char *children = vb_format("a%d,b%d", i - 1, i - 1);

        fixture_chain(f, a, children);
        fixture_chain(f, b, children);
    }
    check_search(f, "a40", "r");
}

static void chains_are_nested_at_most_64_deep(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_search search = {0};
    char *names[] = {(char *)"c65", NULL};

    fixture_run(f, "r");
    fixture_chain(f, "c0", "r");
    for (int i = 1; i <= 65; i++) {
        vb_autofree char *name = vb_format("c%d", i), *child = vb_format("c%d", i - 1);

        fixture_chain(f, name, child);
    }
    check_search(f, "c64", "r");
    assert_int_equal(vb_search_resolve(f->reg, names, &search, &err), -ELOOP);
    assert_says(&err, "64 deep");
}

/* Files are untrusted: a cycle that set_children() would refuse may stand in one. */
static void a_cycle_in_a_damaged_file_ends(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = NULL;
    int64_t a = fixture_collection(f, "a", VB_CHAINED)->id, b = fixture_collection(f, "b", VB_CHAINED)->id;

    fixture_run(f, "r");
    fixture_chain(f, "b", "a,r");
    assert_ok(vb_db_open(f->path, VB_DB_WRITE, &db, &f->err), &f->err);
    assert_ok(vb_sql_exec(db, &f->err, "INSERT INTO collection_chain VALUES (?, 1, ?)", VB_ARGS(a, b)), &f->err);
    check_search(f, "b", "r");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_has_its_name),
        TEST(a_collection_is_registered_once),
        TEST(a_name_that_is_no_path_is_refused),
        TEST(what_is_not_there_is_said_with_the_nearest_name),
        TEST(names_are_told_apart_by_case),
        TEST(a_collection_that_was_undone_is_forgotten),
        TEST(a_listing_is_sorted_and_goes_on_where_it_ended),
        TEST(children_keep_their_order_and_are_replaced_whole),
        TEST(only_a_chain_has_children),
        TEST(a_chain_that_holds_itself_is_refused),
        TEST(a_child_that_is_not_there_changes_nothing),
        TEST(chains_are_flattened_depth_first_and_each_collection_comes_once),
        TEST(a_name_that_is_not_there_ends_the_search),
        TEST(a_chain_that_is_reached_in_many_ways_is_walked_once),
        TEST(chains_are_nested_at_most_64_deep),
        TEST(a_cycle_in_a_damaged_file_ends),
    };

    return cmocka_run_group_tests_name("collection", tests, NULL, NULL);
}
