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
    free(o->file);
    vb_dataset_clear(&o->dataset);
    vb_location_clear(&o->location);
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

static void add_input(struct overlay *dir, const char *file, vb_dataset *d, vb_location *location)
{
    struct overlay *o = add(dir, OVERLAY_INPUT, file);

    o->dataset = *d;
    o->location = *location;
    *d = (vb_dataset){0};
    *location = (vb_location){0};
}

void vb_job_add_input(vb_job_view *job, const char *connection, const char *file, vb_dataset *d, vb_location *location)
{
    declare(job, d->id);
    add_input(subdirectory(subdirectory(job->work, "in"), connection), file, d, location);
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

void vb_job_note_fetched(vb_job_view *job, int64_t bytes)
{
    if (job)
        job->fetched += bytes;
}

int64_t vb_job_fetched(const vb_job_view *job)
{
    return job->fetched;
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

struct filling {
    vb_call *c;
    struct overlay *dir;
};

/* An earlier collection had that data ID, be it under a name that was made unique. */
static bool is_shown(const struct overlay *dir, const vb_dataid *id)
{
    struct overlay *o, *next;

    HASH_ITER(hh, dir->children, o, next)
        if (!vb_dataid_compare(&o->dataset.dataid, id))
            return true;
    return false;
}

static int fill_one(void *arg, const vb_dataset *found, vb_error *err)
{
    struct filling *f = arg;
    vb_auto_dataset d = *found;
    vb_auto_location location = {0};
    vb_auto_buf file = {0};
    struct overlay *other;

    d.dataid = vb_dataid_copy(&found->dataid);
    if (vb_view_place(f->c, &d, &location) <= 0)
        return 0;
    vb_view_file_name(&d, &location, &file);
    other = find(f->dir, vb_buf_text(&file));
    if (other && (!vb_dataid_compare(&other->dataset.dataid, &d.dataid) || is_shown(f->dir, &d.dataid)))
        return 0; /* find-first */
    if (other) {
        vb_buf_clear(&file);
        vb_name_file_unique(&file, d.type, &d.dataid, vb_dataset_type_extension(d.type, location.path), &d.uuid);
    }
    add_input(f->dir, vb_buf_text(&file), &d, &location);
    return 0;
}

/* Finds the datasets of in/TYPE, once. */
static void fill(vb_call *c, struct overlay *dir)
{
    struct filling f = {c, dir};
    vb_autofree char *name = VB_STEAL(dir->lazy_type);
    const vb_search *search = c->view->job->types;
    const vb_dataset_type *type;

    if (vb_dataset_type_find(c->reg, name, &type, NULL) < 0)
        return;
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i]->type != VB_CALIBRATION)
            vb_dataset_each(c->reg, search->items[i], type, fill_one, &f, NULL);
}

/* in/TYPE of an ad-hoc command; NULL where the search holds no such type. */
static struct overlay *type_directory(vb_call *c, struct overlay *dir, const char *name)
{
    const vb_search *search = c->view->job->types;
    struct overlay *o = NULL;

    for (size_t i = 0; !o && search && i < search->count; i++) {
        char **names;

        if (vb_dataset_type_list(c->reg, search->items[i]->id, NULL, 100000, &names, NULL) < 0)
            continue;
        for (char **n = names; !o && *n; n++)
            if (!strcmp(*n, name))
                o = subdirectory(dir, name);
        vb_strv_free(names);
    }
    if (o)
        o->lazy_type = vb_strdup(name);
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
    vb_auto_location location = {0};
    struct overlay *o;
    int r;

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
    r = vb_view_measure(c, &o->location);
    if (r < 0)
        return r;
    d = o->dataset;
    d.dataid = vb_dataid_copy(&o->dataset.dataid);
    location = o->location;
    location.path = vb_strdup(o->location.path);
    location.formatter = NULL;
    vb_view_touch_dataset(c, dir, name, &d, VB_TOUCH_LOOKUP);
    *child = vb_view_artifact(c, &d, &location);
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
