#include "fs/gen3/export_files.h"

#include "fs/remote/url.h"
#include "fs/store/store.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/component.h"
#include "registry/gen3/formatters.h"
#include "registry/gen3/template.h"
#include "registry/storage_class.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

enum { MAX_NAMED = 3 }; /* files that an error names */

/* A file that is to be made. */
struct file {
    vb_location location;
    char *target;  /* below the directory */
    char *dataset; /* for messages */
    vb_error error;
    UT_hash_handle hh; /* by target */
};

struct vb_gen3_files {
    const vb_gen3_export_options *options;
    vb_registry *reg;
    vb_stores *stores;
    vb_gen3_templates *templates;
    vb_gen3_export *x;
    vb_storage_classes *known;
    json_t *overrides;
    char **classes;
    int dir;
    struct file **files, *by_target;
    size_t count, cap;
    size_t rows;
};

int vb_gen3_files_new(const vb_repo *repo, vb_registry *reg, const char *dir, const vb_gen3_export_options *options,
                      vb_gen3_files **out, vb_error *err)
{
    vb_auto(vb_gen3_files_free) vb_gen3_files *f = VB_NEW(vb_gen3_files);
    vb_autofree char *configuration = NULL;
    int r = 0;

    f->options = options;
    f->reg = reg;
    f->dir = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir && f->dir < 0)
        return vb_fail_errno(err, -errno, "opening %s", dir);
    if (repo)
        r = vb_stores_open(reg, repo->root, &f->stores, err);
    if (!r)
        r = vb_storage_classes_open(reg, &f->known, err);
    if (!r)
        r = vb_registry_meta(reg, "gen3_configuration", &configuration, err);
    if (r < 0)
        return r;
    f->overrides = configuration ? json_loads(configuration, 0, NULL) : NULL;
    if (!json_is_object(f->overrides)) {
        json_decref(f->overrides);
        f->overrides = json_object();
    }
    f->templates = vb_gen3_templates_new(reg, json_object_get(f->overrides, "templates"));
    *out = VB_STEAL(f);
    return 0;
}

void vb_gen3_files_free(vb_gen3_files *f)
{
    HASH_CLEAR(hh, f->by_target);
    for (size_t i = 0; i < f->count; i++) {
        vb_location_clear(&f->files[i]->location);
        free(f->files[i]->target);
        free(f->files[i]->dataset);
        vb_error_clear(&f->files[i]->error);
        free(f->files[i]);
    }
    free(f->files);
    if (f->templates)
        vb_gen3_templates_free(f->templates);
    if (f->stores)
        vb_stores_close(f->stores);
    if (f->known)
        vb_storage_classes_close(f->known);
    if (f->dir >= 0)
        close(f->dir);
    vb_strv_free(f->classes);
    json_decref(f->overrides);
    free(f);
}

size_t vb_gen3_files_count(const vb_gen3_files *f)
{
    return f->rows;
}

const json_t *vb_gen3_files_overrides(const vb_gen3_files *f)
{
    return f->overrides;
}

char *const *vb_gen3_files_classes(const vb_gen3_files *f)
{
    static char *none[] = {NULL};

    return f->classes ? f->classes : none;
}

/* ---- formatters ----------------------------------------------------------------------------------------------- */

static json_t *section(vb_gen3_files *f, const char *name)
{
    json_t *there = json_object_get(f->overrides, name);

    if (!there) {
        there = json_object();
        json_object_set_new(f->overrides, name, there);
    }
    return there;
}

/* Defines a storage class of ours in butler.yaml, with its components, and those that these have. */
static void define_class(vb_gen3_files *f, const char *name, const char *extension, const char *formatter)
{
    const vb_storage_class *class = vb_storage_class_find(f->known, name);
    const char *python, *ours = vb_gen3_formatter_of_extension(extension, &python);
    json_t *definition;

    if (vb_storage_class_is_rubins(name) || json_object_get(section(f, "storageClasses"), name))
        return;
    definition = vb_storage_class_json(class);
    if (!definition)
        definition = json_object();
    json_object_set_new(definition, "pytype", json_string(python));
    json_object_set_new(section(f, "storageClasses"), name, definition);
    if (!formatter)
        formatter = class && class->formatter ? class->formatter : ours;
    if (!json_object_get(section(f, "formatters"), name))
        json_object_set_new(section(f, "formatters"), name, json_string(formatter));
    vb_strv_add(&f->classes, name);
    for (size_t i = 0; class && i < class->count; i++)
        define_class(f, class->components[i].storage_class, "", NULL);
}

/* The formatter of a file of a storage class, which is that of the dataset type or of the component. */
static const char *formatter_of(vb_gen3_files *f, const char *name, const char *extension, const char *recorded)
{
    const vb_storage_class *class = vb_storage_class_find(f->known, name);
    const char *python;

    define_class(f, name, extension, recorded);
    if (recorded)
        return recorded;
    return class && class->formatter ? class->formatter : vb_gen3_formatter_of_extension(extension, &python);
}

