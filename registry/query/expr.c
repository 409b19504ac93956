/* expr.c - a recursive-descent parser; precedence from loose to tight: or, and, not, comparison, + -, * /
 * %, unary -. */
#include "registry/query/expr.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { MAX_TEXT = 1 << 20, MAX_DEPTH = 200 /* of brackets and words, and of the tree that comes of them */ };

typedef enum token_kind {
    END,
    INTEGER,
    REAL,
    STRING,
    TIME,
    BIND,
    NAME,
    SYMBOL /* text: one of the operators and brackets */
} token_kind;

struct token {
    token_kind kind;
    int begin, end;
    char text[4]; /* of a symbol */
};

struct parser {
    const char *text;
    struct token token; /* the one to look at */
    int depth;
    vb_error *err;
};

void vb_expr_free(vb_expr *e)
{
    for (size_t i = 0; i < e->count; i++)
        vb_expr_free(e->operands[i]);
    free(e->operands);
    free(e->text);
    free(e);
}

static int fail_at(vb_error *err, const char *text, int at, const char *message)
{
    return vb_fail(err, -EINVAL, "%s at column %d:\n%s\n%*s^", message, at + 1, text, at, "");
}

int vb_expr_fail(vb_error *err, const char *text, const vb_expr *at, const char *format, ...)
{
    va_list args;
    vb_autofree char *message = NULL;

    va_start(args, format);
    message = vb_vformat(format, args);
    va_end(args);
    return fail_at(err, text, at->begin, message);
}

/* ---- tokens ----------------------------------------------------------------------------------------------- */

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* After the first digit: digits, a fraction unless ".." begins a range, an exponent. */
static token_kind scan_number(const char *text, int *at)
{
    token_kind kind = INTEGER;
    int p = *at;

    while (isdigit((unsigned char)text[p]))
        p++;
    if (text[p] == '.' && text[p + 1] != '.') {
        kind = REAL;
        for (p++; isdigit((unsigned char)text[p]); p++)
            ;
    }
    if ((text[p] == 'e' || text[p] == 'E') &&
        isdigit((unsigned char)text[p + 1 + (text[p + 1] == '+' || text[p + 1] == '-')])) {
        kind = REAL;
        for (p += 2; isdigit((unsigned char)text[p]); p++)
            ;
    }
    *at = p;
    return kind;
}

static int scan_quoted(struct parser *p, int *at)
{
    const char *close = strchr(p->text + *at + 1, p->text[*at]);

    if (!close)
        return fail_at(p->err, p->text, *at, "a quote that is not closed");
    *at = (int)(close - p->text) + 1;
    return 0;
}

static int scan_symbol(struct parser *p, int at)
{
    static const char *const symbols[] = {"..", "!=", "<>", "<=", ">=", "==", "=", "<", ">", "+",
                                          "-",  "*",  "/",  "%",  "(",  ")",  ",", ":", "."};

    for (size_t i = 0; i < VB_COUNT(symbols); i++)
        if (vb_starts_with(p->text + at, symbols[i])) {
            strcpy(p->token.text, symbols[i]);
            p->token.kind = SYMBOL;
            p->token.end = at + (int)strlen(symbols[i]);
            return 0;
        }
    return fail_at(p->err, p->text, at, "an unexpected character");
}

/* Reads the next token into p->token. */
static int advance(struct parser *p)
{
    const char *text = p->text;
    int at = p->token.end, r = 0;

    while (isspace((unsigned char)text[at]))
        at++;
    p->token.begin = at;
    if (!text[at]) {
        p->token.kind = END;
    } else if (isdigit((unsigned char)text[at]) || (text[at] == '.' && isdigit((unsigned char)text[at + 1]))) {
        p->token.kind = scan_number(text, &at);
    } else if (text[at] == '\'' || text[at] == '"') {
        p->token.kind = STRING;
        r = scan_quoted(p, &at);
    } else if ((text[at] == 'T' || text[at] == 't') && (text[at + 1] == '\'' || text[at + 1] == '"')) {
        p->token.kind = TIME;
        at++;
        r = scan_quoted(p, &at);
    } else if (text[at] == ':' && (isalpha((unsigned char)text[at + 1]) || text[at + 1] == '_')) {
        p->token.kind = BIND;
        for (at++; name_char(text[at]); at++)
            ;
    } else if (isalpha((unsigned char)text[at]) || text[at] == '_') {
        p->token.kind = NAME;
        while (name_char(text[at]) ||
               (text[at] == '.' && (isalpha((unsigned char)text[at + 1]) || text[at + 1] == '_')))
            at++;
    } else {
        return scan_symbol(p, at);
    }
    p->token.end = at;
    return r;
}

