/* store_options.h - how a store is reached: what vbutler.yaml says of it under `stores:`.
 *
 * No credentials are in here: they come from the environment, from ~/.aws/credentials, or from ~/.netrc. */
#ifndef VB_REGISTRY_STORE_OPTIONS_H
#define VB_REGISTRY_STORE_OPTIONS_H

#include "registry/base/yaml.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the bucket's name stands in an address of S3. */
typedef enum vb_addressing {
    VB_ADDRESSING_AUTO, /* as Amazon and as others do: "virtual" there, "path" here */
    VB_ADDRESSING_PATH,
    VB_ADDRESSING_VIRTUAL, /* it is a part of the host's name */
} vb_addressing;

typedef struct vb_store_options {
    char *name;     /* of a store, a host ("data.example.org") or a bucket: what the options are for */
    char **chain;   /* roots that are tried in order; NULL: the one that the registry has */
    char *endpoint; /* of S3: "https://s3.example.org"; NULL: from the environment, else Amazon's */
    char *region;   /* of S3; NULL: from the environment or the profile */
    char *profile;  /* of ~/.aws/credentials; NULL: AWS_PROFILE, else "default" */
    vb_addressing addressing;
    int64_t timeout; /* nanoseconds that a store may be silent; see vb_store_deadline() */
    int retries;     /* of one request, after the first try */
    int64_t rate;    /* bytes a second, of all transfers of the process; 0: no limit */
    int parallel;    /* transfers at once; 0: as many as the caller likes */
} vb_store_options;

/* What holds where vbutler.yaml says nothing. */
#define VB_STORE_OPTIONS_INIT                \
    {                                        \
        .timeout = 60000000000, .retries = 4 \
    }

typedef struct vb_store_config {
    vb_store_options *items;
    size_t count, cap;
} vb_store_config;

/* Reads the map `stores:` (NULL: none).  *out is to be cleared, also after a failure. */
int vb_store_config_read(const vb_yaml_node *node, vb_store_config *out, vb_error *err);

/* The same from DIR/vbutler.yaml; nothing where there is no such file. */
int vb_store_config_load(const char *dir, vb_store_config *out, vb_error *err);
void vb_store_config_clear(vb_store_config *config);

/* The options for a name; NULL: there are none. */
const vb_store_options *vb_store_config_find(const vb_store_config *config, const char *name);

/* When an operation that moves `size` bytes (-1: not known) must be done, on the monotonic clock: after the timeout,
 * and one second for each megabyte (longer with a lower rate), so that only what stands still runs into it. */
int64_t vb_store_deadline(const vb_store_options *options, int64_t size);

#endif
