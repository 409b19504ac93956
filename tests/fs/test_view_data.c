/* Tests of data/: a path is a query, a directory is its result. */
#include "registry/check.h"
#include "tests/fs/viewer.h"

#include <fcntl.h>

#define RAW  "data/TestCam/raw/all/raw"
#define FILE "raw_TestCam_2_101.fits"

/* ---- one dataset type ------------------------------------------------------------------------------------- */

static int setup_raws(void **state)
{
    int r = world_setup(state);

    if (!r)
        world_raws(*state);
    return r;
}

static void test_the_root_shows_the_branches(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, "", "by-id data dimensions provenance reports");
    assert_int_equal(viewer_try(v, "Data"), -ENOENT);
}

static void test_collections_are_directories(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, "data", "TestCam");
    assert_listing(v, "data/TestCam", "raw");
    assert_listing(v, "data/TestCam/raw", "all");
    assert_listing(v, "data/TestCam/raw/all", "raw");
}

/* A listing offers the next required dimension in the universe's order, and then the file. */
static void test_the_canonical_path(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, RAW, "instrument=TestCam");
    assert_listing(v, RAW "/instrument=TestCam", "detector=1 detector=2 detector=3");
    assert_listing(v, RAW "/instrument=TestCam/detector=2", "exposure=101 exposure=102 exposure=103");
    assert_listing(v, RAW "/instrument=TestCam/detector=2/exposure=101", FILE);
    assert_reads(v, RAW "/instrument=TestCam/detector=2/exposure=101/" FILE, "raw 101 2\n");
}

/* Any dimension at any depth, and those that the type implies: they narrow the query. */
static void test_facets_stand_in_any_order(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, RAW "/exposure=103", "instrument=TestCam");
    assert_listing(v, RAW "/exposure=103/instrument=TestCam", "detector=1 detector=2 detector=3");
    assert_listing(v, RAW "/physical_filter=g-1/detector=2/instrument=TestCam", "exposure=101 exposure=102");
    assert_reads(v, RAW "/exposure=101/band=g/detector=2/instrument=TestCam/" FILE, "raw 101 2\n");
}

/* Bug: a band related to no exposure: the filter that has it was joined, but not to the exposure's filter. */
static void test_implied_dimensions_narrow(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, RAW "/band=r/instrument=TestCam/detector=2", "exposure=103");
    assert_int_equal(viewer_try(v, RAW "/band=r/exposure=101"), -ENOENT);
}

/* Look-ups may leave out what there is only one of. */
static void test_governor_dimensions_may_be_left_out(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_reads(v, RAW "/detector=2/exposure=101/" FILE, "raw 101 2\n");
    assert_int_equal(viewer_try(v, RAW "/detector=2/" FILE), -ENOENT);
}

static void test_a_governor_with_two_values_must_be_said(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    world_record(f, "instrument", "instrument=Other");
    world_record(f, "detector", "instrument=Other detector=2 full_name=B");
    world_record(f, "physical_filter", "instrument=Other physical_filter=g-1 band=g");
    world_record(f, "group", "instrument=Other group=g1");
    world_record(f, "day_obs", "instrument=Other day_obs=20200102");
    world_record(f, "exposure", "instrument=Other exposure=101 obs_id=e physical_filter=g-1 group=g1 day_obs=20200102");
    world_dataset(f, "TestCam/raw/all", "raw", "instrument=Other exposure=101 detector=2", NULL, "other\n", NULL);
    v = viewer_new(f, f->reg);
    assert_int_equal(viewer_try(v, RAW "/detector=2/exposure=101/" FILE), -ENOENT);
    assert_reads(v, RAW "/detector=2/exposure=101/instrument=Other/raw_Other_2_101.fits", "other\n");
    assert_reads(v, RAW "/detector=2/exposure=101/instrument=TestCam/" FILE, "raw 101 2\n");
}

