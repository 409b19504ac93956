/* bench.h - what the tests of runner/ share: pipelines from text, and a run of the small survey's graph
 * (tests/fs/quanta.h) with its directory, its site, and attempts as dead or living runners leave them. */
#ifndef VB_TESTS_RUNNER_BENCH_H
#define VB_TESTS_RUNNER_BENCH_H

#include "runner/pipeline/internal.h"
#include "runner/run/attempt.h"
#include "runner/run/committer.h"
#include "runner/run/recover.h"
#include "tests/fs/quanta.h"

/* cmocka's: the survey with its raws. */
int bench_setup(void **state);

/* ---- pipelines -------------------------------------------------------------------------------------------------- */

/* Loads "p.yaml" of that text; fails the test where it cannot be. */
vb_pipeline *bench_pipeline(fixture *f, const char *yaml);

/* Fails the test unless loading (and, with `resolve`, resolving) is refused with -EINVAL and that part of a message. */
void bench_refused(fixture *f, const char *yaml, bool resolve, const char *message);

/* ---- a run ------------------------------------------------------------------------------------------------------ */

typedef struct bench {
    fixture *f;
    vb_graph *graph;
    vb_run_options options;
    vb_site site; /* without a zygote */
} bench;

/* A graph in RUN "u/run", registered, whose directory is locked. */
bench *bench_new(fixture *f);
void bench_free(bench *b);
VB_CLEANUP(bench, bench_free)

/* Releases the directory and takes it again, as a runner that comes after another does. */
void bench_again(bench *b);

/* The UUID of a quantum: "calibrate", "exposure=101 detector=1". */
vb_uuid bench_quantum(bench *b, const char *label, const char *values);

/* How far an attempt came before its runner went on, or died. */
typedef enum bench_stage {
    BENCH_BEGUN,    /* it has its number */
    BENCH_INTENDED, /* artifacts are named, with an intent before */
    BENCH_NOTED,    /* there is a receipt */
    BENCH_COUNTS,   /* and the link to it */
} bench_stage;

/* Leaves an attempt.  Its receipt is the caller's; NULL before BENCH_NOTED. */
vb_receipt *bench_attempt(bench *b, const char *label, const char *values, vb_status status, bench_stage stage);

/* True where a path below the repository's root is there. */
bool bench_exists(const bench *b, const char *path);

/* "receipts/xy/UUID" of a quantum, below the run's directory; the fixture's. */
const char *bench_link(bench *b, const vb_uuid *quantum);

/* ---- threads ---------------------------------------------------------------------------------------------------- */

/* Runs `each` in `n` threads at once, with the same argument, and waits for them. */
void bench_threads(int n, void *(*each)(void *arg), void *arg);

/* Waits until a thread of this process sleeps. */
void bench_wait_asleep(pid_t thread);

/* Fails the test where the error has no hint with that text. */
#define assert_hints(err, text)                                                            \
    do {                                                                                   \
        if (!(err)->hint || !strstr((err)->hint, text))                                    \
            fail_msg("'%s' is not in: %s", text, (err)->hint ? (err)->hint : "(no hint)"); \
    } while (0)

#endif
