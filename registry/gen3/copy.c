#include "registry/gen3/copy.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/gen3/copy_internal.h"
#include "registry/gen3/records.h"
#include "registry/internal.h"
#include "registry/schema.h"

#include <string.h>

int vb_gen3_check_universe(const vb_gen3 *g, vb_registry *reg, vb_error *err)
{
    const vb_universe *ours = vb_registry_universe(reg);
    int theirs = vb_universe_version(g->universe);
    bool same_words = !strcmp(vb_universe_namespace(ours), vb_universe_namespace(g->universe));

    if (theirs <= vb_universe_version(ours) && same_words)
        return 0;
    vb_fail(err, -EINVAL, "%s: has dimension universe %s %d, and %s has %s %d", g->config->root,
            vb_universe_namespace(g->universe), theirs, vb_registry_path(reg), vb_universe_namespace(ours),
            vb_universe_version(ours));
    if (same_words)
        vb_hint(err, "import it into one of its own universe or a later one: vbutler create --dimension-config %d REPO",
                theirs);
    else
        vb_hint(err, "vbutler mount shows it as it is, whatever its universe");
    return -EINVAL;
}

/* ---- datasets ------------------------------------------------------------------------------------------------- */

static void drop_waiting(vb_gen3_copying *c)
{
    for (size_t i = 0; i < c->waiting; i++) {
        vb_dataid_clear(&c->datasets[i].dataid);
        vb_location_clear(&c->locations[i]);
    }
    c->waiting = 0;
}

static int index_uuids(vb_gen3_copying *c, vb_error *err)
{
    return c->options->fresh ? vb_schema_load_end(c->reg->db, err) : 0;
}

/* Those that have a place, then those that have none. */
static int flush(vb_gen3_copying *c, vb_error *err)
{
    size_t with = 0;
    int r = 0;

    for (size_t i = 0; i < c->waiting; i++)
        if (c->located[i]) {
            vb_dataset d = c->datasets[with];
            vb_location l = c->locations[with];

            c->datasets[with] = c->datasets[i];
            c->datasets[i] = d;
            c->locations[with] = c->locations[i];
            c->locations[i] = l;
            with++;
        }
    if (with)
        r = vb_dataset_insert_all(c->reg, c->datasets, c->locations, with, err);
    if (!r && c->waiting > with)
        r = vb_dataset_insert_all(c->reg, c->datasets + with, NULL, c->waiting - with, err);
    if (r < 0)
        vb_error_context(err, "%s", c->g->config->root);
    c->counts->datasets += c->waiting;
    drop_waiting(c);
    if (!r && c->nextras) /* these are told by their UUIDs */
        r = index_uuids(c, err);
    return r < 0 ? r : vb_gen3_insert_extras(c, err);
}

/* 1: the dataset is there already; 0: not. */
static int is_there(vb_gen3_copying *c, const vb_gen3_dataset *d, int64_t run, vb_error *err)
{
    vb_auto_dataset there = {0};
    vb_auto_buf is = {0}, wanted = {0};
    char uuid[VB_UUID_TEXT];
    int r = c->options->fresh ? 0 : vb_dataset_by_uuid(c->reg, &d->uuid, &there, err);

    if (r <= 0 || !there.run_id)
        return r < 0 ? r : 0;
    if (there.state != VB_DATASET_PRESENT)
        return vb_fail(err, -EEXIST, "dataset %s was removed from the repository: a UUID is not used again",
                       vb_uuid_format(d->uuid, uuid));
    if (there.type->id == c->ours->id && there.run_id == run && !vb_dataid_compare(&there.dataid, &d->dataid))
        return 1;
    vb_dataset_print(&there, &is);
    vb_gen3_dataset_print(d, &wanted);
    return vb_fail(err, -EEXIST, "dataset %s is there already, and differs: it is %s, and in %s %s%s",
                   vb_uuid_format(d->uuid, uuid), vb_buf_text(&is), c->g->config->root, vb_buf_text(&wanted),
                   there.run_id == run ? "" : ", of another run");
}

static void default_place(const vb_gen3_file *f, vb_location *out)
{
    vb_auto_buf fragment = {0};
    vb_autofree char *path = vb_gen3_file_path(f, &fragment);

    *out = (vb_location){.store_id = (int64_t)f->store + 1,
                         .path = path ? vb_format("%s%s", path, vb_buf_text(&fragment)) : vb_strdup(f->path),
                         .size = f->size,
                         .mtime = -1,
                         .formatter = vb_strdup(f->formatter)};
}

