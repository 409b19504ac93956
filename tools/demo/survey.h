/* survey.h - the files of a survey, in the form that the real ones have (legacypipe's test data):
 *
 *     images/simcam/CP/V1.0/CPyyyymmdd/sim_yymmdd_hhmmss_ooi_BAND_ls9.DET.fits   and oow, ood
 *     gaia/chunk-NNNNN.fits
 *     survey-ccds-1.fits.gz
 *
 * They go into the current directory, which holds none of them yet.  Nothing in them tells the time of
 * writing: the same survey is the same bytes.  All calls return 0, or a negative errno with a sentence in
 * `err`; a file that could not be written whole is removed. */
#ifndef VB_DEMO_SURVEY_H
#define VB_DEMO_SURVEY_H

#include "tools/demo/camera.h"
#include "tools/demo/sky.h"

/* A row of the table of CCDs, by its columns' names. */
typedef struct ccd {
    char image_filename[80], camera[8], ccdname[8], object[32], filter[4];
    int64_t expnum;
    double mjd_obs, ra_bore, dec_bore, crval1, crval2, ra, dec;
    float exptime, airmass, fwhm, crpix1, crpix2, cd1_1, cd1_2, cd2_1, cd2_2, skyrms, sig1, ccdzpt, zpt;
    float ccdskycounts;
    int16_t image_hdu, width, height;
} ccd;

/* Writes the three files of one detector; `wcs` are the cards of its plate.  Fills the row. */
int survey_write_ccd(const exposure *e, int detector, const frame *f, const plate *p, const vb_buf *wcs, ccd *row,
                     vb_error *err);

int survey_write_shard(const shard *s, vb_error *err);
int survey_write_table(ccd *rows, size_t count, vb_error *err);

#endif
