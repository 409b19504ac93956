/* by_id.c - by-id/UUID/: one dataset: its files, dataset.json, producer ->, consumers/, inputs ->. */
#include "fs/view/quantum.h"
#include "fs/view/view.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/provenance.h"
#include "registry/time.h"

#include <string.h>

enum { PAGE = 256 };

/* ---- one dataset ------------------------------------------------------------------------------------------ */

struct dataset_dir {
    vb_uuid uuid;
};

static int fetch(vb_call *c, const vb_node *dir, vb_dataset *out)
{
    const struct dataset_dir *d = dir->data;
    int r = vb_dataset_by_uuid(c->reg, &d->uuid, out, NULL);

    return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

static const char *state_name(const vb_dataset *d, bool located)
{
    if (d->state == VB_DATASET_REMOVED)
        return "removed";
    if (d->state == VB_DATASET_PREDICTED && !located)
        return "predicted";
    return located ? "present" : "absent";
}

static void render_location(vb_call *c, json_t *object, vb_location *location)
{
    char checksum[VB_HASH_TEXT], written[28];

    json_object_set_new(object, "path", json_string(location->path));
    if (!vb_view_complete(c, location))
        json_object_set_new(object, "size", json_integer(location->size));
    if (location->has_checksum)
        json_object_set_new(object, "checksum", json_string(vb_hash_format(&location->checksum, checksum)));
    if (location->mtime >= 0)
        json_object_set_new(object, "written", json_string(vb_clock_iso(location->mtime, written)));
}

/* {"image": {"path": ..., "size": ..., "storage_class": ...}, ...} */
static void render_components(vb_call *c, json_t *object, vb_files *files)
{
    json_t *components = json_object();

    for (size_t i = 0; i < files->count; i++) {
        json_t *component = json_object();

        json_object_set_new(component, "storage_class", json_string(files->items[i].storage_class));
        render_location(c, component, &files->items[i].location);
        json_object_set_new(components, files->items[i].component, component);
    }
    json_object_set_new(object, "components", components);
}

static void render_json(vb_call *c, const vb_dataset *d, vb_buf *out)
{
    json_t *object = json_object();
    vb_auto_files files = {0};
    vb_auto_executed producer = {0};
    vb_auto_buf date = {0};
    const vb_collection *run;
    char uuid[VB_UUID_TEXT], *text;
    bool located = !vb_view_files(c, d, &files) && files.count;

    json_object_set_new(object, "id", json_string(vb_uuid_format(d->uuid, uuid)));
    json_object_set_new(object, "type", json_string(d->type->name));
    json_object_set_new(object, "storage_class", json_string(d->type->storage_class));
    if (!vb_collection_by_id(c->reg, d->run_id, &run, NULL))
        json_object_set_new(object, "run", json_string(run->name));
    json_object_set_new(object, "dataid", vb_dataid_json(&d->dataid));
    json_object_set_new(object, "state", json_string(state_name(d, located)));
    vb_time_print(d->ingest_date, &date);
    json_object_set_new(object, "ingest_date", json_string(vb_buf_text(&date)));
    if (located && !files.items[0].component)
        render_location(c, object, &files.items[0].location);
    else if (located)
        render_components(c, object, &files);
    if (vb_executed_producer(c->reg, d->id, &producer, NULL) > 0)
        json_object_set_new(object, "producer", json_string(vb_uuid_format(producer.uuid, uuid)));
    text = json_dumps(object, JSON_INDENT(2));
    vb_buf_puts(out, text);
    vb_buf_putc(out, '\n');
    free(text);
    json_decref(object);
}

static int lookup_file(vb_call *c, vb_node *dir, vb_dataset *d, const char *name, vb_node **child)
{
    vb_auto_files files = {0};
    int r = vb_view_files(c, d, &files);

    for (size_t i = 0; !r && i < files.count; i++) {
        vb_auto_buf file = {0};

        vb_view_file_name(d, &files.items[i], &file);
        if (strcmp(vb_buf_text(&file), name))
            continue;
        r = vb_view_complete(c, &files.items[i].location);
        if (r < 0)
            return r;
        vb_view_touch_dataset(c, dir, name, d, VB_TOUCH_LOOKUP);
        *child = vb_view_artifact(c, d, &files.items[i]);
        return 0;
    }
    return r < 0 ? r : -ENOENT;
}

static const vb_node_class consumers_class;

static int dataset_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    vb_auto_dataset d = {0};
    vb_auto_executed producer = {0};
    vb_auto_buf text = {0};
    int r = fetch(c, dir, &d);

    if (r < 0)
        return r;
    if (!strcmp(name, "dataset.json")) {
        render_json(c, &d, &text);
        *child = vb_view_text(c, dir, name, &text);
        return 0;
    }
    if (!strcmp(name, "consumers")) {
        *child = vb_nodes_path(c->view->nodes, dir, name, &consumers_class, NULL);
        return 0;
    }
    if (strcmp(name, "producer") && strcmp(name, "inputs"))
        return lookup_file(c, dir, &d, name, child);
    r = vb_executed_producer(c->reg, d.id, &producer, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    if (!strcmp(name, "inputs")) {
        *child = vb_view_link(c, dir, name, "producer/inputs");
        return 0;
    }
    vb_view_to_root(dir, &text);
    vb_view_quantum_path(c, &producer, &text);
    *child = vb_view_link(c, dir, name, vb_buf_text(&text));
    return 0;
}

static int dataset_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    vb_auto_dataset d = {0};
    vb_auto_executed producer = {0};
    vb_auto_files files = {0};
    int r = fetch(c, dir, &d);

    if (r < 0)
        return r;
    vb_listing_add(l, "dataset.json", S_IFREG, 0);
    vb_listing_add(l, "consumers", S_IFDIR, 0);
    vb_view_files(c, &d, &files);
    for (size_t i = 0; i < files.count; i++) {
        vb_auto_buf file = {0};

        vb_view_file_name(&d, &files.items[i], &file);
        vb_listing_add(l, vb_buf_text(&file), S_IFREG, 0);
    }
    if (vb_executed_producer(c->reg, d.id, &producer, NULL) > 0) {
        vb_listing_add(l, "producer", S_IFLNK, 0);
        vb_listing_add(l, "inputs", S_IFLNK, 0);
    }
    l->done = true;
    return 0;
}

