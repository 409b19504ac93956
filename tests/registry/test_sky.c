/* Spherical geometry: regions, their encodings and relations, and the pixels that they touch.
 *
 * The golden tests compare with sphgeom's own answers, in $VB_SHARED/data/golden/sphgeom.json (default
 * ../shared), and are skipped where that file is absent. */
#include "registry/sky/pixels.h"
#include "registry/sky/polygon.h"

#include <ctype.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double degree = M_PI / 180, arcsec = M_PI / 180 / 3600;
static const vb_vec3 north = {0, 0, 1};

/* ---- random regions: the same in every run ---- */

static double uniform(double low, double high)
{
    return low + (high - low) * drand48();
}

static vb_vec3 random_direction(void)
{
    return vb_vec3_from_radians(uniform(0, 2 * M_PI), asin(uniform(-1, 1)));
}

/* A point at a distance from another, in a direction. */
static vb_vec3 step_from(vb_vec3 center, double distance, double turn)
{
    vb_vec3 a = vb_vec3_orthogonal(center), b = vb_vec3_cross(center, a);
    vb_vec3 side = vb_vec3_add(vb_vec3_scale(a, cos(turn)), vb_vec3_scale(b, sin(turn)));

    return vb_vec3_unit(vb_vec3_add(vb_vec3_scale(center, cos(distance)), vb_vec3_scale(side, sin(distance))));
}

static vb_vec3 away_from(vb_vec3 center, double distance)
{
    return step_from(center, distance, uniform(0, 2 * M_PI));
}

static void make_polygon(vb_vec3 center, double size, vb_region *out)
{
    vb_vec3 points[8];

    for (size_t i = 0; i < 8; i++)
        points[i] = step_from(center, size, M_PI / 4 * ((double)i + uniform(0, 1)));
    assert_int_equal(vb_region_hull(points, 8, out, NULL), 0);
}

static void make_box(vb_vec3 center, double size, vb_region *out)
{
    vb_circle circle = vb_circle_around(center, size);

    *out = (vb_region){.kind = VB_REGION_BOX, .box = vb_circle_box(&circle)};
}

static void make_ellipse(vb_vec3 center, double size, vb_region *out)
{
    vb_vec3 x = vb_vec3_orthogonal(center), y = vb_vec3_cross(center, x);
    double a = size - M_PI_2, b = size / 2 - M_PI_2;

    *out = (vb_region){
        .kind = VB_REGION_ELLIPSE,
        .ellipse = {{x, y, center}, a, b, acos(cos(size) / cos(size / 2)), fabs(tan(a)), fabs(tan(b))},
    };
}

enum { KINDS = 6 };

static void make_region(int kind, vb_vec3 center, double size, vb_region *out)
{
    vb_region parts[2];

    switch (kind) {
    case 0: make_polygon(center, size, out); return;
    case 1: make_box(center, size, out); return;
    case 2: assert_int_equal(vb_region_circle(center, size, out, NULL), 0); return;
    case 3: make_ellipse(center, size, out); return;
    default: break;
    }
    make_polygon(center, size, &parts[0]);
    make_region(2, away_from(center, size), size, &parts[1]);
    vb_region_union(parts, 2, out);
    if (kind == 5)
        out->kind = VB_REGION_INTERSECTION;
}

/* Every third is near a pole, every third near longitude 0. */
static vb_vec3 random_center(int i)
{
    if (i % 3 == 0)
        return away_from((vb_vec3){0, 0, i % 2 ? 1 : -1}, uniform(0, 0.05));
    return i % 3 == 1 ? vb_vec3_from_degrees(uniform(-2, 2), uniform(-60, 60)) : random_direction();
}

static bool has_pixel(const vb_ranges *ranges, uint64_t index)
{
    for (size_t i = 0; i < ranges->count; i++)
        if (index >= ranges->items[i].begin && index < ranges->items[i].end)
            return true;
    return false;
}

static void assert_ranges(const vb_ranges *got, const vb_range *want, size_t n)
{
    assert_int_equal(got->count, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got->items[i].begin, want[i].begin);
        assert_int_equal(got->items[i].end, want[i].end);
    }
}

/* ---- golden ---- */

static json_t *golden;

static int load_golden(void **state)
{
    const char *shared = getenv("VB_SHARED");
    char path[4096];

    snprintf(path, sizeof path, "%s/data/golden/sphgeom.json", shared ? shared : "../shared");
    golden = json_load_file(path, 0, NULL);
    if (!golden)
        print_message("golden tests are skipped: cannot read %s (set VB_SHARED)\n", path);
    srand48(20261120);
    return 0;
}

static int drop_golden(void **state)
{
    json_decref(golden);
    return 0;
}

/* The list of that name; skips the test where there is none. */
static const json_t *golden_list(const char *name)
{
    if (!golden)
        skip();
    return json_object_get(golden, name);
}

static void golden_region(const json_t *entry, vb_region *out)
{
    const char *hex = json_string_value(json_object_get(entry, "hex"));
    vb_auto_error err = VB_ERROR_INIT;

    if (vb_region_decode_text(hex, strlen(hex), out, &err) < 0)
        fail_msg("%s", err.message);
}

