/* Data IDs from columns. */
#include "fs/ingest/bind.h"
#include "registry/sky/pixels.h"
#include "tests/fs/fixture.h"

static void define_type(fixture *f, const char *name, const char *dimensions, vb_bindings *out)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    char **names = vb_split(dimensions, ',', NULL);
    vb_dataset_type wanted = {.name = (char *)name, .storage_class = (char *)"X"};

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_universe_conform_names(vb_registry_universe(f->reg), names, &wanted.group, &err), &err);
    *out = (vb_bindings){.reg = f->reg};
    assert_ok(vb_dataset_type_register(f->reg, &wanted, &out->type, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
    vb_strv_free(names);
}

static const char *print(const vb_bindings *b, char *const *cells)
{
    static char text[256];
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_dataid id = {0};
    vb_auto_buf out = {0};

    if (vb_bindings_dataid(b, cells, &id, &err) < 0)
        vb_buf_printf(&out, "!%s", err.message);
    else
        vb_dataid_print(&id, &out);
    snprintf(text, sizeof text, "%s", vb_buf_text(&out));
    return text;
}

static void ring_pixels_become_nested_ones(void **state)
{
    /* The shards of data/README.md: ring, nested. */
    static const char *const pixels[][2] = {{"4759", "{healpix5: 7928}"},
                                            {"4886", "{healpix5: 7917}"},
                                            {"4887", "{healpix5: 7922}"},
                                            {"5015", "{healpix5: 7911}"}};
    vb_auto_error err = VB_ERROR_INIT;
    vb_bindings b;

    define_type(*state, "gaia", "healpix5", &b);
    assert_ok(vb_bindings_add(&b, "healpix5.ring", 0, NULL, &err), &err);
    for (size_t i = 0; i < VB_COUNT(pixels); i++) {
        char *cells[] = {(char *)pixels[i][0]};

        assert_string_equal(print(&b, cells), pixels[i][1]);
    }
}

static void nested_pixels_stay(void **state)
{
    char *cells[] = {(char *)"7922"};
    vb_auto_error err = VB_ERROR_INIT;
    vb_bindings b;

    define_type(*state, "gaia", "healpix5", &b);
    assert_ok(vb_bindings_add(&b, "healpix5", 0, NULL, &err), &err);
    assert_string_equal(print(&b, cells), "{healpix5: 7922}");
}

static void pixels_that_are_not_there_are_refused(void **state)
{
    char *beyond[] = {(char *)"12288"}, *negative[] = {(char *)"-1"}, *low[] = {(char *)"7"};
    vb_auto_error err = VB_ERROR_INIT;
    vb_bindings b;

    define_type(*state, "gaia", "healpix5", &b);
    assert_ok(vb_bindings_add(&b, "healpix5.ring", 0, NULL, &err), &err);
    assert_string_equal(print(&b, beyond), "!healpix5: must be from 0 to 12287, not 12288");
    assert_string_equal(print(&b, negative), "!healpix5: must be from 0 to 12287, not -1");
    define_type(*state, "ps1", "htm7", &b);
    assert_ok(vb_bindings_add(&b, "htm7", 0, NULL, &err), &err);
    assert_string_equal(print(&b, low), "!htm7: must be from 131072 to 262143, not 7");
}

static void ring_is_for_healpix_only(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_bindings b;

    define_type(*state, "ps1", "htm7", &b);
    assert_int_equal(vb_bindings_add(&b, "htm7.ring", 0, NULL, &err), -EINVAL);
}

static void other_keys_are_looked_up(void **state)
{
    char *good[] = {(char *)"B", (char *)"12"}, *bad[] = {(char *)"Z", (char *)"12"};
    vb_auto_error err = VB_ERROR_INIT;
    vb_bindings b;

    fixture_register(*state);
    define_type(*state, "ccd", "detector,exposure", &b);
    assert_ok(vb_bindings_add(&b, "detector.full_name", 0, NULL, &err), &err);
    assert_ok(vb_bindings_add(&b, "exposure", 1, NULL, &err), &err);
    assert_ok(vb_bindings_add(&b, "instrument", SIZE_MAX, "TestCam", &err), &err);
    assert_ok(vb_bindings_complete(&b, &err), &err);
    assert_string_equal(print(&b, good), "{instrument: TestCam, detector: 2, exposure: 12}");
    assert_string_equal(print(&b, bad), "!no detector has full_name 'Z'");
}

static void wrong_names_get_the_nearest(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_bindings b;

    define_type(*state, "ccd", "detector,exposure", &b);
    assert_int_equal(vb_bindings_add(&b, "detctor", 0, NULL, &err), -EINVAL);
    assert_says(&err, "'detctor' is no dimension of dataset type 'ccd'");
    assert_string_equal(err.hint, "did you mean 'detector'?");
    assert_int_equal(vb_bindings_add(&b, "detector.fullname", 0, NULL, &err), -EINVAL);
    assert_string_equal(err.hint, "did you mean 'detector.full_name'?");
}

static void dimension_told_twice_or_not_at_all_is_an_error(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_bindings b;

    define_type(*state, "ccd", "detector,exposure", &b);
    assert_ok(vb_bindings_add(&b, "detector", 0, NULL, &err), &err);
    assert_int_equal(vb_bindings_add(&b, "detector.full_name", 1, NULL, &err), -EINVAL);
    assert_says(&err, "'detector' is told twice");
    assert_int_equal(vb_bindings_complete(&b, &err), -EINVAL);
    assert_says(&err, "nothing tells 'instrument'");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(ring_pixels_become_nested_ones),
        TEST(nested_pixels_stay),
        TEST(pixels_that_are_not_there_are_refused),
        TEST(ring_is_for_healpix_only),
        TEST(other_keys_are_looked_up),
        TEST(wrong_names_get_the_nearest),
        TEST(dimension_told_twice_or_not_at_all_is_an_error),
    };

    return cmocka_run_group_tests_name("bind", tests, NULL, NULL);
}
