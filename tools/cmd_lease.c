#include "registry/base/clock.h"
#include "registry/lease.h"
#include "registry/netfs.h"
#include "registry/repo.h"
#include "tools/commands.h"
#include "tools/confirm.h"

#include <inttypes.h>
#include <stdio.h>

static bool break_it, force;
static bool confirm = true;

static int show(const vb_repo *repo, vb_lease_holder *h, vb_error *err)
{
    char since[28];
    int r = vb_lease_look(repo->registry_path, h, err);

    if (r < 0)
        return r;
    if (!r)
        printf("nobody is writing to %s%s\n", repo->root,
               vb_is_network_fs(repo->registry_path)
                   ? ""
                   : " under a lease: it lies on a local file system, and needs none");
    else
        printf("process %" PRId64 " on %s is writing to %s since %s: %s\nlast sign of life %.0f s ago%s\n", h->pid,
               h->host, repo->root, vb_clock_iso(h->since, since), h->command, h->silent > 0 ? h->silent : 0.0,
               h->dead    ? "; it is dead"
               : h->stale ? "; it may be dead"
                          : "");
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto_lease_holder holder = {0};
    int r = vb_repo_open(argv[0], &repo, err);

    if (!r)
        r = show(repo, &holder, err);
    if (r <= 0 || !break_it)
        return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
    if (force && confirm && vb_confirm("take it away from a writer that may live?", err) <= 0)
        return VB_EXIT_FAILED;
    if (vb_lease_break(repo->registry_path, force, err) < 0)
        return VB_EXIT_FAILED;
    puts("the lease is broken");
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"break", 0, VB_OPTION_FLAG, &break_it, NULL, "take away the lease of a writer that gives no sign of life"},
    {"force", 0, VB_OPTION_FLAG, &force, NULL, "with --break: also of one that does, after a question"},
    {"no-confirm", 0, VB_OPTION_NO_FLAG, &confirm, NULL, "with --force: do not ask"},
    VB_OPTION_END,
};

const vb_command vb_cmd_lease = {
    .name = "lease",
    .arguments = "REPO",
    .summary = "tell who is writing to a repository on a network file system",
    .details =
        "There a writer holds a lease while its transaction lasts, and touches it every few seconds. Others wait for it, "
        "for a minute at most. The lease of a process of this host that is dead is taken over without a word of yours.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
