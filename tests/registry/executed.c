#include "tests/registry/executed.h"

#define TEXT(literal) ((char *)(literal))

struct plan {
    vb_graph graph;
    vb_task tasks[2];
    vb_connection connections[4];
    vb_dataset_type raw, cal, sum;
};

static vb_dataset_type type_of(fixture *f, const char *name, const char *dimensions)
{
    return (vb_dataset_type){.name = TEXT(name),
                             .group = fixture_group(f, dimensions),
                             .storage_class = TEXT("StructuredDataDict")};
}

vb_graph *executed_graph(fixture *f, const char *id, const char *run)
{
    struct plan *p = fixture_keep(f, VB_NEW(struct plan));

    p->raw = type_of(f, "raw", "detector,exposure");
    p->cal = type_of(f, "cal", "detector,exposure");
    p->sum = type_of(f, "sum", "exposure");
    p->connections[0] = (vb_connection){.name = TEXT("raw"), .role = VB_ROLE_INPUT, .type = &p->raw, .minimum = 1};
    p->connections[1] = (vb_connection){.name = TEXT("cal"), .role = VB_ROLE_OUTPUT, .type = &p->cal};
    p->connections[2] = (vb_connection){.name = TEXT("cal"), .role = VB_ROLE_INPUT, .type = &p->cal, .multiple = true};
    p->connections[3] = (vb_connection){.name = TEXT("sum"), .role = VB_ROLE_OUTPUT, .type = &p->sum};
    p->tasks[0] = (vb_task){.label = TEXT("make"),
                            .group = p->cal.group,
                            .connections = &p->connections[0],
                            .count = 2,
                            .definition = TEXT("{}")};
    p->tasks[1] = (vb_task){.label = TEXT("join"),
                            .group = p->sum.group,
                            .connections = &p->connections[2],
                            .count = 2,
                            .definition = TEXT("{}")};
    p->graph = (vb_graph){.id = TEXT(id), .run = TEXT(run), .tasks = p->tasks, .ntasks = 2};
    return &p->graph;
}

vb_uuid executed_uuid(const char *run, const char *name, const char *dataid)
{
    vb_autofree char *text = vb_format("%s %s %s", run, name, dataid);
    vb_hash hash = vb_hash_bytes(text, strlen(text));
    vb_uuid uuid;

    memcpy(uuid.bytes, hash.bytes, sizeof uuid.bytes);
    return uuid;
}

void executed_raws(fixture *f)
{
    const vb_dataset_type *raw = fixture_type(f, "raw", "detector,exposure");

    for (int i = 0; i < 4; i++) {
        vb_autofree char *packed = vb_format("[\"Cam\",%d,%d]", 1 + i % 2, 10 + i / 2);
        vb_auto_dataset d = {.uuid = executed_uuid("raws", "raw", packed),
                             .type = raw,
                             .run_id = fixture_run(f, "raws")->id};

        assert_ok(vb_dataid_unpack(raw->group, packed, &d.dataid, &f->err), &f->err);
        assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    }
}

static void add_input(vb_receipt *r, const char *run, const char *type, const char *dataid)
{
    *VB_PUSH(r->inputs, r->ninputs, r->inputs_cap) = (vb_receipt_input){.dataset = executed_uuid(run, type, dataid),
                                                                        .connection = vb_strdup(type),
                                                                        .type = vb_strdup(type),
                                                                        .dataid = vb_strdup(dataid),
                                                                        .touch = VB_TOUCH_DECLARED | VB_TOUCH_READ};
}

static void add_output(fixture *f, vb_receipt *r, const char *type)
{
    *VB_PUSH(r->outputs, r->noutputs,
             r->outputs_cap) = (vb_receipt_output){.dataset = executed_uuid(r->run, type, r->dataid),
                                                   .connection = vb_strdup(type),
                                                   .type = vb_strdup(type),
                                                   .dataid = vb_strdup(r->dataid),
                                                   .path = vb_format("%s/%s_%d", r->run, type, f->artifacts++),
                                                   .size = 100,
                                                   .mtime = 7};
}

vb_receipt *executed_receipt(fixture *f, const vb_graph *g, const char *task, const char *dataid, int attempt,
                             vb_status status)
{
    bool make = !strcmp(task, "make");
    vb_receipt *r = vb_receipt_new();

    r->graph = vb_strdup(g->id);
    r->run = vb_strdup(g->run);
    r->task = vb_strdup(task);
    r->quantum = executed_uuid(g->run, task, dataid);
    r->dataid = vb_strdup(dataid);
    r->attempt = attempt;
    r->status = status;
    r->message = status == VB_STATUS_SUCCEEDED ? NULL : vb_strdup("it ended");
    r->capture = vb_strdup("complete");
    r->host = vb_strdup("node7");
    r->started = attempt * INT64_C(1000000000000);
    r->usage = (vb_usage){.wall = 2, .cpu_user = 0.75, .cpu_system = 0.25, .memory = 4096, .bytes_read = 10};
    if (make)
        add_input(r, "raws", "raw", dataid);
    for (int detector = 1; !make && detector <= 2; detector++) {
        vb_autofree char *cal = vb_format("[\"Cam\",%d,%s", detector, strchr(dataid, ',') + 1);

        add_input(r, g->run, "cal", cal);
    }
    if (status == VB_STATUS_SUCCEEDED)
        add_output(f, r, make ? "cal" : "sum");
    return r;
}

int executed_merge(fixture *f, const vb_graph *g, const vb_receipt *r, vb_error *err)
{
    vb_auto_txn txn = {0};
    int status = vb_registry_begin(f->reg, &txn, err);

    if (!status)
        status = vb_provenance_merge(f->reg, g, r, err);
    return status < 0 ? status : vb_txn_commit(&txn, err);
}

void executed(fixture *f, const vb_graph *g, const char *task, const char *dataid, int attempt, vb_status status)
{
    vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, task, dataid, attempt, status);

    assert_ok(executed_merge(f, g, r, &f->err), &f->err);
}
