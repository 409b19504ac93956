#include "tools/mount_gen3.h"

#include "fs/store/parallel.h"
#include "registry/base/mem.h"
#include "registry/gen3/chosen.h"
#include "registry/gen3/private.h"
#include "tools/progress.h"
#include "tools/sweep.h"

void vb_mount_gen3_unlink(const char *file)
{
    vb_gen3_private_unlink(file);
}

static bool wants(void *arg, const vb_uuid *uuid)
{
    return vb_gen3_chosen_has(arg, uuid);
}

static int wants_record(void *arg, const vb_element *e, const vb_value *key, vb_error *err)
{
    return vb_gen3_chosen_record(arg, e, key, err);
}

static int make_snapshot(const char *path, char *const *collections, const char *where, const char *file, vb_error *err)
{
    vb_auto(vb_gen3_chosen_free) vb_gen3_chosen *chosen = NULL;
    const vb_progress *progress = vb_progress_on_terminal();
    vb_gen3_copy_options options = {.tell = progress ? progress->tell : NULL,
                                    .tell_arg = progress ? progress->arg : NULL};
    vb_auto(vb_gen3_close) vb_gen3 *g = NULL;
    vb_gen3_counts counts;
    int r = vb_gen3_open(path, &g, err);

    if (!r)
        r = vb_gen3_select(g, collections, err);
    if (!r && (where || !vb_gen3_all_wanted(g))) {
        r = vb_gen3_choose(g, where, &options, &chosen, err);
        options.wants = wants;
        options.wants_record = wants_record;
        options.arg = chosen;
    }
    if (!r)
        r = vb_gen3_snapshot(g, file, &options, &counts, err);
    vb_progress_end();
    return r;
}

int vb_mount_gen3_snapshot(const char *path, char *const *collections, const char *where, char **file, vb_error *err)
{
    vb_autofree char *made = NULL;
    int r;

    vb_sweep_on_signals(true);
    r = vb_gen3_private_file(&made, err);
    if (!r)
        r = make_snapshot(path, collections, where, made, err);
    vb_sweep_on_signals(false);
    if (r < 0 && made)
        vb_mount_gen3_unlink(made);
    if (!r)
        *file = VB_STEAL(made);
    return r;
}
