#include "runner/graph/plan.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/pipeline/pipeline.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

/* ---- collections ------------------------------------------------------------------------------------------------- */

/* A collection that may not be there: *out is NULL then. */
static int find_optional(vb_registry *reg, const char *name, const vb_collection **out, vb_error *err)
{
    vb_auto_error missing = VB_ERROR_INIT;
    int r = vb_collection_find(reg, name, out, &missing);

    if (!r)
        return 0;
    *out = NULL;
    if (r == -ENOENT)
        return 0;
    vb_error_move(err, &missing);
    return r;
}

/* The names of collections, chains and globs resolved, in the order of search. */
static int flatten(vb_registry *reg, char *const *names, char ***out, vb_error *err)
{
    vb_auto_search search = {0};
    int r = vb_search_resolve(reg, names, &search, err);

    *out = vb_alloc(sizeof **out);
    for (size_t i = 0; !r && i < search.count; i++)
        vb_strv_add(out, search.items[i]->name);
    return r;
}

/* True where `part` stands in `whole`, in its order and without gaps. */
static bool contiguous(char *const *part, char *const *whole)
{
    size_t n = vb_strv_count(part), m = vb_strv_count(whole);

    for (size_t start = 0; start + n <= m; start++) {
        size_t i = 0;

        while (i < n && !strcmp(part[i], whole[start + i]))
            i++;
        if (i == n)
            return true;
    }
    return n == 0;
}

static int check_contiguous(vb_registry *reg, const vb_plan *plan, char *const *children, vb_error *err)
{
    char **wanted = NULL, **whole = NULL;
    int r = flatten(reg, plan->inputs, &wanted, err);

    if (!r)
        r = flatten(reg, children, &whole, err);
    if (!r && !contiguous(wanted, whole)) {
        r = vb_fail(err, -EINVAL, "output chain '%s' is there already, and --input is no contiguous part of it",
                    plan->output);
        vb_hint(err, "leave out --input to go on with the chain's own inputs, or give --rebase to put the new ones "
                     "behind its runs");
    }
    vb_strv_free(wanted);
    vb_strv_free(whole);
    return r;
}

/* CHAIN/TIME; where a run of this second is there already, of the next that is free. */
static char *stamped_run(vb_registry *reg, const char *chain)
{
    const vb_collection *taken;
    char stamp[17];

    for (int64_t now = vb_clock_unix_ns();; now += 1000000000) {
        char *name = vb_format("%s/%s", chain, vb_clock_run_stamp(now, stamp));

        if (vb_collection_find(reg, name, &taken, NULL) < 0)
            return name;
        free(name);
    }
}

static void add_all(char ***to, char *const *from)
{
    for (; from && *from; from++)
        if (!vb_strv_has(*to, *from))
            vb_strv_add(to, *from);
}

/* What --extend-run and --replace-run speak of: the chain's first child, which must be a run. */
static int first_run(vb_registry *reg, const vb_plan *plan, char *const *children, vb_error *err)
{
    const char *what = plan->extend_run ? "extend" : "replace";
    const vb_collection *first;
    int r = children[0] ? vb_collection_find(reg, children[0], &first, err)
                        : vb_fail(err, -ENOENT, "--%s-run: chain '%s' has no run to %s", what, plan->output, what);

    if (r < 0 || first->type == VB_RUN)
        return r;
    return vb_fail(err, -EINVAL, "--%s-run: chain '%s' begins with %s collection '%s', which is no run to %s", what,
                   plan->output, vb_collection_type_name(first->type), first->name, what);
}

