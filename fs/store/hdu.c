#include "fs/store/hdu.h"

#include "registry/base/library.h"
#include "registry/base/mem.h"

#include <fitsio.h>
#include <inttypes.h>

/* clang-format off */
#define FUNCTIONS(X)                                                                                       \
    X(fits_clear_errmsg) X(fits_close_file) X(fits_get_errstatus) X(fits_get_hduaddrll) X(fits_movabs_hdu) \
    X(fits_open_diskfile)
/* clang-format on */
VB_LIBRARY(cfitsio, VB_LIB_CFITSIO, FUNCTIONS)

/* The bytes of an HDU. */
static int extent(fitsfile *file, int hdu, vb_segment *out, int *status)
{
    LONGLONG head, data, end;

    cfitsio.fits_movabs_hdu(file, hdu + 1, NULL, status);
    cfitsio.fits_get_hduaddrll(file, &head, &data, &end, status);
    *out = (vb_segment){head, end - head};
    return *status;
}

int vb_hdu_segments(int fd, int hdu, vb_content *content, vb_error *err)
{
    vb_autofree char *path = vb_format("/proc/self/fd/%d", fd);
    char why[FLEN_STATUS];
    const vb_segment *last;
    fitsfile *file = NULL;
    int status = 0, ignored = 0, r = vb_library_load(&cfitsio_library, err);

    if (r < 0)
        return r;
    cfitsio.fits_open_diskfile(&file, path, READONLY, &status);
    if (!status)
        extent(file, 0, &content->segments[0], &status);
    if (!status && hdu)
        extent(file, hdu, &content->segments[1], &status);
    if (file)
        cfitsio.fits_close_file(file, &ignored);
    cfitsio.fits_clear_errmsg();
    if (status) {
        cfitsio.fits_get_errstatus(status, why);
        return vb_fail(err, -EINVAL, "FITS HDU %d: %s", hdu, why);
    }
    content->nsegments = hdu ? 2 : 1;
    last = &content->segments[content->nsegments - 1];
    if (last->offset + last->length > content->size)
        return vb_fail(err, -ESTALE, "FITS HDU %d: the file ends within it", hdu);
    content->whole = false;
    content->size = content->segments[0].length + (hdu ? last->length : 0);
    return 0;
}
