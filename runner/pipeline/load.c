#include "registry/base/json.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/component.h"
#include "runner/pipeline/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { MAX_FILE = 16 << 20 };

static const char *const pipeline_keys[] = {"description", "instrument", "parameters", "tasks",
                                            "subsets",     "contracts",  NULL};
static const char *const task_keys[] = {"class",     "config",      "dimensions",  "inputs",  "prerequisites",
                                        "outputs",   "initOutputs", "files",       "command", "environment",
                                        "resources", "policy",      "description", NULL};
static const char *const connection_keys[] = {"type",     "dimensions", "storageClass", "extension", "isCalibration",
                                              "multiple", "minimum",    "component",    NULL};

/* ---- small things -------------------------------------------------------------------------------------------- */

json_t *vb_pipeline_value(const struct pipeline_values *values, const char *name)
{
    for (size_t i = 0; i < values->count; i++)
        if (!strcmp(values->items[i].name, name))
            return values->items[i].value;
    return NULL;
}

void vb_pipeline_set(struct pipeline_values *values, const char *name, json_t *value)
{
    struct pipeline_value *v;

    for (size_t i = 0; i < values->count; i++)
        if (!strcmp(values->items[i].name, name)) {
            json_decref(values->items[i].value);
            values->items[i].value = value;
            return;
        }
    v = VB_PUSH(values->items, values->count, values->cap);
    v->name = vb_strdup(name);
    v->value = value;
}

static void clear_values(struct pipeline_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        free(values->items[i].name);
        json_decref(values->items[i].value);
    }
    free(values->items);
}

struct pipeline_task *vb_pipeline_task(const vb_pipeline *p, const char *label)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->tasks[i].label, label))
            return &p->tasks[i];
    return NULL;
}

const char *vb_pipeline_instrument(const vb_pipeline *p)
{
    return p->instrument;
}

char *const *vb_pipeline_unevaluated(const vb_pipeline *p)
{
    return p->unevaluated;
}

/* A label or a connection's name: it stands in paths and templates. */
static int check_word(const vb_yaml_node *node, const char *what, vb_error *err)
{
    const char *text = vb_yaml_text(node);

    if (text && *text &&
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text) &&
        strlen(text) <= 100)
        return 0;
    return vb_yaml_fail(err, node, "%s must be letters, digits and '_', at most 100", what);
}

/* No word, value or file may hold a zero byte: neither an argument list nor the graph's JSON could. */
static int check_zeros(const vb_yaml_node *node, vb_error *err)
{
    int r = 0;

    if (node && node->kind == VB_YAML_SCALAR && memchr(node->text, 0, node->length))
        return vb_yaml_fail(err, node, "a text must not hold a zero byte");
    for (size_t i = 0; node && !r && i < node->count; i++) {
        r = check_zeros(node->items[i].key, err);
        if (!r)
            r = check_zeros(node->items[i].value, err);
    }
    return r;
}

/* ---- a task's parts ------------------------------------------------------------------------------------------- */

/* {in.X} is an input or a prerequisite, {out.X} any output: of each there is one. */
static int check_taken(const struct pipeline_task *task, const struct pipeline_connection *c, const vb_yaml_node *key,
                       vb_error *err)
{
    if (*key->text == '_')
        return vb_yaml_fail(err, key, "connection '%s' of task '%s': names that begin with '_' are vbutler's own",
                            key->text, task->label);
    for (const struct pipeline_connection *other = task->connections; other < c; other++)
        if (!strcmp(other->name, key->text) && (other->role >= VB_ROLE_OUTPUT) == (c->role >= VB_ROLE_OUTPUT))
            return vb_yaml_fail(err, key, "task '%s' has two %s named '%s'", task->label,
                                c->role >= VB_ROLE_OUTPUT ? "outputs" : "inputs", key->text);
    return 0;
}

