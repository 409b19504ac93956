/* header.c - headers by cfitsio, cards by hand: a card is looked up some twenty times a file, in text that is
 * there. */
#include "fs/ingest/header.h"

#include "registry/base/library.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <fitsio.h>
#include <string.h>
#include <sys/stat.h>

/* clang-format off */
#define FUNCTIONS(X)                                                                      \
    X(fits_close_file) X(fits_convert_hdr2str) X(fits_free_memory) X(fits_get_errstatus)  \
    X(fits_get_hdu_type) X(fits_get_hduaddrll) X(fits_get_img_dim) X(fits_get_img_sizell) \
    X(fits_init_cfitsio) X(fits_is_reentrant) X(fits_movrel_hdu) X(fits_open_diskfile)
/* clang-format on */
VB_LIBRARY(cfitsio, VB_LIB_CFITSIO, FUNCTIONS)

enum { MAX_HDUS = 10000, KEY = 8, VALUE_AT = 10 };

/* ---- cards --------------------------------------------------------------------------------------------- */

static bool is_key(const char *card, const char *key, size_t n)
{
    if (n <= KEY && !memcmp(card, key, n)) {
        for (size_t i = n; i < KEY; i++)
            if (card[i] != ' ')
                return false;
        return card[KEY] == '=';
    }
    return !memcmp(card, "HIERARCH ", 9) && n < VB_CARD - 12 && !memcmp(card + 9, key, n) &&
           (card[9 + n] == ' ' || card[9 + n] == '=');
}

/* Adds what stands between the quotes of a card; true where it ends in '&', so that the next card may go on
 * with it. */
static bool add_quoted(vb_buf *out, const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\'' && (p + 1 == end || p[1] != '\''))
            break;
        p += *p == '\'';
        vb_buf_putc(out, *p);
    }
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = 0;
    return out->len && out->data[out->len - 1] == '&';
}

static bool add_value(const char *card, size_t left, vb_buf *out)
{
    const char *p = memchr(card, '=', VB_CARD), *end = card + VB_CARD;

    if (!p) /* HIERARCH, and only a name */
        return false;
    for (p++; p < end && *p == ' '; p++)
        ;
    if (p == end || *p == '/')
        return false;
    if (*p != '\'') {
        size_t n = strcspn(p, "/"), room = (size_t)(end - p);

        for (n = n < room ? n : room; n && p[n - 1] == ' '; n--)
            ;
        vb_buf_add(out, p, n);
        return n > 0;
    }
    while (add_quoted(out, p, end) && left > VB_CARD && !memcmp(card + VB_CARD, "CONTINUE  ", VALUE_AT)) {
        out->data[--out->len] = 0;
        card += VB_CARD;
        left -= VB_CARD;
        end = card + VB_CARD;
        for (p = card + VALUE_AT; p < end && *p == ' '; p++)
            ;
        if (p == end || *p != '\'')
            break;
    }
    return true;
}

static bool find(const char *cards, const char *key, vb_buf *out)
{
    size_t left = cards ? strlen(cards) : 0, n = strlen(key);

    for (; left >= VB_CARD; cards += VB_CARD, left -= VB_CARD)
        if (is_key(cards, key, n)) {
            vb_buf_clear(out);
            return add_value(cards, left, out);
        }
    return false;
}

bool vb_header_get(const vb_header *header, const char *card, vb_buf *out)
{
    return find(header->own, card, out) || find(header->primary, card, out);
}

/* ---- files --------------------------------------------------------------------------------------------- */

bool vb_fits_threads(void)
{
    if (vb_library_load(&cfitsio_library, NULL) < 0)
        return false;            /* who reads says so */
    cfitsio.fits_init_cfitsio(); /* else the first of the threads would, while others look whether it has */
    return cfitsio.fits_is_reentrant();
}

void vb_fits_clear(vb_fits *fits)
{
    for (int i = 0; i < fits->count; i++)
        free(fits->hdus[i].cards);
    free(fits->hdus);
    *fits = (vb_fits){0};
}

int vb_fits_images(const vb_fits *fits, int *first)
{
    int n = 0;

    for (int i = fits->count; i-- > 0;)
        if (fits->hdus[i].is_image) {
            *first = i;
            n++;
        }
    return n;
}

vb_header vb_fits_header(const vb_fits *fits, int hdu)
{
    return (vb_header){.own = fits->hdus[hdu].cards, .primary = fits->hdus[0].cards};
}

/* cfitsio's words for its status; its stack of messages is of all threads, and left alone. */
static int fits_fail(int status, vb_error *err)
{
    char text[FLEN_STATUS];

    cfitsio.fits_get_errstatus(status, text);
    return vb_fail(err, -EINVAL, "damaged FITS (%s)", text);
}

