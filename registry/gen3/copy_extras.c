/* copy_extras.c - what a Gen3 registry says and ours has other tables for: kept, so that an export gives it back. */
#include "registry/gen3/copy_internal.h"

#include "registry/base/mem.h"
#include "registry/gen3/read.h"
#include "registry/internal.h"

#include <string.h>

int vb_gen3_copy_run_detail(vb_gen3_copying *c, const vb_gen3_collection *theirs, int64_t id, vb_error *err)
{
    if (theirs->type != VB_RUN || (!theirs->host && theirs->begin.kind == VB_NULL && theirs->end.kind == VB_NULL))
        return 0;
    return vb_sql_exec(c->reg->db, err, "INSERT OR IGNORE INTO run_detail VALUES (?, ?, ?, ?)",
                       VB_ARGS(id, theirs->host, &theirs->begin, &theirs->end));
}

/* True where `location` and the dataset type say all that the file's record does. */
static bool says_nothing_more(const vb_gen3_dataset *d, const vb_gen3_file *f)
{
    return !*f->component && !f->checksum && !strcmp(f->storage_class, d->type->storage_class);
}

void vb_gen3_note_file(vb_gen3_copying *c, const vb_gen3_dataset *d, const vb_gen3_file *f, vb_location *place)
{
    vb_gen3_extra *extra;

    if (says_nothing_more(d, f))
        return;
    extra = VB_PUSH(c->extras, c->nextras, c->extras_cap);
    extra->uuid = d->uuid;
    extra->checksum = f->checksum ? vb_strdup(f->checksum) : NULL;
    if (!*f->component) {
        extra->storage_class = vb_strdup(f->storage_class);
        return;
    }
    extra->file = (vb_file){.component = vb_strdup(f->component),
                            .storage_class = vb_strdup(f->storage_class),
                            .location = *place};
    *place = (vb_location){0};
    c->counts->components++;
}

void vb_gen3_drop_extras(vb_gen3_copying *c)
{
    for (size_t i = 0; i < c->nextras; i++) {
        free(c->extras[i].checksum);
        free(c->extras[i].storage_class);
        vb_file_clear(&c->extras[i].file);
    }
    c->nextras = 0;
}

static int insert_extra(vb_gen3_copying *c, vb_gen3_extra *e, vb_error *err)
{
    vb_dataset d = {.type = c->ours}; /* as much of it as a component needs */
    const char *component = e->file.component;
    int r = vb_sql_int(c->reg->db, &d.id, err, "SELECT id FROM dataset WHERE uuid = ?", VB_ARGS(&e->uuid));

    if (r <= 0)
        return r;
    r = component ? vb_component_insert(c->reg, &d, &e->file, err) : 0;
    return r < 0 || (component && !e->checksum)
               ? r
               : vb_sql_exec(c->reg->db, err, "INSERT OR IGNORE INTO datastore_record VALUES (?, ?, ?, ?)",
                             VB_ARGS(d.id, component ? component : "", e->checksum, e->storage_class));
}

int vb_gen3_insert_extras(vb_gen3_copying *c, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < c->nextras; i++)
        r = insert_extra(c, &c->extras[i], err);
    vb_gen3_drop_extras(c);
    return r;
}

int vb_gen3_copy_attributes(vb_gen3_copying *c, vb_error *err)
{
    vb_autofree char *json = NULL, *config = NULL, *there = NULL;
    int r = vb_registry_meta(c->reg, "gen3_dimensions", &there, err);

    if (r < 0 || there || vb_universe_version(c->g->universe) != vb_universe_version(vb_registry_universe(c->reg)))
        return r;
    config = json_dumps(c->g->config->overrides, JSON_COMPACT);
    r = vb_gen3_attribute(c->g, "config:dimensions.json", &json, err);
    if (!r && json)
        r = vb_registry_set_meta(c->reg, "gen3_dimensions", json, err);
    return r < 0 ? r : vb_registry_set_meta(c->reg, "gen3_configuration", config, err);
}
