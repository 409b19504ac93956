/* Datasets in several files, and the names of components. */
#include "registry/check.h"
#include "registry/component.h"
#include "registry/prune.h"
#include "registry/store_paths.h"
#include "registry/trash.h"
#include "tests/registry/fixture.h"

/* A dataset of type "calexp" in run "r", without a file. */
static vb_dataset put(fixture *f, int detector)
{
    vb_autofree char *values = vb_format("instrument=Cam,detector=%d", detector);
    vb_dataset d = {.type = fixture_type(f, "calexp", "instrument,detector"), .run_id = fixture_run(f, "r")->id};
    vb_auto_txn txn = {0};

    d.dataid = fixture_dataid(f, d.type->group, values);
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    return d;
}

static int add(fixture *f, const vb_dataset *d, const char *component, const char *path, int *number, vb_error *err)
{
    vb_file file = {.component = (char *)component,
                    .storage_class = (char *)"Image",
                    .location = {.store_id = 1, .path = (char *)path, .size = 7, .mtime = 5}};
    vb_auto_txn txn = {0};
    int r;

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    r = vb_component_insert(f->reg, d, &file, err);
    if (number)
        *number = file.number;
    if (!r)
        assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    return r;
}

static void files_come_by_the_names_of_their_components(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = put(f, 1);
    vb_auto_files files = {0};
    vb_auto_file mask = {0}, none = {0};
    int number[3];

    assert_int_equal(add(f, &d, "wcs", "r/c", &number[0], &f->err), 0);
    assert_int_equal(add(f, &d, "image", "r/a", &number[1], &f->err), 0);
    assert_int_equal(add(f, &d, "mask", "/direct/b#hdu=2", &number[2], &f->err), 0);
    assert_ok(vb_files_get(f->reg, d.id, &files, &f->err), &f->err);
    assert_int_equal(files.count, 3);
    assert_string_equal(files.items[0].component, "image");
    assert_string_equal(files.items[1].component, "mask");
    assert_string_equal(files.items[2].component, "wcs");
    for (int i = 0; i < 3; i++)
        assert_int_equal(number[i], i + 1);
    assert_int_equal(files.items[2].number, 1);
    assert_int_equal(files.items[0].location.size, 7);
    assert_int_equal(files.items[0].location.mtime, 5);
    assert_int_equal(vb_component_get(f->reg, d.id, "mask", &mask, &f->err), 1);
    assert_string_equal(mask.location.path, "/direct/b#hdu=2");
    assert_int_equal(vb_component_get(f->reg, d.id, "psf", &none, &f->err), 0);
}

static void the_whole_comes_first(void **state)
{
    fixture *f = *state;
    vb_auto_files files = {0}, nothing = {0};
    int64_t id;

    fixture_type(f, "calexp", "instrument,detector");
    id = fixture_put(f, "calexp", "r", "instrument=Cam,detector=1");
    assert_ok(vb_files_get(f->reg, id, &files, &f->err), &f->err);
    assert_int_equal(files.count, 1);
    assert_null(files.items[0].component);
    assert_ok(vb_files_get(f->reg, 999, &nothing, &f->err), &f->err);
    assert_int_equal(nothing.count, 0);
}

static void a_component_is_there_once(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_dataset d = put(f, 1);

    assert_int_equal(add(f, &d, "image", "r/a", NULL, &f->err), 0);
    assert_int_equal(add(f, &d, "image", "r/b", NULL, &err), -EEXIST);
    assert_says(&err, "calexp {instrument: Cam, detector: 1}: has a component 'image' already");
    assert_int_equal(fixture_count(f, "component"), 1);
}

static void a_type_knows_its_components(void **state)
{
    fixture *f = *state;
    vb_auto_dataset one = put(f, 1), two = put(f, 2);
    char **names = NULL;

    assert_int_equal(vb_component_known(f->reg, one.type->id, "image", &f->err), 0);
    add(f, &one, "mask", "r/a", NULL, &f->err);
    add(f, &two, "image", "r/b", NULL, &f->err);
    add(f, &two, "mask", "r/c", NULL, &f->err);
    assert_int_equal(vb_component_known(f->reg, one.type->id, "image", &f->err), 1);
    assert_int_equal(vb_component_known(f->reg, one.type->id, "wcs", &f->err), 0);
    assert_int_equal(vb_component_known(f->reg, one.type->id + 1, "mask", &f->err), 0);
    assert_ok(vb_component_names(f->reg, one.type->id, &names, &f->err), &f->err);
    assert_int_equal(vb_strv_count(names), 2);
    assert_string_equal(names[0], "image");
    vb_strv_free(names);
}

