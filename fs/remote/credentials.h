/* credentials.h - who we are to an S3 store: from the environment, else from the file of profiles that Amazon's tools
 * read.  Never from a command line or from vbutler.yaml.
 *
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     AWS_SHARED_CREDENTIALS_FILE (default ~/.aws/credentials), AWS_PROFILE (default "default")
 *
 * A profile that is asked for by name comes before the environment's keys.  Thread-safe. */
#ifndef VB_FS_REMOTE_CREDENTIALS_H
#define VB_FS_REMOTE_CREDENTIALS_H

#include "registry/base/error.h"

#include <stddef.h>

typedef struct vb_credentials {
    char *key, *secret; /* NULL: there are none, requests are not signed */
    char *token;        /* of a session; may be NULL */
    char *region;       /* of the profile; may be NULL */
    char *endpoint;     /* likewise ("endpoint_url") */
} vb_credentials;

/* `profile` NULL: as the environment says.  -EACCES where a profile is named that is not there, or has half of a key
 * only.  *out is to be cleared, also after a failure; its memory is wiped then. */
int vb_credentials_find(const char *profile, vb_credentials *out, vb_error *err);
void vb_credentials_clear(vb_credentials *c);

/* One profile of the text of such a file; false where it is not in there.  `prefixed`: sections are "[profile NAME]"
 * but for the default, as in ~/.aws/config. */
_Bool vb_credentials_parse(const char *text, size_t n, const char *profile, _Bool prefixed, vb_credentials *out);

#endif
