/* Tests of fs/view/names: one spelling for every value, and names that files can have everywhere. */
#include "fs/view/names.h"
#include "tests/fs/world.h"

#include <ctype.h>

/* ---- components ----------------------------------------------------------------------------------------- */

static char *encode(const char *text, size_t n)
{
    vb_buf out = {0};

    vb_name_encode(&out, text, n);
    return vb_buf_steal(&out);
}

static void assert_spelled(const char *text, const char *component)
{
    vb_autofree char *spelled = encode(text, strlen(text));
    vb_auto_buf back = {0};

    assert_string_equal(spelled, component);
    assert_true(vb_name_decode(component, &back));
    assert_string_equal(vb_buf_text(&back), text);
}

static void test_plain_text_stays_as_it_is(void **state)
{
    assert_spelled("HSC", "HSC");
    assert_spelled("g-1.5_x~y:z@w+v", "g-1.5_x~y:z@w+v");
}

static void test_other_bytes_are_percent_and_upper_case_hex(void **state)
{
    assert_spelled("g DECam SDSS c0001", "g%20DECam%20SDSS%20c0001");
    assert_spelled("a/b=c,d", "a%2Fb%3Dc%2Cd");
    assert_spelled("100%", "100%25");
    assert_spelled("\x7f\t", "%7F%09");
}

static void test_utf8_stays_and_other_bytes_do_not(void **state)
{
    assert_spelled("m\xc3\xbcnchen", "m\xc3\xbcnchen");
    assert_spelled("\xe2\x98\x85\xf0\x9f\x94\xad", "\xe2\x98\x85\xf0\x9f\x94\xad");
    assert_spelled("\xff\xc3", "%FF%C3");
    assert_spelled("\xc0\xaf", "%C0%AF");          /* an overlong '/' */
    assert_spelled("\xed\xa0\x80", "%ED%A0%80");   /* a surrogate */
    assert_spelled("\xc3\xbc\xc3", "\xc3\xbc%C3"); /* cut off */
}

static void test_names_of_directories_are_no_values(void **state)
{
    assert_spelled(".", "%2E");
    assert_spelled("..", "%2E%2E");
    assert_spelled("...", "...");
    assert_spelled(".a", ".a");
}

/* Every byte alone and within text comes back as it was. */
static void test_every_byte_comes_back(void **state)
{
    for (int c = 1; c < 256; c++) {
        char text[] = {'x', (char)c, 'y', 0};
        vb_autofree char *spelled = encode(text, 3), *alone = encode(text + 1, 1);
        vb_auto_buf back = {0};

        assert_true(vb_name_decode(spelled, &back));
        assert_string_equal(vb_buf_text(&back), text);
        assert_true(vb_name_decode(alone, &back));
        assert_int_equal(back.len, 1);
        assert_int_equal((unsigned char)back.data[0], c);
        assert_null(strchr(spelled, '/'));
        assert_null(strchr(spelled, '='));
        assert_null(strchr(spelled, ','));
    }
}

static void test_only_the_canonical_spelling_is_read(void **state)
{
    static const char *const others[] = {
        "%41",                                                       /* a plain letter */
        "%c3",                                                       /* lower case */
        "%2f",    "%",   "%2",   "%2G",  "%G2",  "a%",        "a b", /* not encoded */
        "a,b",    "a=b", "a/b",  "\xff",                             /* not encoded, and no UTF-8 */
        "%C3%BC",                                                    /* UTF-8 stays */
        ".",      "..",  ".%2E", "%2E.", "%2Ea", "%2E%2E%2E",
    };

    for (size_t i = 0; i < VB_COUNT(others); i++) {
        vb_auto_buf back = {0};

        if (vb_name_decode(others[i], &back))
            fail_msg("'%s' was read as '%s'", others[i], vb_buf_text(&back));
    }
}

