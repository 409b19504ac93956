/* retrieve.c - which artifacts, and under which names; retrieve_file.c makes one. */
#include "fs/exchange/retrieve_internal.h"
#include "fs/remote/url.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"
#include "registry/component.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_NAMED = 3, REMOTE_THREADS = 32 };

int vb_retrieve_transfer_parse(const char *text, vb_retrieve_transfer *out, vb_error *err)
{
    static const char *const names[] = {"auto", "copy", "hardlink", "symlink", "link", NULL};

    for (size_t i = 0; names[i]; i++)
        if (!strcmp(text, names[i])) {
            *out = (vb_retrieve_transfer)i;
            return 0;
        }
    return vb_fail(err, -EINVAL, "no transfer mode '%s': there are " VB_RETRIEVE_TRANSFERS, text);
}

/* ---- names ---------------------------------------------------------------------------------------------- */

/* Where the file lies, as a path below something: without the '/' or the host that it begins with. */
static char *plain_path(const char *path)
{
    vb_buf out = {0};
    vb_url url;

    if (!vb_location_is_remote(path))
        return vb_strdup(path + strspn(path, "/"));
    if (vb_url_parse(path, &url, NULL) < 0)
        return vb_url_name(path);
    if (!vb_percent_decode(&out, url.path + (*url.path == '/')))
        vb_buf_puts(&out, url.path + (*url.path == '/'));
    vb_url_clear(&url);
    return vb_buf_steal(&out);
}

/* The name of a part of a file: a member's own, beside the archive; "x_hdu3.fits". */
static char *part_name(const char *file, const char *part)
{
    const char *extension = vb_path_extension(file);

    if (vb_starts_with(part, "#un")) { /* "#unzip=" or "#untar=" */
        vb_autofree char *parent = vb_path_dir(file);

        part += strlen("#unzip=");
        return strcmp(parent, ".") ? vb_format("%s/%s", parent, part) : vb_strdup(part);
    }
    return vb_format("%.*s_hdu%s%s", (int)(strlen(file) - strlen(extension)), file, part + strlen("#hdu="), extension);
}

/* Never out of the directory, whatever a registry or an address says. */
static char *target_of(const vb_location *location, bool flat)
{
    const char *part = vb_location_part(location->path);
    vb_autofree char *whole = part ? vb_strndup(location->path, (size_t)(part - location->path))
                                   : vb_strdup(location->path);
    vb_autofree char *file = plain_path(whole), *target = part ? part_name(file, part) : vb_strdup(file);
    const char *name = vb_path_base(target);

    if (!flat && vb_path_is_safe(target))
        return VB_STEAL(target);
    return vb_path_is_safe(name) ? vb_strdup(name) : vb_strdup("artifact");
}

/* ---- planning ------------------------------------------------------------------------------------------- */

static int clash(const struct retrieved *one, const vb_dataset *d, vb_error *err)
{
    vb_auto_buf what = {0};

    vb_dataset_print(d, &what);
    vb_fail(err, -EEXIST, "%s and %s would both become %s", one->dataset, vb_buf_text(&what), one->target);
    vb_hint(err, "retrieve them into different directories, or with --preserve-path");
    return -EEXIST;
}

static int add(struct retrieving *r, const vb_dataset *d, const vb_location *location, vb_error *err)
{
    vb_autofree char *target = target_of(location, r->request->flat);
    vb_auto_buf what = {0};
    struct retrieved *known;

    HASH_FIND_STR(r->by_target, target, known);
    if (known) /* several datasets may have one artifact */
        return known->location.store_id == location->store_id && !strcmp(known->location.path, location->path)
                   ? 0
                   : clash(known, d, err);
    vb_dataset_print(d, &what);
    known = VB_NEW(struct retrieved);
    known->location = *location;
    known->location.path = vb_strdup(location->path);
    known->location.formatter = NULL;
    known->target = VB_STEAL(target);
    known->dataset = vb_buf_steal(&what);
    r->remote = r->remote || !vb_stores_is_local(r->stores, location);
    HASH_ADD_KEYPTR(hh, r->by_target, known->target, strlen(known->target), known);
    *VB_PUSH(r->items, r->count, r->cap) = known;
    return 0;
}

static int add_dataset(struct retrieving *r, const vb_uuid *uuid, vb_error *err)
{
    vb_auto_dataset d = {0};
    vb_auto_files files = {0};
    int status = vb_dataset_by_uuid(r->reg, uuid, &d, err);

    r->report->datasets++;
    if (status > 0)
        status = vb_files_get(r->reg, d.id, &files, err);
    if (status < 0)
        return status;
    r->report->without_artifact += !files.count;
    for (size_t i = 0; !status && i < files.count && (!i || files.items[0].component); i++)
        status = add(r, &d, &files.items[i].location, err);
    return status;
}