static bool is_symbol(const struct parser *p, const char *symbol)
{
    return p->token.kind == SYMBOL && !strcmp(p->token.text, symbol);
}

static bool is_word(const struct parser *p, const char *word)
{
    size_t n = (size_t)(p->token.end - p->token.begin);

    return p->token.kind == NAME && strlen(word) == n && !strncasecmp(p->text + p->token.begin, word, n);
}

static int expect(struct parser *p, const char *symbol, const char *what)
{
    if (!is_symbol(p, symbol))
        return fail_at(p->err, p->text, p->token.begin, what);
    return advance(p);
}

/* ---- trees ------------------------------------------------------------------------------------------------ */

static vb_expr *new_expr(vb_expr_kind kind, int begin, int end)
{
    vb_expr *e = VB_NEW(vb_expr);

    e->kind = kind;
    e->begin = begin;
    e->end = end;
    return e;
}

static void add_operand(vb_expr *e, vb_expr *operand)
{
    *VB_PUSH(e->operands, e->count, e->cap) = operand;
    if (operand->begin < e->begin)
        e->begin = operand->begin;
    if (operand->end > e->end)
        e->end = operand->end;
    if (operand->height >= e->height)
        e->height = operand->height + 1;
}

static int parse_or(struct parser *p, vb_expr **out);
static int parse_sum(struct parser *p, vb_expr **out);

static int parse_integer(struct parser *p, int64_t *out)
{
    bool negative = is_symbol(p, "-");
    vb_autofree char *digits = NULL;
    int r = negative ? advance(p) : 0;

    if (r < 0)
        return r;
    digits = vb_strndup(p->text + p->token.begin, (size_t)(p->token.end - p->token.begin));
    if (p->token.kind != INTEGER || !vb_parse_int(digits, out))
        return fail_at(p->err, p->text, p->token.begin, "expected an integer");
    if (negative)
        *out = -*out;
    return advance(p);
}

/* One value: a number, a string, a time, a bind, NULL. */
static int parse_literal(struct parser *p, vb_expr **out)
{
    static const vb_expr_kind kinds[] = {[INTEGER] = VB_EXPR_INT,
                                         [REAL] = VB_EXPR_REAL,
                                         [STRING] = VB_EXPR_STRING,
                                         [TIME] = VB_EXPR_TIME,
                                         [BIND] = VB_EXPR_BIND};
    struct token t = p->token;
    /* What is not part of the value: quotes, the T before a time, the colon before a bind. */
    int skip = t.kind == TIME ? 2 : t.kind == STRING || t.kind == BIND, tail = t.kind == STRING || t.kind == TIME;
    vb_auto(vb_expr_free) vb_expr *e = new_expr(kinds[t.kind], t.begin, t.end);
    int r;

    e->text = vb_strndup(p->text + t.begin + skip, (size_t)(t.end - t.begin - skip - tail));
    if (t.kind == INTEGER && !vb_parse_int(e->text, &e->integer))
        return fail_at(p->err, p->text, t.begin, "an integer that is too large");
    if (t.kind == REAL && !vb_parse_double(e->text, &e->real))
        return fail_at(p->err, p->text, t.begin, "a number that is too large");
    r = advance(p);
    if (!r)
        *out = VB_STEAL(e);
    return r;
}

