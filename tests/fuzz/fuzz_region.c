/* What any bytes decode to is encoded to the same bytes again, and can be asked everything. */
#include "registry/sky/pixels.h"
#include "tests/fuzz/fuzz.h"

static void fixed_polygon(vb_region *out)
{
    const vb_vec3 points[] = {vb_vec3_from_degrees(350, -10), vb_vec3_from_degrees(20, -12),
                              vb_vec3_from_degrees(25, 20), vb_vec3_from_degrees(355, 15)};

    check(vb_region_hull(points, 4, out, NULL) == 0);
}

static void check_encoding(const vb_region *region, const uint8_t *data, size_t size)
{
    vb_auto_region again;
    vb_auto_buf bytes = {0}, text = {0};

    vb_region_encode(region, &bytes);
    check(bytes.len == size && memcmp(bytes.data, data, size) == 0);
    vb_region_encode_base64(region, &text);
    check(vb_region_decode_text(text.data, text.len, &again, NULL) == 0);
}

static void check_pixels(const vb_region *region)
{
    vb_auto_ranges envelope = {0}, interior = {0}, common = {0}, squares = {0};

    vb_htm_envelope(5, region, &envelope);
    vb_htm_interior(5, region, &interior);
    vb_htm_interior(5, region, &common);
    vb_healpix_envelope(3, region, &squares);
    vb_ranges_intersect(&common, &envelope);
    check(vb_ranges_pixels(&common) == vb_ranges_pixels(&interior));
    check(vb_ranges_pixels(&envelope) <= 8 << 10 && vb_ranges_pixels(&squares) <= 12 << 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto_region region, polygon, from_text;
    vb_auto_error err = VB_ERROR_INIT;

    fixed_polygon(&polygon);
    vb_region_decode_text((const char *)data, size, &from_text, NULL);
    if (vb_region_decode(data, size, &region, &err) < 0) {
        check(err.code < 0 && err.message && region.count == 0);
        return 0;
    }
    check_encoding(&region, data, size);
    check(vb_region_relate(&region, &polygon) == vb_relation_invert(vb_region_relate(&polygon, &region)));
    vb_region_overlaps(&region, &region);
    vb_region_contains(&region, vb_region_center(&polygon));
    vb_region_distance(&region, &polygon);
    vb_region_bounding_box(&region);
    check_pixels(&region);
    return 0;
}
