#include "fs/view/job_internal.h"
#include "fs/view/names.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

/* ---- what is laid over ------------------------------------------------------------------------------------- */

static struct overlay *find(const struct overlay *dir, const char *name)
{
    struct overlay *o;

    HASH_FIND_STR(dir->children, name, o);
    return o;
}

static struct overlay *add(struct overlay *dir, overlay_kind kind, const char *name)
{
    struct overlay *o = VB_NEW(struct overlay);

    o->kind = kind;
    o->name = vb_strdup(name);
    HASH_ADD_KEYPTR(hh, dir->children, o->name, strlen(o->name), o);
    return o;
}

static struct overlay *subdirectory(struct overlay *dir, const char *name)
{
    struct overlay *o = find(dir, name);

    if (o)
        return o;
    o = add(dir, OVERLAY_DIR, name);
    o->path = *dir->path ? vb_path_join(dir->path, name) : vb_strdup(name);
    return o;
}

static void free_overlay(struct overlay *o)
{
    struct overlay *child, *next;

    HASH_ITER(hh, o->children, child, next) {
        HASH_DEL(o->children, child);
        free_overlay(child);
    }
    free(o->name);
    free(o->path);
    free(o->lazy_type);
    free(o->lazy_component);
    free(o->file);
    vb_dataset_clear(&o->dataset);
    vb_file_clear(&o->artifact);
    free(o);
}

int vb_job_view_new(const char *scratch, vb_job_view **out, vb_error *err)
{
    vb_auto(vb_job_view_free) vb_job_view *job = VB_NEW(vb_job_view);

    job->work = VB_NEW(struct overlay);
    job->work->name = vb_strdup("work");
    job->work->path = vb_strdup("");
    job->scratch = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (job->scratch < 0)
        return vb_fail_errno(err, -errno, "opening scratch directory %s", scratch);
    subdirectory(job->work, "in");
    subdirectory(job->work, "out");
    *out = VB_STEAL(job);
    return 0;
}

void vb_job_view_free(vb_job_view *job)
{
    struct declared *d, *next;

    HASH_ITER(hh, job->declared, d, next) {
        HASH_DEL(job->declared, d);
        free(d);
    }
    if (job->scratch >= 0)
        close(job->scratch);
    free_overlay(job->work);
    free(job->fault);
    free(job);
}

void vb_job_add_connection(vb_job_view *job, bool output, const char *connection)
{
    subdirectory(subdirectory(job->work, output ? "out" : "in"), connection);
}

static void declare(vb_job_view *job, int64_t dataset_id)
{
    struct declared *d;

    HASH_FIND(hh, job->declared, &dataset_id, sizeof dataset_id, d);
    if (d)
        return;
    d = VB_NEW(struct declared);
    d->dataset_id = dataset_id;
    HASH_ADD(hh, job->declared, dataset_id, sizeof d->dataset_id, d);
}

static void add_input(struct overlay *dir, const char *name, vb_dataset *d, vb_file *file)
{
    struct overlay *o = add(dir, OVERLAY_INPUT, name);

    o->dataset = *d;
    o->artifact = *file;
    *d = (vb_dataset){0};
    *file = (vb_file){0};
}

void vb_job_add_input(vb_job_view *job, const char *connection, const char *name, vb_dataset *d, vb_file *file)
{
    declare(job, d->id);
    add_input(subdirectory(subdirectory(job->work, "in"), connection), name, d, file);
}

int vb_job_add_file(vb_job_view *job, const char *name, const char *path, vb_error *err)
{
    struct overlay *o;
    struct stat st;

    if (stat(path, &st))
        return vb_fail_errno(err, -errno, "file %s of the pipeline, kept as %s", name, path);
    o = add(job->work, OVERLAY_FILE, name);
    o->file = vb_strdup(path);
    o->size = st.st_size;
    o->mtime = vb_clock_ns(st.st_mtim);
    return 0;
}

void vb_job_show_types(vb_job_view *job, const vb_search *search)
{
    job->types = search;
}

int vb_job_scratch(const vb_job_view *job)
{
    return job->scratch;
}

static void note_fault(vb_job_view *job, const char *message)
{
    if (!job->fault)
        job->fault = vb_strdup(message);
}

void vb_job_note_fault(vb_call *c, const char *message)
{
    if (c->view->job)
        note_fault(c->view->job, message);
}

