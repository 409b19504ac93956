#include "registry/component.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"

#include <ctype.h>
#include <string.h>

enum { MAX_NAME = 64 };

void vb_file_clear(vb_file *f)
{
    free(f->component);
    free(f->storage_class);
    vb_location_clear(&f->location);
    *f = (vb_file){0};
}

static char *copy_text(const char *text)
{
    return text ? vb_strdup(text) : NULL;
}

vb_file vb_file_copy(const vb_file *f)
{
    vb_file copy = *f;

    copy.component = copy_text(f->component);
    copy.storage_class = copy_text(f->storage_class);
    copy.location.path = copy_text(f->location.path);
    copy.location.formatter = copy_text(f->location.formatter);
    return copy;
}

void vb_files_clear(vb_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        vb_file_clear(&files->items[i]);
    free(files->items);
    *files = (vb_files){0};
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

#define FILE_COLUMNS                                                                                 \
    "SELECT component, number, storage_class, store_id, path, size, checksum, mtime, formatter FROM" \
    " component WHERE dataset_id = ?"

static char *text_of(vb_stmt *s, int i)
{
    return vb_col_null(s, i) ? NULL : vb_strdup(vb_col_text(s, i));
}

/* The row of FILE_COLUMNS that the statement stands on. */
static void read_row(vb_stmt *s, vb_file *out)
{
    size_t n;
    const void *checksum;

    *out = (vb_file){.component = text_of(s, 0),
                     .number = (int)vb_col_int(s, 1),
                     .storage_class = text_of(s, 2),
                     .location = {.store_id = vb_col_int(s, 3),
                                  .path = text_of(s, 4),
                                  .size = vb_col_int(s, 5),
                                  .mtime = vb_col_null(s, 7) ? -1 : vb_col_int(s, 7),
                                  .formatter = text_of(s, 8)}};
    checksum = vb_col_blob(s, 6, &n);
    if (checksum && n == sizeof out->location.checksum.bytes) {
        out->location.has_checksum = true;
        memcpy(out->location.checksum.bytes, checksum, n);
    }
}

int vb_files_get(vb_registry *reg, int64_t dataset_id, vb_files *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_files files = {0};
    vb_auto_location whole = {0};
    int r = vb_location_get(reg, dataset_id, &whole, err);

    if (r > 0) {
        VB_PUSH(files.items, files.count, files.cap)->location = whole;
        whole = (vb_location){0};
    }
    if (r >= 0)
        r = vb_sql(reg->db, &s, err, FILE_COLUMNS " ORDER BY component", VB_ARGS(dataset_id));
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        read_row(s, VB_PUSH(files.items, files.count, files.cap));
        r = 0;
    }
    if (r < 0)
        return r;
    *out = files;
    files = (vb_files){0};
    return 0;
}

int vb_files_each(vb_registry *reg, vb_place_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT dataset_id, 0, store_id, path FROM location"
                   " UNION ALL SELECT dataset_id, number, store_id, path FROM component",
                   VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_location place = {.store_id = vb_col_int(s, 2), .path = (char *)vb_col_text(s, 3), .size = -1, .mtime = -1};

        r = each(arg, vb_col_int(s, 0), (int)vb_col_int(s, 1), &place, err);
    }
    return r;
}

int vb_component_get(vb_registry *reg, int64_t dataset_id, const char *component, vb_file *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, FILE_COLUMNS " AND component = ?", VB_ARGS(dataset_id, component));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0)
        read_row(s, out);
    return r;
}

static int next_number(vb_registry *reg, int64_t dataset_id, int *out, vb_error *err)
{
    int64_t last = 0;
    int r = vb_sql_int(reg->db, &last, err, "SELECT ifnull(max(number), 0) FROM component WHERE dataset_id = ?",
                       VB_ARGS(dataset_id));

    if (r < 0)
        return r;
    *out = (int)last + 1;
    return last < VB_MAX_COMPONENTS
               ? 0
               : vb_fail(err, -E2BIG, "a dataset has at most %d components", (int)VB_MAX_COMPONENTS);
}

