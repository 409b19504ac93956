/* What parses as an expression is compiled against a registry, or refused in a sentence; and SQLite takes every
 * condition that is made. */
#include "registry/query/compile.h"
#include "tests/fuzz/fuzz.h"

#include "registry/sql.h"

static const vb_binds *binds(void)
{
    static vb_value number = {.kind = VB_INT, .i = 7}, words[2], nothing = {.kind = VB_NULL};
    static vb_bind items[] = {{(char *)"number", &number, 1},
                              {(char *)"words", words, 2},
                              {(char *)"nothing", &nothing, 1},
                              {(char *)"none", NULL, 0}};
    static const vb_binds all = {items, VB_COUNT(items), 0};

    words[0] = (vb_value){.kind = VB_TEXT, .len = 1, .text = (char *)"g"};
    words[1] = (vb_value){.kind = VB_TEXT, .len = 1, .text = (char *)"r"};
    return &all;
}

/* The dimensions of a query that lists detectors of visits, and those that the expression speaks of. */
static const vb_group *group_of(vb_registry *reg, const char *text, const vb_expr *e, vb_error *err)
{
    static char *const names[] = {(char *)"visit", (char *)"detector", NULL};
    vb_universe *u = vb_registry_universe(reg);
    const vb_group *group;
    vb_dimset dims;

    check(vb_universe_conform_names(u, names, &group, NULL) == 0);
    dims = group->all;
    return vb_expr_dimensions(u, group, text, e, &dims, err) < 0 ? NULL : vb_universe_conform(u, dims);
}

static int run(vb_join *j, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r;

    vb_join_select(j, "1", &sql);
    r = vb_join_sql(j, &s, vb_buf_text(&sql), err);
    return r < 0 ? r : vb_stmt_step(s, err);
}

static void compile(vb_registry *reg, const char *text, const vb_expr *e)
{
    vb_auto_error err = VB_ERROR_INIT;
    const vb_group *group = group_of(reg, text, e, &err);
    vb_auto_join j = {0};
    int r;

    if (!group) {
        check_refused(-EINVAL, &err);
        return;
    }
    vb_join_init(&j, reg, "main", group);
    r = vb_join_relate(&j, &err);
    if (!r)
        r = vb_join_where(&j, text, e, binds(), &err);
    if (r < 0)
        check_refused(r, &err);
    else
        check(run(&j, &err) == 0); /* the registry is empty */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *text = vb_strndup((const char *)data, size);
    vb_auto(vb_expr_free) vb_expr *e = NULL;

    if (!vb_expr_parse(text, &e, NULL) && e)
        compile(fuzz_registry(), text, e);
    return 0;
}
