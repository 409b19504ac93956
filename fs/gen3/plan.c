#include "fs/gen3/plan.h"

#include "fs/ingest/artifact.h"
#include "fs/remote/url.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/component.h"

#include <inttypes.h>
#include <string.h>
#include <uthash.h>

enum { MAX_NAMED = 3 }; /* files that an error names */

/* A file of the Gen3 repository, and its number in the transfer. */
struct planned {
    char *key;
    char *path; /* absolute, without "#..." */
    size_t index;
    int64_t size;  /* that is recorded of the whole file; -1: none */
    char *dataset; /* the first that has it, for messages */
    UT_hash_handle hh;
};

struct vb_gen3_plan {
    const vb_gen3 *g;
    vb_registry *reg;
    vb_transfer *transfer;
    struct planned *files;
};

vb_gen3_plan *vb_gen3_plan_new(const vb_gen3 *g, vb_registry *reg, vb_transfer *transfer)
{
    vb_gen3_plan *p = VB_NEW(vb_gen3_plan);

    *p = (vb_gen3_plan){.g = g, .reg = reg, .transfer = transfer};
    return p;
}

void vb_gen3_plan_free(vb_gen3_plan *p)
{
    struct planned *f, *next;

    HASH_ITER(hh, p->files, f, next) {
        HASH_DEL(p->files, f);
        free(f->key);
        free(f->path);
        free(f->dataset);
        free(f);
    }
    free(p);
}

/* The absolute path, or the address, of a file without its fragment, which is appended to *fragment. */
static int source_of(const vb_gen3_plan *p, const vb_gen3_dataset *d, const vb_gen3_file *f, char **out,
                     vb_buf *fragment, vb_error *err)
{
    const char *root = p->g->config->datastores[f->store].root;
    vb_autofree char *path = vb_gen3_file_path(f, fragment);
    vb_auto_buf what = {0};
    vb_url url;
    int r = 0;

    if (vb_location_is_remote(path))
        *out = VB_STEAL(path);
    else
        *out = vb_location_is_remote(root) ? vb_url_join(root, path) : vb_path_join(root, path);
    if (!vb_location_is_remote(*out))
        return 0;
    r = vb_url_parse(*out, &url, err);
    if (!r)
        vb_url_clear(&url);
    vb_gen3_dataset_print(d, &what);
    return r < 0 ? vb_error_context(err, "%s", vb_buf_text(&what)) : 0;
}

/* A name below the datastore's root is kept, if it can be one of ours: below a run, and hidden nowhere. */
static bool keeps_name(const char *path)
{
    vb_autofree char *slashed = vb_format("/%s", path);

    return vb_path_is_safe(path) && strchr(path, '/') && !strstr(slashed, "/.") && !strstr(slashed, "//") &&
           !vb_repo_is_own(path);
}

static void add_transfer(vb_gen3_plan *p, const vb_gen3_dataset *d, const vb_gen3_file *f, const char *source)
{
    vb_auto_buf fragment = {0}, spare = {0};
    vb_autofree char *path = vb_gen3_file_path(f, &fragment);
    const char *extension;
    char uuid[VB_UUID_TEXT];

    if (p->transfer->mode != VB_TRANSFER_DIRECT && keeps_name(path)) {
        extension = vb_path_extension(path);
        vb_buf_add(&spare, path, strlen(path) - strlen(extension));
        vb_buf_printf(&spare, "_%s%s", vb_uuid_format(d->uuid, uuid) + 28, extension);
        vb_transfer_add(p->transfer, source, path, spare.data, &d->uuid);
    } else {
        vb_file file = {.component = *f->component ? f->component : NULL, .storage_class = f->storage_class};
        vb_dataset_type type = {.name = d->type->name,
                                .group = d->type->group,
                                .storage_class = d->type->storage_class};
        vb_auto_part part = {0};

        vb_artifact_add(p->transfer, source, d->run->name, vb_file_type(&type, &file, &part), &d->dataid, &d->uuid);
    }
}

