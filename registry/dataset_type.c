#include "registry/dataset_type.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/schema.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

void vb_dataset_type_clear(vb_dataset_type *t)
{
    free(t->name);
    free(t->storage_class);
    free(t->extension);
    *t = (vb_dataset_type){0};
}

#define TYPE_COLUMNS                                                                                \
    "SELECT t.id, t.name, g.dimensions, t.group_id, t.storage_class, t.is_calibration, t.extension" \
    " FROM dataset_type t JOIN dataid_group g ON g.id = t.group_id"

/* Remembers the row of TYPE_COLUMNS that the statement stands on. */
static int remember(vb_registry *reg, vb_stmt *s, const vb_dataset_type **out, vb_error *err)
{
    char **names = vb_split(vb_col_text(s, 2), ',', NULL);
    struct vb_known_type *known;
    const vb_group *group;
    int r = vb_universe_conform_names(reg->universe, names, &group, err);

    vb_strv_free(names);
    if (r < 0)
        return r;
    known = VB_NEW(struct vb_known_type);
    known->t = (vb_dataset_type){
        .id = vb_col_int(s, 0),
        .name = vb_strdup(vb_col_text(s, 1)),
        .group = group,
        .group_id = vb_col_int(s, 3),
        .storage_class = vb_strdup(vb_col_text(s, 4)),
        .is_calibration = vb_col_int(s, 5),
        .extension = vb_col_null(s, 6) ? NULL : vb_strdup(vb_col_text(s, 6)),
    };
    HASH_ADD(by_id, reg->types_by_id, t.id, sizeof known->t.id, known);
    HASH_ADD_KEYPTR(by_name, reg->types_by_name, known->t.name, strlen(known->t.name), known);
    *out = &known->t;
    return 0;
}

static int no_such_type(vb_registry *reg, const char *name, vb_error *err)
{
    const char *dot = strchr(name, '.');
    char **names = NULL;

    vb_fail(err, -ENOENT, "no dataset type '%s'", name);
    if (dot > name && *(dot + 1)) {
        vb_hint(err, "a component is a part of its datasets: name their type, '%.*s'", (int)(dot - name), name);
        return -ENOENT;
    }
    if (err && !vb_dataset_type_names(reg, &names, NULL)) {
        const char *near = vb_nearest(name, (const char *const *)names);

        if (near)
            vb_hint(err, "did you mean '%s'?", near);
        vb_strv_free(names);
    }
    return -ENOENT;
}

int vb_dataset_type_find(vb_registry *reg, const char *name, const vb_dataset_type **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    struct vb_known_type *known;
    int r;

    vb_registry_check_memory(reg);
    HASH_FIND(by_name, reg->types_by_name, name, strlen(name), known);
    if (known) {
        *out = &known->t;
        return 0;
    }
    r = vb_sql(reg->db, &s, err, TYPE_COLUMNS " WHERE t.name = ?", VB_ARGS(name));
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r < 0 ? r : no_such_type(reg, name, err);
    return remember(reg, s, out, err);
}

int vb_dataset_type_by_id(vb_registry *reg, int64_t id, const vb_dataset_type **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    struct vb_known_type *known;
    int r;

    vb_registry_check_memory(reg);
    HASH_FIND(by_id, reg->types_by_id, &id, sizeof id, known);
    if (known) {
        *out = &known->t;
        return 0;
    }
    r = vb_sql(reg->db, &s, err, TYPE_COLUMNS " WHERE t.id = ?", VB_ARGS(id));
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r < 0 ? r : vb_fail(err, -ENOENT, "no dataset type number %" PRId64, id);
    return remember(reg, s, out, err);
}

/* Rubin's rule, without its component separator. */
static int check_name(const char *name, vb_error *err)
{
    bool good = isalpha((unsigned char)*name) || *name == '_';

    for (const char *p = name; *p; p++)
        good = good && (isalnum((unsigned char)*p) || strchr("_-+", *p));
    if (good && strlen(name) <= 128)
        return 0;
    return vb_fail(err, -EINVAL,
                   "'%s' cannot name a dataset type: a letter, then letters, digits, '_', '-' and '+', at "
                   "most 128",
                   name);
}

