#include "registry/functions.h"

#include "registry/base/mem.h"
#include "registry/base/uuid.h"
#include "registry/pixel_table.h"
#include "registry/sky/base64.h"
#include "registry/sky/region.h"

static void new_uuid(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    vb_uuid uuid = vb_uuid_v7();

    sqlite3_result_blob(ctx, uuid.bytes, sizeof uuid.bytes, SQLITE_TRANSIENT);
}

static void overlaps(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const void *a = sqlite3_value_blob(argv[0]), *b = sqlite3_value_blob(argv[1]);
    bool answer = false;

    /* A region that cannot be decoded overlaps nothing: it was checked when it was inserted. */
    if (a && b)
        vb_region_overlaps_encoded(a, (size_t)sqlite3_value_bytes(argv[0]), b, (size_t)sqlite3_value_bytes(argv[1]),
                                   &answer, NULL);
    sqlite3_result_int(ctx, answer);
}

static void base64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const void *bytes = sqlite3_value_blob(argv[0]);
    vb_auto_buf text = {0};

    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    vb_base64_encode(bytes ? bytes : "", (size_t)sqlite3_value_bytes(argv[0]), &text);
    sqlite3_result_text64(ctx, vb_buf_text(&text), text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

int vb_functions_register(sqlite3 *db, vb_error *err)
{
    static const struct {
        const char *name;
        int arguments, flags;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"vb_uuid", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, new_uuid},
        {"vb_overlaps", 2, SQLITE_UTF8 | SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, overlaps},
        {"vb_base64", 1, SQLITE_UTF8 | SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, base64},
    };

    for (size_t i = 0; i < VB_COUNT(functions); i++)
        if (sqlite3_create_function_v2(db, functions[i].name, functions[i].arguments, functions[i].flags, NULL,
                                       functions[i].call, NULL, NULL, NULL) != SQLITE_OK)
            return vb_fail(err, -ENOMEM, "registering the SQL function %s", functions[i].name);
    return vb_pixel_table_register(db, err);
}
