/* Universally unique identifiers. */
#include "registry/base/buf.h"
#include "registry/base/clock.h"
#include "registry/base/sha1.h"
#include "registry/base/uuid.h"
#include "tests/registry/fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>

static void format_and_parse_are_inverse(void **state)
{
    vb_uuid u, again;
    char text[VB_UUID_TEXT];

    assert_true(vb_uuid_parse("d22c4ef1-881b-5e3e-b34f-6d1b6feb149f", &u));
    assert_int_equal(u.bytes[0], 0xd2);
    assert_int_equal(u.bytes[15], 0x9f);
    assert_string_equal(vb_uuid_format(u, text), "d22c4ef1-881b-5e3e-b34f-6d1b6feb149f");
    assert_true(vb_uuid_parse("D22C4EF1881B5E3EB34F6D1B6FEB149F", &again));
    assert_true(vb_uuid_equal(u, again));
}

static void what_is_no_uuid_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "d22c4ef1",
        "d22c4ef1-881b-5e3e-b34f-6d1b6feb149",
        "d22c4ef1-881b-5e3e-b34f-6d1b6feb149ff",
        "d22c4ef1-881b-5e3e-b34f-6d1b6feb149g",
        "d22c4ef1881b-5e3e-b34f-6d1b6feb149f-",
        "d22c4ef1_881b_5e3e_b34f_6d1b6feb149f",
        "{d22c4ef1881b5e3eb34f6d1b6feb149f}",
        "d22c4ef1881b5e3eb34f6d1b6feb149",
        " d22c4ef1881b5e3eb34f6d1b6feb149f",
    };
    vb_uuid u;

    for (size_t i = 0; i < VB_COUNT(bad); i++)
        assert_false(vb_uuid_parse(bad[i], &u));
}

static uint64_t milliseconds(vb_uuid u)
{
    uint64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | u.bytes[i];
    return ms;
}

static void version_7_holds_the_time(void **state)
{
    uint64_t before = (uint64_t)vb_clock_unix_ns() / 1000000, after;
    vb_uuid u = vb_uuid_v7();

    after = (uint64_t)vb_clock_unix_ns() / 1000000;
    assert_true(milliseconds(u) >= before && milliseconds(u) <= after);
    assert_int_equal(u.bytes[6] >> 4, 7);
    assert_int_equal(u.bytes[8] >> 6, 2);
}

static int by_random_part(const void *a, const void *b)
{
    return memcmp(((const vb_uuid *)a)->bytes + 6, ((const vb_uuid *)b)->bytes + 6, 10);
}

/* The time is no help: what is random must differ by itself, across many refills of the pool. */
static void random_parts_differ(void **state)
{
    enum { MANY = 20000 };
    vb_autofree vb_uuid *all = vb_alloc(MANY * sizeof *all);

    for (int i = 0; i < MANY; i++)
        all[i] = vb_uuid_v7();
    for (int i = 1; i < MANY; i++)
        assert_true(milliseconds(all[i]) >= milliseconds(all[i - 1]));
    qsort(all, MANY, sizeof *all, by_random_part);
    for (int i = 1; i < MANY; i++)
        assert_true(by_random_part(&all[i - 1], &all[i]));
}

/* Bug: the pool of random bytes was copied by fork(), and parent and child drew the same ones. */
static void forked_processes_draw_different_bytes(void **state)
{
    enum { DRAWN = 100 };
    vb_uuid mine[DRAWN], theirs[DRAWN];
    int ends[2], status;
    pid_t pid;

    vb_uuid_v7(); /* the pool is filled */
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    for (int i = 0; i < DRAWN; i++)
        mine[i] = vb_uuid_v7();
    if (!pid)
        _exit(write(ends[1], mine, sizeof mine) != sizeof mine);
    assert_int_equal(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    waitpid(pid, &status, 0);
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < DRAWN; i++)
        for (int k = 0; k < DRAWN; k++)
            assert_true(by_random_part(&mine[i], &theirs[k]));
}

enum { EACH = 5000 };

static void *draw(void *arg)
{
    vb_uuid *out = arg;

    for (int i = 0; i < EACH; i++)
        out[i] = vb_uuid_v7();
    return NULL;
}

static void threads_draw_different_bytes(void **state)
{
    enum { THREADS = 4 };
    vb_autofree vb_uuid *all = vb_alloc(THREADS * EACH * sizeof *all);
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, draw, all + i * EACH), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(all, THREADS * EACH, sizeof *all, by_random_part);
    for (int i = 1; i < THREADS * EACH; i++)
        assert_true(by_random_part(&all[i - 1], &all[i]));
}

/* ---- UUIDs that are told by a name ------------------------------------------------------------------------------ */

/* RFC 3174 and FIPS 180-4's examples, and lengths about the end of a block. */
static void sha1_is_that_of_the_standard(void **state)
{
    static const struct {
        const char *text;
        int times;
        const char *digest;
    } cases[] = {
        {"", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {"a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
        {"0123456701234567012345670123456701234567012345670123456701234567", 10,
         "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
        {"a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {"a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_buf text = {0}, hex = {0};
        uint8_t digest[20];

        for (int k = 0; k < cases[i].times; k++)
            vb_buf_puts(&text, cases[i].text);
        vb_sha1(vb_buf_text(&text), text.len, digest);
        vb_buf_hex(&hex, digest, sizeof digest);
        assert_string_equal(vb_buf_text(&hex), cases[i].digest);
    }
}

static void version_5_is_told_by_namespace_and_name(void **state)
{
    char text[VB_UUID_TEXT];
    vb_uuid dns;

    assert_true(vb_uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8", &dns)); /* RFC 9562 */
    assert_string_equal(vb_uuid_format(vb_uuid_v5(dns, "www.example.com", 15), text),
                        "2ed6657d-e927-568b-95e1-2665a8aea6a2"); /* its example */
    assert_string_equal(vb_uuid_format(vb_uuid_v5(dns, "lsst.org", 8), text), "840b31d9-05cd-5161-b2c8-00d32b280d0f");
    assert_int_equal(vb_uuid_version(vb_uuid_v5(dns, "", 0)), 5);
}

static void version_4_is_random(void **state)
{
    vb_uuid a = vb_uuid_v4(), b = vb_uuid_v4();

    assert_int_equal(vb_uuid_version(a), 4);
    assert_int_equal(a.bytes[8] >> 6, 2);
    assert_false(vb_uuid_equal(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_and_parse_are_inverse),
        cmocka_unit_test(what_is_no_uuid_is_refused),
        cmocka_unit_test(version_7_holds_the_time),
        cmocka_unit_test(random_parts_differ),
        cmocka_unit_test(forked_processes_draw_different_bytes),
        cmocka_unit_test(threads_draw_different_bytes),
        cmocka_unit_test(sha1_is_that_of_the_standard),
        cmocka_unit_test(version_5_is_told_by_namespace_and_name),
        cmocka_unit_test(version_4_is_random),
    };

    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
