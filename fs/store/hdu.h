/* hdu.h - one HDU of a multi-extension FITS file as a file of its own: the primary HDU, then that one.
 *
 * FITS is a row of header-and-data units, each a multiple of 2880 bytes, so the two laid end to end are a FITS file
 * (FITS Standard 4.0, section 3.1).  Nothing is copied: a content of two segments. */
#ifndef VB_FS_STORE_HDU_H
#define VB_FS_STORE_HDU_H

#include "fs/view/node.h"
#include "registry/base/error.h"

/* Fills content->segments, size and whole for HDU number `hdu` (the primary is 0) of the file; -EINVAL where it has
 * none. */
int vb_hdu_segments(int fd, int hdu, vb_content *content, vb_error *err);

#endif
