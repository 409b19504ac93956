#include "fs/ingest/rule.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* ---- loading ------------------------------------------------------------------------------------------- */

int vb_pattern_load(const vb_yaml_node *node, vb_pattern *out, vb_error *err)
{
    const char *text = vb_yaml_text(node);
    vb_auto_error why = VB_ERROR_INIT;

    if (!text)
        return vb_yaml_fail(err, node, "a pattern must be text");
    if (vb_pattern_make(text, out, &why) < 0)
        return vb_yaml_fail(err, node, "%s", why.message);
    return 0;
}

int vb_card_patterns_load(const vb_yaml_node *map, vb_card_patterns *out, vb_error *err)
{
    int r = 0;

    if (map && map->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, map, "expected cards and patterns, like INSTRUME: '^DECam$'");
    for (size_t i = 0; map && !r && i < map->count; i++) {
        const char *card = vb_yaml_text(map->items[i].key);
        vb_card_pattern *p = VB_PUSH(out->items, out->count, out->cap);

        if (!card)
            return vb_yaml_fail(err, map->items[i].key, "a card's name must be text");
        p->card = vb_strdup(card);
        r = vb_pattern_load(map->items[i].value, &p->pattern, err);
    }
    return r;
}

static int load_map(const vb_yaml_node *map, vb_rule *rule, vb_error *err)
{
    if (map->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, map, "'map' must be a mapping");
    for (size_t i = 0; i < map->count; i++) {
        const vb_yaml_pair *pair = &map->items[i];

        if (pair->key->kind != VB_YAML_SCALAR || pair->value->kind != VB_YAML_SCALAR)
            return vb_yaml_fail(err, pair->key, "'map' goes from a value to a value");
        vb_strv_add(&rule->from, pair->key->text);
        vb_strv_add(&rule->to, pair->value->text);
    }
    return 0;
}

static int load_as(const vb_yaml_node *node, vb_rule_as *out, vb_error *err)
{
    static const char *const words[] = {"text", "degrees", "hours", "mjd"};

    for (size_t i = 0; i < VB_COUNT(words); i++)
        if (vb_yaml_text(node) && !strcmp(node->text, words[i])) {
            *out = (vb_rule_as)i;
            return 0;
        }
    return vb_yaml_fail(err, node, "'as' must be text, degrees, hours or mjd");
}

static int load_scale(const vb_yaml_node *map, vb_rule *rule, vb_error *err)
{
    const vb_yaml_node *scale = vb_yaml_get(map, "scale"), *offset = vb_yaml_get(map, "offset");

    rule->scale = 1;
    if (scale && !(vb_yaml_double(scale, &rule->scale) && isfinite(rule->scale)))
        return vb_yaml_fail(err, scale, "'scale' must be a number");
    if (offset && !(vb_yaml_double(offset, &rule->offset) && isfinite(rule->offset)))
        return vb_yaml_fail(err, offset, "'offset' must be a number");
    rule->scaled = scale || offset;
    return 0;
}

static int load_rule(const vb_yaml_node *node, vb_rule *rule, vb_error *err)
{
    static const char *const keys[] = {"card", "text", "match", "replace", "map", "as", "scale", "offset", NULL};
    const vb_yaml_node *card = vb_yaml_get(node, "card"), *text = vb_yaml_get(node, "text");
    const vb_yaml_node *match = vb_yaml_get(node, "match"), *as = vb_yaml_get(node, "as");
    const vb_yaml_node *map = vb_yaml_get(node, "map");
    const char *replace = vb_yaml_get_text(node, "replace");
    int r;

    if (vb_yaml_text(node)) { /* a constant */
        rule->text = vb_strdup(node->text);
        return 0;
    }
    r = vb_yaml_check_keys(node, "a rule", keys, err);
    if (!r && !card == !vb_yaml_text(text))
        r = vb_yaml_fail(err, node, "a rule needs either 'card' or 'text'");
    if (!r && card)
        r = vb_yaml_strings(card, &rule->cards, err);
    if (!r && text)
        rule->text = vb_strdup(text->text);
    if (!r && match)
        r = vb_pattern_load(match, &rule->pattern, err);
    if (!r && replace && !match)
        r = vb_yaml_fail(err, node, "'replace' needs 'match'");
    if (!r && replace)
        rule->replace = vb_strdup(replace);
    if (!r && map)
        r = load_map(map, rule, err);
    if (!r && as)
        r = load_as(as, &rule->as, err);
    return r < 0 ? r : load_scale(node, rule, err);
}

int vb_ways_load(const vb_yaml_node *node, vb_ways *out, vb_error *err)
{
    bool list = node && node->kind == VB_YAML_LIST;
    size_t n = !node ? 0 : list ? node->count : 1;
    int r = 0;

    out->rules = vb_alloc((n + 1) * sizeof *out->rules);
    for (size_t i = 0; !r && i < n; i++) {
        out->count++;
        r = load_rule(list ? node->items[i].value : node, &out->rules[i], err);
    }
    return r;
}

void vb_ways_clear(vb_ways *ways)
{
    for (size_t i = 0; i < ways->count; i++) {
        vb_rule *rule = &ways->rules[i];

        vb_strv_free(rule->cards);
        free(rule->text);
        vb_pattern_clear(&rule->pattern);
        free(rule->replace);
        vb_strv_free(rule->from);
        vb_strv_free(rule->to);
    }
    free(ways->rules);
    *ways = (vb_ways){0};
}

