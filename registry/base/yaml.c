#include "registry/base/yaml.h"

#include "registry/base/buf.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/yaml_internal.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { MAX_EXPANDED = VB_YAML_MAX_NODES, MAX_DEPTH = VB_YAML_MAX_DEPTH, MAX_FILE = 1 << 30 };

/* Turning libyaml's document (nodes by index, aliases already resolved to the same index) into a tree of ours. */
struct conversion {
    vb_yaml *doc;
    yaml_document_t *source;
    vb_yaml_node **done; /* by index; a node that is being made is marked in `open` */
    char *open;
    size_t *size; /* expanded, by index */
    int *height;  /* levels below a node, by index */
    vb_error *err;
};

int vb_yaml_fail(vb_error *err, const vb_yaml_node *node, const char *format, ...)
{
    va_list args;
    vb_autofree char *message = NULL;

    va_start(args, format);
    message = vb_vformat(format, args);
    va_end(args);
    if (!node)
        return vb_fail(err, -EINVAL, "%s", message);
    return vb_fail(err, -EINVAL, "%s:%d:%d: %s", node->file, node->line, node->column, message);
}

static vb_yaml_node *new_node(struct conversion *c, const yaml_node_t *from)
{
    vb_yaml *doc = c->doc;
    vb_yaml_node *node = VB_NEW(vb_yaml_node);
    const char *tag = (const char *)from->tag;

    *VB_PUSH(doc->nodes, doc->count, doc->cap) = node;
    node->file = doc->name;
    node->line = (int)from->start_mark.line + doc->first_line;
    node->column = (int)from->start_mark.column + 1;
    if (tag && strcmp(tag, YAML_STR_TAG) && strcmp(tag, YAML_SEQ_TAG) && strcmp(tag, YAML_MAP_TAG))
        node->tag = vb_strdup(tag);
    return node;
}

static vb_yaml_node *convert(struct conversion *c, int index, int depth);

/* Takes a node that was converted into what holds it. */
static void measure(const struct conversion *c, int index, size_t *size, int *height)
{
    *size += c->size[index - 1];
    if (c->height[index - 1] + 1 > *height)
        *height = c->height[index - 1] + 1;
}

static int add_item(struct conversion *c, vb_yaml_node *node, int key, int value, int depth, size_t *size, int *height)
{
    vb_yaml_pair pair = {0};

    if (key) {
        pair.key = convert(c, key, depth + 1);
        if (!pair.key)
            return -EINVAL;
        measure(c, key, size, height);
    }
    pair.value = convert(c, value, depth + 1);
    if (!pair.value)
        return -EINVAL;
    measure(c, value, size, height);
    if (*size > MAX_EXPANDED)
        return vb_yaml_fail(c->err, node, "expands to more than %d nodes", MAX_EXPANDED);
    *VB_PUSH(node->items, node->count, node->cap) = pair;
    return 0;
}

static int by_text_and_place(const void *a, const void *b)
{
    const vb_yaml_node *x = *(const vb_yaml_node *const *)a, *y = *(const vb_yaml_node *const *)b;
    int order = strcmp(x->text, y->text);

    if (!order)
        order = x->line != y->line ? x->line - y->line : x->column - y->column;
    return order;
}

/* Most mappings have few keys: each is compared with those before it. */
static const vb_yaml_node *twice_among_few(const vb_yaml_node *map)
{
    for (size_t i = 1; i < map->count; i++)
        for (size_t k = 0; k < i; k++)
            if (map->items[i].key->kind == VB_YAML_SCALAR && map->items[k].key->kind == VB_YAML_SCALAR &&
                !strcmp(map->items[i].key->text, map->items[k].key->text))
                return map->items[i].key;
    return NULL;
}

int vb_yaml_check_once(const vb_yaml_node *map, vb_error *err)
{
    enum { FEW = 24 };
    const vb_yaml_node *twice = map->count <= FEW ? twice_among_few(map) : NULL;
    vb_autofree const vb_yaml_node **keys = NULL;
    size_t n = 0;

    if (twice)
        return vb_yaml_fail(err, twice, "the key '%s' is given twice", twice->text);
    if (map->count <= FEW)
        return 0;
    keys = vb_alloc((map->count + 1) * sizeof *keys);
    for (size_t i = 0; i < map->count; i++)
        if (map->items[i].key->kind == VB_YAML_SCALAR)
            keys[n++] = map->items[i].key;
    qsort(keys, n, sizeof *keys, by_text_and_place);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(keys[i - 1]->text, keys[i]->text))
            return vb_yaml_fail(err, keys[i], "the key '%s' is given twice", keys[i]->text);
    return 0;
}

static int convert_items(struct conversion *c, const yaml_node_t *from, vb_yaml_node *node, int depth, size_t *size,
                         int *height)
{
    int r = 0;

    if (from->type == YAML_SEQUENCE_NODE) {
        node->kind = VB_YAML_LIST;
        for (yaml_node_item_t *i = from->data.sequence.items.start; !r && i < from->data.sequence.items.top; i++)
            r = add_item(c, node, 0, *i, depth, size, height);
    } else {
        node->kind = VB_YAML_MAP;
        for (yaml_node_pair_t *p = from->data.mapping.pairs.start; !r && p < from->data.mapping.pairs.top; p++)
            r = add_item(c, node, p->key, p->value, depth, size, height);
        if (!r)
            r = vb_yaml_check_once(node, c->err);
    }
    return r;
}

