/* Tests of what POSIX and Linux promise of files, kept in a job's scratch: through the page cache, and with passthrough
 * where it can be had.  As root what is done by another user is tried too; the end-to-end tests run this program as an
 * ordinary user. */
#include "fs/view/job.h"
#include "registry/base/clock.h"
#include "tests/fs/mounted.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { NOBODY = 65534, OTHER_GROUP = 65533 };

static const vb_branch *const job_branches[] = {&vb_branch_data, &vb_branch_dimensions, NULL};
static bool passthrough;

static mounted *open_job(fixture *f)
{
    mounted *m = mounted_prepare(f, job_branches, true);

    m->allow_other = !geteuid();
    vb_job_add_connection(m->job, true, "cal");
    assert_int_equal(chmod(f->dir, 0755), 0); /* others come to it too */
    mounted_at(m, &(vb_session_options){.writable = true, .timeout = VB_FOR_EVER, .passthrough = passthrough});
    mounted_serve(m, 1);
    return m;
}

static int open_work(mounted *m, const char *name, int flags)
{
    vb_autofree char *path = vb_format("work/%s", name);

    return open(mounted_path(m, path), flags, 0644);
}

static const char *work(mounted *m, const char *name)
{
    vb_autofree char *path = vb_format("work/%s", name);

    return mounted_path(m, path);
}

static void put(mounted *m, const char *name, const char *text)
{
    vb_autoclose int fd = open_work(m, name, O_WRONLY | O_CREAT | O_TRUNC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect_text(mounted *m, const char *name, const char *text)
{
    vb_autofree char *found = mounted_read(work(m, name));

    assert_string_equal(found, text);
}

#define assert_fails(call, error)         \
    do {                                  \
        assert_int_equal((call), -1);     \
        assert_int_equal(errno, (error)); \
    } while (0)

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void test_new_names_are_exclusive(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);

    put(m, "a", "one");
    assert_fails(open_work(m, "a", O_RDWR | O_CREAT | O_EXCL), EEXIST);
    assert_int_equal(access(work(m, "b"), F_OK), -1); /* the kernel remembers */
    put(m, "b", "two");
    expect_text(m, "b", "two");
    assert_fails(mkdir(work(m, "a"), 0755), EEXIST);
}

static void test_renames_replace_exchange_or_refuse(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);

    put(m, "a", "one");
    put(m, "b", "two");
    put(m, "c", "three");
    assert_fails(renameat2(AT_FDCWD, work(m, "a"), AT_FDCWD, work(m, "b"), RENAME_NOREPLACE), EEXIST);
    assert_int_equal(renameat2(AT_FDCWD, work(m, "a"), AT_FDCWD, work(m, "b"), RENAME_EXCHANGE), 0);
    expect_text(m, "a", "two");
    expect_text(m, "b", "one");
    assert_int_equal(rename(work(m, "c"), work(m, "a")), 0);
    expect_text(m, "a", "three");
    assert_fails(access(work(m, "c"), F_OK), ENOENT);
    assert_int_equal(mkdir(work(m, "d"), 0755), 0);
    assert_int_equal(rename(work(m, "a"), work(m, "d/a")), 0);
    assert_fails(rename(work(m, "d"), work(m, "d/e")), EINVAL);
    assert_fails(rename(work(m, "b"), work(m, "d")), EISDIR);
    expect_text(m, "d/a", "three");
}

static void test_names_have_up_to_255_bytes(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    char longest[257];

    memset(longest, 'n', 256);
    longest[256] = 0;
    assert_fails(open_work(m, longest, O_RDWR | O_CREAT), ENAMETOOLONG);
    assert_fails(access(work(m, longest), F_OK), ENAMETOOLONG);
    assert_fails(mkdir(work(m, longest), 0755), ENAMETOOLONG);
    longest[255] = 0;
    put(m, longest, "long");
    expect_text(m, longest, "long");
}

