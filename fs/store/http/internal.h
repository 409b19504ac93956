/* internal.h - what the parts of fs/store/http share. */
#ifndef VB_FS_STORE_HTTP_INTERNAL_H
#define VB_FS_STORE_HTTP_INTERNAL_H

#include "fs/remote/remote.h"

struct http_store {
    vb_remote *remote;
    char *root; /* "": paths are addresses themselves */
};

/* The address of an artifact, and its name for messages; the caller frees both. */
int vb_http_locate(const struct http_store *s, const char *path, char **url, char **name, vb_error *err);

/* WebDAV (RFC 4918). */
int vb_dav_put(void *store, const char *path, int fd, int64_t size, bool replace, int64_t deadline, vb_error *err);
int vb_dav_list(void *store, const char *prefix, int64_t deadline, vb_object_fn *each, void *arg, vb_error *err);

#endif