static void golden_regions_decode_and_encode_to_the_same_text(void **state)
{
    const json_t *entry, *list = golden_list("regions");
    size_t i;

    json_array_foreach(list, i, entry) {
        const char *base64 = json_string_value(json_object_get(entry, "base64"));
        vb_auto_region from_hex, from_base64;
        vb_auto_buf as_hex = {0}, as_base64 = {0};

        golden_region(entry, &from_hex);
        assert_int_equal(vb_region_decode_text(base64, strlen(base64), &from_base64, NULL), 0);
        vb_region_encode_hex(&from_base64, &as_hex);
        vb_region_encode_base64(&from_hex, &as_base64);
        assert_string_equal(as_hex.data, json_string_value(json_object_get(entry, "hex")));
        assert_string_equal(as_base64.data, base64);
    }
}

static void compare_golden_pixels(const char *key, void (*find)(int, const vb_region *, vb_ranges *))
{
    const json_t *entry, *range, *list = golden_list("regions");
    size_t i, k;

    json_array_foreach(list, i, entry) {
        vb_auto_region region;
        vb_auto_ranges want = {0}, got = {0};

        golden_region(entry, &region);
        json_array_foreach(json_object_get(entry, key), k, range)
            vb_ranges_add(&want, (uint64_t)json_integer_value(json_array_get(range, 0)),
                          (uint64_t)json_integer_value(json_array_get(range, 1)));
        find(7, &region, &got);
        assert_ranges(&got, want.items, want.count);
    }
}

static void golden_htm_envelopes_agree(void **state)
{
    compare_golden_pixels("htm7_envelope", vb_htm_envelope);
}

static void golden_htm_interiors_agree(void **state)
{
    compare_golden_pixels("htm7_interior", vb_htm_interior);
}

static void golden_bounding_boxes_agree(void **state)
{
    const json_t *entry, *list = golden_list("regions");
    size_t i;

    json_array_foreach(list, i, entry) {
        const json_t *want = json_object_get(entry, "bbox_deg");
        vb_auto_region region;
        vb_box box;

        golden_region(entry, &region);
        box = vb_region_bounding_box(&region);
        assert_float_equal(box.lon_a / degree, json_real_value(json_array_get(want, 0)), 1e-10);
        assert_float_equal(box.lat_a / degree, json_real_value(json_array_get(want, 1)), 1e-10);
        assert_float_equal(box.lon_b / degree, json_real_value(json_array_get(want, 2)), 1e-10);
        assert_float_equal(box.lat_b / degree, json_real_value(json_array_get(want, 3)), 1e-10);
    }
}

static void golden_pairs_relate_and_overlap_as_in_sphgeom(void **state)
{
    const json_t *pair, *regions = golden_list("regions"), *list = golden_list("pairs");
    size_t i;

    json_array_foreach(list, i, pair) {
        const json_t *overlaps = json_array_get(pair, 3);
        vb_auto_region a, b;

        golden_region(json_array_get(regions, (size_t)json_integer_value(json_array_get(pair, 0))), &a);
        golden_region(json_array_get(regions, (size_t)json_integer_value(json_array_get(pair, 1))), &b);
        assert_int_equal(vb_region_relate(&a, &b), json_integer_value(json_array_get(pair, 2)));
        /* null: sphgeom cannot tell; then we say yes */
        assert_int_equal(vb_region_overlaps(&a, &b), !json_is_false(overlaps));
    }
}

static void golden_points_have_their_pixels(void **state)
{
    const json_t *point, *list = golden_list("points");
    size_t i;

    json_array_foreach(list, i, point) {
        const json_t *xyz = json_object_get(point, "xyz");
        vb_vec3 v = {json_real_value(json_array_get(xyz, 0)), json_real_value(json_array_get(xyz, 1)),
                     json_real_value(json_array_get(xyz, 2))};

        assert_float_equal(vb_vec3_lon(v) / degree, json_real_value(json_object_get(point, "lon")), 1e-10);
        assert_float_equal(vb_vec3_lat(v) / degree, json_real_value(json_object_get(point, "lat")), 1e-10);
        assert_int_equal(vb_htm_index(7, v), json_integer_value(json_object_get(point, "htm7")));
        assert_int_equal(vb_htm_index(10, v), json_integer_value(json_object_get(point, "htm10")));
        assert_int_equal(vb_healpix_index(5, v), json_integer_value(json_object_get(point, "healpix5")));
    }
}

/* ---- directions ---- */

static void degrees_come_back_from_a_vector(void **state)
{
    static const double places[][2] = {{0, 0}, {359.9999, -89.9}, {180, 45}, {0, 90}, {0, -90}, {270, 1e-9}};
    double lon, lat;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        vb_vec3_to_degrees(vb_vec3_from_degrees(places[i][0], places[i][1]), &lon, &lat);
        if (fabs(places[i][1]) < 90)
            assert_float_equal(lon, places[i][0], 1e-12);
        assert_float_equal(lat, places[i][1], 1e-12);
    }
}

static void orientation_is_exact_where_doubles_do_not_tell(void **state)
{
    vb_vec3 a = vb_vec3_from_degrees(10, 0), b = vb_vec3_from_degrees(50, 0), above = vb_vec3_from_degrees(30, 0),
            below = above;

    assert_int_equal(vb_orient(above, a, b), 0);
    above.z = 1e-40;
    below.z = -1e-40;
    assert_int_equal(vb_orient(above, a, b), 1);
    assert_int_equal(vb_orient(below, a, b), -1);
    assert_int_equal(vb_orient(a, b, below), -1);
    assert_int_equal(vb_orient(b, a, below), 1);
}

/* ---- encodings ---- */

