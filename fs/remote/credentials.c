#include "fs/remote/credentials.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

/* ---- the file ------------------------------------------------------------------------------------------ */

static void trim(const char **begin, const char **end)
{
    while (*begin < *end && isspace((unsigned char)**begin))
        ++*begin;
    while (*begin < *end && isspace((unsigned char)(*end)[-1]))
        --*end;
}

static bool is_section(const char *begin, const char *end, const char *profile, bool prefixed)
{
    static const char word[] = "profile";

    begin++;
    end--;
    trim(&begin, &end);
    if (prefixed && strcmp(profile, "default") != 0) {
        if ((size_t)(end - begin) <= sizeof word || strncmp(begin, word, sizeof word - 1) != 0 ||
            !isspace((unsigned char)begin[sizeof word - 1]))
            return false;
        begin += sizeof word;
        trim(&begin, &end);
    }
    return (size_t)(end - begin) == strlen(profile) && !strncmp(begin, profile, strlen(profile));
}

static void set(char **field, const char *begin, const char *end)
{
    if (*field || begin == end)
        return;
    *field = vb_strndup(begin, (size_t)(end - begin));
}

static void take_line(const char *begin, const char *end, vb_credentials *out)
{
    const struct {
        const char *name;
        char **field;
    } fields[] = {{"aws_access_key_id", &out->key},
                  {"aws_secret_access_key", &out->secret},
                  {"aws_session_token", &out->token},
                  {"region", &out->region},
                  {"endpoint_url", &out->endpoint}};
    const char *equals = memchr(begin, '=', (size_t)(end - begin)), *name_end = equals, *value;

    if (!equals)
        return;
    value = equals + 1;
    trim(&begin, &name_end);
    trim(&value, &end);
    for (size_t i = 0; i < VB_COUNT(fields); i++)
        if ((size_t)(name_end - begin) == strlen(fields[i].name) &&
            !strncasecmp(begin, fields[i].name, strlen(fields[i].name)))
            set(fields[i].field, value, end);
}

bool vb_credentials_parse(const char *text, size_t n, const char *profile, bool prefixed, vb_credentials *out)
{
    const char *all = text + n;
    bool inside = false, found = false;

    while (text < all) {
        const char *newline = memchr(text, '\n', (size_t)(all - text)), *begin = text, *end = newline ? newline : all;

        text = newline ? newline + 1 : all;
        if (memchr(begin, 0, (size_t)(end - begin)))
            continue;
        /* What is indented belongs to the key above it ("s3 =" and its own settings). */
        if (begin < end && isspace((unsigned char)*begin) && inside)
            continue;
        trim(&begin, &end);
        if (begin == end || *begin == '#' || *begin == ';')
            continue;
        if (*begin == '[')
            inside = end - begin > 2 && end[-1] == ']' && is_section(begin, end, profile, prefixed);
        else if (inside)
            take_line(begin, end, out);
        found = found || inside;
    }
    return found;
}

/* ---- finding them -------------------------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void vb_credentials_clear(vb_credentials *c)
{
    wipe(c->key);
    wipe(c->secret);
    wipe(c->token);
    free(c->region);
    free(c->endpoint);
    *c = (vb_credentials){0};
}

/* True where the file has the profile. */
static bool read_profile(const char *named, const char *below_home, const char *profile, bool prefixed,
                         vb_credentials *out)
{
    const char *file = variable(named), *home = variable("HOME");
    vb_autofree char *path = file ? vb_strdup(file) : vb_path_join(home ? home : "/", below_home);
    vb_auto_buf text = {0};
    bool found = !vb_read_file(AT_FDCWD, path, 1 << 20, &text, NULL) &&
                 vb_credentials_parse(vb_buf_text(&text), text.len, profile, prefixed, out);

    if (text.data)
        explicit_bzero(text.data, text.len);
    return found;
}

static int check_profile(const char *profile, bool found, const vb_credentials *c, vb_error *err)
{
    int r = 0;

    if (!found)
        r = vb_fail(err, -EACCES, "there are no credentials of profile '%s'", profile);
    else if (!c->key != !c->secret)
        r = vb_fail(err, -EACCES, "profile '%s' has only half of a key", profile);
    if (r < 0)
        vb_hint(err,
                "~/.aws/credentials, or the file that AWS_SHARED_CREDENTIALS_FILE names, needs [%s] with "
                "aws_access_key_id and aws_secret_access_key",
                profile);
    return r;
}

int vb_credentials_find(const char *profile, vb_credentials *out, vb_error *err)
{
    const char *named = profile ? profile : variable("AWS_PROFILE"), *key = variable("AWS_ACCESS_KEY_ID");
    const char *name = named ? named : "default";
    bool found;

    *out = (vb_credentials){0};
    if (!profile && key && variable("AWS_SECRET_ACCESS_KEY")) {
        out->key = vb_strdup(key);
        out->secret = vb_strdup(variable("AWS_SECRET_ACCESS_KEY"));
        if (variable("AWS_SESSION_TOKEN"))
            out->token = vb_strdup(variable("AWS_SESSION_TOKEN"));
    }
    if (out->key) { /* where it is, is the profile's still */
        vb_credentials rest = {0};

        read_profile("AWS_CONFIG_FILE", ".aws/config", name, true, &rest);
        out->region = VB_STEAL(rest.region);
        out->endpoint = VB_STEAL(rest.endpoint);
        vb_credentials_clear(&rest);
        return 0;
    }
    found = read_profile("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", name, false, out);
    found = read_profile("AWS_CONFIG_FILE", ".aws/config", name, true, out) || found;
    return named || found ? check_profile(name, found, out, err) : 0;
}
