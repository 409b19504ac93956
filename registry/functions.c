#include "registry/functions.h"

#include "registry/base/mem.h"
#include "registry/base/uuid.h"

static void new_uuid(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    vb_uuid uuid = vb_uuid_v7();

    sqlite3_result_blob(ctx, uuid.bytes, sizeof uuid.bytes, SQLITE_TRANSIENT);
}

int vb_functions_register(sqlite3 *db, vb_error *err)
{
    static const struct {
        const char *name;
        int arguments, flags;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"vb_uuid", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, new_uuid},
    };

    for (size_t i = 0; i < VB_COUNT(functions); i++)
        if (sqlite3_create_function_v2(db, functions[i].name, functions[i].arguments, functions[i].flags, NULL,
                                       functions[i].call, NULL, NULL, NULL) != SQLITE_OK)
            return vb_fail(err, -ENOMEM, "registering the SQL function %s", functions[i].name);
    return 0;
}
