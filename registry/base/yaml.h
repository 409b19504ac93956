/* yaml.h - YAML documents as trees that know where they came from.
 *
 * Reads one document (YAML 1.1, by libyaml) whole.  A mapping with a key twice, a document that expands to more than
 * ten million nodes through its aliases, and one that contains itself are refused.  Scalars keep their text; what they
 * mean is asked with vb_yaml_int() and its kin, which know which text was quoted.  A loaded document does not change:
 * it may be read by several threads. */
#ifndef VB_BASE_YAML_H
#define VB_BASE_YAML_H

#include "registry/base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef enum vb_yaml_kind { VB_YAML_SCALAR, VB_YAML_LIST, VB_YAML_MAP } vb_yaml_kind;

typedef struct vb_yaml_node vb_yaml_node;

typedef struct vb_yaml_pair {
    const vb_yaml_node *key; /* NULL in a list */
    const vb_yaml_node *value;
} vb_yaml_pair;

struct vb_yaml_node {
    vb_yaml_kind kind;
    const char *file; /* for messages */
    int line, column; /* from 1 */
    char *tag;        /* as written, "!uuid"; NULL where none was */
    char *text;       /* scalar */
    size_t length;
    bool quoted;
    vb_yaml_pair *items; /* list, map */
    size_t count, cap;
};

typedef struct vb_yaml vb_yaml;

int vb_yaml_load_file(const char *path, vb_yaml **out, vb_error *err);

/* `name` stands for the file in messages. */
int vb_yaml_load(const char *name, const char *text, size_t n, vb_yaml **out, vb_error *err);

/* The same for a part of a file that is YAML by itself and begins at line `first_line` (from 1) of it. */
int vb_yaml_load_part(const char *name, int first_line, const char *text, size_t n, vb_yaml **out, vb_error *err);
void vb_yaml_free(vb_yaml *doc);
VB_CLEANUP(vb_yaml, vb_yaml_free)

/* NULL for an empty document. */
const vb_yaml_node *vb_yaml_root(const vb_yaml *doc);

/* The value of a key, NULL where the node is NULL, is no map, or has no such key. */
const vb_yaml_node *vb_yaml_get(const vb_yaml_node *map, const char *key);

/* The text of a scalar; NULL where the node is NULL, is no scalar, or is null. */
const char *vb_yaml_text(const vb_yaml_node *node);
const char *vb_yaml_get_text(const vb_yaml_node *map, const char *key);

/* True for a missing node, `~`, `null` and a plain empty scalar. */
bool vb_yaml_is_null(const vb_yaml_node *node);

/* Plain scalars only (YAML 1.1: underscores, 0x, yes/no/on/off). False where the node is none such. */
bool vb_yaml_int(const vb_yaml_node *node, int64_t *out);
bool vb_yaml_double(const vb_yaml_node *node, double *out);
bool vb_yaml_bool(const vb_yaml_node *node, bool *out);

/* A scalar or a list of scalars as strings; the caller frees it with vb_strv_free(). -EINVAL and err otherwise. */
int vb_yaml_strings(const vb_yaml_node *node, char ***out, vb_error *err);

/* The whole as JSON, plain scalars by YAML 1.1's rules; what a tag says is dropped. */
json_t *vb_yaml_json(const vb_yaml_node *node);

/* "FILE:LINE:COLUMN: " and the message. Returns -EINVAL. */
int vb_yaml_fail(vb_error *err, const vb_yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuses keys of `map` that are not in `known` (NULL-terminated), with the nearest that is as a hint. */
int vb_yaml_check_keys(const vb_yaml_node *map, const char *what, const char *const *known, vb_error *err);

#endif
