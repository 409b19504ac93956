#include "registry/base/text.h"

#include "registry/base/cleanup.h"
#include "registry/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t vb_utf8_width(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t width;

    if (n == 0)
        return 0;
    width = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (width == 0 || width > n)
        return 0;
    for (size_t i = 1; i < width; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return width;
}

bool vb_utf8_valid(const char *text, size_t n)
{
    for (size_t i = 0, width; i < n; i += width)
        if (!(width = vb_utf8_width(text + i, n - i)))
            return false;
    return true;
}

bool vb_parse_int(const char *text, int64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)text[text[0] == '-' || text[0] == '+']))
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return !errno && !*end;
}

bool vb_parse_double(const char *text, double *out)
{
    char *end;

    if (!*text || isspace((unsigned char)*text))
        return false;
    errno = 0;
    *out = strtod(text, &end);
    return !*end && !(errno == ERANGE && fabs(*out) == HUGE_VAL);
}

bool vb_starts_with(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

bool vb_ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);

    return n >= m && !memcmp(text + n - m, suffix, m);
}

char **vb_split(const char *text, char separator, size_t *count)
{
    char **parts = NULL;
    size_t n = 0;

    while (*text) {
        const char *end = strchrnul(text, separator), *last = end;

        while (text < last && isspace((unsigned char)*text))
            text++;
        while (last > text && isspace((unsigned char)last[-1]))
            last--;
        if (last > text) {
            parts = vb_realloc(parts, n + 2, sizeof *parts);
            parts[n++] = vb_strndup(text, (size_t)(last - text));
        }
        text = *end ? end + 1 : end;
    }
    if (!parts)
        parts = vb_realloc(NULL, 1, sizeof *parts);
    parts[n] = NULL;
    if (count)
        *count = n;
    return parts;
}

void vb_strv_free(char **strings)
{
    for (char **s = strings; s && *s; s++)
        free(*s);
    free(strings);
}

size_t vb_strv_count(char *const *strings)
{
    size_t n = 0;

    while (strings && strings[n])
        n++;
    return n;
}

char **vb_strv_dup(char *const *strings)
{
    char **copy = NULL;

    for (; strings && *strings; strings++)
        vb_strv_add(&copy, *strings);
    return copy ? copy : vb_alloc(sizeof *copy);
}

bool vb_strv_has(char *const *strings, const char *text)
{
    for (; strings && *strings; strings++)
        if (!strcmp(*strings, text))
            return true;
    return false;
}

void vb_strv_add(char ***strings, const char *text)
{
    size_t n = vb_strv_count(*strings);

    *strings = vb_realloc(*strings, n + 2, sizeof **strings);
    (*strings)[n] = vb_strdup(text);
    (*strings)[n + 1] = NULL;
}

/* True where a noun ends in a sound that wants "es" after it. */
static bool hisses(const char *noun)
{
    static const char *const ends[] = {"s", "x", "z", "ch", "sh"};

    for (size_t i = 0; i < VB_COUNT(ends); i++)
        if (vb_ends_with(noun, ends[i]))
            return true;
    return false;
}

const char *vb_plural(char *buf, size_t size, int64_t n, const char *noun)
{
    char number[32];
    size_t kept = strlen(noun); /* of the noun, before the ending */
    const char *ending = "s";

    if (n == 1) {
        ending = "";
    } else if (!strcmp(noun, "quantum")) {
        kept -= 2;
        ending = "a";
    } else if (kept > 1 && noun[kept - 1] == 'y' && !strchr("aeiou", noun[kept - 2])) {
        kept--;
        ending = "ies";
    } else if (hisses(noun)) {
        ending = "es";
    }
    snprintf(buf, size, "%s %.*s%s", vb_thousands(number, sizeof number, n), (int)kept, noun, ending);
    return buf;
}

const char *vb_thousands(char *buf, size_t size, int64_t n)
{
    char digits[32];
    size_t used = 0, length;
    uint64_t magnitude = n < 0 ? -(uint64_t)n : (uint64_t)n;

    snprintf(digits, sizeof digits, "%" PRIu64, magnitude);
    length = strlen(digits);
    if (n < 0 && used + 1 < size)
        buf[used++] = '-';
    for (size_t i = 0; i < length && used + 2 < size; i++) {
        if (i && (length - i) % 3 == 0)
            buf[used++] = ',';
        buf[used++] = digits[i];
    }
    buf[used] = 0;
    return buf;
}

const char *vb_bytes(char *buf, size_t size, int64_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)n;
    size_t unit = 0;

    while (value >= 999.95 && unit + 1 < VB_COUNT(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(buf, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return buf;
}

bool vb_parse_bytes(const char *text, int64_t *out)
{
    static const char prefixes[] = "KMGTP";
    char *end;
    double value = strtod(text, &end), base = 1000;
    const char *prefix;

    if (end == text || !(value >= 0))
        return false;
    while (isspace((unsigned char)*end))
        end++;
    prefix = *end ? strchr(prefixes, toupper((unsigned char)*end)) : NULL;
    if (prefix) {
        end++;
        if (*end == 'i') {
            base = 1024;
            end++;
        }
        value *= pow(base, (double)(prefix - prefixes + 1));
    }
    if (*end == 'B' || *end == 'b')
        end++;
    if (*end || value >= 9.2e18)
        return false;
    *out = (int64_t)value;
    return true;
}

/* Edits (insert, delete, replace) from a to b; both are cut at 63 bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], n = strnlen(a, 63), m = strnlen(b, 63);

    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *vb_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 3 + 1;

    for (; words && *words; words++) {
        size_t d = distance(word, *words);

        if (d <= limit) {
            limit = d ? d - 1 : 0;
            best = *words;
        }
        if (!d)
            break;
    }
    return best;
}
