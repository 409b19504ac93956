/* write_exchange.c - a repository goes to another one: as YAML, without its files. */
#include "fs/exchange/export.h"
#include "fs/exchange/import.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tools/bench/work/writing.h"

/* Exports what collections of the repository have, to DIR/exported-NAME. */
static int export_once(bench *b, const char *repository, char *const *collections, const char *name, double *seconds)
{
    vb_autofree char *from = vb_path_join(b->dir, repository), *to = vb_format("%s/exported-%s", b->dir, name);
    vb_export_request request = {.collections = collections, .file = "export.yaml", .transfer = VB_EXPORT_NONE};
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_export_report report = {0};
    double begun = world_seconds();
    int r = vb_repo_open(from, &repo, b->err);

    if (!r)
        r = vb_export(repo, to, &request, &report, b->err);
    *seconds = world_seconds() - begun;
    if (!r && (int64_t)report.datasets != b->files)
        r = vb_fail(b->err, -EIO, "exported %zu datasets of %lld", (size_t)report.datasets, (long long)b->files);
    vb_export_report_clear(&report);
    return r;
}

static int import_once(bench *b, int round, double *seconds)
{
    vb_autofree char *into = vb_format("%s/imported-%d", b->dir, round),
                     *from = vb_format("%s/exported-all-%d", b->dir, round), *file = vb_path_join(from, "export.yaml");
    vb_import_options options = {.transfer = VB_TRANSFER_DIRECT};
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_import_report report = {0};
    double begun;
    int r = vb_repo_create(into, 8, b->err);

    sync();
    begun = world_seconds();
    if (!r)
        r = vb_repo_open(into, &repo, b->err);
    if (!r)
        r = vb_import(repo, from, file, &options, &report, b->err);
    *seconds = world_seconds() - begun;
    if (!r && (int64_t)report.datasets != b->files)
        r = vb_fail(b->err, -EIO, "imported %zu datasets of %lld", report.datasets, (long long)b->files);
    vb_import_report_clear(&report);
    return r;
}

/* After the ingests and the members, whose repositories are exported. */
int write_exchange(bench *b)
{
    char *some[] = {(char *)(uintptr_t) "bench/members", NULL};
    double exported[WRITING_ROUNDS], of_all[WRITING_ROUNDS], imported[WRITING_ROUNDS];
    int r = 0;

    for (int round = 0; !r && round < WRITING_ROUNDS; round++) {
        vb_autofree char *all = vb_format("all-%d", round), *run = vb_format("run-%d", round);

        r = export_once(b, "ingest-direct", NULL, all, &exported[round]);
        if (!r)
            r = import_once(b, round, &imported[round]);
        if (!r)
            r = export_once(b, "repo", some, run, &of_all[round]);
    }
    if (r < 0)
        return r;
    writing_tell(b, "export", exported);
    writing_tell(b, "export_run", of_all);
    writing_tell(b, "import_direct", imported);
    return 0;
}
