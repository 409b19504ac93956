/* main.c - what tools/bench/registry measures inside one process; prints lines "NAME<tab>VALUE<tab>UNIT".
 *
 *     registry-bench DIR DATASETS FILES
 *
 * makes the repository DIR/repo of so many datasets, asks it, and ingests so many small files by each transfer mode
 * into repositories of their own.  DIR is there, and the caller's to remove. */
#include "fs/ingest/files.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tools/bench/work/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { LOOKUPS = 20000, OPENS = 20, COMMITS = 500, GROUP = 100 };

struct bench {
    const char *dir;
    vb_repo *repo;
    vb_registry *reg;
    world world;
    vb_error *err;
};

static void tell(const char *name, double value, const char *unit)
{
    printf("%s\t%.9g\t%s\n", name, value, unit);
    fflush(stdout);
}

static long peak_kb(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_maxrss;
}

/* ---- making ----------------------------------------------------------------------------------------------- */

static int make(struct bench *b, int64_t datasets)
{
    vb_autofree char *path = vb_path_join(b->dir, "repo");
    int r = vb_repo_create(path, 8, b->err);

    if (!r)
        r = vb_repo_open(path, &b->repo, b->err);
    if (!r)
        r = vb_repo_registry(b->repo, VB_ACCESS_WRITE, &b->reg, b->err);
    if (r < 0)
        return r;
    b->world = (world){.reg = b->reg, .err = b->err};
    r = world_make(&b->world, datasets);
    if (r < 0)
        return r;
    tell("datasets", (double)(b->world.inserted + b->world.located), "");
    tell("insert", (double)b->world.inserted / b->world.inserted_s, "/s");
    tell("insert_located", (double)b->world.located / b->world.located_s, "/s");
    tell("insert_regions", (double)b->world.regions / b->world.regions_s, "/s");
    return 0;
}

/* ---- asking ----------------------------------------------------------------------------------------------- */

static int find_some(struct bench *b, const char *name, const char *type_name, const char *collection)
{
    char *names[] = {(char *)(uintptr_t)collection, NULL};
    vb_auto_search search = {0};
    const vb_dataset_type *type;
    double taken = 0;
    int found = 0, r = vb_search_resolve(b->reg, names, &search, b->err);

    if (!r)
        r = vb_dataset_type_find(b->reg, type_name, &type, b->err);
    for (int64_t i = 0; r >= 0 && i < LOOKUPS; i++) {
        uint64_t mixed = vb_hash64(&i, sizeof i);
        vb_auto_dataid id = world_dataid(type->group, (int64_t)(mixed % (uint64_t)b->world.visits),
                                         (int64_t)(mixed >> 40) % WORLD_DETECTORS);
        double begun = world_seconds();
        vb_auto_dataset d = {0};

        r = vb_dataset_find(b->reg, type, &id, &search, &d, b->err);
        found += r > 0;
        taken += world_seconds() - begun;
    }
    if (r < 0)
        return r;
    if (found != LOOKUPS)
        return vb_fail(b->err, -EIO, "%s: found %d of %d", name, found, LOOKUPS);
    tell(name, taken / LOOKUPS * 1e6, "us");
    return 0;
}

static int find_uuids(struct bench *b)
{
    enum { SOME = 1000 };
    vb_uuid *uuids = vb_alloc(SOME * sizeof *uuids), first = {{0}};
    double taken = 0;
    size_t n = 0;
    int r = vb_dataset_list_uuids(b->reg, &first, SOME, uuids, &n, b->err);

    for (size_t i = 0; r >= 0 && i < LOOKUPS; i++) {
        double begun = world_seconds();
        vb_auto_dataset d = {0};

        r = vb_dataset_by_uuid(b->reg, &uuids[i * 7919 % n], &d, b->err);
        taken += world_seconds() - begun;
    }
    free(uuids);
    if (r >= 0)
        tell("find_uuid", taken / LOOKUPS * 1e6, "us");
    return r < 0 ? r : 0;
}

