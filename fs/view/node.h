/* node.h - what a mount shows: nodes, and the classes that say what they do.  No FUSE here.
 *
 * A node is a directory, file or link that the kernel knows.  It lives while someone refers to it: the kernel (a
 * look-up that it has not forgotten), an open handle, a child.  Its number is either its row's (kind and row id: the
 * same dataset has one inode wherever it is shown) or one of its path's: a faceted directory must never be shared by
 * two paths, or the kernel would move its dentry, and with it somebody's working directory.
 *
 * Classes are tables of functions.  A handler of the session fetches the node, checks, calls the class, replies.  Every
 * function returns 0 (or a count) or a negative errno.  The table of nodes has one lock of its own; what a node holds
 * does not change after it is made, but for scratch nodes, which belong to one session and so to one thread. */
#ifndef VB_FS_VIEW_NODE_H
#define VB_FS_VIEW_NODE_H

#include "registry/base/buf.h"
#include "registry/value.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct vb_view vb_view;
typedef struct vb_node vb_node;
typedef struct vb_call vb_call;

/* The upper 8 bits of an inode number. */
typedef enum vb_ino_kind {
    VB_INO_PATH = 0, /* numbered as they come */
    VB_INO_ARTIFACT = 1,
    VB_INO_SCRATCH = 2,
    VB_INO_COMPONENT = 3, /* the dataset's id and 12 bits of the component's number */
} vb_ino_kind;

enum { VB_INO_ROOT = 1 };

static inline uint64_t vb_ino(vb_ino_kind kind, int64_t row)
{
    return (uint64_t)kind << 56 | ((uint64_t)row & 0xffffffffffffff);
}

/* Where the bytes of an open file are. */
typedef struct vb_segment {
    int64_t offset, length; /* in the descriptor's file */
} vb_segment;

typedef struct vb_content {
    int fd;           /* owned by the handle; -1: generated text */
    const char *text; /* the node's */
    int64_t size;
    bool whole;             /* the file's bytes are the descriptor's, from 0 on: the kernel may read them by itself */
    vb_segment segments[2]; /* otherwise: the parts of which it is made */
    int nsegments;
    bool written;             /* opened for writing */
    bool served;              /* the kernel must not read and write it by itself */
    struct vb_stream *stream; /* of an artifact that comes by block: asked before the descriptor is read; NULL */
    int64_t fetched;          /* bytes that were moved to open it */
} vb_content;

/* A directory that is being read: it resumes by key, and holds no transaction between requests. */
typedef struct vb_entry {
    char *name;
    mode_t type;  /* S_IFDIR, S_IFREG, S_IFLNK */
    uint64_t ino; /* 0: not known */
} vb_entry;

typedef struct vb_listing {
    vb_node *dir;
    int stage;      /* the class's: which part of the directory comes next */
    vb_value last;  /* the class's: the key of the last entry of the part */
    vb_entry *page; /* read, not yet given to the kernel */
    size_t count, cap, at;
    uint64_t offset; /* of page[at] */
    bool done;
} vb_listing;

void vb_listing_add(vb_listing *l, const char *name, mode_t type, uint64_t ino);
void vb_listing_next_stage(vb_listing *l);
void vb_listing_clear(vb_listing *l);

