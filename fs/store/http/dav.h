/* dav.h - what a WebDAV server answers to PROPFIND.  Untrusted. */
#ifndef VB_FS_STORE_HTTP_DAV_H
#define VB_FS_STORE_HTTP_DAV_H

#include "fs/store/class.h"

#include <stddef.h>

/* Told of each entry: its path as the server writes it (an address, or what follows the host; encoded). */
typedef int vb_dav_entry_fn(void *arg, const char *href, bool directory, const vb_object *object);

int vb_dav_parse(const char *data, size_t n, vb_dav_entry_fn *each, void *arg, vb_error *err);

#endif