static void test_what_is_not_there(void **state)
{
    static const char *const missing[] = {
        "data/Nothing",
        "data/TestCam/raw/all/nothing",
        RAW "/instrument=Other",
        RAW "/detector=9",
        RAW "/exposure=104",
        RAW "/visit=101", /* the type does not have it */
        RAW "/tract=0",
        RAW "/nothing=1",
        RAW "/detector=",
        RAW "/=1",
        RAW "/detector",
        RAW "/detector=2/detector=2",
        RAW "/detector=2/detector=3",
        RAW "/detector=2/exposure=101/raw_TestCam_2_102.fits",
        RAW "/detector=2/exposure=101/raw_TestCam_2_101.FITS",
        RAW "/detector=2/exposure=101/raw_TestCam_2_101",
    };
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    for (size_t i = 0; i < VB_COUNT(missing); i++)
        if (viewer_try(v, missing[i]) != -ENOENT)
            fail_msg("%s: %d", missing[i], viewer_try(v, missing[i]));
}

/* A value has one spelling: any other would be a second name, and a second inode, of one directory.
 * Bug: `band=r%00x` and `data/TestCam%00x` stood for `band=r` and `data/TestCam`. */
static void test_other_spellings_are_not_there(void **state)
{
    static const char *const others[] = {
        RAW "/detector=02",  RAW "/detector=+2",   RAW "/detector= 2",
        RAW "/detector=2 ",  RAW "/detector=%32",  RAW "/detector=2%00",
        RAW "/detector=2.0", RAW "/detector=0x2",  RAW "/band=%72",
        RAW "/band=r%00x",   RAW "/Band=r",        "data/TestCam%00x",
        "data/Test%43am",    "data/TestCam%2Fraw", "data/TestCam/raw/all/raw%00",
        "data/testcam",
    };
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    for (size_t i = 0; i < VB_COUNT(others); i++)
        if (viewer_try(v, others[i]) != -ENOENT)
            fail_msg("%s: %d", others[i], viewer_try(v, others[i]));
}

static void test_values_are_decoded(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;
    const vb_dataset_type *flat = world_type(f, "flat", "physical_filter", "Image", NULL);
    vb_auto_dataid id = world_dataid(f, flat->group, "physical_filter=r/1=x");

    world_dataset(f, "flats", "flat", "physical_filter=r/1=x", NULL, "flat\n", NULL);
    v = viewer_new(f, f->reg);
    assert_listing(v, "data/flats/flat/instrument=TestCam", "physical_filter=r%2F1%3Dx");
    assert_reads(v, "data/flats/flat/instrument=TestCam/physical_filter=r%2F1%3Dx/flat_TestCam_r_1_x.fits", "flat\n");
    assert_int_equal(viewer_try(v, "data/flats/flat/physical_filter=r%2f1%3dx"), -ENOENT);
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

/* One id a path: a directory that two orders of facets shared would be moved by the kernel under its users' feet. */
static void test_two_orders_of_facets_are_two_directories(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_node *a, *b, *again;

    assert_int_equal(viewer_walk(v, RAW "/detector=2/exposure=101", &a), 0);
    assert_int_equal(viewer_walk(v, RAW "/exposure=101/detector=2", &b), 0);
    assert_int_equal(viewer_walk(v, RAW "/detector=2/exposure=101", &again), 0);
    assert_int_not_equal(a->ino, b->ino);
    assert_ptr_equal(a, again);
    viewer_forget(v, a);
    viewer_forget(v, b);
    viewer_forget(v, again);
}

/* The file is one inode wherever it is shown, in this mount and the next. */
static void test_an_artifact_is_one_inode(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg), *other = viewer_new(f, f->reg);
    uint64_t ino = viewer_ino(v, RAW "/detector=2/exposure=101/" FILE);

    assert_int_equal(viewer_ino(v, RAW "/exposure=101/detector=2/" FILE), ino);
    assert_int_equal(viewer_ino(other, RAW "/band=g/exposure=101/detector=2/" FILE), ino);
    assert_int_not_equal(viewer_ino(v, RAW "/exposure=102/detector=2/raw_TestCam_2_102.fits"), ino);
    assert_int_equal(viewer_stat(v, RAW "/exposure=101/detector=2/" FILE).st_nlink, 1);
}

