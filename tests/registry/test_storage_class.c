/* Storage classes: what daf_butler has by itself, and what a repository adds. */
#include "registry/storage_class.h"
#include "tests/registry/fixture.h"

static vb_storage_classes *open_set(fixture *f)
{
    vb_storage_classes *set = NULL;

    assert_ok(vb_storage_classes_open(f->reg, &set, &f->err), &f->err);
    return set;
}

static const char *class_of(const vb_storage_classes *set, const char *class, const char *component)
{
    const vb_storage_component *c = vb_storage_class_component(vb_storage_class_find(set, class), component);

    return c ? c->storage_class : NULL;
}

static void rubins_are_known(void **state)
{
    assert_true(vb_storage_class_is_rubins("ExposureF"));
    assert_true(vb_storage_class_is_rubins("int"));
    assert_false(vb_storage_class_is_rubins("Ours"));
    assert_string_equal(vb_storage_class_formatter("StructuredDataDict"),
                        "lsst.daf.butler.formatters.yaml.YamlFormatter");
    assert_string_equal(vb_storage_class_formatter("int"), "lsst.daf.butler.formatters.json.JsonFormatter");
    assert_string_equal(vb_storage_class_formatter("ApCorr"),
                        "lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatter");
    assert_null(vb_storage_class_formatter("Box2I"));
    assert_null(vb_storage_class_formatter("Ours"));
}

/* Beside the facts themselves, where somebody has them: the same names, components and heirs. */
static void rubins_are_those_of_its_configuration(void **state)
{
    fixture *f = *state;
    const char *path = fixture_shared(f, "gen3/storageClasses.yaml");
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = open_set(f);
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    const vb_yaml_node *all;

    if (!path)
        skip();
    assert_ok(vb_yaml_load_file(path, &doc, &f->err), &f->err);
    all = vb_yaml_get(vb_yaml_root(doc), "storageClasses");
    assert_true(all && all->count > 100);
    for (size_t i = 0; i < all->count; i++) {
        static const char *const keys[] = {"components", "derivedComponents"};
        const char *name = vb_yaml_text(all->items[i].key);

        assert_true(vb_storage_class_is_rubins(name));
        for (size_t k = 0; k < VB_COUNT(keys); k++) {
            const vb_yaml_node *map = vb_yaml_get(all->items[i].value, keys[k]);

            for (size_t c = 0; map && c < map->count; c++) {
                const vb_storage_component *found = vb_storage_class_component(vb_storage_class_find(set, name),
                                                                               vb_yaml_text(map->items[c].key));

                assert_non_null(found);
                assert_string_equal(found->storage_class, vb_yaml_text(map->items[c].value));
                assert_int_equal(found->derived, k == 1);
            }
        }
    }
}

static void components_are_inherited(void **state)
{
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = open_set(*state);

    assert_string_equal(class_of(set, "Exposure", "image"), "Image");
    assert_string_equal(class_of(set, "ExposureF", "wcs"), "Wcs");
    assert_true(vb_storage_class_component(vb_storage_class_find(set, "ExposureF"), "bbox")->derived);
    assert_false(vb_storage_class_component(vb_storage_class_find(set, "ExposureF"), "psf")->derived);
    assert_null(class_of(set, "ExposureF", "Image"));
    assert_null(class_of(set, "Text", "image"));
    assert_null(vb_storage_class_find(set, "Text"));
}