/* After a name: a call where a '(' follows. */
static int parse_name(struct parser *p, vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *e = new_expr(VB_EXPR_NAME, p->token.begin, p->token.end);
    int r;

    if (is_word(p, "null")) {
        e->kind = VB_EXPR_NULL;
        r = advance(p);
        if (!r)
            *out = VB_STEAL(e);
        return r;
    }
    e->text = vb_strndup(p->text + e->begin, (size_t)(e->end - e->begin));
    r = advance(p);
    if (!r && is_symbol(p, "(")) {
        e->kind = VB_EXPR_CALL;
        for (char *c = e->text; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        r = advance(p);
        while (!r && !is_symbol(p, ")")) {
            vb_expr *argument;

            r = parse_sum(p, &argument);
            if (!r) {
                add_operand(e, argument);
                if (!is_symbol(p, ")"))
                    r = expect(p, ",", "expected ',' or ')'");
            }
        }
        e->end = p->token.end;
        if (!r)
            r = advance(p);
    }
    if (!r)
        *out = VB_STEAL(e);
    return r;
}

/* '(' expression ')' or '(' a ',' b ')'. */
static int parse_bracket(struct parser *p, vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *first = NULL;
    int begin = p->token.begin, r = advance(p);

    if (!r)
        r = parse_or(p, &first);
    if (!r && is_symbol(p, ",")) {
        vb_auto(vb_expr_free) vb_expr *tuple = new_expr(VB_EXPR_TUPLE, begin, p->token.end);
        vb_expr *second;

        add_operand(tuple, VB_STEAL(first));
        r = advance(p);
        if (!r)
            r = parse_sum(p, &second);
        if (!r) {
            add_operand(tuple, second);
            first = VB_STEAL(tuple);
        }
    }
    if (!r)
        r = expect(p, ")", "expected ')'");
    if (!r)
        *out = VB_STEAL(first);
    return r;
}

static int too_deep(struct parser *p)
{
    return fail_at(p->err, p->text, p->token.begin, "nested too deep");
}

static int parse_primary(struct parser *p, vb_expr **out)
{
    int r;

    if (is_symbol(p, "(") || p->token.kind == NAME) {
        if (++p->depth > MAX_DEPTH)
            return too_deep(p);
        r = p->token.kind == NAME ? parse_name(p, out) : parse_bracket(p, out);
        p->depth--;
        return r;
    }
    if (p->token.kind == END)
        return fail_at(p->err, p->text, p->token.begin, "something is missing");
    if (p->token.kind == SYMBOL)
        return fail_at(p->err, p->text, p->token.begin, "expected a value or a name");
    return parse_literal(p, out);
}

static int parse_unary(struct parser *p, vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_expr *operand;
    int r;

    if (!is_symbol(p, "-") && !is_symbol(p, "+"))
        return parse_primary(p, out);
    e = new_expr(VB_EXPR_NEGATE, p->token.begin, p->token.end);
    if (is_symbol(p, "+")) {
        r = advance(p);
        return r < 0 ? r : parse_unary(p, out);
    }
    if (++p->depth > MAX_DEPTH)
        return too_deep(p);
    r = advance(p);
    if (!r)
        r = parse_unary(p, &operand);
    p->depth--;
    if (!r) {
        add_operand(e, operand);
        *out = VB_STEAL(e);
    }
    return r;
}

/* `next` { one of `symbols` `next` }: left to right. */
static int parse_binary(struct parser *p, const char *symbols, int (*next)(struct parser *, vb_expr **), vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *left = NULL;
    int r = next(p, &left);

    while (!r && p->token.kind == SYMBOL && p->token.text[0] && !p->token.text[1] &&
           strchr(symbols, p->token.text[0])) {
        vb_expr *e = new_expr(VB_EXPR_ARITHMETIC, p->token.begin, p->token.end), *right;

        e->text = vb_strdup(p->token.text);
        add_operand(e, VB_STEAL(left));
        left = e;
        r = left->height > MAX_DEPTH ? too_deep(p) : advance(p); /* a chain leans to the left */
        if (!r)
            r = next(p, &right);
        if (!r)
            add_operand(e, right);
    }
    if (!r)
        *out = VB_STEAL(left);
    return r;
}

static int parse_product(struct parser *p, vb_expr **out)
{
    return parse_binary(p, "*/%", parse_unary, out);
}

static int parse_sum(struct parser *p, vb_expr **out)
{
    return parse_binary(p, "+-", parse_product, out);
}

/* An item of a list: a value, or first..last or first..last:step. */
static int parse_item(struct parser *p, vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    int r = parse_sum(p, &e);

    if (r < 0 || !is_symbol(p, "..")) {
        if (!r)
            *out = VB_STEAL(e);
        return r;
    }
    if (e->kind == VB_EXPR_NEGATE && e->operands[0]->kind == VB_EXPR_INT) {
        e->integer = -e->operands[0]->integer;
        vb_expr_free(e->operands[0]);
        e->count = 0;
    } else if (e->kind != VB_EXPR_INT) {
        return fail_at(p->err, p->text, e->begin, "a range is integer..integer");
    }
    e->kind = VB_EXPR_RANGE;
    e->step = 1;
    r = advance(p);
    if (!r)
        r = parse_integer(p, &e->last);
    if (!r && is_symbol(p, ":")) {
        r = advance(p);
        if (!r)
            r = parse_integer(p, &e->step);
    }
    if (!r && (e->step <= 0 || e->last < e->integer))
        r = fail_at(p->err, p->text, e->begin, "a range that holds nothing");
    if (!r)
        *out = VB_STEAL(e);
    return r;
}

/* After IN: a list in brackets, or one bind that stands for a list. */
static int parse_list(struct parser *p, vb_expr *in)
{
    vb_expr *item;
    int r;

    if (p->token.kind == BIND) {
        r = parse_literal(p, &item);
        if (!r)
            add_operand(in, item);
        return r;
    }
    r = expect(p, "(", "expected '(' and a list");
    do {
        if (!r)
            r = parse_item(p, &item);
        if (r < 0)
            return r;
        add_operand(in, item);
        if (!is_symbol(p, ","))
            break;
        r = advance(p);
    } while (!is_symbol(p, ")"));
    in->end = p->token.end;
    return r < 0 ? r : expect(p, ")", "expected ',' or ')'");
}

/* What may follow a value: a comparison, OVERLAPS, [NOT] IN, IS [NOT] NULL.  1: there was one, 0: none. */
static int parse_tail(struct parser *p, vb_expr *e)
{
    vb_expr *right;
    int r;

    if (is_word(p, "in") || is_word(p, "not")) {
        e->kind = is_word(p, "in") ? VB_EXPR_IN : VB_EXPR_NOT_IN;
        r = advance(p);
        if (!r && e->kind == VB_EXPR_NOT_IN)
            r = is_word(p, "in") ? advance(p) : fail_at(p->err, p->text, p->token.begin, "expected IN");
        return r < 0 ? r : parse_list(p, e) < 0 ? -EINVAL : 1;
    }
    if (is_word(p, "is")) {
        e->kind = VB_EXPR_IS_NULL;
        r = advance(p);
        if (!r && is_word(p, "not")) {
            e->kind = VB_EXPR_IS_NOT_NULL;
            r = advance(p);
        }
        if (!r && !is_word(p, "null"))
            r = fail_at(p->err, p->text, p->token.begin, "expected NULL");
        return r < 0 ? r : advance(p) < 0 ? -EINVAL : 1;
    }
    if (is_word(p, "overlaps")) {
        e->kind = VB_EXPR_OVERLAPS;
    } else if (p->token.kind == SYMBOL && strchr("=!<>", p->token.text[0])) {
        e->kind = VB_EXPR_COMPARE;
        e->text = vb_strdup(!strcmp(p->token.text, "<>") ? "!=" : !strcmp(p->token.text, "==") ? "=" : p->token.text);
    } else {
        return 0;
    }
    r = advance(p);
    if (!r)
        r = parse_sum(p, &right);
    if (!r)
        add_operand(e, right);
    return r < 0 ? r : 1;
}

static int parse_comparison(struct parser *p, vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *left = NULL, *e = NULL;
    int r = parse_sum(p, &left);

    if (r < 0)
        return r;
    e = new_expr(VB_EXPR_COMPARE, left->begin, left->end);
    add_operand(e, VB_STEAL(left));
    r = parse_tail(p, e);
    if (r < 0)
        return r;
    if (!r) { /* a value by itself: a bracketed expression, a boolean name */
        *out = e->operands[0];
        e->count = 0;
        return 0;
    }
    *out = VB_STEAL(e);
    return 0;
}

static int parse_not(struct parser *p, vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_expr *operand;
    int r;

    if (++p->depth > MAX_DEPTH)
        return too_deep(p);
    if (!is_word(p, "not")) {
        r = parse_comparison(p, out);
    } else {
        e = new_expr(VB_EXPR_NOT, p->token.begin, p->token.end);
        r = advance(p);
        if (!r)
            r = parse_not(p, &operand);
        if (!r) {
            add_operand(e, operand);
            *out = VB_STEAL(e);
        }
    }
    p->depth--;
    return r;
}

/* `next` { WORD `next` }: all operands in one node. */
static int parse_joined(struct parser *p, const char *word, vb_expr_kind kind, int (*next)(struct parser *, vb_expr **),
                        vb_expr **out)
{
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_expr *operand;
    int r = next(p, &operand);

    if (r < 0 || !is_word(p, word)) {
        if (!r)
            *out = operand;
        return r;
    }
    e = new_expr(kind, operand->begin, operand->end);
    add_operand(e, operand);
    while (!r && is_word(p, word)) {
        r = advance(p);
        if (!r)
            r = next(p, &operand);
        if (!r)
            add_operand(e, operand);
    }
    if (!r)
        *out = VB_STEAL(e);
    return r;
}

static int parse_and(struct parser *p, vb_expr **out)
{
    return parse_joined(p, "and", VB_EXPR_AND, parse_not, out);
}

static int parse_or(struct parser *p, vb_expr **out)
{
    return parse_joined(p, "or", VB_EXPR_OR, parse_and, out);
}

int vb_expr_parse(const char *text, vb_expr **out, vb_error *err)
{
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    struct parser p = {.text = text, .err = err};
    int r;

    *out = NULL;
    if (strlen(text) > MAX_TEXT)
        return vb_fail(err, -E2BIG, "an expression of more than %d bytes", MAX_TEXT);
    if (!vb_utf8_valid(text, strlen(text)))
        return vb_fail(err, -EINVAL, "an expression that is not UTF-8");
    r = advance(&p);
    if (r < 0 || p.token.kind == END)
        return r;
    r = parse_or(&p, &e);
    if (!r && p.token.kind != END)
        r = fail_at(err, text, p.token.begin, "expected AND, OR or the end");
    if (!r)
        *out = VB_STEAL(e);
    return r;
}
