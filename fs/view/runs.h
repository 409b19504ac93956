/* runs.h - directories that spell the names of RUN collections with quanta: of provenance/ and reports/.
 *
 * Such a directory's node data is the name so far as text (NULL at the top); what a whole run shows is the branch's.  A
 * run whose name begins another's shows both. */
#ifndef VB_FS_VIEW_RUNS_H
#define VB_FS_VIEW_RUNS_H

#include "fs/view/view.h"

typedef int vb_run_lookup_fn(vb_call *c, vb_node *dir, const char *run, const char *name, vb_node **child);
typedef int vb_run_list_fn(vb_call *c, const char *run, vb_listing *l);

int vb_runs_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child, vb_run_lookup_fn *in_run);
int vb_runs_list(vb_call *c, vb_node *dir, vb_listing *l, vb_run_list_fn *in_run);

#endif
