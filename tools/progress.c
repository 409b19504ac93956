#include "tools/progress.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static const int64_t PATIENCE_NS = 1000000000;

static int64_t begun;
static bool shown;
static char line[128];

static void clear(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
}

static void draw(void)
{
    if (shown)
        fputs(line, stderr);
    fflush(stderr);
}

static void tell(void *arg, const char *what, size_t done, size_t total)
{
    char is[32], all[32];

    if (vb_clock_monotonic_ns() - begun < PATIENCE_NS)
        return;
    if (!shown)
        vb_log_set_line(clear, draw);
    shown = true;
    snprintf(line, sizeof line, "\r\033[K%s: %s of %s", what, vb_thousands(is, sizeof is, (int64_t)done),
             vb_thousands(all, sizeof all, (int64_t)total));
    draw();
}

const vb_progress *vb_progress_on_terminal(void)
{
    static const vb_progress progress = {tell, NULL};

    begun = vb_clock_monotonic_ns();
    return isatty(STDERR_FILENO) ? &progress : NULL;
}

void vb_progress_end(void)
{
    clear();
    shown = false;
    vb_log_set_line(NULL, NULL);
}