int vb_component_insert(vb_registry *reg, const vb_dataset *d, vb_file *f, vb_error *err)
{
    const vb_location *l = &f->location;
    vb_blob checksum = {l->has_checksum ? l->checksum.bytes : NULL, sizeof l->checksum.bytes};
    vb_value mtime = l->mtime < 0 ? (vb_value){0} : vb_value_int(l->mtime);
    int r = next_number(reg, d->id, &f->number, err);

    if (!r)
        r = vb_sql_exec(reg->db, err, "INSERT INTO component VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        VB_ARGS(d->id, f->component, f->number, l->store_id, l->path, l->size, checksum, &mtime,
                                l->formatter, f->storage_class));
    if (r == -EEXIST) {
        vb_auto_buf what = {0};

        vb_dataset_print(d, &what);
        vb_fail(err, -EEXIST, "%s: has a component '%s' already", vb_buf_text(&what), f->component);
    }
    return r < 0 ? r
                 : vb_sql_exec(reg->db, err, "INSERT OR IGNORE INTO component_summary VALUES (?, ?)",
                               VB_ARGS(d->type->id, f->component));
}

int vb_component_forget(vb_registry *reg, int64_t dataset_id, const char *component, vb_error *err)
{
    int r = vb_sql_exec(reg->db, err, "DELETE FROM component WHERE dataset_id = ? AND component = ?",
                        VB_ARGS(dataset_id, component));

    return r < 0 ? r
                 : vb_sql_exec(reg->db, err, "DELETE FROM datastore_record WHERE dataset_id = ? AND component = ?",
                               VB_ARGS(dataset_id, component));
}

int vb_component_set_mtime(vb_registry *reg, int64_t dataset_id, const char *component, int64_t mtime, vb_error *err)
{
    return vb_sql_exec(reg->db, err, "UPDATE component SET mtime = ? WHERE dataset_id = ? AND component = ?",
                       VB_ARGS(mtime, dataset_id, component));
}

/* ---- of a type -------------------------------------------------------------------------------------------- */

int vb_component_known(vb_registry *reg, int64_t type_id, const char *component, vb_error *err)
{
    int64_t one;

    return vb_sql_int(reg->db, &one, err, "SELECT 1 FROM component_summary WHERE type_id = ? AND component = ?",
                      VB_ARGS(type_id, component));
}

int vb_component_names(vb_registry *reg, int64_t type_id, char ***out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    char **names = vb_alloc(sizeof *names);
    int r = vb_sql(reg->db, &s, err, "SELECT component FROM component_summary WHERE type_id = ? ORDER BY component",
                   VB_ARGS(type_id));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_strv_add(&names, vb_col_text(s, 0));
        r = 0;
    }
    *out = names;
    return r;
}

/* ---- TYPE.COMPONENT --------------------------------------------------------------------------------------- */

int vb_component_check_name(const char *name, vb_error *err)
{
    bool good = isalpha((unsigned char)*name) || *name == '_';

    for (const char *p = name; *p; p++)
        good = good && (isalnum((unsigned char)*p) || *p == '_');
    if (good && strlen(name) <= MAX_NAME)
        return 0;
    return vb_fail(err, -EINVAL,
                   "'%s' cannot name a component: a letter or '_', then letters, digits and '_', at most %d", name,
                   (int)MAX_NAME);
}

bool vb_component_split(const char *name, char **type, char **component)
{
    const char *dot = strchr(name, '.');

    if (!dot || dot == name || vb_component_check_name(dot + 1, NULL) < 0)
        return false;
    *type = vb_strndup(name, (size_t)(dot - name));
    *component = vb_strdup(dot + 1);
    return true;
}

int vb_component_find(vb_registry *reg, const char *name, const vb_dataset_type **type, char **component, vb_error *err)
{
    vb_autofree char *type_name = NULL, *part = NULL;
    int r;

    if (!vb_component_split(name, &type_name, &part))
        return 0;
    r = vb_dataset_type_find(reg, type_name, type, err);
    if (!r)
        r = vb_component_known(reg, (*type)->id, part, err);
    if (r > 0)
        *component = VB_STEAL(part);
    return r == -ENOENT ? 0 : r;
}

void vb_component_type(const vb_dataset_type *type, const char *component, const char *storage_class,
                       vb_dataset_type *out)
{
    *out = (vb_dataset_type){.id = type->id,
                             .name = vb_format("%s.%s", type->name, component),
                             .group = type->group,
                             .group_id = type->group_id,
                             .storage_class = vb_strdup(storage_class),
                             .is_calibration = type->is_calibration};
}

const vb_dataset_type *vb_file_type(const vb_dataset_type *type, const vb_file *f, vb_dataset_type *part)
{
    if (!f->component)
        return type;
    vb_component_type(type, f->component, f->storage_class, part);
    return part;
}
