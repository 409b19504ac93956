#include "tools/graph_options.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

vb_graph_options vb_graph_opt;

int vb_graph_options_repo(vb_repo **repo, vb_error *err)
{
    if (!vb_graph_opt.repo)
        return vb_fail(err, -EINVAL, "which repository? give --butler-config REPO (-b)");
    return vb_repo_open(vb_graph_opt.repo, repo, err);
}

int vb_graph_options_source(const vb_repo *repo, vb_registry **out, vb_error *err)
{
    int r;

    if (!vb_graph_opt.snapshot)
        return vb_repo_registry(repo, VB_ACCESS_READ, out, err);
    r = vb_registry_open(vb_graph_opt.snapshot, VB_ACCESS_IMMUTABLE, out, err);
    if (!r && strcmp(vb_registry_format(*out), "snapshot") != 0)
        r = vb_fail(err, -EINVAL, "--snapshot %s: is a %s", vb_graph_opt.snapshot, vb_registry_format(*out));
    return r;
}

char *vb_command_line(void)
{
    vb_auto_buf raw = {0};
    vb_buf out = {0};

    if (vb_read_file(AT_FDCWD, "/proc/self/cmdline", 1 << 20, &raw, NULL) < 0)
        return vb_strdup("vbutler");
    for (size_t i = 0; i < raw.len; i += strlen(raw.data + i) + 1) {
        vb_buf_separate(&out, " ");
        vb_buf_shell(&out, raw.data + i);
    }
    return vb_buf_steal(&out);
}

int vb_graph_options_plan(bool needs_pipeline, vb_error *err)
{
    vb_plan *plan = &vb_graph_opt.plan;

    plan->config = vb_graph_opt.config;
    plan->binds = vb_graph_opt.binds;
    plan->inputs = vb_graph_opt.inputs;
    plan->skip_existing_in = vb_graph_opt.skip_existing_in;
    plan->command_line = vb_command_line();
    if (needs_pipeline && !plan->pipeline)
        return vb_fail(err, -EINVAL, "which pipeline? give --pipeline FILE (-p)");
    if (plan->prune_replaced && strcmp(plan->prune_replaced, "purge") && strcmp(plan->prune_replaced, "unstore"))
        return vb_fail(err, -EINVAL, "--prune-replaced is 'purge' or 'unstore', not '%s'", plan->prune_replaced);
    if (plan->prune_replaced && !plan->replace_run)
        return vb_fail(err, -EINVAL, "--prune-replaced goes with --replace-run");
    return 0;
}

int vb_graph_options_build(vb_registry *reg, const char *path, vb_error *err)
{
    int64_t start = vb_clock_monotonic_ns();
    vb_graph_counts counts;
    char quanta[48], tasks[48], inputs[48], outputs[48];
    vb_auto_buf rest = {0};
    int r = vb_plan_graph(reg, &vb_graph_opt.plan, path, &counts, err);

    if (r < 0)
        return r;
    vb_plural(quanta, sizeof quanta, counts.quanta, "quantum");
    vb_plural(tasks, sizeof tasks, counts.tasks, "task");
    vb_plural(inputs, sizeof inputs, counts.inputs, "dataset");
    vb_plural(outputs, sizeof outputs, counts.outputs, "output");
    if (counts.skipped)
        vb_buf_printf(&rest, "; done already: %" PRId64, counts.skipped);
    if (counts.pruned)
        vb_buf_printf(&rest, "; left out: %" PRId64, counts.pruned);
    vb_log(VB_INFO, "%s in %s, reading %s, making %s%s (%.2f s)", quanta, tasks, inputs, outputs, vb_buf_text(&rest),
           (double)(vb_clock_monotonic_ns() - start) / 1e9);
    return 0;
}
