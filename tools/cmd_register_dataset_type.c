#include "registry/base/text.h"
#include "registry/dataset_type.h"
#include "registry/repo.h"
#include "tools/commands.h"

#include <stdio.h>

static bool is_calibration;
static const char *extension;

/* The dimensions, one an argument or separated by commas. */
static int conform(vb_registry *reg, int argc, char **argv, const vb_group **out, vb_error *err)
{
    char **names = vb_strv_dup(NULL);
    int r;

    for (int i = 0; i < argc; i++) {
        char **parts = vb_split(argv[i], ',', NULL);

        for (char **p = parts; *p; p++)
            vb_strv_add(&names, *p);
        vb_strv_free(parts);
    }
    r = vb_universe_conform_names(vb_registry_universe(reg), names, out, err);
    vb_strv_free(names);
    return r;
}

static int register_type(vb_registry *reg, int argc, char **argv, vb_error *err)
{
    vb_auto_txn txn = {0};
    vb_dataset_type wanted = {.name = argv[1],
                              .storage_class = argv[2],
                              .is_calibration = is_calibration,
                              .extension = (char *)extension};
    const vb_dataset_type *found;
    int r;

    if (extension && extension[0] != '.')
        return vb_fail(err, -EINVAL, "--extension %s: must begin with a dot, like .fits", extension);
    r = vb_registry_begin(reg, &txn, err);
    if (!r)
        r = conform(reg, argc - 3, argv + 3, &wanted.group, err);
    if (!r)
        r = vb_dataset_type_register(reg, &wanted, &found, err);
    if (!r)
        printf("dataset type %s: %s {%s}\n", found->name, found->storage_class, found->group->key);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    int r = vb_repo_open(argv[0], &repo, err);

    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);
    if (!r)
        r = register_type(reg, argc, argv, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"is-calibration", 0, VB_OPTION_FLAG, &is_calibration, NULL,
     "its datasets may be certified into CALIBRATION collections"},
    {"extension", 0, VB_OPTION_TEXT, &extension, ".EXT", "of its files, with the dot (default: the storage class's)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_register_dataset_type = {
    .name = "register-dataset-type",
    .arguments = "REPO TYPE STORAGE_CLASS [DIMENSION...]",
    .summary = "define a dataset type",
    .details = "Dimensions that follow from others (instrument from detector) need not be named. Defining a "
               "type again as it is does nothing; defining it otherwise is an error.",
    .min_args = 3,
    .max_args = -1,
    .options = options,
    .run = run,
};