static void every_kind_of_region_survives_encoding(void **state)
{
    for (int kind = 0; kind < KINDS; kind++) {
        vb_auto_region region, again;
        vb_auto_buf first = {0}, second = {0};
        vb_auto_error err = VB_ERROR_INIT;

        make_region(kind, random_direction(), 0.1, &region);
        vb_region_encode(&region, &first);
        assert_int_equal(vb_region_decode(first.data, first.len, &again, &err), 0);
        vb_region_encode(&again, &second);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.data, second.data, first.len);
    }
}

static void polygon_of_more_vertices_than_fit_inside_survives_encoding(void **state)
{
    vb_vec3 points[100];
    vb_auto_region region, again;
    vb_auto_buf text = {0}, second = {0};

    for (size_t i = 0; i < 100; i++)
        points[i] = away_from(north, 0.5);
    assert_int_equal(vb_region_hull(points, 100, &region, NULL), 0);
    assert_int_equal(region.count, 100);
    vb_region_encode_base64(&region, &text);
    assert_int_equal(vb_region_decode_text(text.data, text.len, &again, NULL), 0);
    vb_region_encode_base64(&again, &second);
    assert_string_equal(text.data, second.data);
}

static void hexadecimal_text_may_be_upper_case(void **state)
{
    vb_auto_region region, again;
    vb_auto_buf text = {0};

    make_region(2, north, 0.1, &region);
    vb_region_encode_hex(&region, &text);
    for (char *c = text.data; *c; c++)
        *c = (char)toupper(*c);
    assert_int_equal(vb_region_decode_text(text.data, text.len, &again, NULL), 0);
    assert_memory_equal(&again.circle, &region.circle, sizeof region.circle);
}

static void empty_box_of_sphgeom_is_read_and_touches_nothing(void **state)
{
    vb_region box = {.kind = VB_REGION_BOX, .box = vb_box_empty()}, sky;
    vb_auto_region again;
    vb_auto_buf bytes = {0};
    vb_auto_ranges pixels = {0};

    vb_region_encode(&box, &bytes);
    assert_int_equal(vb_region_decode(bytes.data, bytes.len, &again, NULL), 0);
    vb_htm_envelope(5, &again, &pixels);
    vb_healpix_envelope(5, &again, &pixels);
    assert_int_equal(pixels.count, 0);
    make_region(2, north, M_PI, &sky);
    assert_int_equal(vb_region_relate(&again, &sky), VB_DISJOINT | VB_WITHIN);
}

static void assert_refused(const void *bytes, size_t n, const char *sentence)
{
    vb_region region;
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_region_decode(bytes, n, &region, &err), -EINVAL);
    assert_non_null(strstr(err.message, sentence));
    assert_int_equal(region.kind, VB_REGION_UNION);
    assert_int_equal(region.count, 0);
}

/* Encodes a region, puts a double in the place of one of its own, and sees it refused. */
static void assert_refuses_double(int kind, size_t which, double bad, const char *sentence)
{
    vb_auto_region region;
    vb_auto_buf bytes = {0};

    make_region(kind, vb_vec3_from_degrees(40, 30), 0.1, &region);
    vb_region_encode(&region, &bytes);
    memcpy(bytes.data + 1 + 8 * which, &bad, sizeof bad);
    assert_refused(bytes.data, bytes.len, sentence);
}

static void numbers_that_make_no_region_are_refused(void **state)
{
    const double bad[] = {NAN, INFINITY, 2};

    for (size_t i = 0; i < 3; i++) {
        assert_refuses_double(0, 3, bad[i], "vertex 2 of an encoded polygon is no unit vector");
        assert_refuses_double(2, 2, bad[i], "centre of an encoded circle is no unit vector");
        assert_refuses_double(3, 8, bad[i], "an encoded ellipse has no axes");
    }
    assert_refuses_double(1, 0, NAN, "an encoded box has longitudes");
    assert_refuses_double(1, 1, 7, "an encoded box has longitudes");
    assert_refuses_double(1, 2, 1.5, "an encoded box has longitudes");
    assert_refuses_double(2, 3, NAN, "an encoded circle has squared chord");
    assert_refuses_double(2, 4, INFINITY, "an encoded circle has squared chord");
    assert_refuses_double(2, 4, 0.2, "which disagree");
    assert_refuses_double(3, 9, NAN, "an encoded ellipse has no axes or no size");
    assert_refuses_double(3, 12, -1, "an encoded ellipse has no axes or no size");
}

static void lengths_that_do_not_fit_are_refused(void **state)
{
    for (int kind = 0; kind < KINDS; kind++) {
        vb_auto_region region;
        vb_auto_buf bytes = {0};

        make_region(kind, random_direction(), 0.1, &region);
        vb_region_encode(&region, &bytes);
        for (size_t n = 0; n < bytes.len; n++) {
            vb_auto_region cut;
            bool whole = vb_region_decode(bytes.data, n, &cut, NULL) == 0;

            /* what is cut between two vertices or two parts is shorter, but whole */
            assert_true(!whole || (kind == 0 && n % 24 == 1) || kind >= 4);
        }
    }
    assert_refused("", 0, "0 bytes are no encoded region");
    assert_refused("p", 1, "1 bytes are no encoded convex polygon");
    assert_refused("x", 1, "starts with one of p c b e u i, and this one with 0x78");
    assert_refused("u\1\0\0\0", 5, "part 1 of an encoded region is longer than the region");
    assert_refused("u\xff\xff\xff\xff\xff\xff\xff\xff", 9, "part 1 of an encoded region is longer");
    assert_refused("i\1\0\0\0\0\0\0\0z", 10, "part 1 of a region: an encoded region starts with");
}

