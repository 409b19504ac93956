/* simulate - writes a small survey of a random sky, for the demo and its tests (README.md, beside this). */
#include "registry/base/error.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tools/demo/camera.h"
#include "tools/demo/sky.h"
#include "tools/demo/survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

typedef struct options {
    const char *outdir;
    int64_t seed, visits, size;
} options;

static const char usage[] =
    "Usage: simulate OUTDIR [--seed N] [--visits-per-band N] [--size PIXELS]\n"
    "\n"
    "Writes a survey of one random sky with SimCam, a camera of two detectors, into OUTDIR, which must\n"
    "be new or empty: images, weights and masks in the bands g, r and z, a table of their zero points,\n"
    "and the shards of a reference catalogue.  The field lies across two of the shards.  The same options\n"
    "give the same bytes.\n"
    "\n"
    "  --seed N             another sky, other weather (1)\n"
    "  --visits-per-band N  exposures in each band, 1 to 999 (4)\n"
    "  --size PIXELS        side of a detector, 64 to 4096 (256)\n"
    "  --help               this text\n";

static int set_number(int64_t *out, const char *name, const char *text, int64_t least, int64_t most, vb_error *err)
{
    if (vb_parse_int(text, out) && *out >= least && *out <= most)
        return 0;
    return vb_fail(err, -EINVAL, "--%s %s: a whole number from %lld to %lld is wanted", name, text, (long long)least,
                   (long long)most);
}

/* 1: --help was asked for. */
static int parse(int argc, char **argv, options *o, vb_error *err)
{
    static const struct option longs[] = {{"seed", required_argument, NULL, 's'},
                                          {"visits-per-band", required_argument, NULL, 'v'},
                                          {"size", required_argument, NULL, 'p'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int c, r = 0;

    while (!r && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (c == 's')
            r = set_number(&o->seed, "seed", optarg, 0, INT64_MAX, err);
        else if (c == 'v')
            r = set_number(&o->visits, "visits-per-band", optarg, 1, 999, err);
        else if (c == 'p')
            r = set_number(&o->size, "size", optarg, 64, 4096, err);
        else
            return c == 'h' ? 1 : vb_fail(err, -EINVAL, "see simulate --help");
    }
    if (r)
        return r;
    if (optind != argc - 1)
        return vb_fail(err, -EINVAL, "one directory to write into is wanted; see simulate --help");
    o->outdir = argv[optind];
    return 0;
}

static int check_empty(const char *dir, vb_error *err)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    int r = 0;

    if (!d)
        return vb_fail_errno(err, -errno, "opening %s", dir);
    while (!r && (entry = readdir(d)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            r = vb_fail(err, -ENOTEMPTY, "%s is not empty: a survey needs a directory of its own", dir);
    closedir(d);
    return r;
}

/* The working directory becomes the survey's: so that cfitsio, which gives '[' and '(' in a file's name a
 * meaning of their own, sees none of the user's. */
static int enter(const char *dir, vb_error *err)
{
    int r = vb_mkdirs(AT_FDCWD, dir, 0777, err);

    if (!r)
        r = check_empty(dir, err);
    if (!r && chdir(dir))
        r = vb_fail_errno(err, -errno, "entering %s", dir);
    return r;
}

static int expose(const options *o, const sky *s, const exposure *e, int detector, frame *f, ccd *row, vb_error *err)
{
    vb_auto_buf wcs = {0};
    plate p;
    int r = camera_expose(e, detector, (uint64_t)o->seed, s, f, &p, &wcs, err);

    return r ? r : survey_write_ccd(e, detector, f, &p, &wcs, row, err);
}

static int write_exposures(const options *o, const sky *s, ccd *rows, vb_error *err)
{
    __attribute__((cleanup(frame_free))) frame f;
    int r = 0;

    frame_init(&f, (int)o->size);
    for (int visit = 0; !r && visit < o->visits; visit++)
        for (int band = 0; !r && band < BANDS; band++) {
            exposure e = camera_plan((uint64_t)o->seed, visit, band, (int)o->size);

            for (int detector = 0; !r && detector < DETECTORS; detector++)
                r = expose(o, s, &e, detector, &f, rows++, err);
        }
    return r;
}

static int write_shards(const options *o, const sky *s, vb_error *err)
{
    shard shards[SHARDS];
    int r = 0;

    sky_shards(s, (uint64_t)o->seed, camera_reach((int)o->size), shards);
    for (int i = 0; i < SHARDS; i++) {
        r = r ? r : survey_write_shard(&shards[i], err);
        shard_free(&shards[i]);
    }
    return r;
}

static int simulate(const options *o, vb_error *err)
{
    __attribute__((cleanup(sky_free))) sky s = {0};
    size_t count = (size_t)o->visits * BANDS * DETECTORS;
    vb_autofree ccd *rows = vb_alloc(count * sizeof *rows);
    int r = enter(o->outdir, err);

    if (r)
        return r;
    sky_fill(&s, (uint64_t)o->seed, camera_reach((int)o->size));
    r = write_exposures(o, &s, rows, err);
    r = r ? r : survey_write_table(rows, count, err);
    r = r ? r : write_shards(o, &s, err);
    if (r)
        return vb_error_context(err, "%s", o->outdir);
    printf("%s: %zu images of %lld exposures with weights and masks, %zu sources, %d reference shards\n", o->outdir,
           count, (long long)o->visits * BANDS, s.count, SHARDS);
    return 0;
}

int main(int argc, char **argv)
{
    options o = {.seed = 1, .visits = 4, .size = 256};
    vb_auto_error err = VB_ERROR_INIT;
    int r = parse(argc, argv, &o, &err);

    if (r == 1) {
        fputs(usage, stdout);
        return EX_OK;
    }
    if (r) {
        vb_error_print(&err);
        return EX_USAGE;
    }
    if (simulate(&o, &err)) {
        vb_error_print(&err);
        return EX_IOERR;
    }
    return EX_OK;
}
