#include "registry/store_options.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <string.h>

/* ---- one value ----------------------------------------------------------------------------------------- */

static int read_text(const vb_yaml_node *map, const char *key, char **out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, key);
    const char *text = vb_yaml_text(node);

    if (!node)
        return 0;
    if (!text || !*text)
        return vb_yaml_fail(err, node, "'%s' must be text", key);
    *out = vb_strdup(text);
    return 0;
}

static int read_count(const vb_yaml_node *map, const char *key, int64_t most, int *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, key);
    int64_t n;

    if (!node)
        return 0;
    if (!vb_yaml_int(node, &n) || n < 0 || n > most)
        return vb_yaml_fail(err, node, "'%s' must be a number from 0 to %lld", key, (long long)most);
    *out = (int)n;
    return 0;
}

static int read_timeout(const vb_yaml_node *map, int64_t *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, "timeout");
    double seconds;

    if (!node)
        return 0;
    if (!vb_yaml_double(node, &seconds) || !(seconds > 0 && seconds <= 86400))
        return vb_yaml_fail(err, node, "'timeout' must be seconds, above 0 and at most 86400");
    *out = (int64_t)(seconds * 1e9);
    return 0;
}

static int read_rate(const vb_yaml_node *map, int64_t *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, "rate");
    const char *text = vb_yaml_text(node);

    if (!node)
        return 0;
    if (!text || !vb_parse_bytes(text, out) || *out <= 0)
        return vb_yaml_fail(err, node, "'rate' must be bytes a second, like 50MB");
    return 0;
}

static int read_addressing(const vb_yaml_node *map, vb_addressing *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, "addressing");
    const char *text = vb_yaml_text(node);

    if (!node)
        return 0;
    *out = text && !strcmp(text, "virtual") ? VB_ADDRESSING_VIRTUAL : VB_ADDRESSING_PATH;
    return text && (!strcmp(text, "virtual") || !strcmp(text, "path"))
               ? 0
               : vb_yaml_fail(err, node, "'addressing' must be path or virtual");
}

static int read_chain(const vb_yaml_node *map, char ***out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, "chain");
    int r = node ? vb_yaml_strings(node, out, err) : 0;

    if (!r && node && !vb_strv_count(*out))
        return vb_yaml_fail(err, node, "'chain' must name one root or more");
    return r;
}

/* ---- the map ------------------------------------------------------------------------------------------- */

static int read_one(const char *name, const vb_yaml_node *map, vb_store_options *o, vb_error *err)
{
    static const char *const keys[] = {"chain",   "endpoint", "region", "addressing", "profile",
                                       "timeout", "retries",  "rate",   "parallel",   NULL};
    int r = vb_yaml_check_keys(map, name, keys, err);

    *o = (vb_store_options)VB_STORE_OPTIONS_INIT;
    o->name = vb_strdup(name);
    if (!r)
        r = read_chain(map, &o->chain, err);
    if (!r)
        r = read_text(map, "endpoint", &o->endpoint, err);
    if (!r)
        r = read_text(map, "region", &o->region, err);
    if (!r)
        r = read_text(map, "profile", &o->profile, err);
    if (!r)
        r = read_addressing(map, &o->addressing, err);
    if (!r)
        r = read_timeout(map, &o->timeout, err);
    if (!r)
        r = read_count(map, "retries", 100, &o->retries, err);
    if (!r)
        r = read_rate(map, &o->rate, err);
    return r < 0 ? r : read_count(map, "parallel", 1024, &o->parallel, err);
}

int vb_store_config_read(const vb_yaml_node *node, vb_store_config *out, vb_error *err)
{
    int r = 0;

    *out = (vb_store_config){0};
    if (!node || vb_yaml_is_null(node))
        return 0;
    if (node->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, node, "'stores' must be a map from names of stores, hosts or buckets to options");
    for (size_t i = 0; !r && i < node->count; i++) {
        const char *name = vb_yaml_text(node->items[i].key);

        if (!name)
            return vb_yaml_fail(err, node->items[i].key, "the name of a store must be text");
        if (node->items[i].value->kind != VB_YAML_MAP)
            return vb_yaml_fail(err, node->items[i].value, "the options of store '%s' must be a map", name);
        r = read_one(name, node->items[i].value, VB_PUSH(out->items, out->count, out->cap), err);
    }
    return r;
}

int vb_store_config_load(const char *dir, vb_store_config *out, vb_error *err)
{
    vb_autofree char *path = vb_path_join(dir, "vbutler.yaml");
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    int r;

    *out = (vb_store_config){0};
    if (access(path, F_OK))
        return 0;
    r = vb_yaml_load_file(path, &doc, err);
    return r < 0 ? r : vb_store_config_read(vb_yaml_get(vb_yaml_root(doc), "stores"), out, err);
}

void vb_store_config_clear(vb_store_config *config)
{
    for (size_t i = 0; i < config->count; i++) {
        vb_store_options *o = &config->items[i];

        free(o->name);
        vb_strv_free(o->chain);
        free(o->endpoint);
        free(o->region);
        free(o->profile);
    }
    free(config->items);
    *config = (vb_store_config){0};
}

const vb_store_options *vb_store_config_find(const vb_store_config *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++)
        if (!strcmp(config->items[i].name, name))
            return &config->items[i];
    return NULL;
}

int64_t vb_store_deadline(const vb_store_options *options, int64_t size)
{
    double least = 1e6, share = (double)options->rate / (options->parallel ? options->parallel : 8) / 2;

    if (options->rate && share < least)
        least = share;
    return vb_clock_monotonic_ns() + options->timeout + (size > 0 ? (int64_t)((double)size / least * 1e9) : 0);
}
