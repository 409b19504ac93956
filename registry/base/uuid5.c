/* uuid5.c - UUIDs of names (RFC 9562, version 5), by SHA-1 (FIPS 180-4): for identity, not for secrecy. */
#include "registry/base/uuid.h"

#include <endian.h>
#include <string.h>

struct sha1 {
    uint32_t state[5];
    uint8_t block[64];
    size_t used;
    uint64_t total;
};

static uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void schedule(const uint8_t block[64], uint32_t w[80])
{
    for (int i = 0; i < 16; i++) {
        uint32_t word;

        memcpy(&word, block + 4 * i, sizeof word);
        w[i] = be32toh(word);
    }
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
}

static void compress(struct sha1 *s)
{
    static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80], v[5];

    schedule(s->block, w);
    memcpy(v, s->state, sizeof v);
    for (int i = 0; i < 80; i++) {
        uint32_t f = v[1] ^ v[2] ^ v[3], next;

        if (i < 20)
            f = (v[1] & v[2]) | (~v[1] & v[3]);
        else if (i >= 40 && i < 60)
            f = (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]);
        next = rotate(v[0], 5) + f + v[4] + k[i / 20] + w[i];

        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotate(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (int i = 0; i < 5; i++)
        s->state[i] += v[i];
}

static void add(struct sha1 *s, const void *data, size_t n)
{
    const uint8_t *p = data;

    s->total += n;
    while (n) {
        size_t part = sizeof s->block - s->used < n ? sizeof s->block - s->used : n;

        memcpy(s->block + s->used, p, part);
        s->used += part;
        p += part;
        n -= part;
        if (s->used == sizeof s->block) {
            compress(s);
            s->used = 0;
        }
    }
}

static void end(struct sha1 *s)
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = htobe64(8 * s->total);

    add(s, padding, 1 + (119 - s->used) % 64);
    add(s, &bits, sizeof bits);
}

vb_uuid vb_uuid_v5(const vb_uuid *space, const void *name, size_t n)
{
    struct sha1 s = {.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
    vb_uuid out;

    add(&s, space->bytes, sizeof space->bytes);
    add(&s, name, n);
    end(&s);
    for (int i = 0; i < 4; i++) {
        uint32_t word = htobe32(s.state[i]);

        memcpy(out.bytes + 4 * i, &word, sizeof word);
    }
    out.bytes[6] = (out.bytes[6] & 0x0f) | 0x50;
    out.bytes[8] = (out.bytes[8] & 0x3f) | 0x80;
    return out;
}