static void regions_nested_too_deep_are_refused(void **state)
{
    vb_auto_buf inner = {0};

    vb_buf_putc(&inner, 'u');
    for (int depth = 0; depth < VB_REGION_DEPTH; depth++) {
        vb_auto_buf outer = {0};
        uint64_t length = inner.len;
        vb_region region;

        assert_int_equal(vb_region_decode(inner.data, inner.len, &region, NULL), 0);
        vb_region_free(&region);
        vb_buf_putc(&outer, 'u');
        vb_buf_add(&outer, &length, sizeof length);
        vb_buf_add(&outer, inner.data, inner.len);
        vb_buf_clear(&inner);
        vb_buf_add(&inner, outer.data, outer.len);
    }
    assert_refused(inner.data, inner.len, "nested more than 8 deep");
}

static void assert_refuses_triangle(vb_vec3 a, vb_vec3 b, vb_vec3 c)
{
    const vb_vec3 vertices[] = {a, b, c};
    char bytes[1 + sizeof vertices] = "p";

    memcpy(bytes + 1, vertices, sizeof vertices);
    assert_refused(bytes, sizeof bytes, "clockwise, not convex or flat");
}

static void clockwise_and_flat_polygons_are_refused(void **state)
{
    vb_vec3 a = {1, 0, 0}, b = vb_vec3_from_degrees(0, 1), c = vb_vec3_from_degrees(1, 0);

    assert_refuses_triangle(a, b, c);
    assert_refuses_triangle(a, a, a);
    assert_refuses_triangle(a, c, vb_vec3_from_degrees(2, 0));
}

static void text_that_is_no_encoding_is_refused(void **state)
{
    static const char *const texts[] = {"", "7", "70zz", "cA", "cAA=A", "c===", "!!!!", "cAAA", "Y2Nj\n"};
    vb_region region;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(vb_region_decode_text(texts[i], strlen(texts[i]), &region, NULL), -EINVAL);
}

/* ---- hulls ---- */

static void hull_keeps_the_order_of_a_convex_polygon_and_drops_what_is_inside(void **state)
{
    vb_vec3 points[] = {vb_vec3_from_degrees(10, 10), vb_vec3_from_degrees(20, 10), vb_vec3_from_degrees(15, 12),
                        vb_vec3_from_degrees(20, 20), vb_vec3_from_degrees(10, 20), vb_vec3_from_degrees(20, 10)};
    const vb_vec3 want[] = {points[0], points[1], points[3], points[4]};
    vb_auto_region hull;

    assert_int_equal(vb_region_hull(points, 6, &hull, NULL), 0);
    assert_int_equal(hull.count, 4);
    assert_memory_equal(hull.few, want, sizeof want);
}

static void hull_contains_every_point_and_is_convex(void **state)
{
    for (int i = 0; i < 200; i++) {
        vb_vec3 center = random_center(i), points[50];
        double size = pow(10, uniform(-6, 0.1));
        vb_auto_region hull;

        for (size_t k = 0; k < 50; k++)
            points[k] = away_from(center, size * uniform(0, 1));
        assert_int_equal(vb_region_hull(points, 50, &hull, NULL), 0);
        assert_true(vb_polygon_turns_left(vb_region_vertices(&hull), hull.count));
        for (size_t k = 0; k < 50; k++)
            assert_true(vb_region_contains(&hull, points[k]));
    }
}

static void hull_of_points_without_one_is_refused(void **state)
{
    vb_vec3 equator[] = {{1, 0, 0}, {0, 1, 0}, {-1, 0, 0}, {0, -1, 0}};
    vb_vec3 around[] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, vb_vec3_unit((vb_vec3){-1, -1, -1})};
    vb_vec3 same[] = {north, north, north, north}, bad[] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 2}};
    vb_auto_error err = VB_ERROR_INIT;
    vb_region hull;

    assert_int_equal(vb_region_hull(equator, 4, &hull, &err), -EINVAL);
    assert_non_null(strstr(err.message, "one great circle"));
    assert_int_equal(vb_region_hull(same, 4, &hull, &err), -EINVAL);
    assert_int_equal(vb_region_hull(equator, 0, &hull, &err), -EINVAL);
    assert_int_equal(vb_region_hull(around, 4, &hull, &err), -EINVAL);
    assert_non_null(strstr(err.message, "one hemisphere"));
    assert_int_equal(vb_region_hull(bad, 3, &hull, &err), -EINVAL);
    assert_non_null(strstr(err.message, "point 3 of 3 is no unit vector"));
}

/* ---- regions ---- */

static void box_may_lie_across_longitude_zero(void **state)
{
    vb_region box, other;

    assert_int_equal(vb_region_box_degrees(-5, 5, -1, 1, &box, NULL), 0);
    assert_int_equal(vb_region_box_degrees(355, 5, -1, 1, &other, NULL), 0);
    assert_int_equal(vb_region_relate(&box, &other), VB_CONTAINS | VB_WITHIN);
    assert_true(vb_region_contains(&box, vb_vec3_from_degrees(359, 0)));
    assert_true(vb_region_contains(&box, vb_vec3_from_degrees(1, 0)));
    assert_false(vb_region_contains(&box, vb_vec3_from_degrees(180, 0)));
    assert_true(vb_vec3_angle(vb_region_center(&box), (vb_vec3){1, 0, 0}) < 1e-12);
}