/* The chain exists: its children, less a run that is replaced, with the new run before them. */
static int extend_chain(vb_registry *reg, const vb_plan *plan, const vb_collection *chain, vb_graph_spec *spec,
                        vb_error *err)
{
    char **children = NULL, **flat = NULL;
    int r = vb_collection_children(reg, chain, &children, err);
    size_t skip = plan->replace_run && children && children[0] ? 1 : 0;

    if (!r && plan->inputs && !plan->rebase)
        r = check_contiguous(reg, plan, children, err);
    if (!r && plan->inputs)
        r = flatten(reg, plan->inputs, &flat, err);
    if (!r && (plan->replace_run || (plan->extend_run && !plan->output_run)))
        r = first_run(reg, plan, children, err);
    if (!r)
        spec->run = plan->output_run   ? vb_strdup(plan->output_run)
                    : plan->extend_run ? vb_strdup(children[0])
                                       : stamped_run(reg, plan->output);
    if (!r) {
        if (skip)
            spec->replaced = vb_strdup(children[0]);
        vb_strv_add(&spec->chain_children, spec->run);
        for (char **child = children + skip; *child; child++)
            if (strcmp(*child, spec->run) && !(plan->rebase && vb_strv_has(flat, *child)))
                vb_strv_add(&spec->chain_children, *child);
        add_all(&spec->chain_children, flat);
        /* What is searched: all of the chain but the run that is being made. */
        for (char **child = spec->chain_children + 1; *child; child++)
            vb_strv_add(&spec->inputs, *child);
    }
    vb_strv_free(children);
    vb_strv_free(flat);
    return r;
}

static int new_chain(vb_registry *reg, const vb_plan *plan, vb_graph_spec *spec, vb_error *err)
{
    char **flat = NULL;
    int r;

    if (!plan->inputs) {
        vb_fail(err, -EINVAL, "output chain '%s' is not there yet, so --input must say where to read from",
                plan->output);
        return -EINVAL;
    }
    r = flatten(reg, plan->inputs, &flat, err);
    if (!r) {
        spec->run = plan->output_run ? vb_strdup(plan->output_run) : stamped_run(reg, plan->output);
        vb_strv_add(&spec->chain_children, spec->run);
        add_all(&spec->chain_children, flat);
        spec->inputs = vb_strv_dup(plan->inputs);
    }
    vb_strv_free(flat);
    return r;
}

static int plan_collections(vb_registry *reg, const vb_plan *plan, vb_graph_spec *spec, vb_error *err)
{
    const vb_collection *chain = NULL, *run = NULL;
    int r = 0;

    if (!plan->output && !plan->output_run)
        return vb_fail(err, -EINVAL, "where to? give --output (a chain) or --output-run (a run)");
    if (plan->extend_run && plan->replace_run)
        return vb_fail(err, -EINVAL, "--extend-run and --replace-run exclude each other");
    if (plan->output) {
        r = find_optional(reg, plan->output, &chain, err);
        if (!r && chain && chain->type != VB_CHAINED)
            r = vb_fail(err, -EINVAL, "--output '%s' is a %s; it must be a CHAINED collection, or not be there yet",
                        plan->output, vb_collection_type_name(chain->type));
        if (!r && !chain && (plan->extend_run || plan->replace_run) && !plan->output_run)
            r = vb_fail(err, -ENOENT, "chain '%s' is not there: there is no run to %s", plan->output,
                        plan->extend_run ? "extend" : "replace");
        spec->chain = vb_strdup(plan->output);
        if (!r)
            r = chain ? extend_chain(reg, plan, chain, spec, err) : new_chain(reg, plan, spec, err);
    } else {
        spec->run = vb_strdup(plan->output_run);
        spec->inputs = vb_strv_dup(plan->inputs);
    }
    if (!r)
        r = find_optional(reg, spec->run, &run, err);
    if (!r && run && !plan->extend_run) {
        r = vb_fail(err, -EEXIST, "run '%s' is there already", spec->run);
        vb_hint(err, "--extend-run adds to it");
    }
    spec->extends_run = run != NULL;
    return r;
}

/* ---- pipelines --------------------------------------------------------------------------------------------------- */

static void plan_existing(const vb_plan *plan, vb_graph_spec *spec)
{
    spec->clobber_outputs = plan->clobber_outputs;
    if (plan->skip_existing_in)
        spec->skip_existing_in = vb_strv_dup(plan->skip_existing_in);
    if (plan->skip_existing && plan->extend_run)
        vb_strv_add(&spec->skip_existing_in, spec->run);
}

/* A pipeline that names its instrument speaks of that one only. */
static char *add_instrument(const char *where, const char *instrument)
{
    if (!instrument || strchr(instrument, '.')) /* Rubin's: the name of a Python class */
        return where ? vb_strdup(where) : NULL;
    return where && *where ? vb_format("instrument='%s' AND (%s)", instrument, where)
                           : vb_format("instrument='%s'", instrument);
}