static void names_are_parted_at_the_dot(void **state)
{
    static const struct {
        const char *name, *type, *component;
    } good[] = {{"calexp.image", "calexp", "image"}, {"a.b_2", "a", "b_2"}, {"a-b+c._x", "a-b+c", "_x"}};
    static const char *const bad[] = {"calexp",
                                      "",
                                      ".",
                                      ".image",
                                      "calexp.",
                                      "a.b.c",
                                      "a.2",
                                      "a.b-c",
                                      "a.*",
                                      "a. b",
                                      "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    for (size_t i = 0; i < VB_COUNT(good); i++) {
        vb_autofree char *type = NULL, *component = NULL;

        assert_true(vb_component_split(good[i].name, &type, &component));
        assert_string_equal(type, good[i].type);
        assert_string_equal(component, good[i].component);
    }
    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        char *type = NULL, *component = NULL;

        assert_false(vb_component_split(bad[i], &type, &component));
        assert_null(type);
    }
}

static void a_component_is_found_by_its_type(void **state)
{
    static const char *const bad[] = {"calexp", "calexp.wcs", "other.image", "calexp.", "calexp.image.image"};
    fixture *f = *state;
    vb_auto_dataset d = put(f, 1);
    vb_autofree char *component = NULL;
    const vb_dataset_type *type = NULL;

    add(f, &d, "image", "r/a", NULL, &f->err);
    assert_int_equal(vb_component_find(f->reg, "calexp.image", &type, &component, &f->err), 1);
    assert_string_equal(type->name, "calexp");
    assert_string_equal(component, "image");
    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        char *none = NULL;

        assert_int_equal(vb_component_find(f->reg, bad[i], &type, &none, &f->err), 0);
        assert_null(none);
    }
}

static void a_component_is_a_type_by_itself_for_names(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *calexp = fixture_type(f, "calexp", "instrument,detector");
    vb_dataset_type part;

    vb_component_type(calexp, "mask", "MaskX", &part);
    assert_string_equal(part.name, "calexp.mask");
    assert_ptr_equal(part.group, calexp->group);
    assert_string_equal(vb_dataset_type_extension(&part, "x.dat"), ".fits");
    vb_dataset_type_clear(&part);
}

/* Pruned, all files become trash, but for those of others. */
static void pruning_takes_all_files(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = put(f, 1), kept = put(f, 2);
    vb_auto_txn txn = {0};
    vb_trash *trash;
    size_t n;

    add(f, &d, "image", "r/a", NULL, &f->err);
    add(f, &d, "mask", "/direct/b", NULL, &f->err);
    add(f, &kept, "image", "r/c", NULL, &f->err);
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_sql_exec(txn.db, &f->err, "INSERT INTO datastore_record VALUES (?, 'image', 'abc', NULL)",
                          VB_ARGS(d.id)),
              &f->err);
    assert_ok(vb_dataset_remove(f->reg, &d, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    assert_ok(vb_trash_list(f->reg, 9, &trash, &n, &f->err), &f->err);
    assert_int_equal(n, 1);
    assert_string_equal(trash[0].path, "r/a");
    assert_int_equal(trash[0].mtime, 5);
    vb_trash_free(trash, n);
    assert_int_equal(fixture_count(f, "component"), 1);
    assert_int_equal(fixture_count(f, "datastore_record"), 0);
}

static void a_store_holds_the_files_of_components(void **state)
{
    static const char *const paths[] = {"r/a", "r/b", "r/c"};
    fixture *f = *state;
    vb_auto_dataset d = put(f, 1);
    bool held[3];

    add(f, &d, "image", "r/a", NULL, &f->err);
    add(f, &d, "mask", "r/c#hdu=1", NULL, &f->err);
    assert_ok(vb_store_paths_held(f->reg, 1, f->dir, paths, 3, held, &f->err), &f->err);
    assert_true(held[0]);
    assert_false(held[1]);
    assert_true(held[2]);
}

static void what_fsck_changes(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = put(f, 1);
    vb_auto_file mask = {0};

    add(f, &d, "image", "r/a", NULL, &f->err);
    add(f, &d, "mask", "r/b", NULL, &f->err);
    assert_ok(vb_component_forget(f->reg, d.id, "image", &f->err), &f->err);
    assert_ok(vb_component_set_mtime(f->reg, d.id, "mask", 77, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "component"), 1);
    assert_int_equal(vb_component_get(f->reg, d.id, "mask", &mask, &f->err), 1);
    assert_int_equal(mask.location.mtime, 77);
    assert_int_equal(mask.number, 2); /* it is not counted anew */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_world, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_come_by_the_names_of_their_components),
        TEST(the_whole_comes_first),
        TEST(a_component_is_there_once),
        TEST(a_type_knows_its_components),
        cmocka_unit_test(names_are_parted_at_the_dot),
        TEST(a_component_is_found_by_its_type),
        TEST(a_component_is_a_type_by_itself_for_names),
        TEST(pruning_takes_all_files),
        TEST(a_store_holds_the_files_of_components),
        TEST(what_fsck_changes),
    };

    return cmocka_run_group_tests_name("component", tests, NULL, NULL);
}
