/* data_internal.h - what data.c (asking) and data_write.c (a mount for writing) share. */
#ifndef VB_FS_VIEW_DATA_INTERNAL_H
#define VB_FS_VIEW_DATA_INTERNAL_H

#include "fs/view/view.h"

#include "registry/calibration.h"
#include "registry/value.h"

struct chosen {
    char *dimension;
    vb_value value;
};

struct data_dir {
    char *prefix; /* what the path spells as the beginning of a collection's name; "" for data/ itself, NULL: nothing */
    bool is_collection; /* `prefix` is a collection too */
    char *collection;   /* of the dataset type's part; NULL: none */
    char *type;
    char *component; /* of TYPE.COMPONENT; NULL: all files of a dataset */
    struct chosen *choices;
    size_t count;
    vb_validity validity; /* of calibrations, as the path asks for it */
};

extern const vb_node_class vb_data_class;

/* What a node of data/ chooses. */
const struct data_dir *vb_data_state(const vb_node *dir);

/* ---- data_write.c; all of it says no in a mount that is not for writing ---- */

/* True for a directory that was made, and holds no dataset yet. */
bool vb_data_is_made(vb_call *c, const vb_node *dir, const char *name);

/* The node of a directory in which the datasets of a whole data ID are drafted; NULL: it is none. */
vb_node *vb_data_draft(vb_call *c, vb_node *dir, const char *name, const struct data_dir *d);

/* Adds the directories that were made in one; `exists` says which of them hold datasets, and were listed. */
void vb_data_list_made(vb_call *c, vb_node *dir, vb_listing *l,
                       bool (*exists)(vb_call *c, vb_node *dir, const char *name));

int vb_data_attr(vb_call *c, vb_node *node, struct stat *st);
int vb_data_make(vb_call *c, vb_node *dir, const char *name, mode_t mode, dev_t device, vb_node **child);
int vb_data_create(vb_call *c, vb_node *dir, const char *name, mode_t mode, int flags, vb_node **child,
                   vb_content *out);
int vb_data_unlink(vb_call *c, vb_node *dir, const char *name, bool directory);

#endif