static void test_attributes_come_from_the_registry(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    struct stat file = viewer_stat(v, RAW "/detector=2/exposure=101/" FILE), dir = viewer_stat(v, RAW "/detector=2");
    struct stat real;

    assert_int_equal(stat(fixture_path(f, "repo/TestCam/raw/all/raw/TestCam/2/" FILE), &real), 0);
    assert_int_equal(file.st_mode, S_IFREG | 0444);
    assert_int_equal(file.st_size, 10);
    assert_int_equal(file.st_mtim.tv_sec, real.st_mtim.tv_sec);
    assert_int_equal(file.st_mtim.tv_nsec, real.st_mtim.tv_nsec);
    assert_int_equal(file.st_uid, getuid());
    assert_int_equal(dir.st_mode, S_IFDIR | 0555);
}

/* stat never fetches: an artifact that is gone still has the size that was registered; opening it fails. */
static void test_stat_does_not_look_at_the_artifact(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_int_equal(unlink(fixture_path(f, "repo/TestCam/raw/all/raw/TestCam/2/" FILE)), 0);
    assert_int_equal(viewer_stat(v, RAW "/detector=2/exposure=101/" FILE).st_size, 10);
    assert_int_equal(viewer_open(v, RAW "/detector=2/exposure=101/" FILE, O_RDONLY), -EIO);
}

/* No reply carries a guessed size. */
static void test_a_size_that_is_not_recorded_is_looked_up(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_auto_dataset d = {0};
    vb_auto_error err = VB_ERROR_INIT;

    world_dataset(f, "other", "raw", "exposure=101 detector=1", "other/x.fits", "sixteen bytes..\n", &d);
    assert_ok(vb_location_set(f->reg, d.id,
                              &(vb_location){.store_id = 1, .path = (char *)"other/x.fits", .size = -1, .mtime = -1},
                              &err),
              &err);
    assert_int_equal(viewer_stat(v, "data/other/raw/detector=1/exposure=101/raw_TestCam_1_101.fits").st_size, 16);
    assert_int_equal(unlink(fixture_path(f, "repo/other/x.fits")), 0);
    assert_int_equal(viewer_try(v, "data/other/raw/detector=1/exposure=101/raw_TestCam_1_101.fits"), -EIO);
}

static void test_artifacts_are_read_only(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_int_equal(viewer_open(v, RAW "/detector=2/exposure=101/" FILE, O_RDWR), -EROFS);
    assert_int_equal(viewer_open(v, RAW "/detector=2/exposure=101/" FILE, O_RDONLY | O_TRUNC), -EROFS);
    assert_true(viewer_journal(v, VB_JOURNAL_DATASET, RAW "/detector=2/exposure=101/" FILE)->touch & VB_TOUCH_DENIED);
}

static void test_extended_attributes(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    const char *path = RAW "/detector=2/exposure=101/" FILE;
    vb_autofree char *type = viewer_xattr(v, path, "user.butler.type"), *run = viewer_xattr(v, path, "user.butler.run");
    vb_autofree char *id = viewer_xattr(v, path, "user.butler.id"), *none = viewer_xattr(v, path, "user.butler.none");
    vb_autofree char *dataid = viewer_xattr(v, path, "user.butler.dataid");
    vb_autofree char *checksum = viewer_xattr(v, path, "user.butler.checksum");
    vb_hash hash = vb_hash_bytes("raw 101 2\n", 10);
    char text[VB_HASH_TEXT];
    vb_uuid uuid;

    assert_string_equal(type, "raw");
    assert_string_equal(run, "TestCam/raw/all");
    assert_string_equal(dataid, "{instrument: TestCam, detector: 2, exposure: 101}");
    assert_string_equal(checksum, vb_hash_format(&hash, text));
    assert_true(vb_uuid_parse(id, &uuid));
    assert_null(none);
    assert_null(viewer_xattr(v, path, "user.butler.producer")); /* nobody's */
}

/* What is listed as an attribute has a value. */
static void test_extended_attributes_are_listed(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_node *node;
    vb_auto_buf names = {0};
    size_t n = 0;

    assert_int_equal(viewer_walk(v, RAW "/detector=2/exposure=101/" FILE, &node), 0);
    assert_int_equal(node->class->xattrs(&v->call, node, &names), 0);
    for (size_t at = 0; at < names.len; at += strlen(names.data + at) + 1, n++) {
        vb_auto_buf value = {0};

        assert_int_equal(node->class->xattr(&v->call, node, names.data + at, &value), 0);
    }
    assert_int_equal(n, 5); /* all but the producer */
    viewer_forget(v, node);
}