static int count_one(void *arg, const vb_dataset *d, vb_error *err)
{
    ++*(int64_t *)arg;
    return 0;
}

static int stream(struct bench *b)
{
    const vb_dataset_type *type;
    const vb_collection *run;
    int64_t n = 0;
    long before = peak_kb();
    double begun = world_seconds();
    int r = vb_dataset_type_find(b->reg, "raw", &type, b->err);

    if (!r)
        r = vb_collection_find(b->reg, "Cam/raw/all", &run, b->err);
    if (!r)
        r = vb_dataset_each(b->reg, run, type, count_one, &n, b->err);
    if (r < 0)
        return r;
    tell("stream_rows", (double)n, "");
    tell("stream", world_seconds() - begun, "s");
    tell("stream_memory", (double)(peak_kb() - before), "kB");
    return 0;
}

static int open_it(struct bench *b)
{
    double begun = world_seconds();
    int r = 0;

    for (int i = 0; !r && i < OPENS; i++) {
        vb_auto(vb_repo_close) vb_repo *repo = NULL;
        vb_auto(vb_registry_close) vb_registry *reg = NULL;
        const vb_collection *c;

        r = vb_repo_open(b->repo->root, &repo, b->err);
        if (!r)
            r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, b->err);
        if (!r)
            r = vb_collection_find(reg, "u/prod", &c, b->err);
    }
    tell("open", (world_seconds() - begun) / OPENS * 1e3, "ms");
    return r;
}

/* `commits` transactions of `each` datasets. */
static int commit_some(struct bench *b, const char *name, const char *run_name, int commits, int each)
{
    double begun = world_seconds();
    int r = 0;

    for (int i = 0; !r && i < commits; i++) {
        vb_auto_txn txn = {0};
        const vb_dataset_type *type;
        const vb_collection *run;

        r = vb_registry_begin(b->reg, &txn, b->err);
        if (!r)
            r = vb_collection_register(b->reg, run_name, VB_RUN, NULL, &run, b->err);
        if (!r)
            r = vb_dataset_type_find(b->reg, "src", &type, b->err);
        for (int k = 0; !r && k < each; k++) {
            int64_t n = (int64_t)i * each + k;
            vb_auto_dataset d = {.type = type,
                                 .run_id = run->id,
                                 .dataid = world_dataid(type->group, n / WORLD_DETECTORS, n % WORLD_DETECTORS)};
            vb_autofree char *path = vb_format("%s/src/%d_%d.fits", run_name, i, k);
            vb_location place = {.store_id = 1, .path = path, .size = 1, .mtime = -1};

            r = vb_dataset_insert(b->reg, &d, &place, b->err);
        }
        if (!r)
            r = vb_txn_commit(&txn, b->err);
    }
    tell(name, (double)commits * each / (world_seconds() - begun), "/s");
    return r;
}

/* ---- ingest ----------------------------------------------------------------------------------------------- */

static int write_files(struct bench *b, int64_t files, char **table, vb_error *err)
{
    vb_auto_buf text = {0};
    vb_autofree char *directory = vb_path_join(b->dir, "files");
    int r = vb_mkdirs(AT_FDCWD, directory, 0755, err);

    vb_buf_puts(&text, "path,detector,exposure\n");
    for (int64_t i = 0; !r && i < files; i++) {
        vb_autofree char *path = vb_format("%s/%lld.yaml", directory, (long long)i);
        vb_autofree char *content = vb_format("{exposure: %lld, payload: %0*d}\n", (long long)i, 100, 7);

        r = vb_write_file(AT_FDCWD, path, content, strlen(content), 0644, false, err);
        vb_buf_printf(&text, "%s,%d,%d\n", path, (int)(i % WORLD_DETECTORS), (int)(i / WORLD_DETECTORS));
    }
    *table = vb_path_join(b->dir, "files.csv");
    return r < 0 ? r : vb_write_file(AT_FDCWD, *table, vb_buf_text(&text), text.len, 0644, false, err);
}

