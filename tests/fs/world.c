#include "tests/fs/world.h"

#include "fs/view/names.h"
#include "registry/record.h"

#include <fcntl.h>
#include <stdio.h>

/* ---- records ------------------------------------------------------------------------------------------- */

static void set_box(vb_record *r, const char *text)
{
    vb_auto_region box = {0};
    double ra, dec;

    assert_int_equal(sscanf(text, "%lf,%lf", &ra, &dec), 2);
    assert_int_equal(vb_region_box_degrees(ra - 0.5, ra + 0.5, dec - 0.5, dec + 0.5, &box, NULL), 0);
    vb_record_set_region(r, &box);
}

/* A value as the column wants it: a dimension's key, or a field's. */
static vb_value column_value(const vb_record *r, const char *column, const char *text)
{
    const vb_element *dimension = vb_universe_find(r->universe, column);
    const vb_field *field = dimension ? &dimension->keys[0] : vb_element_field(r->element, column);

    assert_non_null(field);
    switch (field->type) {
    case VB_FIELD_FLOAT: return vb_value_real(atof(text));
    case VB_FIELD_STRING: return vb_value_text(text);
    case VB_FIELD_HASH: return vb_value_bytes(text, strlen(text));
    case VB_FIELD_INT:
    case VB_FIELD_BOOL: break;
    }
    return vb_value_int(atoll(text));
}

void world_record(fixture *f, const char *element, const char *values)
{
    vb_auto_record r = vb_record_new(f->reg, vb_universe_find(vb_registry_universe(f->reg), element));
    vb_auto_error err = VB_ERROR_INIT;
    char **parts = vb_split(values, ' ', NULL);

    for (char **part = parts; *part; part++) {
        char *equals = strchr(*part, '=');

        *equals = 0;
        if (!strcmp(*part, "box"))
            set_box(&r, equals + 1);
        else
            assert_true(vb_record_set(&r, *part, column_value(&r, *part, equals + 1)));
    }
    vb_strv_free(parts);
    assert_ok(vb_record_put(f->reg, &r, VB_RECORD_SAME, &err), &err);
}

static void put_exposure(fixture *f, int number, const char *filter, double ra)
{
    vb_autofree char *group = vb_format("instrument=TestCam group=g%d", number);
    vb_autofree char *exposure = vb_format("instrument=TestCam exposure=%d obs_id=e%d physical_filter=%s group=g%d "
                                           "day_obs=20200102 exposure_time=%d",
                                           number, number, filter, number, number - 71);
    vb_autofree char *visit = vb_format("instrument=TestCam visit=%d name=v%d physical_filter=%s day_obs=20200102 "
                                        "exposure_time=%d box=%g,-5",
                                        number, number, filter, number - 71, ra);
    vb_autofree char *definition = vb_format("instrument=TestCam exposure=%d visit=%d", number, number);

    world_record(f, "group", group);
    world_record(f, "exposure", exposure);
    world_record(f, "visit", visit);
    world_record(f, "visit_definition", definition);
    for (int detector = 1; detector <= 3; detector++) {
        vb_autofree char *region = vb_format("instrument=TestCam visit=%d detector=%d box=%g,-5", number, detector, ra);

        world_record(f, "visit_detector_region", region);
    }
}

static void put_records(fixture *f)
{
    world_record(f, "instrument", "instrument=TestCam detector_max=4");
    world_record(f, "detector", "instrument=TestCam detector=1 full_name=A");
    world_record(f, "detector", "instrument=TestCam detector=2 full_name=B");
    world_record(f, "detector", "instrument=TestCam detector=3 full_name=C");
    world_record(f, "physical_filter", "instrument=TestCam physical_filter=g-1 band=g");
    world_record(f, "physical_filter", "instrument=TestCam physical_filter=r-1 band=r");
    world_record(f, "day_obs", "instrument=TestCam day_obs=20200102");
    put_exposure(f, 101, "g-1", 10);
    put_exposure(f, 102, "g-1", 10.5);
    put_exposure(f, 103, "r-1", 11);
    world_record(f, "skymap", "skymap=demo hash=x tract_max=1");
    world_record(f, "tract", "skymap=demo tract=0 box=10.5,-5");
    world_record(f, "patch", "skymap=demo tract=0 patch=0 cell_x=0 cell_y=0 box=10,-5");
    world_record(f, "patch", "skymap=demo tract=0 patch=1 cell_x=1 cell_y=0 box=11,-5");
}

int world_setup(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    fixture *f;
    int r = fixture_setup_repo(state);

    f = *state;
    if (r < 0 || vb_registry_begin(f->reg, &txn, &err) < 0)
        return -1;
    put_records(f);
    return vb_txn_commit(&txn, &err);
}

