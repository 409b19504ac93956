#include "tools/commands.h"
#include "tools/query_options.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/collection_edit.h"
#include "registry/query/collections.h"

#include <stdio.h>
#include <string.h>

static const char *chains;
static char **types, **exclude;
static bool show_types;

struct printer {
    vb_query_session *s;
    bool inverse, tree, related; /* related: a column of children or parents */
    vb_error *err;
};

/* ---- a row ---------------------------------------------------------------------------------------------------- */

static void json_list(char *const *names, vb_buf *out)
{
    vb_buf_putc(out, '[');
    for (char *const *name = names; name && *name; name++) {
        vb_buf_puts(out, name == names ? "" : ", ");
        vb_buf_json(out, *name, strlen(*name));
    }
    vb_buf_putc(out, ']');
}

static void csv_list(char *const *names, vb_buf *out)
{
    for (char *const *name = names; name && *name; name++) {
        vb_buf_separate(out, " ");
        vb_buf_puts(out, *name);
    }
}

static const char *item(char *const *names, size_t i)
{
    return names && i < vb_strv_count(names) ? names[i] : "";
}

/* Lists in a table stand one below the other; elsewhere they are lists, or words. */
static void print_list(vb_grid *g, char *const *names, size_t line)
{
    vb_auto_buf words = {0}, json = {0};

    csv_list(names, &words);
    json_list(names, &json);
    vb_grid_cell(g, item(names, line), vb_buf_text(&words), vb_buf_text(&json));
}

static int print_row(struct printer *p, const vb_collection *c, int level, char *const *related)
{
    vb_autofree char *name = vb_format("%*s%s", 2 * level, "", c->name);
    bool table = !strcmp(vb_query_opt.format, "table");
    char **held = NULL;
    size_t lines = 1;
    int r = show_types ? vb_collection_types(p->s->reg, c, exclude, &held, p->err) : 0;

    if (r < 0)
        return r;
    if (table && held && vb_strv_count(held) > lines)
        lines = vb_strv_count(held);
    if (table && related && vb_strv_count(related) > lines)
        lines = vb_strv_count(related);
    for (size_t i = 0; i < lines; i++) {
        vb_grid_text(p->s->grid, i ? "" : name);
        vb_grid_text(p->s->grid, i ? "" : vb_collection_type_name(c->type));
        if (p->related)
            print_list(p->s->grid, related, i);
        if (show_types)
            print_list(p->s->grid, held, i);
    }
    p->s->rows++;
    vb_strv_free(held);
    return 0;
}

/* ---- trees ---------------------------------------------------------------------------------------------------- */

static int relatives(struct printer *p, const vb_collection *c, char ***out)
{
    *out = NULL;
    if (p->inverse)
        return vb_collection_parents(p->s->reg, c, out, p->err);
    return c->type == VB_CHAINED ? vb_collection_children(p->s->reg, c, out, p->err) : 0;
}

static int print_tree(struct printer *p, const vb_collection *c, int level)
{
    enum { MAX_NESTING = 64 };
    char **names = NULL;
    int r = print_row(p, c, level, NULL);

    if (!r && level > MAX_NESTING)
        r = vb_fail(p->err, -ELOOP, "collection '%s': chains are nested more than %d deep", c->name, MAX_NESTING);
    if (!r)
        r = relatives(p, c, &names);
    for (char **name = names; !r && name && *name; name++) {
        const vb_collection *next;

        r = vb_collection_find(p->s->reg, *name, &next, p->err);
        if (!r)
            r = print_tree(p, next, level + 1);
    }
    vb_strv_free(names);
    return r;
}

static int print_one(struct printer *p, const vb_collection *c)
{
    char **names = NULL;
    int r;

    if (p->tree)
        return print_tree(p, c, 0);
    r = p->related ? relatives(p, c, &names) : 0;
    if (!r)
        r = print_row(p, c, 0, names);
    vb_strv_free(names);
    return r;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static int parse_chains(struct printer *p, bool *flatten, vb_error *err)
{
    static const char *const names[] = {"TREE", "TABLE", "FLATTEN", "INVERSE-TREE", "INVERSE-TABLE"};
    const char *name = chains ? chains : strcmp(vb_query_opt.format, "table") ? "TABLE" : "TREE";
    size_t i = 0;

    while (i < VB_COUNT(names) && strcmp(name, names[i]))
        i++;
    if (i == VB_COUNT(names))
        return vb_fail(err, -EINVAL, "--chains is TREE, TABLE, FLATTEN, INVERSE-TREE or INVERSE-TABLE, not '%s'", name);
    *flatten = i == 2;
    p->inverse = i > 2;
    p->tree = i == 0 || i == 3;
    p->related = !p->tree && !*flatten;
    return 0;
}

/* Without chains (or parents) there is no column of them, as in Rubin's. */
static int needs_column(struct printer *p, const vb_search *found)
{
    for (size_t i = 0; i < found->count; i++) {
        char **names = NULL;
        int r = found->items[i]->type == VB_CHAINED && !p->inverse ? 1 : 0;

        if (!r && p->inverse)
            r = relatives(p, found->items[i], &names);
        if (!r)
            r = names && *names;
        vb_strv_free(names);
        if (r)
            return r;
    }
    return 0;
}

static int print_all(struct printer *p, const vb_search *found)
{
    const char *names[4] = {"Name", "Type"};
    size_t n = 2;
    int r = p->related ? needs_column(p, found) : 0;

    if (r < 0)
        return r;
    p->related = r;
    r = 0;
    if (p->related)
        names[n++] = p->inverse ? "Parents" : "Children";
    if (show_types)
        names[n++] = "Dataset Types";
    vb_grid_begin(p->s->grid, names, n);
    for (size_t i = 0; !r && i < found->count; i++)
        r = print_one(p, found->items[i]);
    return r < 0 ? r : vb_grid_end(p->s->grid, p->err);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_query_session s = {0};
    vb_auto_search found = {0};
    struct printer p = {.s = &s, .err = err};
    bool flatten = false;
    int r = parse_chains(&p, &flatten, err);

    if (r < 0)
        return VB_EXIT_USAGE;
    r = vb_query_session_open(&s, argv[0], true, err);
    if (r)
        return r;
    r = vb_collections_select(s.reg, argv + 1, types, flatten, &found, err);
    if (!r)
        r = print_all(&p, &found);
    if (!r && !s.rows)
        fprintf(stderr, "nothing found: %s\n",
                argc > 1 || types ? "no collection has such a name and type" : "the repository has no collections");
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"collection-type", 0, VB_OPTION_LIST, &types, "TYPE,...", "only RUN, TAGGED, CHAINED or CALIBRATION collections"},
    {"chains", 0, VB_OPTION_TEXT, &chains, "HOW",
     "show chains as a TREE (the default), as a TABLE of children, FLATTEN them, or show who has each as a child: "
     "INVERSE-TREE, INVERSE-TABLE"},
    {"show-dataset-types", 't', VB_OPTION_FLAG, &show_types, NULL, "the dataset types that each holds"},
    {"exclude-dataset-types", 0, VB_OPTION_LIST, &exclude, "GLOB,...", "leave such types out of that"},
    VB_OPTION_FORMAT(&vb_query_opt.format),
    VB_OPTION_END,
};

const vb_command vb_cmd_query_collections = {
    .name = "query-collections",
    .arguments = "REPO [GLOB]...",
    .summary = "list collections",
    .details =
        "Those whose names match one of the globs, or all. As csv and json chains are shown as with --chains TABLE, unless it says "
        "otherwise.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .run = run,
};
