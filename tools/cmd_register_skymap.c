#include "fs/ingest/skymap.h"
#include "registry/base/text.h"
#include "tools/commands.h"

#include <stdio.h>

static const char *run_name = "skymaps";

static void print_map(const vb_skymap *map)
{
    char tracts[32], patches[32];
    int64_t n = 0;

    for (size_t i = 0; i < map->count; i++)
        n += map->tracts[i].nx * map->tracts[i].ny;
    printf("registered sky map %s (%s, %s %s)\n", map->name,
           vb_plural(tracts, sizeof tracts, (int64_t)map->count, "tract"), vb_thousands(patches, sizeof patches, n),
           n == 1 ? "patch" : "patches");
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    __attribute__((cleanup(vb_skymap_clear))) vb_skymap map = {0};
    int r = vb_repo_open(argv[0], &repo, err);

    if (!r)
        r = vb_skymap_register(repo, argv[1], run_name, &map, err);
    if (r < 0)
        return VB_EXIT_FAILED;
    if (r)
        print_map(&map);
    else
        printf("sky map %s was registered already\n", map.name);
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"run", 0, VB_OPTION_TEXT, &run_name, "RUN",
     "the RUN that gets the definition as dataset skyMap (default skymaps)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_register_skymap = {
    .name = "register-skymap",
    .arguments = "REPO SKYMAP.yaml",
    .summary = "divide the sky into tracts and patches",
    .details = "docs/skymaps.md tells the keys of the file. Registering a sky map again does nothing; "
               "another definition under the same name is an error.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