static void test_an_unlinked_file_goes_on(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    int fd = open_work(m, "gone", O_RDWR | O_CREAT);
    char text[8] = {0};
    struct stat st;

    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(unlink(work(m, "gone")), 0);
    assert_fails(access(work(m, "gone"), F_OK), ENOENT);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(pread(fd, text, 8, 0), 5);
    assert_int_equal(ftruncate(fd, 2), 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 2);
    put(m, "gone", "another");
    assert_int_equal(close(fd), 0);
    expect_text(m, "gone", "another");
}

static void test_files_without_a_name(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    int fd = open_work(m, ".", O_TMPFILE | O_RDWR), sealed = open_work(m, "out/cal", O_TMPFILE | O_RDWR | O_EXCL);
    char path[64];
    struct stat st;

    assert_true(fd >= 0);
    assert_true(sealed >= 0);
    assert_int_equal(write(fd, "quiet", 5), 5);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_int_equal(linkat(AT_FDCWD, path, AT_FDCWD, work(m, "out/cal/c"), AT_SYMLINK_FOLLOW), 0);
    expect_text(m, "out/cal/c", "quiet");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", sealed);
    assert_fails(linkat(AT_FDCWD, path, AT_FDCWD, work(m, "s"), AT_SYMLINK_FOLLOW), ENOENT);
    close(fd);
    close(sealed);
}

static void test_fifos_sockets_and_devices(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fifo, listener, client;
    char text[4] = {0};
    struct stat st;

    assert_int_equal(mkfifo(work(m, "fifo"), 0600), 0);
    fifo = open(work(m, "fifo"), O_RDWR);
    assert_int_equal(write(fifo, "abc", 3), 3);
    assert_int_equal(read(fifo, text, 3), 3);
    assert_string_equal(text, "abc");
    close(fifo);
    if (strlen(work(m, "sock")) < sizeof address.sun_path) {
        strcpy(address.sun_path, work(m, "sock"));
        listener = socket(AF_UNIX, SOCK_STREAM, 0);
        client = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(stat(work(m, "sock"), &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        close(listener);
        close(client);
    }
    if (geteuid()) {
        assert_fails(mknod(work(m, "null"), S_IFCHR | 0666, 0x103), EPERM);
        return;
    }
    assert_int_equal(mknod(work(m, "null"), S_IFCHR | 0666, 0x103), 0);
    assert_int_equal(stat(work(m, "null"), &st), 0);
    assert_int_equal(st.st_rdev, 0x103);
    assert_fails(open(work(m, "null"), O_RDONLY), EACCES); /* nodev */
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static void test_appending_goes_to_the_end(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    int one = open_work(m, "log", O_WRONLY | O_CREAT | O_APPEND), two = open_work(m, "log", O_WRONLY | O_APPEND);

    assert_int_equal(write(one, "a", 1), 1);
    assert_int_equal(write(two, "b", 1), 1);
    assert_int_equal(write(one, "c", 1), 1);
    assert_int_equal(pwrite(two, "d", 1, 0), 1); /* Linux appends all the same */
    close(one);
    close(two);
    expect_text(m, "log", "abcd");
}

static void test_files_are_cut_and_grow(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    char text[6] = "xxxxx";
    vb_autoclose int fd = -1;
    struct stat st;

    put(m, "a", "hello");
    assert_int_equal(truncate(work(m, "a"), 3), 0);
    fd = open_work(m, "a", O_RDWR);
    assert_int_equal(ftruncate(fd, 5), 0);
    assert_int_equal(pread(fd, text, 5, 0), 5);
    assert_memory_equal(text, "hel\0\0", 5);
    put(m, "a", "");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_fails(ftruncate(fd, -1), EINVAL);
}

static void test_what_is_mapped_is_written(void **state)
{
    enum { SIZE = 3 * 4096 };
    vb_auto(mounted_end) mounted *m = open_job(*state);
    int fd = open_work(m, "map", O_RDWR | O_CREAT);
    vb_autofree char *text = NULL;
    char back[4] = {0};
    char *map;

    assert_int_equal(ftruncate(fd, SIZE), 0);
    map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    memcpy(map, "one", 3);
    assert_int_equal(pread(fd, back, 3, 0), 3); /* at once */
    assert_string_equal(back, "one");
    assert_int_equal(pwrite(fd, "two", 3, 4096), 3);
    assert_memory_equal(map + 4096, "two", 3);
    assert_int_equal(msync(map, SIZE, MS_SYNC), 0);
    close(fd);
    memcpy(map + 8192, "late", 4); /* the mapping outlives the descriptor */
    assert_int_equal(msync(map, SIZE, MS_SYNC), 0);
    munmap(map, SIZE);
    text = mounted_read(fixture_path(m->f, "scratch/map"));
    assert_memory_equal(text, "one", 3);
    assert_memory_equal(text + 4096, "two", 3);
    assert_memory_equal(text + 8192, "late", 4);
}

static int64_t blocks_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_blocks;
}

static void test_space_is_allocated_punched_and_zeroed(void **state)
{
    enum { SIZE = 64 << 10 };
    vb_auto(mounted_end) mounted *m = open_job(*state);
    vb_autoclose int fd = open_work(m, "a", O_RDWR | O_CREAT);
    static char full[SIZE], back[SIZE];
    struct stat st;

    memset(full, 'x', SIZE);
    assert_int_equal(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, SIZE), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(fallocate(fd, 0, 0, SIZE), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, SIZE);
    assert_int_equal(pwrite(fd, full, SIZE, 0), SIZE);
    assert_int_equal(fsync(fd), 0);
    assert_true(blocks_of(fd) >= SIZE / 512);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 16384, 16384), 0);
    assert_true(blocks_of(fd) <= (SIZE - 16384) / 512 + 16);
    if (!fallocate(fd, FALLOC_FL_ZERO_RANGE, 40000, 1000))
        memset(full + 40000, 0, 1000);
    else
        assert_int_equal(errno, EOPNOTSUPP); /* tmpfs */
    memset(full + 16384, 0, 16384);
    assert_int_equal(pread(fd, back, SIZE, 0), SIZE);
    assert_memory_equal(full, back, SIZE);
}