/* ---- paths ---------------------------------------------------------------------------------------------------- */

/* An absolute path as a URL: what is not plain is quoted. */
static void put_url(vb_buf *out, const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/";

    for (; *path; path++)
        if (strchr(plain, *path))
            vb_buf_putc(out, *path);
        else
            vb_buf_printf(out, "%%%02X", (unsigned char)*path);
}

static int direct_path(vb_gen3_files *f, const vb_dataset *d, const vb_location *l, vb_buf *path, vb_error *err)
{
    vb_autofree char *file = vb_stores_path(f->stores, l);
    const char *part = vb_location_part(l->path);
    vb_auto_buf what = {0};

    if (part && !vb_starts_with(part, "#unzip=")) {
        vb_dataset_print(d, &what);
        vb_fail(err, -EINVAL, "%s: is a part of a file (%s), which Rubin's butler cannot name", vb_buf_text(&what),
                l->path);
        vb_hint(err, "--transfer copy makes a file of it");
        return -EINVAL;
    }
    if (vb_location_is_remote(file)) {
        vb_buf_puts(path, file);
    } else {
        vb_buf_puts(path, "file://");
        put_url(path, file);
    }
    if (part) {
        vb_buf_puts(path, "#unzip=");
        put_url(path, part + strlen("#unzip="));
    }
    return 0;
}

/* 1 where another file has the name already. */
static int take_name(vb_gen3_files *f, const vb_dataset *d, const char *component, const char *path, vb_error *err)
{
    struct file *taken;

    if (f->options->name)
        return f->options->name(f->options->name_arg, path, d, component, err);
    HASH_FIND_STR(f->by_target, path, taken);
    return taken != NULL;
}

/* The template's path with the artifact's extension; digits of the UUID where another dataset has it. */
static int template_path(vb_gen3_files *f, const vb_dataset *d, const vb_location *l, const char *component,
                         vb_buf *path, vb_error *err)
{
    const char *part = vb_location_part(l->path), *name = part && part[1] == 'u' ? part : l->path, *extension;
    vb_autofree char *whole = vb_strndup(name, part && name != part ? (size_t)(part - name) : strlen(name));
    vb_autofree char *plain = vb_location_is_remote(whole) ? vb_url_name(whole) : vb_strdup(whole);
    const vb_collection *run;
    char uuid[VB_UUID_TEXT];
    int r = vb_collection_by_id(f->reg, d->run_id, &run, err);

    if (!r)
        r = vb_gen3_template_path(f->templates, d, run->name, component, path, err);
    if (r < 0)
        return r;
    if (!vb_path_is_safe(vb_buf_text(path)))
        return vb_fail(err, -EINVAL, "%s: a file template leads out of the repository", vb_buf_text(path));
    extension = vb_path_extension(plain);
    if (!*extension)
        extension = vb_dataset_type_extension(d->type, plain);
    vb_buf_puts(path, extension);
    r = take_name(f, d, component, vb_buf_text(path), err);
    if (r > 0) {
        path->len -= strlen(extension);
        vb_buf_printf(path, "_%s%s", vb_uuid_format(d->uuid, uuid) + 28, extension);
        r = take_name(f, d, component, vb_buf_text(path), err);
    }
    return r < 0 ? r : 0;
}

static void plan(vb_gen3_files *f, const vb_dataset *d, const vb_location *l, const char *target)
{
    struct file *file = VB_NEW(struct file);
    vb_auto_buf what = {0};

    vb_dataset_print(d, &what);
    file->location = *l;
    file->location.path = vb_strdup(l->path);
    file->location.formatter = NULL;
    file->target = vb_strdup(target);
    file->dataset = vb_buf_steal(&what);
    HASH_ADD_KEYPTR(hh, f->by_target, file->target, strlen(file->target), file);
    *VB_PUSH(f->files, f->count, f->cap) = file;
}