void vb_job_check_space(vb_job_view *job, int fd, const char *path)
{
    enum { FULL = 2 << 20 }; /* file systems refuse large writes a little before the end */
    struct statvfs st;

    if (!fstatvfs(fd, &st) && (geteuid() ? st.f_bavail : st.f_bfree) * st.f_frsize < FULL) {
        vb_autofree char *message =
            vb_format("No space left on device: %s was closed while less than 2 MB were free, and "
                      "may be cut short",
                      path);

        note_fault(job, message);
    }
}

const char *vb_job_fault(const vb_job_view *job)
{
    return job->fault;
}

bool vb_job_declares(vb_call *c, int64_t dataset_id)
{
    struct declared *d;

    if (c->view->job->types)
        return true;
    HASH_FIND(hh, c->view->job->declared, &dataset_id, sizeof dataset_id, d);
    return d != NULL;
}

bool vb_job_may_read(vb_call *c, int64_t dataset_id)
{
    return c->view->undeclared != VB_POLICY_FAIL || vb_job_declares(c, dataset_id);
}

/* ---- an ad-hoc command's inputs ----------------------------------------------------------------------------- */

/* A data ID that an earlier collection had. */
struct shown {
    UT_hash_handle hh;
    char dataid[];
};

struct filling {
    vb_call *c;
    struct overlay *dir;
    const char *component;
    struct shown *shown;
};

/* True where the data ID was shown before: find-first.  Else it is from now on. */
static bool was_shown(struct filling *f, const vb_dataid *id)
{
    vb_auto_buf packed = {0};
    struct shown *s;

    vb_dataid_pack(id, &packed);
    HASH_FIND_STR(f->shown, vb_buf_text(&packed), s);
    if (s)
        return true;
    s = vb_alloc(sizeof *s + packed.len + 1);
    memcpy(s->dataid, vb_buf_text(&packed), packed.len + 1);
    HASH_ADD_STR(f->shown, dataid, s);
    return false;
}

static void forget_shown(struct filling *f)
{
    struct shown *s, *next;

    HASH_ITER(hh, f->shown, s, next) {
        HASH_DEL(f->shown, s);
        free(s);
    }
}

/* FILE where another file has that name. */
static void unique_name(const vb_dataset *d, const vb_file *file, vb_buf *name)
{
    vb_auto_part part = {0};
    const vb_dataset_type *type = vb_file_type(d->type, file, &part);

    vb_buf_clear(name);
    vb_name_file_unique(name, type, &d->dataid, vb_dataset_type_extension(type, file->location.path), &d->uuid);
}

static int fill_one(void *arg, const vb_dataset *found, vb_error *err)
{
    struct filling *f = arg;
    vb_auto_files files = {0};

    if (vb_view_files(f->c, found, &files) < 0 || !files.count || was_shown(f, &found->dataid))
        return 0;
    for (size_t i = 0; i < files.count; i++) {
        vb_file *file = &files.items[i];
        vb_dataset d = *found;
        vb_auto_buf name = {0};

        if ((f->component && (!file->component || strcmp(file->component, f->component))) ||
            vb_view_complete(f->c, &file->location) < 0)
            continue;
        d.dataid = vb_dataid_copy(&found->dataid);
        vb_view_file_name(&d, file, &name);
        if (find(f->dir, vb_buf_text(&name)))
            unique_name(&d, file, &name);
        add_input(f->dir, vb_buf_text(&name), &d, file);
    }
    return 0;
}

/* Finds the datasets of in/TYPE, once. */
static void fill(vb_call *c, struct overlay *dir)
{
    vb_autofree char *name = VB_STEAL(dir->lazy_type), *component = VB_STEAL(dir->lazy_component);
    struct filling f = {.c = c, .dir = dir, .component = component};
    const vb_search *search = c->view->job->types;
    const vb_dataset_type *type;

    if (vb_dataset_type_find(c->reg, name, &type, NULL) < 0)
        return;
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i]->type != VB_CALIBRATION)
            vb_dataset_each(c->reg, search->items[i], type, fill_one, &f, NULL);
    forget_shown(&f);
}

/* True where the search holds datasets of a type. */
static bool searches_type(vb_call *c, const char *type)
{
    const vb_search *search = c->view->job->types;
    bool found = false;

    for (size_t i = 0; !found && search && i < search->count; i++) {
        char **names;

        if (vb_dataset_type_list(c->reg, search->items[i]->id, NULL, 100000, &names, NULL) < 0)
            continue;
        found = vb_strv_has(names, type);
        vb_strv_free(names);
    }
    return found;
}

