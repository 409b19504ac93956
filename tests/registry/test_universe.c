/* The dimension universe: its elements, their order, and groups of dimensions. */
#include "registry/universe.h"
#include "tests/registry/fixture.h"

static vb_universe *u8;

static int load_builtin(void **state)
{
    return vb_universe_builtin(8, &u8, NULL);
}

static int free_builtin(void **state)
{
    vb_universe_free(u8);
    return 0;
}

static const vb_group *group(const char *dimensions)
{
    vb_auto_error err = VB_ERROR_INIT;
    char **names = vb_split(dimensions, ',', NULL);
    const vb_group *g = NULL;
    int r = vb_universe_conform_names(u8, names, &g, &err);

    vb_strv_free(names);
    assert_ok(r, &err);
    return g;
}

/* The names of a set, joined by commas. */
static const char *names_of(const vb_universe *u, vb_dimset set, vb_buf *out)
{
    vb_buf_clear(out);
    VB_EACH_DIMENSION(i, set) {
        vb_buf_separate(out, ",");
        vb_buf_puts(out, vb_universe_at(u, i)->name);
    }
    return vb_buf_text(out);
}

static void check_names(vb_dimset set, const char *expected)
{
    vb_auto_buf text = {0};

    assert_string_equal(names_of(u8, set, &text), expected);
}

/* ---- sets ----------------------------------------------------------------------------------------------- */

static void a_set_holds_what_was_added(void **state)
{
    static const int members[] = {0, 1, 63, 64, 100, VB_MAX_ELEMENTS - 1};
    vb_dimset set = {{0}};
    int at = -1;

    assert_true(vb_dimset_empty(set));
    assert_int_equal(vb_dimset_next(set, -1), -1);
    for (size_t i = 0; i < VB_COUNT(members); i++) {
        assert_false(vb_dimset_has(set, members[i]));
        vb_dimset_add(&set, members[i]);
        assert_true(vb_dimset_has(set, members[i]));
    }
    for (size_t i = 0; i < VB_COUNT(members); i++)
        assert_int_equal(at = vb_dimset_next(set, at), members[i]);
    assert_int_equal(vb_dimset_next(set, at), -1);
}

static void sets_are_joined_taken_apart_and_compared(void **state)
{
    vb_dimset a = {{0}}, b = {{0}}, both;

    vb_dimset_add(&a, 3);
    vb_dimset_add(&b, 3);
    vb_dimset_add(&b, 70);
    both = vb_dimset_union(a, b);
    assert_true(vb_dimset_equal(both, b));
    assert_false(vb_dimset_equal(a, b));
    assert_true(vb_dimset_within(a, b));
    assert_false(vb_dimset_within(b, a));
    assert_true(vb_dimset_within((vb_dimset){{0}}, a));
    assert_int_equal(vb_dimset_next(vb_dimset_minus(b, a), -1), 70);
    assert_true(vb_dimset_empty(vb_dimset_minus(a, b)));
}

/* ---- the built-in universe -------------------------------------------------------------------------------- */

static void zero_to_eight_come_with_vbutler_and_others_do_not(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_universe *other = NULL;

    assert_int_equal(vb_universe_version(u8), 8);
    assert_string_equal(vb_universe_namespace(u8), "daf_butler");
    assert_string_equal(vb_universe_common_skypix(u8)->name, "htm7");
    assert_int_equal(vb_universe_builtin(9, &other, &err), -ENOENT);
    assert_null(other);
    assert_says(&err, "universe 9");
    assert_says(&err, "0, 1, 2, 3, 4, 5, 6, 7, 8");
    assert_int_equal(vb_universe_builtin(-1, &other, NULL), -ENOENT);
    for (int version = 0; version <= 8; version++) {
        vb_auto(vb_universe_free) vb_universe *u = NULL;

        assert_int_equal(vb_universe_builtin(version, &u, NULL), 0);
        assert_int_equal(vb_universe_version(u), version);
    }
}

