/* Any bytes are a table, with as many cells in each row as there are columns, or are refused in a sentence
 * with a line. */
#include "fs/ingest/table.h"
#include "tests/fuzz/fuzz.h"

static void check_table(const vb_table *t)
{
    size_t line = 0, total = 0;

    check(t->ncolumns > 0);
    for (size_t i = 0; i < t->ncolumns; i++)
        check(strlen(t->columns[i]) > 0);
    for (size_t row = 0; row < t->nrows; row++) {
        check(t->lines[row] > line);
        line = t->lines[row];
        for (size_t i = 0; i < t->ncolumns; i++)
            total += strlen(vb_table_cell(t, row, i));
    }
    check(total <= t->text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_table t;

    if (vb_table_parse("fuzz.csv", (const char *)data, size, &t, &err) < 0) {
        check(err.message && !strncmp(err.message, "fuzz.csv", 8));
        return 0;
    }
    check_table(&t);
    vb_table_clear(&t);
    return 0;
}