static vb_yaml_node *convert(struct conversion *c, int index, int depth)
{
    const yaml_node_t *from = yaml_document_get_node(c->source, index);
    vb_yaml_node *node = c->done[index - 1];
    size_t size = 1;
    int height = 0;

    if (node && c->open[index - 1]) {
        vb_yaml_fail(c->err, node, "an alias refers to what contains it");
        return NULL;
    }
    if (!node)
        node = new_node(c, from);
    if (depth + c->height[index - 1] > MAX_DEPTH) {
        vb_yaml_fail(c->err, node, "nested more than %d levels deep", MAX_DEPTH);
        return NULL;
    }
    if (c->done[index - 1])
        return node;
    c->done[index - 1] = node;
    if (from->type == YAML_SCALAR_NODE) {
        node->kind = VB_YAML_SCALAR;
        node->length = from->data.scalar.length;
        node->text = vb_alloc(node->length + 1);
        memcpy(node->text, from->data.scalar.value, node->length);
        node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    } else {
        c->open[index - 1] = 1;
        if (convert_items(c, from, node, depth, &size, &height) < 0)
            return NULL;
        c->open[index - 1] = 0;
    }
    c->size[index - 1] = size;
    c->height[index - 1] = height;
    return node;
}

static int convert_document(vb_yaml *doc, yaml_document_t *source, vb_error *err)
{
    size_t n = (size_t)(source->nodes.top - source->nodes.start);
    vb_autofree vb_yaml_node **done = vb_alloc(n * sizeof *done);
    vb_autofree char *open = vb_alloc(n);
    vb_autofree size_t *size = vb_alloc(n * sizeof *size);
    vb_autofree int *height = vb_alloc(n * sizeof *height);
    struct conversion c = {doc, source, done, open, size, height, err};

    if (!n)
        return 0;
    doc->root = convert(&c, 1, 0);
    return doc->root ? 0 : -EINVAL;
}

int vb_yaml_load(const char *name, const char *text, size_t n, vb_yaml **out, vb_error *err)
{
    return vb_yaml_load_part(name, 1, text, n, out, err);
}

/* By way of libyaml's document, which resolves aliases. */
static int load_document(vb_yaml *doc, const char *text, size_t n, vb_error *err)
{
    yaml_parser_t parser;
    yaml_document_t source;
    int r;

    if (!yaml_parser_initialize(&parser))
        return vb_fail(err, -ENOMEM, "%s: starting the YAML parser", doc->name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    if (!yaml_parser_load(&parser, &source)) {
        r = vb_yaml_refuse(doc, &parser, err);
    } else {
        r = convert_document(doc, &source, err);
        yaml_document_delete(&source);
    }
    yaml_parser_delete(&parser);
    return r;
}

int vb_yaml_refuse(const vb_yaml *doc, const yaml_parser_t *parser, vb_error *err)
{
    return vb_fail(err, -EINVAL, "%s:%zu:%zu: not YAML: %s", doc->name,
                   parser->problem_mark.line + (size_t)doc->first_line, parser->problem_mark.column + 1,
                   parser->problem ? parser->problem : "cannot be read");
}

int vb_yaml_load_part(const char *name, int first_line, const char *text, size_t n, vb_yaml **out, vb_error *err)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = VB_NEW(vb_yaml);
    int r;

    doc->name = vb_strdup(name);
    doc->first_line = first_line;
    r = vb_yaml_load_events(doc, text, n, err);
    if (r > 0)
        r = load_document(doc, text, n, err);
    if (!r)
        *out = VB_STEAL(doc);
    return r;
}

int vb_yaml_load_file(const char *path, vb_yaml **out, vb_error *err)
{
    vb_auto_buf text = {0};
    int r = vb_read_file(AT_FDCWD, path, MAX_FILE, &text, err);

    return r < 0 ? r : vb_yaml_load(path, vb_buf_text(&text), text.len, out, err);
}

void vb_yaml_free(vb_yaml *doc)
{
    if (!doc)
        return;
    for (size_t i = 0; i < doc->count; i++) {
        free(doc->nodes[i]->tag);
        free(doc->nodes[i]->text);
        free(doc->nodes[i]->items);
        free(doc->nodes[i]);
    }
    free(doc->nodes);
    vb_yaml_arena_free(&doc->arena);
    free(doc->name);
    free(doc);
}

const vb_yaml_node *vb_yaml_root(const vb_yaml *doc)
{
    return doc->root;
}

