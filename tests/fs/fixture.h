/* fixture.h - what the tests of fs/ share: a directory that goes away, a repository in it, small FITS files.
 *
 * Real files are in $VB_SHARED (default ../shared); tests that need them skip, and say so, where it is
 * absent. */
#ifndef VB_TESTS_FS_FIXTURE_H
#define VB_TESTS_FS_FIXTURE_H

#include "fs/ingest/header.h"
#include "fs/ingest/rules.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/repo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    char *dir;
    vb_repo *repo;    /* NULL until fixture_repo() */
    vb_registry *reg; /* open for writing */
} fixture;

/* cmocka's: *state is the fixture. */
int fixture_setup(void **state);
int fixture_setup_repo(void **state); /* with a repository "repo" */
int fixture_teardown(void **state);

/* A path in the fixture's directory; the test frees it, or not: it is freed with the fixture. */
char *fixture_path(fixture *f, const char *name);
void fixture_write(fixture *f, const char *name, const char *text);

/* A header of lines like "EXPNUM  =                   12"; lives until the fixture ends. */
vb_header fixture_header(fixture *f, const char *const *lines);

/* Cards of a small image of "TestCam": exposure and detector number.  An image HDU of 20 x
 * 10 pixels follows. */
typedef struct image {
    int64_t exposure, detector;
    const char *filter; /* NULL: "g" */
    const char *date;   /* NULL: 2020-01-02T03:04:05.5 */
    const char *obs_id; /* NULL: no such card */
    double ra, dec;     /* of the middle */
    int parts;          /* several: HDUs of detectors from `detector` on, a tenth of a degree apart */
    bool no_wcs;
} image;

void fixture_fits(fixture *f, const char *name, image i);

/* Rules of TestCam, which has detectors 1 (A), 2 (B) and 3 (C). */
extern const char fixture_rules[];
vb_rules *fixture_load_rules(void);
void fixture_register(fixture *f);

/* "$VB_SHARED/data/NAME", or NULL, and the test is to be skipped. */
char *fixture_shared(fixture *f, const char *name);

/* The first column of the first row of a query on the repository's registry. */
int64_t fixture_count(fixture *f, const char *table);

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

#endif
