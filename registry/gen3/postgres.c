/* postgres.c - a Gen3 registry in PostgreSQL: the form of Rubin's large repositories.
 *
 * One transaction, REPEATABLE READ and READ ONLY, for as long as the source is open.  Rows come through cursors, a few
 * thousand at a time, so that memory stays flat and one query may be asked while another is read.  Passwords come from
 * where libpq looks for them (PGPASSWORD, ~/.pgpass), and the name in messages has none. */
#include "registry/gen3/source.h"

#include "registry/base/library.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define FUNCTIONS(X)                                                                                        \
    X(PQclear) X(PQconnectdb) X(PQerrorMessage) X(PQescapeIdentifier) X(PQexec) X(PQexecParams) X(PQfinish) \
    X(PQfreemem) X(PQftype) X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQnfields) X(PQntuples)           \
    X(PQresultErrorMessage) X(PQresultStatus) X(PQsetClientEncoding) X(PQstatus) X(PQunescapeBytea)
/* clang-format on */
VB_LIBRARY(pq, VB_LIB_PQ, FUNCTIONS)

enum { FETCHED = 8192 };

/* Types by their numbers (PostgreSQL's pg_type.dat). */
enum { BOOL = 16, BYTEA = 17, INT8 = 20, INT2 = 21, INT4 = 23, FLOAT4 = 700, FLOAT8 = 701, NUMERIC = 1700 };

struct pg_source {
    vb_gen3_source base;
    PGconn *connection;
    unsigned cursors; /* made so far: the next one's name */
};

struct pg_rows {
    vb_gen3_rows base;
    struct pg_source *s;
    unsigned cursor;
    PGresult *page;
    int row;
    unsigned char **bytes; /* decoded, by column, of this row */
    int nbytes;
};

/* The server's own sentence, in one line. */
static int pg_fail(const struct pg_source *s, const PGresult *result, vb_error *err)
{
    const char *text = result ? pq.PQresultErrorMessage(result) : pq.PQerrorMessage(s->connection);
    vb_autofree char *line = vb_strdup(text ? text : "no answer");

    for (char *p = line; *p; p++)
        *p = *p == '\n' ? (p[1] ? ' ' : 0) : *p;
    return vb_fail(err, -EIO, "%s: %s", s->base.name, line);
}

static int run(struct pg_source *s, const char *sql, vb_error *err)
{
    PGresult *result = pq.PQexec(s->connection, sql);
    int r = pq.PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : pg_fail(s, result, err);

    pq.PQclear(result);
    return r;
}

static void pg_close(vb_gen3_source *base)
{
    struct pg_source *s = (struct pg_source *)base;

    pq.PQfinish(s->connection);
    free(s);
}

