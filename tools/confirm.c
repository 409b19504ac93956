#include "tools/confirm.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int vb_confirm(const char *question, vb_error *err)
{
    char answer[16];

    fflush(stdout);
    fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(answer, sizeof answer, stdin)) {
        fputc('\n', stderr);
        vb_fail(err, -ECANCELED, "nobody is there to ask: %s", question);
        vb_hint(err, "--no-confirm does it without asking, --dry-run only says what would be done");
        return -ECANCELED;
    }
    answer[strcspn(answer, "\n")] = 0;
    if (!strcasecmp(answer, "y") || !strcasecmp(answer, "yes"))
        return 1;
    fputs("nothing was changed\n", stderr);
    return 0;
}
