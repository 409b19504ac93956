#include "registry/gen3/config.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/yaml.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_INCLUDED = 16, MAX_DATASTORES = 16 };

/* butler.yaml, and then what it includes, from the last to the first, each with what it includes itself: so the first
 * that has a key counts, key by key at every depth. */
struct reading {
    vb_gen3_config *config;
    vb_yaml *docs[MAX_INCLUDED];
    int count;
    vb_error *err;
};

static void reading_clear(struct reading *r)
{
    for (int i = 0; i < r->count; i++)
        vb_yaml_free(r->docs[i]);
}

void vb_gen3_config_free(vb_gen3_config *c)
{
    for (size_t i = 0; i < c->ndatastores; i++) {
        free(c->datastores[i].name);
        free(c->datastores[i].root);
        free(c->datastores[i].table);
    }
    free(c->datastores);
    free(c->root);
    free(c->file);
    free(c->db);
    free(c->namespace);
    json_decref(c->overrides);
    free(c);
}

bool vb_gen3_is_repository(const char *path)
{
    vb_autofree char *theirs = vb_path_join(path, "butler.yaml"), *ours = vb_path_join(path, "vbutler.yaml");
    struct stat st;

    if (!stat(path, &st) && S_ISREG(st.st_mode))
        return !strcmp(vb_path_base(path), "butler.yaml");
    return access(ours, F_OK) && !access(theirs, F_OK);
}

/* ---- documents ---------------------------------------------------------------------------------------------- */

static int read_document(struct reading *r, const char *path);

static int read_included(struct reading *r, const char *path, const vb_yaml_node *root)
{
    vb_autofree char *dir = vb_path_dir(path);
    char **names = NULL;
    int status = 0;

    if (!vb_yaml_get(root, "includeConfigs"))
        return 0;
    status = vb_yaml_strings(vb_yaml_get(root, "includeConfigs"), &names, r->err);
    if (status < 0)
        return status;
    for (size_t i = vb_strv_count(names); !status && i-- > 0;) {
        const char *name = names[i];
        vb_autofree char *full = vb_path_join(dir, name);

        status = strstr(name, "://") ? vb_fail(r->err, -EPROTONOSUPPORT,
                                               "%s: includeConfigs names %s, and this "
                                               "vbutler reads files alone",
                                               path, name)
                                     : read_document(r, full);
    }
    vb_strv_free(names);
    return status;
}

static int read_document(struct reading *r, const char *path)
{
    const vb_yaml_node *root;
    int status;

    if (r->count == MAX_INCLUDED)
        return vb_fail(r->err, -ELOOP, "%s: more than %d configurations include each other", path, MAX_INCLUDED);
    status = vb_yaml_load_file(path, &r->docs[r->count], r->err);
    if (status < 0)
        return status;
    root = vb_yaml_root(r->docs[r->count++]);
    if (!root || root->kind != VB_YAML_MAP)
        return vb_fail(r->err, -EINVAL, "%s: is no Butler configuration", path);
    return read_included(r, path, root);
}

/* A value of a section; `key` may be NULL. */
static const vb_yaml_node *find(const struct reading *r, const char *section, const char *key)
{
    for (int i = 0; i < r->count; i++) {
        const vb_yaml_node *node = vb_yaml_get(vb_yaml_root(r->docs[i]), section);

        node = key ? vb_yaml_get(node, key) : node;
        if (node)
            return node;
    }
    return NULL;
}

/* ---- places ------------------------------------------------------------------------------------------------- */

static char *replace_root(const char *text, const char *root)
{
    static const char mark[] = "<butlerRoot>";
    vb_buf out = {0};

    for (const char *at; (at = strstr(text, mark)); text = at + sizeof mark - 1) {
        vb_buf_add(&out, text, (size_t)(at - text));
        vb_buf_puts(&out, root);
    }
    vb_buf_puts(&out, text);
    return vb_buf_steal(&out);
}

char *vb_gen3_unquote(const char *text)
{
    vb_buf out = {0};

    for (; *text; text++) {
        bool quoted = *text == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2]);
        char hex[3] = {text[0], quoted ? text[1] : 0, 0};

        if (quoted) {
            hex[0] = text[1];
            hex[1] = text[2];
            text += 2;
        }
        vb_buf_putc(&out, quoted ? (char)strtol(hex, NULL, 16) : *text);
    }
    return vb_buf_steal(&out);
}

/* A directory: absolute, relative to the repository, or a URL. */
static char *place(const char *text, const char *root)
{
    vb_autofree char *replaced = replace_root(text, root), *plain = NULL;
    size_t n;

    if (strstr(replaced, "://") && !vb_starts_with(replaced, "file://"))
        return VB_STEAL(replaced);
    plain = vb_starts_with(replaced, "file://") ? vb_gen3_unquote(replaced + strlen("file://")) : VB_STEAL(replaced);
    n = strlen(plain);
    while (n > 1 && plain[n - 1] == '/')
        plain[--n] = 0;
    return vb_path_join(root, plain);
}

/* A value of a datastore; that of the repository itself may be said in several files. */
static const vb_yaml_node *value_of(const struct reading *r, const vb_yaml_node *node, const char *key)
{
    const vb_yaml_node *own = vb_yaml_get(node, key);

    return own || node != find(r, "datastore", NULL) ? own : find(r, "datastore", key);
}

/* The class's last word: "FileDatastore". */
static const char *class_of(const struct reading *r, const vb_yaml_node *node)
{
    const char *cls = vb_yaml_text(value_of(r, node, "cls")), *dot = cls ? strrchr(cls, '.') : NULL;

    return dot ? dot + 1 : cls ? cls : "FileDatastore";
}

