/* list.h - a page of a bucket's objects, as ListObjectsV2 answers with encoding-type=url.  Untrusted. */
#ifndef VB_FS_STORE_S3_LIST_H
#define VB_FS_STORE_S3_LIST_H

#include "fs/store/class.h"

#include <stddef.h>

/* Tells `each` of the objects by their keys.  *next: how the next page is asked for, which the caller frees; NULL: this
 * is the last one. */
int vb_s3_parse_page(const char *data, size_t n, vb_object_fn *each, void *arg, char **next, vb_error *err);

#endif
