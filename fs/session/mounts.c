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

bool vb_mounted_at(const char *mountpoint)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (f && !found && getline(&line, &size, f) > 0) {
        char **words = vb_split(line, ' ', NULL);
        bool ours = strstr(line, " - fuse.vbutler ") != NULL;

        if (ours && vb_strv_count(words) > 4) {
            vb_autofree char *path = unescape(words[4]);

            found = !strcmp(path, mountpoint);
        }
        vb_strv_free(words);
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}
