#include "runner/command/template.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <stdlib.h>
#include <string.h>

void vb_template_clear(vb_template *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->parts[i].name);
        free(t->parts[i].field);
    }
    free(t->parts);
    *t = (vb_template){0};
}

static void add_literal(vb_template *t, const char *text, size_t n)
{
    vb_template_part *last = t->count ? &t->parts[t->count - 1] : NULL;

    if (!n)
        return;
    if (last && last->kind == VB_PART_LITERAL) {
        char *joined = vb_format("%s%.*s", last->name, (int)n, text);

        free(last->name);
        last->name = joined;
        return;
    }
    last = VB_PUSH(t->parts, t->count, t->cap);
    last->name = vb_strndup(text, n);
}

/* What stands between the braces. */
static int add_field(vb_template *t, char *text, const char *word, vb_error *err)
{
    static const struct {
        const char *prefix;
        vb_part_kind kind;
    } prefixed[] = {{"in.", VB_PART_IN}, {"out.", VB_PART_OUT}, {"config.", VB_PART_CONFIG}};
    static const struct {
        const char *word;
        vb_part_kind kind;
    } words[] = {{"label", VB_PART_LABEL}, {"cpus", VB_PART_CPUS}, {"run", VB_PART_RUN}};
    vb_template_part *part = VB_PUSH(t->parts, t->count, t->cap);
    char *colon = strchr(text, ':'), *dot;

    if (colon) {
        if ((colon[1] != ',' && colon[1] != '@') || colon[2] || !vb_starts_with(text, "in."))
            return vb_fail(err, -EINVAL,
                           "'%s': after ':' only ',' (joined) and '@' (a list file) are known, and only for {in...}",
                           word);
        part->modifier = colon[1];
        *colon = 0;
    }
    for (size_t i = 0; i < VB_COUNT(prefixed); i++)
        if (vb_starts_with(text, prefixed[i].prefix)) {
            part->kind = prefixed[i].kind;
            part->name = vb_strdup(text + strlen(prefixed[i].prefix));
            return *part->name ? 0 : vb_fail(err, -EINVAL, "'%s': {%s} names nothing", word, text);
        }
    for (size_t i = 0; i < VB_COUNT(words); i++)
        if (!strcmp(text, words[i].word)) {
            part->kind = words[i].kind;
            return 0;
        }
    dot = strchr(text, '.');
    part->kind = VB_PART_ELEMENT;
    part->name = vb_strndup(text, dot ? (size_t)(dot - text) : strlen(text));
    part->field = dot ? vb_strdup(dot + 1) : NULL;
    return *part->name ? 0 : vb_fail(err, -EINVAL, "'%s': empty braces", word);
}

int vb_template_parse(const char *word, vb_template *out, vb_error *err)
{
    const char *p = word;

    *out = (vb_template){0};
    while (*p) {
        size_t n = strcspn(p, "{}");
        vb_autofree char *field = NULL;
        const char *close;
        int r;

        add_literal(out, p, n);
        p += n;
        if (!*p)
            break;
        if (p[1] == *p) { /* {{ or }} */
            add_literal(out, p, 1);
            p += 2;
            continue;
        }
        close = *p == '{' ? strchr(p, '}') : NULL;
        if (!close) {
            vb_template_clear(out);
            return vb_fail(err, -EINVAL, "'%s': a single '%c' (write '%c%c' for the character)", word, *p, *p, *p);
        }
        field = vb_strndup(p + 1, (size_t)(close - p - 1));
        r = add_field(out, field, word, err);
        if (r < 0) {
            vb_template_clear(out);
            return r;
        }
        p = close + 1;
    }
    return 0;
}