void vb_card_patterns_clear(vb_card_patterns *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].card);
        vb_pattern_clear(&p->items[i].pattern);
    }
    free(p->items);
    *p = (vb_card_patterns){0};
}

/* ---- applying ------------------------------------------------------------------------------------------ */

/* Fills the cards in braces into a text; false where the header lacks one. */
static bool fill(const char *text, const vb_header *header, vb_buf *out)
{
    vb_buf_clear(out);
    while (*text) {
        const char *close = *text == '{' ? strchr(text, '}') : NULL;
        vb_auto_buf value = {0};
        vb_autofree char *card = NULL;

        if (!close) {
            vb_buf_putc(out, *text++);
            continue;
        }
        card = vb_strndup(text + 1, (size_t)(close - text - 1));
        if (!vb_header_get(header, card, &value))
            return false;
        vb_buf_puts(out, vb_buf_text(&value));
        text = close + 1;
    }
    return true;
}

/* The text that a rule begins with; false where the header has none. */
static bool source_text(const vb_rule *rule, const vb_header *header, vb_buf *out, const char **card)
{
    *card = NULL;
    for (char **c = rule->cards; c && *c; c++)
        if (vb_header_get(header, *c, out) && out->len) {
            *card = *c;
            return true;
        }
    return rule->text && fill(rule->text, header, out);
}

static void apply_map(const vb_rule *rule, vb_buf *text)
{
    for (size_t i = 0; rule->from && rule->from[i]; i++)
        if (!strcasecmp(rule->from[i], vb_buf_text(text))) {
            vb_buf_clear(text);
            vb_buf_puts(text, rule->to[i]);
            return;
        }
}

/* "-12:20:09.6", "12 20 09.6", or one number. */
static bool parse_sexagesimal(const char *text, double *out)
{
    double unit = 1, sum = 0, part;
    bool negative = false;
    const char *p = text + strspn(text, " ");
    int parts = 0;

    if (*p == '-' || *p == '+')
        negative = *p++ == '-';
    while (*p && parts < 3) {
        char *end;

        if (!strchr("0123456789.", *p))
            return false;
        part = strtod(p, &end);
        if (end == p || (parts && part >= 60))
            return false;
        sum += part * unit;
        unit /= 60;
        parts++;
        p = end + (*end == ':' || *end == ' ');
    }
    *out = negative ? -sum : sum;
    return parts > 0 && !*p && isfinite(sum);
}

static int read_value(const vb_rule *rule, const char *text, const char *card, vb_value *out, vb_error *err)
{
    double number;

    if (rule->as == VB_AS_TEXT && !rule->scaled) {
        *out = vb_value_text(text);
        return 1;
    }
    if (rule->as == VB_AS_HOURS || rule->as == VB_AS_DEGREES) {
        if (!parse_sexagesimal(text, &number))
            return vb_fail(err, -EINVAL, "%s is '%s': neither like 12:34:56.7 nor a number", card ? card : "a rule",
                           text);
        number *= rule->as == VB_AS_HOURS ? 15 : 1;
    } else if (!vb_parse_double(text, &number) || !isfinite(number)) {
        return vb_fail(err, -EINVAL, "%s is '%s': not a number", card ? card : "a rule", text);
    }
    *out = vb_value_real(number * rule->scale + rule->offset);
    return 1;
}

static int apply(const vb_rule *rule, const vb_header *header, vb_value *out, vb_error *err)
{
    vb_auto_buf text = {0}, replaced = {0};
    const char *card;

    if (!source_text(rule, header, &text, &card))
        return 0;
    if (rule->pattern.text) {
        vb_buf swap = text;

        if (!vb_pattern_replace(&rule->pattern, vb_buf_text(&text), rule->replace, &replaced))
            return 0;
        text = replaced;
        replaced = swap;
    }
    apply_map(rule, &text);
    return read_value(rule, vb_buf_text(&text), card, out, err);
}

int vb_ways_value(const vb_ways *ways, const vb_header *header, vb_value *out, vb_error *err)
{
    int r = 0;

    *out = (vb_value){0};
    for (size_t i = 0; !r && i < ways->count; i++)
        r = apply(&ways->rules[i], header, out, err);
    return r;
}

bool vb_value_integer(const vb_value *value, int64_t *out)
{
    double whole;

    if (value->kind == VB_TEXT && vb_parse_int(value->text, out))
        return true;
    if (value->kind != VB_REAL && !(value->kind == VB_TEXT && vb_parse_double(value->text, &whole)))
        return false;
    if (value->kind == VB_REAL)
        whole = value->d;
    *out = fabs(whole) < 9e15 ? (int64_t)whole : 0;
    return fabs(whole) < 9e15 && whole == trunc(whole);
}

/* ---- cards and patterns -------------------------------------------------------------------------------- */

static bool holds(const vb_card_pattern *p, const vb_header *header)
{
    vb_auto_buf value = {0};

    return vb_header_get(header, p->card, &value) && vb_pattern_matches(&p->pattern, vb_buf_text(&value));
}

bool vb_card_patterns_all(const vb_card_patterns *p, const vb_header *header)
{
    for (size_t i = 0; i < p->count; i++)
        if (!holds(&p->items[i], header))
            return false;
    return true;
}

bool vb_card_patterns_any(const vb_card_patterns *p, const vb_header *header)
{
    for (size_t i = 0; i < p->count; i++)
        if (holds(&p->items[i], header))
            return true;
    return false;
}
