/* provenance.c - provenance/RUN/TASK/QUANTUM/: what a quantum did, as files; and lineage, to be walked with cd. */
#include "fs/view/names.h"
#include "fs/view/quantum.h"
#include "fs/view/runs.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 128 };

/* ---- inputs/, outputs/, unused/, undeclared/ --------------------------------------------------------------- */

typedef enum set_kind { INPUTS, OUTPUTS, UNUSED, UNDECLARED, NSETS } set_kind;

static const char *const set_names[] = {"inputs", "outputs", "unused", "undeclared"};

struct set_dir {
    int64_t quantum;
    set_kind kind;
    char *connection; /* NULL: the set itself, whose members are connections */
};

static void set_free(void *data)
{
    free(((struct set_dir *)data)->connection);
    free(data);
}

static bool belongs(set_kind kind, const vb_touched *t)
{
    bool declared = t->touch & VB_TOUCH_DECLARED, read = t->touch & VB_TOUCH_USED;

    switch (kind) {
    case INPUTS: return declared && read;
    case UNUSED: return declared && !read;
    case UNDECLARED: return !declared && (read || t->touch & VB_TOUCH_DENIED);
    default: return true;
    }
}

/* The directory of a member in its set: its connection; without one its dataset type. */
static const char *member_of(const vb_touched *t)
{
    return t->connection ? t->connection : t->dataset.type->name;
}

static int members(vb_call *c, const struct set_dir *d, vb_touched **out, size_t *count)
{
    return d->kind == OUTPUTS ? vb_executed_outputs(c->reg, d->quantum, out, count, NULL)
                              : vb_executed_inputs(c->reg, d->quantum, out, count, NULL);
}

static void member_name(const vb_dataset *d, vb_buf *out)
{
    char uuid[VB_UUID_TEXT];

    vb_name_dataid(out, &d->dataid);
    if (!out->len)
        vb_buf_puts(out, vb_uuid_format(d->uuid, uuid));
}

static const vb_node_class set_class;

static vb_node *set_node(vb_call *c, vb_node *dir, const char *name, int64_t quantum, set_kind kind,
                         const char *connection)
{
    struct set_dir *d = VB_NEW(struct set_dir);

    d->quantum = quantum;
    d->kind = kind;
    d->connection = connection ? vb_strdup(connection) : NULL;
    return vb_nodes_path(c->view->nodes, dir, name, &set_class, d);
}

static int set_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct set_dir *d = dir->data;
    vb_touched *touched;
    size_t n;
    int r = members(c, d, &touched, &n);

    if (r < 0)
        return r;
    r = -ENOENT;
    for (size_t i = 0; r && i < n; i++) {
        vb_auto_buf own = {0}, target = {0};
        char uuid[VB_UUID_TEXT];

        if (!belongs(d->kind, &touched[i]))
            continue;
        if (!d->connection && !strcmp(member_of(&touched[i]), name)) {
            *child = set_node(c, dir, name, d->quantum, d->kind, name);
            r = 0;
        } else if (d->connection && !strcmp(member_of(&touched[i]), d->connection)) {
            member_name(&touched[i].dataset, &own);
            if (strcmp(vb_buf_text(&own), name))
                continue;
            vb_view_to_root(dir, &target);
            vb_buf_printf(&target, "by-id/%s", vb_uuid_format(touched[i].dataset.uuid, uuid));
            *child = vb_view_link(c, dir, name, vb_buf_text(&target));
            r = 0;
        }
    }
    vb_touched_free(touched, n);
    return r;
}

static bool listed(const vb_listing *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->page[i].name, name))
            return true;
    return false;
}

static int set_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    const struct set_dir *d = dir->data;
    vb_touched *touched;
    size_t n;
    int r = members(c, d, &touched, &n);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        vb_auto_buf own = {0};

        if (!belongs(d->kind, &touched[i]))
            continue;
        if (!d->connection && !listed(l, member_of(&touched[i]))) {
            vb_listing_add(l, member_of(&touched[i]), S_IFDIR, 0);
        } else if (d->connection && !strcmp(member_of(&touched[i]), d->connection)) {
            member_name(&touched[i].dataset, &own);
            vb_listing_add(l, vb_buf_text(&own), S_IFLNK, 0);
        }
    }
    vb_touched_free(touched, n);
    l->done = true;
    return 0;
}

static const vb_node_class set_class = {.name = "set",
                                        .type = S_IFDIR,
                                        .lookup = set_lookup,
                                        .list = set_list,
                                        .free = set_free};

/* ---- a quantum, an attempt --------------------------------------------------------------------------------- */

