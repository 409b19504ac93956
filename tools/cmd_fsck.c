#include "fs/care/fsck.h"
#include "registry/base/mem.h"
#include "registry/base/rows.h"
#include "registry/base/text.h"
#include "runner/run/claims.h"
#include "tools/commands.h"
#include "tools/confirm.h"
#include "tools/progress.h"

#include <stdio.h>

static const char *format_name = "table", *repository;
static bool repair, checksum, dry_run;
static bool confirm = true;
static int64_t processes;

static const vb_column columns[] = {{"damage", NULL},
                                    {"dataset", NULL},
                                    {"path", NULL},
                                    {"detail", NULL},
                                    {"repair", NULL}};

static void show(void *arg, const vb_finding *f)
{
    vb_rows *rows = arg;

    vb_rows_text(rows, vb_damage_name(f->kind));
    vb_rows_text(rows, f->dataset);
    vb_rows_text(rows, f->path);
    vb_rows_text(rows, f->detail);
    vb_rows_text(rows, f->mending);
}

static int64_t all_found(const vb_fsck_counts *c)
{
    int64_t n = 0;

    for (int i = 0; i < VB_DAMAGE_KINDS; i++)
        n += c->found[i];
    return n;
}

/* "3 missing, 1 orphaned", on stderr: stdout is for the rows. */
static void summarize(const vb_fsck_counts *c, bool snapshot)
{
    char files[32], datasets[32];
    const char *before = "found ";

    fprintf(stderr, "looked at %s", vb_plural(datasets, sizeof datasets, c->datasets, "artifact"));
    if (!snapshot)
        fprintf(stderr, " and %s", vb_plural(files, sizeof files, c->files, "file"));
    fputs(all_found(c) ? ": " : ": all is well", stderr);
    for (int i = 0; i < VB_DAMAGE_KINDS; i++)
        if (c->found[i]) {
            fprintf(stderr, "%s%lld %s", before, (long long)c->found[i], vb_damage_name((vb_damage)i));
            before = ", ";
        }
    fputc('\n', stderr);
}

/* Work that was left in the middle is no damage: but who looks after a kill wants to know. */
static int tell_unfinished(const vb_repo *repo, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    char **graphs = NULL;
    int r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, err);

    if (!r)
        r = vb_runs_unfinished(repo, reg, &graphs, err);
    for (char **g = graphs; !r && g && *g; g++)
        fprintf(stderr, "a run was left in the middle; go on with it: vbutler run -b %s -g %s\n", repo->root, *g);
    vb_strv_free(graphs);
    return r;
}

static int mend(vb_fsck *f, vb_error *err)
{
    const vb_fsck_counts *c = vb_fsck_result(f);
    int r;

    if (!c->mendable || dry_run) {
        fprintf(stderr, c->mendable ? "--dry-run: nothing was done\n" : "nothing of it can be repaired here\n");
        return 0;
    }
    if (confirm && (r = vb_confirm("repair what the column 'repair' says?", err)) <= 0)
        return r;
    r = vb_fsck_mend(f, err);
    if (r >= 0)
        fprintf(stderr, "repaired %lld of %lld\n", (long long)(c->mendable - c->failed), (long long)all_found(c));
    return r < 0 ? r : c->failed ? vb_fail(err, -EIO, "%lld could not be repaired", (long long)c->failed) : 1;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_fsck_free) vb_fsck *f = NULL;
    vb_fsck_options options = {.checksum = checksum,
                               .threads = (size_t)processes,
                               .claims = vb_run_claims,
                               .each = show};
    const vb_fsck_counts *c;
    vb_format_kind format;
    vb_rows *rows;
    int r = vb_format_parse(format_name, &format, err);

    if (r < 0 || (processes < 0 && vb_fail(err, -EINVAL, "--processes: must be positive")))
        return VB_EXIT_USAGE;
    r = vb_repo_open_source(argv[0], repository, &repo, err);
    if (!r && repo->snapshot && repair) {
        vb_fail(err, -EROFS, "%s: is a snapshot, which never changes: --repair is for its repository", argv[0]);
        vb_hint(err, "vbutler fsck --repair %s", repo->root);
        return VB_EXIT_USAGE;
    }
    if (r < 0)
        return VB_EXIT_FAILED;
    rows = vb_rows_new(format, columns, VB_COUNT(columns), vb_rows_to_file, stdout);
    options.arg = rows;
    options.progress = vb_progress_on_terminal();
    f = vb_fsck_new(repo, &options);
    r = vb_fsck_check(f, err);
    vb_progress_end();
    vb_rows_end(rows);
    fflush(stdout);
    if (r < 0)
        return VB_EXIT_FAILED;
    c = vb_fsck_result(f);
    summarize(c, repo->snapshot);
    if (!repo->snapshot && tell_unfinished(repo, err) < 0)
        return VB_EXIT_FAILED;
    if (!all_found(c) || !repair)
        return all_found(c) ? VB_EXIT_FAILED : VB_EXIT_OK;
    r = mend(f, err);
    return r > 0 && c->mendable == all_found(c) ? VB_EXIT_OK : VB_EXIT_FAILED;
}

static const vb_option options[] = {
    {"butler-config", 'b', VB_OPTION_TEXT, &repository, "REPO",
     "where a snapshot's artifacts are, if its repository has moved"},
    {"checksum", 0, VB_OPTION_FLAG, &checksum, NULL, "read all artifacts, and compare their checksums"},
    {"repair", 0, VB_OPTION_FLAG, &repair, NULL, "do what the column 'repair' says, after a question"},
    {"dry-run", 0, VB_OPTION_FLAG, &dry_run, NULL, "with --repair: only say what would be done"},
    {"no-confirm", 0, VB_OPTION_NO_FLAG, &confirm, NULL, "with --repair: do not ask"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N", "read with N threads (default: one a processor)"},
    VB_OPTION_FORMAT(&format_name),
    VB_OPTION_END,
};

const vb_command vb_cmd_fsck = {
    .name = "fsck",
    .arguments = "REPO|SNAPSHOT",
    .summary = "check that a repository's registry, or a snapshot, and its files agree",
    .details =
        "Looks at the registry itself, at every artifact that it names, and at every file of the repository. It changes "
        "nothing without --repair, and may run while others work: what they are making is no damage. With --repair, "
        "files that nothing knows are moved to .vbutler/lost, never removed. Of a snapshot the file itself and the artifacts "
        "that it names are looked at; nothing is repaired.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
