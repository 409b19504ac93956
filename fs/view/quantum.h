/* quantum.h - the files of an executed quantum, rendered from its receipt. */
#ifndef VB_FS_VIEW_QUANTUM_H
#define VB_FS_VIEW_QUANTUM_H

#include "fs/view/view.h"
#include "registry/provenance.h"

/* The files that a quantum's directory, and each of its attempts', has; NULL-terminated. */
extern const char *const vb_quantum_files[];

/* Renders one of them: command, environment, log, usage.json, io.jsonl, status.json. -ENOENT for other names. */
int vb_quantum_render(vb_call *c, const vb_receipt *receipt, const char *name, vb_buf *out);

/* The directory of a quantum in its task's: DATAID where that leads to it, else (it has no dimensions, or another of
 * its run has been made in its place) its UUID; appended. */
void vb_view_quantum_name(vb_call *c, const vb_executed *q, vb_buf *out);

/* "provenance/RUN/TASK/QUANTUM" below the mount, appended. */
void vb_view_quantum_path(vb_call *c, const vb_executed *q, vb_buf *out);

#endif
