#include "registry/registry.h"

#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/internal.h"
#include "registry/netfs.h"
#include "registry/schema.h"

#include <string.h>

static void free_retired(vb_registry *reg)
{
    vb_known_tasks_free(reg);
    while (reg->retired_collections) {
        struct vb_known_collection *c = reg->retired_collections;

        reg->retired_collections = c->next_retired;
        free(c->c.name);
        free(c->c.doc);
        free(c);
    }
    while (reg->retired_types) {
        struct vb_known_type *t = reg->retired_types;

        reg->retired_types = t->next_retired;
        vb_dataset_type_clear(&t->t);
        free(t->find_sql);
        free(t->insert_sql);
        free(t->along_sql);
        free(t->along);
        free(t);
    }
}

/* Drops what is remembered.  A writer may still hold pointers to it, across the begin of a transaction: so there it is
 * kept until the handle is closed, which for a writer is soon. */
void vb_registry_forget(vb_registry *reg)
{
    struct vb_known_collection *c, *next_c;
    struct vb_known_type *t, *next_t;

    HASH_CLEAR(by_name, reg->collections_by_name);
    HASH_ITER(by_id, reg->collections_by_id, c, next_c) {
        HASH_DELETE(by_id, reg->collections_by_id, c);
        c->next_retired = reg->retired_collections;
        reg->retired_collections = c;
    }
    HASH_CLEAR(by_name, reg->types_by_name);
    HASH_ITER(by_id, reg->types_by_id, t, next_t) {
        HASH_DELETE(by_id, reg->types_by_id, t);
        t->next_retired = reg->retired_types;
        reg->retired_types = t;
    }
    if (reg->access != VB_ACCESS_WRITE)
        free_retired(reg);
    vb_known_tasks_retire(reg);
    memset(reg->summaries, 0, sizeof reg->summaries);
    reg->rollbacks = vb_db_rollbacks(reg->db);
}

void vb_registry_check_memory(vb_registry *reg)
{
    if (reg->rollbacks != vb_db_rollbacks(reg->db))
        vb_registry_forget(reg);
}

static int load_universe(vb_registry *reg, vb_error *err)
{
    vb_autofree char *json = NULL;
    int r = vb_schema_meta(reg->db, "universe", &json, err);

    if (!r)
        r = vb_schema_meta(reg->db, "format", &reg->format, err);
    if (!r && (!json || !reg->format))
        r = vb_fail(err, -EINVAL, "%s: is incomplete: its meta table has no universe", vb_db_path(reg->db));
    return r < 0 ? r : vb_universe_load_text(vb_db_path(reg->db), json, strlen(json), &reg->universe, err);
}

/* A registry keeps a write-ahead log, whose readers share memory: over a network that cannot be, and so there it has a
 * rollback journal, and who writes holds a lease (lease.h).  One that was moved, or restored, gets what suits its
 * place; where others have it open, the next writer does that. */
static int suit_file_system(vb_registry *reg, vb_error *err)
{
    bool network = vb_is_network_fs(vb_db_path(reg->db)), log = false;
    int r = vb_db_has_log(reg->db, &log, err);

    if (!r && network)
        r = vb_db_run(reg->db, "PRAGMA mmap_size = 0", err);
    if (!r && network && reg->access == VB_ACCESS_WRITE)
        vb_db_lease(reg->db, !strcmp(reg->format, "registry"));
    if (r < 0 || strcmp(reg->format, "registry") != 0)
        return r;
    if (log == !network)
        return 0;
    if (reg->access == VB_ACCESS_WRITE)
        return vb_db_set_log(reg->db, !network, err);
    if (network)
        vb_log(
            VB_WARNING,
            "%s: keeps a write-ahead log, which does not work over a network; the next command that writes changes that",
            vb_db_path(reg->db));
    return 0;
}

int vb_registry_spare_memory(vb_registry *reg, vb_error *err)
{
    return vb_db_run(reg->db, "PRAGMA mmap_size = 0; PRAGMA cache_size = -8192", err);
}