/* Compressed files are not looked into: cfitsio unpacks them. */
static int check_start(int fd, bool *packed, int64_t *size, vb_error *err)
{
    unsigned char start[VB_CARD] = {0};
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st))
        return vb_fail(err, -errno, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return vb_fail(err, -EINVAL, "not a file");
    n = read(fd, start, sizeof start);
    if (n < 0)
        return vb_fail(err, -errno, "%s", strerror(errno));
    *size = st.st_size;
    *packed = n > 2 && ((start[0] == 0x1f && start[1] == 0x8b) || !memcmp(start, "BZh", 3));
    if (*packed || (n == VB_CARD && !memcmp(start, "SIMPLE  =", 9)))
        return 0;
    return vb_fail(err, -EINVAL, n ? "not FITS" : "not FITS (the file is empty)");
}

static int truncated(int64_t has, int64_t wants, vb_error *err)
{
    char is[32], should[32];

    return vb_fail(err, -EINVAL, "truncated: %s bytes where the header asks for %s", vb_thousands(is, sizeof is, has),
                   vb_thousands(should, sizeof should, wants));
}

/* Reads the HDU that the file stands at; *end is where it ends. */
static int read_hdu(fitsfile *file, vb_hdu *hdu, LONGLONG *end, int *status)
{
    LONGLONG start, data, sizes[2] = {0};
    int type = -1, axes = 0, count = 0;
    char *cards = NULL;

    cfitsio.fits_get_hduaddrll(file, &start, &data, end, status);
    cfitsio.fits_get_hdu_type(file, &type, status);
    if (!*status && type == IMAGE_HDU) {
        cfitsio.fits_get_img_dim(file, &axes, status);
        if (axes >= 2)
            cfitsio.fits_get_img_sizell(file, 2, sizes, status);
    }
    cfitsio.fits_convert_hdr2str(file, 1, NULL, 0, &cards, &count, status);
    if (!*status)
        *hdu = (vb_hdu){.cards = vb_strdup(cards),
                        .count = count,
                        .is_image = sizes[0] > 0 && sizes[1] > 0,
                        .width = sizes[0],
                        .height = sizes[1],
                        .bytes = *end - start};
    if (cards) {
        int ignored = 0;

        cfitsio.fits_free_memory(cards, &ignored);
    }
    return *status;
}

/* A file that ends within the header of an HDU. */
static int cut_in_header(int64_t size, int number, vb_error *err)
{
    char text[32];

    return vb_fail(err, -EINVAL, "truncated: its %s bytes end within the header of HDU %d",
                   vb_thousands(text, sizeof text, size), number);
}

/* True where something that looks like one more HDU begins at `end`. */
static bool begins_another(const char *path, int64_t end)
{
    vb_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    char start[9] = {0};

    return fd >= 0 && pread(fd, start, 8, end) == 8 && !memcmp(start, "XTENSION", 8);
}

static int read_hdus(fitsfile *file, const char *path, bool packed, int64_t size, vb_fits *out, vb_error *err)
{
    int status = 0, cap = 0, type;
    LONGLONG end = 0;

    out->packed = packed;
    while (!status && out->count < MAX_HDUS) {
        vb_hdu hdu = {0};

        if (read_hdu(file, &hdu, &end, &status))
            break;
        *VB_PUSH(out->hdus, out->count, cap) = hdu;
        if (!packed && end > size)
            return truncated(size, end, err);
        cfitsio.fits_movrel_hdu(file, 1, &type, &status);
    }
    if (!packed && size > end && begins_another(path, end))
        return cut_in_header(size, out->count, err);
    return status && status != END_OF_FILE ? fits_fail(status, err) : 0;
}

/* Opens the file for cfitsio.  A compressed one goes by its descriptor: cfitsio takes ".Z" anywhere in a path, such as
 * a directory's, to say how a file is compressed. */
static int open_file(const char *path, int fd, bool packed, int64_t size, fitsfile **file, vb_error *err)
{
    vb_autofree char *by_number = vb_format("/proc/self/fd/%d", fd);
    int status = 0;

    cfitsio.fits_open_diskfile(file, packed ? by_number : path, READONLY, &status);
    if (!packed && (status == END_OF_FILE || status == READ_ERROR))
        return cut_in_header(size, 0, err);
    return status ? fits_fail(status, err) : 0;
}

int vb_fits_read(const char *path, vb_fits *out, vb_error *err)
{
    vb_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    fitsfile *file = NULL;
    int64_t size = 0;
    bool packed = false;
    int ignored = 0, r;

    *out = (vb_fits){0};
    r = vb_library_load(&cfitsio_library, err);
    if (!r)
        r = check_start(fd, &packed, &size, err);
    if (!r)
        r = open_file(path, fd, packed, size, &file, err);
    if (r < 0)
        return r;
    r = read_hdus(file, path, packed, size, out, err);
    cfitsio.fits_close_file(file, &ignored);
    if (r < 0)
        vb_fits_clear(out);
    return r;
}
