#include "runner/run/progress.h"

#include "registry/base/log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 26 };

static char line[256];
static bool shown;

static void clear(void)
{
    fputs("\r\033[K", stderr);
}

static void draw(void)
{
    fputs(line, stderr);
    fflush(stderr);
}

static void render(const vb_counts *c, double seconds)
{
    int64_t ended = c->succeeded + c->failed + c->blocked + c->aborted;
    int filled = c->total ? (int)(ended * BAR / c->total) : BAR;
    char bar[BAR + 1];

    memset(bar, ' ', BAR);
    memset(bar, '=', (size_t)filled);
    if (filled < BAR && filled)
        bar[filled - 1] = '>';
    bar[BAR] = 0;
    snprintf(line, sizeof line,
             "[%s] %" PRId64 "/%" PRId64 "  succeeded %" PRId64 "  failed %" PRId64 "%s%.0" PRId64 "  %02d:%02d", bar,
             ended, c->total, c->succeeded, c->failed, c->blocked ? "  blocked " : "", c->blocked, (int)seconds / 60,
             (int)seconds % 60);
}

void vb_run_progress_show(const vb_counts *counts, double seconds)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (!shown)
        vb_log_set_line(clear, draw);
    shown = true;
    render(counts, seconds);
    clear();
    draw();
}

void vb_run_progress_end(const vb_counts *counts, double seconds)
{
    render(counts, seconds);
    if (shown)
        clear();
    vb_log_set_line(NULL, NULL);
    shown = false;
    fprintf(stderr, "%s\n", line);
}