/* As daf_butler has them; the Gen3 registry of ../shared makes its tables in this order. */
static void elements_come_after_what_they_depend_on_then_by_name(void **state)
{
    static const char *const order[] = {"band",
                                        "instrument",
                                        "skymap",
                                        "ssp_hypothesis_table", /* that depend on nothing */
                                        "day_obs",
                                        "detector",
                                        "group",
                                        "physical_filter",
                                        "ssp_balanced_index",
                                        "ssp_hypothesis_bundle",
                                        "subfilter",
                                        "tract",
                                        "visit_system", /* on those */
                                        "exposure",
                                        "patch",
                                        "visit",
                                        "visit_definition",
                                        "visit_detector_region",
                                        "visit_system_membership",
                                        "htm0"};

    for (size_t i = 0; i < VB_COUNT(order); i++) {
        assert_string_equal(vb_universe_at(u8, (int)i)->name, order[i]);
        assert_int_equal(vb_universe_find(u8, order[i])->index, i);
    }
    assert_string_equal(vb_universe_at(u8, vb_universe_count(u8) - 1)->name, "healpix17");
    assert_null(vb_universe_find(u8, "htm25"));
    assert_null(vb_universe_find(u8, ""));
}

static void sky_pixels_have_a_system_and_a_level(void **state)
{
    const vb_element *e = vb_universe_find(u8, "healpix9");

    assert_true(e->is_skypix && e->is_dimension);
    assert_string_equal(e->system, "healpix");
    assert_int_equal(e->level, 9);
    assert_int_equal(e->keys[0].type, VB_FIELD_INT);
}

static void fields_are_found_but_for_the_first_key(void **state)
{
    const vb_element *detector = vb_universe_find(u8, "detector");

    assert_string_equal(vb_element_field(detector, "full_name")->name, "full_name");
    assert_string_equal(vb_element_field(detector, "purpose")->name, "purpose");
    assert_null(vb_element_field(detector, "id"));
    assert_null(vb_element_field(detector, "detector"));
}

/* ---- groups ----------------------------------------------------------------------------------------------- */

/* What is required and what is implied; the first is printed so by `butler query-dataset-types -v`. */
static void a_group_has_all_that_its_dimensions_require_and_imply(void **state)
{
    static const struct {
        const char *asked, *required, *implied;
    } cases[] = {
        {"visit,detector", "instrument,detector,visit", "band,day_obs,physical_filter"},
        {"exposure", "instrument,exposure", "band,day_obs,group,physical_filter"},
        {"physical_filter", "instrument,physical_filter", "band"},
        {"patch", "skymap,tract,patch", ""},
        {"patch,band", "band,skymap,tract,patch", ""},
        {"visit,band", "instrument,visit", "band,day_obs,physical_filter"}, /* implied, though asked for */
        {"subfilter", "band,subfilter", ""},
        {"htm7,visit", "instrument,visit,htm7", "band,day_obs,physical_filter"},
        {"", "", ""},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        const vb_group *g = group(cases[i].asked);
        char **required = vb_split(cases[i].required, ',', NULL), **implied = vb_split(cases[i].implied, ',', NULL);

        assert_string_equal(g->key, cases[i].required);
        check_names(g->required, cases[i].required);
        check_names(g->implied, cases[i].implied);
        assert_true(vb_dimset_equal(g->all, vb_dimset_union(g->required, g->implied)));
        assert_int_equal(g->nrequired, vb_strv_count(required));
        assert_int_equal(g->nimplied, vb_strv_count(implied));
        for (int d = 0; d < g->nrequired + g->nimplied; d++)
            assert_string_equal(g->dims[d]->name, d < g->nrequired ? required[d] : implied[d - g->nrequired]);
        vb_strv_free(required);
        vb_strv_free(implied);
    }
}

