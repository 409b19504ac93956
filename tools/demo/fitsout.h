/* fitsout.h - FITS files written whole, in the form that the real ones have, with no date of writing.
 *
 * The directory of a file is made.  Both calls return 0, or a negative errno with a sentence in `err`; a file
 * that is there is not overwritten, and one that could not be written whole is removed. */
#ifndef VB_DEMO_FITSOUT_H
#define VB_DEMO_FITSOUT_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

typedef struct fitsout_pixels {
    int bitpix, type; /* cfitsio's, in the file and in memory */
    void *data;
} fitsout_pixels;

/* A primary HDU without data and one image of size x size pixels, each with its cards (cards.h). */
int fitsout_image(const char *path, const vb_buf *primary, const vb_buf *extension, fitsout_pixels px, int size,
                  vb_error *err);

/* A column of a table whose rows are an array of structs. */
typedef struct fitsout_column {
    const char *name, *form; /* TTYPE, TFORM */
    int type;                /* cfitsio's; TSTRING: an array of characters */
    size_t offset;           /* in the struct */
} fitsout_column;

/* One binary table.  A name that ends in .gz is compressed. */
int fitsout_table(const char *path, const fitsout_column *columns, size_t n, void *rows, size_t row_size, size_t count,
                  vb_error *err);

#endif