static int pg_columns(vb_gen3_source *base, const char *table, char ***out, vb_error *err)
{
    struct pg_source *s = (struct pg_source *)base;
    const char *values[] = {table};
    PGresult *result = pq.PQexecParams(s->connection,
                                       "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident($1))"
                                       " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                                       1, NULL, values, NULL, NULL, 0);
    int r = pq.PQresultStatus(result) == PGRES_TUPLES_OK ? 0 : pg_fail(s, result, err);

    *out = NULL;
    for (int i = 0; !r && i < pq.PQntuples(result); i++)
        vb_strv_add(out, pq.PQgetvalue(result, i, 0));
    pq.PQclear(result);
    return r;
}

static int pg_query(vb_gen3_source *base, const char *sql, vb_gen3_rows **out, vb_error *err)
{
    struct pg_source *s = (struct pg_source *)base;
    unsigned number = ++s->cursors;
    vb_autofree char *declare = vb_format("DECLARE c%u NO SCROLL CURSOR FOR %s", number, sql);
    struct pg_rows *rows;
    int r = run(s, declare, err);

    if (r < 0)
        return r;
    rows = VB_NEW(struct pg_rows);
    rows->s = s;
    rows->cursor = number;
    *out = &rows->base;
    return 0;
}

static void drop_bytes(struct pg_rows *rows)
{
    for (int i = 0; i < rows->nbytes; i++) {
        pq.PQfreemem(rows->bytes[i]);
        rows->bytes[i] = NULL;
    }
}

static int fetch(struct pg_rows *rows, vb_error *err)
{
    vb_autofree char *sql = vb_format("FETCH %d FROM c%u", FETCHED, rows->cursor);

    pq.PQclear(rows->page);
    rows->page = pq.PQexec(rows->s->connection, sql);
    rows->row = 0;
    if (pq.PQresultStatus(rows->page) != PGRES_TUPLES_OK)
        return pg_fail(rows->s, rows->page, err);
    if (!rows->bytes) {
        rows->nbytes = pq.PQnfields(rows->page);
        rows->bytes = vb_alloc(((size_t)rows->nbytes + 1) * sizeof *rows->bytes);
    }
    return 0;
}

static int pg_next(vb_gen3_rows *base, vb_error *err)
{
    struct pg_rows *rows = (struct pg_rows *)base;
    int r = 0;

    drop_bytes(rows);
    if (rows->page && ++rows->row < pq.PQntuples(rows->page))
        return 1;
    if (rows->page && pq.PQntuples(rows->page) < FETCHED)
        return 0;
    r = fetch(rows, err);
    return r < 0 ? r : pq.PQntuples(rows->page) > 0;
}

static void number(const char *text, bool real, vb_gen3_cell *out)
{
    out->kind = real ? VB_REAL : VB_INT;
    if (real)
        out->d = strtod(text, NULL);
    else
        out->i = strtoll(text, NULL, 10);
}

static void pg_cell(vb_gen3_rows *base, int i, vb_gen3_cell *out)
{
    struct pg_rows *rows = (struct pg_rows *)base;
    const char *text = pq.PQgetvalue(rows->page, rows->row, i);

    if (pq.PQgetisnull(rows->page, rows->row, i))
        return;
    switch (pq.PQftype(rows->page, i)) {
    case INT2:
    case INT4:
    case INT8: number(text, false, out); return;
    case FLOAT4:
    case FLOAT8: number(text, true, out); return;
    case NUMERIC: number(text, strchr(text, '.'), out); return;
    case BOOL: *out = (vb_gen3_cell){.kind = VB_INT, .i = *text == 't'}; return;
    case BYTEA:
        if (!rows->bytes[i])
            rows->bytes[i] = pq.PQunescapeBytea((const unsigned char *)text, &out->len);
        out->kind = VB_BYTES;
        out->data = rows->bytes[i] ? (const char *)rows->bytes[i] : "";
        out->len = (size_t)(pq.PQgetlength(rows->page, rows->row, i) - 2) / 2; /* "\x" and two digits a byte */
        return;
    default: *out = (vb_gen3_cell){.kind = VB_TEXT, .data = text, .len = strlen(text)}; return;
    }
}

static void pg_done(vb_gen3_rows *base)
{
    struct pg_rows *rows = (struct pg_rows *)base;
    vb_autofree char *sql = vb_format("CLOSE c%u", rows->cursor);

    drop_bytes(rows);
    pq.PQclear(rows->page);
    run(rows->s, sql, NULL);
    free(rows->bytes);
    free(rows);
}

static const vb_gen3_source_class pg_class = {
    .columns = pg_columns,
    .query = pg_query,
    .next = pg_next,
    .cell = pg_cell,
    .done = pg_done,
    .close = pg_close,
    .ranges = true,
};

/* "postgresql+psycopg2://" is SQLAlchemy's, who names the driver too. */
static char *libpq_url(const char *url)
{
    const char *rest = strstr(url, "://");

    return vb_format("postgresql%s", rest ? rest : "://");
}

/* The URL without a password. */
static char *shown_url(const char *url)
{
    const char *begin = strstr(url, "://"), *at = begin ? strchr(begin + 3, '@') : NULL;
    const char *colon = at ? memchr(begin + 3, ':', (size_t)(at - begin - 3)) : NULL;

    vb_autofree char *shown = colon ? vb_format("%.*s%s", (int)(colon - url), url, at) : vb_strdup(url);
    char *query = strchr(shown, '?');

    if (query && strstr(query, "password"))
        *query = 0;
    return VB_STEAL(shown);
}

static int set_schema(struct pg_source *s, const char *schema, vb_error *err)
{
    char *quoted = pq.PQescapeIdentifier(s->connection, schema, strlen(schema));
    vb_autofree char *sql = quoted ? vb_format("SET LOCAL search_path TO %s", quoted) : NULL;

    pq.PQfreemem(quoted);
    return sql ? run(s, sql, err) : pg_fail(s, NULL, err);
}

int vb_gen3_source_postgres(const char *url, const char *schema, vb_gen3_source **out, vb_error *err)
{
    vb_auto(vb_gen3_source_close) vb_gen3_source *base = NULL;
    vb_autofree char *plain = libpq_url(url);
    struct pg_source *s;
    int r = vb_library_load(&pq_library, err);

    if (r < 0)
        return r;
    s = VB_NEW(struct pg_source);
    s->base = (vb_gen3_source){.class = &pg_class, .name = shown_url(plain)};
    base = &s->base;
    s->connection = pq.PQconnectdb(plain);
    if (pq.PQstatus(s->connection) != CONNECTION_OK) {
        r = pg_fail(s, NULL, err);
        vb_hint(err, "passwords come from PGPASSWORD or ~/.pgpass");
        return r;
    }
    pq.PQsetClientEncoding(s->connection, "UTF8");
    r = run(s, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
    if (!r && schema)
        r = set_schema(s, schema, err);
    if (!r)
        r = run(s, "SET LOCAL extra_float_digits = 1", err); /* a number reads back as it is */
    if (!r)
        r = run(s, "SET LOCAL bytea_output = 'hex'", err);
    if (!r)
        *out = VB_STEAL(base);
    return r;
}
