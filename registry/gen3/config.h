/* config.h - butler.yaml of a Gen3 repository: where its registry and its artifacts are.
 *
 * Read: registry.db and registry.namespace; the datastore (FileDatastore, or a ChainedDatastore of such; in-memory ones
 * have no files); what it says of storage classes, formatters and file templates; `root`, `includeConfigs`.  What a
 * butler.yaml leaves out has Rubin's defaults.  A kind of datastore that is not known is refused by name.  Source:
 * daf_butler, "Configuring a Butler". */
#ifndef VB_REGISTRY_GEN3_CONFIG_H
#define VB_REGISTRY_GEN3_CONFIG_H

#include "registry/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct vb_gen3_datastore {
    char *name;  /* as dataset_location has it: "FileDatastore@<butlerRoot>" */
    char *root;  /* an absolute directory, or a URL that is not file:// */
    char *table; /* of its records */
} vb_gen3_datastore;

typedef struct vb_gen3_config {
    char *root;      /* <butlerRoot>: absolute */
    char *file;      /* its butler.yaml */
    char *db;        /* registry.db: a path of an SQLite file, or a URL of PostgreSQL */
    char *namespace; /* the schema in PostgreSQL; may be NULL */
    bool is_postgres;
    vb_gen3_datastore *datastores; /* in the order in which they are asked */
    size_t ndatastores, cap;
    json_t *overrides; /* {"storageClasses", "formatters", "templates"}, as far as it has them */
} vb_gen3_config;

/* `path` is a repository's directory or its butler.yaml.  -ENOENT with a hint where it is none. */
int vb_gen3_config_read(const char *path, vb_gen3_config **out, vb_error *err);
void vb_gen3_config_free(vb_gen3_config *c);
VB_CLEANUP(vb_gen3_config, vb_gen3_config_free)

/* True where the directory has a butler.yaml and no vbutler.yaml, or the file is called so. */
bool vb_gen3_is_repository(const char *path);

/* "%20" becomes a space: what stands in a URL.  The caller frees it. */
char *vb_gen3_unquote(const char *text);

#endif