static int add_dataset(void *arg, const vb_dataset *d, const vb_location *l, const vb_gen3_export_extra *extra,
                       vb_error *err)
{
    vb_gen3_files *f = arg;
    bool direct = f->options->transfer == VB_GEN3_EXPORT_DIRECT;
    vb_gen3_export_row row = {.dataset = d,
                              .component = extra->component,
                              .checksum = extra->checksum,
                              .size = l->size};
    vb_auto_part part = {0};
    const char *extension;
    vb_auto_buf path = {0};
    int r = direct ? direct_path(f, d, l, &path, err) : template_path(f, d, l, extra->component, &path, err);

    if (r < 0)
        return r;
    if (!direct && f->options->transfer != VB_GEN3_EXPORT_NAMES)
        plan(f, d, l, vb_buf_text(&path));
    if (extra->component)
        vb_component_type(d->type, extra->component, extra->storage_class, &part);
    extension = vb_dataset_type_extension(extra->component ? &part : d->type, l->path);
    row.storage_class = extra->storage_class ? extra->storage_class : d->type->storage_class;
    row.path = vb_buf_text(&path);
    row.formatter = formatter_of(f, extra->component ? extra->storage_class : d->type->storage_class, extension,
                                 l->formatter);
    if (extra->component) /* the composite itself must be known too */
        define_class(f, d->type->storage_class, "", NULL);
    f->rows++;
    return vb_gen3_export_file(f->x, &row, err);
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static int copy(vb_gen3_files *f, struct file *file)
{
    vb_autoclose int to = openat(f->dir, file->target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (to < 0)
        return vb_fail_errno(&file->error, -errno, "making %s", file->target);
    return vb_stores_copy_artifact(f->stores, &file->location, to, &file->error);
}

/* What is linked to must still be what was registered. */
static int check(vb_gen3_files *f, struct file *file)
{
    vb_content content = {.fd = -1};
    int r;

    if (!vb_stores_is_local(f->stores, &file->location)) {
        vb_fail(&file->error, -EINVAL, "is not on this machine, and cannot be linked to");
        vb_hint(&file->error, "--transfer copy fetches it, direct leaves it where it is");
        return -EINVAL;
    }
    if (vb_location_part(file->location.path)) {
        vb_fail(&file->error, -EINVAL, "is a part of a file, which cannot be linked");
        vb_hint(&file->error, "--transfer copy makes a file of it");
        return -EINVAL;
    }
    r = vb_stores_open_artifact(f->stores, &file->location, &content, &file->error);
    if (content.fd >= 0)
        close(content.fd);
    return r;
}

static int symlink_to(vb_gen3_files *f, struct file *file, const char *source, bool relative)
{
    vb_auto_buf text = {0};

    if (relative) {
        vb_autofree char *base = vb_format("/proc/self/fd/%d", f->dir), *dir = vb_path_absolute(base, &file->error);
        const char *a = dir ? dir : "", *b = source;
        size_t common = 0;

        for (size_t i = 0; a[i] && a[i] == b[i]; i++)
            common = a[i] == '/' ? i : common;
        if (!a[strnlen(a, 4096)] && !strncmp(a, b, strlen(a)) && b[strlen(a)] == '/')
            common = strlen(a);
        for (const char *p = file->target; *p; p++)
            vb_buf_puts(&text, *p == '/' ? "../" : "");
        for (const char *p = a + common; *p; p++)
            vb_buf_puts(&text, *p == '/' ? "../" : "");
        vb_buf_puts(&text, b + common + 1);
    } else {
        vb_buf_puts(&text, source);
    }
    if (symlinkat(vb_buf_text(&text), f->dir, file->target))
        return vb_fail_errno(&file->error, -errno, "linking %s", file->target);
    return 0;
}

static int link_file(vb_gen3_files *f, struct file *file)
{
    vb_gen3_export_mode mode = f->options->transfer;
    vb_autofree char *path = vb_stores_path(f->stores, &file->location), *source = NULL;
    int r = check(f, file);

    if (r < 0)
        return r;
    source = realpath(path, NULL);
    if (!source)
        return vb_fail_errno(&file->error, -errno, "artifact %s", path);
    if (mode == VB_GEN3_EXPORT_HARDLINK || mode == VB_GEN3_EXPORT_LINK) {
        if (!linkat(AT_FDCWD, source, f->dir, file->target, 0))
            return 0;
        if (mode == VB_GEN3_EXPORT_HARDLINK || (errno != EXDEV && errno != EPERM && errno != EMLINK))
            return vb_fail_errno(&file->error, -errno, "linking %s", file->target);
    }
    return symlink_to(f, file, source, mode == VB_GEN3_EXPORT_RELSYMLINK);
}

static void make_file(void *arg, size_t i)
{
    vb_gen3_files *f = arg;
    struct file *file = f->files[i];
    vb_autofree char *dir = vb_path_dir(file->target);

    if (vb_mkdirs(f->dir, dir, 0777, &file->error) < 0)
        return;
    if (f->options->transfer == VB_GEN3_EXPORT_COPY)
        copy(f, file);
    else
        link_file(f, file);
}

static int check_files(const vb_gen3_files *f, vb_error *err)
{
    size_t failed = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct file *file = f->files[i];

        if (!file->error.code || ++failed > MAX_NAMED)
            continue;
        if (failed == 1)
            vb_fail(err, file->error.code, "%s: %s", file->dataset, file->error.message);
        else if (err)
            vb_fail(err, err->code, "%s\n%s: %s", err->message, file->dataset, file->error.message);
        if (failed == 1 && file->error.hint)
            vb_hint(err, "%s", file->error.hint);
    }
    if (failed > MAX_NAMED && err)
        vb_fail(err, err->code, "%s\nand %zu more files", err->message, failed - MAX_NAMED);
    return failed ? -EINVAL : 0;
}

int vb_gen3_files_put(vb_gen3_files *f, vb_gen3_export *x, vb_error *err)
{
    int r;

    f->x = x;
    r = vb_gen3_export_each(x, add_dataset, f, err);
    if (r < 0 || !f->count)
        return r;
    vb_parallel(f->count, f->options->threads, make_file, f, "exporting files", f->options->progress);
    return check_files(f, err);
}