static const vb_node_class dataset_class = {.name = "dataset",
                                            .type = S_IFDIR,
                                            .lookup = dataset_lookup,
                                            .list = dataset_list,
                                            .free = free};

/* ---- who read it ------------------------------------------------------------------------------------------ */

static int take_id(void *arg, const vb_executed *q)
{
    *(int64_t *)arg = q->id;
    return 0;
}

static int is_consumer(vb_call *c, const vb_node *dir, const vb_executed *q)
{
    vb_auto_dataset d = {0};
    int64_t next = 0;
    int r = fetch(c, dir->parent, &d);

    if (!r)
        r = vb_executed_consumers(c->reg, d.id, q->id - 1, 1, take_id, &next, NULL);
    return r < 0 ? r : next == q->id;
}

static int consumers_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    vb_auto_executed q = {0};
    vb_auto_buf target = {0};
    char canonical[VB_UUID_TEXT];
    vb_uuid uuid;
    int r = vb_uuid_parse(name, &uuid) && !strcmp(vb_uuid_format(uuid, canonical), name)
                ? vb_executed_by_uuid(c->reg, &uuid, &q, NULL)
                : 0;

    if (r > 0)
        r = is_consumer(c, dir, &q);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    vb_view_to_root(dir, &target);
    vb_view_quantum_path(c, &q, &target);
    *child = vb_view_link(c, dir, name, vb_buf_text(&target));
    return 0;
}

static int add_consumer(void *arg, const vb_executed *q)
{
    vb_listing *l = arg;
    char uuid[VB_UUID_TEXT];

    vb_listing_add(l, vb_uuid_format(q->uuid, uuid), S_IFLNK, 0);
    l->last = vb_value_int(q->id);
    return 0;
}

static int consumers_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    vb_auto_dataset d = {0};
    size_t before = l->count;
    int r = fetch(c, dir->parent, &d);

    if (!r)
        r = vb_executed_consumers(c->reg, d.id, l->last.kind == VB_INT ? l->last.i : 0, PAGE, add_consumer, l, NULL);
    if (r >= 0 && l->count - before < PAGE)
        l->done = true;
    return r < 0 ? r : 0;
}

static const vb_node_class consumers_class = {.name = "consumers",
                                              .type = S_IFDIR,
                                              .lookup = consumers_lookup,
                                              .list = consumers_list};

/* ---- all of them ------------------------------------------------------------------------------------------ */

static int by_id_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    struct dataset_dir *data;
    vb_auto_dataset d = {0};
    char canonical[VB_UUID_TEXT];
    vb_uuid uuid;
    int r;

    if (!vb_uuid_parse(name, &uuid) || strcmp(vb_uuid_format(uuid, canonical), name))
        return -ENOENT;
    r = vb_dataset_by_uuid(c->reg, &uuid, &d, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    data = VB_NEW(struct dataset_dir);
    data->uuid = uuid;
    *child = vb_nodes_path(c->view->nodes, dir, name, &dataset_class, data);
    return 0;
}

static int by_id_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    vb_uuid uuids[PAGE], after = {{0}};
    size_t n;
    int r;

    if (l->last.kind == VB_BYTES)
        memcpy(after.bytes, l->last.bytes, sizeof after.bytes);
    r = vb_dataset_list_uuids(c->reg, &after, PAGE, uuids, &n, NULL);
    for (size_t i = 0; !r && i < n; i++) {
        char name[VB_UUID_TEXT];

        vb_listing_add(l, vb_uuid_format(uuids[i], name), S_IFDIR, 0);
    }
    if (!r && n) {
        vb_value_clear(&l->last);
        l->last = vb_value_bytes(uuids[n - 1].bytes, sizeof uuids[0].bytes);
    }
    l->done = n < PAGE;
    return r;
}

static const vb_node_class by_id_class = {.name = "by-id", .type = S_IFDIR, .lookup = by_id_lookup, .list = by_id_list};

const vb_branch vb_branch_by_id = {"by-id", &by_id_class};