/* in/TYPE or in/TYPE.COMPONENT of an ad-hoc command; NULL where the search holds no such type. */
static struct overlay *type_directory(vb_call *c, struct overlay *dir, const char *name)
{
    vb_autofree char *component = NULL;
    const vb_dataset_type *type;
    bool part = vb_component_find(c->reg, name, &type, &component, NULL) > 0;
    struct overlay *o;

    if (!searches_type(c, part ? type->name : name))
        return NULL;
    o = subdirectory(dir, name);
    o->lazy_type = vb_strdup(part ? type->name : name);
    o->lazy_component = VB_STEAL(component);
    return o;
}

/* ---- a file of the pipeline ---------------------------------------------------------------------------------- */

static int file_attr(vb_call *c, vb_node *node, struct stat *st)
{
    const struct overlay *o = node->data;

    st->st_size = o->size;
    st->st_mtim = vb_clock_timespec(o->mtime);
    return 0;
}

static int file_open(vb_call *c, vb_node *node, int flags, vb_content *out)
{
    const struct overlay *o = node->data;
    int fd;

    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) {
        vb_view_touch(c, VB_JOURNAL_FILE, node, NULL, VB_TOUCH_DENIED);
        return -EROFS;
    }
    fd = open(o->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    vb_view_touch(c, VB_JOURNAL_FILE, node, NULL, VB_TOUCH_READ);
    *out = (vb_content){.fd = fd, .size = o->size, .whole = true};
    return 0;
}

/* The overlay outlives its nodes: it is the job's. */
static const vb_node_class file_class = {.name = "file", .type = S_IFREG, .attr = file_attr, .open = file_open};

/* ---- look-ups ------------------------------------------------------------------------------------------------ */

bool vb_overlay_has(const struct overlay *over, const char *name)
{
    return over && find(over, name);
}

int vb_overlay_lookup(vb_call *c, vb_node *dir, struct overlay *over, const char *name, vb_node **child)
{
    vb_auto_dataset d = {0};
    vb_auto_file file = {0};
    struct overlay *o;

    if (over->lazy_type)
        fill(c, over);
    o = find(over, name);
    if (!o && !strcmp(over->path, "in"))
        o = type_directory(c, over, name);
    if (!o)
        return -ENOENT;
    switch (o->kind) {
    case OVERLAY_DIR: *child = vb_scratch_overlay_node(c, dir, name, o); return 0;
    case OVERLAY_FILE:
        *child = vb_nodes_path(c->view->nodes, dir, name, &file_class, o);
        vb_view_touch(c, VB_JOURNAL_FILE, *child, NULL, VB_TOUCH_LOOKUP);
        return 0;
    case OVERLAY_INPUT: break;
    }
    d = o->dataset;
    d.dataid = vb_dataid_copy(&o->dataset.dataid);
    file = vb_file_copy(&o->artifact);
    vb_view_touch_dataset(c, dir, name, &d, VB_TOUCH_LOOKUP);
    *child = vb_view_artifact(c, &d, &file);
    return 0;
}

void vb_overlay_list(vb_call *c, struct overlay *over, vb_listing *l)
{
    static const mode_t types[] = {S_IFDIR, S_IFREG, S_IFREG};
    struct overlay *o, *next;

    if (over->lazy_type)
        fill(c, over);
    if (!strcmp(over->path, "in") && c->view->job->types)
        for (size_t i = 0; i < c->view->job->types->count; i++) {
            char **names;

            if (vb_dataset_type_list(c->reg, c->view->job->types->items[i]->id, NULL, 100000, &names, NULL) < 0)
                continue;
            for (char **n = names; *n; n++)
                if (!find(over, *n))
                    type_directory(c, over, *n);
            vb_strv_free(names);
        }
    HASH_ITER(hh, over->children, o, next)
        vb_listing_add(l, o->name, types[o->kind], 0);
}

/* ---- the root ------------------------------------------------------------------------------------------------ */

int vb_job_root_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    if (!strcmp(name, "work")) {
        *child = vb_scratch_overlay_node(c, dir, name, c->view->job->work);
        return 0;
    }
    if (!strcmp(name, "in") || !strcmp(name, "out")) {
        *child = vb_view_link(c, dir, name, !strcmp(name, "in") ? "work/in" : "work/out");
        return 0;
    }
    return -ENOENT;
}

void vb_job_root_list(vb_listing *l)
{
    vb_listing_add(l, "work", S_IFDIR, 0);
    vb_listing_add(l, "in", S_IFLNK, 0);
    vb_listing_add(l, "out", S_IFLNK, 0);
}
