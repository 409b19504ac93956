#include "tools/query_options.h"

#include "fs/ingest/table.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

vb_query_options vb_query_opt = {.query.limit = -1, .format = "table"};

static int open_registry(vb_query_session *s, const char *path, vb_error *err)
{
    struct stat st;
    int r;

    if (!stat(path, &st) && S_ISREG(st.st_mode)) {
        r = vb_registry_open(path, VB_ACCESS_IMMUTABLE, &s->reg, err);
        return r < 0 ? r : vb_registry_meta(s->reg, "repository", &s->root, err);
    }
    r = vb_repo_open(path, &s->repo, err);
    return r < 0 ? r : vb_repo_registry(s->repo, VB_ACCESS_READ, &s->reg, err);
}

static int read_table(vb_query_session *s, const char *path, vb_error *err)
{
    vb_table table = {0};
    int r = vb_table_read(path, &table, err);

    if (!r)
        r = vb_query_add_table(s->reg, &vb_query_opt.query, path, table.columns, table.ncolumns, table.cells,
                               table.lines, table.nrows, err);
    vb_table_clear(&table);
    return r;
}

int vb_query_session_open(vb_query_session *s, const char *path, bool left, vb_error *err)
{
    vb_format_kind format;
    int r = vb_format_parse(vb_query_opt.format, &format, err);

    for (char **bind = vb_query_opt.binds; !r && bind && *bind; bind++) {
        r = vb_binds_add(&s->binds, *bind, err);
        if (r < 0)
            vb_error_context(err, "--bind");
    }
    if (!r && vb_query_opt.query.offset < 0)
        r = vb_fail(err, -EINVAL, "--offset cannot be negative");
    if (r < 0)
        return VB_EXIT_USAGE;
    r = open_registry(s, path, err);
    for (char **table = vb_query_opt.tables; !r && table && *table; table++)
        r = read_table(s, *table, err);
    if (r < 0)
        return VB_EXIT_FAILED;
    s->blank = s->blank && format == VB_FORMAT_TABLE;
    if (!vb_query_opt.explain)
        s->grid = vb_grid_new(format, left, vb_rows_to_file, stdout);
    vb_query_opt.query.binds = &s->binds;
    return VB_EXIT_OK;
}

void vb_query_session_close(vb_query_session *s)
{
    vb_query_clear(&vb_query_opt.query);
    vb_binds_clear(&s->binds);
    if (s->grid)
        vb_grid_free(s->grid);
    if (s->reg)
        vb_registry_close(s->reg);
    if (s->repo)
        vb_repo_close(s->repo);
    free(s->root);
}

static void print_blank(void *session)
{
    if (((const vb_query_session *)session)->blank)
        putchar('\n');
}

int vb_query_session_print(vb_query_session *s, vb_result *result, vb_error *err)
{
    vb_auto_buf plan = {0};
    int64_t rows = 0;
    int r;

    if (vb_query_opt.explain) {
        r = vb_result_explain(result, &plan, err);
        fputs(vb_buf_text(&plan), stdout);
        s->rows++; /* nothing is missing */
    } else {
        r = vb_result_print(result, s->repo ? s->repo->root : s->root, s->grid, &rows, print_blank, s, err);
        s->rows += rows;
    }
    vb_result_close(result);
    return r;
}

int vb_query_session_end(vb_query_session *s, const vb_dataset_type *type, const vb_group *group,
                         const vb_element *element, const char *reason, vb_error *err)
{
    vb_auto_buf why = {0};
    int r = 0;

    if (s->blank && !vb_query_opt.explain)
        putchar('\n');
    if (s->rows)
        return 0;
    if (vb_query_opt.why_empty && (type || group || element))
        r = vb_query_why_empty(s->reg, &vb_query_opt.query, type, group, element, &why, err);
    if (r < 0)
        return r;
    if (why.len)
        fprintf(stderr, "nothing found: %s\n", why.data);
    else if (reason)
        fprintf(stderr, "nothing found: %s\n", reason);
    else
        fprintf(stderr, "nothing found (--why-empty tells which constraint leaves nothing)\n");
    return 0;
}
