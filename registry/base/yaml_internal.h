/* yaml_internal.h - a loaded document: for yaml.c and yaml_events.c. */
#ifndef VB_BASE_YAML_INTERNAL_H
#define VB_BASE_YAML_INTERNAL_H

#include "registry/base/yaml.h"

#include <yaml.h>

enum { VB_YAML_MAX_NODES = 10 * 1000 * 1000, VB_YAML_MAX_DEPTH = 256 };

/* Memory that is given back together. */
typedef struct vb_yaml_arena {
    struct vb_yaml_block *blocks;
    size_t used, size; /* of the first */
} vb_yaml_arena;

void vb_yaml_arena_free(vb_yaml_arena *arena);

struct vb_yaml {
    char *name;
    int first_line;
    vb_yaml_node *root;
    vb_yaml_node **nodes; /* those that are freed one by one: of a document with aliases */
    size_t count, cap;
    vb_yaml_arena arena; /* the others */
};

/* Loads a document without aliases.  1 where it has one: then nothing was loaded. */
int vb_yaml_load_events(vb_yaml *doc, const char *text, size_t n, vb_error *err);

/* Refuses a key that a mapping has twice. */
int vb_yaml_check_once(const vb_yaml_node *map, vb_error *err);

/* What the parser found to be wrong. */
int vb_yaml_refuse(const vb_yaml *doc, const yaml_parser_t *parser, vb_error *err);

#endif
