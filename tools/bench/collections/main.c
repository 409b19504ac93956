/* collections-bench: how quickly datasets are associated, certified, decertified and purged, and how that grows with
 * the registry.
 *
 * usage: collections-bench DIR [-n DATASETS] [-r ROUNDS] [-w] [BACKGROUND...]      default -n 10080 -r 3 100000 1000000
 *
 * For each BACKGROUND a repository with so many other datasets is made in DIR, and DATASETS with small files are put
 * into a run of it, tagged, certified, and purged, ROUNDS times.  Each figure is the median of datasets a second, the
 * durable commit included; `purge, unlinked` is the purge with its files (-w: without files).  Peer: daf_butler
 * w.2026.34, SQLite, 10^6 datasets. */
#include "fs/store/store.h"
#include "registry/association.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/calibration.h"
#include "registry/prune.h"
#include "registry/repo.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_ROUNDS = 25, DETECTORS = 112 };

static bool with_files = true;

enum line { INSERT, SELECT, ASSOCIATE, DISASSOCIATE, CERTIFY, DECERTIFY, PURGE, UNLINK, LINES };

static const struct {
    const char *name;
    double peer, wanted;
} lines[] = {
    [INSERT] = {"insert, located", 8500, 350000},
    [SELECT] = {"select", 0, 0},
    [ASSOCIATE] = {"associate", 27000, 400000},
    [DISASSOCIATE] = {"disassociate", 0, 0},
    [CERTIFY] = {"certify", 8500, 400000},
    [DECERTIFY] = {"decertify", 0, 0},
    [PURGE] = {"purge", 6400, 200000},
    [UNLINK] = {"purge, unlinked", 6400, 200000},
};

struct bench {
    vb_repo *repo;
    vb_registry *reg;
    vb_stores *stores;
    const vb_dataset_type *type;
    int64_t count, next_exposure;
    double seconds[LINES][MAX_ROUNDS];
    int round;
    vb_error err;
};

static void check(struct bench *b, int r)
{
    if (r < 0) {
        vb_error_print(&b->err);
        exit(1);
    }
}

static const vb_collection *collection(struct bench *b, const char *name, vb_collection_type type)
{
    const vb_collection *c;

    check(b, vb_collection_register(b->reg, name, type, NULL, &c, &b->err));
    return c;
}

static void make_file(struct bench *b, const char *path)
{
    vb_autofree char *whole = vb_path_join(b->repo->root, path), *dir = vb_path_dir(whole);

    check(b, vb_mkdirs(AT_FDCWD, dir, 0777, &b->err));
    check(b, vb_write_file(AT_FDCWD, whole, "8 bytes\n", 8, 0644, false, &b->err));
}

/* Datasets of the next exposures into a run; with files or without. */
static double insert(struct bench *b, const char *run, int64_t count, bool files)
{
    vb_dataset *d = vb_alloc((size_t)count * sizeof *d);
    vb_location *l = vb_alloc((size_t)count * sizeof *l);
    vb_auto_txn txn = {0};
    int64_t run_id, begin;

    for (int64_t i = 0; i < count; i++) {
        int64_t exposure = b->next_exposure + i / DETECTORS;

        d[i] = (vb_dataset){.type = b->type, .dataid = {.group = b->type->group}};
        d[i].dataid.values[0] = vb_value_text("Cam");
        d[i].dataid.values[1] = vb_value_int(i % DETECTORS);
        d[i].dataid.values[2] = vb_value_int(exposure);
        l[i] = (vb_location){.store_id = 1, .size = 8, .mtime = -1};
        l[i].path = vb_format("%s/bias/%" PRId64 "/bias_%" PRId64 ".txt", run, exposure, i);
        if (files)
            make_file(b, l[i].path);
    }
    b->next_exposure += count / DETECTORS + 1;
    begin = vb_clock_monotonic_ns();
    check(b, vb_registry_begin(b->reg, &txn, &b->err));
    run_id = collection(b, run, VB_RUN)->id;
    for (int64_t i = 0; i < count; i++)
        d[i].run_id = run_id;
    check(b, vb_dataset_insert_all(b->reg, d, l, (size_t)count, &b->err));
    check(b, vb_txn_commit(&txn, &b->err));
    begin = vb_clock_monotonic_ns() - begin;
    for (int64_t i = 0; i < count; i++) {
        vb_dataset_clear(&d[i]);
        vb_location_clear(&l[i]);
    }
    free(d);
    free(l);
    return (double)begin / 1e9;
}

