#include "fs/session/mounts.h"

#include "registry/base/buf.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <stdio.h>
#include <string.h>

/* A path as /proc/self/mountinfo writes it: spaces and backslashes in octal. */
static char *unescape(const char *text)
{
    vb_buf out = {0};

    for (; *text; text++) {
        if (text[0] == '\\' && text[1] && text[2] && text[3]) {
            vb_buf_putc(&out, (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0')));
            text += 3;
        } else {
            vb_buf_putc(&out, *text);
        }
    }
    return vb_buf_steal(&out);
}

/* Calls `each` for a line of the table: 36 35 98:0 ROOT MOUNTPOINT OPTIONS ... - TYPE SOURCE OPTIONS. */
static int take_line(const char *line, vb_mount_line_fn *each, void *arg)
{
    const char *end = strstr(line, " - ");
    char **before = vb_split(line, ' ', NULL), **after = end ? vb_split(end + 3, ' ', NULL) : NULL;
    int r = 0;

    if (vb_strv_count(before) > 4 && vb_strv_count(after) > 1) {
        vb_autofree char *root = unescape(before[3]), *mountpoint = unescape(before[4]), *source = unescape(after[1]);

        r = each(arg, &(vb_mount_line){before[2], root, mountpoint, after[0], source});
    }
    vb_strv_free(before);
    vb_strv_free(after);
    return r;
}

int vb_mounts_each_line(vb_mount_line_fn *each, void *arg)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    int r = 0;

    while (f && !r && getline(&line, &size, f) > 0)
        r = take_line(line, each, arg);
    free(line);
    if (f)
        fclose(f);
    return r;
}

struct ours {
    vb_mount_fn *each;
    void *arg;
};

static int take_ours(void *arg, const vb_mount_line *line)
{
    const struct ours *ours = arg;

    return strcmp(line->type, "fuse.vbutler") != 0 ? 0 : ours->each(ours->arg, line->mountpoint, line->source);
}

int vb_mounts_each(vb_mount_fn *each, void *arg)
{
    return vb_mounts_each_line(take_ours, &(struct ours){each, arg});
}

static int is_at(void *arg, const char *mountpoint, const char *source)
{
    return !strcmp(mountpoint, arg);
}

bool vb_mounted_at(const char *mountpoint)
{
    return vb_mounts_each(is_at, (void *)mountpoint);
}
