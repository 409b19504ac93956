/* source.h - rows of a Gen3 registry, from whatever database holds it.  Internal to registry/gen3.
 *
 * All SQL of the reader goes through here: plain SELECTs whose identifiers are quoted and whose constants are integers
 * that were read before, so that SQLite and PostgreSQL take the same text.  What comes back is untrusted: a cell is
 * asked for by the type that its column should have, and where it has another a sentence names table, column and
 * value.  A source is read-only, shows one state of the database for as long as it is open, and writes nothing beside
 * it.  One thread at a time. */
#ifndef VB_REGISTRY_GEN3_SOURCE_H
#define VB_REGISTRY_GEN3_SOURCE_H

#include "registry/base/error.h"
#include "registry/base/uuid.h"
#include "registry/universe.h"
#include "registry/value.h"

#include <stddef.h>

typedef struct vb_gen3_source vb_gen3_source;
typedef struct vb_gen3_rows vb_gen3_rows;

/* A cell of the row; text (NUL-terminated) and bytes live until the next row. */
typedef struct vb_gen3_cell {
    vb_kind kind;
    int64_t i;
    double d;
    const void *data;
    size_t len;
} vb_gen3_cell;

/* What a kind of database does. */
typedef struct vb_gen3_source_class {
    /* The columns of a table; *out is NULL where there is no such table.  Freed with vb_strv_free(). */
    int (*columns)(vb_gen3_source *s, const char *table, char ***out, vb_error *err);
    int (*query)(vb_gen3_source *s, const char *sql, vb_gen3_rows **out, vb_error *err);
    int (*next)(vb_gen3_rows *rows, vb_error *err); /* 1: a row; 0: no more */
    void (*cell)(vb_gen3_rows *rows, int i, vb_gen3_cell *out);
    void (*done)(vb_gen3_rows *rows);
    void (*close)(vb_gen3_source *s);
    bool ranges; /* a timespan is one column of a range type, not two of integers */
} vb_gen3_source_class;

struct vb_gen3_source {
    const vb_gen3_source_class *class;
    char *name; /* for messages: a path, or a URL without its password */
};

struct vb_gen3_rows {
    vb_gen3_source *source;
    char *what; /* the table, for messages */
};

/* -ENOENT; -EINVAL where it is no database; -EBUSY where who writes to it lets nobody read. */
int vb_gen3_source_sqlite(const char *path, vb_gen3_source **out, vb_error *err);

/* A libpq URL; -EPROTONOSUPPORT where this vbutler was built without libpq. */
int vb_gen3_source_postgres(const char *url, const char *schema, vb_gen3_source **out, vb_error *err);

void vb_gen3_source_close(vb_gen3_source *s);
VB_CLEANUP(vb_gen3_source, vb_gen3_source_close)

int vb_gen3_columns(vb_gen3_source *s, const char *table, char ***out, vb_error *err);

/* `table` is what messages call the rows. */
int vb_gen3_query(vb_gen3_source *s, const char *table, const char *sql, vb_gen3_rows **out, vb_error *err);
int vb_gen3_next(vb_gen3_rows *rows, vb_error *err);
void vb_gen3_rows_done(vb_gen3_rows *rows);
VB_CLEANUP(vb_gen3_rows, vb_gen3_rows_done)

/* Cells of the row, by type; `column` is for messages.  -EINVAL where the cell is null or of another type. */
bool vb_gen3_null(vb_gen3_rows *rows, int i);
int vb_gen3_int(vb_gen3_rows *rows, int i, const char *column, int64_t *out, vb_error *err);
int vb_gen3_text(vb_gen3_rows *rows, int i, const char *column, const char **out, vb_error *err);
int vb_gen3_uuid(vb_gen3_rows *rows, int i, const char *column, vb_uuid *out, vb_error *err);

/* TAI nanoseconds; older registries have text, in UTC. */
int vb_gen3_time(vb_gen3_rows *rows, int i, const char *column, int64_t *out, vb_error *err);

/* Text or null; *out is a copy. */
int vb_gen3_text_or_null(vb_gen3_rows *rows, int i, const char *column, char **out, vb_error *err);

/* Any field of a dimension record; null gives VB_NULL. */
int vb_gen3_field(vb_gen3_rows *rows, int i, const char *column, vb_field_type type, vb_value *out, vb_error *err);

/* A region or a hash: raw bytes, or base64. */
int vb_gen3_bytes(vb_gen3_rows *rows, int i, const char *column, vb_value *out, vb_error *err);

/* The SQL of the two ends of a timespan, "begin, end", appended: `prefix` is "" or "t." */
void vb_gen3_timespan_sql(const vb_gen3_source *s, const char *prefix, vb_buf *sql);

#endif
