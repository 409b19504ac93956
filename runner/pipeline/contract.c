/* contract.c - contracts: `warp.zeropoint == detectCoadd.zeropoint`.
 *
 * Of Rubin's 427 contracts most are comparisons of configuration values and constants.  These are evaluated: == != < <=
 * > >= in, not in, and, or, not, ... if ... else ..., +, brackets, lists, literals.  What calls Python (`contains`,
 * methods) cannot be, and is reported as not evaluated, never as passed. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "runner/pipeline/internal.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 100 };

struct evaluation {
    const vb_pipeline *p;
    const char *at;
    int depth;
    bool stuck; /* something that cannot be evaluated here */
};

static json_t *ternary(struct evaluation *e);

static void skip_space(struct evaluation *e)
{
    while (isspace((unsigned char)*e->at))
        e->at++;
}

static json_t *stuck(struct evaluation *e)
{
    e->stuck = true;
    return json_null();
}

static bool symbol(struct evaluation *e, const char *text)
{
    skip_space(e);
    if (!vb_starts_with(e->at, text))
        return false;
    e->at += strlen(text);
    return true;
}

static bool word(struct evaluation *e, const char *text)
{
    size_t n = strlen(text);

    skip_space(e);
    if (!vb_starts_with(e->at, text) || isalnum((unsigned char)e->at[n]) || e->at[n] == '_')
        return false;
    e->at += n;
    return true;
}

static bool truth(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_TRUE: return true;
    case JSON_FALSE:
    case JSON_NULL: return false;
    case JSON_INTEGER:
    case JSON_REAL: return json_number_value(v) != 0;
    case JSON_STRING: return json_string_length(v) > 0;
    case JSON_ARRAY: return json_array_size(v) > 0;
    case JSON_OBJECT: return json_object_size(v) > 0;
    }
    return false;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

static json_t *quoted(struct evaluation *e)
{
    char quote = *e->at++;
    const char *start = e->at, *end = strchr(start, quote);
    json_t *v;

    if (!end || memchr(start, '\\', (size_t)(end - start))) /* an escape is Python's to read */
        return stuck(e);
    v = json_stringn(start, (size_t)(end - start));
    e->at = end + 1;
    return v;
}

/* JSON has no infinity, and integers only as far as they are exact in a double. */
static json_t *real(struct evaluation *e, double d)
{
    return isfinite(d) ? json_real(d) : stuck(e);
}

static json_t *number(struct evaluation *e)
{
    const char *start = e->at;
    char *end;
    double d = strtod(start, &end);

    e->at = end;
    if (memchr(start, '.', (size_t)(end - start)) || memchr(start, 'e', (size_t)(end - start)))
        return real(e, d);
    return end > start && fabs(d) < 0x1p53 ? json_integer((json_int_t)d) : stuck(e);
}

static json_t *list(struct evaluation *e, char close)
{
    json_t *items = json_array();

    e->at++;
    while (!e->stuck) {
        skip_space(e);
        if (*e->at == close) {
            e->at++;
            break;
        }
        json_array_append_new(items, ternary(e));
        if (!symbol(e, ",") && (skip_space(e), *e->at != close))
            e->stuck = true;
    }
    return items;
}

