/* resolve.c - from a pipeline to what a quantum graph is built from. */
#include "registry/base/buf.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/storage_class.h"
#include "runner/pipeline/internal.h"

#include <string.h>

/* A dataset type as all that speak of it say together. */
struct stated {
    vb_dataset_type type;     /* group NULL: nobody has said its dimensions yet */
    const vb_yaml_node *node; /* who spoke of it first */
    int is_calibration;       /* -1: nobody has said */
    const char *producer;     /* label of the task that makes it; NULL: none */
    const vb_yaml_node *producer_node;
};

struct resolving {
    vb_pipeline *p;
    vb_registry *reg;
    vb_graph_spec *spec;
    struct stated *types;
    size_t count, cap;
    vb_storage_classes *classes; /* opened when a component is spoken of; NULL */
    vb_error *err;
};

/* ---- dataset types --------------------------------------------------------------------------------------------- */

static struct stated *find_type(struct resolving *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (!strcmp(r->types[i].type.name, name))
            return &r->types[i];
    return NULL;
}

static struct stated *type_of(struct resolving *r, const struct pipeline_connection *c)
{
    struct stated *s = find_type(r, c->type);

    if (s)
        return s;
    s = VB_PUSH(r->types, r->count, r->cap);
    s->type.name = vb_strdup(c->type);
    s->node = c->node;
    s->is_calibration = -1;
    return s;
}

static int conform(struct resolving *r, const vb_yaml_node *node, char *const *names, const vb_group **out)
{
    int status = vb_universe_conform_names(vb_registry_universe(r->reg), names, out, r->err);

    return status < 0 ? vb_error_context(r->err, "%s:%d:%d", node->file, node->line, node->column) : 0;
}

static int said_twice(struct resolving *r, const struct pipeline_connection *c, const char *attribute,
                      const char *before, const char *now)
{
    return vb_yaml_fail(r->err, c->node, "dataset type '%s' has %s %s elsewhere and %s here: say it once", c->type,
                        attribute, before, now);
}

static int agree(struct resolving *r, const struct pipeline_connection *c, char **have, const char *say,
                 const char *attribute)
{
    if (!say)
        return 0;
    if (!*have)
        *have = vb_strdup(say);
    return strcmp(*have, say) ? said_twice(r, c, attribute, *have, say) : 0;
}

static int agree_on_dimensions(struct resolving *r, const struct pipeline_connection *c, struct stated *s)
{
    const vb_group *group;
    int status = c->dimensions ? conform(r, c->node, c->dimensions, &group) : 1;

    if (status)
        return status < 0 ? status : 0;
    if (s->type.group && s->type.group != group)
        return said_twice(r, c, "dimensions", s->type.group->key, group->key);
    s->type.group = group;
    return 0;
}

/* What one connection says of its type, and whether its task makes it. */
static int state(struct resolving *r, const struct pipeline_task *task, const struct pipeline_connection *c)
{
    struct stated *s = type_of(r, c);
    int status = agree_on_dimensions(r, c, s);

    if (!status)
        status = agree(r, c, &s->type.storage_class, c->storage_class, "storage class");
    if (!status)
        status = agree(r, c, &s->type.extension, c->extension, "extension");
    if (!status && c->is_calibration >= 0 && s->is_calibration >= 0 && c->is_calibration != s->is_calibration)
        status = said_twice(r, c, "isCalibration", s->is_calibration ? "true" : "false",
                            c->is_calibration ? "true" : "false");
    if (!status && c->is_calibration >= 0)
        s->is_calibration = c->is_calibration;
    if (status || !task->kept || (c->role != VB_ROLE_OUTPUT && c->role != VB_ROLE_INIT_OUTPUT))
        return status;
    if (s->producer)
        return vb_yaml_fail(r->err, c->node, "dataset type '%s' is made by two tasks: '%s' and '%s'", c->type,
                            s->producer, task->label);
    s->producer = task->label;
    s->producer_node = c->node;
    return 0;
}

