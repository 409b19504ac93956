#include "fs/store/zip.h"

#include "registry/base/library.h"
#include "registry/base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

/* clang-format off */
#define FUNCTIONS(X)                                                                                    \
    X(archive_entry_pathname) X(archive_error_string) X(archive_read_data_into_fd) X(archive_read_free) \
    X(archive_read_new) X(archive_read_next_header) X(archive_read_open_fd)                             \
    X(archive_read_support_format_zip_seekable)
/* clang-format on */
VB_LIBRARY(libarchive, VB_LIB_ARCHIVE, FUNCTIONS)

/* Records by their signatures, and the sizes of their fixed parts. */
enum {
    END = 0x06054b50,
    END_SIZE = 22,
    END64 = 0x06064b50,
    END64_SIZE = 56,
    LOCATOR64 = 0x07064b50,
    LOCATOR64_SIZE = 20,
    ENTRY = 0x02014b50,
    ENTRY_SIZE = 46,
    LOCAL = 0x04034b50,
    LOCAL_SIZE = 30,
    MAX_COMMENT = 65535,
    STORED = 0,
    ENCRYPTED = 1, /* of the flags */
};

static const int64_t max_directory = INT64_C(1) << 30;

struct entry {
    int method, flags;
    int64_t packed, size, offset; /* the last, of its local header */
};

static uint64_t number(const uint8_t *p, int bytes)
{
    uint64_t n = 0;

    while (bytes--)
        n = n << 8 | p[bytes];
    return n;
}

static int damaged(vb_error *err)
{
    return vb_fail(err, -EINVAL, "is no zip file, or a damaged one");
}

static int read_at(const vb_content *c, int64_t offset, void *out, size_t n, vb_error *err)
{
    if (offset < 0 || (int64_t)n > c->size || offset > c->size - (int64_t)n)
        return damaged(err);
    return pread(c->fd, out, n, offset) == (ssize_t)n ? 0 : vb_fail_errno(err, -EIO, "reading a zip file");
}

/* Where the directory is; Zip64's record has the last word where there is one. */
static int find_directory(const vb_content *c, int64_t *offset, int64_t *size, vb_error *err)
{
    int64_t n = c->size < END_SIZE + MAX_COMMENT ? c->size : END_SIZE + MAX_COMMENT, at;
    vb_autofree uint8_t *tail = vb_alloc((size_t)n + 1);
    uint8_t locator[LOCATOR64_SIZE], end64[END64_SIZE];
    int r = read_at(c, c->size - n, tail, (size_t)n, err);

    for (at = n - END_SIZE; at >= 0 && number(tail + at, 4) != END; at--)
        ;
    if (r < 0 || at < 0)
        return r < 0 ? r : damaged(err);
    *size = (int64_t)number(tail + at + 12, 4);
    *offset = (int64_t)number(tail + at + 16, 4);
    at += c->size - n;
    if (at < LOCATOR64_SIZE || read_at(c, at - LOCATOR64_SIZE, locator, sizeof locator, NULL) < 0 ||
        number(locator, 4) != LOCATOR64)
        return 0;
    r = read_at(c, (int64_t)number(locator + 8, 8), end64, sizeof end64, err);
    if (!r && number(end64, 4) != END64)
        r = damaged(err);
    *size = (int64_t)number(end64 + 40, 8);
    *offset = (int64_t)number(end64 + 48, 8);
    return r;
}

/* Sizes and offsets that do not fit stand in the extra field of Zip64, in this order. */
static void read_extra(const uint8_t *p, size_t n, struct entry *e)
{
    int64_t *const fields[] = {&e->size, &e->packed, &e->offset};

    for (size_t length; n >= 4; p += length, n -= length) {
        length = 4 + (size_t)number(p + 2, 2);
        if (length > n)
            return;
        for (size_t i = 0, at = 4; number(p, 2) == 1 && i < VB_COUNT(fields); i++)
            if (*fields[i] == 0xffffffff && at + 8 <= length) {
                *fields[i] = (int64_t)number(p + at, 8);
                at += 8;
            }
    }
}

