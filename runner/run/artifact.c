#include "runner/run/artifact.h"

#include "fs/view/names.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void vb_artifacts_free(vb_artifact *all, size_t count)
{
    for (size_t i = 0; all && i < count; i++) {
        free(all[i].from);
        free(all[i].path);
        free(all[i].other);
    }
    free(all);
}

void vb_artifact_plan(const char *run, const vb_dataset *d, int number, vb_artifact *out)
{
    const char *extension = vb_dataset_type_extension(d->type, NULL);
    vb_autofree char *ending = number > 1 ? vb_format("_a%d%s", number, extension) : vb_strdup(extension);
    vb_buf path = {0}, other = {0};
    vb_autofree char *dir = NULL;

    vb_name_artifact(&path, run, d->type, &d->dataid, extension, number);
    dir = vb_path_dir(vb_buf_text(&path));
    vb_buf_printf(&other, "%s/", dir);
    vb_name_file_unique(&other, d->type, &d->dataid, ending, &d->uuid);
    out->path = vb_buf_steal(&path);
    out->other = vb_buf_steal(&other);
}

int vb_artifact_create(int scratch, vb_artifact *a, vb_error *err)
{
    int fd = vb_create_beside(scratch, ".vbutler", 0600, &a->from);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st)) {
        close(fd);
        fd = -errno;
    }
    if (fd < 0)
        return vb_fail_errno(err, fd, "making a file in the working directory");
    a->inode = st.st_ino;
    return fd;
}

int vb_artifact_permit(const vb_site *site, int fd, const char *name, vb_error *err)
{
    if (site->repo->group != (gid_t)-1 && fchown(fd, (uid_t)-1, site->repo->group))
        return vb_fail_errno(err, -errno, "%s: giving it the repository's group", name);
    if (fchmod(fd, site->repo->file_mode))
        return vb_fail_errno(err, -errno, "%s: giving it the repository's mode", name);
    return 0;
}

static int note_intent(int attempt, const vb_artifact *all, size_t count, vb_error *err)
{
    json_t *list = json_array(), *object = json_pack("{s:o}", "intent", list);
    char *line;
    int r;

    for (size_t i = 0; i < count; i++)
        if (all[i].from)
            json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "path", all[i].path, "other", all[i].other,
                                                  "inode", (json_int_t)all[i].inode));
    line = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    r = line ? vb_rundir_note(attempt, line, err) : vb_fail(err, -EILSEQ, "a path of an artifact is not UTF-8");
    free(line);
    return r;
}

/* Renames to `path`; -EEXIST where that is taken. */
static int rename_to(const vb_site *site, int scratch, const char *from, const char *path, vb_error *err)
{
    int r = vb_places_prepare(site->places, path, false, err);

    if (r < 0)
        return r;
    r = vb_rename_new(scratch, from, site->root, path);
    if (r != -ENOENT)
        return r;
    r = vb_places_prepare(site->places, path, true, err); /* somebody has removed the empty directory */
    if (r < 0)
        return r;
    return vb_rename_new(scratch, from, site->root, path);
}

static int name_one(const vb_site *site, int scratch, vb_artifact *a, vb_error *err)
{
    struct stat st;
    int r = rename_to(site, scratch, a->from, a->path, err);

    if (r == -EEXIST) {
        free(a->path);
        a->path = VB_STEAL(a->other);
        r = rename_to(site, scratch, a->from, a->path, err);
    }
    if (r < 0)
        return err->code ? r : vb_fail_errno(err, r, "naming output %s %s", a->from, a->path);
    a->named = true;
    if (fstatat(site->root, a->path, &st, AT_SYMLINK_NOFOLLOW) || st.st_ino != a->inode)
        return vb_fail(err, -EIO, "output %s was exchanged for another file after it was checked", a->from);
    return 0;
}

int vb_artifacts_name(const vb_site *site, int attempt, int scratch, vb_artifact *all, size_t count, vb_error *err)
{
    int r = note_intent(attempt, all, count, err);

    for (size_t i = 0; !r && i < count; i++)
        if (all[i].from)
            r = name_one(site, scratch, &all[i], err);
    if (r < 0)
        vb_artifacts_withdraw(site, all, count);
    return r;
}

void vb_artifacts_withdraw(const vb_site *site, vb_artifact *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].named) {
            unlinkat(site->root, all[i].path, 0);
            all[i].named = false;
        }
}
