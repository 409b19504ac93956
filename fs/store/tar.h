/* tar.h - one member of a tar archive as a file of its own: artifacts that are kept as FILE#untar=MEMBER.
 *
 * The archive may be compressed (gzip, bzip2, xz, zstd).  It has no directory, so it is read from its start until the
 * member is met (the first of that name), which is unpacked into a file without a name.  Untrusted (libarchive reads
 * it). Thread-safe. */
#ifndef VB_FS_STORE_TAR_H
#define VB_FS_STORE_TAR_H

#include "fs/view/node.h"
#include "registry/base/error.h"

/* Fills *content for the member of the file content->fd, and replaces that descriptor by `to`, an empty file, which is
 * the content's afterwards; the caller's where it fails.  -ENOENT where there is no such member; -EINVAL where it is no
 * tar archive, or is damaged, or the member is no regular file. */
int vb_tar_member(const char *member, int to, vb_content *content, vb_error *err);

#endif