/* ---- components --------------------------------------------------------------------------------------------- */

/* Raw 101 of detector 1, of run `parts`, is in two files: image (text "IMAGE 1\n") and mask. */
static int64_t put_parts(fixture *f)
{
    static const char *const names[] = {"mask", "image"};
    vb_auto_dataset d = {0};
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    const vb_dataset_type *raw;
    int64_t id;

    /* A dataset with one file, whose bytes a component takes over. */
    world_dataset(f, "parts", "raw", "exposure=101 detector=1", "parts/mask", "MASK 1\n", &d);
    fixture_write(f, "repo/parts/image", "IMAGE 1\n");
    assert_ok(vb_dataset_type_find(f->reg, "raw", &raw, &err), &err);
    d.type = raw;
    id = d.id;
    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_location_forget(f->reg, id, 1, &err), &err);
    for (size_t i = 0; i < VB_COUNT(names); i++) {
        vb_autofree char *path = vb_format("parts/%s", names[i]);
        vb_file file = {.component = (char *)names[i],
                        .storage_class = (char *)(i ? "Image" : "Text"),
                        .location = {.store_id = 1, .path = path, .size = i ? 8 : -1, .mtime = -1}};

        assert_ok(vb_component_insert(f->reg, &d, &file, &err), &err);
    }
    assert_ok(vb_txn_commit(&txn, &err), &err);
    return id;
}

static void test_each_component_is_a_file(void **state)
{
    fixture *f = *state;
    int64_t id = put_parts(f);
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    const char *dir = "data/parts/raw/instrument=TestCam/detector=1/exposure=101";

    assert_listing(v, "data/parts", "raw");
    assert_listing(v, dir, "raw.image_TestCam_1_101.fits raw.mask_TestCam_1_101");
    assert_reads(v, "data/parts/raw/detector=1/exposure=101/raw.image_TestCam_1_101.fits", "IMAGE 1\n");
    /* Where no size is recorded the artifact is asked. */
    assert_int_equal(viewer_stat(v, "data/parts/raw/detector=1/exposure=101/raw.mask_TestCam_1_101").st_size, 7);
    assert_int_equal(viewer_try(v, "data/parts/raw/detector=1/exposure=101/raw_TestCam_1_101.fits"), -ENOENT);
    assert_true(vb_journal_find_dataset(v->call.journal, id)->touch & VB_TOUCH_READ); /* a line a dataset */
    assert_int_equal(viewer_ino(v, "data/parts/raw/detector=1/exposure=101/raw.mask_TestCam_1_101"),
                     (uint64_t)VB_INO_COMPONENT << 56 | (uint64_t)id << 12 | 1);
    assert_int_equal(viewer_ino(v, "data/parts/raw/detector=1/exposure=101/raw.image_TestCam_1_101.fits"),
                     (uint64_t)VB_INO_COMPONENT << 56 | (uint64_t)id << 12 | 2);
}

/* Bug: a component whose size is not recorded and whose file is gone took the others with it. */
static void test_a_component_that_is_gone_leaves_the_others(void **state)
{
    fixture *f = *state;

    put_parts(f);
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_int_equal(unlink(fixture_path(f, "repo/parts/mask")), 0);
    assert_int_equal(viewer_try(v, "data/parts/raw/detector=1/exposure=101/raw.mask_TestCam_1_101"), -EIO);
    assert_reads(v, "data/parts/raw/detector=1/exposure=101/raw.image_TestCam_1_101.fits", "IMAGE 1\n");
}

