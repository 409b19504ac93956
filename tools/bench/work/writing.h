/* writing.h - what the parts that write share: datasets that are put into the repository, and medians of what is done to
 * them. */
#ifndef VB_BENCH_WRITING_H
#define VB_BENCH_WRITING_H

#include "tools/bench/work/bench.h"

enum { WRITING_ROUNDS = 3 };

typedef enum writing_artifacts {
    WRITING_DIRECT, /* as if they had been ingested `direct`: they lie elsewhere, and are nobody's to remove */
    WRITING_FILES,  /* each has a file of 8 bytes in the repository, which is on the disk */
} writing_artifacts;

/* `bias`: a calibration type of detector and exposure. */
int writing_type(bench *b, const vb_dataset_type **out);

/* Makes a RUN, or what else there is, in a transaction of its own. */
int writing_collection(bench *b, const char *name, vb_collection_type type, const vb_collection **out);

/* Puts bench.files biases into a RUN, and selects them (registry/selection.h).  *seconds is how long inserting and the
 * commit took. */
int writing_put(bench *b, const char *run, writing_artifacts artifacts, double *seconds);

/* What is done to the selection in a transaction; *n is how many datasets it changed. */
typedef int writing_fn(bench *b, const vb_collection *collection, int64_t *n);

/* Does it, with the commit; *seconds is how long that took.  It is a failure where it changed other than bench.files. */
int writing_time(bench *b, writing_fn *act, const vb_collection *collection, double *seconds);

/* Tells bench.files by the median of WRITING_ROUNDS times, as a rate; sorts them. */
void writing_tell(bench *b, const char *name, double *seconds);

#endif