/* Bug: `r%00x` was read as a text that ends at its NUL, and so stood for `r`. */
static void test_a_nul_is_no_part_of_a_value(void **state)
{
    vb_auto_buf back = {0};

    assert_false(vb_name_decode("%00", &back));
    assert_false(vb_name_decode("r%00", &back));
    assert_false(vb_name_decode("r%00x", &back));
}

/* ---- long components -------------------------------------------------------------------------------------- */

static char *repeated(const char *text, size_t times)
{
    vb_buf out = {0};

    while (times--)
        vb_buf_puts(&out, text);
    return vb_buf_steal(&out);
}

/* 240 bytes and fewer stay; one more is cut and ends in '~' and 16 digits.
 * Bug: the cut component was read as a text of its own. */
static void test_long_components_are_cut(void **state)
{
    vb_autofree char *fits = repeated("a", 240), *longer = repeated("a", 241), *whole = encode(fits, 240);
    vb_autofree char *cut = encode(longer, 241), *other = encode(longer, 241);
    vb_auto_buf back = {0};

    assert_string_equal(whole, fits);
    assert_int_equal(strlen(cut), 240);
    assert_memory_equal(cut, fits, 223);
    assert_int_equal(cut[223], '~');
    assert_int_equal(strspn(cut + 224, "0123456789abcdef"), 16);
    assert_string_equal(cut, other);
    assert_false(vb_name_decode(cut, &back));
}

/* Bug: a text that looks like a cut component was spelled as it is, and so as another text is. */
static void test_a_text_that_looks_cut_is_cut(void **state)
{
    for (size_t n = 215; n <= 223; n++) {
        vb_autofree char *head = repeated("a", n), *text = vb_format("%s~0123456789abcdef", head);
        vb_autofree char *spelled = encode(text, strlen(text));
        vb_auto_buf back = {0};

        assert_int_equal(vb_name_decode(text, &back), !strcmp(spelled, text));
        assert_int_equal(!strcmp(spelled, text), n < 220);
        assert_true(strlen(spelled) <= 240);
    }
}

static void test_long_components_tell_values_apart(void **state)
{
    vb_autofree char *a = repeated("a", 300), *b = repeated("a", 300), *x = NULL, *y = NULL;

    b[299] = 'b';
    x = encode(a, 300);
    y = encode(b, 300);
    assert_string_not_equal(x, y);
}

/* A cut falls neither into "%20" nor into a character, wherever it comes. */
static void test_long_components_are_cut_between_characters(void **state)
{
    static const char *const units[] = {" ", "\xc3\xbc", "\xe2\x98\x85", "\xf0\x9f\x94\xad", "\xff"};

    for (size_t u = 0; u < VB_COUNT(units); u++)
        for (size_t lead = 0; lead < 5; lead++) {
            vb_autofree char *a = repeated("a", lead), *tail = repeated(units[u], 200);
            vb_autofree char *text = vb_format("%s%s", a, tail), *cut = encode(text, strlen(text)), *head = NULL;
            vb_auto_buf back = {0};

            assert_true(strlen(cut) <= 240 && strlen(cut) > 230);
            head = vb_strndup(cut, strlen(cut) - 17);
            assert_true(vb_name_decode(head, &back));
            assert_memory_equal(text, vb_buf_text(&back), back.len);
        }
}

static void test_components_are_appended(void **state)
{
    vb_autofree char *longer = repeated("a", 300);
    vb_auto_buf out = {0};

    vb_buf_puts(&out, "before/");
    vb_name_encode(&out, "a b", 3);
    assert_string_equal(vb_buf_text(&out), "before/a%20b");
    vb_buf_clear(&out);
    vb_buf_puts(&out, "before/");
    vb_name_encode(&out, longer, 300);
    assert_int_equal(out.len, 247);
    assert_memory_equal(out.data, "before/aaa", 10);
}

/* ---- k=v, data IDs ---------------------------------------------------------------------------------------- */

