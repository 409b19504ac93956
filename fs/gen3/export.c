#include "fs/gen3/export.h"

#include "fs/gen3/export_files.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void vb_gen3_export_report_clear(vb_gen3_export_report *report)
{
    vb_strv_free(report->classes);
    report->classes = NULL;
}

int vb_gen3_export_mode_parse(const char *text, vb_gen3_export_mode *out, vb_error *err)
{
    static const char *const names[] = {"direct", "copy", "hardlink", "symlink", "relsymlink", "link", NULL};
    const char *near;

    for (size_t i = 0; names[i]; i++)
        if (!strcmp(text, names[i])) {
            *out = (vb_gen3_export_mode)i;
            return 0;
        }
    vb_fail(err, -EINVAL, "no transfer mode '%s' for an export: there are " VB_GEN3_EXPORT_MODES, text);
    near = vb_nearest(text, names);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    return -EINVAL;
}

/* ---- the directory -------------------------------------------------------------------------------------------- */

static int check_vacant(const char *dir, bool *made, vb_error *err)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    bool vacant = true;

    *made = !d && errno == ENOENT;
    if (*made)
        return vb_mkdirs(AT_FDCWD, dir, 0777, err);
    if (!d)
        return vb_fail_errno(err, -errno, "exporting to %s", dir);
    while (vacant && (entry = readdir(d)))
        vacant = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    closedir(d);
    if (vacant)
        return 0;
    vb_fail(err, -ENOTEMPTY, "exporting to %s: the directory is not empty", dir);
    vb_hint(err, "name one that is not there yet; 'butler transfer-datasets' takes from it into an older one");
    return -ENOTEMPTY;
}

/* Takes away all that is in a directory that was empty. */
static void clear_directory(const char *dir, bool made)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    while (d && (entry = readdir(d)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            vb_remove_tree(dirfd(d), entry->d_name, NULL);
    if (d)
        closedir(d);
    if (made)
        rmdir(dir);
}

/* ---- the configuration ---------------------------------------------------------------------------------------- */

static const char configuration[] = "datastore:\n"
                                    "  cls: lsst.daf.butler.datastores.fileDatastore.FileDatastore\n"
                                    "  records:\n"
                                    "    table: file_datastore_records\n"
                                    "  root: <butlerRoot>\n";

static const char registry_configuration[] =
    "registry:\n"
    "  db: sqlite:///<butlerRoot>/gen3.sqlite3\n"
    "  managers:\n"
    "    attributes: lsst.daf.butler.registry.attributes.DefaultButlerAttributeManager\n"
    "    collections: lsst.daf.butler.registry.collections.synthIntKey.SynthIntKeyCollectionManager\n"
    "    datasets: lsst.daf.butler.registry.datasets.byDimensions.ByDimensionsDatasetRecordStorageManagerUUID\n"
    "    datastores: lsst.daf.butler.registry.bridge.monolithic.MonolithicDatastoreRegistryBridgeManager\n"
    "    dimensions: lsst.daf.butler.registry.dimensions.static.StaticDimensionRecordStorageManager\n"
    "    opaque: lsst.daf.butler.registry.opaque.ByNameOpaqueTableStorageManager\n";

/* A section as JSON in one line, which YAML reads too. */
static void add_section(vb_buf *out, const char *indent, const char *name, const json_t *section)
{
    char *text = json_object_size(section) ? json_dumps(section, JSON_ENSURE_ASCII) : NULL;

    if (text)
        vb_buf_printf(out, "%s%s: %s\n", indent, name, text);
    free(text);
}

static void print_configuration(const json_t *overrides, vb_buf *out)
{
    vb_buf_puts(out, configuration);
    add_section(out, "  ", "formatters", json_object_get(overrides, "formatters"));
    add_section(out, "  ", "templates", json_object_get(overrides, "templates"));
    vb_buf_puts(out, registry_configuration);
    add_section(out, "", "storageClasses", json_object_get(overrides, "storageClasses"));
}

static int write_configuration(const char *dir, const json_t *overrides, vb_error *err)
{
    vb_autofree char *path = vb_path_join(dir, "butler.yaml");
    vb_auto_buf text = {0};

    print_configuration(overrides, &text);
    return vb_write_file(AT_FDCWD, path, text.data, text.len, 0666, true, err);
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static int fill(const vb_repo *repo, vb_registry *reg, const char *dir, const vb_gen3_export_options *options,
                vb_gen3_export_report *report, vb_error *err)
{
    vb_auto(vb_gen3_export_free) vb_gen3_export *x = NULL;
    vb_auto(vb_gen3_files_free) vb_gen3_files *files = NULL;
    vb_autofree char *database = vb_path_join(dir, "gen3.sqlite3");
    int r = vb_gen3_export_begin(reg, database, &options->what, &x, err);

    if (!r)
        r = vb_gen3_files_new(repo, reg, dir, options, &files, err);
    if (!r)
        r = vb_gen3_files_put(files, x, err);
    if (!r)
        r = vb_gen3_export_end(x, err);
    if (!r)
        r = write_configuration(dir, vb_gen3_files_overrides(files), err);
    if (r < 0)
        return r;
    report->counts = vb_gen3_export_count(x);
    report->files = vb_gen3_files_count(files);
    report->classes = vb_strv_dup(vb_gen3_files_classes(files));
    return 0;
}

int vb_gen3_export_repository(const vb_repo *repo, const char *dir, const vb_gen3_export_options *options,
                              vb_gen3_export_report *report, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_autofree char *absolute = NULL;
    bool made = false;
    int r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, err);

    *report = (vb_gen3_export_report){0};
    if (!r)
        r = check_vacant(dir, &made, err);
    if (r < 0)
        return r;
    absolute = vb_path_absolute(dir, err);
    r = absolute ? fill(repo, reg, absolute, options, report, err) : -ENOENT;
    if (r < 0)
        clear_directory(dir, made);
    return r;
}

int vb_gen3_export_names(vb_registry *reg, const char *database, vb_gen3_name_fn *name, void *arg, vb_buf *out,
                         vb_error *err)
{
    vb_gen3_export_options options = {.transfer = VB_GEN3_EXPORT_NAMES, .name = name, .name_arg = arg};
    vb_auto(vb_gen3_export_free) vb_gen3_export *x = NULL;
    vb_auto(vb_gen3_files_free) vb_gen3_files *files = NULL;
    int r = vb_gen3_export_begin(reg, database, &options.what, &x, err);

    if (!r)
        r = vb_gen3_files_new(NULL, reg, NULL, &options, &files, err);
    if (!r)
        r = vb_gen3_files_put(files, x, err);
    if (!r)
        r = vb_gen3_export_end(x, err);
    if (!r)
        print_configuration(vb_gen3_files_overrides(files), out);
    return r;
}
