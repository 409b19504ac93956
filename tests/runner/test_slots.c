/* Tests of runner/run/slots: processors are never given twice, and who came first is served first. */
#include "runner/run/slots.h"
#include "tests/runner/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static void test_more_than_there_are_is_all_of_them(void **state)
{
    vb_auto(vb_slots_free) vb_slots *s = vb_slots_new(4);

    assert_int_equal(vb_slots_take(s, 9), 4);
    vb_slots_give(s, 4);
    assert_int_equal(vb_slots_take(s, 3), 3);
    assert_int_equal(vb_slots_take(s, 1), 1);
    vb_slots_give(s, 4);
    assert_int_equal(vb_slots_take(s, 4), 4);
}

/* ---- many threads ----------------------------------------------------------------------------------------------- */

struct crowd {
    vb_slots *slots;
    atomic_int in_use, most, turns;
};

static void *take_and_give(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < 200; i++) {
        int n = vb_slots_take(c->slots, i % 5 + 1), now = atomic_fetch_add(&c->in_use, n) + n;
        int most = atomic_load(&c->most);

        while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
            ;
        atomic_fetch_sub(&c->in_use, n);
        vb_slots_give(c->slots, n);
        atomic_fetch_add(&c->turns, 1);
    }
    return NULL;
}

static void test_no_more_are_taken_than_there_are(void **state)
{
    vb_auto(vb_slots_free) vb_slots *s = vb_slots_new(3);
    struct crowd c = {.slots = s};

    bench_threads(8, take_and_give, &c);
    assert_int_equal(atomic_load(&c.turns), 1600);
    assert_true(atomic_load(&c.most) <= 3);
    assert_int_equal(vb_slots_take(s, 3), 3); /* all came back */
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

struct waiter {
    vb_slots *slots;
    int wants;
    atomic_int thread, *order, place;
    pthread_t id;
};

static void *wait_for_slots(void *arg)
{
    struct waiter *w = arg;
    int n;

    atomic_store(&w->thread, (int)syscall(SYS_gettid));
    n = vb_slots_take(w->slots, w->wants);
    atomic_store(&w->place, atomic_fetch_add(w->order, 1) + 1);
    vb_slots_give(w->slots, n);
    return NULL;
}

static void start_waiting(struct waiter *w)
{
    assert_int_equal(pthread_create(&w->id, NULL, wait_for_slots, w), 0);
    while (!atomic_load(&w->thread))
        ;
    bench_wait_asleep(atomic_load(&w->thread));
}

/* One who wants little does not go past one who waits for much. */
static void test_who_came_first_is_served_first(void **state)
{
    vb_auto(vb_slots_free) vb_slots *s = vb_slots_new(2);
    atomic_int order = 0;
    struct waiter much = {.slots = s, .wants = 2, .order = &order}, little = {.slots = s, .wants = 1, .order = &order};

    assert_int_equal(vb_slots_take(s, 2), 2);
    start_waiting(&much);
    start_waiting(&little);
    vb_slots_give(s, 1); /* enough for the second, who is not first */
    bench_wait_asleep(atomic_load(&little.thread));
    assert_int_equal(atomic_load(&order), 0);
    vb_slots_give(s, 1);
    pthread_join(much.id, NULL);
    pthread_join(little.id, NULL);
    assert_int_equal(atomic_load(&much.place), 1);
    assert_int_equal(atomic_load(&little.place), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_than_there_are_is_all_of_them),
        cmocka_unit_test(test_no_more_are_taken_than_there_are),
        cmocka_unit_test(test_who_came_first_is_served_first),
    };

    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
