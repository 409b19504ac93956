#include "fs/ingest/pattern.h"

#include "registry/base/mem.h"

#include <ctype.h>
#include <string.h>

enum { MAX_LENGTH = 256, MAX_REPEATS = 1000, MAX_GROUPS = 10, MAX_TEXT = 4096 };

/* How often the C library writes out what stands before `p`, where a repetition begins there: "x{3,9}" nine
 * times, "x+" twice; nested ones multiply.  0: no repetition. */
static unsigned long copies(const char *p)
{
    unsigned long least, most;
    char *end;

    if (*p == '+')
        return 2;
    if (*p != '{' || !isdigit((unsigned char)p[1]))
        return 0;
    least = most = strtoul(p + 1, &end, 10);
    if (*end == ',' && isdigit((unsigned char)end[1]))
        most = strtoul(end + 1, &end, 10);
    else if (*end == ',')
        most = least + 1;
    return most > MAX_REPEATS ? MAX_REPEATS + 1 : most < 2 ? 2 : most;
}

/* NULL, or why the C library should not see it.  Siblings are counted as if they were nested: simple, and on
 * the safe side. */
static const char *objection(const char *text)
{
    unsigned long total = 1;
    size_t groups = 0;

    if (strlen(text) > MAX_LENGTH)
        return "it is longer than 256 characters";
    for (const char *p = text; *p; p++) {
        unsigned long n = copies(p);

        if (*p == '\\' && isdigit((unsigned char)p[1]))
            return "back-references are not allowed in it";
        if (*p == '\\' && p[1]) {
            p++;
            continue;
        }
        if (n && (total *= n) > MAX_REPEATS)
            return "it repeats too much";
        groups += *p == '(';
    }
    return groups > 32 ? "it has too many groups" : NULL;
}

int vb_pattern_make(const char *text, vb_pattern *out, vb_error *err)
{
    const char *why = objection(text);
    char message[128];
    int r;

    *out = (vb_pattern){0};
    if (why)
        return vb_fail(err, -EINVAL, "'%.60s' is not usable as a pattern: %s", text, why);
    r = regcomp(&out->regex, text, REG_EXTENDED);
    if (r) {
        regerror(r, &out->regex, message, sizeof message);
        return vb_fail(err, -EINVAL, "'%.60s' is no regular expression: %s", text, message);
    }
    out->text = vb_strdup(text);
    return 0;
}

void vb_pattern_clear(vb_pattern *p)
{
    if (p->text)
        regfree(&p->regex);
    free(p->text);
    *p = (vb_pattern){0};
}

bool vb_pattern_matches(const vb_pattern *p, const char *text)
{
    return strnlen(text, MAX_TEXT) < MAX_TEXT && !regexec(&p->regex, text, 0, NULL, 0);
}

bool vb_pattern_replace(const vb_pattern *p, const char *text, const char *replacement, vb_buf *out)
{
    regmatch_t groups[MAX_GROUPS];

    if (strnlen(text, MAX_TEXT) == MAX_TEXT || regexec(&p->regex, text, MAX_GROUPS, groups, 0))
        return false;
    vb_buf_clear(out);
    if (!replacement) {
        vb_buf_puts(out, text);
        return true;
    }
    for (const char *c = replacement; *c; c++) {
        const regmatch_t *g = *c == '\\' && isdigit((unsigned char)c[1]) ? &groups[c[1] - '0'] : NULL;

        if (g && g->rm_so >= 0)
            vb_buf_add(out, text + g->rm_so, (size_t)(g->rm_eo - g->rm_so));
        if (g || (*c == '\\' && c[1] == '\\'))
            c++;
        if (!g)
            vb_buf_putc(out, *c);
    }
    return true;
}