static void box_of_a_whole_turn_has_all_longitudes(void **state)
{
    vb_region box;

    for (int lon = -180; lon <= 180; lon++) {
        assert_int_equal(vb_region_box_degrees(lon, lon + 360, -1, 1, &box, NULL), 0);
        assert_true(box.box.lon_a == 0 && box.box.lon_b == 2 * M_PI);
    }
}

static void box_that_is_no_interval_is_refused(void **state)
{
    vb_region box;

    assert_int_equal(vb_region_box_degrees(5, -5, -1, 1, &box, NULL), -EINVAL);
    assert_int_equal(vb_region_box_degrees(0, 5, 1, -1, &box, NULL), -EINVAL);
    assert_int_equal(vb_region_box_degrees(0, 5, 91, 95, &box, NULL), -EINVAL);
    assert_int_equal(vb_region_box_degrees(0, NAN, -1, 1, &box, NULL), -EINVAL);
    assert_int_equal(vb_region_circle(north, -1, &box, NULL), -EINVAL);
    assert_int_equal(vb_region_circle((vb_vec3){0}, 1, &box, NULL), -EINVAL);
}

static void polygon_round_a_pole_spans_all_longitudes(void **state)
{
    vb_vec3 points[5];
    vb_auto_region polygon;
    vb_auto_ranges pixels = {0};
    vb_box box;

    for (int i = 0; i < 5; i++)
        points[i] = vb_vec3_from_degrees(72 * i, -80);
    assert_int_equal(vb_region_hull(points, 5, &polygon, NULL), 0);
    box = vb_region_bounding_box(&polygon);
    assert_true(box.lon_a == 0 && box.lon_b == 2 * M_PI && box.lat_a == -M_PI_2);
    assert_true(vb_region_contains(&polygon, (vb_vec3){0, 0, -1}));
    assert_false(vb_region_contains(&polygon, north));
    vb_htm_envelope(7, &polygon, &pixels);
    assert_true(has_pixel(&pixels, vb_htm_index(7, (vb_vec3){0, 0, -1})));
}

static void quadrilateral_across_longitude_zero_has_a_narrow_box(void **state)
{
    vb_vec3 corners[] = {vb_vec3_from_degrees(358, 41), vb_vec3_from_degrees(359, 40), vb_vec3_from_degrees(1, 40),
                         vb_vec3_from_degrees(2, 41)};
    vb_auto_region polygon;
    vb_box box;

    assert_int_equal(vb_region_hull(corners, 4, &polygon, NULL), 0);
    box = vb_region_bounding_box(&polygon);
    assert_float_equal(box.lon_a / degree, 358, 1e-6);
    assert_float_equal(box.lon_b / degree, 2, 1e-6);
}

/* Looser than need be, and what sphgeom does: queries with boxes must find the same rows. */
static void polygon_whose_last_vertex_is_between_the_others_across_zero_gets_all_longitudes(void **state)
{
    vb_vec3 corners[] = {vb_vec3_from_degrees(359, 40), vb_vec3_from_degrees(1, 40), vb_vec3_from_degrees(0.5, 41)};
    vb_auto_region polygon, box;

    assert_int_equal(vb_region_hull(corners, 3, &polygon, NULL), 0);
    assert_int_equal(vb_region_box_degrees(100, 101, 40, 41, &box, NULL), 0);
    assert_true(vb_region_bounding_box(&polygon).lon_b == 2 * M_PI);
    assert_true(vb_region_overlaps(&polygon, &box));
}

static void polygons_of_ten_arcseconds_are_told_apart(void **state)
{
    for (int i = 0; i < 300; i++) {
        vb_vec3 center = random_center(i);
        vb_auto_region one, near, far;
        vb_auto_ranges pixels = {0};

        make_region(0, center, 10 * arcsec, &one);
        make_region(0, away_from(center, 3 * arcsec), 10 * arcsec, &near);
        make_region(0, away_from(center, 21 * arcsec), 10 * arcsec, &far);
        assert_true(vb_region_contains(&one, vb_region_center(&one)));
        assert_true(vb_region_overlaps(&one, &near));
        assert_false(vb_region_overlaps(&one, &far));
        assert_true(vb_region_distance(&one, &far) > 0.99 * arcsec);
        vb_htm_envelope(7, &one, &pixels);
        assert_true(has_pixel(&pixels, vb_htm_index(7, vb_region_center(&one))));
        assert_true(vb_ranges_pixels(&pixels) <= 8);
    }
}

static void neighbours_that_share_an_edge_overlap_and_their_neighbours_do_not(void **state)
{
    vb_region strip[3];

    for (int i = 0; i < 3; i++) {
        vb_vec3 corners[] = {vb_vec3_from_degrees(i, 3), vb_vec3_from_degrees(i + 1, 3), vb_vec3_from_degrees(i + 1, 4),
                             vb_vec3_from_degrees(i, 4)};

        assert_int_equal(vb_region_hull(corners, 4, &strip[i], NULL), 0);
    }
    assert_true(vb_region_overlaps(&strip[0], &strip[1]));
    assert_true(vb_region_overlaps(&strip[1], &strip[2]));
    assert_false(vb_region_overlaps(&strip[0], &strip[2]));
}

static void crossing_polygons_without_common_vertices_overlap(void **state)
{
    vb_vec3 wide[] = {vb_vec3_from_degrees(0, 4), vb_vec3_from_degrees(10, 4), vb_vec3_from_degrees(10, 6),
                      vb_vec3_from_degrees(0, 6)};
    vb_vec3 tall[] = {vb_vec3_from_degrees(4, 0), vb_vec3_from_degrees(6, 0), vb_vec3_from_degrees(6, 10),
                      vb_vec3_from_degrees(4, 10)};
    vb_auto_region a, b;

    assert_int_equal(vb_region_hull(wide, 4, &a, NULL), 0);
    assert_int_equal(vb_region_hull(tall, 4, &b, NULL), 0);
    assert_true(vb_region_overlaps(&a, &b));
    assert_int_equal(vb_region_relate(&a, &b), 0);
}

