/* Any bytes are an export that is refused in a sentence and leaves the repository as it was, or that is imported and
 * can be exported again. */
#include "fs/exchange/export.h"
#include "fs/exchange/import.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static vb_repo *repo;

static void close_repo(void)
{
    vb_repo_close(repo);
}

/* A repository, made anew after each import: the next must not meet what the last has left. */
static void make_repo(void)
{
    vb_autofree char *dir = vb_path_join(fuzz_directory(), "repo");

    if (!repo)
        atexit(close_repo);
    else
        vb_repo_close(repo);
    check(vb_remove_tree(AT_FDCWD, dir, NULL) == 0);
    check(vb_repo_create(dir, 8, NULL) == 0);
    check(vb_repo_open(dir, &repo, NULL) == 0);
}

static int import(const char *name, const uint8_t *data, size_t size, vb_error *err)
{
    vb_autofree char *path = vb_path_join(fuzz_directory(), name);
    vb_import_options options = {.transfer = VB_TRANSFER_DIRECT, .skip_missing = true, .threads = 1};
    vb_import_report report;
    int r;

    check(vb_write_file(AT_FDCWD, path, data, size, 0600, false, NULL) == 0);
    r = vb_import(repo, fuzz_directory(), path, &options, &report, err);
    vb_import_report_clear(&report);
    return r;
}

/* Nothing but the tables of an empty repository. */
static void check_empty(void)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    char **names = NULL;
    bool any = true;

    check(vb_repo_registry(repo, VB_ACCESS_READ, &reg, NULL) == 0);
    check(vb_dataset_any(reg, &any, NULL) == 0 && !any);
    check(vb_collection_list(reg, "", NULL, 10, &names, NULL) == 0 && !*names);
    vb_strv_free(names);
    check(vb_dataset_type_names(reg, &names, NULL) == 0 && !*names);
    vb_strv_free(names);
}

/* What was imported is exported, and imported again, and nothing is new then. */
static void check_round_trip(void)
{
    vb_autofree char *out = vb_path_join(fuzz_directory(), "out"), *yaml = vb_path_join(out, "export.yaml");
    vb_export_request request = {.file = "export.yaml", .threads = 1, .transfer = VB_EXPORT_DIRECT};
    vb_import_options options = {.transfer = VB_TRANSFER_DIRECT, .skip_missing = true, .threads = 1};
    vb_auto_error err = VB_ERROR_INIT;
    vb_export_report exported;
    vb_import_report report;

    check(vb_export(repo, out, &request, &exported, &err) == 0);
    vb_export_report_clear(&exported);
    check(vb_import(repo, out, yaml, &options, &report, &err) == 0);
    check(!report.records && !report.datasets && !report.associated);
    vb_import_report_clear(&report);
    check(vb_remove_tree(AT_FDCWD, out, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    if (!repo) {
        vb_autofree char *artifact = vb_path_join(fuzz_directory(), "a.yaml");

        make_repo();
        check(vb_write_file(AT_FDCWD, artifact, "1\n", 2, 0600, false, NULL) == 0);
    }
    r = import("export.yaml", data, size, &err);
    if (r < 0) {
        check_refused(r, &err);
        check_empty();
        return 0;
    }
    check_round_trip();
    make_repo();
    return 0;
}
