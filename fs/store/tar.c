#include "fs/store/tar.h"

#include "registry/base/library.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
#define FUNCTIONS(X)                                                                                          \
    X(archive_entry_filetype) X(archive_entry_hardlink) X(archive_entry_pathname) X(archive_entry_size)       \
    X(archive_error_string) X(archive_read_data_into_fd) X(archive_read_free) X(archive_read_new)             \
    X(archive_read_next_header) X(archive_read_open_fd) X(archive_read_support_filter_bzip2)                  \
    X(archive_read_support_filter_gzip) X(archive_read_support_filter_xz) X(archive_read_support_filter_zstd) \
    X(archive_read_support_format_tar)
/* clang-format on */
VB_LIBRARY(libarchive, VB_LIB_ARCHIVE, FUNCTIONS)

static int damaged(struct archive *a, vb_error *err)
{
    const char *why = libarchive.archive_error_string(a);

    return vb_fail(err, -EINVAL, "is no tar archive, or is damaged: %s", why ? why : "it cannot be read");
}

/* "./a/b" is "a/b" too. */
static bool is_member(struct archive_entry *entry, const char *member)
{
    const char *name = libarchive.archive_entry_pathname(entry);

    while (name && !strncmp(name, "./", 2))
        name += 2;
    return name && !strcmp(name, member);
}

static int unpack(struct archive *a, struct archive_entry *entry, const char *member, int to, vb_error *err)
{
    if (libarchive.archive_entry_filetype(entry) != AE_IFREG || libarchive.archive_entry_hardlink(entry))
        return vb_fail(err, -EINVAL, "member '%s' is no regular file", member);
    if (libarchive.archive_read_data_into_fd(a, to) != ARCHIVE_OK)
        return vb_fail(err, -EINVAL, "unpacking '%s': %s", member,
                       libarchive.archive_error_string(a) ? libarchive.archive_error_string(a) : "it is damaged");
    /* A hole at its end is not written. */
    return ftruncate(to, libarchive.archive_entry_size(entry)) ? vb_fail_errno(err, -errno, "unpacking '%s'", member) : 0;
}

static int find(struct archive *a, const char *member, int to, vb_error *err)
{
    struct archive_entry *entry;
    int r;

    while ((r = libarchive.archive_read_next_header(a, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN)
        if (is_member(entry, member))
            return unpack(a, entry, member, to, err);
    return r == ARCHIVE_EOF ? vb_fail(err, -ENOENT, "the tar archive has no member '%s'", member) : damaged(a, err);
}

/* Without the filters that libarchive leaves to other programs. */
static void know_formats(struct archive *a)
{
    libarchive.archive_read_support_format_tar(a);
    libarchive.archive_read_support_filter_gzip(a);
    libarchive.archive_read_support_filter_bzip2(a);
    libarchive.archive_read_support_filter_xz(a);
    libarchive.archive_read_support_filter_zstd(a);
}

int vb_tar_member(const char *member, int to, vb_content *content, vb_error *err)
{
    struct archive *a;
    int64_t size;
    int r = vb_library_load(&libarchive_library, err);

    if (r < 0)
        return r;
    a = libarchive.archive_read_new();
    know_formats(a);
    if (lseek(content->fd, 0, SEEK_SET) || libarchive.archive_read_open_fd(a, content->fd, 256 << 10) != ARCHIVE_OK)
        r = damaged(a, err);
    else
        r = find(a, member, to, err);
    libarchive.archive_read_free(a);
    size = r < 0 ? 0 : lseek(to, 0, SEEK_END);
    if (r < 0)
        return r;
    if (size < 0)
        return vb_fail_errno(err, -errno, "unpacking '%s'", member);
    close(content->fd);
    *content = (vb_content){.fd = to, .whole = true, .size = size};
    return 0;
}
