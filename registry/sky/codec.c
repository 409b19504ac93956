#include "registry/base/mem.h"
#include "registry/sky/base64.h"
#include "registry/sky/polygon.h"
#include "registry/sky/region.h"

#include <endian.h>
#include <string.h>

enum { CIRCLE_BYTES = 1 + 5 * 8, BOX_BYTES = 1 + 4 * 8, ELLIPSE_BYTES = 1 + 14 * 8, VERTEX_BYTES = 3 * 8 };

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t u;

    memcpy(&u, p, sizeof u);
    return le64toh(u);
}

static double get_double(const uint8_t *p)
{
    uint64_t u = get_u64(p);
    double d;

    memcpy(&d, &u, sizeof d);
    return d;
}

static vb_vec3 get_vec3(const uint8_t *p)
{
    return (vb_vec3){get_double(p), get_double(p + 8), get_double(p + 16)};
}

static int refuse_length(vb_error *err, const char *what, size_t n)
{
    return vb_fail(err, -EINVAL, "%zu bytes are no encoded %s", n, what);
}

/* ---- decoding: `p` is what comes after the type byte, `n` the length with it ---- */

static int decode_polygon(const uint8_t *p, size_t n, vb_region *out, vb_error *err)
{
    size_t count = (n - 1) / VERTEX_BYTES;
    vb_vec3 *vertices = out->few;

    if (count < 3 || n != 1 + count * VERTEX_BYTES)
        return refuse_length(err, "convex polygon", n);
    if (count > VB_REGION_FEW)
        vertices = out->many = vb_realloc(NULL, count, sizeof *vertices);
    out->kind = VB_REGION_POLYGON;
    out->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        vertices[i] = get_vec3(p + i * VERTEX_BYTES);
        if (!vb_vec3_is_unit(vertices[i]))
            return vb_fail(err, -EINVAL, "vertex %zu of an encoded polygon is no unit vector: %g, %g, %g", i + 1,
                           vertices[i].x, vertices[i].y, vertices[i].z);
    }
    if (!vb_polygon_turns_left(vertices, count))
        return vb_fail(err, -EINVAL, "an encoded polygon is clockwise, not convex or flat");
    return 0;
}

/* The whole sky may have more than 4 and pi, an empty circle any two below 0. */
static bool circle_size_is_valid(const vb_circle *c)
{
    if (!isfinite(c->chord2) || !isfinite(c->angle))
        return false;
    if (c->chord2 < 0 && c->angle < 0)
        return true;
    return fabs(fmin(c->chord2, 4) - vb_chord2_of_angle(c->angle)) < 1e-6;
}

static int decode_circle(const uint8_t *p, size_t n, vb_region *out, vb_error *err)
{
    vb_circle circle;

    if (n != CIRCLE_BYTES)
        return refuse_length(err, "circle", n);
    circle = (vb_circle){get_vec3(p), get_double(p + 24), get_double(p + 32)};
    if (!vb_vec3_is_unit(circle.center))
        return vb_fail(err, -EINVAL, "the centre of an encoded circle is no unit vector");
    if (!circle_size_is_valid(&circle))
        return vb_fail(err, -EINVAL, "an encoded circle has squared chord %g and opening angle %g, which disagree",
                       circle.chord2, circle.angle);
    out->kind = VB_REGION_CIRCLE;
    out->circle = circle;
    return 0;
}

/* sphgeom's empty box has NaN for longitudes, and latitudes the wrong way round. */
static bool box_is_valid(const vb_box *b)
{
    if (isnan(b->lon_a) && isnan(b->lon_b))
        return b->lat_a > b->lat_b;
    return b->lon_a >= 0 && b->lon_a <= 2 * M_PI && b->lon_b >= 0 && b->lon_b <= 2 * M_PI && b->lat_a >= -M_PI_2 &&
           b->lat_a <= b->lat_b && b->lat_b <= M_PI_2;
}