static void a_repository_adds_its_own(void **state)
{
    fixture *f = *state;
    vb_autofree char *text = NULL;

    fixture_write(f, "vbutler.yaml",
                  "format: 1\nstorageClasses:\n"
                  "  Third: {inheritsFrom: Second, derivedComponents: {d: int}}\n"
                  "  Second: {inheritsFrom: First, components: {b: Text, a: Mask}}\n"
                  "  First: {components: {a: Image}, pytype: x.y.Z, formatter: my.Formatter}\n"
                  "  Exposure: {inheritsFrom: Exposure, components: {more: Text}}\n");
    assert_ok(
        vb_registry_set_meta(f->reg, "gen3_configuration",
                             "{\"storageClasses\": {\"First\": {\"components\": {\"z\": \"Text\"}},"
                             " \"Gen3\": {\"inheritsFrom\": \"ExposureF\", \"components\": {\"bad name\": \"X\"}},"
                             " \"Broken\": [1], \"Worse\": {\"components\": 7}}}",
                             &f->err),
        &f->err);
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = open_set(f);

    assert_string_equal(class_of(set, "Third", "a"), "Mask"); /* the nearer one says it */
    assert_string_equal(class_of(set, "Third", "b"), "Text");
    assert_string_equal(class_of(set, "Third", "d"), "int");
    assert_null(class_of(set, "First", "z")); /* vbutler.yaml comes over butler.yaml */
    assert_string_equal(vb_storage_class_find(set, "First")->formatter, "my.Formatter");
    assert_string_equal(class_of(set, "Gen3", "variance"), "ImageF");
    assert_null(class_of(set, "Gen3", "bad name"));
    assert_string_equal(class_of(set, "Exposure", "more"), "Text");
    assert_string_equal(class_of(set, "Exposure", "wcs"), "Wcs");
    text = vb_storage_classes_text(set);
    assert_non_null(strstr(text, "\"First\":{\"components\":{\"a\":\"Image\"}}"));
    assert_null(strstr(text, "DataFrame"));
}

static void nothing_added_is_nothing_to_tell(void **state)
{
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = open_set(*state);

    assert_null(vb_storage_classes_text(set));
}

static void what_is_noted_in_a_file_is_known(void **state)
{
    fixture *f = *state;

    assert_ok(vb_registry_set_meta(f->reg, "storage_classes", "{\"Noted\":{\"components\":{\"n\":\"Text\"}}}", &f->err),
              &f->err);
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = open_set(f);

    assert_string_equal(class_of(set, "Noted", "n"), "Text");
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *classes, *message;
    } cases[] = {
        {"[a]", "vbutler.yaml:2:17: storageClasses must be a mapping"},
        {"{A: 7}", "storage class 'A' must be a mapping"},
        {"{A: {component: {}}}", "a storage class has no key 'component'"},
        {"{A: {components: [a]}}", "components of storage class 'A' must be a mapping"},
        {"{A: {components: {a.b: X}}}", "'a.b' cannot name a component"},
        {"{A: {components: {a: [X]}}}", "must be NAME: STORAGE_CLASS"},
        {"{A: {components: {a: }}}", "must be NAME: STORAGE_CLASS"},
        {"{'': {}}", "a storage class must have a name"},
        {"{A: {inheritsFrom: B}, B: {inheritsFrom: A}}", "inherits from itself"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *text = vb_format("format: 1\nstorageClasses: %s\n", cases[i].classes);
        vb_auto_error err = VB_ERROR_INIT;
        vb_storage_classes *set = NULL;

        fixture_write(f, "vbutler.yaml", text);
        assert_int_equal(vb_storage_classes_open(f->reg, &set, &err), -EINVAL);
        assert_null(set);
        assert_says(&err, cases[i].message);
    }
}

static void a_component_that_is_not_there_is_told_with_the_nearest(void **state)
{
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = open_set(*state);
    const vb_storage_component *c;
    vb_auto_error near = VB_ERROR_INIT, all = VB_ERROR_INIT, none = VB_ERROR_INIT;

    assert_int_equal(vb_storage_classes_component(set, "MaskedImageF", "mask", &c, NULL), 0);
    assert_string_equal(c->storage_class, "Mask");
    assert_int_equal(vb_storage_classes_component(set, "MaskedImageF", "msk", &c, &near), -EINVAL);
    assert_says(&near, "storage class MaskedImageF has no component 'msk'");
    assert_hints(&near, "did you mean 'mask'?");
    assert_int_equal(vb_storage_classes_component(set, "MaskedImageF", "photometry", &c, &all), -EINVAL);
    assert_hints(&all, "image, mask, variance");
    assert_int_equal(vb_storage_classes_component(set, "Text", "a", &c, &none), -EINVAL);
    assert_hints(&none, "storageClasses of vbutler.yaml");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rubins_are_known),     TEST(rubins_are_those_of_its_configuration),
        TEST(components_are_inherited),         TEST(a_repository_adds_its_own),
        TEST(nothing_added_is_nothing_to_tell), TEST(what_is_noted_in_a_file_is_known),
        TEST(what_cannot_be_is_refused),        TEST(a_component_that_is_not_there_is_told_with_the_nearest),
    };

    return cmocka_run_group_tests_name("storage_class", tests, NULL, NULL);
}
