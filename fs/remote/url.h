/* url.h - addresses of remote artifacts (RFC 3986), as far as stores need them.
 *
 * A location's path is an address where it has a scheme: "https://HOST/PATH", "s3://BUCKET/KEY".  Addresses are
 * untrusted: they come from tables, exports and Gen3 repositories.  Thread-safe. */
#ifndef VB_FS_REMOTE_URL_H
#define VB_FS_REMOTE_URL_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* An address in parts, none of them decoded. */
typedef struct vb_url {
    char *scheme;    /* in lower case */
    char *authority; /* the host, with its port where one is named: "data.example.org:8080"; a bucket */
    char *path;      /* from the '/' on; "" where there is none */
    char *query;     /* from the '?' on; "" where there is none */
} vb_url;

/* -EINVAL where text is no address of http, https or s3; where it has a user or a password (they belong into ~/.netrc)
 * or a signature in its query, which would end up in the registry; or where it has bytes that no address has.  *out is
 * to be cleared only after 0. */
int vb_url_parse(const char *text, vb_url *out, vb_error *err);
void vb_url_clear(vb_url *u);

/* The host without its port, as options are found by. */
char *vb_url_host(const vb_url *u);

/* For messages: without user, query and fragment.  The caller frees it. */
char *vb_url_shown(const char *text);

/* The last name of an address's path, decoded: "a.fits" of "https://h/x/a.fits?v=1".  The caller frees it. */
char *vb_url_name(const char *text);

/* The address of a plain path below a root, whose own query is dropped.  The caller frees it. */
char *vb_url_join(const char *root, const char *path);

#endif
