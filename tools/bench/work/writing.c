#include "tools/bench/work/writing.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/selection.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

int writing_type(bench *b, const vb_dataset_type **out)
{
    char *names[] = {(char *)(uintptr_t) "detector", (char *)(uintptr_t) "exposure", NULL};
    vb_dataset_type wanted = {.name = (char *)(uintptr_t) "bias",
                              .storage_class = (char *)(uintptr_t) "Text",
                              .is_calibration = true};
    int r = vb_universe_conform_names(vb_registry_universe(b->reg), names, &wanted.group, b->err);

    return r < 0 ? r : vb_dataset_type_register(b->reg, &wanted, out, b->err);
}

int writing_collection(bench *b, const char *name, vb_collection_type type, const vb_collection **out)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(b->reg, &txn, b->err);

    if (!r)
        r = vb_collection_register(b->reg, name, type, NULL, out, b->err);
    return r < 0 ? r : vb_txn_commit(&txn, b->err);
}

/* ---- putting ---------------------------------------------------------------------------------------------- */

static int make_file(bench *b, const char *path)
{
    vb_autofree char *whole = vb_path_join(b->repo->root, path), *dir = vb_path_dir(whole);
    int r = vb_mkdirs(AT_FDCWD, dir, 0777, b->err);

    return r < 0 ? r : vb_write_file(AT_FDCWD, whole, "8 bytes\n", 8, 0644, false, b->err);
}

static int fill(bench *b, const vb_dataset_type *type, const char *run, writing_artifacts artifacts, vb_dataset *d,
                vb_location *l)
{
    int r = 0;

    for (int64_t i = 0; !r && i < b->files; i++) {
        d[i] = (vb_dataset){.type = type,
                            .dataid = world_dataid(type->group, i / WORLD_DETECTORS, i % WORLD_DETECTORS)};
        l[i] = (vb_location){.store_id = 1, .size = 8, .mtime = -1};
        l[i].path = vb_format("%s%s/bias/Cam/%" PRId64 "/bias_Cam_%d_%" PRId64 ".txt",
                              artifacts == WRITING_DIRECT ? "/elsewhere/" : "", run, i / WORLD_DETECTORS,
                              (int)(i % WORLD_DETECTORS), i / WORLD_DETECTORS);
        if (artifacts == WRITING_FILES)
            r = make_file(b, l[i].path);
    }
    sync();
    return r;
}

static int insert(bench *b, const char *run_name, vb_dataset *d, const vb_location *l)
{
    vb_auto_txn txn = {0};
    const vb_collection *run;
    int r = vb_registry_begin(b->reg, &txn, b->err);

    if (!r)
        r = vb_collection_register(b->reg, run_name, VB_RUN, NULL, &run, b->err);
    for (int64_t i = 0; !r && i < b->files; i++)
        d[i].run_id = run->id;
    if (!r)
        r = vb_dataset_insert_all(b->reg, d, l, (size_t)b->files, b->err);
    return r < 0 ? r : vb_txn_commit(&txn, b->err);
}

int writing_put(bench *b, const char *run, writing_artifacts artifacts, double *seconds)
{
    vb_autofree vb_dataset *d = vb_alloc((size_t)b->files * sizeof *d);
    vb_autofree vb_location *l = vb_alloc((size_t)b->files * sizeof *l);
    const vb_dataset_type *type;
    int r = writing_type(b, &type);

    if (!r)
        r = fill(b, type, run, artifacts, d, l);
    *seconds = world_seconds();
    if (!r)
        r = insert(b, run, d, l);
    *seconds = world_seconds() - *seconds;
    if (!r)
        r = vb_select_datasets(b->reg, d, (size_t)b->files, b->err);
    for (int64_t i = 0; i < b->files; i++) {
        vb_dataset_clear(&d[i]);
        vb_location_clear(&l[i]);
    }
    return r;
}

/* ---- timing ----------------------------------------------------------------------------------------------- */

int writing_time(bench *b, writing_fn *act, const vb_collection *collection, double *seconds)
{
    double begun = world_seconds();
    vb_auto_txn txn = {0};
    int64_t n = 0;
    int r = vb_registry_begin(b->reg, &txn, b->err);

    if (!r)
        r = act(b, collection, &n);
    if (!r)
        r = vb_txn_commit(&txn, b->err);
    *seconds = world_seconds() - begun;
    if (!r && n != b->files)
        r = vb_fail(b->err, -EIO, "changed %" PRId64 " datasets of %" PRId64, n, b->files);
    return r;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

void writing_tell(bench *b, const char *name, double *seconds)
{
    qsort(seconds, WRITING_ROUNDS, sizeof *seconds, by_size);
    bench_tell(name, (double)b->files / seconds[WRITING_ROUNDS / 2], b->files);
}
