#include "tools/bench/work/world.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COMMIT = 100000, COLUMNS = 12, ROWS = 10 };

static const char *const filters[] = {"Cam-u", "Cam-g", "Cam-r", "Cam-i", "Cam-z", "Cam-y"};
static const char *const bands[] = {"u", "g", "r", "i", "z", "y"};
static const double TRACT = 1.6, PATCH = 0.17, DETECTOR_X = 0.13, DETECTOR_Y = 0.155, DAY_NS = 86400e9;

double world_seconds(void)
{
    struct timespec cpu;

    if (!getenv("REGISTRY_BENCH_CPU"))
        return (double)vb_clock_monotonic_ns() / 1e9;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
}

/* A reproducible number in [0, 1). */
static double dice(int64_t seed, int64_t salt)
{
    int64_t both[] = {seed, salt};

    return (double)(vb_hash64(both, sizeof both) >> 11) / 9007199254740992.0;
}

/* ---- records ---------------------------------------------------------------------------------------------- */

static int put(world *w, const char *element, const char *const *columns, const vb_value *values, size_t n,
               const vb_region *region, const vb_timespan *span)
{
    const vb_element *e = vb_universe_find(vb_registry_universe(w->reg), element);
    vb_auto_record r = vb_record_new(w->reg, e);
    int status;

    for (size_t i = 0; i < n; i++)
        vb_record_set(&r, columns[i], values[i]);
    if (region)
        vb_record_set_region(&r, region);
    if (span)
        vb_record_set_timespan(&r, *span);
    status = vb_record_put(w->reg, &r, VB_RECORD_SAME, w->err);
    return status < 0 ? status : 0;
}

#define PUT(w, element, region, span, columns, ...)                          \
    put(w, element, (const char *const[])columns, (vb_value[]){__VA_ARGS__}, \
        sizeof((vb_value[]){__VA_ARGS__}) / sizeof(vb_value), region, span)
#define NAMES(...)  \
    {               \
        __VA_ARGS__ \
    }
#define I(x) vb_value_int(x)
#define R(x) vb_value_real(x)
#define T(x) vb_value_text(x)

static int rectangle(double west, double east, double south, double north, vb_region *out, vb_error *err)
{
    const vb_vec3 corners[] = {vb_vec3_from_degrees(west, south), vb_vec3_from_degrees(east, south),
                               vb_vec3_from_degrees(east, north), vb_vec3_from_degrees(west, north)};

    return vb_region_hull(corners, VB_COUNT(corners), out, err);
}

int world_camera(world *w)
{
    int r = PUT(w, "instrument", NULL, NULL,
                NAMES("instrument", "class_name", "visit_max", "exposure_max", "detector_max"), T("Cam"),
                T("bench.Cam"), I(INT32_MAX), I(INT32_MAX), I(WORLD_DETECTORS));

    if (!r)
        r = PUT(w, "visit_system", NULL, NULL, NAMES("instrument", "visit_system", "name"), T("Cam"), I(0),
                T("one-to-one"));
    for (size_t i = 0; !r && i < VB_COUNT(filters); i++)
        r = PUT(w, "physical_filter", NULL, NULL, NAMES("instrument", "physical_filter", "band"), T("Cam"),
                T(filters[i]), T(bands[i]));
    for (int d = 0; !r && d < WORLD_DETECTORS; d++) {
        char name[16];

        snprintf(name, sizeof name, "D%03d", d);
        r = PUT(w, "detector", NULL, NULL, NAMES("instrument", "detector", "full_name", "purpose"), T("Cam"), I(d),
                T(name), T("SCIENCE"));
    }
    return r;
}

static int put_patch(world *w, int tract, int patch)
{
    double west = 150 + TRACT * (tract % 4) + PATCH * (patch % 10 - 0.15),
           south = TRACT * (tract / 4) + PATCH * (patch / 10 - 0.15);
    vb_auto_region region = {0};
    int r = rectangle(west, west + 1.3 * PATCH, south, south + 1.3 * PATCH, &region, w->err);

    if (r < 0)
        return r;
    return PUT(w, "patch", &region, NULL, NAMES("skymap", "tract", "patch", "cell_x", "cell_y"), T("map"), I(tract),
               I(patch), I(patch % 10), I(patch / 10));
}

static int put_sky_map(world *w)
{
    int r = PUT(w, "skymap", NULL, NULL, NAMES("skymap", "tract_max", "patch_nx_max", "patch_ny_max"), T("map"),
                I(WORLD_TRACTS), I(10), I(10));

    for (int t = 0; !r && t < WORLD_TRACTS; t++) {
        double west = 150 + TRACT * (t % 4), south = TRACT * (t / 4);
        vb_auto_region region = {0};

        r = rectangle(west, west + 1.1 * TRACT, south, south + 1.1 * TRACT, &region, w->err);
        if (!r)
            r = PUT(w, "tract", &region, NULL, NAMES("skymap", "tract"), T("map"), I(t));
        for (int p = 0; !r && p < WORLD_PATCHES; p++)
            r = put_patch(w, t, p);
    }
    return r;
}

