/* zip.h - one member of a zip file as a file of its own: artifacts that Rubin's butler keeps as FILE#unzip=MEMBER.
 *
 * A stored member is a segment of the file, and nothing is copied; a compressed one is unpacked into memory.  The
 * directory of the file is untrusted: every offset is checked against its size.  Source: PKWARE's APPNOTE.TXT 6.3,
 * 4.3 (with Zip64).  Thread-safe. */
#ifndef VB_FS_STORE_ZIP_H
#define VB_FS_STORE_ZIP_H

#include "fs/view/node.h"
#include "registry/base/error.h"

/* Fills *content for the member of the file content->fd, which has content->size bytes; the descriptor may be replaced.
 * -ENOENT where it has no such member; -EINVAL where it is no zip file, or is damaged. */
int vb_zip_member(const char *member, vb_content *content, vb_error *err);

#endif