/* What differs between a registered type and a wanted one, in words; NULL: nothing. */
static char *difference(const vb_dataset_type *is, const vb_dataset_type *wanted)
{
    if (is->group != wanted->group)
        return vb_format("it has dimensions {%s}, not {%s}", is->group->key, wanted->group->key);
    if (strcmp(is->storage_class, wanted->storage_class))
        return vb_format("it has storage class %s, not %s", is->storage_class, wanted->storage_class);
    if (is->is_calibration != wanted->is_calibration)
        return vb_format("it is %sa calibration", is->is_calibration ? "" : "not ");
    if (is->extension && wanted->extension && strcmp(is->extension, wanted->extension))
        return vb_format("it has extension %s, not %s", is->extension, wanted->extension);
    return NULL;
}

int vb_dataset_type_register(vb_registry *reg, const vb_dataset_type *wanted, const vb_dataset_type **out,
                             vb_error *err)
{
    vb_auto_error missing = VB_ERROR_INIT;
    vb_autofree char *conflict = NULL;
    const vb_dataset_type *found;
    int64_t group_id;
    int r = check_name(wanted->name, err);

    if (r < 0)
        return r;
    r = vb_dataset_type_find(reg, wanted->name, &found, &missing);
    if (!r && (conflict = difference(found, wanted)))
        return vb_fail(err, -EEXIST, "dataset type '%s' is there already, and differs: %s", wanted->name, conflict);
    if (r == -ENOENT) {
        r = vb_schema_group(reg->db, wanted->group, &group_id, err);
        if (!r)
            r = vb_sql_exec(reg->db, err,
                            "INSERT INTO dataset_type (name, group_id, storage_class, is_calibration,"
                            " extension) VALUES (?, ?, ?, ?, ?)",
                            VB_ARGS(wanted->name, group_id, wanted->storage_class, wanted->is_calibration,
                                    wanted->extension));
        if (!r)
            r = vb_dataset_type_find(reg, wanted->name, &found, err);
    } else if (r < 0) {
        vb_error_move(err, &missing);
    }
    if (!r && out)
        *out = found;
    return r;
}

static int collect_names(vb_stmt *s, char ***out, vb_error *err)
{
    char **names = NULL;
    size_t n = 0;
    int r;

    while ((r = vb_stmt_step(s, err)) > 0) {
        names = vb_realloc(names, n + 2, sizeof *names);
        names[n++] = vb_strdup(vb_col_text(s, 0));
        names[n] = NULL;
    }
    *out = names ? names : vb_alloc(sizeof *names);
    return r;
}

int vb_dataset_type_list(vb_registry *reg, int64_t collection_id, const char *after, size_t limit, char ***out,
                         vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT t.name FROM collection_summary JOIN dataset_type t ON t.id = type_id"
                   " WHERE collection_id = ? AND t.name > ? ORDER BY t.name LIMIT ?",
                   VB_ARGS(collection_id, after ? after : "", limit));

    return r < 0 ? r : collect_names(s, out, err);
}

int vb_dataset_type_names(vb_registry *reg, char ***out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT name FROM dataset_type ORDER BY name", VB_NO_ARGS);

    return r < 0 ? r : collect_names(s, out, err);
}

const char *vb_dataset_type_extension(const vb_dataset_type *t, const char *path)
{
    static const struct {
        const char *storage_class, *extension;
    } known[] = {
        {"Exposure", ".fits"},
        {"ExposureF", ".fits"},
        {"ExposureI", ".fits"},
        {"Image", ".fits"},
        {"ImageF", ".fits"},
        {"Mask", ".fits"},
        {"MaskX", ".fits"},
        {"SourceCatalog", ".fits"},
        {"SimpleCatalog", ".fits"},
        {"ArrowAstropy", ".parq"},
        {"DataFrame", ".parq"},
        {"ArrowTable", ".parq"},
        {"ButlerLogRecords", ".json"},
        {"TaskMetadata", ".json"},
        {"Packages", ".yaml"},
        {"StructuredDataDict", ".yaml"},
        {"Config", ".py"},
    };

    if (t->extension)
        return t->extension;
    for (size_t i = 0; i < VB_COUNT(known); i++)
        if (!strcmp(t->storage_class, known[i].storage_class))
            return known[i].extension;
    return path ? vb_path_extension(path) : "";
}
