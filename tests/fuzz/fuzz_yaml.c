/* Any bytes are a document, whose nodes know their place and can be asked everything, or are refused with a place. */
#include "registry/base/text.h"
#include "registry/base/yaml.h"
#include "tests/fuzz/fuzz.h"

enum { DEEP = 300 };

static void ask_scalar(const vb_yaml_node *node)
{
    char **strings = NULL;
    int64_t i;
    double d;
    bool b;

    check(node->text && strlen(node->text) <= node->length);
    if (node->quoted)
        check(!vb_yaml_int(node, &i) && !vb_yaml_double(node, &d) && !vb_yaml_bool(node, &b) && !vb_yaml_is_null(node));
    check(vb_yaml_is_null(node) == !vb_yaml_text(node));
    check(vb_yaml_strings(node, &strings, NULL) == 0);
    vb_strv_free(strings);
}

static void ask(const vb_yaml_node *node, size_t *left, int depth)
{
    check(depth < DEEP && node->line > 0 && node->column > 0 && node->file);
    if (!*left)
        return;
    --*left;
    if (node->kind == VB_YAML_SCALAR)
        ask_scalar(node);
    for (size_t i = 0; i < node->count; i++) {
        const vb_yaml_pair *pair = &node->items[i];

        check(!pair->key == (node->kind == VB_YAML_LIST));
        if (pair->key && pair->key->kind == VB_YAML_SCALAR && !memchr(pair->key->text, 0, pair->key->length))
            check(vb_yaml_get(node, pair->key->text) == pair->value);
        if (pair->key)
            ask(pair->key, left, depth + 1);
        ask(pair->value, left, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    size_t left = 2000; /* nodes: aliases can make very many */
    json_t *json;
    int r = vb_yaml_load("fuzz.yaml", (const char *)data, size, &doc, &err);

    if (r < 0) {
        check_refused(r, &err);
        check(!doc && strstr(err.message, "fuzz.yaml"));
        return 0;
    }
    if (!vb_yaml_root(doc))
        return 0;
    ask(vb_yaml_root(doc), &left, 0);
    if (!left)
        return 0;
    json = vb_yaml_json(vb_yaml_root(doc));
    vb_autofree char *text = json_dumps(json, JSON_ENCODE_ANY);
    check(text != NULL);
    json_decref(json);
    return 0;
}