static int decode_box(const uint8_t *p, size_t n, vb_region *out, vb_error *err)
{
    if (n != BOX_BYTES)
        return refuse_length(err, "box", n);
    out->kind = VB_REGION_BOX;
    out->box = (vb_box){get_double(p), get_double(p + 8), get_double(p + 16), get_double(p + 24)};
    if (box_is_valid(&out->box))
        return 0;
    return vb_fail(err, -EINVAL, "an encoded box has longitudes from %g to %g and latitudes from %g to %g radians",
                   out->box.lon_a, out->box.lon_b, out->box.lat_a, out->box.lat_b);
}

static bool ellipse_is_valid(const vb_ellipse *e)
{
    return vb_vec3_is_unit(e->basis[0]) && vb_vec3_is_unit(e->basis[1]) && vb_vec3_is_unit(e->basis[2]) &&
           fabs(e->a) <= 2 && fabs(e->b) <= 2 && fabs(e->gamma) <= 2 && e->tan_a >= 0 && e->tan_b >= 0;
}

static int decode_ellipse(const uint8_t *p, size_t n, vb_region *out, vb_error *err)
{
    vb_ellipse *e = &out->ellipse;

    if (n != ELLIPSE_BYTES)
        return refuse_length(err, "ellipse", n);
    out->kind = VB_REGION_ELLIPSE;
    *e = (vb_ellipse){{get_vec3(p), get_vec3(p + 24), get_vec3(p + 48)},
                      get_double(p + 72),
                      get_double(p + 80),
                      get_double(p + 88),
                      get_double(p + 96),
                      get_double(p + 104)};
    return ellipse_is_valid(e) ? 0 : vb_fail(err, -EINVAL, "an encoded ellipse has no axes or no size");
}

static int decode(const uint8_t *p, size_t n, int depth, vb_region *out, vb_error *err);

static int decode_parts(const uint8_t *p, size_t n, int depth, vb_region *out, vb_error *err)
{
    const uint8_t *end = p + n - 1;
    uint32_t cap = 0;

    out->kind = p[-1] == 'u' ? VB_REGION_UNION : VB_REGION_INTERSECTION;
    out->parts = NULL;
    if (depth == VB_REGION_DEPTH)
        return vb_fail(err, -EINVAL, "encoded regions are nested more than %d deep", VB_REGION_DEPTH);
    while (p < end) {
        size_t left = (size_t)(end - p);
        uint64_t length = left < 8 ? 0 : get_u64(p);
        int r;

        if (left < 8 || length > left - 8)
            return vb_fail(err, -EINVAL, "part %u of an encoded region is longer than the region", out->count + 1);
        r = decode(p + 8, length, depth + 1, VB_PUSH(out->parts, out->count, cap), err);
        if (r < 0)
            return vb_error_context(err, "part %u of a region", out->count);
        p += 8 + length;
    }
    return 0;
}

static int decode(const uint8_t *p, size_t n, int depth, vb_region *out, vb_error *err)
{
    out->kind = VB_REGION_UNION;
    out->count = 0;
    switch (n ? p[0] : 0) {
    case 'p': return decode_polygon(p + 1, n, out, err);
    case 'c': return decode_circle(p + 1, n, out, err);
    case 'b': return decode_box(p + 1, n, out, err);
    case 'e': return decode_ellipse(p + 1, n, out, err);
    case 'u':
    case 'i': return decode_parts(p + 1, n, depth, out, err);
    }
    if (n == 0)
        return refuse_length(err, "region", n);
    return vb_fail(err, -EINVAL, "an encoded region starts with one of p c b e u i, and this one with 0x%02x", p[0]);
}

