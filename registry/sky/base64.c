#include "registry/sky/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The place of each character in the alphabet, plus one; 0: it is not in there. */
static const uint8_t places[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

void vb_base64_encode(const void *data, size_t n, vb_buf *out)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)p[i] << 16 | (i + 1 < n ? p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        char quad[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], alphabet[bits >> 6 & 63], alphabet[bits & 63]};

        if (i + 1 >= n)
            quad[2] = '=';
        if (i + 2 >= n)
            quad[3] = '=';
        vb_buf_add(out, quad, 4);
    }
}

ssize_t vb_base64_decode(const char *text, size_t n, uint8_t *out)
{
    const uint8_t *s = (const uint8_t *)text;
    size_t padding = 0, used = 0;

    if (n % 4 != 0)
        return -1;
    while (padding < 2 && padding < n && s[n - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t bits = 0;

        for (size_t k = 0; k < 4; k++) {
            uint32_t place = places[s[i + k]];

            if (place == 0 && i + k < n - padding)
                return -1;
            bits = bits << 6 | (place ? place - 1 : 0);
        }
        out[used++] = (uint8_t)(bits >> 16);
        out[used++] = (uint8_t)(bits >> 8);
        out[used++] = (uint8_t)bits;
    }
    return (ssize_t)(used - padding);
}