/* `component: image`, or `type: calexp.image`, which means the same. */
static int load_component(const struct pipeline_task *task, struct pipeline_connection *c, const vb_yaml_node *key,
                          const vb_yaml_node *value, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(value, "component");
    const char *said = vb_yaml_text(node);
    vb_autofree char *type = NULL, *component = NULL;

    if (node && (!said || vb_component_check_name(said, err) < 0))
        return said ? vb_yaml_fail(err, node, "'%s' cannot name a component", said)
                    : vb_yaml_fail(err, node, "component must be the name of one component");
    if (vb_component_split(c->type, &type, &component)) {
        if (said && strcmp(said, component))
            return vb_yaml_fail(err, node, "connection '%s' of task '%s' wants component '%s' of '%s'", key->text,
                                task->label, said, c->type);
        free(c->type);
        c->type = VB_STEAL(type);
        c->component = VB_STEAL(component);
    } else if (said) {
        c->component = vb_strdup(said);
    }
    if (c->component && c->role >= VB_ROLE_OUTPUT)
        return vb_yaml_fail(err, value,
                            "output '%s' of task '%s' is a component: a program writes datasets whole, and only inputs "
                            "and prerequisites have a 'component'",
                            key->text, task->label);
    return 0;
}

static int load_connection(struct pipeline_task *task, vb_role role, const vb_yaml_node *key, const vb_yaml_node *value,
                           vb_error *err)
{
    struct pipeline_connection *c = VB_PUSH(task->connections, task->count, task->cap);
    const vb_yaml_node *calibration = vb_yaml_get(value, "isCalibration"), *minimum = vb_yaml_get(value, "minimum");
    const char *type = vb_yaml_get_text(value, "type"), *extension = vb_yaml_get_text(value, "extension");
    const char *storage_class = vb_yaml_get_text(value, "storageClass");
    bool yes = false;
    int64_t n = 1;
    int r = check_word(key, "a connection's name", err);

    c->role = role;
    c->is_calibration = -1;
    if (!r)
        r = check_taken(task, c, key, err);
    if (!r)
        r = vb_yaml_check_keys(value, "a connection", connection_keys, err);
    if (!r && !type)
        r = vb_yaml_fail(err, value, "connection '%s' of task '%s' needs a dataset 'type'", key->text, task->label);
    if (!r && calibration && !vb_yaml_bool(calibration, &yes))
        r = vb_yaml_fail(err, calibration, "isCalibration must be true or false");
    if (!r && vb_yaml_get(value, "multiple") && !vb_yaml_bool(vb_yaml_get(value, "multiple"), &c->multiple))
        r = vb_yaml_fail(err, vb_yaml_get(value, "multiple"), "multiple must be true or false");
    if (!r && minimum && (!vb_yaml_int(minimum, &n) || n < 0 || n > INT_MAX))
        r = vb_yaml_fail(err, minimum, "minimum must be a number, 0 or more");
    if (!r && vb_yaml_get(value, "dimensions"))
        r = vb_yaml_strings(vb_yaml_get(value, "dimensions"), &c->dimensions, err);
    if (r < 0)
        return r;
    c->name = vb_strdup(key->text);
    c->type = vb_strdup(type);
    c->node = value;
    c->minimum = (int)n;
    c->is_calibration = calibration ? yes : -1;
    c->storage_class = storage_class ? vb_strdup(storage_class) : NULL;
    c->extension = extension ? vb_format("%s%s", *extension == '.' ? "" : ".", extension) : NULL;
    return load_component(task, c, key, value, err);
}

static int load_connections(struct pipeline_task *task, const char *key, vb_role role, vb_error *err)
{
    const vb_yaml_node *map = vb_yaml_get(task->node, key);
    int r = 0;

    if (vb_yaml_is_null(map))
        return 0;
    if (map->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, map, "'%s' of task '%s' must be a mapping from connections to datasets", key,
                            task->label);
    for (size_t i = 0; !r && i < map->count; i++)
        r = load_connection(task, role, map->items[i].key, map->items[i].value, err);
    return r;
}