static void test_facets(void **state)
{
    vb_auto_value text = vb_value_text("r=1"), number = vb_value_int(-7);
    vb_auto_buf out = {0}, key = {0}, value = {0};

    vb_name_facet(&out, "physical_filter", &text);
    assert_string_equal(vb_buf_text(&out), "physical_filter=r%3D1");
    assert_true(vb_name_split_facet(vb_buf_text(&out), &key, &value));
    assert_string_equal(vb_buf_text(&key), "physical_filter");
    assert_string_equal(vb_buf_text(&value), "r%3D1");
    vb_buf_clear(&out);
    vb_name_facet(&out, "visit", &number);
    assert_string_equal(vb_buf_text(&out), "visit=-7");
    assert_false(vb_name_split_facet("raw.fits", &key, &value));
}

static vb_dataset_type *new_type(fixture *f, const char *name, const char *dimensions)
{
    return (vb_dataset_type *)world_type(f, name, dimensions, "Image", NULL);
}

static void test_dataids(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *raw = new_type(f, "raw", "exposure,detector"), *packages = new_type(f, "packages", "");
    vb_auto_dataid id = world_dataid(f, raw->group, "exposure=101 detector=2");
    vb_auto_dataid none = world_dataid(f, packages->group, "");
    vb_auto_buf out = {0};

    vb_name_dataid(&out, &id);
    assert_string_equal(vb_buf_text(&out), "instrument=TestCam,detector=2,exposure=101");
    vb_buf_clear(&out);
    vb_name_dataid(&out, &none);
    assert_string_equal(vb_buf_text(&out), "");
}

/* ---- FILE -------------------------------------------------------------------------------------------------- */

static void assert_plain(const char *name)
{
    assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"), strlen(name));
}

static void test_file_names(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *raw = new_type(f, "raw", "exposure,detector");
    vb_auto_dataid id = world_dataid(f, raw->group, "exposure=101 detector=2");
    vb_auto_buf out = {0};

    vb_name_file(&out, raw, &id, ".fits.fz");
    assert_string_equal(vb_buf_text(&out), "raw_TestCam_2_101.fits.fz");
    vb_buf_clear(&out);
    vb_name_file(&out, raw, &id, "");
    assert_string_equal(vb_buf_text(&out), "raw_TestCam_2_101");
}

/* What some program would split or expand becomes '_'. */
static void test_file_names_have_plain_letters_only(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *flat = new_type(f, "flat", "physical_filter");
    vb_dataid id = {.group = flat->group};
    vb_auto_buf out = {0};

    id.values[0] = vb_value_text("Cam/1");
    id.values[1] = vb_value_text("g=1,[x] \xc3\xbc~:@%");
    vb_name_file(&out, flat, &id, ".fits");
    assert_string_equal(vb_buf_text(&out), "flat_Cam_1_g_1__x________.fits");
    assert_plain(vb_buf_text(&out));
    vb_dataid_clear(&id);
}

static void test_unique_file_names_carry_the_end_of_the_uuid(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *raw = new_type(f, "raw", "exposure,detector");
    vb_auto_dataid id = world_dataid(f, raw->group, "exposure=101 detector=2");
    vb_uuid uuid;
    vb_auto_buf out = {0};

    assert_true(vb_uuid_parse("019a9e2c-0000-7000-8000-0000deadbeef", &uuid));
    vb_name_file_unique(&out, raw, &id, ".fits", &uuid);
    assert_string_equal(vb_buf_text(&out), "raw_TestCam_2_101_deadbeef.fits");
}

