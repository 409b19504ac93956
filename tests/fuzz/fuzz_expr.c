/* Any text is an expression, each of whose parts stands where it says, or is refused with its place shown. */
#include "registry/query/expr.h"
#include "tests/fuzz/fuzz.h"

enum { DEEP = 2000 }; /* what a compiler of the tree can recurse into */

static void check_part(const vb_expr *e, int begin, int end, int depth)
{
    check(depth < DEEP);
    check(begin <= e->begin && e->begin < e->end && e->end <= end);
    if (e->kind == VB_EXPR_RANGE)
        check(e->step > 0 && e->integer <= e->last);
    if (e->kind == VB_EXPR_NAME || e->kind == VB_EXPR_CALL || e->kind == VB_EXPR_BIND)
        check(e->text && *e->text);
    for (size_t i = 0; i < e->count; i++)
        check_part(e->operands[i], e->begin, e->end, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *text = vb_strndup((const char *)data, size);
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_expr_parse(text, &e, &err);

    if (r < 0) {
        check_refused(r, &err);
        check(!e);
    } else if (e) {
        check_part(e, 0, (int)strlen(text), 0);
    } else {
        check(text[strspn(text, " \t\n\v\f\r")] == 0);
    }
    return 0;
}