static int add_result(struct retrieving *r, vb_result *result, vb_error *err)
{
    size_t count;
    const vb_result_column *columns = vb_result_columns(result, &count);
    int status = 0, id = -1;

    for (size_t i = 0; i < count; i++)
        if (columns[i].kind == VB_CELL_UUID)
            id = columns[i].at;
    while (id >= 0 && !status && (status = vb_result_step(result, err)) > 0) {
        vb_uuid uuid = vb_col_uuid(vb_result_row(result), id);

        status = add_dataset(r, &uuid, err);
    }
    return status;
}

static int check_order(const vb_query *q, size_t types, vb_error *err)
{
    return types > 1 && (q->order_by || q->offset)
               ? vb_fail(err, -EINVAL, "--order-by goes with one dataset type, and %zu match", types)
               : 0;
}

static int plan(struct retrieving *r, vb_error *err)
{
    vb_autofree const vb_dataset_type **types = NULL;
    vb_query query = *r->request->query;
    size_t count = 0;
    int status = vb_query_types(r->reg, r->request->types, &types, &count, err);

    if (!status && !count)
        status = vb_fail(err, -ENOENT, "no dataset type matches");
    if (!status)
        status = check_order(&query, count, err);
    for (size_t i = 0; !status && i < count && query.limit != 0; i++) {
        int64_t before = r->report->datasets;
        vb_result *result = NULL;

        status = vb_query_datasets(r->reg, &query, types[i], &result, err);
        if (status < 0)
            break;
        status = add_result(r, result, err);
        vb_result_close(result);
        if (query.limit >= 0)
            query.limit -= r->report->datasets - before;
    }
    return status;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

static void retrieve_one(void *arg, size_t i)
{
    struct retrieving *r = arg;

    vb_retrieve_file(r, r->items[i]);
}

static int judge(struct retrieving *r, vb_error *err)
{
    size_t failed = 0;

    for (size_t i = 0; i < r->count; i++) {
        const struct retrieved *item = r->items[i];

        r->report->there += item->there;
        r->report->artifacts += item->made;
        r->report->bytes += item->made ? item->bytes : 0;
        if (!item->error.code || ++failed > MAX_NAMED || !err)
            continue;
        if (failed == 1) {
            vb_fail(err, item->error.code, "%s: %s", item->dataset, item->error.message);
            if (item->error.hint)
                vb_hint(err, "%s", item->error.hint);
        } else {
            vb_fail(err, err->code, "%s\n%s: %s", err->message, item->dataset, item->error.message);
        }
    }
    if (failed > MAX_NAMED && err)
        vb_fail(err, err->code, "%s\nand %zu more artifacts", err->message, failed - MAX_NAMED);
    return failed ? (err ? err->code : -EIO) : 0;
}

static int open_directory(struct retrieving *r, const char *directory, vb_error *err)
{
    int status = vb_mkdirs(AT_FDCWD, directory, 0777, err);

    if (status < 0)
        return status;
    r->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return r->dir < 0 ? vb_fail_errno(err, -errno, "opening %s", directory) : 0;
}

static void retrieving_clear(struct retrieving *r)
{
    HASH_CLEAR(hh, r->by_target);
    for (size_t i = 0; i < r->count; i++) {
        vb_location_clear(&r->items[i]->location);
        vb_error_clear(&r->items[i]->error);
        free(r->items[i]->target);
        free(r->items[i]->dataset);
        free(r->items[i]);
    }
    free(r->items);
    if (r->stores)
        vb_stores_close(r->stores);
    if (r->dir >= 0)
        close(r->dir);
}

int vb_retrieve(const vb_repo *repo, vb_registry *reg, const char *directory, const vb_retrieve_request *request,
                vb_retrieve_report *report, vb_error *err)
{
    __attribute__((cleanup(retrieving_clear))) struct retrieving r =
        {.repo = repo, .reg = reg, .directory = directory, .request = request, .report = report, .dir = -1};
    int status = vb_stores_open(reg, repo->root, &r.stores, err);
    size_t threads = request->threads;

    *report = (vb_retrieve_report){0};
    if (!status)
        status = plan(&r, err);
    if (!status)
        status = open_directory(&r, directory, err);
    if (status < 0 || !r.count)
        return status;
    vb_parallel(r.count, !threads && r.remote ? REMOTE_THREADS : threads, retrieve_one, &r, "retrieving artifacts",
                request->progress);
    status = judge(&r, err);
    return !status && syncfs(r.dir) ? vb_fail_errno(err, -errno, "writing %s to disk", directory) : status;
}