int vb_plan_graph(vb_registry *reg, const vb_plan *plan, const char *path, vb_graph_counts *counts, vb_error *err)
{
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_graph_spec spec = {0};
    int r = vb_pipeline_load(plan->pipeline, &p, err);

    for (char *const *c = plan->config; !r && c && *c; c++)
        r = vb_pipeline_override(p, *c, err);
    if (!r)
        r = plan_collections(reg, plan, &spec, err);
    if (!r)
        r = vb_pipeline_resolve(p, reg, &spec, err);
    if (r < 0)
        return r;
    for (char *const *sentence = vb_pipeline_unevaluated(p); sentence && *sentence; sentence++)
        vb_log(VB_WARNING, "%s", *sentence);
    plan_existing(plan, &spec);
    spec.where = add_instrument(plan->where, vb_pipeline_instrument(p));
    spec.binds = plan->binds ? vb_strv_dup(plan->binds) : NULL;
    spec.command = plan->command_line ? vb_strdup(plan->command_line) : NULL;
    spec.prune_replaced = plan->prune_replaced ? vb_strdup(plan->prune_replaced) : NULL;
    return vb_graph_build(reg, &spec, path, counts, err);
}

/* ---- ad-hoc commands --------------------------------------------------------------------------------------------- */

/* A program's name as a task's label. */
static char *label_of(const char *program)
{
    char *label = vb_format("%s%s", isalpha((unsigned char)*vb_path_base(program)) ? "" : "x", vb_path_base(program));

    for (char *p = label; *p; p++)
        if (!isalnum((unsigned char)*p))
            *p = '_';
    return label;
}

/* The words as a command whose braces mean nothing. */
static char *literal_definition(char *const *argv)
{
    json_t *words = json_array(), *object = json_object();
    char *text;

    for (; *argv; argv++) {
        vb_auto_buf word = {0};

        for (const char *p = *argv; *p; p++)
            vb_buf_puts(&word, *p == '{' ? "{{" : *p == '}' ? "}}" : (char[]){*p, 0});
        json_array_append_new(words, json_string(vb_buf_text(&word)));
    }
    json_object_set_new(object, "command", words);
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static void add_own(vb_task_spec *task, const vb_group *none, const char *suffix, const char *connection, vb_role role,
                    const char *storage_class, const char *extension)
{
    vb_connection_spec *c = VB_PUSH(task->connections, task->count, task->cap);

    c->name = vb_strdup(connection);
    c->role = role;
    c->minimum = 1;
    c->type = (vb_dataset_type){.name = vb_format("%s_%s", task->label, suffix),
                                .group = none,
                                .storage_class = vb_strdup(storage_class),
                                .extension = vb_strdup(extension)};
}

int vb_plan_command(vb_registry *reg, const vb_plan *plan, char *const *argv, const char *path, vb_error *err)
{
    const vb_group *none = vb_universe_conform(vb_registry_universe(reg), (vb_dimset){{0}});
    vb_auto_graph_spec spec = {0};
    vb_graph_counts counts;
    vb_task_spec *task;
    int r = plan_collections(reg, plan, &spec, err);

    for (char *const *word = argv; !r && *word; word++)
        if (!vb_utf8_valid(*word, strlen(*word)))
            r = vb_fail(err, -EINVAL, "word %d of the command ('%s') is not UTF-8: a graph cannot hold it",
                        (int)(word - argv) + 1, *word);
    if (r < 0)
        return r;
    task = VB_PUSH(spec.tasks, spec.ntasks, spec.tasks_cap);
    task->label = label_of(argv[0]);
    task->group = none;
    task->definition = literal_definition(argv);
    add_own(task, none, "log", "_log", VB_ROLE_LOG, "ButlerLogRecords", ".json");
    add_own(task, none, "metadata", "_metadata", VB_ROLE_METADATA, "TaskMetadata", ".json");
    spec.command = plan->command_line ? vb_strdup(plan->command_line) : NULL;
    return vb_graph_build(reg, &spec, path, &counts, err);
}
