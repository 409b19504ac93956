#include "fs/store/hdu.h"

#include "registry/base/mem.h"

#include <fitsio.h>
#include <inttypes.h>

/* The bytes of an HDU. */
static int extent(fitsfile *file, int hdu, vb_segment *out, int *status)
{
    LONGLONG head, data, end;

    fits_movabs_hdu(file, hdu + 1, NULL, status);
    fits_get_hduaddrll(file, &head, &data, &end, status);
    *out = (vb_segment){head, end - head};
    return *status;
}

int vb_hdu_segments(int fd, int hdu, vb_content *content, vb_error *err)
{
    vb_autofree char *path = vb_format("/proc/self/fd/%d", fd);
    char why[FLEN_STATUS];
    const vb_segment *last;
    fitsfile *file = NULL;
    int status = 0, ignored = 0;

    fits_open_diskfile(&file, path, READONLY, &status);
    if (!status)
        extent(file, 0, &content->segments[0], &status);
    if (!status && hdu)
        extent(file, hdu, &content->segments[1], &status);
    if (file)
        fits_close_file(file, &ignored);
    fits_clear_errmsg();
    if (status) {
        fits_get_errstatus(status, why);
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