static void equal_dimensions_are_one_group(void **state)
{
    assert_ptr_equal(group("visit,detector"), group("detector,instrument,visit,visit"));
    assert_ptr_equal(group("visit"), group("band,visit"));
    assert_ptr_not_equal(group("visit"), group("visit,detector"));
    assert_ptr_equal(vb_universe_conform(u8, group("visit")->all), group("visit"));
    assert_ptr_equal(vb_universe_conform(u8, group("visit")->required), group("visit"));
}

static void a_required_dimension_has_its_position(void **state)
{
    const vb_group *g = group("visit,detector");

    assert_int_equal(vb_group_position(g, vb_universe_find(u8, "instrument")), 0);
    assert_int_equal(vb_group_position(g, vb_universe_find(u8, "visit")), 2);
    assert_int_equal(vb_group_position(g, vb_universe_find(u8, "band")), -1); /* implied */
    assert_int_equal(vb_group_position(g, vb_universe_find(u8, "tract")), -1);
}

static void what_is_no_dimension_is_refused_with_the_nearest(void **state)
{
    static const char *const wrong[] = {"visitt", "visit_definition", "htm25", ""};
    const vb_element *e = NULL;

    for (size_t i = 0; i < VB_COUNT(wrong); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        assert_int_equal(vb_universe_dimension(u8, wrong[i], &e, &err), -EINVAL);
        assert_says(&err, wrong[i]);
        if (!i)
            assert_hints(&err, "'visit'");
    }
    assert_null(e);
}

static void a_data_id_has_at_most_sixteen_dimensions(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    const vb_group *g = NULL;
    char *names[VB_MAX_REQUIRED + 2] = {0};

    for (int i = 0; i <= VB_MAX_REQUIRED; i++)
        names[i] = vb_format("htm%d", i);
    assert_int_equal(vb_universe_conform_names(u8, names, &g, &err), -E2BIG);
    assert_null(g);
    free(names[VB_MAX_REQUIRED]);
    names[VB_MAX_REQUIRED] = NULL;
    assert_ok(vb_universe_conform_names(u8, names, &g, &err), &err);
    assert_int_equal(g->nrequired, VB_MAX_REQUIRED);
    for (int i = 0; i < VB_MAX_REQUIRED; i++)
        free(names[i]);
}

static void elements_that_relate_the_dimensions_are_joined(void **state)
{
    check_names(vb_group_relations(group("visit,detector")), "physical_filter,visit");
    check_names(vb_group_relations(group("visit,exposure")), "physical_filter,exposure,visit,visit_definition");
    check_names(vb_group_relations(group("visit,visit_system")), "physical_filter,visit,visit_system_membership");
    check_names(vb_group_relations(group("detector,patch")), "");
}

/* In universes 0 and 1 a visit is implied by an exposure and a visit system: visit_definition tells which. */
static void what_implies_relates_also_where_it_is_no_dimension(void **state)
{
    static const char *const names[] = {"exposure", "visit_system", NULL};
    vb_auto(vb_universe_free) vb_universe *u0 = NULL;
    vb_auto_buf text = {0};
    const vb_group *g = NULL;

    assert_int_equal(vb_universe_builtin(0, &u0, NULL), 0);
    assert_int_equal(vb_universe_conform_names(u0, (char *const *)names, &g, NULL), 0);
    assert_string_equal(names_of(u0, vb_group_relations(g), &text), "physical_filter,exposure,visit_definition");
}

static const char *name_of(const vb_element *e)
{
    return e ? e->name : "none";
}

