#include "fs/ingest/table.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <string.h>

enum { MAX_TABLE = 1 << 30, MAX_COLUMNS = 1000 };

/* Where the reader is; cells are unquoted in place, so what is behind `at` may be overwritten. */
struct reader {
    vb_table *table;
    char *at, *end;
    char delimiter; /* 0: not known yet; ' ': runs of blanks */
    size_t line;
    char **cells; /* of the line, then of all rows */
    size_t ncells, cells_cap;
    size_t lines_cap;
    vb_error *err;
};

static int fail(const struct reader *r, size_t line, const char *what)
{
    return vb_fail(r->err, -EINVAL, "%s:%zu: %s", r->table->name, line, what);
}

/* ECSV: "# %ECSV 1.0" and "# delimiter: ','". */
static void read_comment(struct reader *r, const char *line)
{
    const char *delimiter = strstr(line, "delimiter:"), *quote = delimiter ? strchr(delimiter, '\'') : NULL;

    if (strstr(line, "%ECSV"))
        r->delimiter = ' ';
    if (r->delimiter && quote && quote[1] && quote[2] == '\'')
        r->delimiter = quote[1];
}

/* Steps over the end of a line: LF, CR or both. */
static void end_line(struct reader *r)
{
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    if (r->at < r->end && *r->at == '\n')
        r->at++;
    r->line++;
}

static bool at_end(const struct reader *r)
{
    return r->at == r->end || *r->at == '\n' || *r->at == '\r';
}

static bool at_delimiter(const struct reader *r)
{
    return r->at < r->end && *r->at == r->delimiter;
}

/* Reads "..." with its doubled quotes; *to is where the cell ends. */
static int read_quoted(struct reader *r, char *to)
{
    size_t begun = r->line;

    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '"' && (r->at + 1 == r->end || r->at[1] != '"'))
            break;
        r->at += *r->at == '"';
        r->line += *r->at == '\n';
        *to++ = *r->at;
    }
    if (r->at == r->end)
        return fail(r, begun, "a quote that does not end");
    r->at++;
    if (!at_end(r) && !at_delimiter(r))
        return fail(r, r->line, "text after a closing quote");
    *to = 0; /* at the closing quote, or before it */
    return 0;
}

/* Reads a cell and ends it with a NUL; *more: a delimiter follows. */
static int read_cell(struct reader *r, bool *more)
{
    char *start = r->at, *cell_end;
    int status = 0;

    if (r->at < r->end && *r->at == '"') {
        status = read_quoted(r, start);
        cell_end = NULL;
    } else {
        while (!at_end(r) && !at_delimiter(r))
            r->at++;
        cell_end = r->at;
    }
    *VB_PUSH(r->cells, r->ncells, r->cells_cap) = start;
    *more = at_delimiter(r);
    r->at += *more;
    while (*more && r->delimiter == ' ' && at_delimiter(r))
        r->at++;
    if (*more && r->delimiter == ' ' && at_end(r))
        *more = false; /* blanks at the end of the line */
    if (cell_end && *more)
        *cell_end = 0;
    return status;
}

/* Reads a line's cells.  Its last is ended only when the line's end was seen: that is where its NUL goes. */
static int read_line(struct reader *r)
{
    char *last_end;
    bool more = true, was_cr;
    int status = 0;

    while (r->delimiter == ' ' && at_delimiter(r))
        r->at++;
    while (more && !status)
        status = read_cell(r, &more);
    if (status < 0)
        return status;
    last_end = r->at;
    was_cr = at_end(r);
    end_line(r);
    if (was_cr)
        *last_end = 0; /* one byte beyond the text at most, which is its NUL */
    return 0;
}

static void guess_delimiter(struct reader *r)
{
    size_t n = 0;

    while (r->at + n < r->end && r->at[n] != '\n')
        n++;
    if (!r->delimiter)
        r->delimiter = !memchr(r->at, ',', n) && memchr(r->at, '\t', n) ? '\t' : ',';
}

/* Blanks round a cell do not count; returns it without them. */
static char *trim(char *cell)
{
    size_t n;

    cell += strspn(cell, " ");
    for (n = strlen(cell); n && cell[n - 1] == ' '; n--)
        cell[n - 1] = 0;
    return cell;
}

static int take_names(struct reader *r)
{
    vb_table *t = r->table;
    size_t line = r->line;
    int status;

    guess_delimiter(r);
    status = read_line(r);
    if (status < 0)
        return status;
    if (r->ncells > MAX_COLUMNS)
        return fail(r, line, "more than 1000 columns");
    t->columns = r->cells;
    t->ncolumns = r->ncells;
    r->cells = NULL;
    r->ncells = r->cells_cap = 0;
    for (size_t i = 0; i < t->ncolumns; i++) {
        t->columns[i] = trim(t->columns[i]);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(t->columns[i], t->columns[k]))
                return vb_fail(r->err, -EINVAL, "%s:%zu: two columns are called '%s'", t->name, line, t->columns[i]);
        if (!*t->columns[i])
            return vb_fail(r->err, -EINVAL, "%s:%zu: column %zu has no name", t->name, line, i + 1);
    }
    return 0;
}

static int take_row(struct reader *r)
{
    vb_table *t = r->table;
    size_t before = r->ncells, line = r->line;
    int status = read_line(r);

    if (status < 0)
        return status;
    if (r->ncells - before != t->ncolumns)
        return vb_fail(r->err, -EINVAL, "%s:%zu: has %zu cells, where the first line names %zu columns", t->name, line,
                       r->ncells - before, t->ncolumns);
    for (size_t i = before; i < r->ncells; i++)
        r->cells[i] = trim(r->cells[i]);
    *VB_PUSH(t->lines, t->nrows, r->lines_cap) = line;
    return 0;
}

static int parse(struct reader *r)
{
    int status = 0;

    while (!status && r->at < r->end) {
        size_t n = strcspn(r->at, "\r\n");

        if (*r->at == '#') {
            vb_autofree char *line = vb_strndup(r->at, n);

            read_comment(r, line);
        }
        if (!n || *r->at == '#') {
            r->at += n;
            end_line(r);
        } else {
            status = r->table->columns ? take_row(r) : take_names(r);
        }
    }
    r->table->cells = r->cells;
    if (!status && !r->table->columns)
        return vb_fail(r->err, -EINVAL, "%s: is empty: its first line must name the columns", r->table->name);
    return status;
}

int vb_table_parse(const char *name, const char *text, size_t n, vb_table *out, vb_error *err)
{
    struct reader r = {.table = out, .line = 1, .err = err};
    int status;

    *out = (vb_table){.name = vb_strdup(name)};
    vb_buf_add(&out->text, text, n);
    r.at = out->text.data;
    r.end = r.at + n;
    if (n >= 3 && !memcmp(r.at, "\xef\xbb\xbf", 3))
        r.at += 3;
    status = n && memchr(text, 0, n) ? vb_fail(err, -EINVAL, "%s: is no text (it has NUL bytes)", name) : parse(&r);
    if (status < 0)
        vb_table_clear(out);
    return status;
}

int vb_table_read(const char *path, vb_table *out, vb_error *err)
{
    vb_auto_buf text = {0};
    int r = vb_read_file(AT_FDCWD, path, MAX_TABLE, &text, err);

    return r < 0 ? r : vb_table_parse(path, vb_buf_text(&text), text.len, out, err);
}

void vb_table_clear(vb_table *t)
{
    free(t->name);
    vb_buf_free(&t->text);
    free(t->columns);
    free(t->cells);
    free(t->lines);
    *t = (vb_table){0};
}
