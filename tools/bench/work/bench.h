/* bench.h - one run of registry-bench: what its parts share.  Each part times some lines of tools/bench/registry. */
#ifndef VB_BENCH_BENCH_H
#define VB_BENCH_BENCH_H

#include "registry/repo.h"
#include "tools/bench/work/world.h"

typedef struct bench {
    const char *dir; /* the repository is DIR/repo */
    int64_t datasets, files;
    vb_repo *repo;
    vb_registry *reg;
    world world;
    vb_error *err;
} bench;

/* A figure: what the table calls it, in the unit that it wants; and of how many rows, lookups or files it is. */
void bench_tell(const char *name, double value, int64_t size);

/* The memory that the process has now, without pages of files (which the kernel can take away), kB. */
long bench_anonymous_kb(void);

/* Reading: a registry that is there, opened for reading. */
int read_find(bench *b);
int read_find_chain(bench *b);
int read_find_uuid(bench *b);
int read_open(bench *b);
int read_stream(bench *b);
int read_stream_records(bench *b);
int read_stream_regions(bench *b);
int read_stream_all(bench *b);
int read_patch(bench *b);

/* Writing: the repository of `make`, open for writing; bench.files datasets a line. */
int write_members(bench *b);
int write_exchange(bench *b);
int write_merge(bench *b);
int write_prune(bench *b);

#endif