static void the_finest_element_of_a_family_stands_for_it(void **state)
{
    static const struct {
        const char *dimensions, *observation, *sky, *time;
    } cases[] = {
        {"visit,detector", "visit_detector_region", "none", "visit"},
        {"visit", "visit", "none", "visit"},
        {"visit,patch", "visit", "patch", "visit"},
        {"tract", "none", "tract", "none"},
        {"exposure,visit,detector", "visit_detector_region", "none", "exposure"},
        {"day_obs", "none", "none", "day_obs"},
        {"", "none", "none", "none"},
    };
    int observation = vb_universe_find(u8, "visit")->spatial_family,
        sky = vb_universe_find(u8, "tract")->spatial_family;
    int time = vb_universe_find(u8, "visit")->temporal_family;

    assert_int_equal(vb_universe_spatial_families(u8), 2);
    assert_int_equal(vb_universe_temporal_families(u8), 1);
    assert_int_equal(observation + sky, 1);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        const vb_group *g = group(cases[i].dimensions);

        assert_string_equal(name_of(vb_group_spatial(g, observation)), cases[i].observation);
        assert_string_equal(name_of(vb_group_spatial(g, sky)), cases[i].sky);
        assert_string_equal(name_of(vb_group_temporal(g, time)), cases[i].time);
        assert_null(vb_group_spatial(g, -1));
        assert_null(vb_group_temporal(g, -1));
    }
}

/* ---- loading ---------------------------------------------------------------------------------------------- */

#define KEY "keys: [{name: id, type: int}]"

static void refused(const char *text, const char *message)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_universe *u = NULL;

    assert_int_equal(vb_universe_load_text("u.yaml", text, strlen(text), &u, &err), -EINVAL);
    assert_null(u);
    assert_says(&err, message);
}

static void what_is_no_universe_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "no 'version'"},
        {"[1, 2]", "no 'version'"},
        {"version: eight", "no 'version'"},
        {"version: 1", "no 'elements'"},
        {"version: 1\nelements: [a]", "no 'elements'"},
        {"version: 1\nelements: {}", "no 'elements'"},
        {"version: 1\nelements: {a: {" KEY "}}", "'htm7' is no sky pixelisation"},
        {"version: 1\nelements: {a: {" KEY "}}\nskypix: {common: a}", "'a' is no sky pixelisation"},
        {"version: 1\nelements: {a: {" KEY "}}\nskypix: {htm: {max_level: 30}}", "max_level must be from 0 to 29"},
        {"version: 1\nelements: {a: {" KEY "}}\nskypix: {htm: {max_level: -1}}", "max_level must be from 0 to 29"},
        {"version: 1\nelements: {a: {" KEY "}}\nskypix: {htm: {}}", "max_level must be from 0 to 29"},
        {"version: 1\nelements: {a: {" KEY ", requires: [b]}}", "no dimension 'b'"},
        {"version: 1\nelements: {a: {" KEY ", requires: b}}", "no dimension 'b'"}, /* bug: was left out */
        {"version: 1\nelements: {a: {" KEY ", implies: [b]}}", "no dimension 'b'"},
        {"version: 1\nelements: {a: {}}", "no keys and requires nothing"},
        {"version: 1\nelements: {d: {" KEY "}, a: {requires: [d]}, b: {" KEY ", requires: [a]}}", "no dimension 'a'"},
        {"version: 1\nelements: {a b: {" KEY "}}", "'a b' is no name"},
        {"version: 1\nelements: {1a: {" KEY "}}", "'1a' is no name"},
        {"version: 1\nelements: {a: {" KEY "}, A: {" KEY "}}", "differ in case alone"},
        {"version: 1\nelements: {a: {" KEY ", metadata: [{name: A, type: int}]}}", "two columns 'A'"},
        {"version: 1\nelements: {a: {" KEY ", metadata: [{name: region, type: int}]}}", "two columns 'region'"},
        {"version: 1\nelements: {a: {" KEY "}, v: {" KEY ", storage: {view_of: a}}}", "whose records do not tell 'v'"},
        {"version: 1\nelements: {a: {" KEY ", requires: [{b: c}]}}", "u.yaml:2:"},
        {"version: 1\nelements: {a: {" KEY ", requires: [a]}}", "'a' depends on itself"},
        {"version: 1\nelements: {a: {" KEY ", requires: [b]}, b: {" KEY ", implies: [a]}}", "depends on itself"},
        {"version: 1\nelements: {a: {keys: [{name: id}]}}", "needs a name and a type"},
        {"version: 1\nelements: {a: {keys: [{name: id, type: long}]}}", "unknown type 'long'"},
        {"version: 1\nelements: {a: {" KEY ", metadata: [{name: x, type: y}]}}", "unknown type 'y'"},
        {"version: 1\nelements: {a: {" KEY ", storage: {view_of: b}}}", "view of 'b'"},
        {"version: 1\nelements: {a: {" KEY "}}\ntopology: {spatial: {f: [b]}}", "no element 'b'"},
        /* Bugs: records of such elements lacked values of their own data IDs, or had a column twice. */
        {"version: 1\nelements: {a: {" KEY "}, b: {" KEY ", requires: [a], implies: [a]}}", "requires and implies 'a'"},
        {"version: 1\nelements: {a: {" KEY "}, b: {" KEY ", requires: [a]}, c: {" KEY ", implies: [b]}}",
         "implies 'b' but does not require what that requires"},
        {"version: 1\nelements: {htm7: {" KEY "}}\nskypix: {htm: {max_level: 7}}", "'htm7' is a sky pixelisation too"},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++)
        refused(cases[i].text, cases[i].message);
}

