/* artifact.c - the file of a dataset, or of a component of it: one inode wherever it is shown. */
#include "fs/view/job.h"
#include "fs/view/view.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/provenance.h"

#include <fcntl.h>
#include <string.h>

struct artifact {
    vb_dataset d;
    vb_file file;
    char *type, *run; /* names: the handle's own may be gone when the node is asked */
};

static void artifact_free(void *data)
{
    struct artifact *a = data;

    vb_dataset_clear(&a->d);
    vb_file_clear(&a->file);
    free(a->type);
    free(a->run);
    free(a);
}

static int artifact_attr(vb_call *c, vb_node *node, struct stat *st)
{
    const struct artifact *a = node->data;

    st->st_size = a->file.location.size;
    if (a->file.location.mtime >= 0)
        st->st_mtim = vb_clock_timespec(a->file.location.mtime);
    return 0;
}

/* The journal's line of the dataset; it was made when the name was looked up. */
static vb_journal_entry *touch(vb_call *c, const struct artifact *a, unsigned bits)
{
    return vb_journal_touch(c->journal, VB_JOURNAL_DATASET, "", a->d.id, bits);
}

static int artifact_open(vb_call *c, vb_node *node, int flags, vb_content *out)
{
    struct artifact *a = node->data;
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) {
        touch(c, a, VB_TOUCH_DENIED);
        return -EROFS;
    }
    if (c->view->job && !vb_job_may_read(c, a->d.id)) {
        touch(c, a, VB_TOUCH_DENIED);
        return -EACCES;
    }
    r = vb_stores_open_artifact(c->view->stores, &a->file.location, out, &err);
    if (r < 0) {
        vb_log(VB_WARNING, "%s", err.message);
        if (c->view->job)
            vb_job_note_fault(c, err.message);
        return r == -ENOENT || r == -ESTALE ? -EIO : r;
    }
    touch(c, a, VB_TOUCH_READ);
    return 0;
}

static const char *const xattr_names[] = {"user.butler.id",       "user.butler.type",     "user.butler.run",
                                          "user.butler.dataid",   "user.butler.checksum", "user.butler.producer",
                                          "user.butler.component"};

static int artifact_xattr(vb_call *c, vb_node *node, const char *name, vb_buf *value)
{
    const struct artifact *a = node->data;
    char uuid[VB_UUID_TEXT], checksum[VB_HASH_TEXT];
    vb_auto_executed producer = {0};
    size_t which = 0;

    while (which < VB_COUNT(xattr_names) && strcmp(name, xattr_names[which]))
        which++;
    switch (which) {
    case 0: vb_buf_puts(value, vb_uuid_format(a->d.uuid, uuid)); return 0;
    case 1: vb_buf_puts(value, a->type); return 0;
    case 2: vb_buf_puts(value, a->run); return 0;
    case 3: vb_dataid_print(&a->d.dataid, value); return 0;
    case 4:
        if (!a->file.location.has_checksum)
            return -ENODATA;
        vb_buf_puts(value, vb_hash_format(&a->file.location.checksum, checksum));
        return 0;
    case 5:
        if (vb_executed_producer(c->reg, a->d.id, &producer, NULL) <= 0)
            return -ENODATA;
        vb_buf_puts(value, vb_uuid_format(producer.uuid, uuid));
        return 0;
    case 6:
        if (!a->file.component)
            return -ENODATA;
        vb_buf_puts(value, a->file.component);
        return 0;
    default: return -ENODATA;
    }
}

static int artifact_xattrs(vb_call *c, vb_node *node, vb_buf *names)
{
    for (size_t i = 0; i < VB_COUNT(xattr_names); i++) {
        vb_auto_buf value = {0};

        if (!artifact_xattr(c, node, xattr_names[i], &value))
            vb_buf_add(names, xattr_names[i], strlen(xattr_names[i]) + 1);
    }
    return 0;
}

static const vb_node_class artifact_class = {
    .name = "artifact",
    .type = S_IFREG,
    .attr = artifact_attr,
    .open = artifact_open,
    .xattr = artifact_xattr,
    .xattrs = artifact_xattrs,
    .free = artifact_free,
};

vb_node *vb_view_artifact(vb_call *c, vb_dataset *d, vb_file *file)
{
    struct artifact *a = VB_NEW(struct artifact);
    const vb_collection *run;

    a->d = *d;
    a->file = *file;
    a->type = vb_strdup(d->type->name);
    a->run = vb_strdup(!vb_collection_by_id(c->reg, d->run_id, &run, NULL) ? run->name : "");
    a->d.type = NULL; /* the handle's: it may be gone when the node is asked */
    *d = (vb_dataset){0};
    *file = (vb_file){0};
    if (a->file.component)
        return vb_nodes_row(c->view->nodes, VB_INO_COMPONENT, a->d.id << 12 | a->file.number, &artifact_class, a);
    return vb_nodes_row(c->view->nodes, VB_INO_ARTIFACT, a->d.id, &artifact_class, a);
}

void vb_view_touch_dataset(vb_call *c, const vb_node *dir, const char *name, const vb_dataset *d, unsigned bits)
{
    vb_auto_buf path = {0}, dataid = {0};
    vb_journal_entry *entry;

    if (!c->journal)
        return;
    vb_node_path(dir, &path);
    vb_buf_separate(&path, "/");
    vb_buf_puts(&path, name);
    entry = vb_journal_touch(c->journal, VB_JOURNAL_DATASET, vb_buf_text(&path), d->id, bits);
    if (entry->type)
        return;
    vb_dataid_pack(&d->dataid, &dataid);
    entry->dataset = d->uuid;
    entry->type = vb_strdup(d->type->name);
    entry->dataid = vb_buf_steal(&dataid);
    entry->declared = c->view->job && vb_job_declares(c, d->id);
}
