/* cache_options.h - where a node keeps copies of remote artifacts: what vbutler.yaml says under `cache:`.
 *
 * A cache is one directory or several, the fastest first.  The environment variable VBUTLER_CACHE (directories with ':'
 * between them) takes the place of what vbutler.yaml says, VBUTLER_CACHE_SIZE and VBUTLER_CACHE_FILES that of the
 * quotas.  Where nothing is said it is /var/tmp/vbutler-UID/cache. */
#ifndef VB_REGISTRY_CACHE_OPTIONS_H
#define VB_REGISTRY_CACHE_OPTIONS_H

#include "registry/base/yaml.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct vb_cache_tier {
    char *directory; /* absolute */
    int64_t size;    /* bytes that it may hold; 0: a tenth of the file system */
    int64_t files;   /* that it may hold */
    bool shared;     /* by several nodes: it holds whole artifacts only */
} vb_cache_tier;

typedef struct vb_cache_options {
    vb_cache_tier *tiers; /* the fastest first */
    size_t count, cap;
} vb_cache_options;

enum { VB_CACHE_FILES = 100000 };

/* Reads `cache:`, a map or a list of maps (NULL: nothing).  *out is to be cleared, also after a failure. */
int vb_cache_options_read(const vb_yaml_node *node, vb_cache_options *out, vb_error *err);

/* What holds for the repository in `dir` (NULL: for none), by its vbutler.yaml and the environment: one directory or
 * more.  *out is to be cleared, also after a failure. */
int vb_cache_options_load(const char *dir, vb_cache_options *out, vb_error *err);

void vb_cache_options_clear(vb_cache_options *o);
#define vb_auto_cache_options __attribute__((cleanup(vb_cache_options_clear))) vb_cache_options

#endif
