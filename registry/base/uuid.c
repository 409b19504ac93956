#include "registry/base/uuid.h"

#include "registry/base/buf.h"
#include "registry/base/clock.h"
#include "registry/base/sha1.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

static void random_bytes(void *out, size_t n)
{
    uint8_t *p = out;

    while (n) {
        ssize_t got = getrandom(p, n, 0); /* cannot fail for /dev/urandom once seeded, but may be cut short */

        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

/* Random bytes by the block: a system call for each id would cost more than the rest of an insert.  The pool lies in
 * memory that the kernel empties in a forked child, so that parent and child never draw the same bytes, and the child
 * finds the lock free (a zeroed mutex is) whoever held it. */
struct pool {
    pthread_mutex_t lock;
    size_t left;
    uint8_t bytes[1024];
};

static struct pool *pool; /* NULL: the kernel cannot do that */

static void make_pool(void)
{
    void *memory = mmap(NULL, sizeof *pool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory != MAP_FAILED && !madvise(memory, sizeof *pool, MADV_WIPEONFORK))
        pool = memory;
}

static void pooled_random(uint8_t *out, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_pool);
    if (!pool) {
        random_bytes(out, n);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    if (pool->left < n) {
        random_bytes(pool->bytes, sizeof pool->bytes);
        pool->left = sizeof pool->bytes;
    }
    pool->left -= n;
    memcpy(out, pool->bytes + pool->left, n);
    pthread_mutex_unlock(&pool->lock);
}

vb_uuid vb_uuid_v7(void)
{
    vb_uuid u;
    uint64_t ms = (uint64_t)vb_clock_unix_ns() / 1000000;

    pooled_random(u.bytes + 6, 10);
    for (int i = 0; i < 6; i++)
        u.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    u.bytes[6] = (uint8_t)((u.bytes[6] & 0x0f) | 0x70);
    u.bytes[8] = (uint8_t)((u.bytes[8] & 0x3f) | 0x80);
    return u;
}

static void set_version(vb_uuid *u, int version)
{
    u->bytes[6] = (uint8_t)((u->bytes[6] & 0x0f) | version << 4);
    u->bytes[8] = (uint8_t)((u->bytes[8] & 0x3f) | 0x80);
}

vb_uuid vb_uuid_v4(void)
{
    vb_uuid u;

    pooled_random(u.bytes, sizeof u.bytes);
    set_version(&u, 4);
    return u;
}

vb_uuid vb_uuid_v5(vb_uuid namespace, const void *name, size_t n)
{
    vb_auto_buf text = {0};
    uint8_t digest[20];
    vb_uuid u;

    vb_buf_add(&text, namespace.bytes, sizeof namespace.bytes);
    vb_buf_add(&text, name, n);
    vb_sha1(text.data, text.len, digest);
    memcpy(u.bytes, digest, sizeof u.bytes);
    set_version(&u, 5);
    return u;
}

int vb_uuid_version(vb_uuid uuid)
{
    return uuid.bytes[6] >> 4;
}

const char *vb_uuid_format(vb_uuid uuid, char text[VB_UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    char *p = text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[uuid.bytes[i] >> 4];
        *p++ = digits[uuid.bytes[i] & 15];
    }
    *p = 0;
    return text;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool vb_uuid_parse(const char *text, vb_uuid *out)
{
    bool dashes = strlen(text) == 36;

    for (int i = 0; i < 16; i++) {
        int high, low;

        if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return false;
        high = hex_digit(text[0]);
        low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return !*text;
}

bool vb_uuid_equal(vb_uuid a, vb_uuid b)
{
    return !memcmp(a.bytes, b.bytes, sizeof a.bytes);
}
