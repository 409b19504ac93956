#include "tools/demo/survey.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "tools/demo/cards.h"
#include "tools/demo/fitsout.h"

#include <fitsio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t mjd_of_1970 = 40587;
static const int64_t day_ms = 86400000;

/* Times. */

static struct tm utc(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    tm.tm_year += 1900; /* as people count */
    tm.tm_mon += 1;
    return tm;
}

static double mjd(int64_t ms)
{
    return (double)mjd_of_1970 + (double)ms / (double)day_ms;
}

/* The date of the evening, as observers count nights. */
static void night(const exposure *e, const char *separator, char text[32])
{
    struct tm t = utc(e->start_ms - day_ms / 2);

    snprintf(text, 32, "%04d%s%02d%s%02d", t.tm_year, separator, t.tm_mon, separator, t.tm_mday);
}

static void identifier(const exposure *e, char text[64])
{
    struct tm t = utc(e->start_ms);

    snprintf(text, 64, "sim%04d%02d%02dt%02d%02d%02d", t.tm_year, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

static void iso(int64_t ms, char text[64])
{
    struct tm t = utc(ms);

    snprintf(text, 64, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", t.tm_year, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min,
             t.tm_sec, (int)(ms % 1000));
}

/* Files are named by the moment that they were written, some seconds after the shutter closed: so a header is
 * needed to tell when an exposure began, as with the real ones. */
static void stamp(const exposure *e, char text[64])
{
    struct tm t = utc(e->start_ms + (int64_t)(e->exptime * 1000) + 24000);

    snprintf(text, 64, "%02d%02d%02d_%02d%02d%02d", t.tm_year % 100, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min,
             t.tm_sec);
}

/* "10:00:24.120", of degrees or hours. */
static void sexagesimal(double value, char *text, size_t size)
{
    long long thousandths = llround(fabs(value) * 3600e3), minutes = thousandths / 60000;

    snprintf(text, size, "%s%02lld:%02lld:%02lld.%03lld", value < 0 ? "-" : "", minutes / 60, minutes % 60,
             thousandths / 1000 % 60, thousandths % 1000);
}

/* Headers. */

static void sexagesimal_card(vb_buf *cards, const char *key, double value, const char *comment)
{
    char text[32];

    sexagesimal(value, text, sizeof text);
    card_text(cards, key, text, comment);
}

static void time_cards(const exposure *e, vb_buf *cards)
{
    char text[64];

    iso(e->start_ms, text);
    card_text(cards, "DATE-OBS", text, "UTC epoch");
    card_text(cards, "TIME-OBS", strchr(text, 'T') + 1, "Time of observation start (UTC)");
    card_real(cards, "MJD-OBS", mjd(e->start_ms), "MJD of observation start");
    card_text(cards, "TIMESYS", "UTC", "Time system");
    card_real(cards, "EXPTIME", e->exptime, "[s] Exposure duration");
    card_real(cards, "DARKTIME", e->exptime + 1.1, "[s] Dark time");
    night(e, "-", text);
    card_text(cards, "DTCALDAT", text, "calendar date from observing schedule");
}

static void pointing_cards(const exposure *e, vb_buf *cards)
{
    sexagesimal_card(cards, "RA", e->ra / 15, "[HH:MM:SS] Telescope RA");
    sexagesimal_card(cards, "DEC", e->dec, "[DD:MM:SS] Telescope DEC");
    sexagesimal_card(cards, "HA", e->hour_angle / 15, "[HH:MM:SS] Telescope hour angle");
    card_real(cards, "AZ", e->azimuth, "[deg] Telescope azimuth angle");
    card_real(cards, "ZD", e->zenith_distance, "[deg] Telescope zenith distance");
    card_real(cards, "AIRMASS", e->airmass, "Airmass");
}

static void object(const exposure *e, char text[32])
{
    snprintf(text, 32, "edge_%d_%s", e->visit + 1, camera_bands[e->band]);
}

static void identity_cards(const exposure *e, vb_buf *cards)
{
    static const char *const filters[BANDS] = {"g SimCam s0001 4720.0 1520.0", "r SimCam s0002 6415.0 1480.0",
                                               "z SimCam s0004 9260.0 1520.0"};
    char text[64];

    object(e, text);
    card_text(cards, "OBJECT", text, "Name of the object observed");
    identifier(e, text);
    card_text(cards, "OBSID", text, "Unique Observation ID");
    card_text(cards, "TELESCOP", "Simulated 4.0-m telescope", "Telescope name");
    card_text(cards, "INSTRUME", "SimCam", "Instrument used to obtain these data");
    card_int(cards, "EXPNUM", e->number, "SimCam exposure number");
    card_int(cards, "SEQNUM", e->band + 1, "Number of image in sequence");
    card_int(cards, "SEQTOT", BANDS, "Total number of images in sequence");
    card_text(cards, "OBSTYPE", "object", "Type of observation");
    card_text(cards, "FILTER", filters[e->band], "Unique filter identifier");
    card_text(cards, "PROPID", "2025A-0001", "Proposal ID");
    card_text(cards, "PROGRAM", "A field on the edge of two shards", "Current observing program");
}

static void primary_cards(const exposure *e, const char *product, vb_buf *cards)
{
    identity_cards(e, cards);
    card_text(cards, "PROCTYPE", "InstCal", "Data processing level");
    card_text(cards, "PRODTYPE", product, "Product type");
    time_cards(e, cards);
    pointing_cards(e, cards);
    card_text(cards, "PLVER", "V1.0", "Version of the simulator");
    card_text(cards, "BUNIT", "adu", "Physical unit of the image");
}

static void detector_cards(const exposure *e, int detector, const frame *f, const vb_buf *wcs, vb_buf *cards)
{
    card_text(cards, "EXTNAME", camera_detectors[detector], "Detector");
    card_int(cards, "CCDNUM", detector + 1, "CCD number");
    card_text(cards, "DETPOS", camera_detectors[detector], "detector position ID");
    card_real(cards, "GAIN", camera_gain, "[e/adu] Gain");
    card_real(cards, "RDNOISE", camera_read_noise, "[electrons] Read noise");
    card_real(cards, "SATURATE", camera_saturation, "[adu] Saturation level");
    card_real(cards, "FWHM", e->seeing / camera_scale, "Median FWHM in pixels");
    card_real(cards, "AVSKY", rint(f->background * 1000) / 1000, "[adu] Sky");
    card_real(cards, "AVSIG", rint(f->noise * 1000) / 1000, "[adu] Noise of the sky");
    vb_buf_add(cards, wcs->data, wcs->len);
}

/* Tables. */

/* clang-format off */
#define COLUMN(row, name, form, type) {#name, form, type, offsetof(row, name)}
/* clang-format on */

static const fitsout_column ccd_columns[] = {
    COLUMN(ccd, image_filename, "80A", TSTRING),
    COLUMN(ccd, image_hdu, "I", TSHORT),
    COLUMN(ccd, camera, "8A", TSTRING),
    COLUMN(ccd, expnum, "K", TLONGLONG),
    COLUMN(ccd, ccdname, "8A", TSTRING),
    COLUMN(ccd, object, "32A", TSTRING),
    COLUMN(ccd, filter, "4A", TSTRING),
    COLUMN(ccd, exptime, "E", TFLOAT),
    COLUMN(ccd, mjd_obs, "D", TDOUBLE),
    COLUMN(ccd, airmass, "E", TFLOAT),
    COLUMN(ccd, fwhm, "E", TFLOAT),
    COLUMN(ccd, width, "I", TSHORT),
    COLUMN(ccd, height, "I", TSHORT),
    COLUMN(ccd, ra_bore, "D", TDOUBLE),
    COLUMN(ccd, dec_bore, "D", TDOUBLE),
    COLUMN(ccd, crpix1, "E", TFLOAT),
    COLUMN(ccd, crpix2, "E", TFLOAT),
    COLUMN(ccd, crval1, "D", TDOUBLE),
    COLUMN(ccd, crval2, "D", TDOUBLE),
    COLUMN(ccd, cd1_1, "E", TFLOAT),
    COLUMN(ccd, cd1_2, "E", TFLOAT),
    COLUMN(ccd, cd2_1, "E", TFLOAT),
    COLUMN(ccd, cd2_2, "E", TFLOAT),
    COLUMN(ccd, ra, "D", TDOUBLE),
    COLUMN(ccd, dec, "D", TDOUBLE),
    COLUMN(ccd, skyrms, "E", TFLOAT),
    COLUMN(ccd, sig1, "E", TFLOAT),
    COLUMN(ccd, ccdzpt, "E", TFLOAT),
    COLUMN(ccd, zpt, "E", TFLOAT),
    COLUMN(ccd, ccdskycounts, "E", TFLOAT),
};

static const fitsout_column reference_columns[] = {
    {"source_id", "K", TLONGLONG, offsetof(reference, id)},
    COLUMN(reference, ra, "D", TDOUBLE),
    COLUMN(reference, dec, "D", TDOUBLE),
    COLUMN(reference, ra_error, "E", TFLOAT),
    COLUMN(reference, dec_error, "E", TFLOAT),
    {"phot_g_mean_mag", "E", TFLOAT, offsetof(reference, g)},
    {"phot_bp_mean_mag", "E", TFLOAT, offsetof(reference, bp)},
    {"phot_rp_mean_mag", "E", TFLOAT, offsetof(reference, rp)},
    {"ref_epoch", "E", TFLOAT, offsetof(reference, epoch)},
};

int survey_write_table(ccd *rows, size_t count, vb_error *err)
{
    return fitsout_table("survey-ccds-1.fits.gz", ccd_columns, VB_COUNT(ccd_columns), rows, sizeof *rows, count, err);
}

int survey_write_shard(const shard *s, vb_error *err)
{
    vb_autofree char *path = vb_format("gaia/chunk-%05lld.fits", (long long)s->pixel);

    return fitsout_table(path, reference_columns, VB_COUNT(reference_columns), s->stars, sizeof *s->stars, s->count,
                         err);
}

/* One detector. */

/* `kind` is i, w or d.  The path is relative to images/, as in the table. */
static char *image_path(const exposure *e, int detector, char kind)
{
    char evening[32], written[64];

    night(e, "", evening);
    stamp(e, written);
    return vb_format("simcam/CP/V1.0/CP%s/sim_%s_oo%c_%s_ls9.%s.fits", evening, written, kind, camera_bands[e->band],
                     camera_detectors[detector]);
}

static int write_one(const exposure *e, int detector, char kind, const char *product, fitsout_pixels px, int size,
                     const vb_buf *extension, vb_error *err)
{
    vb_autofree char *path = image_path(e, detector, kind), *full = vb_path_join("images", path);
    vb_auto_buf primary = {0};

    primary_cards(e, product, &primary);
    return fitsout_image(full, &primary, extension, px, size, err);
}

static ccd row_of(const exposure *e, int detector, const frame *f, const plate *p)
{
    vb_autofree char *path = image_path(e, detector, 'i');
    double zero_point = e->zero_point[detector], rms = f->noise / e->exptime;
    ccd row = {.image_hdu = 1, .expnum = e->number, .camera = "simcam", .mjd_obs = mjd(e->start_ms)};

    snprintf(row.image_filename, sizeof row.image_filename, "%s", path);
    snprintf(row.ccdname, sizeof row.ccdname, "%s", camera_detectors[detector]);
    object(e, row.object);
    snprintf(row.filter, sizeof row.filter, "%s", camera_bands[e->band]);
    row.ra_bore = row.crval1 = p->crval[0];
    row.dec_bore = row.crval2 = p->crval[1];
    row.ra = p->centre_ra;
    row.dec = p->centre_dec;
    row.crpix1 = (float)p->crpix[0];
    row.crpix2 = (float)p->crpix[1];
    row.cd1_1 = (float)p->cd[0][0];
    row.cd1_2 = (float)p->cd[0][1];
    row.cd2_1 = (float)p->cd[1][0];
    row.cd2_2 = (float)p->cd[1][1];
    row.width = row.height = (int16_t)f->size;
    row.exptime = (float)e->exptime;
    row.airmass = (float)e->airmass;
    row.fwhm = (float)(e->seeing / camera_scale);
    row.skyrms = (float)rms;
    row.sig1 = (float)(rms / pow(10, 0.4 * (zero_point - 22.5))); /* nanomaggies */
    row.ccdskycounts = (float)(f->background / e->exptime);
    row.ccdzpt = (float)zero_point;
    row.zpt = (float)((e->zero_point[0] + e->zero_point[1]) / 2);
    return row;
}

int survey_write_ccd(const exposure *e, int detector, const frame *f, const plate *p, const vb_buf *wcs, ccd *row,
                     vb_error *err)
{
    vb_auto_buf extension = {0};
    int r;

    detector_cards(e, detector, f, wcs, &extension);
    *row = row_of(e, detector, f, p);
    r = write_one(e, detector, 'i', "image", (fitsout_pixels){FLOAT_IMG, TFLOAT, f->image}, f->size, &extension, err);
    if (!r)
        r = write_one(e, detector, 'w', "wtmap", (fitsout_pixels){FLOAT_IMG, TFLOAT, f->weight}, f->size, &extension,
                      err);
    if (!r)
        r = write_one(e, detector, 'd', "dqmask", (fitsout_pixels){LONG_IMG, TINT, f->mask}, f->size, &extension, err);
    return r;
}
