/* wal.c - a private copy of an SQLite file that is in WAL mode.
 *
 * Reading such a file through SQLite wants a -shm beside it that can be written to.  So the file and its log are
 * copied, and SQLite reads the copy.  What makes the two one state are locks that a reader takes, and that write
 * nothing (https://sqlite.org/walformat.html, "Locks"; https://sqlite.org/fileformat2.html#the_write_ahead_log):
 *
 *   - SHARED on the file: nobody changes its journal mode, or takes its log away as the last who closes it;
 *   - WAL_READ_LOCK(0) on the -shm: no checkpoint writes to the file while the lock is held.
 *
 * So the file stands still while it is copied.  Writers go on, in the log, which is copied after it.  The log may begin
 * again meanwhile, but only when all of it was in the file before: then its header is another one, and the log, which
 * is small, is copied again.  Where there was no -shm, and is one afterwards, somebody came in between, and all begins
 * again. */
#include "registry/gen3/wal.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/sql.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    WAL_HEADER = 32,
    PENDING_BYTE = 0x40000000,
    SHARED_FIRST = PENDING_BYTE + 2,
    SHARED_SIZE = 510,
    READ_LOCK_0 = 123, /* of the -shm: 120 is where its locks begin, three others come first */
    WAIT_S = 60,
    PAUSE_MS = 20,
    MAX_TRIES = 100,
};

struct copying {
    const char *path;
    char *log, *memory;
    int fd, memory_fd;
    int64_t until;
};

static bool is_there(const char *path)
{
    return !access(path, F_OK);
}

bool vb_gen3_wal_mode(const char *path)
{
    vb_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char header[20];

    /* https://sqlite.org/fileformat2.html#the_database_header */
    return fd >= 0 && pread(fd, header, sizeof header, 0) == sizeof header && header[18] == 2 && header[19] == 2;
}

bool vb_gen3_wal_in_use(const char *path)
{
    vb_autofree char *real = realpath(path, NULL);
    vb_autofree char *log = vb_format("%s-wal", real ? real : path), *memory = vb_format("%s-shm", real ? real : path);

    return is_there(log) || is_there(memory);
}

/* ---- locks ------------------------------------------------------------------------------------------------- */

static int busy(const struct copying *c, vb_error *err)
{
    vb_fail(err, -EBUSY, "%s: has a write-ahead log, and who writes to it has not let it be read for %d s", c->path,
            WAIT_S);
    vb_hint(err, "wait for it to end, or see who it is with: fuser -v %s", c->path);
    return -EBUSY;
}

/* Waits for a reader's lock on some bytes; who closes the descriptor gives it up. */
static int lock(const struct copying *c, int fd, off_t begin, off_t length, short type, vb_error *err)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = begin, .l_len = length};

    while (fcntl(fd, F_OFD_SETLK, &l)) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EACCES)
            return vb_fail_errno(err, -errno, "locking %s", c->path);
        if (vb_clock_monotonic_ns() > c->until)
            return busy(c, err);
        usleep(PAUSE_MS * 1000);
    }
    return 0;
}

static int lock_file(const struct copying *c, vb_error *err)
{
    int r = lock(c, c->fd, PENDING_BYTE, 1, F_RDLCK, err);

    if (!r)
        r = lock(c, c->fd, SHARED_FIRST, SHARED_SIZE, F_RDLCK, err);
    if (!r)
        r = lock(c, c->fd, PENDING_BYTE, 1, F_UNLCK, err);
    return r;
}

static int open_locked(struct copying *c, vb_error *err)
{
    int r;

    c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0)
        return vb_fail_errno(err, -errno, "opening %s", c->path);
    r = lock_file(c, err);
    if (r < 0)
        return r;
    c->memory_fd = open(c->memory, O_RDONLY | O_CLOEXEC);
    if (c->memory_fd < 0)
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "opening %s", c->memory);
    return lock(c, c->memory_fd, READ_LOCK_0, 1, F_RDLCK, err);
}

static void unlock(struct copying *c)
{
    if (c->memory_fd >= 0)
        close(c->memory_fd);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = c->memory_fd = -1;
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static int copy_to(int from, const char *to, vb_error *err)
{
    vb_autoclose int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = fd < 0 ? vb_fail_errno(err, -errno, "making %s", to) : vb_copy_fd(from, fd, err);

    return r < 0 ? vb_error_context(err, "a private copy of the registry, %s", to) : 0;
}

/* The log's header: none where the log is empty. */
static int header_of(int fd, unsigned char *out)
{
    memset(out, 0, WAL_HEADER);
    return pread(fd, out, WAL_HEADER, 0) < 0 ? -errno : 0;
}

/* 1: it has begun again meanwhile; 0: copied, or there is none. */
static int copy_log(const struct copying *c, const char *to, vb_error *err)
{
    vb_autoclose int fd = open(c->log, O_RDONLY | O_CLOEXEC);
    unsigned char before[WAL_HEADER], after[WAL_HEADER];
    int r;

    if (fd < 0)
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "opening %s", c->log);
    r = header_of(fd, before);
    if (!r)
        r = copy_to(fd, to, err);
    else
        vb_fail_errno(err, r, "reading %s", c->log);
    if (!r && header_of(fd, after))
        r = vb_fail_errno(err, -errno, "reading %s", c->log);
    return r < 0 ? r : memcmp(before, after, WAL_HEADER) != 0;
}

/* 1: somebody came in between. */
static int copy_both(struct copying *c, const char *copy, vb_error *err)
{
    vb_autofree char *log = vb_format("%s-wal", copy);
    int r = open_locked(c, err);

    if (!r)
        r = copy_to(c->fd, copy, err);
    if (!r)
        r = 1;
    for (int i = 0; r > 0 && i < MAX_TRIES; i++)
        r = copy_log(c, log, err);
    if (!r && c->memory_fd < 0 && is_there(c->memory))
        r = 1;
    unlock(c);
    return r;
}

/* SQLite puts the log back into the copy. */
static int put_back(const char *copy, vb_error *err)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    int r = vb_db_open(copy, VB_DB_WRITE, &db, err);

    return r < 0 ? r : vb_db_run(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = DELETE", err);
}

int vb_gen3_wal_copy(const char *path, const char *copy, vb_error *err)
{
    vb_autofree char *real = realpath(path, NULL); /* the log is beside the file, not beside a link to it */
    vb_autofree char *log = vb_format("%s-wal", real), *memory = vb_format("%s-shm", real);
    struct copying c = {.path = real,
                        .log = log,
                        .memory = memory,
                        .fd = -1,
                        .memory_fd = -1,
                        .until = vb_clock_monotonic_ns() + WAIT_S * INT64_C(1000000000)};
    int r = real ? 1 : vb_fail_errno(err, -errno, "opening %s", path);

    for (int i = 0; r > 0 && i < MAX_TRIES; i++)
        r = copy_both(&c, copy, err);
    if (r > 0)
        r = busy(&c, err);
    return r < 0 ? r : put_back(copy, err);
}
