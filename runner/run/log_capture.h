/* log_capture.h - what a task prints, as log records with their times: Rubin's ButlerLogRecords, a JSON array.
 *
 * stdout and stderr come through pipes that the session's thread reads; a line is a record.  Escape sequences with
 * which programs redraw lines are taken out.  Long logs go to a file as they come. */
#ifndef VB_RUNNER_RUN_LOG_CAPTURE_H
#define VB_RUNNER_RUN_LOG_CAPTURE_H

#include "registry/base/buf.h"
#include "registry/base/error.h"
#include "registry/base/hash.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct vb_log_capture vb_log_capture;

/* `name` is the logger's, the task's label; `spill` a path for what does not fit into memory. */
vb_log_capture *vb_log_capture_new(const char *name, const char *spill);
void vb_log_capture_free(vb_log_capture *log);
VB_CLEANUP(vb_log_capture, vb_log_capture_free)

/* The writing ends are for the task, and closed here with vb_log_capture_started(). */
int vb_log_capture_open(vb_log_capture *log, int *out, int *err_fd, vb_error *err);
void vb_log_capture_started(vb_log_capture *log);

/* What comes is also written to our own stdout and stderr, as it is. */
void vb_log_capture_echo(vb_log_capture *log);

/* The reading ends: 0 stdout, 1 stderr. */
int vb_log_capture_fd(const vb_log_capture *log, int stream);

/* Reads what is there; false at the end of the stream. */
bool vb_log_capture_read(vb_log_capture *log, int stream);

/* Adds a record of the runner's own. */
void vb_log_capture_say(vb_log_capture *log, const char *level, const char *message);

/* Ends the array.  Then: writes it to a new file, with its size and checksum. */
int vb_log_capture_write(vb_log_capture *log, int fd, int64_t *size, vb_hash *checksum, vb_error *err);

/* The last records, for a receipt; and the last lines of text, at most `n`, for a message. */
json_t *vb_log_capture_tail(const vb_log_capture *log);
void vb_log_capture_last_lines(const vb_log_capture *log, int n, vb_buf *out);

#endif