/* Where the dataset's files are: 1 and *out where one has the whole of it, else 0; what more there is to say of them is
 * noted. */
static int place_files(vb_gen3_copying *c, const vb_gen3_dataset *d, vb_location *out, vb_error *err)
{
    int whole = 0;

    for (const vb_gen3_file *f = NULL; (f = vb_gen3_next_file(d, f));) {
        vb_auto_location place = {0};
        int r = 0;

        if (c->options->locate)
            r = c->options->locate(c->options->arg, d, f, &place, err);
        else
            default_place(f, &place);
        if (r < 0)
            return r;
        vb_gen3_note_file(c, d, f, &place);
        if (*f->component || whole)
            continue;
        *out = place;
        place = (vb_location){0};
        whole = 1;
    }
    return whole;
}

/* The data ID in our universe: mostly the same values, under our group. */
static void conform_dataid(vb_gen3_copying *c, vb_gen3_dataset *d)
{
    vb_dataid theirs = d->dataid;

    d->dataid.group = c->ours->group;
    for (int i = 0; i < c->ours->group->nrequired; i++)
        for (int k = 0; k < theirs.group->nrequired; k++)
            if (!strcmp(c->ours->group->dims[i]->name, theirs.group->dims[k]->name))
                d->dataid.values[i] = theirs.values[k];
}

static void take_dataid(vb_gen3_dataset *d, vb_dataset *out)
{
    out->dataid = d->dataid;
    d->dataid.group = NULL;
}

/* The group of a type's dimensions in our universe, which must require the same ones. */
static int conform_group(vb_gen3_copying *c, const vb_group **out, vb_error *err)
{
    const vb_group *theirs = c->type->group;
    char **names = NULL;
    int r;

    for (int i = 0; i < theirs->nrequired; i++)
        vb_strv_add(&names, theirs->dims[i]->name);
    r = vb_universe_conform_names(vb_registry_universe(c->reg), names, out, err);
    if (!r && (*out)->nrequired != theirs->nrequired)
        r = vb_fail(err, -EINVAL, "its dimensions require others in universe %d",
                    vb_universe_version(vb_registry_universe(c->reg)));
    vb_strv_free(names);
    return r < 0 ? vb_error_context(err, "%s: dataset type '%s'", c->g->source->name, c->type->name) : 0;
}

/* A type of which nothing is wanted is not registered, unless all is. */
static int register_type(vb_gen3_copying *c, vb_error *err)
{
    vb_dataset_type wanted = {.name = c->type->name,
                              .storage_class = c->type->storage_class,
                              .is_calibration = c->type->calibs};
    int r;

    if (c->ours)
        return 0;
    r = conform_group(c, &wanted.group, err);
    if (r < 0)
        return r;
    r = vb_dataset_type_register(c->reg, &wanted, &c->ours, err);
    c->counts->types++;
    return r < 0 ? vb_error_context(err, "%s", c->g->source->name) : 0;
}

static int copy_dataset(void *arg, vb_gen3_dataset *d, vb_error *err)
{
    vb_gen3_copying *c = arg;
    vb_dataset *out;
    int64_t run;
    int r;

    if (c->options->tell && ++c->done % VB_GEN3_TELL == 0)
        c->options->tell(c->options->tell_arg, "copying datasets", c->done, c->total);
    if (c->options->wants && !c->options->wants(c->options->arg, &d->uuid))
        return 0;
    r = register_type(c, err);
    if (!r)
        r = vb_gen3_copy_collection(c, d->run, &run, err);
    if (!r)
        conform_dataid(c, d);
    if (!r)
        r = is_there(c, d, run, err);
    c->counts->existing += r > 0;
    if (r)
        return r < 0 ? r : 0;
    if (c->waiting && (c->waiting == VB_GEN3_BATCH || c->datasets[0].run_id != run))
        r = flush(c, err);
    if (r < 0)
        return r;
    r = place_files(c, d, &c->locations[c->waiting], err);
    if (r < 0)
        return r;
    c->located[c->waiting] = r > 0;
    out = &c->datasets[c->waiting++];
    *out = (vb_dataset){.uuid = d->uuid, .type = c->ours, .run_id = run, .ingest_date = d->ingest_date};
    take_dataid(d, out);
    return 0;
}