static int put_exposures(vb_registry *reg, int64_t files, vb_error *err)
{
    vb_auto_txn txn = {0};
    world w = {.reg = reg, .err = err, .visits = files / WORLD_DETECTORS + 1};
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = world_camera(&w);
    for (int64_t v = 0; !r && v < w.visits; v++)
        r = world_visit(&w, v, 150, 1);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

/* A repository with records and the dataset type, and nothing else. */
static int make_small(const char *path, int64_t files, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    char *names[] = {(char *)(uintptr_t) "instrument", (char *)(uintptr_t) "detector", (char *)(uintptr_t) "exposure",
                     NULL};
    vb_dataset_type wanted = {.name = (char *)(uintptr_t) "metric",
                              .storage_class = (char *)(uintptr_t) "StructuredDataDict"};
    const vb_dataset_type *type;
    int r = vb_repo_create(path, 8, err);

    if (!r)
        r = vb_repo_open(path, &repo, err);
    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);
    if (!r)
        r = vb_universe_conform_names(vb_registry_universe(reg), names, &wanted.group, err);
    if (!r)
        r = vb_dataset_type_register(reg, &wanted, &type, err);
    return r < 0 ? r : put_exposures(reg, files, err);
}

static int ingest(struct bench *b, const char *mode, const char *table, int64_t files)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_autofree char *path = vb_format("%s/ingest-%s", b->dir, mode), *name = vb_format("ingest_%s", mode);
    char *dataid[] = {vb_strdup("instrument=Cam"), NULL};
    vb_files_options options = {.type = "metric", .run = "metrics", .dataid = dataid};
    vb_files_report report;
    double begun;
    int r = make_small(path, files, b->err);

    if (!r)
        r = vb_transfer_mode_parse(mode, &options.transfer, b->err);
    if (!r)
        r = vb_repo_open(path, &repo, b->err);
    sync();
    begun = world_seconds();
    if (!r)
        r = vb_ingest_files(repo, table, &options, &report, b->err);
    if (!r)
        tell(name, (double)files / (world_seconds() - begun), "/s");
    free(dataid[0]);
    return r;
}

static int ingest_all(struct bench *b, int64_t files)
{
    static const char *const modes[] = {"direct", "hardlink", "symlink", "copy"};
    vb_autofree char *table = NULL;
    int r = write_files(b, files, &table, b->err);

    for (size_t i = 0; !r && i < VB_COUNT(modes); i++)
        r = ingest(b, modes[i], table, files);
    return r;
}

/* ----------------------------------------------------------------------------------------------------------- */

static int run(struct bench *b, int64_t datasets, int64_t files)
{
    int r = datasets ? make(b, datasets) : 0;

    if (!r && datasets)
        r = find_some(b, "find", "raw", "Cam/raw/all");
    if (!r && datasets)
        r = find_some(b, "find_chain", "src", "u/prod");
    if (!r && datasets)
        r = find_uuids(b);
    if (!r && datasets)
        r = stream(b);
    if (!r && datasets)
        r = open_it(b);
    if (!r && datasets)
        r = commit_some(b, "commit", "u/put", COMMITS, 1);
    if (!r && datasets)
        r = commit_some(b, "commit_grouped", "u/grouped", COMMITS / 5, GROUP);
    return r < 0 || !files ? r : ingest_all(b, files);
}

int main(int argc, char **argv)
{
    vb_auto_error err = VB_ERROR_INIT;
    struct bench b = {.err = &err};
    int64_t datasets, files;
    int r;

    if (argc != 4 || !vb_parse_int(argv[2], &datasets) || !vb_parse_int(argv[3], &files)) {
        fputs("usage: registry-bench DIR DATASETS FILES\n", stderr);
        return 2;
    }
    b.dir = argv[1];
    r = run(&b, datasets, files);
    if (r < 0)
        vb_error_print(&err);
    if (b.reg)
        vb_registry_close(b.reg);
    if (b.repo)
        vb_repo_close(b.repo);
    return r < 0;
}