int vb_region_decode(const void *data, size_t n, vb_region *out, vb_error *err)
{
    int r;

    out->kind = VB_REGION_UNION;
    out->count = 0;
    if (n > VB_REGION_MAX_BYTES)
        return vb_fail(err, -E2BIG, "an encoded region has %zu bytes, and %d are allowed", n, VB_REGION_MAX_BYTES);
    r = decode(data, n, 0, out, err);
    if (r < 0)
        vb_region_free(out);
    return r;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static ssize_t decode_hex(const char *text, size_t n, uint8_t *out)
{
    if (n % 2 != 0)
        return -1;
    for (size_t i = 0; i < n; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (ssize_t)(n / 2);
}

int vb_region_decode_text(const char *text, size_t n, vb_region *out, vb_error *err)
{
    /* Every type byte is a small letter: in hexadecimal it starts with 6 or 7, in base64 with one of Y Z a c
     * d. */
    bool hex = n > 0 && (text[0] == '6' || text[0] == '7');
    uint8_t few[1 + VB_REGION_FEW * VERTEX_BYTES + 2];
    vb_autofree uint8_t *many = NULL;
    uint8_t *bytes = few;
    size_t room = hex ? n / 2 : VB_BASE64_BYTES(n);
    ssize_t length;

    out->kind = VB_REGION_UNION;
    out->count = 0;
    if (n > 2 * VB_REGION_MAX_BYTES)
        return vb_fail(err, -E2BIG, "the text of an encoded region has %zu characters", n);
    if (room > sizeof few)
        bytes = many = vb_realloc(NULL, room, 1);
    length = hex ? decode_hex(text, n, bytes) : vb_base64_decode(text, n, bytes);
    if (length < 0)
        return vb_fail(err, -EINVAL, "the text of an encoded region is not %s", hex ? "hexadecimal" : "base64");
    return vb_region_decode(bytes, (size_t)length, out, err);
}

/* ---- encoding ---- */

static void put_u64(vb_buf *out, uint64_t u)
{
    u = htole64(u);
    vb_buf_add(out, &u, sizeof u);
}

/* `shape` is a struct of n doubles and nothing else. */
static void put_doubles(vb_buf *out, const void *shape, size_t n)
{
    const char *p = shape;

    for (size_t i = 0; i < n; i++) {
        uint64_t u;

        memcpy(&u, p + i * sizeof u, sizeof u);
        put_u64(out, u);
    }
}

static void encode_parts(const vb_region *region, vb_buf *out)
{
    for (uint32_t i = 0; i < region->count; i++) {
        vb_auto_buf part = {0};

        vb_region_encode(&region->parts[i], &part);
        put_u64(out, part.len);
        vb_buf_add(out, part.data, part.len);
    }
}

void vb_region_encode(const vb_region *region, vb_buf *out)
{
    static const char types[] = {
        [VB_REGION_UNION] = 'u', [VB_REGION_INTERSECTION] = 'i', [VB_REGION_POLYGON] = 'p',
        [VB_REGION_BOX] = 'b',   [VB_REGION_CIRCLE] = 'c',       [VB_REGION_ELLIPSE] = 'e',
    };

    vb_buf_putc(out, types[region->kind]);
    switch (region->kind) {
    case VB_REGION_POLYGON: put_doubles(out, vb_region_vertices(region), 3 * (size_t)region->count); break;
    case VB_REGION_BOX: put_doubles(out, &region->box, 4); break;
    case VB_REGION_CIRCLE: put_doubles(out, &region->circle, 5); break;
    case VB_REGION_ELLIPSE: put_doubles(out, &region->ellipse, 14); break;
    case VB_REGION_UNION:
    case VB_REGION_INTERSECTION: encode_parts(region, out); break;
    }
}

void vb_region_encode_base64(const vb_region *region, vb_buf *out)
{
    vb_auto_buf bytes = {0};

    vb_region_encode(region, &bytes);
    vb_base64_encode(bytes.data, bytes.len, out);
}

void vb_region_encode_hex(const vb_region *region, vb_buf *out)
{
    vb_auto_buf bytes = {0};

    vb_region_encode(region, &bytes);
    vb_buf_hex(out, bytes.data, bytes.len);
}
