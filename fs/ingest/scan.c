#include "fs/ingest/scan.h"

#include "fs/ingest/footprint.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <inttypes.h>
#include <string.h>

/* The rules that the file's cards ask for, by the first header that has an image (its primary's cards count
 * too). */
static int find_rules(vb_scan *scan, vb_rules *const *rules, size_t count, const vb_header *header)
{
    vb_auto_buf name = {0};

    for (size_t i = 0; i < count; i++)
        if (vb_rules_match(rules[i], header)) {
            scan->rules = rules[i];
            return 0;
        }
    if (!vb_header_get(header, "INSTRUME", &name))
        return vb_fail(&scan->error, -EINVAL, "no instrument's rules match its header, which has no INSTRUME");
    vb_fail(&scan->error, -EINVAL, "no instrument's rules match its header (INSTRUME '%s')", vb_buf_text(&name));
    vb_hint(&scan->error, "vbutler register-instrument REPO RULES.yaml teaches an instrument (docs/instruments.md)");
    return -EINVAL;
}

static int find_type(vb_scan *scan, const char *wanted)
{
    const vb_rules *rules = scan->rules;

    for (size_t i = 0; wanted && i < rules->ntypes; i++)
        if (!strcmp(rules->types[i].name, wanted))
            scan->type = &rules->types[i];
    if (!wanted)
        scan->type = vb_rules_file_type(rules, scan->path);
    if (scan->type)
        return 0;
    vb_fail(&scan->error, -EINVAL, "its name is none that the rules of %s know (like %s)", rules->name,
            rules->files[0].glob);
    return -EINVAL;
}

static int add_part(vb_scan *scan, const vb_fits *fits, int number, bool whole)
{
    vb_header header = vb_fits_header(fits, number);
    vb_scan_part part = {.hdu = whole ? -1 : number,
                         .bytes = fits->hdus[number].bytes + (number ? fits->hdus[0].bytes : 0)};
    int r;

    if (vb_rules_ignore(scan->rules, &header))
        return 0;
    r = vb_rules_detector_of(scan->rules, &header, &part.detector, &scan->error);
    for (size_t i = 0; !r && i < scan->count; i++)
        if (scan->parts[i].detector == part.detector)
            r = vb_fail(&scan->error, -EINVAL, "HDUs %d and %d are both detector %" PRId64, scan->parts[i].hdu, number,
                        part.detector->id);
    if (!r && scan->type->region && scan->exposure.sees_sky) {
        r = vb_footprint(&fits->hdus[number], &part.region, &scan->error);
        part.has_region = !r;
    }
    if (!r)
        *VB_PUSH(scan->parts, scan->count, scan->cap) = part;
    else if (!whole)
        vb_error_context(&scan->error, "HDU %d", number);
    return r;
}

static int add_parts(vb_scan *scan, const vb_fits *fits, int images)
{
    int r = 0;

    if (images > 1 && fits->packed)
        return vb_fail(&scan->error, -EINVAL, "holds several images and is compressed as a whole: unpack it first");
    for (int i = 0; !r && i < fits->count; i++)
        if (fits->hdus[i].is_image)
            r = add_part(scan, fits, i, images == 1);
    if (!r && !scan->count)
        r = vb_fail(&scan->error, -EINVAL, "none of its images is a detector's");
    return r;
}

void vb_scan_file(const char *path, vb_rules *const *rules, size_t count, const char *type, vb_scan *scan)
{
    vb_auto_fits fits = {0};
    vb_header header;
    int first, images, r;

    *scan = (vb_scan){.path = path};
    if (vb_fits_read(path, &fits, &scan->error) < 0)
        return;
    images = vb_fits_images(&fits, &first);
    header = vb_fits_header(&fits, images ? first : 0);
    r = find_rules(scan, rules, count, &header);
    if (!r && !images)
        r = vb_fail(&scan->error, -EINVAL, "has no image");
    if (!r)
        r = find_type(scan, type);
    if (!r)
        r = vb_exposure_read(scan->rules, &header, &scan->exposure, &scan->error);
    if (!r)
        add_parts(scan, &fits, images);
}

void vb_scan_clear(vb_scan *scan)
{
    vb_exposure_clear(&scan->exposure);
    for (size_t i = 0; i < scan->count; i++)
        vb_region_free(&scan->parts[i].region);
    free(scan->parts);
    vb_error_clear(&scan->error);
}