static int load_file(vb_pipeline *p, struct pipeline_task *task, const vb_yaml_node *key, const vb_yaml_node *value,
                     vb_error *err)
{
    const char *path = vb_yaml_text(value), *name = vb_yaml_text(key);
    const vb_yaml_node *content = vb_yaml_get(value, "content");
    struct pipeline_file *file;
    int r = 0;

    if (!name || !vb_path_is_safe(name) || strchr(name, '/') || !strcmp(name, "in") || !strcmp(name, "out"))
        return vb_yaml_fail(err, key, "a file's name must be one plain name, not 'in' or 'out'");
    if (!path && (!content || content->kind != VB_YAML_SCALAR))
        return vb_yaml_fail(err, value, "file '%s' needs a path, or a 'content' of text", name);
    file = VB_PUSH(task->files, task->nfiles, task->files_cap);
    file->name = vb_strdup(name);
    if (path) {
        vb_autofree char *full = vb_path_join(p->directory, path);
        vb_buf bytes = {0};

        r = vb_read_file(AT_FDCWD, full, MAX_FILE, &bytes, err);
        file->length = bytes.len;
        file->content = vb_buf_steal(&bytes);
        if (!r && (!vb_utf8_valid(file->content, file->length) || memchr(file->content, 0, file->length)))
            r = vb_yaml_fail(err, value, "file '%s' is not text (UTF-8)", name);
    } else {
        file->content = vb_strndup(content->text, content->length);
        file->length = content->length;
    }
    return r;
}

static int load_files(vb_pipeline *p, struct pipeline_task *task, vb_error *err)
{
    const vb_yaml_node *map = vb_yaml_get(task->node, "files");
    int r = 0;

    if (vb_yaml_is_null(map))
        return 0;
    if (map->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, map, "'files' of task '%s' must be a mapping from names to paths or contents",
                            task->label);
    for (size_t i = 0; !r && i < map->count; i++)
        r = load_file(p, task, map->items[i].key, map->items[i].value, err);
    return r;
}

/* Values by name.  Rubin's config may be a list of such maps, and hold `python` and `file`, which are Python: they
 * cannot be honoured by a task that is a program, and are refused rather than dropped. */
static int load_values(const vb_yaml_node *node, const char *what, struct pipeline_values *out, bool python_allowed,
                       vb_error *err)
{
    int r = 0;

    if (vb_yaml_is_null(node))
        return 0;
    for (size_t i = 0; node->kind == VB_YAML_LIST && !r && i < node->count; i++)
        r = load_values(node->items[i].value, what, out, python_allowed, err);
    if (node->kind == VB_YAML_LIST)
        return r;
    if (node->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, node, "%s must be a mapping from names to values", what);
    for (size_t i = 0; i < node->count; i++) {
        const char *name = vb_yaml_text(node->items[i].key);

        if (!name)
            return vb_yaml_fail(err, node->items[i].key, "%s: a name must be text", what);
        if (!python_allowed && (!strcmp(name, "python") || !strcmp(name, "file")))
            return vb_yaml_fail(err, node->items[i].key,
                                "%s: '%s' is Python code, which a task with a command cannot use", what, name);
        vb_pipeline_set(out, name, vb_yaml_json(node->items[i].value));
    }
    return 0;
}

static int load_task(vb_pipeline *p, const vb_yaml_node *key, const vb_yaml_node *value, vb_error *err)
{
    struct pipeline_task *task;
    const char *class = value->kind == VB_YAML_SCALAR ? vb_yaml_text(value) : vb_yaml_get_text(value, "class");
    vb_autofree char *what = NULL;
    int r = check_word(key, "a task's label", err);

    if (!r && value->kind != VB_YAML_SCALAR)
        r = vb_yaml_check_keys(value, "a task", task_keys, err);
    if (r < 0)
        return r;
    task = VB_PUSH(p->tasks, p->count, p->cap);
    task->label = vb_strdup(key->text);
    task->node = value;
    task->kept = true;
    task->class = class ? vb_strdup(class) : NULL;
    task->command = vb_yaml_get(value, "command");
    task->environment = vb_yaml_get(value, "environment");
    task->resources = vb_yaml_get(value, "resources");
    task->policy = vb_yaml_get(value, "policy");
    what = vb_format("config of task '%s'", task->label);
    r = load_values(vb_yaml_get(value, "config"), what, &task->config, !task->command, err);
    if (!r && vb_yaml_get(value, "dimensions"))
        r = vb_yaml_strings(vb_yaml_get(value, "dimensions"), &task->dimensions, err);
    if (!r)
        r = load_connections(task, "inputs", VB_ROLE_INPUT, err);
    if (!r)
        r = load_connections(task, "prerequisites", VB_ROLE_PREREQUISITE, err);
    if (!r)
        r = load_connections(task, "outputs", VB_ROLE_OUTPUT, err);
    if (!r)
        r = load_connections(task, "initOutputs", VB_ROLE_INIT_OUTPUT, err);
    return r < 0 ? r : load_files(p, task, err);
}

