#include "fs/cache/cache.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/rows.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/confirm.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *format_name = "table";
static const char *repository;
static bool confirm = true;

/* Entries that were named: by key, or by the name of what they are copies of (which may be a pattern). */
struct chosen {
    char *const *names; /* none: all */
    int count;
    vb_cached *items;
    size_t n, cap;
};

static bool matches(const struct chosen *c, const vb_cached *e)
{
    for (int i = 0; i < c->count; i++)
        if (!strcmp(c->names[i], e->key) || (*e->name && !fnmatch(c->names[i], e->name, 0)))
            return true;
    return !c->count;
}

static int choose(void *arg, const vb_cached *e)
{
    struct chosen *c = arg;

    if (matches(c, e)) {
        vb_cached *copy = VB_PUSH(c->items, c->n, c->cap);

        *copy = *e;
        copy->name = vb_strdup(e->name);
    }
    return 0;
}

static int find(vb_cache *cache, struct chosen *c, vb_error *err)
{
    int r = vb_cache_each(cache, choose, c, err);

    if (!r && !c->n && c->count) {
        vb_fail(err, -ENOENT, "the cache holds nothing of the name %s", c->names[0]);
        vb_hint(err, "names are keys, or addresses in which * and ? may stand: vbutler cache list");
        r = -ENOENT;
    }
    return r;
}

static void free_chosen(struct chosen *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->items[i].name);
    free(c->items);
}

/* ---- what it tells --------------------------------------------------------------------------------------------- */

static int print_state(vb_cache *cache, vb_format_kind format, vb_error *err)
{
    static const vb_column columns[] = {{"directory", NULL}, {"bytes", NULL},     {"size", NULL},
                                        {"files", NULL},     {"max_files", NULL}, {"pinned_bytes", NULL},
                                        {"partial", NULL},   {"shared", NULL}};
    vb_auto(vb_rows_end) vb_rows *rows = vb_rows_new(format, columns, VB_COUNT(columns), vb_rows_to_file, stdout);
    int r = 0;

    for (size_t i = 0; !r && i < vb_cache_tiers(cache); i++) {
        vb_cache_state s;

        r = vb_cache_stat(cache, i, &s, err);
        if (r < 0)
            return r;
        vb_rows_text(rows, s.directory);
        vb_rows_bytes(rows, s.bytes);
        vb_rows_bytes(rows, s.max_bytes);
        vb_rows_int(rows, s.files);
        vb_rows_int(rows, s.max_files);
        vb_rows_bytes(rows, s.pinned_bytes);
        vb_rows_int(rows, s.partial);
        vb_rows_text(rows, s.shared ? "yes" : "no");
    }
    return r;
}

static void print_entries(const struct chosen *c, vb_format_kind format)
{
    static const vb_column columns[] = {{"key", NULL},    {"tier", NULL},   {"state", NULL},
                                        {"held", NULL},   {"size", NULL},   {"used", NULL},
                                        {"pinned", NULL}, {"in_use", NULL}, {"name", NULL}};
    static const char *const kinds[] = {"whole", "part", "blocks"};
    vb_auto(vb_rows_end) vb_rows *rows = vb_rows_new(format, columns, VB_COUNT(columns), vb_rows_to_file, stdout);

    for (size_t i = 0; i < c->n; i++) {
        const vb_cached *e = &c->items[i];
        char used[28];

        vb_rows_text(rows, e->key);
        vb_rows_int(rows, e->tier);
        vb_rows_text(rows, kinds[e->kind]);
        vb_rows_bytes(rows, e->held);
        vb_rows_bytes(rows, e->size);
        vb_rows_text(rows, vb_clock_iso(e->used, used));
        vb_rows_text(rows, e->pinned ? "yes" : "no");
        vb_rows_text(rows, e->in_use ? "yes" : "no");
        vb_rows_text(rows, *e->name ? e->name : NULL);
    }
}

/* ---- what it does ---------------------------------------------------------------------------------------------- */

