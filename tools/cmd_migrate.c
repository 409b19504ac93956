#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/migrate.h"
#include "registry/repo.h"
#include "registry/schema.h"
#include "tools/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static bool dry_run;

static void tell(void *arg, int64_t from, const char *what)
{
    printf("%" PRId64 " -> %" PRId64 "  %s\n", from, from + 1, what);
    fflush(stdout);
}

/* A repository's registry, or a file itself. */
static int find_file(const char *path, char **file, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    struct stat st;
    int r;

    if (stat(path, &st))
        return vb_fail_errno(err, -errno, "%s", path);
    if (!S_ISDIR(st.st_mode)) {
        *file = vb_strdup(path);
        return 0;
    }
    r = vb_repo_open(path, &repo, err);
    if (!r)
        *file = vb_strdup(repo->registry_path);
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_autofree char *file = NULL;
    int r = find_file(argv[0], &file, err);

    if (!r)
        r = vb_migrate(file, dry_run, tell, NULL, err);
    if (r < 0)
        return VB_EXIT_FAILED;
    printf(!r        ? "%s has schema version %d already\n"
           : dry_run ? "%s would get schema version %d\n"
                     : "%s has schema version %d now\n",
           argv[0], VB_SCHEMA_VERSION);
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"dry-run", 0, VB_OPTION_FLAG, &dry_run, NULL, "only say which steps it needs"},
    VB_OPTION_END,
};

const vb_command vb_cmd_migrate = {
    .name = "migrate",
    .arguments = "REPO|FILE",
    .summary = "bring a registry, snapshot or graph of an older vbutler to this one's schema",
    .details =
        "A registry is changed in place, in one transaction; a snapshot or a graph is replaced by a new file. A kill "
        "leaves the old version or the new one. Older vbutlers refuse the file then, so let nobody run them, and make a "
        "backup first.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
