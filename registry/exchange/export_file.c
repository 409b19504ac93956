#include "registry/exchange/export_file.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/export_internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SPAN = 1 << 30 };

struct entry {
    vb_yaml *doc; /* its own; NULL where the file was loaded whole */
    const vb_yaml_node *node;
};

struct vb_export_file {
    char *path, *namespace;
    int fd, universe;
    vb_export_index index;
    vb_yaml *whole; /* of an irregular file */
    struct entry *entries;
    size_t count, cap;
};

static const char *const list_keys[] = {"records", "dataset_ids", "validity_ranges"};

const char *vb_export_list_key(const vb_yaml_node *entry)
{
    for (size_t i = 0; i < VB_COUNT(list_keys); i++)
        if (vb_yaml_get(entry, list_keys[i]))
            return list_keys[i];
    return NULL;
}

/* ---- pieces ----------------------------------------------------------------------------------------------- */

static int load_span(const vb_export_file *f, const vb_export_span *span, vb_yaml **out, vb_error *err)
{
    vb_autofree char *text = NULL;
    size_t done = 0;

    if (span->length > MAX_SPAN)
        return vb_fail(err, -E2BIG, "%s:%d: %zu bytes that cannot be divided", f->path, span->line, span->length);
    text = vb_alloc(span->length + 1);
    while (done < span->length) {
        ssize_t n = pread(f->fd, text + done, span->length - done, span->begin + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return vb_fail_errno(err, n ? -errno : -EIO, "reading %s", f->path);
        done += (size_t)n;
    }
    return vb_yaml_load_part(f->path, span->line, text, span->length, out, err);
}

/* One piece that is being parsed. */
struct ahead {
    const vb_export_file *f;
    const vb_export_span *span;
    pthread_t thread;
    bool started;
    vb_yaml *doc;
    int r;
    vb_error err;
};

static void *parse(void *arg)
{
    struct ahead *a = arg;

    a->r = load_span(a->f, a->span, &a->doc, &a->err);
    return NULL;
}

static void begin(struct ahead *a, const vb_export_file *f, const vb_export_span *span)
{
    *a = (struct ahead){.f = f, .span = span};
    a->started = !pthread_create(&a->thread, NULL, parse, a);
    if (!a->started)
        parse(a);
}

static int finish(struct ahead *a, vb_yaml **out, vb_error *err)
{
    if (a->started)
        pthread_join(a->thread, NULL);
    a->started = false;
    if (a->r < 0) {
        vb_error_move(err, &a->err);
        return a->r;
    }
    *out = VB_STEAL(a->doc);
    return 0;
}

static void abandon(struct ahead *a)
{
    vb_yaml *doc = NULL;

    if (!finish(a, &doc, &a->err) && doc)
        vb_yaml_free(doc);
    vb_error_clear(&a->err);
}

static int each_piece(vb_export_file *f, size_t number, vb_export_fn *each, void *arg, vb_error *err)
{
    const vb_yaml_node *entry = f->entries[number].node;
    const vb_export_place *place = &f->index.places[number];
    struct ahead next = {0};
    int r = 0;

    begin(&next, f, &place->pieces[0]);
    for (size_t i = 0; !r && i < place->count; i++) {
        vb_auto(vb_yaml_free) vb_yaml *doc = NULL;

        r = finish(&next, &doc, err);
        if (!r && i + 1 < place->count)
            begin(&next, f, &place->pieces[i + 1]);
        if (!r)
            r = each(arg, entry, vb_yaml_root(doc), err);
        if (r && i + 1 < place->count)
            abandon(&next);
    }
    return r;
}

int vb_export_file_each(vb_export_file *f, const char *type, const char *key, const char *value, vb_export_fn *each,
                        void *arg, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < f->count; i++) {
        const vb_yaml_node *entry = f->entries[i].node;
        const char *has = vb_yaml_get_text(entry, "type"), *of = key ? vb_yaml_get_text(entry, key) : NULL;
        const char *list;

        if (!has || strcmp(has, type) || (key && (!of || strcmp(of, value))))
            continue;
        list = vb_export_list_key(entry);
        if (!f->whole && f->index.places[i].count)
            r = each_piece(f, i, each, arg, err);
        else
            r = each(arg, entry, list ? vb_yaml_get(entry, list) : NULL, err);
    }
    return r;
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

/* "1.0.2", or 0 from before there were versions. */
static int check_version(const vb_yaml_node *head, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(head, "version");
    const char *text = vb_yaml_text(node);
    int major = -1, minor = 0, patch = 0;
    char rest;

    if (!text)
        return vb_yaml_fail(err, head, "no 'version': this is no export of a Butler repository");
    if (!strcmp(text, "0"))
        return 0;
    if (sscanf(text, "%d.%d.%d%c", &major, &minor, &patch, &rest) != 3)
        return vb_yaml_fail(err, node, "version '%s' of the export format is none like 1.0.2", text);
    if (major == 1 && minor == 0)
        return 0;
    vb_yaml_fail(err, node, "export format %s is not known: vbutler (%s) reads 0 and 1.0.0 to 1.0.2", text, VB_VERSION);
    vb_hint(err, "use a vbutler that knows it");
    return -EINVAL;
}

static int read_head(vb_export_file *f, const vb_yaml_node *head, vb_error *err)
{
    const vb_yaml_node *universe = vb_yaml_get(head, "universe_version");
    const char *namespace = vb_yaml_get_text(head, "universe_namespace");
    int64_t number = 0;

    if (!head || head->kind != VB_YAML_MAP)
        return vb_fail(err, -EINVAL, "%s: this is no export of a Butler repository", f->path);
    if (!vb_yaml_is_null(universe) && (!vb_yaml_int(universe, &number) || number < 0 || number > 1000000))
        return vb_yaml_fail(err, universe, "universe_version must be a number");
    f->universe = (int)number;
    f->namespace = vb_strdup(namespace ? namespace : "daf_butler");
    return check_version(head, err);
}

static int check_entry(const vb_yaml_node *entry, vb_error *err)
{
    static const char *const types[] = {"dimension", "collection", "run", "dataset_type", "dataset", "associations"};
    const char *type = vb_yaml_get_text(entry, "type");

    for (size_t i = 0; type && i < VB_COUNT(types); i++)
        if (!strcmp(type, types[i]))
            return 0;
    if (!type)
        return vb_yaml_fail(err, entry, "an entry of 'data' needs a type");
    return vb_yaml_fail(err, entry, "entries of type '%s' are not known", type);
}

static int load_whole(vb_export_file *f, vb_error *err)
{
    const vb_yaml_node *root, *data;
    int r = vb_yaml_load_file(f->path, &f->whole, err);

    if (r < 0)
        return r;
    root = vb_yaml_root(f->whole);
    r = read_head(f, root, err);
    if (r < 0)
        return r;
    data = vb_yaml_get(root, "data");
    if (!data || data->kind != VB_YAML_LIST)
        return vb_yaml_fail(err, data ? data : root, "'data' must be a list");
    for (size_t i = 0; !r && i < data->count; i++) {
        VB_PUSH(f->entries, f->count, f->cap)->node = data->items[i].value;
        r = check_entry(data->items[i].value, err);
    }
    return r;
}

static int load_entry(vb_export_file *f, const vb_export_span *span, vb_error *err)
{
    struct entry *e = VB_PUSH(f->entries, f->count, f->cap);
    const vb_yaml_node *root;
    int r = load_span(f, span, &e->doc, err);

    if (r < 0)
        return r;
    root = vb_yaml_root(e->doc);
    if (!root || root->kind != VB_YAML_LIST || root->count != 1)
        return vb_fail(err, -EINVAL, "%s:%d: an entry of 'data' must be a mapping", f->path, span->line);
    e->node = root->items[0].value;
    return check_entry(e->node, err);
}

static int load_entries(vb_export_file *f, vb_error *err)
{
    vb_auto(vb_yaml_free) vb_yaml *head = NULL;
    int r = load_span(f, &f->index.head, &head, err);

    if (!r)
        r = read_head(f, vb_yaml_root(head), err);
    for (size_t i = 0; !r && i < f->index.count; i++)
        r = load_entry(f, &f->index.places[i].own, err);
    return r;
}

int vb_export_file_open(const char *path, vb_export_file **out, vb_error *err)
{
    vb_auto(vb_export_file_close) vb_export_file *f = VB_NEW(vb_export_file);
    vb_auto(fclose) FILE *file = fopen(path, "re");
    struct stat st;
    int r;

    f->fd = -1;
    f->path = vb_strdup(path);
    if (!file)
        return vb_fail_errno(err, -errno, "opening %s", path);
    if (fstat(fileno(file), &st) || !S_ISREG(st.st_mode))
        return vb_fail(err, -EINVAL, "%s: not a file", path);
    f->fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
    if (f->fd < 0)
        return vb_fail_errno(err, -errno, "opening %s", path);
    r = vb_export_scan(file, &f->index, err);
    if (r < 0)
        return vb_error_context(err, "%s", path);
    r = f->index.regular ? load_entries(f, err) : load_whole(f, err);
    if (!r)
        *out = VB_STEAL(f);
    return r;
}

void vb_export_file_close(vb_export_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        vb_yaml_free(f->entries[i].doc);
    free(f->entries);
    vb_yaml_free(f->whole);
    vb_export_index_clear(&f->index);
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f->namespace);
    free(f);
}

const char *vb_export_file_path(const vb_export_file *f)
{
    return f->path;
}

int vb_export_file_universe(const vb_export_file *f)
{
    return f->universe;
}

const char *vb_export_file_namespace(const vb_export_file *f)
{
    return f->namespace;
}
