#include "registry/repo.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/yaml.h"
#include "registry/cache_options.h"
#include "registry/internal.h"
#include "registry/storage_class.h"
#include "registry/store_options.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char own_directory[] = ".vbutler";
static const char config_text[] =
    "# A vbutler repository. docs/repository.md describes every key.\n"
    "format: 1\n"
    "\n"
    "# What artifacts and their directories get, whatever the umask of the task that wrote them.\n"
    "permissions:\n"
    "  file: \"0444\"\n"
    "  directory: \"0755\"\n"
    "  # group: survey\n"
    "\n"
    "# Storage classes with components, beside those that vbutler knows (Rubin's).\n"
    "# storageClasses:\n"
    "#   MyImage: {components: {image: ImageF, mask: MaskX}}\n"
    "\n"
    "# How stores that are not on this machine are reached: docs/stores.md.\n"
    "# stores:\n"
    "#   data.example.org: {timeout: 60}\n";

/* True for a directory that is not there, or has nothing in it. */
static int check_vacant(const char *dir, bool *made, vb_error *err)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    bool vacant = true;

    *made = false;
    if (!d && errno == ENOENT) {
        *made = true;
        return vb_mkdirs(AT_FDCWD, dir, 0777, err);
    }
    if (!d)
        return vb_fail_errno(err, -errno, "creating a repository in %s", dir);
    while (vacant && (entry = readdir(d)))
        vacant = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    closedir(d);
    if (vacant)
        return 0;
    vb_fail(err, -ENOTEMPTY, "creating a repository in %s: the directory is not empty", dir);
    vb_hint(err, "name one that is not there yet");
    return -ENOTEMPTY;
}

static int fill(const char *dir, const vb_universe *universe, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_autofree char *registry = vb_path_join(dir, "registry.sqlite3"), *config = vb_path_join(dir, "vbutler.yaml");
    vb_autofree char *state = vb_path_join(dir, ".vbutler/runs");
    vb_auto_txn txn = {0};
    int r = vb_registry_create(registry, universe, "registry", &reg, err);

    if (!r)
        r = vb_registry_begin(reg, &txn, err);
    if (!r)
        r = vb_sql_exec(reg->db, err, "INSERT INTO store (id, name, root) VALUES (1, 'file', '.')", VB_NO_ARGS);
    if (!r)
        r = vb_txn_commit(&txn, err);
    if (!r)
        r = vb_mkdirs(AT_FDCWD, state, 0777, err);
    /* The last file is the one that makes the directory a repository. */
    return r < 0 ? r : vb_write_file(AT_FDCWD, config, config_text, sizeof config_text - 1, 0666, true, err);
}

int vb_repo_create(const char *dir, int universe, vb_error *err)
{
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    int r = vb_universe_builtin(universe, &u, err);

    return r < 0 ? r : vb_repo_create_with(dir, u, err);
}

int vb_repo_create_with(const char *dir, const vb_universe *universe, vb_error *err)
{
    static const char *const parts[] = {"registry.sqlite3", "registry.sqlite3-wal", "registry.sqlite3-shm",
                                        "vbutler.yaml", ".vbutler"};
    bool made = false;
    int r = check_vacant(dir, &made, err);

    if (r < 0)
        return r;
    r = fill(dir, universe, err);
    for (size_t i = 0; r < 0 && i < VB_COUNT(parts); i++) {
        vb_autofree char *path = vb_path_join(dir, parts[i]);

        vb_remove_tree(AT_FDCWD, path, NULL);
    }
    if (r < 0 && made)
        rmdir(dir);
    return r;
}

static int read_mode(const vb_yaml_node *node, mode_t *mode, vb_error *err)
{
    const char *text = node && node->kind == VB_YAML_SCALAR ? node->text : NULL;
    char *end;
    unsigned long value = text ? strtoul(text, &end, 8) : 0;

    if (!node)
        return 0;
    if (!text || !*text || *end || value > 07777)
        return vb_yaml_fail(err, node, "a mode must be octal digits like \"0444\"");
    *mode = (mode_t)value;
    return 0;
}

static int read_group(const vb_yaml_node *node, gid_t *gid, vb_error *err)
{
    const char *name = vb_yaml_text(node);
    const struct group *group;
    int64_t number;

    if (!node)
        return 0;
    if (vb_yaml_int(node, &number) && number >= 0 && number < (gid_t)-1) {
        *gid = (gid_t)number;
        return 0;
    }
    group = name ? getgrnam(name) : NULL;
    if (!group)
        return vb_yaml_fail(err, node, "no group '%s' on this machine", name ? name : "?");
    *gid = group->gr_gid;
    return 0;
}

