/* gen3.h - gen3/: the datasets under the paths that Rubin's file templates give, with butler.yaml and gen3.sqlite3.
 *
 * So Rubin's butler opens the directory as its repository.  The table of paths and gen3.sqlite3 are made when something
 * below gen3/ is first asked for, and stay as they are then: both in private files, gone with the view.  Of a Gen3
 * repository its own files are shown, at their own paths. */
#ifndef VB_FS_VIEW_GEN3_H
#define VB_FS_VIEW_GEN3_H

#include "fs/view/view.h"

typedef struct vb_gen3_tree vb_gen3_tree;

/* `repository` is that of Rubin's that the view shows (a directory, or its butler.yaml); NULL: one of ours. */
vb_gen3_tree *vb_gen3_tree_new(const char *repository);
void vb_gen3_tree_free(vb_gen3_tree *tree);
VB_CLEANUP(vb_gen3_tree, vb_gen3_tree_free)

#endif