/* One thing that is done to the selection, in a transaction. */
static void measure(struct bench *b, enum line line)
{
    static const vb_timespan span = {1000, 2000};
    int64_t begin = vb_clock_monotonic_ns(), n = b->count;
    vb_auto_txn txn = {0};

    check(b, vb_registry_begin(b->reg, &txn, &b->err));
    if (line == ASSOCIATE)
        check(b, vb_associate(b->reg, collection(b, "tagged", VB_TAGGED), &n, &b->err));
    else if (line == DISASSOCIATE)
        check(b, vb_disassociate(b->reg, collection(b, "tagged", VB_TAGGED), &n, &b->err));
    else if (line == CERTIFY)
        check(b, vb_calibration_certify(b->reg, collection(b, "calib", VB_CALIBRATION), span, &n, &b->err));
    else if (line == DECERTIFY)
        check(b, vb_calibration_decertify(b->reg, collection(b, "calib", VB_CALIBRATION), b->type, span, true, &n,
                                          &b->err));
    else
        check(b, vb_prune_selected(b->reg, true, &b->err));
    check(b, vb_txn_commit(&txn, &b->err));
    b->seconds[line][b->round] = (double)(vb_clock_monotonic_ns() - begin) / 1e9;
    if (n != b->count) {
        fprintf(stderr, "%s: %" PRId64 " of %" PRId64 "\n", lines[line].name, n, b->count);
        exit(1);
    }
}

static void run_round(struct bench *b)
{
    char *names[] = {(char *)"new", NULL};
    const vb_selecting what = {.collections = names};
    int64_t begin, n;

    b->seconds[INSERT][b->round] = insert(b, "new", b->count, with_files);
    begin = vb_clock_monotonic_ns();
    check(b, vb_select(b->reg, &what, &n, &b->err));
    b->seconds[SELECT][b->round] = (double)(vb_clock_monotonic_ns() - begin) / 1e9;
    for (enum line line = ASSOCIATE; line <= PURGE; line++)
        measure(b, line);
    begin = vb_clock_monotonic_ns();
    check(b, vb_stores_empty_trash(b->stores, b->reg, &b->err));
    b->seconds[UNLINK][b->round] = b->seconds[PURGE][b->round] + (double)(vb_clock_monotonic_ns() - begin) / 1e9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void run(const char *dir, int64_t background, int64_t count, int rounds)
{
    vb_autofree char *path = vb_format("%s/%" PRId64, dir, background);
    struct bench b = {.count = count};
    vb_dataset_type wanted = {.name = (char *)"bias", .storage_class = (char *)"Text", .is_calibration = true};
    char *dims[] = {(char *)"detector", (char *)"exposure", NULL};

    check(&b, vb_repo_create(path, 8, &b.err));
    check(&b, vb_repo_open(path, &b.repo, &b.err));
    check(&b, vb_repo_registry(b.repo, VB_ACCESS_WRITE, &b.reg, &b.err));
    check(&b, vb_stores_open(b.reg, b.repo->root, &b.stores, &b.err));
    check(&b, vb_universe_conform_names(vb_registry_universe(b.reg), dims, &wanted.group, &b.err));
    check(&b, vb_dataset_type_register(b.reg, &wanted, &b.type, &b.err));
    for (int64_t left = background; left > 0; left -= 100000)
        insert(&b, "old", left < 100000 ? left : 100000, false);
    for (b.round = 0; b.round < rounds; b.round++)
        run_round(&b);
    printf("%" PRId64 " of %" PRId64 " datasets\n", count, background + count);
    for (int i = 0; i < LINES; i++) {
        double rate;

        qsort(b.seconds[i], (size_t)rounds, sizeof(double), by_size);
        rate = (double)count / b.seconds[i][rounds / 2];
        printf("  %-18s%12.0f /s", lines[i].name, rate);
        if (lines[i].peer > 0)
            printf("%8.0f times the peer's %.0f; to reach %.0f", rate / lines[i].peer, lines[i].peer, lines[i].wanted);
        putchar('\n');
    }
    fflush(stdout);
    vb_stores_close(b.stores);
    vb_registry_close(b.reg);
    vb_repo_close(b.repo);
}

int main(int argc, char **argv)
{
    int64_t count = 10080;
    int rounds = 3, c;

    while ((c = getopt(argc, argv, "n:r:w")) > 0)
        if (c == 'n')
            count = atoll(optarg);
        else if (c == 'r')
            rounds = atoi(optarg);
        else if (c == 'w')
            with_files = false;
        else
            return 2;
    if (optind >= argc || count < 1 || rounds < 1 || rounds > MAX_ROUNDS) {
        fputs("usage: collections-bench DIR [-n DATASETS] [-r ROUNDS] [-w] [BACKGROUND...]\n", stderr);
        return 2;
    }
    if (optind + 1 == argc) {
        run(argv[optind], 100000, count, rounds);
        run(argv[optind], 1000000, count, rounds);
    }
    for (int i = optind + 1; i < argc; i++)
        run(argv[optind], atoll(argv[i]), count, rounds);
    return 0;
}
