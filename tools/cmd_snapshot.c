#include "registry/base/text.h"
#include "registry/repo.h"
#include "registry/snapshot.h"
#include "tools/commands.h"
#include "tools/graph_options.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *output, *where;
static char **collections, **types;
static bool find_first;

/* A repository's registry, or another snapshot. */
static int open_source(const char *path, vb_registry **reg, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    struct stat st;
    int r;

    if (stat(path, &st))
        return vb_fail_errno(err, -errno, "%s", path);
    if (S_ISDIR(st.st_mode)) {
        r = vb_repo_open(path, &repo, err);
        return r < 0 ? r : vb_repo_registry(repo, VB_ACCESS_READ, reg, err);
    }
    r = vb_registry_open(path, VB_ACCESS_IMMUTABLE, reg, err);
    if (!r && strcmp(vb_registry_format(*reg), "snapshot") != 0)
        r = vb_fail(err, -EINVAL, "%s: is a %s: snapshots are made of repositories and snapshots", path,
                    vb_registry_format(*reg));
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_autofree char *command = vb_command_line();
    vb_snapshot_spec spec = {collections, types, where, find_first, command};
    vb_snapshot_counts counts;
    char datasets[48], quanta[48], records[48], size[32];
    struct stat st;
    int r;

    if (!output && vb_fail(err, -EINVAL, "where to? give --output FILE (-o)"))
        return VB_EXIT_USAGE;
    if (!collections && vb_fail(err, -EINVAL, "of what? give --collections COLL,..."))
        return VB_EXIT_USAGE;
    r = open_source(argv[0], &reg, err);
    if (!r)
        r = vb_snapshot_make(reg, &spec, output, &counts, err);
    if (r < 0)
        return VB_EXIT_FAILED;
    printf("%s: snapshot %s of %s, %s and %s (%s)\n", output, counts.id,
           vb_plural(datasets, sizeof datasets, counts.datasets, "dataset"),
           vb_plural(records, sizeof records, counts.records, "dimension record"),
           vb_plural(quanta, sizeof quanta, counts.quanta, "quantum"),
           vb_bytes(size, sizeof size, stat(output, &st) ? 0 : st.st_size));
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"output", 'o', VB_OPTION_TEXT, &output, "FILE", "the snapshot, which must not be there yet"},
    {"collections", 0, VB_OPTION_LIST, &collections, "COLL,...", "collections, or globs, whose datasets it holds"},
    {"dataset-types", 0, VB_OPTION_LIST, &types, "TYPE,...", "only datasets of these types, or globs (default: all)"},
    {"where", 0, VB_OPTION_TEXT, &where, "WHERE", "only datasets that agree: band in ('g','r') and tract=0"},
    {"find-first", 0, VB_OPTION_FLAG, &find_first, NULL,
     "of each data ID only the first, in the order of --collections"},
    VB_OPTION_END,
};

const vb_command vb_cmd_snapshot = {
    .name = "snapshot",
    .arguments = "REPO|SNAPSHOT",
    .summary = "freeze a part of a repository's registry in one file",
    .details =
        "The file holds the datasets with their collections, types, dimension records and what made them. It never changes, "
        "whatever becomes of the repository, and has an id that runs from it record. Artifacts stay where they are: what "
        "the repository prunes cannot be opened any more. It can be mounted, and graphs can be built from it.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