/* A chain of `n` dimensions, each requiring the one before. */
static char *chain_of(int n, bool require)
{
    vb_buf text = {0};

    vb_buf_puts(&text, "version: 1\nskypix: {common: htm0, htm: {max_level: 0}}\nelements:\n");
    for (int i = 0; i < n; i++) {
        vb_buf_printf(&text, "  e%03d: {" KEY, i);
        if (require && i)
            vb_buf_printf(&text, ", requires: [e%03d]", i - 1);
        vb_buf_puts(&text, "}\n");
    }
    return vb_buf_steal(&text);
}

static void a_universe_has_at_most_128_elements(void **state)
{
    vb_autofree char *most = chain_of(VB_MAX_ELEMENTS - 1, false), *more = chain_of(VB_MAX_ELEMENTS, false);
    vb_auto(vb_universe_free) vb_universe *u = NULL;

    assert_int_equal(vb_universe_load_text("u", most, strlen(most), &u, NULL), 0);
    assert_int_equal(vb_universe_count(u), VB_MAX_ELEMENTS);
    refused(more, "129 elements");
}

/* Bug: records of such an element were read and written beyond the values of a data ID. */
static void an_element_requires_at_most_sixteen_dimensions(void **state)
{
    vb_autofree char *most = chain_of(VB_MAX_REQUIRED, true), *more = chain_of(VB_MAX_REQUIRED + 1, true);
    vb_auto(vb_universe_free) vb_universe *u = NULL;

    assert_int_equal(vb_universe_load_text("u", most, strlen(most), &u, NULL), 0);
    refused(more, "'e016' requires 17 dimensions");
}

static void fields_take_their_attributes(void **state)
{
    static const char text[] =
        "version: 3\nnamespace: mine\nskypix: {common: htm1, htm: {max_level: 1}}\nelements:\n"
        "  a: {governor: true, implies: [v], keys: [{name: id, type: string, length: 12}, {name: n, type: int, nullable: false}],"
        " metadata: [{name: h, type: hash, nbytes: 4}, {name: f, type: float, doc: D}, {name: b, type: bool}]}\n"
        "  r: {requires: [a], always_join: true, populated_by: a}\n"
        "  v: {" KEY ", storage: {nested: {view_of: a}}}\n";
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    const vb_element *a, *r, *v;

    assert_ok(vb_universe_load_text("u", text, sizeof text - 1, &u, &err), &err);
    a = vb_universe_find(u, "a");
    r = vb_universe_find(u, "r");
    v = vb_universe_find(u, "v");
    assert_string_equal(vb_universe_namespace(u), "mine");
    assert_true(a->is_governor && a->is_dimension && a->has_table && a->view_of == -1);
    assert_int_equal(a->keys[0].length, 12);
    assert_false(vb_element_field(a, "n")->nullable);
    assert_int_equal(vb_element_field(a, "h")->length, 4);
    assert_int_equal(vb_element_field(a, "h")->type, VB_FIELD_HASH);
    assert_string_equal(vb_element_field(a, "f")->doc, "D");
    assert_true(vb_element_field(a, "b")->nullable);
    assert_true(r->always_join && !r->is_dimension);
    assert_string_equal(r->populated_by, "a");
    assert_false(v->has_table);
    assert_int_equal(v->view_of, a->index);
}

