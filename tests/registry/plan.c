#include "tests/registry/plan.h"

#include <stdlib.h>

plan plan_new(fixture *f, const char *inputs)
{
    plan p = {.f = f};

    p.spec.inputs = vb_split(inputs, ',', NULL);
    p.spec.run = vb_strdup("out");
    return p;
}

void plan_clear(plan *p)
{
    vb_graph_spec_clear(&p->spec);
    vb_error_clear(&p->err);
}

void plan_task(plan *p, const char *label, const char *dimensions)
{
    vb_task_spec *task = VB_PUSH(p->spec.tasks, p->spec.ntasks, p->spec.tasks_cap);
    vb_autofree char *metadata = vb_format("%s_metadata", label);

    task->label = vb_strdup(label);
    task->group = fixture_group(p->f, dimensions);
    task->definition = vb_strdup("{}");
    plan_connect(p, VB_ROLE_METADATA, "_metadata", metadata, dimensions);
}

vb_connection_spec *plan_connect(plan *p, vb_role role, const char *name, const char *type, const char *dimensions)
{
    vb_task_spec *task = &p->spec.tasks[p->spec.ntasks - 1];
    vb_connection_spec *c = VB_PUSH(task->connections, task->count, task->cap);

    c->name = vb_strdup(name);
    c->role = role;
    c->minimum = 1;
    c->type = (vb_dataset_type){.name = vb_strdup(type),
                                .group = fixture_group(p->f, dimensions),
                                .storage_class = vb_strdup("StructuredDataDict")};
    return c;
}

void plan_survey(plan *p)
{
    plan_task(p, "one", "exposure,detector");
    plan_connect(p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector");
    plan_connect(p, VB_ROLE_OUTPUT, "post", "post", "exposure,detector");
    plan_task(p, "two", "visit,detector");
    plan_connect(p, VB_ROLE_INPUT, "post", "post", "exposure,detector");
    plan_connect(p, VB_ROLE_OUTPUT, "cal", "cal", "visit,detector");
}

void plan_coadd(plan *p)
{
    plan_task(p, "coadd", "patch,band");
    plan_connect(p, VB_ROLE_INPUT, "cal", "cal", "visit,detector")->multiple = true;
    plan_connect(p, VB_ROLE_OUTPUT, "coadd", "coadd", "patch,band");
}

int plan_try(plan *p, const char *name)
{
    vb_error_clear(&p->err);
    return vb_graph_build(p->f->reg, &p->spec, fixture_path(p->f, name), &p->counts, &p->err);
}

vb_graph *plan_build(plan *p, const char *name)
{
    vb_graph *g = NULL;

    assert_ok(plan_try(p, name), &p->err);
    assert_ok(vb_graph_open(fixture_path(p->f, name), &g, &p->err), &p->err);
    return g;
}

/* ---- what it holds --------------------------------------------------------------------------------------------- */

struct visitor {
    vb_graph *graph;
    const char *label;
    const char *dataid; /* NULL: all */
    vb_buf told;
    vb_quantum found;
};

static int visit(void *arg, int64_t id, int64_t task_id, vb_uuid uuid)
{
    struct visitor *v = arg;
    vb_auto_buf packed = {0};
    vb_auto_quantum q = {0};

    (void)uuid;
    if (strcmp(vb_graph_task(v->graph, task_id)->label, v->label) != 0)
        return 0;
    assert_int_equal(vb_graph_quantum(v->graph, id, &q, NULL), 0);
    vb_dataid_pack(&q.dataid, &packed);
    vb_buf_separate(&v->told, " ");
    vb_buf_puts(&v->told, vb_buf_text(&packed));
    if (v->dataid && !strcmp(vb_buf_text(&packed), v->dataid)) {
        v->found = q;
        q = (vb_quantum){0};
    }
    return 0;
}

const char *plan_quanta(fixture *f, vb_graph *g, const char *label)
{
    struct visitor v = {.graph = g, .label = label};

    assert_int_equal(vb_graph_each_quantum(g, visit, &v, NULL), 0);
    return fixture_keep(f, vb_buf_steal(&v.told));
}

vb_quantum plan_find(vb_graph *g, const char *label, const char *dataid)
{
    struct visitor v = {.graph = g, .label = label, .dataid = dataid};

    assert_int_equal(vb_graph_each_quantum(g, visit, &v, NULL), 0);
    if (!v.found.task)
        fail_msg("no quantum '%s' %s in: %s", label, dataid, vb_buf_text(&v.told));
    vb_buf_free(&v.told);
    return v.found;
}

static void tell_edges(const vb_edge *edges, size_t count, const char *connection, vb_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(edges[i].connection->name, connection) != 0)
            continue;
        vb_buf_separate(out, " ");
        vb_dataid_pack(&edges[i].dataset.dataid, out);
    }
}

const char *plan_edges(fixture *f, vb_graph *g, const char *label, const char *dataid, const char *connection)
{
    vb_auto_quantum q = plan_find(g, label, dataid);
    vb_buf told = {0};

    tell_edges(q.inputs, q.ninputs, connection, &told);
    tell_edges(q.outputs, q.noutputs, connection, &told);
    return fixture_keep(f, vb_buf_steal(&told));
}