struct quantum_dir {
    int64_t quantum;
    int attempt; /* 0: the quantum; its files are those of the attempt that counts */
};

static const vb_node_class quantum_class, attempts_class;

static vb_node *quantum_node(vb_call *c, vb_node *dir, const char *name, const vb_node_class *class, int64_t quantum,
                             int attempt)
{
    struct quantum_dir *d = VB_NEW(struct quantum_dir);

    *d = (struct quantum_dir){quantum, attempt};
    return vb_nodes_path(c->view->nodes, dir, name, class, d);
}

static int lookup_file(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct quantum_dir *d = dir->data;
    vb_auto(vb_receipt_free) vb_receipt *receipt = NULL;
    vb_auto_buf text = {0};
    int r;

    if (!vb_strv_has((char *const *)vb_quantum_files, name))
        return -ENOENT;
    r = vb_executed_receipt(c->reg, d->quantum, d->attempt, &receipt, NULL);
    if (r <= 0) /* blocked, or of a graph that was not run: it has done nothing */
        return r < 0 ? r : -ENOENT;
    r = vb_quantum_render(c, receipt, name, &text);
    if (!r)
        *child = vb_view_text(c, dir, name, &text);
    return r;
}

static int quantum_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct quantum_dir *d = dir->data;

    for (set_kind kind = 0; !d->attempt && kind < NSETS; kind++)
        if (!strcmp(name, set_names[kind])) {
            *child = set_node(c, dir, name, d->quantum, kind, NULL);
            return 0;
        }
    if (!d->attempt && !strcmp(name, "attempts")) {
        *child = quantum_node(c, dir, name, &attempts_class, d->quantum, 0);
        return 0;
    }
    return lookup_file(c, dir, name, child);
}

static int quantum_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    const struct quantum_dir *d = dir->data;
    vb_auto(vb_receipt_free) vb_receipt *receipt = NULL;
    int r = vb_executed_receipt(c->reg, d->quantum, d->attempt, &receipt, NULL);

    for (const char *const *name = vb_quantum_files; r > 0 && *name; name++)
        vb_listing_add(l, *name, S_IFREG, 0);
    for (set_kind kind = 0; !d->attempt && kind < NSETS; kind++)
        vb_listing_add(l, set_names[kind], S_IFDIR, 0);
    if (!d->attempt)
        vb_listing_add(l, "attempts", S_IFDIR, 0);
    l->done = true;
    return r < 0 ? r : 0;
}

static const vb_node_class quantum_class = {.name = "quantum",
                                            .type = S_IFDIR,
                                            .lookup = quantum_lookup,
                                            .list = quantum_list,
                                            .free = free};

static int attempts_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct quantum_dir *d = dir->data;
    int *numbers = NULL;
    int64_t wanted;
    size_t n = 0;
    int r = vb_executed_attempts(c->reg, d->quantum, &numbers, &n, NULL);
    char spelling[16];

    if (!r)
        r = vb_parse_int(name, &wanted) ? 0 : -ENOENT;
    for (size_t i = 0; !r && i < n; i++) {
        snprintf(spelling, sizeof spelling, "%d", numbers[i]);
        if (!strcmp(spelling, name)) {
            *child = quantum_node(c, dir, name, &quantum_class, d->quantum, numbers[i]);
            free(numbers);
            return 0;
        }
    }
    free(numbers);
    return r < 0 ? r : -ENOENT;
}

static int attempts_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    const struct quantum_dir *d = dir->data;
    int *numbers = NULL;
    size_t n = 0;
    int r = vb_executed_attempts(c->reg, d->quantum, &numbers, &n, NULL);

    for (size_t i = 0; !r && i < n; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", numbers[i]);
        vb_listing_add(l, name, S_IFDIR, 0);
    }
    free(numbers);
    l->done = true;
    return r;
}

static const vb_node_class attempts_class = {.name = "attempts",
                                             .type = S_IFDIR,
                                             .lookup = attempts_lookup,
                                             .list = attempts_list,
                                             .free = free};

/* ---- a task ------------------------------------------------------------------------------------------------ */

struct task_dir {
    char *run, *task;
};

static void task_free(void *data)
{
    struct task_dir *d = data;

    free(d->run);
    free(d->task);
    free(d);
}