/* ---- against Rubin's -------------------------------------------------------------------------------------- */

static void check_fields(const vb_field *a, const vb_field *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(a[i].name, b[i].name);
        assert_int_equal(a[i].type, b[i].type);
        assert_int_equal(a[i].length, b[i].length);
        assert_int_equal(a[i].nullable, b[i].nullable);
    }
}

static void check_same(const vb_universe *a, const vb_universe *b)
{
    assert_int_equal(vb_universe_version(a), vb_universe_version(b));
    assert_string_equal(vb_universe_namespace(a), vb_universe_namespace(b));
    assert_string_equal(vb_universe_common_skypix(a)->name, vb_universe_common_skypix(b)->name);
    assert_int_equal(vb_universe_spatial_families(a), vb_universe_spatial_families(b));
    assert_int_equal(vb_universe_temporal_families(a), vb_universe_temporal_families(b));
    assert_int_equal(vb_universe_count(a), vb_universe_count(b));
    for (int i = 0; i < vb_universe_count(a); i++) {
        const vb_element *x = vb_universe_at(a, i), *y = vb_universe_at(b, i);

        assert_string_equal(x->name, y->name);
        assert_true(vb_dimset_equal(x->required, y->required) && vb_dimset_equal(x->implied, y->implied));
        assert_int_equal(x->nkeys, y->nkeys);
        assert_int_equal(x->nmetadata, y->nmetadata);
        check_fields(x->keys, y->keys, x->nkeys);
        check_fields(x->metadata, y->metadata, x->nmetadata);
        assert_int_equal(x->is_governor, y->is_governor);
        assert_int_equal(x->always_join, y->always_join);
        assert_int_equal(x->view_of, y->view_of);
        assert_int_equal(x->spatial, y->spatial);
        assert_int_equal(x->temporal, y->temporal);
        assert_int_equal(x->spatial_family, y->spatial_family);
        assert_int_equal(x->temporal_family, y->temporal_family);
        assert_int_equal(x->is_dimension, y->is_dimension);
        assert_int_equal(x->has_table, y->has_table);
        assert_int_equal(x->is_skypix, y->is_skypix);
        assert_int_equal(x->level, y->level);
        assert_string_equal(x->system ? x->system : "", y->system ? y->system : "");
        assert_string_equal(x->populated_by ? x->populated_by : "", y->populated_by ? y->populated_by : "");
    }
}

static void a_universe_comes_back_from_its_json(void **state)
{
    const char *json = vb_universe_json(u8);
    vb_auto(vb_universe_free) vb_universe *again = NULL;

    assert_int_equal(vb_universe_load_text("json", json, strlen(json), &again, NULL), 0);
    check_same(again, u8);
    assert_string_equal(vb_universe_json(again), json);
}

static vb_universe *rubins(fixture *f, int version)
{
    const char *path = fixture_shared(f, fixture_keep(f, vb_format("dimensions/universe%d.yaml", version)));
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    vb_universe *u = NULL;

    if (!path)
        skip();
    assert_ok(vb_yaml_load_file(path, &doc, &f->err), &f->err);
    assert_ok(vb_universe_load(vb_yaml_root(doc), &u, &f->err), &f->err);
    return u;
}