static int load_contract(vb_pipeline *p, const vb_yaml_node *node, vb_error *err)
{
    const char *text = node->kind == VB_YAML_SCALAR ? vb_yaml_text(node) : vb_yaml_get_text(node, "contract");
    const char *message = vb_yaml_get_text(node, "msg");
    struct pipeline_contract *c;

    if (!text)
        return vb_yaml_fail(err, node, "a contract is an expression, or {contract: ..., msg: ...}");
    c = VB_PUSH(p->contracts, p->ncontracts, p->contracts_cap);
    c->text = vb_strdup(text);
    c->message = message ? vb_strdup(message) : NULL;
    c->node = node;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static int load_root(vb_pipeline *p, const vb_yaml_node *root, vb_error *err)
{
    const vb_yaml_node *tasks = vb_yaml_get(root, "tasks"), *contracts = vb_yaml_get(root, "contracts");
    const char *instrument = vb_yaml_get_text(root, "instrument");
    int r = vb_yaml_check_keys(root, "a pipeline", pipeline_keys, err);

    if (r < 0) {
        if (vb_yaml_get(root, "imports"))
            vb_hint(err, "pipelines that import others are not read yet: write the imported tasks into this file");
        return r;
    }
    r = check_zeros(root, err);
    if (r < 0)
        return r;
    if (!vb_yaml_get_text(root, "description"))
        return vb_yaml_fail(err, root, "a pipeline needs a 'description'");
    if (!tasks || tasks->kind != VB_YAML_MAP || !tasks->count)
        return vb_yaml_fail(err, root, "a pipeline needs 'tasks'");
    if (!vb_yaml_is_null(contracts) && contracts->kind != VB_YAML_LIST)
        return vb_yaml_fail(err, contracts, "'contracts' must be a list");
    p->instrument = instrument ? vb_strdup(instrument) : NULL;
    r = load_values(vb_yaml_get(root, "parameters"), "parameters", &p->parameters, true, err);
    for (size_t i = 0; !r && i < tasks->count; i++)
        r = load_task(p, tasks->items[i].key, tasks->items[i].value, err);
    for (size_t i = 0; !r && !vb_yaml_is_null(contracts) && i < contracts->count; i++)
        r = load_contract(p, contracts->items[i].value, err);
    return r;
}

int vb_pipeline_load(const char *source, vb_pipeline **out, vb_error *err)
{
    vb_auto(vb_pipeline_free) vb_pipeline *p = VB_NEW(vb_pipeline);
    const char *hash = strrchr(source, '#');
    vb_autofree char *file = vb_strndup(source, hash ? (size_t)(hash - source) : strlen(source));
    int r = vb_yaml_load_file(file, &p->doc, err);

    if (r < 0)
        return vb_error_context(err, "pipeline");
    p->directory = vb_path_dir(file);
    r = load_root(p, vb_yaml_root(p->doc), err);
    if (!r && hash)
        r = vb_pipeline_select(p, hash + 1, err);
    if (!r)
        *out = VB_STEAL(p);
    return r;
}

static void free_task(struct pipeline_task *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->connections[i].name);
        free(t->connections[i].type);
        free(t->connections[i].storage_class);
        free(t->connections[i].extension);
        free(t->connections[i].component);
        vb_strv_free(t->connections[i].dimensions);
    }
    for (size_t i = 0; i < t->nfiles; i++) {
        free(t->files[i].name);
        free(t->files[i].content);
    }
    free(t->connections);
    free(t->files);
    clear_values(&t->config);
    vb_strv_free(t->dimensions);
    free(t->class);
    free(t->label);
}