const vb_yaml_node *vb_yaml_get(const vb_yaml_node *map, const char *key)
{
    if (!map || map->kind != VB_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (map->items[i].key->kind == VB_YAML_SCALAR && !strcmp(map->items[i].key->text, key))
            return map->items[i].value;
    return NULL;
}

bool vb_yaml_is_null(const vb_yaml_node *node)
{
    if (!node)
        return true;
    if (node->kind != VB_YAML_SCALAR || node->quoted)
        return false;
    return !*node->text || !strcmp(node->text, "~") || !strcasecmp(node->text, "null");
}

const char *vb_yaml_text(const vb_yaml_node *node)
{
    return node && node->kind == VB_YAML_SCALAR && !vb_yaml_is_null(node) ? node->text : NULL;
}

const char *vb_yaml_get_text(const vb_yaml_node *map, const char *key)
{
    return vb_yaml_text(vb_yaml_get(map, key));
}

/* The plain text of a scalar without YAML 1.1's underscores; NULL where it is quoted, none, or too long
 * for a number. */
static const char *plain(const vb_yaml_node *node, char buf[64])
{
    size_t n = 0;

    if (!node || node->kind != VB_YAML_SCALAR || node->quoted || !*node->text || node->text[0] == '_')
        return NULL;
    for (const char *p = node->text; *p; p++)
        if (*p != '_') {
            if (n == 63)
                return NULL;
            buf[n++] = *p;
        }
    buf[n] = 0;
    return buf;
}

bool vb_yaml_int(const vb_yaml_node *node, int64_t *out)
{
    char buf[64];
    const char *text = plain(node, buf);

    if (!text)
        return false;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        errno = 0;
        *out = strtoll(text, NULL, 16);
        return text[2] && !text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] && !errno;
    }
    return vb_parse_int(text, out);
}

bool vb_yaml_double(const vb_yaml_node *node, double *out)
{
    char buf[64];
    const char *text = plain(node, buf);

    if (!text)
        return false;
    if (!strcasecmp(text, ".nan"))
        *out = (double)NAN;
    else if (!strcasecmp(text, ".inf") || !strcasecmp(text, "+.inf"))
        *out = (double)INFINITY;
    else if (!strcasecmp(text, "-.inf"))
        *out = -(double)INFINITY;
    else
        return strpbrk(text, "0123456789") && !strpbrk(text, "xXnN") && vb_parse_double(text, out);
    return true;
}

bool vb_yaml_bool(const vb_yaml_node *node, bool *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    char buf[64];
    const char *text = plain(node, buf);

    for (size_t i = 0; text && i < VB_COUNT(words); i++)
        if (!strcasecmp(text, words[i])) {
            *out = i & 1;
            return true;
        }
    return false;
}

int vb_yaml_strings(const vb_yaml_node *node, char ***out, vb_error *err)
{
    char **strings = vb_alloc(sizeof *strings);

    if (vb_yaml_text(node)) {
        vb_strv_add(&strings, node->text);
    } else if (node && node->kind == VB_YAML_LIST) {
        for (size_t i = 0; i < node->count; i++) {
            const char *text = vb_yaml_text(node->items[i].value);

            if (!text) {
                vb_strv_free(strings);
                return vb_yaml_fail(err, node->items[i].value, "expected a string in this list");
            }
            vb_strv_add(&strings, text);
        }
    } else if (!vb_yaml_is_null(node)) {
        vb_strv_free(strings);
        return vb_yaml_fail(err, node, "expected a string or a list of strings");
    }
    *out = strings;
    return 0;
}

static json_t *scalar_json(const vb_yaml_node *node)
{
    int64_t i;
    double d;
    bool b;

    if (vb_yaml_is_null(node))
        return json_null();
    if (vb_yaml_bool(node, &b))
        return json_boolean(b);
    if (vb_yaml_int(node, &i))
        return json_integer(i);
    if (vb_yaml_double(node, &d) && isfinite(d))
        return json_real(d);
    return json_stringn(node->text, node->length);
}

json_t *vb_yaml_json(const vb_yaml_node *node)
{
    json_t *json;

    if (!node || node->kind == VB_YAML_SCALAR)
        return scalar_json(node);
    json = node->kind == VB_YAML_LIST ? json_array() : json_object();
    for (size_t i = 0; i < node->count; i++) {
        json_t *value = vb_yaml_json(node->items[i].value);

        if (node->kind == VB_YAML_LIST)
            json_array_append_new(json, value);
        else if (node->items[i].key->kind == VB_YAML_SCALAR)
            json_object_set_new(json, node->items[i].key->text, value);
        else
            json_decref(value);
    }
    return json;
}

int vb_yaml_check_keys(const vb_yaml_node *map, const char *what, const char *const *known, vb_error *err)
{
    if (!map || map->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, map, "%s must be a mapping", what);
    for (size_t i = 0; i < map->count; i++) {
        const vb_yaml_node *key = map->items[i].key;
        const char *text = vb_yaml_text(key), *near;

        if (text && vb_strv_has((char *const *)known, text))
            continue;
        vb_yaml_fail(err, key, "%s has no key '%s'", what, text ? text : "(not a string)");
        near = text ? vb_nearest(text, known) : NULL;
        if (near)
            vb_hint(err, "did you mean '%s'?", near);
        return -EINVAL;
    }
    return 0;
}
