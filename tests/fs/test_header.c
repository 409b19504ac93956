/* Headers of FITS files, and files that are none. */
#include "tests/fs/fixture.h"

#include <fcntl.h>

static int read_file(fixture *f, const char *name, vb_fits *out, vb_error *err)
{
    return vb_fits_read(fixture_path(f, name), out, err);
}

static void cut(fixture *f, const char *name, off_t size)
{
    assert_int_equal(truncate(fixture_path(f, name), size), 0);
}

static void images_are_told_from_a_primary_without_data(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};
    int first = -1;

    fixture_fits(*state, "a.fits", (image){.exposure = 1, .detector = 2, .parts = 3});
    assert_ok(read_file(*state, "a.fits", &fits, &err), &err);
    assert_int_equal(fits.count, 4);
    assert_int_equal(vb_fits_images(&fits, &first), 3);
    assert_int_equal(first, 1);
    assert_int_equal(fits.hdus[1].width, 20);
    assert_int_equal(fits.hdus[1].height, 10);
}

static void file_that_is_shorter_than_its_header_says_is_truncated(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};

    fixture_fits(*state, "a.fits", (image){.exposure = 1, .detector = 1});
    cut(*state, "a.fits", 6000);
    assert_int_equal(read_file(*state, "a.fits", &fits, &err), -EINVAL);
    assert_string_equal(err.message, "truncated: 6,000 bytes where the header asks for 8,640");
}

static void file_that_ends_in_a_header_is_truncated(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};

    fixture_fits(*state, "a.fits", (image){.exposure = 1, .detector = 1});
    cut(*state, "a.fits", 4000);
    assert_int_equal(read_file(*state, "a.fits", &fits, &err), -EINVAL);
    assert_string_equal(err.message, "truncated: its 4,000 bytes end within the header of HDU 1");
    cut(*state, "a.fits", 1000);
    assert_int_equal(read_file(*state, "a.fits", &fits, &err), -EINVAL);
    assert_string_equal(err.message, "truncated: its 1,000 bytes end within the header of HDU 0");
}

static void what_is_not_fits_is_refused(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};

    fixture_write(*state, "notes.txt", "SIMPLE = something else");
    assert_int_equal(read_file(*state, "notes.txt", &fits, &err), -EINVAL);
    assert_string_equal(err.message, "not FITS");
    fixture_write(*state, "empty", "");
    assert_int_equal(read_file(*state, "empty", &fits, &err), -EINVAL);
    assert_string_equal(err.message, "not FITS (the file is empty)");
    assert_int_equal(read_file(*state, ".", &fits, &err), -EINVAL);
    assert_string_equal(err.message, "not a file");
    assert_int_equal(read_file(*state, "nowhere", &fits, &err), -ENOENT);
}

static void fifo_is_refused_and_not_waited_for(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};

    assert_int_equal(mkfifo(fixture_path(*state, "pipe"), 0600), 0);
    assert_int_equal(read_file(*state, "pipe", &fits, &err), -EINVAL);
}

static void brackets_in_a_name_are_no_expression(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};

    fixture_fits(*state, "a[1].fits", (image){.exposure = 1, .detector = 1});
    assert_ok(read_file(*state, "a[1].fits", &fits, &err), &err);
    assert_int_equal(fits.count, 2);
}

/* Every length of a file either reads as a shorter file with whole HDUs, or is refused. */
static void no_length_of_a_file_confuses(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    struct stat st;

    fixture_fits(*state, "a.fits", (image){.exposure = 1, .detector = 1, .parts = 2});
    assert_int_equal(stat(fixture_path(*state, "a.fits"), &st), 0);
    for (off_t size = st.st_size; size > 0; size -= 499) {
        vb_auto_fits fits = {0};

        cut(*state, "a.fits", size);
        if (read_file(*state, "a.fits", &fits, &err) < 0)
            assert_non_null(err.message);
        else
            assert_true(size % 2880 == 0 && size >= 2880);
    }
}

static void real_compressed_image_has_the_size_of_its_pixels(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};
    vb_autofree char *command = NULL;

    if (system("command -v fpack >/dev/null")) {
        print_message("skipped: there is no fpack\n");
        skip();
    }
    fixture_fits(f, "a.fits", (image){.exposure = 1, .detector = 1, .ra = 10});
    command = vb_format("fpack %s", fixture_path(f, "a.fits"));
    assert_int_equal(system(command), 0);
    assert_ok(read_file(f, "a.fits.fz", &fits, &err), &err);
    assert_true(fits.hdus[1].is_image);
    assert_int_equal(fits.hdus[1].width, 20);
    assert_non_null(strstr(fits.hdus[1].cards, "NAXIS1  =                   20"));
}

/* Bug: cfitsio unpacked a file as LZW because a directory in its path had ".Z" in its name. */
static void directory_with_dot_z_in_its_name_is_no_compression(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};
    vb_autofree char *command = NULL;

    assert_int_equal(vb_mkdirs(AT_FDCWD, fixture_path(f, "night.Z1"), 0777, NULL), 0);
    fixture_fits(f, "night.Z1/a.fits", (image){.exposure = 1, .detector = 1});
    command = vb_format("gzip %s", fixture_path(f, "night.Z1/a.fits"));
    assert_int_equal(system(command), 0);
    assert_ok(read_file(f, "night.Z1/a.fits.gz", &fits, &err), &err);
    assert_int_equal(fits.count, 2);
}

/* Bug: a HIERARCH card without '=' was read beyond its end (found by fuzz_header). */
static void hierarch_card_without_a_value_has_none(void **state)
{
    static const char *const lines[] = {"HIERARCH ESO TEL ALT", "NEXT    = 1", NULL};
    vb_header h = fixture_header(*state, lines);
    vb_auto_buf value = {0};

    assert_false(vb_header_get(&h, "ESO TEL ALT", &value));
    assert_true(vb_header_get(&h, "NEXT", &value));
}

static void gzipped_file_is_read(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};
    vb_autofree char *command = NULL;

    fixture_fits(f, "a.fits", (image){.exposure = 1, .detector = 1});
    command = vb_format("gzip %s", fixture_path(f, "a.fits"));
    assert_int_equal(system(command), 0);
    assert_ok(read_file(f, "a.fits.gz", &fits, &err), &err);
    assert_int_equal(fits.count, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(images_are_told_from_a_primary_without_data),
        TEST(file_that_is_shorter_than_its_header_says_is_truncated),
        TEST(file_that_ends_in_a_header_is_truncated),
        TEST(what_is_not_fits_is_refused),
        TEST(fifo_is_refused_and_not_waited_for),
        TEST(brackets_in_a_name_are_no_expression),
        TEST(no_length_of_a_file_confuses),
        TEST(real_compressed_image_has_the_size_of_its_pixels),
        TEST(gzipped_file_is_read),
        TEST(directory_with_dot_z_in_its_name_is_no_compression),
        TEST(hierarch_card_without_a_value_has_none),
    };

    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