void vb_pipeline_free(vb_pipeline *p)
{
    for (size_t i = 0; i < p->count; i++)
        free_task(&p->tasks[i]);
    for (size_t i = 0; i < p->ncontracts; i++) {
        free(p->contracts[i].text);
        free(p->contracts[i].message);
    }
    free(p->tasks);
    free(p->contracts);
    clear_values(&p->parameters);
    vb_strv_free(p->unevaluated);
    free(p->instrument);
    free(p->directory);
    vb_yaml_free(p->doc);
    free(p);
}

/* ---- choosing and changing ------------------------------------------------------------------------------------ */

static int keep(vb_pipeline *p, const char *name, vb_error *err)
{
    const vb_yaml_node *subset = vb_yaml_get(vb_yaml_get(vb_yaml_root(p->doc), "subsets"), name);
    struct pipeline_task *task = vb_pipeline_task(p, name);
    char **labels;
    int r;

    if (task) {
        task->kept = true;
        return 0;
    }
    if (!subset)
        return vb_fail(err, -EINVAL, "%s: has no task and no subset '%s'", vb_yaml_root(p->doc)->file, name);
    r = vb_yaml_strings(subset->kind == VB_YAML_MAP ? vb_yaml_get(subset, "subset") : subset, &labels, err);
    if (r < 0)
        return r;
    for (char **label = labels; !r && *label; label++) {
        task = vb_pipeline_task(p, *label);
        if (task)
            task->kept = true;
        else
            r = vb_yaml_fail(err, subset, "subset '%s' has '%s', which is no task", name, *label);
    }
    vb_strv_free(labels);
    return r;
}

int vb_pipeline_select(vb_pipeline *p, const char *labels, vb_error *err)
{
    char **names = vb_split(labels, ',', NULL);
    int r = *names ? 0
                   : vb_fail(err, -EINVAL, "%s: '#' must be followed by tasks or subsets", vb_yaml_root(p->doc)->file);

    for (size_t i = 0; i < p->count; i++)
        p->tasks[i].kept = false;
    for (char **name = names; !r && *name; name++)
        r = keep(p, *name, err);
    vb_strv_free(names);
    return r;
}

/* A value as it would be read from YAML; what is no YAML is text. */
static json_t *parse_value(const char *text)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;

    if (vb_yaml_load("value", text, strlen(text), &doc, NULL) < 0 || !vb_yaml_root(doc) ||
        check_zeros(vb_yaml_root(doc), NULL) < 0)
        return vb_json_text(text);
    return vb_yaml_json(vb_yaml_root(doc));
}

static int unknown_key(const struct pipeline_values *values, const char *label, const char *key, vb_error *err)
{
    const char **names = vb_alloc((values->count + 1) * sizeof *names), *near;

    for (size_t i = 0; i < values->count; i++)
        names[i] = values->items[i].name;
    near = vb_nearest(key, names);
    vb_fail(err, -EINVAL, "--config: '%s' has no value '%s'", label, key);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    free(names);
    return -EINVAL;
}

int vb_pipeline_override(vb_pipeline *p, const char *text, vb_error *err)
{
    const char *colon = strchr(text, ':'), *equals = colon ? strchr(colon, '=') : NULL;
    struct pipeline_values *values;
    struct pipeline_task *task;

    if (!equals)
        return vb_fail(err, -EINVAL, "--config: '%s' is not LABEL:KEY=VALUE", text);
    vb_autofree char *label = vb_strndup(text, (size_t)(colon - text));
    vb_autofree char *key = vb_strndup(colon + 1, (size_t)(equals - colon - 1));
    task = vb_pipeline_task(p, label);
    if (!task && strcmp(label, "parameters"))
        return vb_fail(err, -EINVAL, "--config: the pipeline has no task '%s'", label);
    values = task ? &task->config : &p->parameters;
    if (!vb_pipeline_value(values, key))
        return unknown_key(values, label, key, err);
    vb_pipeline_set(values, key, parse_value(equals + 1));
    return 0;
}

json_t *vb_pipeline_config(const vb_pipeline *p, const struct pipeline_task *task, const char *key)
{
    json_t *value = vb_pipeline_value(&task->config, key);
    const char *text = json_string_value(value);

    if (text && vb_starts_with(text, "parameters."))
        return vb_pipeline_value(&p->parameters, text + strlen("parameters."));
    return value;
}
