/* export_file.h - the YAML of an export, section by section.
 *
 * An export (`butler export`, formats 0 and 1.0.0 to 1.0.2) is a mapping with `data`, a list of entries: records of a
 * dimension, a collection, a dataset type, datasets, associations.  It is not read whole: a first look at the lines
 * finds where each entry is, and where the pieces of its list are (`records`, `dataset_ids` or `validity_ranges`); an
 * entry is then handed out piece by piece, each a small document, parsed one ahead by a thread.  What is not laid out
 * like that (flow style, anchors, keys after the list) is YAML all the same: then the whole file is loaded.
 *
 * A file belongs to one thread at a time. */
#ifndef VB_REGISTRY_EXCHANGE_EXPORT_FILE_H
#define VB_REGISTRY_EXCHANGE_EXPORT_FILE_H

#include "registry/base/error.h"
#include "registry/base/yaml.h"

typedef struct vb_export_file vb_export_file;

/* -ENOENT; -EINVAL where it is no export, or one of a format that is not known. */
int vb_export_file_open(const char *path, vb_export_file **out, vb_error *err);
void vb_export_file_close(vb_export_file *f);
VB_CLEANUP(vb_export_file, vb_export_file_close)

const char *vb_export_file_path(const vb_export_file *f);
int vb_export_file_universe(const vb_export_file *f); /* 0 where the file does not say */
const char *vb_export_file_namespace(const vb_export_file *f);

/* Calls `each` for every piece of every entry of a type ("dimension", "dataset", ...), in the file's order; with `key`,
 * for entries alone whose value of that key is `value`.  `entry` has the entry's own keys, `items` a part of its list
 * (NULL where it has none).  What `each` returns other than 0 ends it and is returned. */
typedef int vb_export_fn(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err);
int vb_export_file_each(vb_export_file *f, const char *type, const char *key, const char *value, vb_export_fn *each,
                        void *arg, vb_error *err);

/* "records", "dataset_ids" or "validity_ranges": the key of the list that an entry has; NULL: none. */
const char *vb_export_list_key(const vb_yaml_node *entry);

#endif