/* A file that several datasets have whole is brought in once for each, or pruning one would take it from the others;
 * but once where it stays, and once where each has a part of it. */
static char *key_of(const vb_gen3_plan *p, const vb_gen3_dataset *d, const char *source, const vb_buf *fragment)
{
    char uuid[VB_UUID_TEXT];

    return p->transfer->mode == VB_TRANSFER_DIRECT || fragment->len
               ? vb_strdup(source)
               : vb_format("%s\n%s", source, vb_uuid_format(d->uuid, uuid));
}

static int add_file(vb_gen3_plan *p, const vb_gen3_dataset *d, const vb_gen3_file *f, vb_error *err)
{
    vb_autofree char *source = NULL, *key = NULL;
    vb_auto_buf fragment = {0}, what = {0};
    struct planned *known;
    int r = source_of(p, d, f, &source, &fragment, err);

    if (r < 0)
        return r;
    key = key_of(p, d, source, &fragment);
    HASH_FIND_STR(p->files, key, known);
    if (known)
        return 0;
    vb_gen3_dataset_print(d, &what);
    known = VB_NEW(struct planned);
    *known = (struct planned){.key = VB_STEAL(key),
                              .path = VB_STEAL(source),
                              .index = p->transfer->count,
                              .size = fragment.len ? -1 : f->size,
                              .dataset = vb_buf_steal(&what)};
    HASH_ADD_KEYPTR(hh, p->files, known->key, strlen(known->key), known);
    add_transfer(p, d, f, known->path);
    return 0;
}

int vb_gen3_plan_add(vb_gen3_plan *p, const vb_gen3_dataset *d, vb_error *err)
{
    int r = 0;

    for (const vb_gen3_file *f = NULL; !r && (f = vb_gen3_next_file(d, f));)
        r = add_file(p, d, f, err);
    return r;
}

static void add_failure(const struct planned *f, const vb_error *why, size_t failed, vb_error *err)
{
    if (failed == 1) {
        vb_fail(err, why->code, "%s: %s: %s", f->dataset, f->path, why->message);
        if (why->hint)
            vb_hint(err, "%s", why->hint);
    } else if (failed <= MAX_NAMED && err) {
        vb_fail(err, err->code, "%s\n%s: %s: %s", err->message, f->dataset, f->path, why->message);
    }
}

int vb_gen3_plan_check(vb_gen3_plan *p, vb_error *err)
{
    size_t failed = 0;

    for (struct planned *f = p->files; f; f = f->hh.next) {
        vb_transfer_file *t = &p->transfer->files[f->index];

        if (!t->error.code && f->size >= 0 && t->location.size != f->size)
            vb_fail(&t->error, -ESTALE, "has %" PRId64 " bytes, and the registry records %" PRId64, t->location.size,
                    f->size);
        if (t->error.code)
            add_failure(f, &t->error, ++failed, err);
    }
    if (failed > MAX_NAMED && err)
        vb_fail(err, err->code, "%s\nand %zu more files", err->message, failed - MAX_NAMED);
    return failed ? -EINVAL : 0;
}

int vb_gen3_plan_locate(vb_gen3_plan *p, const vb_gen3_dataset *d, const vb_gen3_file *f, vb_location *out,
                        vb_error *err)
{
    vb_autofree char *source = NULL, *key = NULL;
    vb_auto_buf fragment = {0};
    struct planned *known;
    int r = source_of(p, d, f, &source, &fragment, err);

    if (r < 0)
        return r;
    key = key_of(p, d, source, &fragment);
    HASH_FIND_STR(p->files, key, known);
    if (!known)
        return vb_fail(err, -EAGAIN, "%s: came into the Gen3 repository while it was read; try again", source);
    *out = p->transfer->files[known->index].location;
    out->path = vb_format("%s%s", out->path, vb_buf_text(&fragment));
    out->formatter = vb_strdup(f->formatter);
    if (fragment.len) { /* a part: what was hashed is the whole */
        out->size = f->size;
        out->has_checksum = false;
    }
    return 0;
}
