/* site.h - what is prepared once a run, before its workers: how jobs are started, what they must not see, what is made
 * before any quantum.  Internal to runner/run. */
#ifndef VB_RUNNER_RUN_SITE_H
#define VB_RUNNER_RUN_SITE_H

#include "runner/run/attempt.h"

/* Makes the init-outputs that are missing: packages, LABEL_files; and files/ of the run's directory. */
int vb_make_init_outputs(vb_site *site, vb_registry *reg, vb_graph *g, vb_error *err);

/* Starts the zygote, and says of the site how its jobs are: mountpoint, capture, passthrough.  Called while there is
 * one thread. */
int vb_site_start(vb_site *site, vb_graph *g, vb_error *err);

/* The directories that jobs must not see, NULL-terminated: the repository, those of artifacts outside of it (the
 * targets of symbolic links: of the graph's own inputs), mounts that show one of these.  What cannot be covered is
 * noted in *reachable. */
int vb_find_masks(const vb_site *site, vb_graph *g, char ***masks, vb_buf *reachable, vb_error *err);

/* Adds "DIR reachable" to a receipt's `capture`. */
void vb_note_reachable(vb_buf *text, const char *dir);

#endif
