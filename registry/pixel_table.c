#include "registry/pixel_table.h"

#include "registry/base/mem.h"
#include "registry/sky/pixels.h"

#include <string.h>

enum { PIXEL, REGION, SYSTEM, LEVEL, ARGUMENTS = LEVEL };

struct cursor {
    sqlite3_vtab_cursor base;
    vb_ranges ranges;
    size_t range;   /* in it stands */
    uint64_t pixel; /* this one */
};

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
    int r = sqlite3_declare_vtab(db, "CREATE TABLE x(pixel INTEGER, region HIDDEN, system HIDDEN, level HIDDEN)");

    if (r != SQLITE_OK)
        return r;
    sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    *out = sqlite3_malloc(sizeof **out);
    if (!*out)
        return SQLITE_NOMEM;
    memset(*out, 0, sizeof **out);
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

/* All three arguments, or no plan. */
static int table_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    unsigned given = 0;

    for (int i = 0; i < info->nConstraint; i++) {
        int column = info->aConstraint[i].iColumn;

        if (column < REGION || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ || !info->aConstraint[i].usable)
            continue;
        info->aConstraintUsage[i].argvIndex = column;
        info->aConstraintUsage[i].omit = 1;
        given |= 1u << column;
    }
    if (given != (1u << REGION | 1u << SYSTEM | 1u << LEVEL))
        return SQLITE_CONSTRAINT;
    info->estimatedCost = 100;
    info->estimatedRows = 10;
    info->orderByConsumed = info->nOrderBy == 1 && info->aOrderBy[0].iColumn == PIXEL && !info->aOrderBy[0].desc;
    return SQLITE_OK;
}

static int table_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct cursor *c = VB_NEW(struct cursor);

    *out = &c->base;
    return SQLITE_OK;
}

static int table_close(sqlite3_vtab_cursor *cursor)
{
    struct cursor *c = (struct cursor *)cursor;

    vb_ranges_free(&c->ranges);
    free(c);
    return SQLITE_OK;
}

static int fail(sqlite3_vtab *table, const vb_error *err)
{
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("vb_pixels: %s", err->message);
    return SQLITE_ERROR;
}

static int table_filter(sqlite3_vtab_cursor *cursor, int plan, const char *name, int argc, sqlite3_value **argv)
{
    struct cursor *c = (struct cursor *)cursor;
    const void *bytes = argc == ARGUMENTS ? sqlite3_value_blob(argv[REGION - 1]) : NULL;
    vb_auto_region region = {0};
    vb_auto_error err = VB_ERROR_INIT;
    const char *system;
    int r;

    vb_ranges_clear(&c->ranges);
    c->range = 0;
    if (!bytes)
        return SQLITE_OK;
    system = (const char *)sqlite3_value_text(argv[SYSTEM - 1]);
    r = vb_region_decode(bytes, (size_t)sqlite3_value_bytes(argv[REGION - 1]), &region, &err);
    if (!r)
        r = vb_skypix_envelope(system ? system : "", sqlite3_value_int(argv[LEVEL - 1]), &region, &c->ranges, &err);
    if (r < 0)
        return fail(cursor->pVtab, &err);
    c->pixel = c->ranges.count ? c->ranges.items[0].begin : 0;
    return SQLITE_OK;
}

static int table_next(sqlite3_vtab_cursor *cursor)
{
    struct cursor *c = (struct cursor *)cursor;

    c->pixel++;
    if (c->pixel == c->ranges.items[c->range].end && ++c->range < c->ranges.count)
        c->pixel = c->ranges.items[c->range].begin;
    return SQLITE_OK;
}

static int table_eof(sqlite3_vtab_cursor *cursor)
{
    const struct cursor *c = (const struct cursor *)cursor;

    return c->range >= c->ranges.count;
}

static int table_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int column)
{
    if (column == PIXEL)
        sqlite3_result_int64(ctx, (sqlite3_int64)((const struct cursor *)cursor)->pixel);
    return SQLITE_OK;
}

static int table_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)((const struct cursor *)cursor)->pixel;
    return SQLITE_OK;
}

int vb_pixel_table_register(sqlite3 *db, vb_error *err)
{
    static const sqlite3_module module = {
        .xConnect = table_connect, /* without xCreate it is there by its name alone */
        .xBestIndex = table_best_index,
        .xDisconnect = table_disconnect,
        .xOpen = table_open,
        .xClose = table_close,
        .xFilter = table_filter,
        .xNext = table_next,
        .xEof = table_eof,
        .xColumn = table_column,
        .xRowid = table_rowid,
    };

    return sqlite3_create_module_v2(db, "vb_pixels", &module, NULL, NULL) == SQLITE_OK
               ? 0
               : vb_fail(err, -ENOMEM, "registering the SQL table vb_pixels");
}
