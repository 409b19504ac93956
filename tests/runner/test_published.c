/* Tests of runner/run/published: what downstream quanta read, from when it has its name. */
#include "runner/run/published.h"
#include "tests/runner/bench.h"

#include <stdatomic.h>

/* A receipt that has made datasets number `first` and above, at "PREFIX/N". */
static vb_receipt *receipt(const char *prefix, int first, int count)
{
    vb_receipt *r = vb_receipt_new();

    for (int i = first; i < first + count; i++)
        *VB_PUSH(r->outputs, r->noutputs,
                 r->outputs_cap) = (vb_receipt_output){.dataset = world_uuid(i),
                                                       .path = vb_format("%s/%d", prefix, i),
                                                       .size = i,
                                                       .mtime = 100 + i,
                                                       .checksum = vb_hash_bytes(&i, sizeof i)};
    return r;
}

static void test_what_was_made_is_found(void **state)
{
    vb_auto(vb_published_free) vb_published *p = vb_published_new();
    vb_auto(vb_receipt_free) vb_receipt *r = receipt("u/run", 1, 3);
    vb_auto_location l = {0};
    vb_uuid two = world_uuid(2), nine = world_uuid(9);

    vb_published_add(p, r);
    assert_int_equal(vb_published_find(p, &two, &l), 1);
    assert_string_equal(l.path, "u/run/2");
    assert_int_equal(l.store_id, 1);
    assert_int_equal(l.size, 2);
    assert_int_equal(l.mtime, 102);
    assert_true(l.has_checksum);
    assert_memory_equal(&l.checksum, &r->outputs[1].checksum, sizeof l.checksum);
    assert_int_equal(vb_published_find(p, &nine, &l), 0);
}

static void test_nothing_is_found_in_nothing(void **state)
{
    vb_auto(vb_published_free) vb_published *p = vb_published_new();
    vb_uuid uuid = world_uuid(1);
    vb_location l;

    assert_int_equal(vb_published_find(p, &uuid, &l), 0);
}

/* A copy is the caller's: it outlives receipt and table. */
static void test_a_copy_is_the_callers(void **state)
{
    vb_published *p = vb_published_new();
    vb_receipt *r = receipt("u/run", 1, 1);
    vb_auto_location l = {0};
    vb_uuid uuid = world_uuid(1);

    vb_published_add(p, r);
    vb_receipt_free(r);
    assert_int_equal(vb_published_find(p, &uuid, &l), 1);
    vb_published_free(p);
    assert_string_equal(l.path, "u/run/1");
}

static void test_an_output_that_was_not_made_is_not_published(void **state)
{
    vb_auto(vb_published_free) vb_published *p = vb_published_new();
    vb_auto(vb_receipt_free) vb_receipt *r = receipt("u/run", 1, 2);
    vb_auto_location l = {0};
    vb_uuid one = world_uuid(1), two = world_uuid(2);

    free(r->outputs[0].path);
    r->outputs[0].path = NULL;
    vb_published_add(p, r);
    assert_int_equal(vb_published_find(p, &one, &l), 0);
    assert_int_equal(vb_published_find(p, &two, &l), 1);
}

/* A UUID is one set of bytes for ever. */
static void test_the_first_artifact_of_a_dataset_stands(void **state)
{
    vb_auto(vb_published_free) vb_published *p = vb_published_new();
    vb_auto(vb_receipt_free) vb_receipt *first = receipt("first", 1, 1), *second = receipt("second", 1, 1);
    vb_auto_location l = {0};
    vb_uuid uuid = world_uuid(1);

    vb_published_add(p, first);
    vb_published_add(p, second);
    assert_int_equal(vb_published_find(p, &uuid, &l), 1);
    assert_string_equal(l.path, "first/1");
}

struct crowd {
    vb_published *published;
    atomic_int next;
};

/* Adds its own datasets, and finds them, and looks for everybody's. */
static void *add_and_find(void *arg)
{
    struct crowd *c = arg;
    int first = 1 + 25 * atomic_fetch_add(&c->next, 1);

    for (int i = first; i < first + 25; i++) {
        vb_auto(vb_receipt_free) vb_receipt *r = receipt("r", i, 1);

        vb_published_add(c->published, r);
        for (int k = 1; k <= 200; k++) {
            vb_uuid uuid = world_uuid(k);
            vb_auto_location l = {0};

            if (vb_published_find(c->published, &uuid, &l) ? l.size != k : k == i)
                return arg;
        }
    }
    return NULL;
}

static void test_threads_add_and_find_at_once(void **state)
{
    vb_auto(vb_published_free) vb_published *p = vb_published_new();
    struct crowd c = {.published = p};

    bench_threads(8, add_and_find, &c);
    for (int k = 1; k <= 200; k++) {
        vb_uuid uuid = world_uuid(k);
        vb_auto_location l = {0};

        assert_int_equal(vb_published_find(p, &uuid, &l), 1);
        assert_int_equal(l.size, k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_made_is_found),
        cmocka_unit_test(test_nothing_is_found_in_nothing),
        cmocka_unit_test(test_a_copy_is_the_callers),
        cmocka_unit_test(test_an_output_that_was_not_made_is_not_published),
        cmocka_unit_test(test_the_first_artifact_of_a_dataset_stands),
        cmocka_unit_test(test_threads_add_and_find_at_once),
    };

    return cmocka_run_group_tests_name("published", tests, NULL, NULL);
}
