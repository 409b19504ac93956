/* cfitsio's calls do nothing once *status is set, so only the last is asked. */
#include "tools/demo/fitsout.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tools/demo/cards.h"

#include <assert.h>
#include <fcntl.h>
#include <fitsio.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static void put_cards(fitsfile *file, const vb_buf *cards, int *status)
{
    char card[CARD + 1] = "";

    for (size_t i = 0; i + CARD <= cards->len; i += CARD) {
        memcpy(card, cards->data + i, CARD);
        fits_write_record(file, card, status);
    }
}

static int make_directory_of(const char *path, vb_error *err)
{
    vb_autofree char *dir = vb_path_dir(path);

    return vb_mkdirs(AT_FDCWD, dir, 0777, err);
}

static int create(const char *path, fitsfile **file, vb_error *err)
{
    char text[FLEN_STATUS];
    int status = 0, r = make_directory_of(path, err);

    if (r)
        return r;
    if (!fits_create_file(file, path, &status))
        return 0;
    fits_get_errstatus(status, text);
    fits_clear_errmsg();
    return vb_fail(err, -EIO, "creating %s: %s", path, text);
}

/* True where a gzip file ends as it should: in the size of what it holds, in four bytes, the least first (RFC
 * 1952). */
static bool gzip_holds(const char *path, LONGLONG size)
{
    vb_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t b[4];

    if (fd < 0 || lseek(fd, -4, SEEK_END) < 0 || read(fd, b, sizeof b) != sizeof b)
        return false;
    return ((uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0]) == (uint32_t)size;
}

/* Closes a file that was written with `status`; where anything failed the file goes. */
static int finish(const char *path, fitsfile *file, int status, vb_error *err)
{
    char text[FLEN_STATUS];
    LONGLONG size = 0;
    int closing = 0;

    fits_get_hduaddrll(file, NULL, NULL, &size, &status);
    fits_close_file(file, &closing);
    status = status ? status : closing;
    /* cfitsio writes a compressed file when it is closed, and does not ask whether that went well. */
    if (!status && vb_ends_with(path, ".gz") && !gzip_holds(path, size))
        status = WRITE_ERROR;
    if (!status)
        return 0;
    fits_get_errstatus(status, text);
    fits_clear_errmsg();
    unlink(path);
    return vb_fail(err, -EIO, "writing %s: %s", path, text);
}

int fitsout_image(const char *path, const vb_buf *primary, const vb_buf *extension, fitsout_pixels px, int size,
                  vb_error *err)
{
    fitsfile *file;
    long axes[2] = {size, size};
    int status = 0, r = create(path, &file, err);

    if (r)
        return r;
    fits_create_img(file, SHORT_IMG, 0, NULL, &status);
    put_cards(file, primary, &status);
    fits_create_img(file, px.bitpix, 2, axes, &status);
    put_cards(file, extension, &status);
    fits_write_img(file, px.type, 1, (LONGLONG)size * size, px.data, &status);
    return finish(path, file, status, err);
}

enum { COLUMNS_MAX = 40 };

static void put_rows(fitsfile *file, const fitsout_column *columns, size_t n, char *rows, size_t row_size, size_t count,
                     int *status)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < n; j++) {
            char *cell = rows + i * row_size + columns[j].offset;
            void *value = columns[j].type == TSTRING ? (void *)&cell : (void *)cell;

            fits_write_col(file, columns[j].type, (int)j + 1, (LONGLONG)i + 1, 1, 1, value, status);
        }
}

int fitsout_table(const char *path, const fitsout_column *columns, size_t n, void *rows, size_t row_size, size_t count,
                  vb_error *err)
{
    char *names[COLUMNS_MAX], *forms[COLUMNS_MAX];
    fitsfile *file;
    int status = 0, r = create(path, &file, err);

    assert(n <= COLUMNS_MAX);
    if (r)
        return r;
    for (size_t j = 0; j < n; j++) {
        names[j] = (char *)columns[j].name; /* cfitsio only reads them */
        forms[j] = (char *)columns[j].form;
    }
    fits_create_tbl(file, BINARY_TBL, (LONGLONG)count, (int)n, names, forms, NULL, NULL, &status);
    put_rows(file, columns, n, rows, row_size, count, &status);
    return finish(path, file, status, err);
}
