/* A Gen3 registry of which cells, rows and bytes were changed is read into a snapshot, or refused in a sentence.
 *
 * An input is a list of changes to a small registry that is made when the target starts:
 *     0 TABLE COLUMN ROW KIND LENGTH TEXT...   a cell becomes null, an integer, a number, text or bytes
 *     1 TABLE ROW                              a row goes
 *     2 PARENT POSITION CHILD                  a collection gets a child
 *     3 OFFSET(3) BYTE                         a byte of the file
 *     4 LENGTH(3)                              the file ends there */
#include "registry/gen3/copy.h"
#include "registry/gen3/export.h"
#include "tests/fuzz/fuzz.h"

#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/record.h"

#include <fcntl.h>
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

static void list_tables(void)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    check(!vb_db_open(base, VB_DB_READ, &db, &err));
    check(!vb_sql(db, &s, &err, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", VB_NO_ARGS));
    while (vb_stmt_step(s, &err) > 0)
        vb_strv_add(&tables, vb_col_text(s, 0));
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
    list_tables();
}

/* ---- changes -------------------------------------------------------------------------------------------------- */

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *in, int bytes)
{
    unsigned n = 0;

    for (; bytes--; in->size -= in->size > 0)
        n = n << 8 | (in->size ? *in->data++ : 0);
    return n;
}

static const char *take_table(struct input *in)
{
    return tables[take(in, 1) % vb_strv_count(tables)];
}

static vb_arg take_value(struct input *in)
{
    unsigned kind = take(in, 1) % 5;
    size_t n = take(in, 1);
    const uint8_t *text = in->data;

    n = n < in->size ? n : in->size;
    in->data += n;
    in->size -= n;
    switch (kind) {
    case VB_INT: return vb_arg_int(n ? (int64_t)(text[0] - 8 + (n > 1 ? (uint64_t)text[1] << 56 : 0)) : 0);
    case VB_REAL: return vb_arg_real(n ? text[0] / 3.0 : 0);
    case VB_TEXT:
    case VB_BYTES: return (vb_arg){.kind = (vb_kind)kind, .data = n ? (const void *)text : "", .len = n};
    default: return (vb_arg){.kind = VB_NULL};
    }
}

static void change_cell(vb_db *db, struct input *in)
{
    const char *table = take_table(in);
    vb_autofree char *find = vb_format("SELECT name FROM pragma_table_info('%s') ORDER BY (cid + %u) %% 7 LIMIT 1",
                                       table, take(in, 1));
    vb_autofree char *sql = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    unsigned row = take(in, 1) % 16 + 1;
    vb_arg value = take_value(in);

    if (vb_sql(db, &s, NULL, find, VB_NO_ARGS) < 0 || vb_stmt_step(s, NULL) <= 0)
        return;
    sql = vb_format("UPDATE \"%s\" SET \"%s\" = ? WHERE rowid = %u OR %u = 16", table, vb_col_text(s, 0), row, row);
    vb_sql_exec(db, NULL, sql, &value, 1);
}

static void change(vb_db *db, struct input *in, int file)
{
    vb_autofree char *sql = NULL;
    const char *table;
    uint8_t byte;
    off_t offset;

    switch (take(in, 1) % 5) {
    case 0: change_cell(db, in); return;
    case 1:
        table = take_table(in);
        sql = vb_format("DELETE FROM \"%s\" WHERE rowid = %u", table, take(in, 1));
        vb_sql_exec(db, NULL, sql, VB_NO_ARGS);
        return;
    case 2:
        vb_sql_exec(db, NULL, "INSERT INTO collection_chain VALUES (?, ?, ?)",
                    VB_ARGS(take(in, 1) % 5, take(in, 1), take(in, 1) % 5));
        return;
    case 3:
        offset = take(in, 3);
        byte = (uint8_t)take(in, 1);
        check(pwrite(file, &byte, 1, offset) >= 0);
        return;
    case 4: check(!ftruncate(file, take(in, 3))); return;
    }
}

static void copy_base(void)
{
    vb_autoclose int from = open(base, O_RDONLY | O_CLOEXEC);
    vb_autoclose int to = open(work, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    check(from >= 0 && to >= 0 && !vb_copy_fd(from, to, NULL));
}

static void apply(struct input in)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_autoclose int file = open(work, O_RDWR | O_CLOEXEC);

    check(!vb_db_open(work, VB_DB_WRITE, &db, NULL));
    vb_db_run(db,
              "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF;"
              "PRAGMA journal_mode = OFF; PRAGMA mmap_size = 0",
              NULL);
    for (int i = 0; i < 16 && in.size; i++)
        change(db, &in, file);
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
    copy_base();
    apply((struct input){data, size});
    r = read_all(&err);
    if (r < 0)
        check_refused(r, &err);
    else
        check(size > 0 || !err.code);
    unlink(snapshot);
    return 0;
}