/* The data ID that a component "k=v,k=v" spells; false: none. */
static bool parse_dataid(const vb_group *group, const char *name, vb_dataid *out)
{
    char **parts = vb_split(name, ',', NULL);
    int i = 0;
    bool good = true;

    *out = (vb_dataid){.group = group};
    for (; good && parts[i] && i < group->nrequired; i++) {
        vb_auto_buf key = {0}, spelling = {0}, text = {0};

        good = vb_name_split_facet(parts[i], &key, &spelling) && !strcmp(vb_buf_text(&key), group->dims[i]->name) &&
               vb_name_decode(vb_buf_text(&spelling), &text) &&
               !vb_dimension_parse(group->dims[i], vb_buf_text(&text), &out->values[i], NULL);
    }
    good = good && i == group->nrequired && !parts[i];
    vb_strv_free(parts);
    if (!good)
        vb_dataid_clear(out);
    return good;
}

static int find_quantum(vb_call *c, const struct task_dir *d, const char *name, vb_executed *out)
{
    vb_auto_dataid id = {0};
    vb_auto_buf packed = {0}, again = {0};
    const vb_group *group;
    int r = vb_provenance_task_group(c->reg, d->run, d->task, &group, NULL);

    if (r <= 0 || !group->nrequired || !parse_dataid(group, name, &id))
        return r < 0 ? r : 0;
    vb_name_dataid(&again, &id);
    if (strcmp(vb_buf_text(&again), name))
        return 0;
    vb_dataid_pack(&id, &packed);
    return vb_executed_find(c->reg, d->run, d->task, vb_buf_text(&packed), out, NULL);
}

static int task_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    const struct task_dir *d = dir->data;
    vb_auto_executed q = {0};
    vb_auto_buf target = {0};
    vb_uuid uuid;
    bool by_uuid = vb_uuid_parse(name, &uuid);
    int r = by_uuid ? vb_executed_by_uuid(c->reg, &uuid, &q, NULL) : find_quantum(c, d, name, &q);

    if (r <= 0 || strcmp(q.run, d->run) || strcmp(q.task, d->task))
        return r < 0 ? r : -ENOENT;
    if (by_uuid)
        vb_view_quantum_name(c, &q, &target);
    if (by_uuid && strcmp(vb_buf_text(&target), name)) /* not listed, but what messages name */
        *child = vb_view_link(c, dir, name, vb_buf_text(&target));
    else
        *child = quantum_node(c, dir, name, &quantum_class, q.id, 0);
    return 0;
}

static int add_quantum(void *arg, const vb_executed *q)
{
    vb_listing *l = arg;
    vb_auto_buf name = {0};
    char uuid[VB_UUID_TEXT];
    bool named;

    vb_name_dataid(&name, &q->dataid); /* it is the last of its data ID: others are not listed */
    named = name.len && !vb_name_is_cut(vb_buf_text(&name));
    vb_listing_add(l, named ? vb_buf_text(&name) : vb_uuid_format(q->uuid, uuid), S_IFDIR, 0);
    vb_value_clear(&l->last);
    l->last = vb_value_int(q->id);
    return 0;
}

static int task_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    const struct task_dir *d = dir->data;
    size_t before = l->count;
    int r = vb_executed_of_task(c->reg, d->run, d->task, l->last.kind == VB_INT ? l->last.i : 0, PAGE, add_quantum, l,
                                NULL);

    if (r >= 0 && l->count - before < PAGE)
        l->done = true;
    return r < 0 ? r : 0;
}

static const vb_node_class task_class = {.name = "task",
                                         .type = S_IFDIR,
                                         .lookup = task_lookup,
                                         .list = task_list,
                                         .free = task_free};

/* ---- a run ------------------------------------------------------------------------------------------------- */

static int lookup_task(vb_call *c, vb_node *dir, const char *run, const char *name, vb_node **child)
{
    struct task_dir *d;
    const vb_group *group;
    int r = vb_provenance_task_group(c->reg, run, name, &group, NULL);

    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    d = VB_NEW(struct task_dir);
    d->run = vb_strdup(run);
    d->task = vb_strdup(name);
    *child = vb_nodes_path(c->view->nodes, dir, name, &task_class, d);
    return 0;
}

static int list_tasks(vb_call *c, const char *run, vb_listing *l)
{
    char **labels;
    int r = vb_provenance_tasks(c->reg, run, &labels, NULL);

    for (char **label = labels; !r && *label; label++)
        vb_listing_add(l, *label, S_IFDIR, 0);
    vb_strv_free(labels);
    return r;
}

static int provenance_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    return vb_runs_lookup(c, dir, name, child, lookup_task);
}

static int provenance_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    return vb_runs_list(c, dir, l, list_tasks);
}

static const vb_node_class provenance_class = {.name = "provenance",
                                               .type = S_IFDIR,
                                               .lookup = provenance_lookup,
                                               .list = provenance_list,
                                               .free = free};

const vb_branch vb_branch_provenance = {"provenance", &provenance_class};
