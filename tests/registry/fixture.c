#include "tests/registry/fixture.h"

#include <stdlib.h>

struct kept {
    void *memory;
    struct kept *next;
};

void *fixture_keep(fixture *f, void *memory)
{
    struct kept *k = VB_NEW(struct kept);

    *k = (struct kept){memory, f->kept};
    f->kept = k;
    return memory;
}

int fixture_setup(void **state)
{
    fixture *f = VB_NEW(fixture);
    const char *tmp = getenv("TMPDIR");

    f->dir = vb_format("%s/vbtest.XXXXXX", tmp ? tmp : "/tmp");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

int fixture_setup_registry(void **state)
{
    vb_auto(vb_universe_free) vb_universe *universe = NULL;
    fixture *f;
    int r = fixture_setup(state);

    f = *state;
    f->path = fixture_path(f, "registry.sqlite3");
    if (!r)
        r = vb_universe_builtin(8, &universe, &f->err);
    if (!r)
        r = vb_registry_create(f->path, universe, "registry", &f->reg, &f->err);
    vb_error_print(&f->err);
    return r;
}

int fixture_teardown(void **state)
{
    fixture *f = *state;

    vb_search_clear(&f->search);
    if (f->reg)
        vb_registry_close(f->reg);
    vb_remove_tree(AT_FDCWD, f->dir, NULL);
    while (f->kept) {
        struct kept *k = f->kept;

        f->kept = k->next;
        free(k->memory);
        free(k);
    }
    vb_error_clear(&f->err);
    free(f->dir);
    free(f);
    return 0;
}

char *fixture_path(fixture *f, const char *name)
{
    return fixture_keep(f, vb_path_join(f->dir, name));
}

void fixture_write(fixture *f, const char *name, const char *text)
{
    int r = vb_write_file(AT_FDCWD, fixture_path(f, name), text, strlen(text), 0644, false, &f->err);

    assert_ok(r, &f->err);
}

char *fixture_shared(fixture *f, const char *name)
{
    const char *root = getenv("VB_SHARED");
    vb_autofree char *data = vb_format("%s/data/%s", root ? root : "../shared", name);

    if (!access(data, R_OK))
        return fixture_keep(f, VB_STEAL(data));
    print_message("skipped: %s is not there (VB_SHARED tells where it is)\n", data);
    return NULL;
}

/* ---- content ----------------------------------------------------------------------------------------------- */

const vb_element *fixture_element(fixture *f, const char *name)
{
    const vb_element *e = vb_universe_find(vb_registry_universe(f->reg), name);

    assert_non_null(e);
    return e;
}

const vb_group *fixture_group(fixture *f, const char *dimensions)
{
    char **names = vb_split(dimensions, ',', NULL);
    const vb_group *group = NULL;
    int r = vb_universe_conform_names(vb_registry_universe(f->reg), names, &group, &f->err);

    vb_strv_free(names);
    assert_ok(r, &f->err);
    return group;
}

const vb_collection *fixture_collection(fixture *f, const char *name, vb_collection_type type)
{
    const vb_collection *c = NULL;

    assert_ok(vb_collection_register(f->reg, name, type, NULL, &c, &f->err), &f->err);
    return c;
}

const vb_collection *fixture_run(fixture *f, const char *name)
{
    return fixture_collection(f, name, VB_RUN);
}

void fixture_chain(fixture *f, const char *name, const char *children)
{
    char **names = vb_split(children, ',', NULL);
    int r = vb_collection_set_children(f->reg, fixture_collection(f, name, VB_CHAINED), names, &f->err);

    vb_strv_free(names);
    assert_ok(r, &f->err);
}

static const vb_dataset_type *define_type(fixture *f, const char *name, const char *dimensions, bool is_calibration)
{
    vb_dataset_type wanted = {.name = (char *)name,
                              .group = fixture_group(f, dimensions),
                              .storage_class = (char *)"StructuredDataDict",
                              .is_calibration = is_calibration};
    const vb_dataset_type *type = NULL;

    assert_ok(vb_dataset_type_register(f->reg, &wanted, &type, &f->err), &f->err);
    return type;
}

const vb_dataset_type *fixture_type(fixture *f, const char *name, const char *dimensions)
{
    return define_type(f, name, dimensions, false);
}

const vb_dataset_type *fixture_calibration_type(fixture *f, const char *name, const char *dimensions)
{
    return define_type(f, name, dimensions, true);
}

/* Calls `each` with the key and the value of each "k=v" of a list. */
static void each_pair(const char *text, void (*each)(void *arg, const char *key, const char *value), void *arg)
{
    char **pairs = vb_split(text, ',', NULL);

    for (char **pair = pairs; *pair; pair++) {
        char *equals = strchr(*pair, '=');

        assert_non_null(equals);
        *equals = 0;
        each(arg, *pair, equals + 1);
    }
    vb_strv_free(pairs);
}

static void set_dimension(void *arg, const char *key, const char *value)
{
    vb_dataid *id = arg;
    vb_auto_error err = VB_ERROR_INIT;

    for (int i = 0; i < id->group->nrequired; i++)
        if (!strcmp(id->group->dims[i]->name, key)) {
            vb_value_clear(&id->values[i]);
            assert_ok(vb_dimension_parse(id->group->dims[i], value, &id->values[i], &err), &err);
            return;
        }
    fail_msg("no dimension '%s' in {%s}", key, id->group->key);
}

vb_dataid fixture_dataid(fixture *f, const vb_group *group, const char *text)
{
    vb_dataid id = {.group = group};

    (void)f;
    each_pair(text, set_dimension, &id);
    return id;
}

int64_t fixture_put(fixture *f, const char *type, const char *run, const char *dataid)
{
    vb_auto_txn txn = {0};
    vb_auto_dataset d = {.run_id = fixture_run(f, run)->id};
    vb_location location = {.store_id = 1, .size = 100, .mtime = -1};
    int64_t id;

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_dataset_type_find(f->reg, type, &d.type, &f->err), &f->err);
    d.dataid = fixture_dataid(f, d.type->group, dataid);
    location.path = vb_format("%s/%s_%d", run, type, f->artifacts++);
    assert_ok(vb_dataset_insert(f->reg, &d, &location, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    id = d.id;
    free(location.path);
    return id;
}

vb_uuid fixture_uuid(fixture *f, int64_t dataset_id)
{
    vb_auto_dataset d = {0};

    assert_int_equal(vb_dataset_by_id(f->reg, dataset_id, &d, &f->err), 1);
    return d.uuid;
}

/* Text as a value of the column: a dimension's, or a field's. */
static vb_value column_value(const vb_record *r, const char *column, const char *text)
{
    const vb_element *dimension = vb_universe_find(r->universe, column);
    const vb_field *field = dimension ? &dimension->keys[0] : vb_element_field(r->element, column);
    int64_t i;
    double d;

    if ((!field || field->type != VB_FIELD_STRING) && vb_parse_int(text, &i))
        return vb_value_int(i);
    if (field && field->type == VB_FIELD_FLOAT && vb_parse_double(text, &d))
        return vb_value_real(d);
    return vb_value_text(text);
}

static void set_column(void *arg, const char *key, const char *value)
{
    vb_record *r = arg;

    if (!vb_record_set(r, key, column_value(r, key, value)))
        fail_msg("'%s' has no column '%s'", r->element->name, key);
}

static void set_rectangle(vb_record *r, const rectangle *at)
{
    const vb_vec3 corners[] = {vb_vec3_from_degrees(at->west, at->south), vb_vec3_from_degrees(at->east, at->south),
                               vb_vec3_from_degrees(at->east, at->north), vb_vec3_from_degrees(at->west, at->north)};
    vb_auto_region region = {0};
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_region_hull(corners, VB_COUNT(corners), &region, &err), &err);
    vb_record_set_region(r, &region);
}

void fixture_record(fixture *f, const char *element, const char *columns, const rectangle *region)
{
    vb_auto_txn txn = {0};
    vb_auto_record r = vb_record_new(f->reg, fixture_element(f, element));

    each_pair(columns, set_column, &r);
    if (region)
        set_rectangle(&r, region);
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_record_put(f->reg, &r, VB_RECORD_SAME, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
}

/* fixture_record() with its columns printed. */
__attribute__((format(printf, 4, 5))) static void put(fixture *f, const char *element, const rectangle *region,
                                                      const char *format, ...)
{
    va_list args;
    vb_autofree char *columns = NULL;

    va_start(args, format);
    columns = vb_vformat(format, args);
    va_end(args);
    fixture_record(f, element, columns, region);
}

/* ---- the world ---------------------------------------------------------------------------------------------- */

static const struct visit {
    int id, day;
    const char *filter;
    double east; /* of detector 1's western edge */
    int seconds; /* exposure time */
} visits[] = {{10, 20200101, "Cam-g", 9.9, 30}, {11, 20200101, "Cam-r", 9.9, 30}, {12, 20200102, "Cam-g", 49.9, 60}};

static void put_camera(fixture *f)
{
    put(f, "instrument", NULL, "instrument=Cam,visit_max=1000,exposure_max=1000,detector_max=10,class_name=x.Cam");
    put(f, "detector", NULL, "instrument=Cam,detector=1,full_name=A,purpose=SCIENCE");
    put(f, "detector", NULL, "instrument=Cam,detector=2,full_name=B,purpose=SCIENCE");
    put(f, "physical_filter", NULL, "instrument=Cam,physical_filter=Cam-g,band=g");
    put(f, "physical_filter", NULL, "instrument=Cam,physical_filter=Cam-r,band=r");
    put(f, "day_obs", NULL, "instrument=Cam,day_obs=20200101");
    put(f, "day_obs", NULL, "instrument=Cam,day_obs=20200102");
    put(f, "visit_system", NULL, "instrument=Cam,visit_system=0,name=one-to-one");
}

/* Visit v begins at v * 1000 s of TAI. */
static void put_visit(fixture *f, const struct visit *v)
{
    rectangle whole = {v->east, v->east + 0.5, -0.1, 0.1};
    long begin = v->id * 1000, end = begin + v->seconds;

    put(f, "group", NULL, "instrument=Cam,group=%d", v->id);
    put(f, "exposure", NULL,
        "instrument=Cam,exposure=%d,day_obs=%d,group=%d,physical_filter=%s,obs_id=E%d,exposure_time=%d,dark_time=0,"
        "observation_type=science,observation_reason=x,seq_num=%d,target_name=T%d,has_simulated=0,can_see_sky=1,"
        "timespan_begin=%ld000000000,timespan_end=%ld000000000",
        v->id, v->day, v->id, v->filter, v->id, v->seconds, v->id, v->id, begin, end);
    put(f, "visit", &whole,
        "instrument=Cam,visit=%d,day_obs=%d,physical_filter=%s,name=V%d,exposure_time=%d,seq_num=%d,"
        "observation_reason=x,science_program=p,azimuth=0.5,zenith_angle=0.5,target_name=T%d,"
        "timespan_begin=%ld000000000,timespan_end=%ld000000000",
        v->id, v->day, v->filter, v->id, v->seconds, v->id, v->id, begin, end);
    put(f, "visit_definition", NULL, "instrument=Cam,exposure=%d,visit=%d", v->id, v->id);
    put(f, "visit_system_membership", NULL, "instrument=Cam,visit_system=0,visit=%d", v->id);
    for (int d = 0; d < 2; d++) {
        rectangle part = {v->east + 0.3 * d, v->east + 0.3 * d + 0.2, -0.1, 0.1};

        put(f, "visit_detector_region", &part, "instrument=Cam,detector=%d,visit=%d", d + 1, v->id);
    }
}

static void put_sky_map(fixture *f)
{
    rectangle whole = {9.85, 11.05, -0.15, 0.15};

    put(f, "skymap", NULL, "skymap=map,tract_max=1,patch_nx_max=4,patch_ny_max=1");
    put(f, "tract", &whole, "skymap=map,tract=0");
    for (int p = 0; p < 4; p++) {
        rectangle part = {9.85 + 0.3 * p, 10.15 + 0.3 * p, -0.15, 0.15};

        put(f, "patch", &part, "skymap=map,tract=0,patch=%d,cell_x=%d,cell_y=0", p, p);
    }
}

int fixture_setup_world(void **state)
{
    int r = fixture_setup_registry(state);

    if (r < 0)
        return r;
    put_camera(*state);
    for (size_t i = 0; i < VB_COUNT(visits); i++)
        put_visit(*state, &visits[i]);
    put_sky_map(*state);
    return 0;
}

void fixture_raws(fixture *f)
{
    fixture_type(f, "raw", "instrument,detector,exposure");
    for (size_t i = 0; i < VB_COUNT(visits); i++)
        for (int detector = 1; detector <= 2; detector++) {
            vb_autofree char *id = vb_format("instrument=Cam,detector=%d,exposure=%d", detector, visits[i].id);

            fixture_put(f, "raw", "raws", id);
        }
}

const vb_search *fixture_search(fixture *f, const char *names)
{
    char **list = vb_split(names, ',', NULL);
    int r;

    vb_search_clear(&f->search);
    r = vb_search_resolve(f->reg, list, &f->search, &f->err);
    vb_strv_free(list);
    assert_ok(r, &f->err);
    return &f->search;
}

/* ---- counting ------------------------------------------------------------------------------------------------ */

int64_t fixture_int(fixture *f, const char *sql)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    int64_t n = -1;

    (void)f;
    assert_ok(vb_db_open(f->path, VB_DB_READ, &db, &f->err), &f->err);
    assert_ok(vb_sql_int(db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
    return n;
}

int64_t fixture_count(fixture *f, const char *table_and_where)
{
    vb_autofree char *sql = vb_format("SELECT count(*) FROM %s", table_and_where);

    return fixture_int(f, sql);
}
