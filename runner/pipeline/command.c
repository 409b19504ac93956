/* command.c - a task's command and what goes with it: checked, and written down for the graph. */
#include "registry/base/hash.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "runner/command/template.h"
#include "runner/pipeline/internal.h"

#include <string.h>

static const struct pipeline_connection *find_connection(const struct pipeline_task *task, const char *name,
                                                         bool output)
{
    for (size_t i = 0; i < task->count; i++)
        if (!strcmp(task->connections[i].name, name) && (task->connections[i].role >= VB_ROLE_OUTPUT) == output)
            return &task->connections[i];
    return NULL;
}

/* An element whose record, or whose value, a quantum of the group tells. */
static int check_element(const vb_pipeline *p, const vb_group *group, const vb_template_part *part,
                         const vb_yaml_node *node, vb_error *err)
{
    const vb_element *e = vb_universe_find(group->universe, part->name);
    bool center = part->field && (!strcmp(part->field, "ra") || !strcmp(part->field, "dec"));

    if (!e) {
        vb_yaml_fail(err, node, "{%s%s%s} is no field: no dimension '%s'", part->name, part->field ? "." : "",
                     part->field ? part->field : "", part->name);
        vb_hint(err, "braces that belong to the command itself are written twice: {{ }}");
        return -EINVAL;
    }
    if (!vb_dimset_within(e->required, group->all))
        return vb_yaml_fail(err, node, "{%s} cannot be told: the task has dimensions {%s}", part->name, group->key);
    if (!part->field)
        return e->is_dimension ? 0 : vb_yaml_fail(err, node, "{%s} has no value of its own: name a field", part->name);
    if ((center && e->spatial >= 0) || vb_element_field(e, part->field) ||
        (e->nkeys && !strcmp(e->keys[0].name, part->field)))
        return 0;
    return vb_yaml_fail(err, node, "'%s' has no field '%s'", part->name, part->field);
}

static int check_part(const vb_pipeline *p, const struct pipeline_task *task, const vb_group *group,
                      const vb_template_part *part, const vb_yaml_node *node, vb_error *err)
{
    switch (part->kind) {
    case VB_PART_IN:
    case VB_PART_OUT:
        if (find_connection(task, part->name, part->kind == VB_PART_OUT))
            return 0;
        return vb_yaml_fail(err, node, "task '%s' has no %s '%s'", task->label,
                            part->kind == VB_PART_OUT ? "output" : "input", part->name);
    case VB_PART_CONFIG:
        if (vb_pipeline_config(p, task, part->name))
            return 0;
        return vb_yaml_fail(err, node,
                            "{config.%s}: task '%s' has no such value under 'config' (nor the parameter that it names)",
                            part->name, task->label);
    case VB_PART_ELEMENT: return check_element(p, group, part, node, err);
    default: return 0;
    }
}

static int check_word(const vb_pipeline *p, const struct pipeline_task *task, const vb_group *group,
                      const vb_yaml_node *node, vb_error *err)
{
    vb_auto_template t = {0};
    vb_auto_error why = VB_ERROR_INIT;
    int r;

    if (node->kind == VB_YAML_LIST) {
        for (size_t i = 0; i < node->count; i++) {
            r = check_word(p, task, group, node->items[i].value, err);
            if (r < 0)
                return r;
        }
        return 0;
    }
    if (node->kind != VB_YAML_SCALAR)
        return vb_yaml_fail(err, node, "a command is a list of words (and of lists of words)");
    if (vb_template_parse(node->text, &t, &why) < 0)
        return vb_yaml_fail(err, node, "%s", why.message);
    r = 0;
    for (size_t i = 0; !r && i < t.count; i++)
        r = check_part(p, task, group, &t.parts[i], node, err);
    return r;
}

static int check_policy(const struct pipeline_task *task, vb_error *err)
{
    static const char *const keys[] = {"undeclaredInputs", "unusedInputs", "missingOutputs", "undeclaredOutputs", NULL};
    static const char *const words[] = {"record", "warn", "fail", NULL};
    int r = task->policy ? vb_yaml_check_keys(task->policy, "policy", keys, err) : 0;

    for (size_t i = 0; !r && task->policy && i < task->policy->count; i++) {
        const char *word = vb_yaml_text(task->policy->items[i].value);

        if (!word || !vb_strv_has((char *const *)words, word))
            r = vb_yaml_fail(err, task->policy->items[i].value, "a policy is record, warn or fail");
    }
    return r;
}