/* ---- datasets ------------------------------------------------------------------------------------------ */

const vb_dataset_type *world_type(fixture *f, const char *name, const char *dimensions, const char *storage_class,
                                  const char *extension)
{
    vb_auto_error err = VB_ERROR_INIT;
    char **names = vb_split(dimensions, ',', NULL);
    vb_dataset_type wanted = {.name = (char *)name,
                              .storage_class = (char *)storage_class,
                              .extension = (char *)extension};
    const vb_dataset_type *type = NULL;

    assert_ok(vb_universe_conform_names(vb_registry_universe(f->reg), names, &wanted.group, &err), &err);
    vb_strv_free(names);
    assert_ok(vb_dataset_type_register(f->reg, &wanted, &type, &err), &err);
    return type;
}

void world_collection(fixture *f, const char *name, vb_collection_type type, const char *children)
{
    vb_auto_error err = VB_ERROR_INIT;
    const vb_collection *made;
    char **names;

    assert_ok(vb_collection_register(f->reg, name, type, NULL, &made, &err), &err);
    if (!children)
        return;
    names = vb_split(children, ',', NULL);
    assert_ok(vb_collection_set_children(f->reg, made, names, &err), &err);
    vb_strv_free(names);
}

/* The text after "NAME=" in "A=1 B=2"; the caller frees it; NULL: none. */
static char *find_value(const char *values, const char *name)
{
    char **parts = vb_split(values, ' ', NULL), *found = NULL;
    size_t n = strlen(name);

    for (char **part = parts; *part; part++)
        if (!strncmp(*part, name, n) && (*part)[n] == '=')
            found = vb_strdup(*part + n + 1);
    vb_strv_free(parts);
    return found;
}

vb_dataid world_dataid(fixture *f, const vb_group *group, const char *values)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_dataid id = {.group = group};

    for (int i = 0; i < group->nrequired; i++) {
        const char *name = group->dims[i]->name;
        vb_autofree char *text = find_value(values, name);

        if (!text)
            text = vb_strdup(!strcmp(name, "instrument") ? "TestCam" : !strcmp(name, "skymap") ? "demo" : "");
        assert_ok(vb_dimension_parse(group->dims[i], text, &id.values[i], &err), &err);
    }
    return id;
}

static void write_artifact(fixture *f, const char *path, const char *text, vb_location *out)
{
    vb_autofree char *full = vb_path_join(f->repo->root, path), *dir = vb_path_dir(full);
    struct stat st;

    assert_int_equal(vb_mkdirs(AT_FDCWD, dir, 0755, NULL), 0);
    assert_int_equal(vb_write_file(AT_FDCWD, full, text, strlen(text), 0644, false, NULL), 0);
    assert_int_equal(stat(full, &st), 0);
    *out = (vb_location){.store_id = 1,
                         .path = vb_strdup(path),
                         .size = st.st_size,
                         .mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                         .has_checksum = true,
                         .checksum = vb_hash_bytes(text, strlen(text))};
}

void world_dataset(fixture *f, const char *run, const char *type, const char *values, const char *path,
                   const char *text, vb_dataset *out)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_location location = {0};
    vb_auto_buf own = {0};
    vb_auto_dataset d = {0};
    const vb_collection *collection;

    world_collection(f, run, VB_RUN, NULL);
    assert_ok(vb_collection_find(f->reg, run, &collection, &err), &err);
    assert_ok(vb_dataset_type_find(f->reg, type, &d.type, &err), &err);
    d.run_id = collection->id;
    d.dataid = world_dataid(f, d.type->group, values);
    vb_name_artifact(&own, run, d.type, &d.dataid, vb_dataset_type_extension(d.type, NULL), 1);
    write_artifact(f, path ? path : vb_buf_text(&own), text, &location);
    assert_ok(vb_dataset_insert(f->reg, &d, &location, &err), &err);
    if (out) {
        *out = d;
        out->dataid = (vb_dataid){.group = d.dataid.group}; /* the values go with this scope */
    }
}

void world_raws(fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    world_type(f, "raw", "exposure,detector", "Exposure", NULL);
    for (int exposure = 101; exposure <= 103; exposure++)
        for (int detector = 1; detector <= 3; detector++) {
            vb_autofree char *id = vb_format("exposure=%d detector=%d", exposure, detector);
            vb_autofree char *text = vb_format("raw %d %d\n", exposure, detector);

            world_dataset(f, "TestCam/raw/all", "raw", id, NULL, text, NULL);
        }
    assert_ok(vb_txn_commit(&txn, &err), &err);
}

vb_uuid world_uuid(int n)
{
    vb_uuid uuid;

    memset(uuid.bytes, n, sizeof uuid.bytes);
    return uuid;
}