static void relations_are_symmetric(void **state)
{
    for (int i = 0; i < 3000; i++) {
        vb_vec3 center = random_center(i);
        vb_auto_region a, b;
        vb_auto_buf bytes_a = {0}, bytes_b = {0};
        bool overlaps, encoded;

        make_region(i % KINDS, center, 0.02, &a);
        make_region(i / KINDS % KINDS, away_from(center, uniform(0, 0.06)), 0.02, &b);
        overlaps = vb_region_overlaps(&a, &b);
        assert_int_equal(vb_region_overlaps(&b, &a), overlaps);
        if (!vb_region_is_compound(&a) || !vb_region_is_compound(&b))
            assert_int_equal(vb_region_relate(&b, &a), vb_relation_invert(vb_region_relate(&a, &b)));
        vb_region_encode(&a, &bytes_a);
        vb_region_encode(&b, &bytes_b);
        assert_int_equal(vb_region_overlaps_encoded(bytes_a.data, bytes_a.len, bytes_b.data, bytes_b.len, &encoded,
                                                    NULL),
                         0);
        assert_int_equal(encoded, overlaps);
    }
}

static void regions_with_a_common_point_overlap(void **state)
{
    for (int i = 0; i < 3000; i++) {
        vb_vec3 center = random_center(i), point = away_from(center, uniform(0, 0.03));
        vb_auto_region a, b;

        make_region(i % KINDS, center, 0.02, &a);
        make_region(i / KINDS % KINDS, away_from(center, uniform(0, 0.06)), 0.02, &b);
        if (vb_region_contains(&a, point) && vb_region_contains(&b, point))
            assert_true(vb_region_overlaps(&a, &b));
    }
}

static void bounding_circle_and_box_hold_the_region(void **state)
{
    for (int i = 0; i < 6000; i++) {
        vb_vec3 center = random_center(i);
        double size = pow(10, uniform(-4, 0));
        vb_auto_region region;
        vb_circle circle;
        vb_box box;

        make_region(i % KINDS, center, size, &region);
        circle = vb_region_bounding_circle(&region);
        box = vb_region_bounding_box(&region);
        for (int k = 0; k < 20; k++) {
            vb_vec3 v = away_from(center, size * uniform(0, 2));

            if (!vb_region_contains(&region, v))
                continue;
            assert_true(vb_circle_contains(&circle, v));
            assert_true(vb_box_contains(&box, v));
        }
    }
}

static void distance_is_that_of_the_nearest_points(void **state)
{
    vb_vec3 west[] = {vb_vec3_from_degrees(0, -1), vb_vec3_from_degrees(1, -1), vb_vec3_from_degrees(1, 1),
                      vb_vec3_from_degrees(0, 1)};
    vb_vec3 east[] = {vb_vec3_from_degrees(32, 0), vb_vec3_from_degrees(33, -1), vb_vec3_from_degrees(33, 1)};
    vb_auto_region a, b, circle;

    assert_int_equal(vb_region_hull(west, 4, &a, NULL), 0);
    assert_int_equal(vb_region_hull(east, 3, &b, NULL), 0);
    assert_int_equal(vb_region_circle(vb_vec3_from_degrees(50, 0), 2 * degree, &circle, NULL), 0);
    assert_float_equal(vb_region_distance(&a, &b), 31 * degree, 1e-9);
    assert_float_equal(vb_region_distance(&b, &a), 31 * degree, 1e-9);
    assert_true(vb_region_distance(&a, &a) == 0);
    assert_true(vb_region_distance(&a, &circle) > 46 * degree && vb_region_distance(&a, &circle) < 47.5 * degree);
}

/* ---- ranges ---- */

static void ranges_that_meet_are_merged(void **state)
{
    vb_auto_ranges set = {0};

    vb_ranges_add(&set, 10, 12);
    vb_ranges_add(&set, 20, 30);
    vb_ranges_add(&set, 12, 14);
    vb_ranges_add(&set, 40, 41);
    vb_ranges_add(&set, 5, 5);
    vb_ranges_add(&set, 1, 2);
    assert_ranges(&set, (vb_range[]){{1, 2}, {10, 14}, {20, 30}, {40, 41}}, 4);
    assert_int_equal(vb_ranges_pixels(&set), 16);
    vb_ranges_add(&set, 13, 40);
    assert_ranges(&set, (vb_range[]){{1, 2}, {10, 41}}, 2);
}

static void ranges_agree_with_a_bitmap(void **state)
{
    for (int i = 0; i < 500; i++) {
        vb_auto_ranges a = {0}, b = {0};
        char in_a[64] = {0}, in_b[64] = {0};

        for (int k = 0; k < 12; k++) {
            uint64_t begin = (uint64_t)uniform(0, 60), end = begin + (uint64_t)uniform(0, 5);

            vb_ranges_add(k % 2 ? &a : &b, begin, end);
            memset((k % 2 ? in_a : in_b) + begin, 1, end - begin);
        }
        for (uint64_t k = 0; k < 64; k++)
            assert_int_equal(has_pixel(&a, k), in_a[k]);
        vb_ranges_intersect(&a, &b);
        for (uint64_t k = 0; k < 64; k++)
            assert_int_equal(has_pixel(&a, k), in_a[k] && in_b[k]);
        for (size_t k = 1; k < a.count; k++)
            assert_true(a.items[k - 1].end < a.items[k].begin);
    }
}

