/* Libraries that are loaded when they are needed. */
#include "registry/base/library.h"
#include "tests/registry/fixture.h"

#include <math.h>
#include <pthread.h>

#define FUNCTIONS(X) X(cbrt) X(hypot)
VB_LIBRARY(there, "libm.so.6", FUNCTIONS)
VB_LIBRARY(nowhere, "libnowhere.so.1", FUNCTIONS)
VB_LIBRARY(other, "libc.so.6", FUNCTIONS) /* which has neither */

static void what_is_loaded_can_be_called(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_library_load(&there_library, &err), &err);
    assert_float_equal(there.cbrt(27), 3, 1e-12);
    assert_float_equal(there.hypot(3, 4), 5, 1e-12);
    assert_ok(vb_library_load(&there_library, &err), &err);
}

static void what_is_missing_is_named(void **state)
{
    vb_auto_error err = VB_ERROR_INIT, wrong = VB_ERROR_INIT;

    assert_int_equal(vb_library_load(&nowhere_library, &err), -ELIBACC);
    assert_says(&err, "libnowhere.so.1 cannot be loaded");
    assert_hints(&err, "install its package");
    assert_int_equal(vb_library_load(&other_library, &wrong), -ELIBACC);
    assert_says(&wrong, "cbrt");
}

VB_LIBRARY(shared, "libm.so.6", FUNCTIONS)

static void *load_and_call(void *arg)
{
    vb_library_need(&shared_library);
    *(double *)arg = shared.hypot(3, 4);
    return NULL;
}

static void threads_may_load_it_together(void **state)
{
    pthread_t threads[8];
    double got[8] = {0};

    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_and_call, &got[i]), 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_float_equal(got[i], 5, 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_loaded_can_be_called),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(threads_may_load_it_together),
    };

    return cmocka_run_group_tests_name("libraries", tests, NULL, NULL);
}