static int pin_all(vb_cache *cache, const struct chosen *c, bool pin, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < c->n; i++)
        r = vb_cache_pin(cache, &c->items[i], pin, err);
    if (!r)
        fprintf(stderr, "%s %zu\n", pin ? "pinned" : "unpinned", c->n);
    return r;
}

static int purge_all(vb_cache *cache, const struct chosen *c, vb_error *err)
{
    vb_autofree char *question = vb_format("remove %zu copies of artifacts from the cache?", c->n);
    int64_t bytes = 0, gone = 0;
    char text[32];
    int r = confirm && c->n ? vb_confirm(question, err) : 1;

    if (r <= 0)
        return r;
    for (size_t i = 0; r >= 0 && i < c->n; i++) {
        r = vb_cache_purge(cache, &c->items[i], err);
        gone += r > 0;
        bytes += r > 0 ? c->items[i].held : 0;
    }
    if (r < 0)
        return r;
    fprintf(stderr, "removed %" PRId64 " of %zu (%s)", gone, c->n, vb_bytes(text, sizeof text, bytes));
    fputs(gone < (int64_t)c->n ? "; the others are pinned or in use\n" : "\n", stderr);
    return 0;
}

static int act(vb_cache *cache, const char *what, struct chosen *c, vb_format_kind format, vb_error *err)
{
    int r = strcmp(what, "stat") ? find(cache, c, err) : 0;

    if (r < 0)
        return r;
    if (!strcmp(what, "stat"))
        return print_state(cache, format, err);
    if (!strcmp(what, "list")) {
        print_entries(c, format);
        return 0;
    }
    return !strcmp(what, "purge") ? purge_all(cache, c, err) : pin_all(cache, c, !strcmp(what, "pin"), err);
}

static int run(int argc, char **argv, vb_error *err)
{
    static const char *const actions[] = {"stat", "list", "pin", "unpin", "purge", NULL};
    vb_auto_cache_options options = {0};
    vb_auto(vb_cache_close) vb_cache *cache = NULL;
    struct chosen chosen = {.names = argv + 1, .count = argc - 1};
    vb_format_kind format;
    const char *const *known = actions;
    int r = vb_format_parse(format_name, &format, err);

    if (r < 0)
        return VB_EXIT_USAGE;
    while (*known && strcmp(*known, argv[0]) != 0)
        known++;
    if (!*known) {
        const char *near = vb_nearest(argv[0], actions);

        vb_fail(err, -EINVAL, "cache %s: there is no such action", argv[0]);
        vb_hint(err, "%s%s%s", near ? "did you mean '" : "there are stat, list, pin, unpin and purge", near ? near : "",
                near ? "'?" : "");
        return VB_EXIT_USAGE;
    }
    if ((!strcmp(argv[0], "pin") || !strcmp(argv[0], "unpin")) && argc < 2) {
        vb_fail(err, -EINVAL, "cache %s: name what is to be %sned", argv[0], argv[0]);
        return VB_EXIT_USAGE;
    }
    r = vb_cache_options_load(repository, &options, err);
    if (!r)
        r = vb_cache_open(&options, &cache, err);
    if (!r)
        r = act(cache, argv[0], &chosen, format, err);
    free_chosen(&chosen);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"butler-config", 'b', VB_OPTION_TEXT, &repository, "REPO",
     "the repository whose vbutler.yaml says where the cache is"},
    {"no-confirm", 0, VB_OPTION_NO_FLAG, &confirm, NULL, "purge: do not ask"},
    VB_OPTION_FORMAT(&format_name),
    VB_OPTION_END,
};

const vb_command vb_cmd_cache = {
    .name = "cache",
    .arguments = "stat|list|pin|unpin|purge [NAME...]",
    .summary = "look after the copies of remote artifacts that this machine keeps",
    .details = "stat tells what the cache holds and may hold, list what is in it; pin keeps copies from being evicted, "
               "unpin gives them up; purge removes those that are neither pinned nor in use. NAME is a key, or the "
               "address of the artifact, in which * and ? may stand; without one, list and purge take all.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .run = run,
};