int vb_registry_open(const char *path, vb_access access, vb_registry **out, vb_error *err)
{
    static const vb_db_mode modes[] =
        {[VB_ACCESS_READ] = VB_DB_READ, [VB_ACCESS_IMMUTABLE] = VB_DB_IMMUTABLE, [VB_ACCESS_WRITE] = VB_DB_WRITE};
    vb_auto(vb_registry_close) vb_registry *reg = VB_NEW(vb_registry);
    int r = vb_db_open(path, modes[access], &reg->db, err);

    reg->access = access;
    if (!r)
        r = vb_schema_check(reg->db, err);
    if (!r)
        r = load_universe(reg, err);
    if (!r && access == VB_ACCESS_WRITE)
        r = vb_db_run(reg->db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000", err);
    if (!r && access != VB_ACCESS_IMMUTABLE)
        r = suit_file_system(reg, err);
    if (!r)
        r = vb_sql_int(reg->db, &reg->data_version, err, "PRAGMA data_version", VB_NO_ARGS);
    if (r < 0)
        return r;
    *out = VB_STEAL(reg);
    return 0;
}

int vb_registry_create(const char *path, const vb_universe *universe, const char *format, vb_registry **out,
                       vb_error *err)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    bool live = !strcmp(format, "registry");
    int r = vb_db_open(path, VB_DB_CREATE, &db, err);

    if (!r)
        r = vb_db_run(db,
                      live ? (vb_is_network_fs(path) ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL")
                           : "PRAGMA journal_mode = OFF",
                      err);
    if (!r)
        r = vb_schema_create(db, universe, format, err);
    if (r < 0)
        return r;
    vb_db_close(VB_STEAL(db));
    r = vb_registry_open(path, VB_ACCESS_WRITE, out, err);
    if (!r && !live)
        r = vb_db_run((*out)->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", err);
    return r;
}

void vb_registry_close(vb_registry *reg)
{
    if (reg->db) {
        vb_registry_forget(reg);
        free_retired(reg);
        vb_db_close(reg->db);
    }
    for (int i = 0; i < VB_MAX_ELEMENTS; i++) {
        free(reg->record_sql[i].insert);
        free(reg->record_sql[i].add_overlap);
        free(reg->record_sql[i].find);
    }
    if (reg->universe)
        vb_universe_free(reg->universe);
    free(reg->format);
    free(reg);
}

vb_universe *vb_registry_universe(vb_registry *reg)
{
    return reg->universe;
}

const char *vb_registry_path(const vb_registry *reg)
{
    return vb_db_path(reg->db);
}

const char *vb_registry_format(const vb_registry *reg)
{
    return reg->format;
}

int vb_registry_refresh(vb_registry *reg, vb_error *err)
{
    int64_t version = 0;
    int r = vb_sql_int(reg->db, &version, err, "PRAGMA data_version", VB_NO_ARGS);

    if (r < 0)
        return r;
    if (version == reg->data_version)
        return 0;
    vb_registry_forget(reg);
    reg->data_version = version;
    return 1;
}

int vb_registry_look_begin(vb_registry *reg, vb_error *err)
{
    int r = vb_look_begin(&reg->look, reg->db, err);

    if (!r)
        r = vb_registry_refresh(reg, err);
    return r < 0 ? r : 0;
}

void vb_registry_look_end(vb_registry *reg)
{
    vb_look_end(&reg->look);
}

int vb_registry_begin(vb_registry *reg, vb_txn *txn, vb_error *err)
{
    int r = vb_txn_begin(txn, reg->db, err);

    if (!r && !txn->depth)
        r = vb_registry_refresh(reg, err);
    return r < 0 ? r : 0;
}

int vb_registry_meta(vb_registry *reg, const char *key, char **out, vb_error *err)
{
    return vb_schema_meta(reg->db, key, out, err);
}

int vb_registry_set_meta(vb_registry *reg, const char *key, const char *value, vb_error *err)
{
    return vb_schema_set_meta(reg->db, key, value, err);
}

void vb_sql_dimensions(vb_buf *out, const vb_group *group, const char *first, const char *before)
{
    for (int i = 0; i < group->nrequired; i++) {
        vb_buf_puts(out, i ? before : first);
        vb_sql_name(out, group->dims[i]->name);
    }
}

void vb_dataid_args(const vb_dataid *id, vb_arg *args)
{
    for (int i = 0; i < id->group->nrequired; i++)
        args[i] = vb_arg_value(&id->values[i]);
}