static int read_config(vb_repo *repo, const char *path, vb_error *err)
{
    static const char *const keys[] = {"format", "permissions", "storageClasses", "stores", "cache", NULL};
    static const char *const permission_keys[] = {"file", "directory", "group", NULL};
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    const vb_yaml_node *root, *permissions;
    vb_store_config stores = {0};
    vb_auto_cache_options cache = {0};
    int64_t format;
    int r = vb_yaml_load_file(path, &doc, err);

    if (r < 0)
        return r;
    root = vb_yaml_root(doc);
    permissions = vb_yaml_get(root, "permissions");
    r = vb_yaml_check_keys(root, "vbutler.yaml", keys, err);
    if (!r && permissions)
        r = vb_yaml_check_keys(permissions, "permissions", permission_keys, err);
    if (!r && (!vb_yaml_int(vb_yaml_get(root, "format"), &format) || format != 1))
        r = vb_yaml_fail(err, root, "repository format must be 1: this vbutler (%s) knows no other", VB_VERSION);
    if (!r)
        r = read_mode(vb_yaml_get(permissions, "file"), &repo->file_mode, err);
    if (!r)
        r = read_mode(vb_yaml_get(permissions, "directory"), &repo->dir_mode, err);
    if (!r)
        r = read_group(vb_yaml_get(permissions, "group"), &repo->group, err);
    if (!r) /* who opens stores reads it again; what is wrong with it is said early */
        r = vb_store_config_read(vb_yaml_get(root, "stores"), &stores, err);
    vb_store_config_clear(&stores);
    if (!r)
        r = vb_cache_options_read(vb_yaml_get(root, "cache"), &cache, err);
    return r < 0 ? r : vb_storage_classes_check(vb_yaml_get(root, "storageClasses"), err);
}

static bool is_file(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISREG(st.st_mode);
}

static int no_repository(const char *dir, vb_error *err)
{
    if (is_file(dir)) {
        vb_fail(err, -ENOTDIR, "%s: is a file, and a repository is a directory", dir);
        vb_hint(err,
                "a snapshot is only read: it can be asked, mounted, exported and checked; for anything else name the "
                "repository");
        return -ENOTDIR;
    }
    vb_fail(err, -ENOENT, "%s: is no vbutler repository (it has no vbutler.yaml)", dir);
    vb_hint(err, "make one with: vbutler create %s", dir);
    return -ENOENT;
}

int vb_repo_open(const char *dir, vb_repo **out, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = VB_NEW(vb_repo);
    vb_autofree char *config = NULL;
    int r;

    repo->file_mode = 0444;
    repo->dir_mode = 0755;
    repo->group = (gid_t)-1;
    repo->root = vb_path_absolute(dir, err);
    if (!repo->root)
        return err ? err->code : -ENOENT;
    repo->registry_path = vb_path_join(repo->root, "registry.sqlite3");
    config = vb_path_join(repo->root, "vbutler.yaml");
    if (access(config, F_OK))
        return no_repository(dir, err);
    r = read_config(repo, config, err);
    if (r < 0)
        return r;
    *out = VB_STEAL(repo);
    return 0;
}

/* The directory of the repository that has the snapshot's artifacts. */
static int find_root(const char *path, const char *repository, vb_registry *reg, char **out, vb_error *err)
{
    vb_autofree char *named = NULL;
    struct stat st;
    int r = repository ? 0 : vb_registry_meta(reg, "repository", &named, err);

    if (r < 0)
        return r;
    if (!repository && !named)
        vb_fail(err, -EINVAL, "%s: does not say which repository it was made from", path);
    else if (stat(repository ? repository : named, &st) || !S_ISDIR(st.st_mode))
        vb_fail(err, -ENOENT, "%s: the repository that has its artifacts, %s, is not there", path,
                repository ? repository : named);
    else
        return (*out = vb_path_absolute(repository ? repository : named, err)) ? 0 : -ENOENT;
    vb_hint(err, "say where it is: --butler-config REPO");
    return -ENOENT;
}

static int open_snapshot(const char *path, const char *repository, vb_repo *repo, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    int r = vb_registry_open(path, VB_ACCESS_IMMUTABLE, &reg, err);

    if (!r && strcmp(vb_registry_format(reg), "snapshot") != 0)
        r = vb_fail(err, -EINVAL, "%s: is a %s, and no repository or snapshot", path, vb_registry_format(reg));
    if (!r)
        r = find_root(path, repository, reg, &repo->root, err);
    if (!r)
        repo->registry_path = vb_path_absolute(path, err);
    return r < 0 || repo->registry_path ? r : -ENOENT;
}

int vb_repo_open_source(const char *path, const char *repository, vb_repo **out, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    int r;

    if (!is_file(path))
        return repository ? vb_fail(err, -EINVAL, "--butler-config: only where a snapshot is read; %s is none", path)
                          : vb_repo_open(path, out, err);
    repo = VB_NEW(vb_repo);
    *repo = (vb_repo){.snapshot = true, .file_mode = 0444, .dir_mode = 0755, .group = (gid_t)-1};
    r = open_snapshot(path, repository, repo, err);
    if (!r)
        *out = VB_STEAL(repo);
    return r;
}

void vb_repo_close(vb_repo *repo)
{
    free(repo->root);
    free(repo->registry_path);
    free(repo);
}

int vb_repo_registry(const vb_repo *repo, vb_access access, vb_registry **out, vb_error *err)
{
    if (repo->snapshot && access == VB_ACCESS_WRITE)
        return vb_fail(err, -EROFS, "%s: is a snapshot, which never changes", repo->registry_path);
    return vb_registry_open(repo->registry_path, repo->snapshot ? VB_ACCESS_IMMUTABLE : access, out, err);
}

bool vb_repo_is_own(const char *path)
{
    size_t n = strcspn(path, "/");

    return (n == strlen(own_directory) && !strncmp(path, own_directory, n)) ||
           (n == strlen("vbutler.yaml") && !strncmp(path, "vbutler.yaml", n)) ||
           vb_starts_with(path, "registry.sqlite3");
}