/* What nobody in the pipeline has said the registry says; what both say must be the same. */
static int complete(struct resolving *r, struct stated *s)
{
    const vb_dataset_type *known;
    int status = vb_dataset_type_find(r->reg, s->type.name, &known, NULL);

    if (status && status != -ENOENT)
        return vb_dataset_type_find(r->reg, s->type.name, &known, r->err);
    s->type.is_calibration = s->is_calibration > 0;
    if (status == -ENOENT) {
        if (!s->type.group)
            return vb_yaml_fail(r->err, s->node,
                                "dataset type '%s' has no dimensions: the repository does not know it, so the "
                                "pipeline must say them once",
                                s->type.name);
        if (!s->type.storage_class)
            return vb_yaml_fail(r->err, s->node,
                                "dataset type '%s' has no storageClass: the repository does not know it, so the "
                                "pipeline must say it once",
                                s->type.name);
        return 0;
    }
    if (s->type.group && s->type.group != known->group)
        return vb_yaml_fail(r->err, s->node,
                            "dataset type '%s' has dimensions {%s} in the repository and {%s} in the pipeline",
                            s->type.name, known->group->key, s->type.group->key);
    if (s->type.storage_class && strcmp(s->type.storage_class, known->storage_class))
        return vb_yaml_fail(r->err, s->node,
                            "dataset type '%s' has storage class %s in the repository and %s in the pipeline",
                            s->type.name, known->storage_class, s->type.storage_class);
    if (s->type.extension && known->extension && strcmp(s->type.extension, known->extension))
        return vb_yaml_fail(r->err, s->node,
                            "dataset type '%s' has extension %s in the repository and %s in the pipeline", s->type.name,
                            known->extension, s->type.extension);
    if (s->is_calibration >= 0 && s->type.is_calibration != known->is_calibration)
        return vb_yaml_fail(r->err, s->node, "dataset type '%s' is %sa calibration in the repository", s->type.name,
                            known->is_calibration ? "" : "not ");
    s->type.group = known->group;
    s->type.is_calibration = known->is_calibration;
    free(s->type.storage_class);
    s->type.storage_class = vb_strdup(known->storage_class);
    if (!s->type.extension && known->extension)
        s->type.extension = vb_strdup(known->extension);
    return 0;
}

/* A type that vbutler makes for a task, where a connection speaks of it too. */
static int state_own(struct resolving *r, const struct pipeline_task *task, const char *name)
{
    struct stated *s = find_type(r, name);

    if (!s)
        return 0;
    if (s->producer)
        return vb_yaml_fail(r->err, s->producer_node,
                            "dataset type '%s' is what vbutler makes by itself: task '%s' must call its output "
                            "something else",
                            name, s->producer);
    s->producer = task->label;
    s->producer_node = task->node;
    return 0;
}

