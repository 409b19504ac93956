/* path.h - files and directories: reading, writing whole, making, removing, naming.
 *
 * Nothing here follows a symlink out of the directory that it is given; nothing is left half-written under its final
 * name.  Thread-safe. */
#ifndef VB_BASE_PATH_H
#define VB_BASE_PATH_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* "a/b" of "a" and "b"; an absolute `b` is returned as it is.  The caller frees it. */
char *vb_path_join(const char *a, const char *b);

const char *vb_path_base(const char *path); /* after the last '/' */
char *vb_path_dir(const char *path);        /* before it; "." where there is none; the caller frees it */

/* The extension with its dot, of the last component ("fits.gz" and "fits.fz" count as one); "" where there is none. */
const char *vb_path_extension(const char *path);

/* An absolute path with no "..", "." or symlink in it; what does not exist yet is kept as named.  NULL and err where it
 * cannot be told. */
char *vb_path_absolute(const char *path, vb_error *err);

/* True where `path` is `root` or lies below it; both absolute. */
bool vb_path_inside(const char *path, const char *root);

/* True where a relative path stays below where it starts: no "..", no leading '/', not empty. */
bool vb_path_is_safe(const char *relative);

/* Makes a directory and its parents, with `mode` (less the umask).  0 where it is there already. */
int vb_mkdirs(int dirfd, const char *path, mode_t mode, vb_error *err);

/* Reads a whole file of at most `limit` bytes into *out. */
int vb_read_file(int dirfd, const char *path, size_t limit, vb_buf *out, vb_error *err);

/* Writes all of data, whatever write() makes of it. */
int vb_write_all(int fd, const void *data, size_t n);

/* A new file beside `path` under a name that nobody else has, nor any link; its descriptor (to read and write), or a
 * negative errno.  The caller frees *name. */
int vb_create_beside(int dirfd, const char *path, mode_t mode, char **name);

/* Writes a whole file under a temporary name beside `path`, syncs it if asked, and renames it over `path`. */
int vb_write_file(int dirfd, const char *path, const void *data, size_t n, mode_t mode, bool sync, vb_error *err);

/* Gives a file that is written its final name, with its bytes and its name on disk; -EEXIST where that is taken, unless
 * it is to be replaced.  `from` and `to` lie in one directory. */
int vb_publish_file(const char *from, const char *to, bool replace, vb_error *err);

/* Removes a file or a tree, crossing no mount and following no symlink.  0 where nothing is there. */
int vb_remove_tree(int dirfd, const char *path, vb_error *err);

/* Copies a file's bytes (reflink where the file system can, else in the kernel).  The offsets of both start at 0. */
int vb_copy_fd(int from, int to, vb_error *err);

/* Renames, and takes nobody's place: -EEXIST.  NFS and some others need a link for that. */
int vb_rename_new(int from_dir, const char *from, int to_dir, const char *to);

#endif
