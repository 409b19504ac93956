/* A Gen3 registry of which cells, rows and bytes were changed is read into a snapshot, or refused in a sentence.
 * An input is a list of changes (damage.h) to a small registry that is made when the target starts. */
#include "registry/gen3/copy.h"
#include "registry/gen3/export.h"
#include "tests/fuzz/damage.h"
#include "tests/fuzz/fuzz.h"

#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/record.h"

#include <stdio.h>
#include <unistd.h>

static char *base, *work, *snapshot;
static char **tables;

/* ---- the small registry --------------------------------------------------------------------------------------- */

static void put(vb_registry *reg, const char *element, const char *const *pairs)
{
    const vb_element *e = vb_universe_find(vb_registry_universe(reg), element);
    vb_auto_record r = vb_record_new(reg, e);
    vb_auto_error err = VB_ERROR_INIT;

    for (; *pairs; pairs += 2) {
        const vb_element *d = vb_universe_find(vb_registry_universe(reg), pairs[0]);
        bool number = d ? d->keys[0].type == VB_FIELD_INT : strspn(pairs[1], "0123456789") == strlen(pairs[1]);

        vb_record_set(&r, pairs[0], number ? vb_value_int(atoll(pairs[1])) : vb_value_text(pairs[1]));
    }
    check(vb_record_put(reg, &r, VB_RECORD_SAME, &err) == 1);
}

#define PUT(reg, element, ...) put(reg, element, (const char *const[]){__VA_ARGS__, NULL})

static void put_records(vb_registry *reg)
{
    PUT(reg, "instrument", "instrument", "Cam", "class_name", "a.Cam");
    PUT(reg, "physical_filter", "instrument", "Cam", "physical_filter", "Cam-g", "band", "g");
    PUT(reg, "day_obs", "instrument", "Cam", "day_obs", "20260101", "timespan_begin", "5", "timespan_end", "9");
    PUT(reg, "group", "instrument", "Cam", "group", "one");
    PUT(reg, "detector", "instrument", "Cam", "detector", "1", "full_name", "A");
    PUT(reg, "exposure", "instrument", "Cam", "exposure", "7", "obs_id", "seven", "physical_filter", "Cam-g", "day_obs",
        "20260101", "group", "one");
}

static void put_datasets(vb_registry *reg)
{
    static char raw_name[] = "raw", flat_name[] = "flat", class_name[] = "Text", path[] = "raws/raw/7.txt";
    static char *raw_dims[] = {(char *)"detector", (char *)"exposure", NULL}, *flat_dims[] = {(char *)"detector", NULL};
    vb_dataset_type raw = {.name = raw_name, .storage_class = class_name},
                    flat = {.name = flat_name, .storage_class = class_name, .is_calibration = true};
    vb_location location = {.store_id = 1, .path = path, .size = 3, .mtime = -1};
    static char *children[] = {(char *)"raws", (char *)"calib", NULL};
    const vb_collection *run, *calib, *chain;
    const vb_dataset_type *type;
    vb_auto_error err = VB_ERROR_INIT;
    vb_dataset d;

    check(!vb_universe_conform_names(vb_registry_universe(reg), raw_dims, &raw.group, &err));
    check(!vb_universe_conform_names(vb_registry_universe(reg), flat_dims, &flat.group, &err));
    check(!vb_collection_register(reg, "raws", VB_RUN, "what it is for", &run, &err));
    check(!vb_collection_register(reg, "calib", VB_CALIBRATION, NULL, &calib, &err));
    check(!vb_collection_register(reg, "all", VB_CHAINED, NULL, &chain, &err));
    check(!vb_collection_set_children(reg, chain, children, &err));
    check(!vb_dataset_type_register(reg, &raw, &type, &err));
    d = (vb_dataset){.type = type, .run_id = run->id};
    check(!vb_dataid_unpack(type->group, "[\"Cam\",1,7]", &d.dataid, &err));
    check(!vb_dataset_insert(reg, &d, &location, &err));
    vb_dataset_clear(&d);
    check(!vb_dataset_type_register(reg, &flat, &type, &err));
    d = (vb_dataset){.type = type, .run_id = run->id};
    check(!vb_dataid_unpack(type->group, "[\"Cam\",1]", &d.dataid, &err));
    check(!vb_dataset_insert(reg, &d, NULL, &err));
    check(!vb_sql_exec(reg->db, &err, "INSERT INTO calib_2 VALUES (?, ?, 'Cam', 1, 5, 9, ?)",
                       VB_ARGS(type->id, calib->id, d.id)));
    vb_dataset_clear(&d);
}

static int export_file(void *arg, const vb_dataset *d, const vb_location *l, const vb_gen3_export_extra *extra,
                       vb_error *err)
{
    vb_gen3_export_row row = {.dataset = d,
                              .path = l->path,
                              .formatter = "a.Formatter",
                              .storage_class = d->type->storage_class,
                              .size = l->size};

    return vb_gen3_export_file(arg, &row, err);
}

static void end(void)
{
    free(base);
    free(work);
    free(snapshot);
    vb_strv_free(tables);
}

static void begin(void)
{
    vb_autofree char *ours = vb_path_join(fuzz_directory(), "ours.sqlite3");
    vb_auto(vb_universe_free) vb_universe *universe = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto(vb_gen3_export_free) vb_gen3_export *x = NULL;
    vb_gen3_export_what all = {0};
    vb_auto_error err = VB_ERROR_INIT;

    base = vb_path_join(fuzz_directory(), "base.sqlite3");
    work = vb_path_join(fuzz_directory(), "gen3.sqlite3");
    snapshot = vb_path_join(fuzz_directory(), "snapshot.sqlite3");
    atexit(end);
    check(!vb_universe_builtin(8, &universe, &err));
    check(!vb_registry_create(ours, universe, "snapshot", &reg, &err));
    put_records(reg);
    put_datasets(reg);
    check(!vb_gen3_export_begin(reg, base, &all, &x, &err));
    check(!vb_gen3_export_each(x, export_file, x, &err));
    check(!vb_gen3_export_end(x, &err));
    tables = damage_tables(base);
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

static vb_gen3_config *configuration(void)
{
    vb_gen3_config *c = VB_NEW(vb_gen3_config);

    c->root = vb_strdup(fuzz_directory());
    c->db = vb_strdup(work);
    c->overrides = json_object();
    *VB_PUSH(c->datastores, c->ndatastores, c->cap) = (vb_gen3_datastore){vb_strdup("FileDatastore@<butlerRoot>"),
                                                                          vb_strdup(fuzz_directory()),
                                                                          vb_strdup("file_datastore_records")};
    return c;
}

static int read_all(vb_error *err)
{
    vb_auto(vb_gen3_close) vb_gen3 *g = NULL;
    vb_gen3_copy_options options = {0};
    vb_gen3_source *source;
    vb_gen3_counts counts;
    int r = vb_gen3_source_sqlite(work, &source, err);

    if (!r)
        r = vb_gen3_open_source(configuration(), source, &g, err);
    if (!r)
        r = vb_gen3_select(g, NULL, err);
    return r < 0 ? r : vb_gen3_snapshot(g, snapshot, &options, &counts, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    if (!base)
        begin();
    damage_copy(base, tables, work, data, size);
    r = read_all(&err);
    if (r < 0)
        check_refused(r, &err);
    else
        check(size > 0 || !err.code);
    unlink(snapshot);
    return 0;
}