/* What was just written is data, be it on its way yet; what was not is a hole. */
static void test_holes_are_told_from_data(void **state)
{
    enum { FAR = 8 << 20 };
    vb_auto(mounted_end) mounted *m = open_job(*state);
    vb_autoclose int fd = open_work(m, "sparse", O_RDWR | O_CREAT),
                     text = open(mounted_path(m, "dimensions/detector/instrument=TestCam/detector=2/record.json"),
                                 O_RDONLY);
    off_t at;

    assert_int_equal(pwrite(fd, "data", 4, FAR), 4);
    at = lseek(fd, 0, SEEK_DATA);
    assert_true(at >= 0 && at <= FAR);
    at = lseek(fd, FAR, SEEK_DATA);
    assert_int_equal(at, FAR);
    at = lseek(fd, FAR, SEEK_HOLE);
    assert_true(at == FAR + 4 || at == FAR + 4096);
    assert_fails(lseek(fd, FAR + 5000, SEEK_DATA), ENXIO);
    assert_int_equal(lseek(text, 5, SEEK_DATA), 5); /* and what is made up is data */
    assert_int_equal(lseek(text, 0, SEEK_HOLE), lseek(text, 0, SEEK_END));
    assert_int_equal(lseek(fd, FAR, SEEK_DATA), FAR);
    assert_int_equal(fsync(fd), 0);
    assert_true(blocks_of(fd) < 100);
}

/* As above: it was lost. A copy that leaves out holes reads SEEK_DATA right after the write. */
static void test_a_sparse_copy_has_all_data(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    int fd = open_work(m, "sparse", O_RDWR | O_CREAT);
    off_t data;

    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(pwrite(fd, "here", 4, 500000), 4);
    data = lseek(fd, 0, SEEK_DATA);
    assert_true(data >= 0 && data <= 500000);
    assert_true(lseek(fd, data, SEEK_HOLE) >= 500004);
    close(fd);
}