static int state_all(struct resolving *r)
{
    static const char *const suffixes[] = {"log", "metadata", "files"};
    const struct pipeline_task *first = NULL;
    int status = 0;

    for (size_t t = 0; !status && t < r->p->count; t++)
        for (size_t c = 0; !status && c < r->p->tasks[t].count; c++)
            status = state(r, &r->p->tasks[t], &r->p->tasks[t].connections[c]);
    for (size_t t = 0; t < r->p->count; t++)
        for (size_t i = 0; !status && r->p->tasks[t].kept && i < VB_COUNT(suffixes); i++) {
            vb_autofree char *name = vb_format("%s_%s", r->p->tasks[t].label, suffixes[i]);

            first = first ? first : &r->p->tasks[t];
            status = state_own(r, &r->p->tasks[t], name);
        }
    return !status && first ? state_own(r, first, "packages") : status;
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

typedef enum mark { NEW, OPEN, DONE } mark;

/* Depth first, so that what a task reads comes before it; a task that is met while it is open closes a cycle. */
static int visit(struct resolving *r, size_t t, mark *marks, size_t *order, size_t *n, vb_buf *path)
{
    const struct pipeline_task *task = &r->p->tasks[t];
    size_t length = path->len;
    int status = 0;

    vb_buf_printf(path, "%s%s", length ? " -> " : "", task->label);
    if (marks[t] == OPEN)
        return vb_yaml_fail(r->err, task->node, "the tasks need each other in a cycle: %s", vb_buf_text(path));
    if (marks[t] == DONE)
        goto out;
    marks[t] = OPEN;
    for (size_t c = 0; !status && c < task->count; c++) {
        const struct stated *s = find_type(r, task->connections[c].type);
        const struct pipeline_task *producer = s->producer ? vb_pipeline_task(r->p, s->producer) : NULL;

        if (task->connections[c].role == VB_ROLE_INPUT && producer)
            status = visit(r, (size_t)(producer - r->p->tasks), marks, order, n, path);
        else if (task->connections[c].role == VB_ROLE_PREREQUISITE && producer)
            status = vb_yaml_fail(r->err, task->connections[c].node,
                                  "prerequisite '%s' of task '%s' is made by task '%s': declare it "
                                  "under 'inputs'",
                                  task->connections[c].name, task->label, producer->label);
    }
    if (status)
        return status;
    marks[t] = DONE;
    order[(*n)++] = t;
out:
    path->len = length;
    path->data[length] = 0;
    return 0;
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

static vb_connection_spec *add_connection(vb_task_spec *task, const char *name, vb_role role,
                                          const vb_dataset_type *type)
{
    vb_connection_spec *c = VB_PUSH(task->connections, task->count, task->cap);

    c->name = vb_strdup(name);
    c->role = role;
    c->minimum = 1;
    c->type = (vb_dataset_type){.name = vb_strdup(type->name),
                                .group = type->group,
                                .storage_class = vb_strdup(type->storage_class),
                                .is_calibration = type->is_calibration,
                                .extension = type->extension ? vb_strdup(type->extension) : NULL};
    return c;
}

/* LABEL_log, LABEL_metadata, LABEL_files: one definition a label. */
static void add_own_outputs(struct resolving *r, vb_task_spec *task, bool first)
{
    static const struct {
        const char *suffix, *connection, *storage_class, *extension;
        vb_role role;
    } own[] = {
        {"log", "_log", "ButlerLogRecords", ".json", VB_ROLE_LOG},
        {"metadata", "_metadata", "TaskMetadata", ".json", VB_ROLE_METADATA},
        {"files", "_files", "StructuredDataDict", ".yaml", VB_ROLE_INIT_OUTPUT},
    };
    const vb_group *none = vb_universe_conform(vb_registry_universe(r->reg), (vb_dimset){{0}});

    for (size_t i = 0; i < VB_COUNT(own); i++) {
        vb_autofree char *name = vb_format("%s_%s", task->label, own[i].suffix);

        add_connection(task, own[i].connection, own[i].role,
                       &(vb_dataset_type){.name = name,
                                          .group = own[i].role == VB_ROLE_INIT_OUTPUT ? none : task->group,
                                          .storage_class = (char *)own[i].storage_class,
                                          .extension = (char *)own[i].extension});
    }
    if (first)
        add_connection(task, "_packages", VB_ROLE_INIT_OUTPUT,
                       &(vb_dataset_type){.name = (char *)"packages",
                                          .group = none,
                                          .storage_class = (char *)"Packages",
                                          .extension = (char *)".yaml"});
}

/* Each dataset of an output is made by one quantum. */
static int check_output(struct resolving *r, const struct pipeline_task *task, const vb_group *group,
                        const struct pipeline_connection *c, const vb_group *dims)
{
    if (!vb_dimset_within(group->required, dims->all))
        return vb_yaml_fail(r->err, c->node,
                            "output '%s' of task '%s' has dimensions {%s}, the task {%s}: several quanta would make "
                            "the same dataset",
                            c->name, task->label, dims->key, group->key);
    if (!c->multiple && !vb_dimset_within(dims->required, group->all))
        return vb_yaml_fail(r->err, c->node,
                            "output '%s' of task '%s' has dimensions {%s}, the task {%s}: that is several datasets a "
                            "quantum; say 'multiple: true' if it is meant",
                            c->name, task->label, dims->key, group->key);
    return 0;
}

/* The storage class of the type must have the component; a derived one is in no file of its own. */
static int check_component(struct resolving *r, const struct pipeline_connection *c, const vb_dataset_type *type)
{
    const vb_storage_component *component;
    int status;

    if (!c->component)
        return 0;
    if (!r->classes) {
        status = vb_storage_classes_open(r->reg, &r->classes, r->err);
        if (status < 0)
            return status;
    }
    status = vb_storage_classes_component(r->classes, type->storage_class, c->component, &component, r->err);
    return status < 0 ? vb_error_context(r->err, "%s:%d:%d: dataset type '%s'", c->node->file, c->node->line,
                                         c->node->column, type->name)
                      : 0;
}

static int add_task(struct resolving *r, const struct pipeline_task *task, bool first)
{
    vb_task_spec *spec = VB_PUSH(r->spec->tasks, r->spec->ntasks, r->spec->tasks_cap);
    int status = 0;

    spec->label = vb_strdup(task->label);
    if (!task->command)
        return vb_yaml_fail(r->err, task->node,
                            "task '%s' has no 'command': it is Python (%s), and vbutler runs programs", task->label,
                            task->class ? task->class : "no class");
    if (task->dimensions)
        status = conform(r, task->node, task->dimensions, &spec->group);
    else
        spec->group = vb_universe_conform(vb_registry_universe(r->reg), (vb_dimset){{0}});
    for (size_t c = 0; !status && c < task->count; c++) {
        const struct pipeline_connection *from = &task->connections[c];
        const struct stated *s = find_type(r, from->type);
        vb_connection_spec *to = add_connection(spec, from->name, from->role, &s->type);

        to->multiple = from->multiple;
        to->minimum = from->minimum;
        to->component = from->component ? vb_strdup(from->component) : NULL;
        status = check_component(r, from, &s->type);
        if (status)
            break;
        if (from->role == VB_ROLE_OUTPUT)
            status = check_output(r, task, spec->group, from, s->type.group);
        else if (from->role == VB_ROLE_INIT_OUTPUT) /* Python's, from its constructor */
            status = vb_yaml_fail(r->err, from->node,
                                  "init-output '%s' of task '%s': a program runs once a quantum and makes none, so "
                                  "declare it under 'outputs'",
                                  from->name, task->label);
    }
    if (!status)
        status = vb_pipeline_check_command(r->p, task, spec->group, r->err);
    if (status)
        return status;
    add_own_outputs(r, spec, first);
    spec->definition = vb_pipeline_definition(r->p, task);
    return 0;
}

/* Completes what the chosen tasks speak of: of the others nothing is asked. */
static int complete_used(struct resolving *r)
{
    int status = 0;

    for (size_t t = 0; !status && t < r->p->count; t++)
        for (size_t c = 0; !status && r->p->tasks[t].kept && c < r->p->tasks[t].count; c++)
            status = complete(r, find_type(r, r->p->tasks[t].connections[c].type));
    return status;
}

static int order_tasks(struct resolving *r, size_t *order, size_t *n)
{
    vb_autofree mark *marks = vb_alloc(r->p->count * sizeof *marks);
    vb_auto_buf path = {0};
    int status = 0;

    vb_buf_puts(&path, "");
    for (size_t t = 0; !status && t < r->p->count; t++)
        if (r->p->tasks[t].kept)
            status = visit(r, t, marks, order, n, &path);
    return status;
}

int vb_pipeline_resolve(vb_pipeline *p, vb_registry *reg, vb_graph_spec *spec, vb_error *err)
{
    struct resolving r = {.p = p, .reg = reg, .spec = spec, .err = err};
    vb_autofree size_t *order = vb_alloc((p->count + 1) * sizeof *order);
    size_t n = 0;
    int status = vb_pipeline_check_contracts(p, err);

    if (!status)
        status = state_all(&r);
    if (!status)
        status = complete_used(&r);
    if (!status)
        status = order_tasks(&r, order, &n);
    for (size_t i = 0; !status && i < n; i++)
        status = add_task(&r, &p->tasks[order[i]], i == 0);
    for (size_t i = 0; i < r.count; i++)
        vb_dataset_type_clear(&r.types[i].type);
    free(r.types);
    if (r.classes)
        vb_storage_classes_close(r.classes);
    return status;
}