/* 1: found; 0: the directory has no such member. */
static int find_entry(const uint8_t *p, size_t n, const char *member, struct entry *e, vb_error *err)
{
    size_t wanted = strlen(member);

    while (n >= ENTRY_SIZE && number(p, 4) == ENTRY) {
        size_t name = (size_t)number(p + 28, 2), extra = (size_t)number(p + 30, 2);
        size_t length = ENTRY_SIZE + name + extra + (size_t)number(p + 32, 2);

        if (length > n)
            return damaged(err);
        if (name == wanted && !memcmp(p + ENTRY_SIZE, member, name)) {
            *e = (struct entry){.flags = (int)number(p + 8, 2),
                                .method = (int)number(p + 10, 2),
                                .packed = (int64_t)number(p + 20, 4),
                                .size = (int64_t)number(p + 24, 4),
                                .offset = (int64_t)number(p + 42, 4)};
            read_extra(p + ENTRY_SIZE + name, extra, e);
            return 1;
        }
        p += length;
        n -= length;
    }
    return 0;
}

static int look_up(const char *member, const vb_content *c, struct entry *e, vb_error *err)
{
    vb_autofree uint8_t *directory = NULL;
    int64_t offset = 0, size = 0;
    int r = find_directory(c, &offset, &size, err);

    if (!r && (size < 0 || size > max_directory || size > c->size))
        r = damaged(err);
    if (r < 0)
        return r;
    directory = vb_alloc((size_t)size + 1);
    r = read_at(c, offset, directory, (size_t)size, err);
    if (!r)
        r = find_entry(directory, (size_t)size, member, e, err);
    if (!r)
        return vb_fail(err, -ENOENT, "the zip file has no member '%s'", member);
    if (r > 0 && e->flags & ENCRYPTED)
        return vb_fail(err, -EACCES, "member '%s' is encrypted", member);
    return r < 0 ? r : 0;
}

static int point_at(const struct entry *e, vb_content *c, vb_error *err)
{
    uint8_t local[LOCAL_SIZE];
    int r = read_at(c, e->offset, local, sizeof local, err);
    int64_t begin;

    if (r < 0)
        return r;
    begin = e->offset + LOCAL_SIZE + (int64_t)number(local + 26, 2) + (int64_t)number(local + 28, 2);
    if (number(local, 4) != LOCAL || e->size < 0 || e->size != e->packed || e->size > c->size ||
        begin > c->size - e->size)
        return damaged(err);
    c->segments[0] = (vb_segment){begin, e->size};
    c->nsegments = 1;
    c->whole = false;
    c->size = e->size;
    return 0;
}

/* Through libarchive, which knows the methods. */
static int unpack(const char *member, struct archive *a, vb_content *c, vb_error *err)
{
    vb_autoclose int memory = memfd_create("member", MFD_CLOEXEC);
    struct archive_entry *entry;
    int64_t size;

    if (memory < 0)
        return vb_fail_errno(err, -errno, "unpacking '%s'", member);
    libarchive.archive_read_support_format_zip_seekable(a);
    if (lseek(c->fd, 0, SEEK_SET) || libarchive.archive_read_open_fd(a, c->fd, 65536) != ARCHIVE_OK)
        return vb_fail(err, -EINVAL, "unpacking '%s': %s", member, libarchive.archive_error_string(a));
    while (libarchive.archive_read_next_header(a, &entry) == ARCHIVE_OK) {
        const char *name = libarchive.archive_entry_pathname(entry);

        if (!name || strcmp(name, member))
            continue;
        if (libarchive.archive_read_data_into_fd(a, memory) != ARCHIVE_OK)
            return vb_fail(err, -EINVAL, "unpacking '%s': %s", member, libarchive.archive_error_string(a));
        size = lseek(memory, 0, SEEK_END);
        close(c->fd);
        *c = (vb_content){.fd = vb_steal_fd(&memory), .whole = true, .size = size};
        return 0;
    }
    return vb_fail(err, -EINVAL, "unpacking '%s': the zip file's directory speaks of it, and it is not there", member);
}

int vb_zip_member(const char *member, vb_content *content, vb_error *err)
{
    struct entry e = {0};
    struct archive *a;
    int r = look_up(member, content, &e, err);

    if (r < 0)
        return r;
    if (e.method == STORED)
        return point_at(&e, content, err);
    r = vb_library_load(&libarchive_library, err);
    if (r < 0)
        return r;
    a = libarchive.archive_read_new();
    r = unpack(member, a, content, err);
    libarchive.archive_read_free(a);
    return r;
}
