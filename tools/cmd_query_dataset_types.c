#include "tools/commands.h"
#include "tools/query_options.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static bool verbose;
static char **collections;

/* The names of its dimensions, in the universe's order: as Python prints a list, and as JSON. */
static void print_dimensions(vb_grid *grid, const vb_dataset_type *type)
{
    vb_auto_buf shown = {0}, json = {0};
    const char *between = "";

    VB_EACH_DIMENSION(i, type->group->all) {
        const char *name = vb_universe_at(type->group->universe, i)->name;

        vb_buf_printf(&shown, "%s'%s'", between, name);
        vb_buf_printf(&json, "%s\"%s\"", between, name);
        between = ", ";
    }
    vb_autofree char *list = vb_format("[%s]", vb_buf_text(&shown)), *array = vb_format("[%s]", vb_buf_text(&json));

    vb_grid_cell(grid, list, NULL, array);
}

/* True where one of the collections may hold the type. */
static int is_held(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    vb_auto_search search = {0};
    int r;

    if (!collections)
        return 1;
    r = vb_query_search(reg, collections, type, &search, err);
    return r < 0 ? r : search.count > 0;
}

static int print_types(vb_query_session *s, const vb_dataset_type **types, size_t count, vb_error *err)
{
    static const char *const names[] = {"name", "dimensions", "storage class"};
    int r = 0;

    vb_grid_begin(s->grid, names, verbose ? 3 : 1);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = is_held(s->reg, types[i], err);
        if (r <= 0)
            continue;
        s->rows++;
        vb_grid_text(s->grid, types[i]->name);
        if (verbose) {
            print_dimensions(s->grid, types[i]);
            vb_grid_text(s->grid, types[i]->storage_class);
        }
    }
    return r < 0 ? r : vb_grid_end(s->grid, err);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_query_session s = {0};
    vb_autofree const vb_dataset_type **types = NULL;
    size_t count = 0;
    int r = vb_query_session_open(&s, argv[0], true, err);

    if (r)
        return r;
    r = vb_query_types(s.reg, argv + 1, &types, &count, err);
    if (!r)
        r = print_types(&s, types, count, err);
    if (!r && !s.rows)
        fprintf(stderr, "nothing found: %s\n",
                count      ? "the collections hold no such dataset type"
                : argc > 1 ? "no dataset type has such a name"
                           : "the repository has no dataset types");
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"verbose", 'v', VB_OPTION_FLAG, &verbose, NULL, "dimensions and storage classes too"},
    {"collections", 0, VB_OPTION_LIST, &collections, "COLL,...", "only types of which these hold datasets"},
    VB_OPTION_FORMAT(&vb_query_opt.format),
    VB_OPTION_END,
};

const vb_command vb_cmd_query_dataset_types = {
    .name = "query-dataset-types",
    .arguments = "REPO [GLOB]...",
    .summary = "list dataset types",
    .details = "Those whose names match one of the globs, or all.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .run = run,
};