static int64_t day_of(int64_t visit)
{
    int64_t day = visit / 800;

    return 20260101 + day % 28 + 100 * (day / 28 % 12) + 10000 * (day / 336);
}

/* A visit, its exposure, its night, and the relation of both. */
int world_visit(world *w, int64_t v, double west, double south)
{
    const char *filter = filters[v / 40 % VB_COUNT(filters)];
    int64_t begin = 1767225637LL * 1000000000 + (int64_t)((double)(v / 800) * DAY_NS) + v % 800 * 40000000000LL;
    vb_timespan span = {begin, begin + 30000000000LL};
    vb_auto_region region = {0};
    char name[24];
    int r = rectangle(west, west + COLUMNS * DETECTOR_X, south, south + ROWS * DETECTOR_Y, &region, w->err);

    snprintf(name, sizeof name, "V%08lld", (long long)v);
    if (!r && v % 800 == 0)
        r = PUT(w, "day_obs", NULL, NULL, NAMES("instrument", "day_obs"), T("Cam"), I(day_of(v)));
    if (!r)
        r = PUT(w, "group", NULL, NULL, NAMES("instrument", "group"), T("Cam"), T(name));
    if (!r)
        r = PUT(w, "exposure", NULL, &span,
                NAMES("instrument", "exposure", "day_obs", "group", "physical_filter", "obs_id", "exposure_time",
                      "dark_time", "observation_type", "observation_reason", "seq_num", "target_name", "has_simulated",
                      "can_see_sky"),
                T("Cam"), I(v), I(day_of(v)), T(name), T(filter), T(name), R(30), R(31), T("science"), T("survey"),
                I(v % 800), T("field"), I(0), I(1));
    if (!r)
        r = PUT(w, "visit", &region, &span,
                NAMES("instrument", "visit", "day_obs", "physical_filter", "name", "exposure_time", "seq_num",
                      "observation_reason", "science_program", "azimuth", "zenith_angle", "target_name"),
                T("Cam"), I(v), I(day_of(v)), T(filter), T(name), R(30), I(v % 800), T("survey"), T("main"), R(90),
                R(35), T("field"));
    if (!r)
        r = PUT(w, "visit_definition", NULL, NULL, NAMES("instrument", "exposure", "visit"), T("Cam"), I(v), I(v));
    return r < 0 ? r
                 : PUT(w, "visit_system_membership", NULL, NULL, NAMES("instrument", "visit_system", "visit"), T("Cam"),
                       I(0), I(v));
}

static int put_detectors(world *w, int64_t v, double west, double south)
{
    double begun = world_seconds();
    int r = 0;

    for (int d = 0; !r && d < WORLD_DETECTORS; d++) {
        double x = west + DETECTOR_X * (d % COLUMNS),
               y = south + DETECTOR_Y * (d / (double)COLUMNS - d % COLUMNS / (double)COLUMNS);
        vb_auto_region region = {0};

        r = rectangle(x, x + 0.97 * DETECTOR_X, y, y + 0.97 * DETECTOR_Y, &region, w->err);
        if (!r)
            r = PUT(w, "visit_detector_region", &region, NULL, NAMES("instrument", "detector", "visit"), T("Cam"), I(d),
                    I(v));
    }
    w->regions_s += world_seconds() - begun;
    w->regions += WORLD_DETECTORS;
    return r;
}

static int put_visits(world *w)
{
    int64_t v = 0;
    int r = 0;

    while (!r && v < w->visits) {
        vb_auto_txn txn = {0};

        r = vb_registry_begin(w->reg, &txn, w->err);
        for (int64_t end = v + COMMIT / WORLD_DETECTORS; !r && v < end && v < w->visits; v++) {
            double west = 149.5 + 4 * TRACT * dice(v, 1) - 0.3, south = 3 * TRACT * dice(v, 2) - 0.8;

            r = world_visit(w, v, west, south);
            if (!r)
                r = put_detectors(w, v, west, south);
        }
        if (!r)
            r = vb_txn_commit(&txn, w->err);
    }
    return r;
}

/* ---- datasets --------------------------------------------------------------------------------------------- */

vb_dataid world_dataid(const vb_group *group, int64_t visit, int64_t detector)
{
    vb_dataid id = {.group = group};

    for (int i = 0; i < group->nrequired; i++) {
        const char *name = group->dims[i]->name;

        id.values[i] = !strcmp(name, "instrument") ? vb_value_text("Cam")
                                                   : vb_value_int(!strcmp(name, "detector") ? detector : visit);
    }
    return id;
}