static void test_long_file_names_fit_and_differ(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *flat = new_type(f, "flat", "physical_filter");
    vb_autofree char *long_a = repeated("a", 300), *long_b = repeated("a", 299);
    vb_dataid a = {.group = flat->group}, b = {.group = flat->group};
    vb_auto_buf x = {0}, y = {0};

    a.values[0] = vb_value_text("TestCam");
    b.values[0] = vb_value_text("TestCam");
    a.values[1] = vb_value_text(long_a);
    b.values[1] = vb_value_text(long_b);
    vb_name_file_unique(&x, flat, &a, ".fits.fz", &(vb_uuid){{0}});
    vb_name_file_unique(&y, flat, &b, ".fits.fz", &(vb_uuid){{0}});
    assert_true(x.len <= VB_NAME_MAX);
    assert_plain(vb_buf_text(&x));
    assert_string_not_equal(vb_buf_text(&x), vb_buf_text(&y));
    vb_dataid_clear(&a);
    vb_dataid_clear(&b);
}

/* ---- artifacts --------------------------------------------------------------------------------------------- */

static void test_artifact_names(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *raw = new_type(f, "raw", "exposure,detector"), *packages = new_type(f, "packages", "");
    vb_auto_dataid id = world_dataid(f, raw->group, "exposure=101 detector=2");
    vb_auto_dataid none = world_dataid(f, packages->group, "");
    vb_auto_buf out = {0};

    vb_name_artifact(&out, "u/me/run", raw, &id, ".fits", 1);
    assert_string_equal(vb_buf_text(&out), "u/me/run/raw/TestCam/2/raw_TestCam_2_101.fits");
    vb_buf_clear(&out);
    vb_name_artifact(&out, "u/me/run", raw, &id, ".fits", 3);
    assert_string_equal(vb_buf_text(&out), "u/me/run/raw/TestCam/2/raw_TestCam_2_101_a3.fits");
    vb_buf_clear(&out);
    vb_name_artifact(&out, "run", packages, &none, ".yaml", 1);
    assert_string_equal(vb_buf_text(&out), "run/packages/packages.yaml");
}

/* A value is never a directory that means something else. */
static void test_artifact_directories_are_safe(void **state)
{
    static const char *const values[] = {".", "..", "", ".vbutler", "/", "../.."};
    fixture *f = *state;
    const vb_dataset_type *flat = new_type(f, "flat", "physical_filter");

    for (size_t i = 0; i < VB_COUNT(values); i++) {
        vb_dataid id = {.group = flat->group};
        vb_auto_buf out = {0};

        id.values[0] = vb_value_text(values[i]);
        id.values[1] = vb_value_text(values[i]);
        vb_name_artifact(&out, "run", flat, &id, ".fits", 1);
        assert_true(vb_path_is_safe(vb_buf_text(&out)));
        assert_null(strstr(vb_buf_text(&out), "//"));
        assert_null(strstr(vb_buf_text(&out), "/./"));
        assert_null(strstr(vb_buf_text(&out), "/../"));
        assert_null(strstr(vb_buf_text(&out), "/.vbutler/"));
        vb_dataid_clear(&id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays_as_it_is),
        cmocka_unit_test(test_other_bytes_are_percent_and_upper_case_hex),
        cmocka_unit_test(test_utf8_stays_and_other_bytes_do_not),
        cmocka_unit_test(test_names_of_directories_are_no_values),
        cmocka_unit_test(test_every_byte_comes_back),
        cmocka_unit_test(test_only_the_canonical_spelling_is_read),
        cmocka_unit_test(test_a_nul_is_no_part_of_a_value),
        cmocka_unit_test(test_long_components_are_cut),
        cmocka_unit_test(test_a_text_that_looks_cut_is_cut),
        cmocka_unit_test(test_long_components_tell_values_apart),
        cmocka_unit_test(test_long_components_are_cut_between_characters),
        cmocka_unit_test(test_components_are_appended),
        cmocka_unit_test(test_facets),
        cmocka_unit_test_setup_teardown(test_dataids, world_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_file_names, world_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_file_names_have_plain_letters_only, world_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_unique_file_names_carry_the_end_of_the_uuid, world_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_long_file_names_fit_and_differ, world_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_artifact_names, world_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_artifact_directories_are_safe, world_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