static int check_resources(const struct pipeline_task *task, vb_error *err)
{
    static const char *const keys[] = {"cpus", "memory", "runtime", NULL};
    const vb_yaml_node *cpus = vb_yaml_get(task->resources, "cpus"), *runtime = vb_yaml_get(task->resources, "runtime");
    int64_t n;
    int r = task->resources ? vb_yaml_check_keys(task->resources, "resources", keys, err) : 0;

    if (!r && cpus && (!vb_yaml_int(cpus, &n) || n < 1 || n > 1024))
        r = vb_yaml_fail(err, cpus, "resources.cpus must be a number of processors");
    if (!r && runtime && (!vb_yaml_int(runtime, &n) || n < 1))
        r = vb_yaml_fail(err, runtime, "resources.runtime must be a number of seconds");
    return r;
}

int vb_pipeline_check_command(const vb_pipeline *p, const struct pipeline_task *task, const vb_group *group,
                              vb_error *err)
{
    int r = check_policy(task, err);

    if (!r)
        r = check_resources(task, err);
    if (!r && task->environment && task->environment->kind != VB_YAML_MAP)
        r = vb_yaml_fail(err, task->environment, "'environment' must be a mapping from names to values");
    if (r < 0)
        return r;
    if (task->command->kind != VB_YAML_LIST || !task->command->count)
        return vb_yaml_fail(err, task->command, "the command of task '%s' must be a list of words: no shell is between",
                            task->label);
    return check_word(p, task, group, task->command, err);
}

/* ---- for the graph --------------------------------------------------------------------------------------------- */

/* Words are text, whatever YAML makes of them: `-n 010` is no number. */
static json_t *words_json(const vb_yaml_node *node)
{
    json_t *list;

    if (node->kind == VB_YAML_SCALAR)
        return json_stringn(node->text, node->length);
    list = json_array();
    for (size_t i = 0; i < node->count; i++)
        json_array_append_new(list, words_json(node->items[i].value));
    return list;
}

static json_t *files_json(const struct pipeline_task *task)
{
    json_t *files = json_object();

    for (size_t i = 0; i < task->nfiles; i++) {
        vb_hash hash = vb_hash_bytes(task->files[i].content, task->files[i].length);
        char checksum[VB_HASH_TEXT];
        json_t *file = json_object();

        json_object_set_new(file, "checksum", json_string(vb_hash_format(&hash, checksum)));
        json_object_set_new(file, "content", json_stringn(task->files[i].content, task->files[i].length));
        json_object_set_new(files, task->files[i].name, file);
    }
    return files;
}

static json_t *config_json(const vb_pipeline *p, const struct pipeline_task *task)
{
    json_t *config = json_object();

    for (size_t i = 0; i < task->config.count; i++) {
        json_t *value = vb_pipeline_config(p, task, task->config.items[i].name);

        if (value)
            json_object_set(config, task->config.items[i].name, value);
    }
    return config;
}

static json_t *text_map_json(const vb_yaml_node *map)
{
    json_t *object = json_object();

    for (size_t i = 0; map && i < map->count; i++)
        if (vb_yaml_text(map->items[i].key))
            json_object_set_new(object, map->items[i].key->text,
                                json_string(vb_yaml_text(map->items[i].value) ? map->items[i].value->text : ""));
    return object;
}

char *vb_pipeline_definition(const vb_pipeline *p, const struct pipeline_task *task)
{
    json_t *object = json_object();
    char *text;

    if (task->class)
        json_object_set_new(object, "class", json_string(task->class));
    json_object_set_new(object, "command", words_json(task->command));
    json_object_set_new(object, "files", files_json(task));
    json_object_set_new(object, "config", config_json(p, task));
    json_object_set_new(object, "environment", text_map_json(task->environment));
    json_object_set_new(object, "resources", task->resources ? vb_yaml_json(task->resources) : json_object());
    json_object_set_new(object, "policy", text_map_json(task->policy));
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}