static int add_datastore(struct reading *r, const vb_yaml_node *node);

static int add_chain(struct reading *r, const vb_yaml_node *node)
{
    const vb_yaml_node *list = value_of(r, node, "datastores");
    int status = 0;

    if (!list || list->kind != VB_YAML_LIST)
        return vb_yaml_fail(r->err, node, "a ChainedDatastore needs a list of datastores");
    for (size_t i = 0; !status && i < list->count; i++) {
        const vb_yaml_node *item = list->items[i].value, *inner = vb_yaml_get(item, "datastore");

        status = add_datastore(r, inner ? inner : item);
    }
    return status;
}

static int add_datastore(struct reading *r, const vb_yaml_node *node)
{
    vb_gen3_config *c = r->config;
    const char *class = class_of(r, node), *root = vb_yaml_text(value_of(r, node, "root"));
    const char *name = vb_yaml_text(value_of(r, node, "name"));
    const char *table = vb_yaml_get_text(value_of(r, node, "records"), "table");
    vb_gen3_datastore *d;

    if (c->ndatastores == MAX_DATASTORES)
        return vb_yaml_fail(r->err, node, "more than %d datastores", MAX_DATASTORES);
    if (!strcmp(class, "ChainedDatastore"))
        return add_chain(r, node);
    if (!strcmp(class, "InMemoryDatastore"))
        return 0; /* what was in it went with its process */
    if (strcmp(class, "FileDatastore")) {
        vb_yaml_fail(r->err, node, "datastores of class %s are not known", class);
        vb_hint(r->err, "known are FileDatastore, ChainedDatastore and InMemoryDatastore");
        return -EINVAL;
    }
    root = root ? root : "<butlerRoot>/datastore";
    d = VB_PUSH(c->datastores, c->ndatastores, c->cap);
    d->name = name ? vb_strdup(name) : vb_format("FileDatastore@%s", root);
    d->root = place(root, c->root);
    d->table = vb_strdup(table ? table : "file_datastore_records");
    return 0;
}

static int read_db(struct reading *r)
{
    vb_gen3_config *c = r->config;
    const vb_yaml_node *node = find(r, "registry", "db");
    const char *text = vb_yaml_text(node), *namespace = vb_yaml_text(find(r, "registry", "namespace"));
    vb_autofree char *url = replace_root(text ? text : "sqlite:///<butlerRoot>/gen3.sqlite3", c->root);

    c->namespace = namespace ? vb_strdup(namespace) : NULL;
    c->is_postgres = vb_starts_with(url, "postgresql");
    if (c->is_postgres)
        c->db = VB_STEAL(url);
    else if (vb_starts_with(url, "sqlite:///") && url[strlen("sqlite:///")])
        c->db = vb_path_join(c->root, url + strlen("sqlite:///"));
    else
        return vb_fail(r->err, -EINVAL, "%s: registry.db is '%s': neither sqlite:///PATH nor postgresql://...", c->file,
                       url);
    return 0;
}

/* What a document says of a section, over what those that it includes say. */
static void merge_section(json_t *all, const char *name, const vb_yaml_node *node)
{
    json_t *there = json_object_get(all, name), *said;

    if (!node || node->kind != VB_YAML_MAP)
        return;
    said = vb_yaml_json(node);
    if (there)
        json_object_update_recursive(there, said);
    else
        json_object_set(all, name, said);
    json_decref(said);
}

static void read_overrides(struct reading *r)
{
    static const char *const of_datastore[] = {"formatters", "templates"};
    json_t *all = r->config->overrides = json_object();

    for (int i = r->count - 1; i >= 0; i--) {
        const vb_yaml_node *root = vb_yaml_root(r->docs[i]), *datastore = vb_yaml_get(root, "datastore");

        merge_section(all, "storageClasses", vb_yaml_get(root, "storageClasses"));
        for (size_t k = 0; k < VB_COUNT(of_datastore); k++)
            merge_section(all, of_datastore[k], vb_yaml_get(datastore, of_datastore[k]));
    }
}

static int locate(const char *path, vb_gen3_config *c, vb_error *err)
{
    vb_autofree char *absolute = vb_path_absolute(path, err);
    struct stat st;

    if (!absolute)
        return err ? err->code : -ENOENT;
    if (stat(absolute, &st))
        return vb_fail_errno(err, -errno, "opening %s", path);
    c->file = S_ISDIR(st.st_mode) ? vb_path_join(absolute, "butler.yaml") : VB_STEAL(absolute);
    c->root = vb_path_dir(c->file);
    if (access(c->file, F_OK)) {
        vb_fail(err, -ENOENT, "%s: is no Gen3 repository (it has no butler.yaml)", path);
        vb_hint(err, "name the directory that has one, or the file itself");
        return -ENOENT;
    }
    return 0;
}

int vb_gen3_config_read(const char *path, vb_gen3_config **out, vb_error *err)
{
    vb_auto(vb_gen3_config_free) vb_gen3_config *c = VB_NEW(vb_gen3_config);
    __attribute__((cleanup(reading_clear))) struct reading r = {.config = c, .err = err};
    const char *root;
    int status = locate(path, c, err);

    if (!status)
        status = read_document(&r, c->file);
    if (status < 0)
        return status;
    root = vb_yaml_text(find(&r, "root", NULL));
    if (root) {
        char *moved = place(root, c->root);

        free(c->root);
        c->root = moved;
    }
    status = read_db(&r);
    if (!status)
        status = add_datastore(&r, find(&r, "datastore", NULL));
    if (status < 0)
        return status;
    read_overrides(&r);
    *out = VB_STEAL(c);
    return 0;
}
