/* main.c - what tools/bench/registry measures inside one process; prints lines "NAME<tab>VALUE<tab>SIZE".
 *
 *     registry-bench write DIR DATASETS FILES [NAME]...
 *     registry-bench read DIR DATASETS [NAME]...
 *
 * `write` makes the repository DIR/repo of so many datasets, adds to it, changes it, and ingests so many small files by
 * each transfer mode into repositories of their own, all or (where `make` was before) some of its parts; `read` asks
 * that repository, as a process that has only just begun does, all or some of its parts.  DIR is there, and the
 * caller's to remove. */
#include "fs/ingest/files.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tools/bench/work/bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { COMMITS = 500, GROUP = 100 };

void bench_tell(const char *name, double value, int64_t size)
{
    printf("%s\t%.9g\t%" PRId64 "\n", name, value, size);
    fflush(stdout);
}

long bench_anonymous_kb(void)
{
    vb_auto(fclose) FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long kb = 0;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kb) == 1)
            break;
    return kb;
}

/* ---- making ----------------------------------------------------------------------------------------------- */

static int make(bench *b)
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
    r = world_make(&b->world, b->datasets);
    if (r < 0)
        return r;
    bench_tell("datasets", (double)(b->world.inserted + b->world.located), 0);
    bench_tell("insert", (double)b->world.inserted / b->world.inserted_s, b->world.inserted);
    bench_tell("insert_located", (double)b->world.located / b->world.located_s, b->world.located);
    bench_tell("insert_regions", (double)b->world.regions / b->world.regions_s, b->world.regions);
    return 0;
}

/* ---- small commits ---------------------------------------------------------------------------------------- */

/* `commits` transactions of `each` datasets. */
static int commit_some(bench *b, const char *name, const char *run_name, int commits, int each)
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
    bench_tell(name, (double)commits * each / (world_seconds() - begun), (int64_t)commits * each);
    return r;
}

/* ---- ingest ----------------------------------------------------------------------------------------------- */

static int write_files(bench *b, int64_t files, char **table, vb_error *err)
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

static int ingest(bench *b, const char *mode, const char *table, int64_t files)
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
        bench_tell(name, (double)files / (world_seconds() - begun), files);
    free(dataid[0]);
    return r;
}

static int ingest_all(bench *b)
{
    static const char *const modes[] = {"direct", "hardlink", "symlink", "copy"};
    vb_autofree char *table = NULL;
    int r = write_files(b, b->files, &table, b->err);

    for (size_t i = 0; !r && b->files && i < VB_COUNT(modes); i++)
        r = ingest(b, modes[i], table, b->files);
    return r;
}

/* ---- the parts -------------------------------------------------------------------------------------------- */

static int commit_one(bench *b)
{
    return commit_some(b, "commit", "u/put", COMMITS, 1);
}

static int commit_groups(bench *b)
{
    return commit_some(b, "commit_grouped", "u/grouped", COMMITS / 5, GROUP);
}

static const struct part {
    const char *name;
    bool writes;
    int (*run)(bench *b);
} parts[] = {
    {"make", true, make},
    {"commit", true, commit_one},
    {"commit_grouped", true, commit_groups},
    {"members", true, write_members},
    {"ingest", true, ingest_all},
    {"exchange", true, write_exchange},
    {"merge", true, write_merge},
    {"prune", true, write_prune}, /* last: files that are made after others were removed are made slowly */

    {"stream_all", false, read_stream_all}, /* first: others have memory already */
    {"find", false, read_find},
    {"find_chain", false, read_find_chain},
    {"find_uuid", false, read_find_uuid},
    {"open", false, read_open},
    {"patch", false, read_patch},
    {"stream", false, read_stream},
    {"stream_records", false, read_stream_records},
    {"stream_regions", false, read_stream_regions},
};

static bool is_wanted(const char *name, char *const *names)
{
    for (char *const *wanted = names; *wanted; wanted++)
        if (!strcmp(name, *wanted))
            return true;
    return !*names;
}

static int run(bench *b, bool writes, char *const *names)
{
    vb_autofree char *path = vb_path_join(b->dir, "repo");
    bool made = !writes || !access(path, F_OK);
    int r = made ? vb_repo_open(path, &b->repo, b->err) : 0;

    if (!r && made)
        r = vb_repo_registry(b->repo, writes ? VB_ACCESS_WRITE : VB_ACCESS_READ, &b->reg, b->err);
    b->world = (world){.reg = b->reg, .err = b->err, .visits = world_visits(b->datasets)};
    for (size_t i = 0; !r && i < VB_COUNT(parts); i++)
        if (parts[i].writes == writes && is_wanted(parts[i].name, names))
            r = parts[i].run(b);
    return r;
}

int main(int argc, char **argv)
{
    vb_auto_error err = VB_ERROR_INIT;
    bench b = {.err = &err};
    bool writes = argc >= 5 && !strcmp(argv[1], "write");
    int r;

    if (argc < 4 || (!writes && strcmp(argv[1], "read") != 0) || !vb_parse_int(argv[3], &b.datasets) ||
        (writes && !vb_parse_int(argv[4], &b.files))) {
        fputs("usage: registry-bench write DIR DATASETS FILES [NAME]...\n"
              "       registry-bench read DIR DATASETS [NAME]...\n",
              stderr);
        return 2;
    }
    b.dir = argv[2];
    r = run(&b, writes, argv + (writes ? 5 : 4));
    if (r < 0)
        vb_error_print(&err);
    if (b.reg)
        vb_registry_close(b.reg);
    if (b.repo)
        vb_repo_close(b.repo);
    return r < 0;
}
