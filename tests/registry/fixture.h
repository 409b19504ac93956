/* fixture.h - what the tests of registry/ share: a directory that goes away, a registry in it, and a small world to put
 * into the registry.
 *
 * The world: instrument "Cam" with detectors 1 (A) and 2 (B) and filters Cam-g (g) and Cam-r (r); visits 10 (g), 11 (r)
 * and 12 (g), each with the exposure of its number.  Detector 1 of visits 10 and 11 covers 9.9 to 10.1 degrees of right
 * ascension, detector 2 covers 10.2 to 10.4; visit 12 stands 40 degrees further east.  Sky map "map" has tract 0 with
 * patches 0 to 3, patch p from 9.85 + 0.3 p to 10.15 + 0.3 p degrees: so detector 1 overlaps patch 0 alone, detector 2
 * patch 1 alone, and nothing overlaps patches 2 and 3.
 *
 * Data written by others are in $VB_SHARED (default ../shared); tests that need them skip, and say so, where it is
 * absent. */
#ifndef VB_TESTS_REGISTRY_FIXTURE_H
#define VB_TESTS_REGISTRY_FIXTURE_H

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/record.h"
#include "registry/sql.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    char *dir;
    char *path;        /* of the registry */
    vb_registry *reg;  /* open for writing; NULL where the fixture is only a directory */
    struct kept *kept; /* memory that lives as long as the fixture */
    vb_error err;      /* for calls that are meant to succeed */
    vb_search search;  /* see fixture_search() */
    int artifacts;     /* so many were named */
} fixture;

/* cmocka's: *state is the fixture. */
int fixture_setup(void **state);          /* a directory alone */
int fixture_setup_registry(void **state); /* with an empty registry of universe 8 */
int fixture_setup_world(void **state);    /* with the world in it */
int fixture_teardown(void **state);

/* A path in the fixture's directory, or other memory; it is freed with the fixture. */
char *fixture_path(fixture *f, const char *name);
void *fixture_keep(fixture *f, void *memory);
void fixture_write(fixture *f, const char *name, const char *text);

/* "$VB_SHARED/data/NAME", or NULL, and the test is to be skipped. */
char *fixture_shared(fixture *f, const char *name);

/* ---- a registry's content: each in a transaction of its own; a failure ends the test ---- */

const vb_element *fixture_element(fixture *f, const char *name);
const vb_group *fixture_group(fixture *f, const char *dimensions); /* "instrument,detector" */
const vb_collection *fixture_run(fixture *f, const char *name);    /* registered if it is not there */
const vb_collection *fixture_collection(fixture *f, const char *name, vb_collection_type type);
void fixture_chain(fixture *f, const char *name, const char *children); /* "a,b" */
const vb_dataset_type *fixture_type(fixture *f, const char *name, const char *dimensions);
const vb_dataset_type *fixture_calibration_type(fixture *f, const char *name, const char *dimensions);

/* "instrument=Cam,detector=1": the caller clears it. */
vb_dataid fixture_dataid(fixture *f, const vb_group *group, const char *text);

/* A dataset of a registered type in a run, with an artifact RUN/TYPE_N; returns its row. */
int64_t fixture_put(fixture *f, const char *type, const char *run, const char *dataid);
vb_uuid fixture_uuid(fixture *f, int64_t dataset_id);

/* Puts a record: "instrument=Cam,detector=1,full_name=A", and a rectangle of degrees where it has a region. */
typedef struct rectangle {
    double west, east, south, north;
} rectangle;
void fixture_record(fixture *f, const char *element, const char *columns, const rectangle *region);

/* Raws of all visits and detectors of the world, in RUN "raws". */
void fixture_raws(fixture *f);

/* The search along collections "a,b"; the fixture owns it, until the next call. */
const vb_search *fixture_search(fixture *f, const char *names);

/* The first column of the first row; -1 where there is none. */
int64_t fixture_int(fixture *f, const char *sql);
int64_t fixture_count(fixture *f, const char *table_and_where);

/* Fails the test with the error's message where r is negative. */
#define assert_ok(r, err)                                                     \
    do {                                                                      \
        if ((r) < 0)                                                          \
            fail_msg("%s", (err)->message ? (err)->message : "(no message)"); \
    } while (0)

#define assert_says(err, text)                                                                      \
    do {                                                                                            \
        if (!(err)->message || !strstr((err)->message, text))                                       \
            fail_msg("'%s' is not in: %s", text, (err)->message ? (err)->message : "(no message)"); \
    } while (0)

#define assert_hints(err, text)                                                            \
    do {                                                                                   \
        if (!(err)->hint || !strstr((err)->hint, text))                                    \
            fail_msg("'%s' is not in: %s", text, (err)->hint ? (err)->hint : "(no hint)"); \
    } while (0)

#endif
