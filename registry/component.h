/* component.h - datasets that are in several files, one a component; and TYPE.COMPONENT, which addresses one of them.
 *
 * A composite (storage_class.h) is either whole, in one file that `location` has, or in parts, and then each part is a
 * row of `component`.  It is one dataset all the same: one UUID, one data ID, one run; provenance speaks of the
 * dataset. Which components a dataset has is fixed when it is inserted; where their files are may be forgotten (fsck).
 */
#ifndef VB_REGISTRY_COMPONENT_H
#define VB_REGISTRY_COMPONENT_H

#include "registry/dataset.h"

enum { VB_MAX_COMPONENTS = 4095 }; /* of a dataset: `number` is 12 bits of an inode number */

/* One file of a dataset. */
typedef struct vb_file {
    char *component;     /* NULL: the whole dataset is in it */
    int number;          /* its component's place among the dataset's, from 1; 0: the whole */
    char *storage_class; /* the component's; NULL: the whole */
    vb_location location;
} vb_file;

void vb_file_clear(vb_file *f);
vb_file vb_file_copy(const vb_file *f);
#define vb_auto_file __attribute__((cleanup(vb_file_clear))) vb_file

typedef struct vb_files {
    vb_file *items;
    size_t count, cap;
} vb_files;

void vb_files_clear(vb_files *files);
#define vb_auto_files __attribute__((cleanup(vb_files_clear))) vb_files

/* All files of a dataset: the whole, where there is one, then its components by name.  None: its artifact is not held.
 */
int vb_files_get(vb_registry *reg, int64_t dataset_id, vb_files *out, vb_error *err);

/* Calls `each` with the place of every file: of the whole datasets, then of the components, in no order.  Of the
 * location only store and path are filled. */
typedef int vb_place_fn(void *arg, int64_t dataset_id, int number, const vb_location *place, vb_error *err);
int vb_files_each(vb_registry *reg, vb_place_fn *each, void *arg, vb_error *err);

/* The file of one component: 1, 0 where there is none. */
int vb_component_get(vb_registry *reg, int64_t dataset_id, const char *component, vb_file *out, vb_error *err);

/* Inserts the file of a component of a dataset that is inserted; fills f->number.  In a transaction. */
int vb_component_insert(vb_registry *reg, const vb_dataset *d, vb_file *f, vb_error *err);

/* What fsck changes. */
int vb_component_forget(vb_registry *reg, int64_t dataset_id, const char *component, vb_error *err);
int vb_component_set_mtime(vb_registry *reg, int64_t dataset_id, const char *component, int64_t mtime, vb_error *err);

/* 1 where a dataset of the type has, or had, a file of its own for the component; 0 where none has. */
int vb_component_known(vb_registry *reg, int64_t type_id, const char *component, vb_error *err);

/* All such components of a type, sorted; the caller frees *out with vb_strv_free(). */
int vb_component_names(vb_registry *reg, int64_t type_id, char ***out, vb_error *err);

/* ---- TYPE.COMPONENT ---- */

/* -EINVAL for what cannot name a component: a letter or '_', then letters, digits and '_', at most 64. */
int vb_component_check_name(const char *name, vb_error *err);

/* Parts "calexp.image" at its first dot; the caller frees both.  False where it is no such name: there is no dot, or
 * what follows it names no component. */
bool vb_component_split(const char *name, char **type, char **component);

/* The dataset type and the component of "calexp.image", where the type's datasets have, or had, files of it (1;
 * *component is the caller's), 0 where it is no such name. */
int vb_component_find(vb_registry *reg, const char *name, const vb_dataset_type **type, char **component,
                      vb_error *err);

/* The component as a dataset type by itself, "calexp.image" with the type's dimensions and the component's storage
 * class: for names of files.  It is registered nowhere; clear it with vb_dataset_type_clear(). */
void vb_component_type(const vb_dataset_type *type, const char *component, const char *storage_class,
                       vb_dataset_type *out);

/* The type by which a file of a dataset is called: the dataset's, or *part, which is filled for a component (and is
 * cleared by the caller, who has it zeroed). */
const vb_dataset_type *vb_file_type(const vb_dataset_type *type, const vb_file *f, vb_dataset_type *part);
#define vb_auto_part __attribute__((cleanup(vb_dataset_type_clear))) vb_dataset_type

#endif