static void test_a_component_can_be_addressed(void **state)
{
    fixture *f = *state;

    put_parts(f);
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_autofree char *component = NULL, *type = NULL;

    assert_listing(v, "data/parts/raw.image", "instrument=TestCam");
    assert_listing(v, "data/parts/raw.image/instrument=TestCam/detector=1/exposure=101",
                   "raw.image_TestCam_1_101.fits");
    assert_int_equal(viewer_ino(v, "data/parts/raw.image/detector=1/exposure=101/raw.image_TestCam_1_101.fits"),
                     viewer_ino(v, "data/parts/raw/exposure=101/detector=1/raw.image_TestCam_1_101.fits"));
    assert_int_equal(viewer_try(v, "data/parts/raw.image/detector=1/exposure=101/raw.mask_TestCam_1_101"), -ENOENT);
    assert_int_equal(viewer_try(v, "data/parts/raw.wcs"), -ENOENT);
    assert_int_equal(viewer_try(v, "data/parts/raw."), -ENOENT);
    assert_int_equal(viewer_try(v, "data/parts/other.image"), -ENOENT);
    /* The type has such files, this dataset has not: its directory is empty. */
    assert_listing(v, RAW ".image/instrument=TestCam/detector=1/exposure=101", "");
    component = viewer_xattr(v, "data/parts/raw.image/detector=1/exposure=101/raw.image_TestCam_1_101.fits",
                             "user.butler.component");
    type = viewer_xattr(v, "data/parts/raw.image/detector=1/exposure=101/raw.image_TestCam_1_101.fits",
                        "user.butler.type");
    assert_string_equal(component, "image");
    assert_string_equal(type, "raw");
    assert_null(viewer_xattr(v, RAW "/detector=2/exposure=101/" FILE, "user.butler.component"));
}

/* ---- collections -------------------------------------------------------------------------------------------- */

/* A chain shows its members' datasets, each data ID once, as the first has it. */
static void test_chains_find_the_first(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    world_dataset(f, "u/new", "raw", "exposure=101 detector=2", NULL, "newer\n", NULL);
    world_collection(f, "u/chain", VB_CHAINED, "u/new,TestCam/raw/all");
    world_collection(f, "u/other", VB_CHAINED, "TestCam/raw/all,u/new");
    v = viewer_new(f, f->reg);
    assert_listing(v, "data/u/chain/raw/instrument=TestCam/detector=2", "exposure=101 exposure=102 exposure=103");
    assert_listing(v, "data/u/chain/raw/instrument=TestCam/detector=2/exposure=101", FILE);
    assert_reads(v, "data/u/chain/raw/detector=2/exposure=101/" FILE, "newer\n");
    assert_reads(v, "data/u/other/raw/detector=2/exposure=101/" FILE, "raw 101 2\n");
}

static void test_types_of_a_chain_are_merged(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    world_type(f, "calexp", "visit,detector", "ExposureF", NULL);
    world_type(f, "unused", "visit", "Image", NULL);
    world_dataset(f, "u/run", "calexp", "visit=101 detector=2", NULL, "calexp\n", NULL);
    world_dataset(f, "u/run", "raw", "exposure=101 detector=2", NULL, "x\n", NULL);
    world_collection(f, "u/chain", VB_CHAINED, "u/run,TestCam/raw/all");
    v = viewer_new(f, f->reg);
    assert_listing(v, "data/u/chain", "calexp raw");
    assert_listing(v, "data/u/run", "calexp raw");
    assert_listing(v, "data/TestCam/raw/all", "raw");
    assert_int_equal(viewer_try(v, "data/u/chain/unused"), -ENOENT);
    assert_int_equal(viewer_try(v, "data/TestCam/raw/all/calexp"), -ENOENT);
}

/* "u" begins other collections and is one too: its directory shows both. */
static void test_a_collection_that_begins_others(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    world_dataset(f, "u", "raw", "exposure=101 detector=2", NULL, "u\n", NULL);
    world_dataset(f, "u/a", "raw", "exposure=102 detector=2", NULL, "a\n", NULL);
    world_dataset(f, "u-b", "raw", "exposure=103 detector=2", NULL, "b\n", NULL);
    v = viewer_new(f, f->reg);
    assert_listing(v, "data", "TestCam u u-b");
    assert_listing(v, "data/u", "a raw");
    assert_listing(v, "data/u/a", "raw");
    assert_reads(v, "data/u/raw/detector=2/exposure=101/" FILE, "u\n");
    assert_int_equal(viewer_try(v, "data/u/raw/detector=2/exposure=102"), -ENOENT);
}

