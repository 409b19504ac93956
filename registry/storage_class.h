/* storage_class.h - storage classes: what the datasets of a type are, and of which components they can be made.
 *
 * A composite is a storage class with components, each of which has a storage class of its own: an Exposure has an
 * image, a mask, a wcs.  Its datasets are in one file, or in several, one a component (component.h).  Derived
 * components are read-only: they are reckoned from the others and are in no file.
 *
 * What is known comes from three places, each over the ones before it: what daf_butler has by itself
 * (storage_classes.yaml, built into the program), `storageClasses` of the butler.yaml of an imported Gen3 repository,
 * `storageClasses` of the repository's own vbutler.yaml.  A snapshot and a graph carry the latter two with them.  A
 * storage class that none of them names is whole: its name alone is used.
 *
 * A set belongs to one thread at a time; what it has given lives as long as the set. */
#ifndef VB_REGISTRY_STORAGE_CLASS_H
#define VB_REGISTRY_STORAGE_CLASS_H

#include "registry/base/yaml.h"
#include "registry/registry.h"

typedef struct vb_storage_component {
    char *name, *storage_class;
    bool derived;
} vb_storage_component;

typedef struct vb_storage_class {
    char *name;
    char *formatter;                  /* Rubin's class; NULL: not known here */
    vb_storage_component *components; /* by name, with those that are inherited */
    size_t count, cap;
} vb_storage_class;

typedef struct vb_storage_classes vb_storage_classes;

/* What the registry's file knows.  -EINVAL where vbutler.yaml says what cannot be. */
int vb_storage_classes_open(vb_registry *reg, vb_storage_classes **out, vb_error *err);
void vb_storage_classes_close(vb_storage_classes *set);
VB_CLEANUP(vb_storage_classes, vb_storage_classes_close)

/* NULL: nothing is known of it. */
const vb_storage_class *vb_storage_class_find(const vb_storage_classes *set, const char *name);

/* The component of a storage class (which may be NULL, as found); NULL where it has none of that name. */
const vb_storage_component *vb_storage_class_component(const vb_storage_class *class, const char *name);

/* The same for a storage class by name: -EINVAL, with the nearest component or all of them as a hint, where there is
 * none. */
int vb_storage_classes_component(const vb_storage_classes *set, const char *storage_class, const char *name,
                                 const vb_storage_component **out, vb_error *err);

/* What butler.yaml of Rubin's would say of a storage class, {"components": {...}, "derivedComponents": {...}}; NULL
 * where it has no components.  The caller's. */
json_t *vb_storage_class_json(const vb_storage_class *class);

/* All that is known beside what daf_butler has by itself, as JSON; NULL where there is nothing.  The caller frees it.
 */
char *vb_storage_classes_text(const vb_storage_classes *set);

/* Refuses what `storageClasses` of a vbutler.yaml cannot be. */
int vb_storage_classes_check(const vb_yaml_node *node, vb_error *err);

/* ---- what daf_butler has by itself; thread-safe ---- */

bool vb_storage_class_is_rubins(const char *name);

/* By which class Rubin's program reads and writes its artifacts; NULL: none is known. */
const char *vb_storage_class_formatter(const char *name);

#endif
