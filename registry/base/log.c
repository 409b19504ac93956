#include "registry/base/log.h"

#include "registry/base/mem.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*clear_line)(void), (*draw_line)(void);
static vb_level threshold = VB_INFO;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct {
    const char *name;
    vb_level level;
} levels[] = {
    {"trace", VB_DEBUG},  {"debug", VB_DEBUG},     {"verbose", VB_VERBOSE}, {"info", VB_INFO},
    {"warn", VB_WARNING}, {"warning", VB_WARNING}, {"error", VB_ERROR},     {"critical", VB_ERROR},
};

static bool apply(const char *name)
{
    for (size_t i = 0; i < VB_COUNT(levels); i++)
        if (!strcasecmp(name, levels[i].name)) {
            threshold = levels[i].level;
            return true;
        }
    return false;
}

static void from_environment(void)
{
    const char *name = getenv("VBUTLER_LOG_LEVEL");

    if (name)
        apply(name);
}

bool vb_log_set_level(const char *name)
{
    pthread_once(&once, from_environment);
    return apply(name);
}

bool vb_log_enabled(vb_level level)
{
    pthread_once(&once, from_environment);
    return level >= threshold;
}

void vb_log(vb_level level, const char *format, ...)
{
    static const char *const prefixes[] = {"debug: ", "", "", "warning: ", "error: "};
    va_list args;

    if (!vb_log_enabled(level))
        return;
    pthread_mutex_lock(&output_lock);
    if (clear_line)
        clear_line();
    fputs(prefixes[level], stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    if (draw_line)
        draw_line();
    pthread_mutex_unlock(&output_lock);
}

void vb_log_set_line(void (*clear)(void), void (*draw)(void))
{
    pthread_mutex_lock(&output_lock);
    clear_line = clear;
    draw_line = draw;
    pthread_mutex_unlock(&output_lock);
}
