/* header.h - the headers of a FITS file, and the values of their cards.
 *
 * Only headers are read.  A header is kept as the text of its cards, 80 characters each, as it would be if
 * the image were not compressed (cfitsio's translation).  A file is refused, in a sentence, where it is not
 * FITS or shorter than its headers say.  Thread-safe, where cfitsio was built so (vb_fits_threads()). */
#ifndef VB_FS_INGEST_HEADER_H
#define VB_FS_INGEST_HEADER_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { VB_CARD = 80 };

typedef struct vb_hdu {
    char *cards;
    int count;     /* of cards */
    bool is_image; /* it has pixels in two axes or more */
    int64_t width, height;
    int64_t bytes; /* of its header and data in the file */
} vb_hdu;

typedef struct vb_fits {
    vb_hdu *hdus; /* by number, the primary is 0 */
    int count;
    bool packed; /* the file is compressed as a whole: its HDUs have no places in it */
} vb_fits;

/* -EINVAL and a sentence (which does not name the file: the caller does) for what is no FITS file, or a
 * damaged one. */
int vb_fits_read(const char *path, vb_fits *out, vb_error *err);
void vb_fits_clear(vb_fits *fits);
#define vb_auto_fits __attribute__((cleanup(vb_fits_clear))) vb_fits

/* The number of HDUs with an image; *first is the first of them. */
int vb_fits_images(const vb_fits *fits, int *first);

/* False where only one thread may read files at a time.  To be asked before several do. */
bool vb_fits_threads(void);

/* What a card says for an HDU: that of its own header, or else of the primary. */
typedef struct vb_header {
    const char *own, *primary; /* cards, NUL-terminated; either may be NULL */
} vb_header;

vb_header vb_fits_header(const vb_fits *fits, int hdu);

/* The value of a card as text, without quotes and trailing blanks; *out is replaced.  False where there is no
 * such card or it has no value. */
bool vb_header_get(const vb_header *header, const char *card, vb_buf *out);

#endif