/* Collections "u/raw" and "u/raw/deep" beside a dataset type "raw" of collection "u". */
static void test_a_dataset_type_and_a_collection_of_one_name(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    world_type(f, "calexp", "visit,detector", "ExposureF", NULL);
    world_dataset(f, "u", "raw", "exposure=101 detector=2", NULL, "u\n", NULL);
    world_dataset(f, "u/raw", "calexp", "visit=101 detector=2", NULL, "calexp\n", NULL);
    world_dataset(f, "u/raw/deep", "raw", "exposure=103 detector=1", NULL, "deep\n", NULL);
    v = viewer_new(f, f->reg);
    assert_listing(v, "data/u", "raw");
    assert_listing(v, "data/u/raw", "calexp deep instrument=TestCam");
    assert_reads(v, "data/u/raw/detector=2/exposure=101/" FILE, "u\n");
    assert_reads(v, "data/u/raw/calexp/detector=2/visit=101/calexp_TestCam_2_101.fits", "calexp\n");
    assert_reads(v, "data/u/raw/deep/raw/detector=1/exposure=103/raw_TestCam_1_103.fits", "deep\n");
}

static void test_names_that_sort_round_a_slash(void **state)
{
    static const char *const names[] = {"a", "a!x", "a-b", "a-b/c", "a.b", "a/b", "a/b-c", "a0", "ab/c", "b/c/d"};
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    for (size_t i = 0; i < VB_COUNT(names); i++)
        world_collection(f, names[i], VB_RUN, NULL);
    v = viewer_new(f, f->reg);
    assert_listing(v, "data", "TestCam a a%21x a-b a.b a0 ab b");
    assert_listing(v, "data/a", "b b-c");
    assert_listing(v, "data/a-b", "c");
    assert_listing(v, "data/b", "c");
    assert_listing(v, "data/a0", "");
}

static void test_names_of_collections_are_encoded(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    world_dataset(f, "u/m\xc3\xbc=1/x y", "raw", "exposure=101 detector=2", NULL, "x\n", NULL);
    v = viewer_new(f, f->reg);
    assert_listing(v, "data/u", "m\xc3\xbc%3D1");
    assert_listing(v, "data/u/m\xc3\xbc%3D1", "x%20y");
    assert_reads(v, "data/u/m\xc3\xbc%3D1/x%20y/raw/detector=2/exposure=101/" FILE, "x\n");
    assert_int_equal(viewer_try(v, "data/u/m\xc3\xbc=1"), -ENOENT);
}

static void test_an_empty_chain_is_an_empty_directory(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;

    world_collection(f, "u/empty", VB_CHAINED, "");
    v = viewer_new(f, f->reg);
    assert_listing(v, "data/u/empty", "");
    assert_int_equal(viewer_try(v, "data/u/empty/raw"), -ENOENT);
}

/* ---- listings that take several pages ---------------------------------------------------------------------- */

/* A page holds some hundred entries: a listing of thousands resumes by key and neither loses nor repeats one. */
static void test_long_listings(void **state)
{
    enum { MANY = 1500 };
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = NULL;
    vb_auto_txn txn = {0};
    vb_autofree char *collections = NULL, *patches = NULL;
    size_t spaces = 0;

    assert_int_equal(vb_registry_begin(f->reg, &txn, NULL), 0);
    world_type(f, "coadd", "tract,patch", "Image", NULL);
    for (int i = 0; i < MANY; i++) {
        vb_autofree char *name = vb_format("many/%04d/x", i), *id = vb_format("tract=0 patch=%d", i);

        world_collection(f, name, VB_RUN, NULL);
        world_dataset(f, "coadds", "coadd", id, "coadds/all", "x", NULL);
    }
    assert_int_equal(vb_txn_commit(&txn, NULL), 0);
    v = viewer_new(f, f->reg);
    collections = viewer_list(v, "data/many");
    patches = viewer_list(v, "data/coadds/coadd/skymap=demo/tract=0");
    for (const char *p = collections; *p; p++)
        spaces += *p == ' ';
    assert_int_equal(spaces, MANY - 1);
    assert_int_equal(strlen(collections), MANY * 5 - 1);
    spaces = 0;
    for (const char *p = patches; *p; p++)
        spaces += *p == ' ';
    assert_int_equal(spaces, MANY - 1);
}

/* Bugs: what was listed under a cut name could not be looked up; with its dimension a cut value was longer than the
 * kernel takes. */
