#include "tools/confirm.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

bool vb_confirm(const char *question, vb_error *err)
{
    char answer[16];

    if (!isatty(STDIN_FILENO)) {
        vb_fail(err, -ECANCELED, "nobody is there to ask: %s", question);
        vb_hint(err, "--no-confirm does it without asking, --dry-run only says what would be done");
        return false;
    }
    fprintf(stderr, "%s [y/N] ", question);
    if (fgets(answer, sizeof answer, stdin) && (!strcasecmp(answer, "y\n") || !strcasecmp(answer, "yes\n")))
        return true;
    vb_fail(err, -ECANCELED, "nothing was done");
    return false;
}
