#include "registry/base/hash.h"

#include "registry/base/mem.h"
#include "registry/base/uuid.h"

#include <string.h>
#include <xxhash.h>

static vb_hash canonical(XXH128_hash_t value)
{
    XXH128_canonical_t c;
    vb_hash hash;

    XXH128_canonicalFromHash(&c, value);
    memcpy(hash.bytes, c.digest, sizeof hash.bytes);
    return hash;
}

vb_hash vb_hash_bytes(const void *data, size_t n)
{
    return canonical(XXH3_128bits(data, n));
}

uint64_t vb_hash64(const void *data, size_t n)
{
    return XXH3_64bits(data, n);
}

/* Reads a whole block, or what is left of the file: a read may come back short before its end. */
static ssize_t read_block(int fd, char *block, size_t n, off_t at)
{
    size_t done = 0;
    ssize_t got = 1;

    while (done < n && (got = pread(fd, block + done, n - done, at + (off_t)done)) > 0)
        done += (size_t)got;
    return got < 0 ? got : (ssize_t)done;
}

int vb_hash_fd(int fd, vb_hash *out, int64_t *size, vb_error *err)
{
    enum { BLOCK = 256 * 1024 };
    vb_autofree char *block = vb_realloc(NULL, BLOCK, 1);
    XXH3_state_t *state = NULL;
    off_t at = 0;
    ssize_t n = read_block(fd, block, BLOCK, 0);

    if (n >= 0 && n < BLOCK) { /* most outputs: one block, no state */
        *out = vb_hash_bytes(block, (size_t)n);
        at = n;
    } else if (n > 0) {
        state = XXH3_createState();
        XXH3_128bits_reset(state);
        for (; n > 0; n = read_block(fd, block, BLOCK, at)) {
            XXH3_128bits_update(state, block, (size_t)n);
            at += n;
        }
        *out = canonical(XXH3_128bits_digest(state));
        XXH3_freeState(state);
    }
    if (n < 0)
        return vb_fail_errno(err, -errno, "reading the bytes to checksum");
    if (size)
        *size = at;
    return 0;
}

struct vb_hasher {
    XXH3_state_t *state;
};

vb_hasher *vb_hasher_new(void)
{
    vb_hasher *h = VB_NEW(vb_hasher);

    h->state = XXH3_createState();
    vb_hasher_reset(h);
    return h;
}

void vb_hasher_reset(vb_hasher *h)
{
    XXH3_128bits_reset(h->state);
}

void vb_hasher_add(vb_hasher *h, const void *data, size_t n)
{
    XXH3_128bits_update(h->state, data, n);
}

vb_hash vb_hasher_result(const vb_hasher *h)
{
    return canonical(XXH3_128bits_digest(h->state));
}

void vb_hasher_free(vb_hasher *h)
{
    XXH3_freeState(h->state);
    free(h);
}

const char *vb_hash_format(const vb_hash *hash, char text[VB_HASH_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    char *p = stpcpy(text, "xxh3-128:");

    for (int i = 0; i < 16; i++) {
        *p++ = digits[hash->bytes[i] >> 4];
        *p++ = digits[hash->bytes[i] & 15];
    }
    *p = 0;
    return text;
}

bool vb_hash_parse(const char *text, vb_hash *out)
{
    vb_uuid bytes; /* 32 hexadecimal digits are parsed alike */

    if (!strncmp(text, "xxh3-128:", 9))
        text += 9;
    if (strlen(text) != 32 || !vb_uuid_parse(text, &bytes))
        return false;
    memcpy(out->bytes, bytes.bytes, sizeof out->bytes);
    return true;
}