/* All datasets of a visit, of one type, into a run. */
static int put_datasets(world *w, const vb_dataset_type *type, int64_t run, int64_t v, bool located)
{
    vb_dataset all[WORLD_DETECTORS];
    vb_location places[WORLD_DETECTORS];
    double begun;
    int r;

    for (int d = 0; d < WORLD_DETECTORS; d++) {
        all[d] = (vb_dataset){.type = type, .run_id = run, .dataid = world_dataid(type->group, v, d)};
        places[d] = (vb_location){.store_id = 1,
                                  .size = 16588800 + d,
                                  .mtime = 1767225600000000000 + v,
                                  .has_checksum = true};
        if (located)
            places[d].path = vb_format("u/prod/%02lld/%s/Cam/%d/%s_Cam_%d_%lld.fits", (long long)(v % WORLD_RUNS),
                                       type->name, d, type->name, d, (long long)v);
    }
    begun = world_seconds();
    r = vb_dataset_insert_all(w->reg, all, located ? places : NULL, WORLD_DETECTORS, w->err);
    *(located ? &w->located_s : &w->inserted_s) += world_seconds() - begun;
    *(located ? &w->located : &w->inserted) += WORLD_DETECTORS;
    for (int d = 0; d < WORLD_DETECTORS; d++) {
        vb_dataset_clear(&all[d]);
        free(places[d].path);
    }
    return r;
}

static int put_type(world *w, const char *name, const char *storage_class, const char *exposure, bool located)
{
    char *names[] = {(char *)(uintptr_t) "instrument", (char *)(uintptr_t) "detector", (char *)(uintptr_t)exposure,
                     NULL};
    vb_dataset_type wanted = {.name = (char *)(uintptr_t)name, .storage_class = (char *)(uintptr_t)storage_class};
    const vb_dataset_type *type;
    int64_t v = 0;
    int r = vb_universe_conform_names(vb_registry_universe(w->reg), names, &wanted.group, w->err);

    if (!r)
        r = vb_dataset_type_register(w->reg, &wanted, &type, w->err);
    while (!r && v < w->visits) {
        vb_auto_txn txn = {0};
        double begun;

        r = vb_registry_begin(w->reg, &txn, w->err);
        if (!r) /* a transaction may have voided the pointer */
            r = vb_dataset_type_find(w->reg, name, &type, w->err);
        for (int64_t end = v + COMMIT / WORLD_DETECTORS; !r && v < end && v < w->visits; v++) {
            const vb_collection *run;
            char run_name[32];

            snprintf(run_name, sizeof run_name, located ? "u/prod/%02d" : "Cam/raw/all", (int)(v % WORLD_RUNS));
            r = vb_collection_register(w->reg, run_name, VB_RUN, NULL, &run, w->err);
            if (!r)
                r = put_datasets(w, type, run->id, v, located);
        }
        begun = world_seconds();
        if (!r)
            r = vb_txn_commit(&txn, w->err);
        *(located ? &w->located_s : &w->inserted_s) += world_seconds() - begun;
    }
    return r;
}

static int put_chain(world *w)
{
    vb_auto_txn txn = {0};
    const vb_collection *chain;
    char **children = NULL;
    int r = vb_registry_begin(w->reg, &txn, w->err);

    for (int i = 0; i < WORLD_RUNS && i < w->visits; i++) {
        char name[32];

        snprintf(name, sizeof name, "u/prod/%02d", i);
        vb_strv_add(&children, name);
    }
    vb_strv_add(&children, "Cam/raw/all");
    if (!r)
        r = vb_collection_register(w->reg, "u/prod", VB_CHAINED, NULL, &chain, w->err);
    if (!r)
        r = vb_collection_set_children(w->reg, chain, children, w->err);
    vb_strv_free(children);
    return r < 0 ? r : vb_txn_commit(&txn, w->err);
}

int64_t world_visits(int64_t datasets)
{
    return datasets / 3 / WORLD_DETECTORS + 1;
}

int world_make(world *w, int64_t datasets)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(w->reg, &txn, w->err);

    w->visits = world_visits(datasets);
    if (!r)
        r = world_camera(w);
    if (!r)
        r = put_sky_map(w);
    if (!r)
        r = vb_txn_commit(&txn, w->err);
    if (!r)
        r = put_visits(w);
    if (!r)
        r = put_type(w, "raw", "Exposure", "exposure", false);
    if (!r)
        r = put_type(w, "calexp", "ExposureF", "visit", true);
    if (!r)
        r = put_type(w, "src", "SourceCatalog", "visit", true);
    return r < 0 ? r : put_chain(w);
}