static void test_names_that_were_cut(void **state)
{
    enum { LONG = 300 };
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_autofree char *listing = NULL, *text = vb_alloc(LONG + 1), *collections = NULL, *path = NULL, *other = NULL;
    vb_autofree char *encoded = vb_alloc(LONG); /* "(" is %28 */

    memset(text, 'x', LONG);
    memset(encoded, '(', LONG / 3);
    world_type(f, "flat", "physical_filter", "Image", ".fits");
    for (int i = 0; i < 3; i++) {
        vb_autofree char *filter = vb_format("instrument=TestCam physical_filter=%s%d band=g", text, i);
        vb_autofree char *id = vb_format("physical_filter=%s%d", text, i), *run = vb_format("u/%s%d/run", encoded, i);
        vb_autofree char *content = vb_format("%d\n", i), *artifact = vb_format("flats/%d", i);

        world_record(f, "physical_filter", filter);
        world_dataset(f, "flats", "flat", id, artifact, content, NULL);
        world_dataset(f, run, "raw", "exposure=101 detector=2", NULL, content, NULL);
    }
    listing = viewer_list(v, "data/flats/flat/instrument=TestCam"); /* each of them is looked up */
    assert_int_equal(strlen(listing), 3 * 240 + 2);
    assert_int_equal(strcspn(listing, " "), 240);
    path = vb_format("data/flats/flat/instrument=TestCam/%.240s", listing);
    other = viewer_list(v, path);
    assert_non_null(strstr(other, "flat_TestCam_xxx"));
    path[strlen(path) - 1] ^= 1;
    assert_int_equal(viewer_try(v, path), -ENOENT);
    collections = viewer_list(v, "data/u");
    for (char *name = strtok(collections, " "); name; name = strtok(NULL, " ")) {
        vb_autofree char *run = vb_format("data/u/%s/run", name);

        assert_true(strlen(name) > 235 && strlen(name) <= 240);
        assert_listing(v, run, "raw");
    }
    free(collections);
    collections = viewer_list(v, "dimensions/physical_filter/instrument=TestCam");
    assert_non_null(strstr(collections, "xxx~"));
}

/* ---- mounts that live ---------------------------------------------------------------------------------------- */

/* Bug: a directory that was looked up while it only began other collections' names stayed that when a collection of
 * its name was made, as long as anybody held it. */
static void test_a_collection_that_comes_later_is_shown(void **state)
{
    fixture *f = *state;
    vb_auto(vb_registry_close) vb_registry *live = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(viewer_free) viewer *v = NULL;
    vb_node *held, *type;

    world_type(f, "calexp", "visit,detector", "ExposureF", NULL);
    world_dataset(f, "u/me/calexp", "raw", "exposure=101 detector=2", NULL, "x\n", NULL);
    assert_ok(vb_repo_registry(f->repo, VB_ACCESS_READ, &live, &err), &err);
    v = viewer_new(f, live);
    assert_int_equal(viewer_walk(v, "data/u/me", &held), 0);
    assert_int_equal(viewer_walk(v, "data/u/me/calexp", &type), 0);
    assert_listing(v, "data/u/me", "calexp");
    world_dataset(f, "u/me", "raw", "exposure=101 detector=2", NULL, "me\n", NULL);
    world_dataset(f, "u/me", "calexp", "visit=101 detector=2", NULL, "calexp\n", NULL);
    assert_int_equal(vb_registry_refresh(live, &err), 1);
    assert_listing(v, "data/u/me", "calexp raw");
    assert_reads(v, "data/u/me/raw/detector=2/exposure=101/" FILE, "me\n");
    assert_listing(v, "data/u/me/calexp", "instrument=TestCam raw");
    viewer_forget(v, held);
    viewer_forget(v, type);
}