/* ---- types ---------------------------------------------------------------------------------------------------- */

static int copy_type(vb_gen3_copying *c, const vb_gen3_type *type, vb_error *err)
{
    int r;

    c->type = type;
    c->ours = NULL;
    r = vb_gen3_all_wanted(c->g) && !c->options->wants ? register_type(c, err) : 0;
    if (!r)
        r = vb_gen3_each_dataset(c->g, type, copy_dataset, c, err);
    return r < 0 ? r : flush(c, err);
}

/* After all datasets: members are told by their UUIDs. */
static int copy_members(vb_gen3_copying *c, const vb_gen3_type *type, vb_error *err)
{
    vb_auto_error none = VB_ERROR_INIT;
    int r;

    c->type = type;
    r = vb_dataset_type_find(c->reg, type->name, &c->ours, &none);
    if (r == -ENOENT) /* nothing of it was wanted */
        return 0;
    if (r < 0)
        vb_error_move(err, &none);
    return r < 0 ? r : vb_gen3_copy_members(c, err);
}

static int copy_all(vb_gen3_copying *c, vb_error *err)
{
    int64_t total = 0;
    int r = vb_gen3_count_datasets(c->g, &total, err);

    c->total = (size_t)total;
    if (!r)
        r = vb_gen3_copy_attributes(c, err);
    if (!r)
        r = vb_gen3_copy_records(c->g, c->reg, c->options, &c->counts->records, err);
    if (!r)
        r = vb_gen3_copy_collections(c, err);
    for (size_t i = 0; !r && i < c->g->ntypes; i++)
        r = copy_type(c, &c->g->types[i], err);
    if (!r)
        r = index_uuids(c, err);
    for (size_t i = 0; !r && i < c->g->ntypes; i++)
        r = copy_members(c, &c->g->types[i], err);
    return r;
}

int vb_gen3_copy(vb_gen3 *g, vb_registry *reg, const vb_gen3_copy_options *options, vb_gen3_counts *counts,
                 vb_error *err)
{
    vb_gen3_copying c = {.g = g, .reg = reg, .options = options, .counts = counts};
    vb_auto_txn txn = {0};
    int r = vb_gen3_check_universe(g, reg, err);

    *counts = (vb_gen3_counts){0};
    if (!r)
        r = vb_registry_begin(reg, &txn, err);
    if (r < 0)
        return r;
    c.collection_ids = vb_alloc((g->ncollections + 1) * sizeof *c.collection_ids);
    c.datasets = vb_alloc(VB_GEN3_BATCH * sizeof *c.datasets);
    c.locations = vb_alloc(VB_GEN3_BATCH * sizeof *c.locations);
    c.located = vb_alloc(VB_GEN3_BATCH * sizeof *c.located);
    r = copy_all(&c, err);
    drop_waiting(&c);
    vb_gen3_drop_extras(&c);
    free(c.extras);
    free(c.collection_ids);
    free(c.datasets);
    free(c.locations);
    free(c.located);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

/* ---- snapshots ------------------------------------------------------------------------------------------------ */

static int add_stores(const vb_gen3 *g, vb_registry *reg, vb_error *err)
{
    int r = vb_registry_set_meta(reg, "repository", g->config->root, err);

    for (size_t i = 0; !r && i < g->config->ndatastores; i++) {
        const vb_gen3_datastore *d = &g->config->datastores[i];

        r = vb_sql_exec(reg->db, err, "INSERT INTO store (id, name, root) VALUES (?, ?, ?)",
                        VB_ARGS(i + 1, d->name, d->root));
    }
    return r;
}

int vb_gen3_snapshot(vb_gen3 *g, const char *path, const vb_gen3_copy_options *options, vb_gen3_counts *counts,
                     vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_gen3_copy_options o = *options;
    int r = vb_registry_create(path, g->universe, "snapshot", &reg, err);

    o.fresh = true;
    if (!r) /* nobody else has the file */
        r = vb_db_run(reg->db, "PRAGMA cache_size = -262144", err);
    if (!r)
        r = vb_schema_load_begin(reg->db, err);
    if (!r)
        r = add_stores(g, reg, err);
    return r < 0 ? r : vb_gen3_copy(g, reg, &o, counts, err);
}
