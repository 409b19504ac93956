/* site.c - how this machine starts jobs: each with a file system and namespaces of its own, or plain. */
#include "runner/run/site.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_base(const char *base, vb_error *err)
{
    struct stat st;

    if (mkdir(base, 0755) && errno != EEXIST)
        return vb_fail_errno(err, -errno, "making %s, where jobs have their mounts", base);
    if (!lstat(base, &st) && S_ISDIR(st.st_mode) && st.st_uid == getuid())
        return 0;
    vb_fail(err, -EPERM, "%s, where jobs have their mounts, is not a directory of yours", base);
    vb_hint(err, "name another one in the environment variable VBUTLER_MOUNTPOINT");
    return -EPERM;
}

/* The directory on which every job has its mount: the same path for all jobs of a user, so that what programs write of
 * it is the same. */
static int make_mountpoint(vb_site *site, vb_error *err)
{
    const char *chosen = getenv("VBUTLER_MOUNTPOINT");
    vb_autofree char *base = vb_format("/tmp/vbutler-%u", getuid()), *usual = vb_path_join(base, "job");
    int r = chosen ? 0 : make_base(base, err);

    if (r < 0)
        return r;
    site->mountpoint = vb_path_absolute(chosen ? chosen : usual, err);
    if (!site->mountpoint)
        return -ENOENT;
    if (vb_path_inside(site->mountpoint, site->repo->root)) {
        vb_fail(err, -EINVAL, "%s, where jobs have their mounts, lies in the repository, which they must not see",
                site->mountpoint);
        vb_hint(err, "name a directory outside of it in the environment variable VBUTLER_MOUNTPOINT");
        return -EINVAL;
    }
    return vb_mkdirs(AT_FDCWD, site->mountpoint, chosen ? 0700 : 0755, err);
}

static char *capture_text(const vb_zygote *z, char *const *masks, vb_buf *reachable)
{
    int error;

    for (size_t i = 0; masks && masks[i]; i++)
        if (vb_zygote_mask_error(z, i))
            vb_note_reachable(reachable, masks[i]);
    if ((error = vb_zygote_proc_error(z)))
        vb_buf_printf(reachable, "%s/proc: %s", reachable->len ? ", " : "", strerror(error));
    if ((error = vb_zygote_privilege_error(z)))
        vb_buf_printf(reachable, "%sprivileges: %s", reachable->len ? ", " : "", strerror(error));
    return reachable->len ? vb_format("partial (%s)", reachable->data) : vb_strdup("complete");
}

/* Jobs with a file system of their own each. */
static int start_zygote(vb_site *site, vb_graph *g, vb_error *err)
{
    vb_auto_buf reachable = {0};
    char **masks = NULL;
    int r = make_mountpoint(site, err);

    if (!r)
        r = vb_find_masks(site, g, &masks, &reachable, err);
    if (!r)
        r = vb_zygote_start(&(vb_zygote_options){site->mountpoint, masks}, &site->zygote, err);
    if (!r) {
        site->capture = capture_text(site->zygote, masks, &reachable);
        site->passthrough = geteuid() == 0;
    }
    vb_strv_free(masks);
    return r;
}

/* Where that cannot be had (-EPERM): jobs in plain directories.  An ad-hoc command declares nothing that could be put
 * there. */
int vb_site_start(vb_site *site, vb_graph *g, vb_error *err)
{
    vb_auto_error why = VB_ERROR_INIT;
    char host[256];
    int r = start_zygote(site, g, &why);

    site->host = vb_strdup(gethostname(host, sizeof host) ? "unknown" : host);
    if (r != -EPERM || site->options->exec_inputs) {
        vb_error_move(err, &why);
        return r;
    }
    vb_log(VB_WARNING, "%s; so inputs are copied into plain directories, and what is read of them is not seen (%s)",
           why.message, why.hint ? why.hint : "");
    free(VB_STEAL(site->mountpoint));
    site->capture = vb_format("partial (no file system of its own: %s)", why.message);
    return vb_zygote_start(&(vb_zygote_options){NULL, NULL}, &site->zygote, err);
}
