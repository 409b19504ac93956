/* Any bytes are read as rules of an instrument and refused in a sentence, or they are rules, and make of a
 * header what they like, without harm. */
#include "fs/ingest/exposure.h"
#include "tests/fuzz/fuzz.h"

static const char *const lines[] = {"INSTRUME= 'DECam   '",
                                    "EXPNUM  =               425858",
                                    "CCDNUM  =                   42",
                                    "DETPOS  = 'N11     '",
                                    "FILTER  = 'r DECam SDSS c0002 6415.0 1480.0'",
                                    "DATE-OBS= '2015-03-29T08:31:18.909663'",
                                    "EXPTIME =                  68.",
                                    "TIMESYS = 'UTC     '",
                                    "OBSTYPE = 'object  '",
                                    "TELRA   = '16:18:38.729'",
                                    "TELDEC  = '-12:20:08.700'",
                                    "DTACQNAM= '/descache/bass/20180312/d8190.0110.fits'",
                                    "AZ      =               2.1342",
                                    "LONG    = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&'",
                                    "CONTINUE  'aaaaaaaab'",
                                    NULL};

static void make_header(vb_buf *out)
{
    for (const char *const *line = lines; *line; line++)
        vb_buf_printf(out, "%-80s", *line);
}

static void use(const vb_rules *rules, const vb_header *header)
{
    const vb_rules_detector *detector;
    vb_auto_buf band = {0};
    vb_exposure exposure;

    vb_rules_match(rules, header);
    vb_rules_ignore(rules, header);
    vb_rules_file_type(rules, "night/c4d_150329_083320_ooi_r_ls9.N11.fits");
    vb_rules_detector_of(rules, header, &detector, NULL);
    vb_rules_band(rules, "r DECam SDSS c0002 6415.0 1480.0", &band, NULL);
    vb_exposure_read(rules, header, &exposure, NULL);
    vb_exposure_clear(&exposure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static vb_buf cards;
    vb_auto_error err = VB_ERROR_INIT;
    vb_rules *rules = NULL;

    if (!cards.len)
        make_header(&cards);
    if (vb_rules_load("fuzz.yaml", (const char *)data, size, &rules, &err) < 0) {
        if (!err.message)
            abort();
        return 0;
    }
    use(rules, &(vb_header){.own = cards.data});
    vb_rules_free(rules);
    return 0;
}
