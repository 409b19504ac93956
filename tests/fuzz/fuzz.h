/* fuzz.h - what every target shares.
 *
 * A target is one function that takes any bytes and must come back.  `meson setup -Dfuzz=true` with CC=clang links it
 * with libFuzzer:
 *
 *     BUILD/tests/fuzz/fuzz_expr -dict=tests/fuzz/expr.dict NEW_INPUTS tests/fuzz/corpus/expr
 *
 * In other builds it is linked with replay.c and is a test over tests/fuzz/corpus/NAME, where also each input stands
 * that was found to do harm, under a name that tells what it did. */
#ifndef VB_TESTS_FUZZ_H
#define VB_TESTS_FUZZ_H

#include "registry/base/error.h"
#include "registry/base/mem.h"
#include "registry/registry.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that holds for every input: assert() that is never compiled out. */
static inline void check(bool holds)
{
    if (!holds)
        abort();
}

/* What refuses says why. */
static inline void check_refused(int r, const vb_error *err)
{
    check(r < 0 && err->code == r && err->message && *err->message);
}

/* An empty registry of universe 8, in a file that has no name any more.  It lives as long as the process. */
vb_registry *fuzz_registry(void);

/* A directory of this process, in which there is nothing. */
const char *fuzz_directory(void);

#endif
