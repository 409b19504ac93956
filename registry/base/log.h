/* log.h - what a program says beside its output: on stderr, one line each.
 *
 * The level is set once, by the program's --log-level or the environment variable VBUTLER_LOG_LEVEL (Rubin's words:
 * TRACE, DEBUG, VERBOSE, INFO, WARNING, ERROR).  Thread-safe. */
#ifndef VB_BASE_LOG_H
#define VB_BASE_LOG_H

#include <stdbool.h>

typedef enum vb_level { VB_DEBUG, VB_VERBOSE, VB_INFO, VB_WARNING, VB_ERROR } vb_level;

bool vb_log_set_level(const char *name); /* false: no such level */
bool vb_log_enabled(vb_level level);
void vb_log(vb_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A progress line that is drawn over itself on a terminal is cleared before a log line and drawn again after: the
 * drawer registers itself here (NULL: none). */
void vb_log_set_line(void (*clear)(void), void (*draw)(void));

#endif