static void test_an_empty_sparse_file_has_no_blocks(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    struct stat st;

    put(m, "hole", "");
    assert_int_equal(truncate(work(m, "hole"), 1 << 20), 0);
    assert_int_equal(stat(work(m, "hole"), &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    assert_int_equal(st.st_blocks, 0);
}

static void test_ranges_are_copied(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    vb_autoclose int in = open(mounted_path(m, FILE_1), O_RDONLY), a = open_work(m, "a", O_RDWR | O_CREAT),
                     b = open_work(m, "b", O_RDWR | O_CREAT);
    off_t from = 4, to = 2;
    char text[16] = {0};

    assert_int_equal(copy_file_range(in, &from, a, &to, 100, 0), 6);
    assert_int_equal(pread(a, text, 16, 0), 8);
    assert_memory_equal(text, "\0\000101 2\n", 8);
    assert_int_equal(pwrite(a, "xy", 2, 0), 2); /* dirty: the copy has it */
    from = to = 0;
    assert_int_equal(copy_file_range(a, &from, b, &to, 8, 0), 8);
    assert_int_equal(pread(b, text, 16, 0), 8);
    assert_memory_equal(text, "xy101 2\n", 8);
    from = 0;
    to = 0;
    assert_int_equal(copy_file_range(in, &from, b, &to, 3, 0), 3);
    assert_int_equal(pread(b, text, 16, 0), 8); /* not what the kernel remembers */
    assert_memory_equal(text, "raw01 2\n", 8);
}

static void test_files_and_directories_are_synced(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    int fd = open_work(m, "a", O_RDWR | O_CREAT), dir = open_work(m, ".", O_RDONLY | O_DIRECTORY),
        input = open(mounted_path(m, RAW), O_RDONLY | O_DIRECTORY);

    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(fdatasync(fd), 0);
    assert_int_equal(fsync(dir), 0);
    assert_int_equal(fdatasync(dir), 0);
    assert_int_equal(fsync(input), 0);
    close(fd);
    close(dir);
    close(input);
}

/* ---- locks ------------------------------------------------------------------------------------------------------ */

struct waiter {
    const char *path;
    int how; /* 0: flock; 1: fcntl */
    int done[2];
};

static void *wait_for_lock(void *arg)
{
    struct waiter *w = arg;
    int fd = open(w->path, O_RDWR);
    struct flock whole = {.l_type = F_WRLCK};
    bool got = w->how ? !fcntl(fd, F_OFD_SETLKW, &whole) : !flock(fd, LOCK_EX);

    if (got && write(w->done[1], "x", 1) != 1)
        return w;
    close(fd);
    return NULL;
}

/* While one waits for a lock, others are answered. */
static void test_locks_wait_and_hang_nobody(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    int fd = open_work(m, "lock", O_RDWR | O_CREAT), other = open_work(m, "lock", O_RDWR);

    for (int how = 0; how < 2; how++) {
        struct waiter w = {.path = work(m, "lock"), .how = how};
        struct flock whole = {.l_type = F_WRLCK}, none = {.l_type = F_UNLCK};
        struct pollfd p;
        pthread_t thread;

        assert_int_equal(pipe(w.done), 0);
        assert_int_equal(how ? fcntl(fd, F_OFD_SETLK, &whole) : flock(fd, LOCK_EX), 0);
        assert_fails(how ? fcntl(other, F_OFD_SETLK, &whole) : flock(other, LOCK_EX | LOCK_NB), EAGAIN);
        assert_int_equal(pthread_create(&thread, NULL, wait_for_lock, &w), 0);
        p = (struct pollfd){w.done[0], POLLIN, 0};
        assert_int_equal(poll(&p, 1, 100), 0);
        put(m, "meanwhile", "answered");
        expect_text(m, "meanwhile", "answered");
        assert_int_equal(how ? fcntl(fd, F_OFD_SETLK, &none) : flock(fd, LOCK_UN), 0);
        assert_int_equal(poll(&p, 1, 5000), 1);
        pthread_join(thread, NULL);
        close(w.done[0]);
        close(w.done[1]);
    }
    close(fd);
    close(other);
}

static void test_record_locks_are_a_process_s(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    vb_autoclose int fd = open_work(m, "lock", O_RDWR | O_CREAT);
    struct flock part = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10}, asked = {.l_type = F_WRLCK, .l_len = 100};
    const char *path = work(m, "lock");
    pid_t child;
    int status;

    assert_int_equal(fcntl(fd, F_SETLK, &part), 0);
    child = fork();
    if (!child) {
        int mine = open(path, O_RDWR);
        bool told = !fcntl(mine, F_GETLK, &asked) && asked.l_pid == getppid() && asked.l_start == 10;

        _exit(told && fcntl(mine, F_SETLK, &part) && errno == EAGAIN ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static void test_times_are_set(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    const struct timespec both[2] = {{100, 5}, {200, 7}}, one[2] = {{.tv_nsec = UTIME_OMIT}, {300, 9}},
                          first[2] = {{0, 0}, {0, 0}}, now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    struct stat st;

    put(m, "a", "x");
    assert_int_equal(symlink("a", work(m, "s")), 0);
    assert_int_equal(utimensat(AT_FDCWD, work(m, "a"), both, 0), 0);
    assert_int_equal(stat(work(m, "a"), &st), 0);
    assert_int_equal(st.st_atim.tv_sec, 100);
    assert_int_equal(st.st_atim.tv_nsec, 5);
    assert_int_equal(st.st_mtim.tv_sec, 200);
    assert_int_equal(st.st_mtim.tv_nsec, 7);
    assert_int_equal(utimensat(AT_FDCWD, work(m, "a"), one, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, work(m, "s"), first, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(stat(work(m, "a"), &st), 0);
    assert_int_equal(st.st_atim.tv_sec, 100);
    assert_int_equal(st.st_mtim.tv_sec, 300);
    assert_int_equal(lstat(work(m, "s"), &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, 0);
    assert_int_equal(utimensat(AT_FDCWD, work(m, "a"), first, 0), 0);
    assert_int_equal(stat(work(m, "a"), &st), 0);
    assert_int_equal(st.st_atim.tv_sec, 0);
    assert_int_equal(st.st_mtim.tv_sec, 0);
    assert_int_equal(utimensat(AT_FDCWD, work(m, "a"), now, 0), 0);
    assert_int_equal(stat(work(m, "a"), &st), 0);
    assert_true(st.st_mtim.tv_sec > 1000000000);
}

/* As the file below tells it, which a later write does not change. */
static void test_changes_of_names_are_changes(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    struct stat before, after;

    put(m, "a", "x");
    for (int way = 0; way < 3; way++) {
        assert_int_equal(stat(work(m, "a"), &before), 0);
        usleep(20000);
        if (way == 0)
            assert_int_equal(rename(work(m, "a"), work(m, "b")) || rename(work(m, "b"), work(m, "a")), 0);
        else if (way == 1)
            assert_int_equal(link(work(m, "a"), work(m, "b")), 0);
        else
            assert_int_equal(unlink(work(m, "b")), 0);
        assert_int_equal(stat(work(m, "a"), &after), 0);
        assert_true(vb_clock_ns(after.st_ctim) > vb_clock_ns(before.st_ctim));
        assert_true(vb_clock_ns(after.st_mtim) == vb_clock_ns(before.st_mtim));
        assert_int_equal(after.st_nlink, way == 1 ? 2 : 1);
    }
}

static void test_the_time_of_birth_is_told(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    struct statx above, below;

    put(m, "a", "x");
    usleep(20000);
    put(m, "a", "longer");
    assert_int_equal(statx(AT_FDCWD, fixture_path(m->f, "scratch/a"), 0, STATX_BTIME, &below), 0);
    assert_int_equal(statx(AT_FDCWD, work(m, "a"), 0, STATX_BTIME | STATX_BASIC_STATS, &above), 0);
    assert_int_equal(above.stx_size, 6);
    assert_int_equal(above.stx_mode, S_IFREG | 0644);
    assert_int_equal(above.stx_uid, getuid());
    assert_int_equal(statx(AT_FDCWD, mounted_path(m, FILE_1), 0, STATX_BTIME | STATX_BASIC_STATS, &above), 0);
    assert_int_equal(above.stx_size, 10);
    assert_int_equal(above.stx_mask & STATX_BTIME, 0); /* of an artifact nobody knows */
    assert_int_equal(statx(AT_FDCWD, work(m, "a"), 0, STATX_BTIME, &above), 0);
    if (!(above.stx_mask & STATX_BTIME))
        skip(); /* Linux before 6.6 does not ask */
    assert_int_equal(above.stx_btime.tv_sec, below.stx_btime.tv_sec);
    assert_int_equal(above.stx_btime.tv_nsec, below.stx_btime.tv_nsec);
}

static void test_extended_attributes_are_kept(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    static const unsigned short acl[] = {2, 0, 1, 6, 0xffff, 0xffff, 4, 4, 0xffff, 0xffff, 0x20, 4, 0xffff, 0xffff};
    char value[16] = {0}, names[64] = {0};

    put(m, "a", "x");
    if (setxattr(work(m, "a"), "user.k", "v", 1, 0) && errno == EOPNOTSUPP)
        skip(); /* the file system below has none */
    assert_int_equal(getxattr(work(m, "a"), "user.k", value, sizeof value), 1);
    assert_string_equal(value, "v");
    assert_fails(setxattr(work(m, "a"), "user.k", "w", 1, XATTR_CREATE), EEXIST);
    assert_int_equal(setxattr(work(m, "a"), "user.k", "w", 1, XATTR_REPLACE), 0);
    assert_fails(setxattr(work(m, "a"), "user.n", "w", 1, XATTR_REPLACE), ENODATA);
    assert_int_equal(listxattr(work(m, "a"), names, sizeof names), 7);
    assert_string_equal(names, "user.k");
    assert_int_equal(removexattr(work(m, "a"), "user.k"), 0);
    assert_fails(getxattr(work(m, "a"), "user.k", value, sizeof value), ENODATA);
    assert_fails(setxattr(work(m, "a"), "system.posix_acl_access", acl, sizeof acl, 0), EOPNOTSUPP);
}

static void test_modes_follow_the_umask(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    struct stat st;
    int fd;

    umask(027);
    fd = open(work(m, "a"), O_RDWR | O_CREAT, 0666);
    close(fd);
    mkdir(work(m, "d"), 0777);
    umask(022);
    assert_int_equal(stat(work(m, "a"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(stat(work(m, "d"), &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0750);
    assert_int_equal(chmod(work(m, "d"), 01777), 0);
    assert_int_equal(chmod(work(m, "a"), 0), 0);
    assert_int_equal(stat(work(m, "d"), &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 01777);
    assert_int_equal(stat(work(m, "a"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG);
}

/* Runs `f` as nobody; what it returns. */
static int as_nobody(int (*f)(mounted *m), mounted *m)
{
    pid_t child = fork();
    int status;

    if (!child)
        _exit(setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY) ? 99 : f(m));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int make_things(mounted *m)
{
    int fd = open(work(m, "open/file"), O_RDWR | O_CREAT | O_EXCL, 0644);

    if (fd < 0 || mkdir(work(m, "open/dir"), 0755) || symlink("x", work(m, "open/link")) ||
        mkfifo(work(m, "open/fifo"), 0644))
        return 1;
    if (open(work(m, "open"), O_TMPFILE | O_RDWR, 0644) < 0)
        return 2;
    fd = open(work(m, "shared/file"), O_RDWR | O_CREAT, 0644);
    return fd < 0 || mkdir(work(m, "shared/dir"), 0755) ? 3 : 0;
}

static void test_what_another_user_makes_is_his(void **state)
{
    static const char *const his[] = {"open/file", "open/dir", "open/link", "open/fifo", "shared/file", "shared/dir"};
    vb_auto(mounted_end) mounted *m = NULL;
    struct stat st;

    if (geteuid())
        skip();
    m = open_job(*state);
    assert_int_equal(mkdir(work(m, "open"), 0755), 0);
    assert_int_equal(mkdir(work(m, "shared"), 0755), 0);
    assert_int_equal(chmod(work(m, "open"), 0777), 0);
    assert_int_equal(chown(work(m, "shared"), 0, OTHER_GROUP), 0);
    assert_int_equal(chmod(work(m, "shared"), 02777), 0);
    assert_int_equal(as_nobody(make_things, m), 0);
    for (size_t i = 0; i < VB_COUNT(his); i++) {
        assert_int_equal(lstat(work(m, his[i]), &st), 0);
        assert_int_equal(st.st_uid, NOBODY);
        assert_int_equal(st.st_gid, i < 4 ? NOBODY : OTHER_GROUP);
    }
    assert_int_equal(stat(work(m, "shared/dir"), &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 02755);
}

static int write_to_it(mounted *m)
{
    int fd = open(work(m, "set"), O_WRONLY);

    return fd < 0 || pwrite(fd, "x", 1, 0) != 1;
}

static int truncate_it(mounted *m)
{
    return truncate(work(m, "set"), 1) != 0;
}

static int open_truncated(mounted *m)
{
    return open(work(m, "set"), O_WRONLY | O_TRUNC) < 0;
}

/* Root serves, and root's writes keep set-ID bits: the kernel tells when they must go. */
static void test_a_write_by_another_user_takes_set_id_bits(void **state)
{
    int (*const ways[])(mounted * m) = {write_to_it, truncate_it, open_truncated};
    vb_auto(mounted_end) mounted *m = NULL;
    struct stat st;

    if (geteuid())
        skip();
    m = open_job(*state);
    for (size_t i = 0; i < VB_COUNT(ways); i++) {
        put(m, "set", "text");
        assert_int_equal(chmod(work(m, "set"), 06777), 0);
        put(m, "set", "root");
        assert_int_equal(as_nobody(ways[i], m), 0);
        assert_int_equal(stat(work(m, "set"), &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0777);
    }
}

static int take_away(mounted *m)
{
    if (!unlink(work(m, "sticky/roots")) || errno != EPERM)
        return 1;
    if (!rename(work(m, "sticky/roots"), work(m, "sticky/x")) || errno != EPERM)
        return 2;
    if (!chmod(work(m, "sticky/roots"), 0777) || errno != EPERM)
        return 3;
    if (!chown(work(m, "sticky/roots"), NOBODY, NOBODY) || errno != EPERM)
        return 4;
    return open(work(m, "sticky/roots"), O_RDONLY) >= 0 || errno != EACCES ? 5 : 0;
}

static void test_other_users_have_their_bounds(void **state)
{
    vb_auto(mounted_end) mounted *m = NULL;

    if (geteuid())
        skip();
    m = open_job(*state);
    assert_int_equal(mkdir(work(m, "sticky"), 0755), 0);
    assert_int_equal(chmod(work(m, "sticky"), 01777), 0);
    put(m, "sticky/roots", "x");
    assert_int_equal(chmod(work(m, "sticky/roots"), 0600), 0);
    assert_int_equal(as_nobody(take_away, m), 0);
}

/* ---- directories ------------------------------------------------------------------------------------------------ */

enum { MANY = 1500 };

static void make_many(mounted *m)
{
    vb_autoclose int dir = -1;

    assert_int_equal(mkdir(work(m, "many"), 0755), 0);
    dir = open_work(m, "many", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < MANY; i++) {
        char name[16];

        snprintf(name, sizeof name, "f%d", i);
        close(openat(dir, name, O_WRONLY | O_CREAT, 0644));
    }
}

static void test_big_directories_are_listed_whole(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    char middle[256] = "";
    struct dirent *e;
    long half = 0;
    DIR *dir;

    make_many(m);
    dir = opendir(work(m, "many"));
    for (int pass = 0; pass < 2; pass++) {
        int n = 0;

        for (; (e = readdir(dir)); n++)
            if (n == MANY / 2)
                half = telldir(dir);
            else if (n == MANY / 2 + 1)
                snprintf(middle, sizeof middle, "%s", e->d_name);
        assert_int_equal(n, MANY + 2);
        rewinddir(dir);
    }
    while (readdir(dir))
        ;
    seekdir(dir, half);
    assert_string_equal(readdir(dir)->d_name, middle);
    closedir(dir);
}

/* What is taken away while it is listed shifts nothing: rm -r is such a program, and one that seeks back too. */
static void test_taking_away_while_listing(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    struct dirent *e;
    int taken = 0;
    DIR *dir;

    make_many(m);
    dir = opendir(work(m, "many"));
    while ((e = readdir(dir))) {
        long at = telldir(dir);

        if (e->d_name[0] == '.')
            continue;
        assert_int_equal(unlinkat(dirfd(dir), e->d_name, 0), 0);
        if (++taken % 300 == 0)
            seekdir(dir, at);
    }
    assert_int_equal(taken, MANY);
    put(m, "many/new", "x");
    rewinddir(dir);
    for (taken = 0; (e = readdir(dir));)
        taken += !strcmp(e->d_name, "new");
    assert_int_equal(taken, 1);
    closedir(dir);
}

static void test_listings_tell_inode_numbers(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    struct dirent *e;
    int seen = 0;
    DIR *dir;

    put(m, "a", "x");
    assert_int_equal(mkdir(work(m, "d"), 0755), 0);
    dir = opendir(work(m, ""));
    while ((e = readdir(dir)))
        if (!strcmp(e->d_name, "a") || !strcmp(e->d_name, "d")) {
            struct stat st;

            assert_int_equal(stat(work(m, e->d_name), &st), 0);
            assert_int_equal(e->d_ino, st.st_ino);
            seen++;
        }
    assert_int_equal(seen, 2);
    closedir(dir);
}

/* ---- inputs ----------------------------------------------------------------------------------------------------- */

/* The kernel compares modes first: inputs are 0444, their directories 0555. */
static void test_inputs_stay_as_they_are(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state);
    const char *input = mounted_path(m, FILE_1), *beside = mounted_path(m, RAW "/new");
    int refused = geteuid() ? EACCES : EROFS;

    put(m, "a", "x");
    assert_fails(link(input, work(m, "l")), EXDEV);
    assert_fails(link(work(m, "a"), beside), refused);
    assert_fails(rename(input, work(m, "r")), refused);
    assert_fails(rename(work(m, "a"), beside), refused);
    assert_fails(open(input, O_RDWR), refused);
    assert_fails(truncate(input, 0), refused);
    assert_fails(open(beside, O_WRONLY | O_CREAT, 0644), refused);
    assert_fails(mkdir(beside, 0755), refused);
    assert_fails(chmod(input, 0600), EROFS);
    assert_fails(setxattr(input, "user.x", "", 0, 0), refused);
    expect_text(m, "a", "x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mounted_setup, mounted_teardown)

static int run_all(const char *group)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_names_are_exclusive),
        TEST(test_renames_replace_exchange_or_refuse),
        TEST(test_names_have_up_to_255_bytes),
        TEST(test_an_unlinked_file_goes_on),
        TEST(test_files_without_a_name),
        TEST(test_fifos_sockets_and_devices),
        TEST(test_appending_goes_to_the_end),
        TEST(test_files_are_cut_and_grow),
        TEST(test_what_is_mapped_is_written),
        TEST(test_space_is_allocated_punched_and_zeroed),
        TEST(test_holes_are_told_from_data),
        TEST(test_a_sparse_copy_has_all_data),
        TEST(test_an_empty_sparse_file_has_no_blocks),
        TEST(test_ranges_are_copied),
        TEST(test_files_and_directories_are_synced),
        TEST(test_locks_wait_and_hang_nobody),
        TEST(test_record_locks_are_a_process_s),
        TEST(test_times_are_set),
        TEST(test_changes_of_names_are_changes),
        TEST(test_the_time_of_birth_is_told),
        TEST(test_extended_attributes_are_kept),
        TEST(test_modes_follow_the_umask),
        TEST(test_what_another_user_makes_is_his),
        TEST(test_a_write_by_another_user_takes_set_id_bits),
        TEST(test_other_users_have_their_bounds),
        TEST(test_big_directories_are_listed_whole),
        TEST(test_taking_away_while_listing),
        TEST(test_listings_tell_inode_numbers),
        TEST(test_inputs_stay_as_they_are),
    };

    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
    int failed;

    umask(022);
    failed = run_all("posix, cached");
    if (geteuid())
        return failed; /* passthrough is root's */
    passthrough = true;
    return failed + run_all("posix, passthrough");
}
