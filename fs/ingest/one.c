#include "fs/ingest/one.h"

#include "fs/ingest/artifact.h"
#include "fs/ingest/seen.h"
#include "fs/store/transfer.h"
#include "registry/base/mem.h"
#include "registry/dataset_uuid.h"

/* The data ID as this handle knows it; the values stay whose they are. */
static int adopt(vb_registry *reg, const vb_one *one, const vb_dataset_type **type, vb_dataid *id, vb_error *err)
{
    int r = vb_dataset_type_find(reg, one->type, type, err);

    if (r == -ENOENT && err && !err->hint)
        vb_hint(err, "vbutler register-dataset-type REPO %s STORAGE_CLASS DIMENSIONS... makes it", one->type);
    if (r < 0)
        return r;
    *id = *one->dataid;
    id->group = (*type)->group;
    return 0;
}

static int check_run(vb_registry *reg, const vb_one *one, vb_search *search, vb_error *err)
{
    const vb_collection *run;

    if (vb_collection_find(reg, one->run, &run, NULL) < 0)
        return 0;
    if (run->type != VB_RUN)
        return vb_fail(err, -EINVAL, "collection '%s' is a %s: datasets are made in a RUN", run->name,
                       vb_collection_type_name(run->type));
    *VB_PUSH(search->items, search->count, search->cap) = run;
    return 0;
}

int vb_ingest_one_check(vb_registry *reg, const vb_one *one, vb_error *err)
{
    vb_auto_dataset there = {0};
    vb_auto_search search = {0};
    vb_auto_buf text = {0};
    const vb_dataset_type *type;
    vb_auto(vb_seen_free) vb_seen *seen = NULL;
    vb_dataid id;
    int r = adopt(reg, one, &type, &id, err);

    if (!r)
        r = check_run(reg, one, &search, err);
    if (r < 0)
        return r;
    seen = vb_seen_new(reg, type->group);
    r = vb_seen_records(seen, &id, err);
    if (r == -ENOENT) {
        vb_hint(err, "make the record first: register-instrument, define-visits, register-skymap or import do");
        return -EINVAL;
    }
    if (!r && search.count)
        r = vb_dataset_find(reg, type, &id, &search, &there, err);
    if (r <= 0)
        return r;
    vb_dataid_print(&id, &text);
    return vb_fail(err, -EEXIST, "%s %s is in %s already, and does not change", one->type, vb_buf_text(&text),
                   one->run);
}

static int insert(vb_registry *reg, const vb_one *one, const vb_uuid *uuid, const vb_transfer_file *file, vb_error *err)
{
    vb_dataset d = {.uuid = *uuid};
    const vb_collection *run;
    int r = vb_collection_register(reg, one->run, VB_RUN, NULL, &run, err);

    if (!r)
        r = adopt(reg, one, &d.type, &d.dataid, err);
    if (r < 0)
        return r;
    d.run_id = run->id;
    return vb_dataset_insert_all(reg, &d, &file->location, 1, err);
}

/* In one transaction with the check: somebody else may make the same. */
static int register_it(vb_registry *reg, const vb_one *one, const vb_uuid *uuid, vb_transfer *transfer, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = vb_ingest_one_check(reg, one, err);
    if (!r)
        r = insert(reg, one, uuid, &transfer->files[0], err);
    if (!r)
        r = vb_txn_commit(&txn, err);
    if (!r)
        vb_transfer_commit(transfer);
    return r;
}

int vb_ingest_one(const vb_repo *repo, vb_registry *reg, const vb_one *one, vb_error *err)
{
    vb_auto(vb_transfer_end) vb_transfer *transfer = NULL;
    const vb_dataset_type *type;
    vb_dataid id;
    vb_uuid uuid;
    int r = vb_ingest_one_check(reg, one, err);

    if (!r)
        r = vb_transfer_begin(repo, reg, one->move ? VB_TRANSFER_MOVE : VB_TRANSFER_COPY, &transfer, err);
    if (!r)
        r = adopt(reg, one, &type, &id, err);
    if (r < 0)
        return r;
    uuid = vb_dataset_uuid(VB_ID_UNIQUE, one->type, one->run, &id);
    transfer->own_sources = one->move;
    vb_artifact_add(transfer, one->source, one->run, type, &id, &uuid);
    r = vb_transfer_run(transfer, 1, NULL, err);
    if (!r && transfer->files[0].error.code)
        r = vb_fail(err, transfer->files[0].error.code, "%s: %s", one->source, transfer->files[0].error.message);
    return r < 0 ? r : register_it(reg, one, &uuid, transfer, err);
}