/* ---- pixels ---- */

static void every_point_is_in_its_trixel(void **state)
{
    for (int i = 0; i < 2000; i++) {
        vb_vec3 v = random_center(i), corners[3];
        int level = i % (VB_HTM_MAX_LEVEL + 1);
        uint64_t index = vb_htm_index(level, v);

        assert_int_equal(index >> (2 * level + 3), 1);
        vb_htm_trixel(level, index, corners);
        assert_true(vb_polygon_contains(corners, 3, v));
    }
}

static void trixel_of_level_zero_has_all_its_descendants_for_envelope(void **state)
{
    vb_auto_region octant;
    vb_auto_ranges interior = {0}, envelope = {0};

    assert_int_equal(vb_skypix_region("htm", 0, 12, &octant, NULL), 0);
    vb_htm_interior(5, &octant, &interior);
    vb_htm_envelope(5, &octant, &envelope);
    assert_ranges(&interior, (vb_range[]){{12 << 10, 13 << 10}}, 1);
    assert_true(vb_ranges_pixels(&envelope) > vb_ranges_pixels(&interior)); /* the neighbours share its edge */
    assert_true(has_pixel(&envelope, vb_htm_index(5, vb_vec3_from_degrees(315, -0.1))));
}

/* Points of the region, of its edge for one, have their pixels in the envelope; points of interior pixels are
 * in the region. */
static void check_pixels_of(int kind, vb_vec3 center, double size, int level)
{
    vb_auto_region region;
    vb_auto_ranges trixels = {0}, interior = {0}, squares = {0};
    int order = level < VB_HEALPIX_MAX_ORDER ? level : VB_HEALPIX_MAX_ORDER;

    make_region(kind, center, size, &region);
    assert_int_equal(vb_skypix_envelope("htm", level, &region, &trixels, NULL), 0);
    assert_int_equal(vb_skypix_envelope("healpix", order, &region, &squares, NULL), 0);
    vb_htm_interior(level, &region, &interior);
    for (int k = 0; k < 300; k++) {
        vb_vec3 v = away_from(center, size * (k % 5 ? uniform(0, 2) : 1));
        bool inside = vb_region_contains(&region, v);
        uint64_t trixel = vb_htm_index(level, v);

        if (inside && !has_pixel(&trixels, trixel))
            fail_msg("kind %d, size %g: trixel %ju of level %d is missing", kind, size, (uintmax_t)trixel, level);
        if (inside && !has_pixel(&squares, vb_healpix_index(order, v)))
            fail_msg("kind %d, size %g: a pixel of order %d is missing", kind, size, order);
        if (has_pixel(&interior, trixel))
            assert_true(inside);
    }
}

static void envelopes_hold_the_pixel_of_every_point_and_interiors_no_other(void **state)
{
    for (int i = 0; i < 3000; i++) {
        double size = pow(10, uniform(-5, 0));
        int level = (int)fmax(0, fmin(VB_HTM_MAX_LEVEL, uniform(0, 5) - log2(size)));

        check_pixels_of(i % KINDS, random_center(i / KINDS), size, level);
    }
}

static void envelope_of_a_union_is_that_of_its_parts(void **state)
{
    vb_region parts[2];
    vb_auto_region both, common;
    vb_auto_ranges separately = {0}, together = {0}, second = {0}, shared = {0};

    make_region(0, vb_vec3_from_degrees(30, 30), 0.05, &parts[0]);
    make_region(2, vb_vec3_from_degrees(32, 30), 0.05, &parts[1]);
    vb_htm_envelope(8, &parts[0], &separately);
    vb_htm_envelope(8, &parts[1], &second);
    vb_ranges_intersect(&second, &separately);
    vb_htm_envelope(8, &parts[1], &separately);
    vb_region_union(parts, 2, &both);
    vb_htm_envelope(8, &both, &together);
    assert_ranges(&together, separately.items, separately.count);
    both.kind = VB_REGION_INTERSECTION;
    vb_htm_envelope(8, &both, &shared);
    assert_ranges(&shared, second.items, second.count);
    assert_true(second.count > 0);
    common = (vb_region){.kind = VB_REGION_INTERSECTION}; /* of nothing: the whole sky */
    vb_ranges_clear(&shared);
    vb_healpix_envelope(3, &common, &shared);
    assert_ranges(&shared, (vb_range[]){{0, 768}}, 1);
}

static void healpix_rings_are_renumbered(void **state)
{
    /* Gaia shards of nside 32, named in shared/data/README.md */
    static const uint64_t ring[] = {4759, 4886, 4887, 5015}, nest[] = {7928, 7917, 7922, 7911};

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(vb_healpix_ring_to_nest(5, ring[i]), nest[i]);
        assert_int_equal(vb_healpix_nest_to_ring(5, nest[i]), ring[i]);
    }
}

static void middle_of_a_pixels_corners_is_in_the_pixel(void **state)
{
    for (int i = 0; i < 2000; i++) {
        int order = i % (VB_HEALPIX_MAX_ORDER + 1);
        uint64_t index = (uint64_t)uniform(0, 12 * pow(4, order));
        vb_auto_region pixel;

        assert_int_equal(vb_skypix_region("healpix", order, index, &pixel, NULL), 0);
        assert_int_equal(vb_healpix_index(order, vb_region_center(&pixel)), index);
        assert_true(vb_polygon_turns_left(pixel.few, pixel.count));
    }
}

