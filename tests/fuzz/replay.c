/* replay.c - a target without a fuzzer: each file of the folders that are named is given to it once.
 *
 * The file's name is printed before, so that the last line tells which one did harm.  A folder without files is an
 * error: nothing would have been tested. */
#include "registry/base/buf.h"
#include "registry/base/path.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { LARGEST_INPUT = 1 << 20 };

/* In memory of just its size, so that a sanitizer sees a read beyond its end. */
static void replay_file(const char *path)
{
    vb_auto_buf bytes = {0};
    vb_auto_error err = VB_ERROR_INIT;
    uint8_t *exact;

    fprintf(stderr, "%s\n", path);
    if (vb_read_file(AT_FDCWD, path, LARGEST_INPUT, &bytes, &err) < 0) {
        vb_error_print(&err);
        exit(1);
    }
    exact = malloc(bytes.len ? bytes.len : 1);
    check(exact != NULL);
    memcpy(exact, vb_buf_text(&bytes), bytes.len);
    check(LLVMFuzzerTestOneInput(exact, bytes.len) == 0);
    free(exact);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, visible, alphasort);

    for (int i = 0; i < n; i++) {
        vb_autofree char *file = vb_path_join(path, entries[i]->d_name);

        replay_file(file);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return n;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (replay_folder(argv[i]) <= 0) {
            fprintf(stderr, "%s: no input to be replayed\n", argv[i]);
            return 1;
        }
    return 0;
}