static void the_built_in_universes_are_rubins(void **state)
{
    for (int version = 0; version <= 8; version++) {
        vb_auto(vb_universe_free) vb_universe *theirs = rubins(*state, version), *ours = NULL;

        assert_int_equal(vb_universe_builtin(version, &ours, NULL), 0);
        check_same(ours, theirs);
    }
}

/* A Gen3 registry holds its universe as JSON. */
static void the_universe_of_a_repository_is_the_one_of_its_number(void **state)
{
    fixture *f = *state;
    const char *path = fixture_shared(f, "gen3/repo-small/gen3.sqlite3");
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto(vb_universe_free) vb_universe *theirs = NULL, *ours = NULL;
    const char *json;

    if (!path)
        skip();
    assert_ok(vb_db_open(path, VB_DB_IMMUTABLE, &db, &f->err), &f->err);
    assert_ok(vb_sql(db, &s, &f->err, "SELECT value FROM butler_attributes WHERE name = 'config:dimensions.json'",
                     VB_NO_ARGS),
              &f->err);
    assert_int_equal(vb_stmt_step(s, &f->err), 1);
    json = vb_col_text(s, 0);
    assert_ok(vb_universe_load_text("config:dimensions.json", json, strlen(json), &theirs, &f->err), &f->err);
    assert_ok(vb_universe_builtin(vb_universe_version(theirs), &ours, &f->err), &f->err);
    check_same(ours, theirs);
}

static void registries_of_all_of_rubins_universes_are_made(void **state)
{
    fixture *f = *state;

    for (int version = 0; version <= 8; version++) {
        vb_auto(vb_universe_free) vb_universe *u = rubins(f, version);
        vb_autofree char *name = vb_format("%d.sqlite3", version);
        vb_auto(vb_registry_close) vb_registry *reg = NULL;

        assert_ok(vb_registry_create(fixture_path(f, name), u, "registry", &reg, &f->err), &f->err);
        assert_int_equal(vb_universe_version(vb_registry_universe(reg)), version);
        check_same(vb_registry_universe(reg), u);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_holds_what_was_added),
        cmocka_unit_test(sets_are_joined_taken_apart_and_compared),
        cmocka_unit_test(zero_to_eight_come_with_vbutler_and_others_do_not),
        cmocka_unit_test(what_implies_relates_also_where_it_is_no_dimension),
        cmocka_unit_test(elements_come_after_what_they_depend_on_then_by_name),
        cmocka_unit_test(sky_pixels_have_a_system_and_a_level),
        cmocka_unit_test(fields_are_found_but_for_the_first_key),
        cmocka_unit_test(a_group_has_all_that_its_dimensions_require_and_imply),
        cmocka_unit_test(equal_dimensions_are_one_group),
        cmocka_unit_test(a_required_dimension_has_its_position),
        cmocka_unit_test(what_is_no_dimension_is_refused_with_the_nearest),
        cmocka_unit_test(a_data_id_has_at_most_sixteen_dimensions),
        cmocka_unit_test(elements_that_relate_the_dimensions_are_joined),
        cmocka_unit_test(the_finest_element_of_a_family_stands_for_it),
        cmocka_unit_test(what_is_no_universe_is_refused),
        cmocka_unit_test(a_universe_has_at_most_128_elements),
        cmocka_unit_test(an_element_requires_at_most_sixteen_dimensions),
        cmocka_unit_test(fields_take_their_attributes),
        cmocka_unit_test(a_universe_comes_back_from_its_json),
        TEST(the_built_in_universes_are_rubins),
        TEST(the_universe_of_a_repository_is_the_one_of_its_number),
        TEST(registries_of_all_of_rubins_universes_are_made),
    };

    return cmocka_run_group_tests_name("universe", tests, load_builtin, free_builtin);
}