/* LABEL.KEY.KEY, parameters.KEY, True, False, None. */
static json_t *name(struct evaluation *e)
{
    size_t n = strspn(e->at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.");
    vb_autofree char *text = vb_strndup(e->at, n);
    char *dot = strchr(text, '.');
    const struct pipeline_task *task;
    json_t *value;

    e->at += n;
    if (!strcmp(text, "True") || !strcmp(text, "False"))
        return json_boolean(text[0] == 'T');
    if (!strcmp(text, "None"))
        return json_null();
    skip_space(e);
    if (!dot || *e->at == '(' || *e->at == '[')
        return stuck(e);
    *dot = 0;
    task = vb_pipeline_task(e->p, text);
    value = task                          ? vb_pipeline_config(e->p, task, dot + 1)
            : !strcmp(text, "parameters") ? vb_pipeline_value(&e->p->parameters, dot + 1)
                                          : NULL;
    return value ? json_incref(value) : stuck(e); /* a Python task's default is not known here */
}

static json_t *primary(struct evaluation *e)
{
    json_t *v;

    skip_space(e);
    if (e->stuck || ++e->depth > MAX_DEPTH)
        return stuck(e);
    if (*e->at == '(') {
        e->at++;
        v = ternary(e);
        if (!symbol(e, ")"))
            e->stuck = true;
    } else if (*e->at == '[') {
        v = list(e, ']');
    } else if (*e->at == '"' || *e->at == '\'') {
        v = quoted(e);
    } else if (isdigit((unsigned char)*e->at) || *e->at == '-' || *e->at == '.') {
        v = number(e);
    } else if (isalpha((unsigned char)*e->at) || *e->at == '_') {
        v = name(e);
    } else {
        v = stuck(e);
    }
    e->depth--;
    return v;
}

static json_t *sum(struct evaluation *e)
{
    json_t *left = primary(e);

    while (!e->stuck && symbol(e, "+")) {
        json_t *right = primary(e), *v;

        if (json_is_string(left) && json_is_string(right)) {
            vb_autofree char *joined = vb_format("%s%s", json_string_value(left), json_string_value(right));

            v = json_string(joined);
        } else if (json_is_number(left) && json_is_number(right)) {
            v = real(e, json_number_value(left) + json_number_value(right));
        } else {
            v = stuck(e);
        }
        json_decref(left);
        json_decref(right);
        left = v;
    }
    return left;
}

/* ---- operators ------------------------------------------------------------------------------------------------- */

/* Python's True is 1. */
static bool as_number(const json_t *v, double *out)
{
    *out = json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
    return json_is_boolean(v) || json_is_number(v);
}

static bool equal(const json_t *a, const json_t *b)
{
    double x, y;
    size_t n = json_array_size(a);

    if (as_number(a, &x) && as_number(b, &y))
        return x == y;
    if (!json_is_array(a) || !json_is_array(b) || json_array_size(b) != n)
        return json_equal(a, b);
    while (n && equal(json_array_get(a, n - 1), json_array_get(b, n - 1)))
        n--;
    return !n;
}

static bool contains(struct evaluation *e, const json_t *items, const json_t *v)
{
    const json_t *item;
    size_t i;

    if (json_is_string(items) && json_is_string(v))
        return strstr(json_string_value(items), json_string_value(v)) != NULL;
    if (!json_is_array(items))
        e->stuck = true;
    json_array_foreach(items, i, item)
        if (equal(item, v))
            return true;
    return false;
}

static int order(struct evaluation *e, const json_t *a, const json_t *b)
{
    double x, y;

    if (as_number(a, &x) && as_number(b, &y))
        return (x > y) - (x < y);
    if (json_is_string(a) && json_is_string(b))
        return strcmp(json_string_value(a), json_string_value(b));
    e->stuck = true;
    return 0;
}

static json_t *comparison(struct evaluation *e)
{
    json_t *left = sum(e), *right;
    bool result;
    enum { NONE, EQ, NE, LE, GE, LT, GT, IN, NOT_IN } op;
    const char *before;

    skip_space(e);
    before = e->at;
    op = symbol(e, "==")                   ? EQ
         : symbol(e, "!=")                 ? NE
         : symbol(e, "<=")                 ? LE
         : symbol(e, ">=")                 ? GE
         : symbol(e, "<")                  ? LT
         : symbol(e, ">")                  ? GT
         : word(e, "in")                   ? IN
         : word(e, "not") && word(e, "in") ? NOT_IN
                                           : NONE;
    if (op == NONE) {
        e->at = before;
        return left;
    }
    right = sum(e);
    switch (op) {
    case EQ: result = equal(left, right); break;
    case NE: result = !equal(left, right); break;
    case LE: result = order(e, left, right) <= 0; break;
    case GE: result = order(e, left, right) >= 0; break;
    case LT: result = order(e, left, right) < 0; break;
    case GT: result = order(e, left, right) > 0; break;
    case IN: result = contains(e, right, left); break;
    default: result = !contains(e, right, left); break;
    }
    json_decref(left);
    json_decref(right);
    return json_boolean(result);
}

static json_t *negation(struct evaluation *e)
{
    json_t *v;
    bool result;

    if (!word(e, "not"))
        return comparison(e);
    if (++e->depth > MAX_DEPTH)
        return stuck(e);
    v = negation(e);
    e->depth--;
    result = !truth(v);
    json_decref(v);
    return json_boolean(result);
}

/* Python's: the value of the operand that decides. */
static json_t *conjunction(struct evaluation *e)
{
    json_t *left = negation(e);

    while (!e->stuck && word(e, "and")) {
        json_t *right = negation(e), *keep = truth(left) ? right : left, *drop = keep == left ? right : left;

        json_decref(drop);
        left = keep;
    }
    return left;
}

static json_t *disjunction(struct evaluation *e)
{
    json_t *left = conjunction(e);

    while (!e->stuck && word(e, "or")) {
        json_t *right = conjunction(e), *keep = truth(left) ? left : right, *drop = keep == left ? right : left;

        json_decref(drop);
        left = keep;
    }
    return left;
}

static json_t *ternary(struct evaluation *e)
{
    json_t *v = disjunction(e), *condition, *other;
    bool holds;

    if (e->stuck || !word(e, "if"))
        return v;
    condition = disjunction(e);
    if (!word(e, "else") || ++e->depth > MAX_DEPTH)
        e->stuck = true;
    other = e->stuck ? json_null() : ternary(e);
    e->depth--;
    holds = truth(condition);
    json_decref(condition);
    json_decref(holds ? other : v);
    return holds ? v : other;
}

/* ---- the pipeline's ---------------------------------------------------------------------------------------------- */

/* True where the text has a value of a task: "LABEL.", not at the end of a longer label. */
static bool speaks_of(const char *text, const char *label)
{
    vb_autofree char *dotted = vb_format("%s.", label);

    for (const char *found = text; (found = strstr(found, dotted)); found++)
        if (found == text || !(isalnum((unsigned char)found[-1]) || found[-1] == '_'))
            return true;
    return false;
}

/* A contract counts only where all tasks that it names are chosen: Rubin's rule. */
static bool applies(const vb_pipeline *p, const char *text)
{
    for (size_t i = 0; i < p->count; i++)
        if (!p->tasks[i].kept && speaks_of(text, p->tasks[i].label))
            return false;
    return true;
}

int vb_pipeline_check_contracts(vb_pipeline *p, vb_error *err)
{
    for (size_t i = 0; i < p->ncontracts; i++) {
        const struct pipeline_contract *c = &p->contracts[i];
        struct evaluation e = {.p = p, .at = c->text};
        json_t *v;
        bool holds;

        if (!applies(p, c->text))
            continue;
        v = ternary(&e);
        skip_space(&e);
        holds = truth(v);
        json_decref(v);
        if (e.stuck || *e.at) {
            vb_autofree char *sentence = vb_format("contract not evaluated: %s", c->text);

            vb_strv_add(&p->unevaluated, sentence);
        } else if (!holds) {
            return vb_yaml_fail(err, c->node, "the contract %s does not hold%s%s", c->text, c->message ? ": " : "",
                                c->message ? c->message : "");
        }
    }
    return 0;
}
