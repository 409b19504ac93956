/* internal.h - what the parts of fs/store/s3 share. */
#ifndef VB_FS_STORE_S3_INTERNAL_H
#define VB_FS_STORE_S3_INTERNAL_H

#include "fs/remote/remote.h"

#include <pthread.h>

struct s3_store {
    const vb_store_options *options;
    vb_remote *remote;
    char *bucket, *prefix; /* of the root; NULL: paths are addresses themselves.  The prefix is "" or ends in '/' */
    pthread_mutex_t lock;  /* guards what follows, which is found once, when it is needed first */
    bool found;
    vb_credentials credentials;
    char *region, *endpoint;
};

/* One object, or a bucket (key ""), as requests need it. */
struct s3_object {
    char *bucket, *key, *url, *name;
    vb_signer signer;
    bool is_signed;
};

/* Credentials, region, endpoint, and the address. */
int vb_s3_locate(struct s3_store *s, const char *path, struct s3_object *out, vb_error *err);
void vb_s3_object_clear(struct s3_object *o);
#define vb_auto_s3_object __attribute__((cleanup(vb_s3_object_clear))) struct s3_object

/* Headers that every request has, and `more` (NULL-terminated, may be NULL), in an array of `size`. */
enum { VB_S3_HEADERS = 8 };
struct s3_headers {
    char *token;
    const char *list[VB_S3_HEADERS];
};

vb_request vb_s3_request(const struct s3_object *o, struct s3_headers *h, const char *const *more, const char *method,
                         const char *operation, int64_t deadline);
void vb_s3_headers_clear(struct s3_headers *h);
#define vb_auto_s3_headers __attribute__((cleanup(vb_s3_headers_clear))) struct s3_headers

int vb_s3_put(void *store, const char *path, int fd, int64_t size, bool replace, int64_t deadline, vb_error *err);
int vb_s3_list(void *store, const char *prefix, int64_t deadline, vb_object_fn *each, void *arg, vb_error *err);

/* True where the object is the one that was sent with this id: an upload was done though its answer was lost. */
bool vb_s3_has_id(struct s3_store *s, const struct s3_object *o, const char *id, int64_t deadline);

/* The parts of an upload: so that a test need not send 64 MiB. */
int vb_s3_put_parts(struct s3_store *s, const struct s3_object *o, int fd, int64_t size, int64_t part, bool replace,
                    int64_t deadline, vb_error *err);

#endif