typedef struct vb_node_class {
    const char *name;
    mode_t type; /* S_IFDIR, S_IFREG, S_IFLNK; 0: as `attr` says */
    int (*lookup)(vb_call *c, vb_node *dir, const char *name, vb_node **child);
    int (*list)(vb_call *c, vb_node *dir, vb_listing *l);         /* adds some entries, or sets l->done */
    int (*attr)(vb_call *c, vb_node *node, struct stat *st);      /* fills what differs from the class's defaults */
    int (*born)(vb_call *c, vb_node *node, struct timespec *out); /* when it was made, where that is known */
    int (*link)(vb_call *c, vb_node *node, vb_buf *target);
    int (*open)(vb_call *c, vb_node *node, int flags, vb_content *out);
    int (*xattrs)(vb_call *c, vb_node *node, vb_buf *names); /* NUL-terminated names */
    int (*xattr)(vb_call *c, vb_node *node, const char *name, vb_buf *value);
    void (*free)(void *data);

    /* Scratch only; NULL: the file system is read-only there. */
    int (*create)(vb_call *c, vb_node *dir, const char *name, mode_t mode, int flags, vb_node **child, vb_content *out);
    int (*make)(vb_call *c, vb_node *dir, const char *name, mode_t mode, dev_t device, vb_node **child);
    int (*symlink)(vb_call *c, vb_node *dir, const char *name, const char *target, vb_node **child);
    int (*hardlink)(vb_call *c, vb_node *node, vb_node *dir, const char *name);
    int (*unlink)(vb_call *c, vb_node *dir, const char *name, bool directory);
    int (*rename)(vb_call *c, vb_node *dir, const char *name, vb_node *to_dir, const char *to_name, unsigned flags);
    void (*closed)(vb_call *c, vb_node *node, const vb_content *content); /* a handle that could be written through */
    int (*setattr)(vb_call *c, vb_node *node, const struct stat *st, unsigned valid, const vb_content *open_file);
    int (*setxattr)(vb_call *c, vb_node *node, const char *name, const void *value, size_t n, int flags);
    int (*removexattr)(vb_call *c, vb_node *node, const char *name);
    int (*flush)(vb_call *c, vb_node *node, const vb_content *content); /* close(), of perhaps one of several */
    int (*sync)(vb_call *c, vb_node *dir, bool data_only);              /* a directory, to disk */
} vb_node_class;

/* What setattr is asked to change; the values are FUSE's. */
enum {
    VB_SET_MODE = 1,
    VB_SET_UID = 2,
    VB_SET_GID = 4,
    VB_SET_SIZE = 8,
    VB_SET_ATIME = 16,
    VB_SET_MTIME = 32,
    VB_SET_ATIME_NOW = 128,
    VB_SET_MTIME_NOW = 256,
    VB_DROP_SUID = 2048,
};

struct vb_node {
    uint64_t ino;
    const vb_node_class *class;
    vb_node *parent;        /* of a path's node; NULL for the root and for rows */
    char *name;             /* of a path's node */
    void *data;             /* the class's */
    uint64_t refs;          /* of kernel, handles and children; under the table's lock */
    bool unlisted;          /* another node has taken its path */
    void *by_ino, *by_path; /* the table's */
    int backing_id;         /* the session's: 0: not open with passthrough */
    uint32_t open_count;    /* the session's: handles */
    int open_mode;          /* the session's: how it is open */
};

typedef struct vb_nodes vb_nodes;

vb_nodes *vb_nodes_new(const vb_node_class *root, void *data);
void vb_nodes_free(vb_nodes *t);
VB_CLEANUP(vb_nodes, vb_nodes_free)

size_t vb_nodes_count(vb_nodes *t);

/* Numbers of the nodes that were made, or gathered here, longest ago: at most `limit`; those in them come before their
 * directories.  Nothing is done to the nodes. */
size_t vb_nodes_oldest(vb_nodes *t, size_t limit, uint64_t *inos);

/* A node that the kernel knows; NULL: it does not. */
vb_node *vb_nodes_get(vb_nodes *t, uint64_t ino);

/* The node of a path, made or found, with one reference more.  `data` is the node's afterwards, or freed where the node
 * was there already. */
vb_node *vb_nodes_path(vb_nodes *t, vb_node *parent, const char *name, const vb_node_class *class, void *data);

/* The same, but a node that is there with other data (as `same` tells) gives up its path to a new one: for generated
 * text, whose bytes an inode keeps. */
vb_node *vb_nodes_path_changed(vb_nodes *t, vb_node *parent, const char *name, const vb_node_class *class, void *data,
                               bool (*same)(const void *a, const void *b));

/* The node of a row. */
vb_node *vb_nodes_row(vb_nodes *t, vb_ino_kind kind, int64_t row, const vb_node_class *class, void *data);

void vb_nodes_ref(vb_nodes *t, vb_node *node);
void vb_nodes_unref(vb_nodes *t, vb_node *node, uint64_t n);

/* The path of a path's node below the root, appended: "data/u/me". */
void vb_node_path(const vb_node *node, vb_buf *out);

#endif