static void healpix_envelope_of_a_small_circle_in_a_pixel_is_that_pixel(void **state)
{
    for (int i = 0; i < 2000; i++) {
        uint64_t index = (uint64_t)uniform(0, 12 << 12);
        vb_auto_region pixel, circle;
        vb_auto_ranges found = {0};

        assert_int_equal(vb_skypix_region("healpix", 6, index, &pixel, NULL), 0);
        assert_int_equal(vb_region_circle(vb_region_center(&pixel), 1e-4, &circle, NULL), 0);
        vb_healpix_envelope(6, &circle, &found);
        assert_ranges(&found, (vb_range[]){{index, index + 1}}, 1);
    }
}

static void pixels_that_are_not_there_are_refused(void **state)
{
    vb_region region = {.count = 0};
    vb_auto_ranges ranges = {0};
    vb_auto_error err = VB_ERROR_INIT;
    uint64_t index;

    assert_int_equal(vb_skypix_envelope("q3c", 7, &region, &ranges, &err), -EINVAL);
    assert_string_equal(err.message, "there is no pixelization 'q3c': only htm and healpix");
    assert_int_equal(vb_skypix_index("htm", 25, north, &index, &err), -EINVAL);
    assert_string_equal(err.message, "htm has the levels 0 to 24, not 25");
    assert_int_equal(vb_skypix_index("healpix", -1, north, &index, &err), -EINVAL);
    assert_int_equal(vb_skypix_region("htm", 7, 7 << 14, &region, &err), -EINVAL);
    assert_int_equal(vb_skypix_region("htm", 7, 16 << 14, &region, &err), -EINVAL);
    assert_int_equal(vb_skypix_region("healpix", 0, 12, &region, &err), -EINVAL);
    assert_string_equal(err.message, "healpix has no pixel 12 at level 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_regions_decode_and_encode_to_the_same_text),
        cmocka_unit_test(golden_htm_envelopes_agree),
        cmocka_unit_test(golden_htm_interiors_agree),
        cmocka_unit_test(golden_bounding_boxes_agree),
        cmocka_unit_test(golden_pairs_relate_and_overlap_as_in_sphgeom),
        cmocka_unit_test(golden_points_have_their_pixels),
        cmocka_unit_test(degrees_come_back_from_a_vector),
        cmocka_unit_test(orientation_is_exact_where_doubles_do_not_tell),
        cmocka_unit_test(every_kind_of_region_survives_encoding),
        cmocka_unit_test(polygon_of_more_vertices_than_fit_inside_survives_encoding),
        cmocka_unit_test(hexadecimal_text_may_be_upper_case),
        cmocka_unit_test(empty_box_of_sphgeom_is_read_and_touches_nothing),
        cmocka_unit_test(numbers_that_make_no_region_are_refused),
        cmocka_unit_test(lengths_that_do_not_fit_are_refused),
        cmocka_unit_test(regions_nested_too_deep_are_refused),
        cmocka_unit_test(clockwise_and_flat_polygons_are_refused),
        cmocka_unit_test(text_that_is_no_encoding_is_refused),
        cmocka_unit_test(hull_keeps_the_order_of_a_convex_polygon_and_drops_what_is_inside),
        cmocka_unit_test(hull_contains_every_point_and_is_convex),
        cmocka_unit_test(hull_of_points_without_one_is_refused),
        cmocka_unit_test(box_may_lie_across_longitude_zero),
        cmocka_unit_test(box_of_a_whole_turn_has_all_longitudes),
        cmocka_unit_test(box_that_is_no_interval_is_refused),
        cmocka_unit_test(polygon_round_a_pole_spans_all_longitudes),
        cmocka_unit_test(quadrilateral_across_longitude_zero_has_a_narrow_box),
        cmocka_unit_test(polygon_whose_last_vertex_is_between_the_others_across_zero_gets_all_longitudes),
        cmocka_unit_test(polygons_of_ten_arcseconds_are_told_apart),
        cmocka_unit_test(neighbours_that_share_an_edge_overlap_and_their_neighbours_do_not),
        cmocka_unit_test(crossing_polygons_without_common_vertices_overlap),
        cmocka_unit_test(relations_are_symmetric),
        cmocka_unit_test(regions_with_a_common_point_overlap),
        cmocka_unit_test(bounding_circle_and_box_hold_the_region),
        cmocka_unit_test(distance_is_that_of_the_nearest_points),
        cmocka_unit_test(ranges_that_meet_are_merged),
        cmocka_unit_test(ranges_agree_with_a_bitmap),
        cmocka_unit_test(every_point_is_in_its_trixel),
        cmocka_unit_test(trixel_of_level_zero_has_all_its_descendants_for_envelope),
        cmocka_unit_test(envelopes_hold_the_pixel_of_every_point_and_interiors_no_other),
        cmocka_unit_test(envelope_of_a_union_is_that_of_its_parts),
        cmocka_unit_test(healpix_rings_are_renumbered),
        cmocka_unit_test(middle_of_a_pixels_corners_is_in_the_pixel),
        cmocka_unit_test(healpix_envelope_of_a_small_circle_in_a_pixel_is_that_pixel),
        cmocka_unit_test(pixels_that_are_not_there_are_refused),
    };

    return cmocka_run_group_tests_name("sky", tests, load_golden, drop_golden);
}