static void test_new_datasets_are_shown(void **state)
{
    fixture *f = *state;
    vb_auto(vb_registry_close) vb_registry *live = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(viewer_free) viewer *v = NULL;
    vb_node *held;

    world_dataset(f, "u/me", "raw", "exposure=101 detector=2", NULL, "x\n", NULL);
    assert_ok(vb_repo_registry(f->repo, VB_ACCESS_READ, &live, &err), &err);
    v = viewer_new(f, live);
    assert_int_equal(viewer_walk(v, "data/u/me/raw/instrument=TestCam", &held), 0);
    assert_listing(v, "data/u/me/raw/instrument=TestCam", "detector=2");
    world_dataset(f, "u/me", "raw", "exposure=101 detector=3", NULL, "x\n", NULL);
    vb_registry_refresh(live, NULL);
    assert_listing(v, "data/u/me/raw/instrument=TestCam", "detector=2 detector=3");
    viewer_forget(v, held);
}

/* ---- what is noted ------------------------------------------------------------------------------------------- */

static void test_touches(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    const char *path = RAW "/detector=2/exposure=101/" FILE;
    const vb_journal_entry *e;

    assert_int_equal(viewer_try(v, path), 0);
    e = viewer_journal(v, VB_JOURNAL_DATASET, path);
    assert_int_equal(e->touch, VB_TOUCH_LOOKUP);
    assert_string_equal(e->type, "raw");
    assert_string_equal(e->dataid, "[\"TestCam\",2,101]");
    assert_false(e->declared);
    assert_int_equal(viewer_open(v, path, O_RDONLY), 0);
    assert_int_equal(e->touch, VB_TOUCH_LOOKUP | VB_TOUCH_READ);
}

static void test_misses_and_listings_are_noted(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_int_equal(viewer_try(v, RAW "/detector=9"), -ENOENT);
    assert_int_equal(viewer_journal(v, VB_JOURNAL_MISSING, RAW "/detector=9")->touch, VB_TOUCH_MISSING);
    assert_null(viewer_journal(v, VB_JOURNAL_DIRECTORY, RAW));
    assert_listing(v, RAW, "instrument=TestCam");
    assert_int_equal(viewer_journal(v, VB_JOURNAL_DIRECTORY, RAW)->touch, VB_TOUCH_LISTED);
}

#define WITH_RAWS(test) cmocka_unit_test_setup_teardown(test, setup_raws, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RAWS(test_the_root_shows_the_branches),
        WITH_RAWS(test_collections_are_directories),
        WITH_RAWS(test_the_canonical_path),
        WITH_RAWS(test_each_component_is_a_file),
        WITH_RAWS(test_a_component_that_is_gone_leaves_the_others),
        WITH_RAWS(test_a_component_can_be_addressed),
        WITH_RAWS(test_facets_stand_in_any_order),
        WITH_RAWS(test_implied_dimensions_narrow),
        WITH_RAWS(test_governor_dimensions_may_be_left_out),
        WITH_RAWS(test_a_governor_with_two_values_must_be_said),
        WITH_RAWS(test_what_is_not_there),
        WITH_RAWS(test_other_spellings_are_not_there),
        WITH_RAWS(test_values_are_decoded),
        WITH_RAWS(test_two_orders_of_facets_are_two_directories),
        WITH_RAWS(test_an_artifact_is_one_inode),
        WITH_RAWS(test_attributes_come_from_the_registry),
        WITH_RAWS(test_stat_does_not_look_at_the_artifact),
        WITH_RAWS(test_a_size_that_is_not_recorded_is_looked_up),
        WITH_RAWS(test_artifacts_are_read_only),
        WITH_RAWS(test_extended_attributes),
        WITH_RAWS(test_extended_attributes_are_listed),
        WITH_RAWS(test_chains_find_the_first),
        WITH_RAWS(test_types_of_a_chain_are_merged),
        WITH_RAWS(test_a_collection_that_begins_others),
        WITH_RAWS(test_a_dataset_type_and_a_collection_of_one_name),
        WITH_RAWS(test_names_that_sort_round_a_slash),
        WITH_RAWS(test_names_of_collections_are_encoded),
        WITH_RAWS(test_an_empty_chain_is_an_empty_directory),
        WITH_RAWS(test_long_listings),
        WITH_RAWS(test_names_that_were_cut),
        WITH_RAWS(test_a_collection_that_comes_later_is_shown),
        WITH_RAWS(test_new_datasets_are_shown),
        WITH_RAWS(test_touches),
        WITH_RAWS(test_misses_and_listings_are_noted),
    };

    return cmocka_run_group_tests_name("view data", tests, NULL, NULL);
}
