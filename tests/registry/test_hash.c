/* Checksums: XXH3 with 128 bits. */
#include "registry/base/hash.h"
#include "tests/registry/fixture.h"

/* What `xxhsum -H2` and `xxhsum -H3` (0.8.1) print. */
static const struct vector {
    const char *data, *hash128;
    uint64_t hash64;
} vectors[] = {
    {"", "99aa06d3014798d86001c324468d497f", UINT64_C(0x2d06800538d394c2)},
    {"a", "a96faf705af16834e6c632b61e964e1f", UINT64_C(0xe6c632b61e964e1f)},
    {"vbutler", "4655e87599d2169de465c728cd76e43c", UINT64_C(0x4b842ed2638af168)},
};

static void known_bytes_have_known_sums(void **state)
{
    for (size_t i = 0; i < VB_COUNT(vectors); i++) {
        vb_hash hash = vb_hash_bytes(vectors[i].data, strlen(vectors[i].data));
        char text[VB_HASH_TEXT];

        assert_true(vb_starts_with(vb_hash_format(&hash, text), "xxh3-128:"));
        assert_string_equal(text + 9, vectors[i].hash128);
        assert_true(vb_hash64(vectors[i].data, strlen(vectors[i].data)) == vectors[i].hash64);
    }
}

static void check_file(fixture *f, size_t zeros, const char *expected)
{
    vb_autofree char *data = vb_alloc(zeros + 1);
    char text[VB_HASH_TEXT];
    vb_hash hash;
    int64_t size;
    int fd;

    assert_ok(vb_write_file(AT_FDCWD, fixture_path(f, "a"), data, zeros, 0644, false, &f->err), &f->err);
    fd = open(fixture_path(f, "a"), O_RDONLY | O_CLOEXEC);
    lseek(fd, 3, SEEK_SET);
    assert_ok(vb_hash_fd(fd, &hash, &size, &f->err), &f->err);
    assert_string_equal(vb_hash_format(&hash, text) + 9, expected);
    assert_int_equal(size, zeros);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 3); /* the offset does not matter and stays */
    close(fd);
}

static void files_of_any_size_have_known_sums(void **state)
{
    check_file(*state, 0, "99aa06d3014798d86001c324468d497f");
    check_file(*state, 262144, "9aa295aead2a46612d64c035e85fb928"); /* just one block */
    check_file(*state, 300000, "2257b674f1d4c8ada68e348d6f0dcdee");
}

static void reading_what_cannot_be_read_fails(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_hash hash;

    assert_int_equal(vb_hash_fd(-1, &hash, NULL, &err), -EBADF);
    assert_says(&err, "checksum");
}

/* Bug: a read that came back short ended the file, and the sum was that of its first part.  Files of /proc, and those
 * of some network file systems, come in pieces of a page. */
static void short_read_is_not_the_end(void **state)
{
    int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    vb_auto_buf whole = {0};
    vb_hash hash, expected;
    int64_t size;

    if (fd < 0 || vb_read_file(AT_FDCWD, "/proc/kallsyms", 1 << 28, &whole, NULL) < 0 || whole.len < 10000) {
        print_message("skipped: /proc/kallsyms is not there\n");
        skip();
    }
    expected = vb_hash_bytes(whole.data, whole.len);
    assert_int_equal(vb_hash_fd(fd, &hash, &size, NULL), 0);
    close(fd);
    assert_int_equal(size, whole.len);
    assert_memory_equal(&hash, &expected, sizeof hash);
}

static void text_is_read_back(void **state)
{
    vb_hash hash = vb_hash_bytes("x", 1), again;
    char text[VB_HASH_TEXT];

    vb_hash_format(&hash, text);
    assert_true(vb_hash_parse(text, &again));
    assert_memory_equal(&hash, &again, sizeof hash);
    assert_true(vb_hash_parse(text + 9, &again)); /* xxhsum's own output */
}

static void what_is_no_sum_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "xxh3-128:",
        "99aa06d3014798d86001c324468d497",
        "99aa06d3014798d86001c324468d497ff",
        "99aa06d3014798d86001c324468d497g",
        "99aa06d3-0147-98d8-6001-c324468d497f",
        "md5:99aa06d3014798d86001c324468d497f",
    };
    vb_hash hash;

    for (size_t i = 0; i < VB_COUNT(bad); i++)
        assert_false(vb_hash_parse(bad[i], &hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bytes_have_known_sums),
        cmocka_unit_test_setup_teardown(files_of_any_size_have_known_sums, fixture_setup, fixture_teardown),
        cmocka_unit_test(reading_what_cannot_be_read_fails),
        cmocka_unit_test(short_read_is_not_the_end),
        cmocka_unit_test(text_is_read_back),
        cmocka_unit_test(what_is_no_sum_is_refused),
    };

    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
