/* The rules of instruments: patterns, values from cards, exposures. */
#include "fs/ingest/exposure.h"
#include "tests/fs/fixture.h"

static vb_rules *load(const char *text, vb_error *err)
{
    vb_rules *rules = NULL;

    vb_rules_load("t.yaml", text, strlen(text), &rules, err);
    return rules;
}

/* The value that a rule, as YAML, makes of a header; "(none)" where it makes none, "!" and the message where
 * it fails. */
static const char *value_of(const char *yaml, const vb_header *header)
{
    static char text[256];
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_value value = {0};
    vb_auto_buf out = {0};
    vb_ways ways = {0};
    int r;

    assert_ok(vb_yaml_load("rule", yaml, strlen(yaml), &doc, &err), &err);
    r = vb_ways_load(vb_yaml_root(doc), &ways, &err);
    if (!r)
        r = vb_ways_value(&ways, header, &value, &err);
    vb_ways_clear(&ways);
    vb_value_print(&value, &out);
    snprintf(text, sizeof text, "%s%s", r < 0 ? "!" : "", r < 0 ? err.message : r ? vb_buf_text(&out) : "(none)");
    return text;
}

static const char *const cards[] = {
    "EXPNUM  =               425858 / number",
    "FILTER  = 'r DECam SDSS c0002 6415.0 1480.0' / filter",
    "DTACQNAM= '/descache/bass/20180312/d8190.0110.fits' / file",
    "RA      = '16:18:38.640'       / [HH:MM:SS]",
    "DEC     = '-00:30:00'          / negative though its degrees are 0",
    "ELEVAT  =                 59.6 / degrees",
    "OBSTYPE = 'Object  '           / type",
    "QUOTE   = 'O''Neill'           / quotes",
    "BLANK   = '        '",
    "MJD-OBS =       57110.35507997",
    "BAD     = 'about noon'",
    "LONG    = 'a long &'",
    "CONTINUE  'value&'",
    "CONTINUE  ' it is' / end",
    "HIERARCH ESO TEL ALT = 42.5 / degrees",
    NULL,
};

static void card_gives_its_value(void **state)
{
    vb_header h = fixture_header(*state, cards);

    assert_string_equal(value_of("{card: EXPNUM}", &h), "425858");
    assert_string_equal(value_of("{card: FILTER}", &h), "r DECam SDSS c0002 6415.0 1480.0");
    assert_string_equal(value_of("{card: QUOTE}", &h), "O'Neill");
    assert_string_equal(value_of("{card: LONG}", &h), "a long value it is");
    assert_string_equal(value_of("{card: ESO TEL ALT}", &h), "42.5");
}

static void missing_and_blank_cards_give_nothing(void **state)
{
    vb_header h = fixture_header(*state, cards);

    assert_string_equal(value_of("{card: NOSUCH}", &h), "(none)");
    assert_string_equal(value_of("{card: BLANK}", &h), "(none)");
    assert_string_equal(value_of("{card: EXPNU}", &h), "(none)");
}

static void own_header_comes_before_the_primary(void **state)
{
    static const char *const primary[] = {"BUNIT   = 'counts/s'", "EXPNUM  =  7", NULL};
    static const char *const own[] = {"BUNIT   = 'ADU'", NULL};
    vb_header h = {.own = fixture_header(*state, own).own, .primary = fixture_header(*state, primary).own};

    assert_string_equal(value_of("{card: BUNIT}", &h), "ADU");
    assert_string_equal(value_of("{card: EXPNUM}", &h), "7");
}

static void pattern_picks_and_joins(void **state)
{
    vb_header h = fixture_header(*state, cards);

    assert_string_equal(value_of("{card: DTACQNAM, match: 'd([0-9]{4})\\.([0-9]{4})\\.fits', replace: '\\1\\2'}", &h),
                        "81900110");
    assert_string_equal(value_of("{card: DTACQNAM, match: '^nothing$', replace: x}", &h), "(none)");
}

static void alternatives_are_tried_in_order(void **state)
{
    vb_header h = fixture_header(*state, cards);

    assert_string_equal(value_of("[{card: NOSUCH}, {card: [NOSUCH, EXPNUM]}, 5]", &h), "425858");
    assert_string_equal(value_of("[{card: NOSUCH}, unknown]", &h), "unknown");
    assert_string_equal(value_of("{text: 'ct4m{EXPNUM}x'}", &h), "ct4m425858x");
    assert_string_equal(value_of("[{text: '{NOSUCH}'}, no]", &h), "no");
}

static void map_ignores_case_and_leaves_others(void **state)
{
    vb_header h = fixture_header(*state, cards);

    assert_string_equal(value_of("{card: OBSTYPE, map: {object: science}}", &h), "science");
    assert_string_equal(value_of("{card: OBSTYPE, map: {zero: bias}}", &h), "Object");
}

static void angles_are_sexagesimal_or_numbers(void **state)
{
    vb_header h = fixture_header(*state, cards);

    assert_string_equal(value_of("{card: RA, as: hours}", &h), "244.661");
    assert_string_equal(value_of("{card: DEC, as: degrees}", &h), "-0.5");
    assert_string_equal(value_of("{card: ELEVAT, as: degrees}", &h), "59.6");
    assert_string_equal(value_of("{card: BAD, as: degrees}", &h),
                        "!BAD is 'about noon': neither like 12:34:56.7 nor a number");
}

static void scale_and_offset_make_numbers(void **state)
{
    vb_header h = fixture_header(*state, cards);

    assert_string_equal(value_of("{card: ELEVAT, scale: -1, offset: 90}", &h), "30.4");
    assert_string_equal(value_of("{card: BAD, scale: 2}", &h), "!BAD is 'about noon': not a number");
}

static void patterns_that_explode_are_refused(void **state)
{
    static const char *const bad[] = {"((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+", "(a{1,255}){1,255}", "(a*)\\1", "(",
                                      NULL};

    for (const char *const *p = bad; *p; p++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_pattern pattern;

        assert_int_equal(vb_pattern_make(*p, &pattern, &err), -EINVAL);
        assert_non_null(err.message);
    }
}

static void mistakes_name_the_line(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_null(load("name: X\nmatch: {INSTRUME: X}\nexposures: {}\n", &err));
    assert_says(&err, "t.yaml:3:1: the rules of an instrument has no key 'exposures'");
    assert_string_equal(err.hint, "did you mean 'exposure'?");
    assert_null(load("[1, 2]", &err));
    assert_says(&err, "must be a mapping");
    assert_null(load("", &err));
    assert_says(&err, "is empty");
}

static void rules_without_what_they_need_are_refused(void **state)
{
    static const char *const lines[] = {"name",     "match",    "dataset_types", "files", "filters",
                                        "detector", "exposure", "detectors",     NULL};

    for (const char *const *line = lines; *line; line++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_autofree char *text = vb_strdup(fixture_rules);
        vb_autofree char *key = vb_format("%s:", *line);
        char *at = text;

        while ((at = strstr(at, key)) && at > text && at[-1] != '\n')
            at++;
        memset(at, '#', strlen(*line)); /* the key is another one then, or a comment */
        assert_null(load(text, &err));
        assert_non_null(err.message);
    }
}

static void detector_is_found_by_id_and_checked_by_name(void **state)
{
    static const char *const good[] = {"CCDNUM  =  42", "DETPOS  = 'N11'", NULL};
    static const char *const other[] = {"CCDNUM  =  42", "DETPOS  = 'N12'", NULL};
    static const char *const none[] = {"CCDNUM  =  63", NULL};
    vb_auto(vb_rules_free) vb_rules *decam = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    const vb_rules_detector *d = NULL;
    vb_header h = fixture_header(*state, good);

    assert_ok(vb_rules_builtin("decam", &decam, &err), &err);
    assert_ok(vb_rules_detector_of(decam, &h, &d, &err), &err);
    assert_string_equal(d->full_name, "N11");
    h = fixture_header(*state, other);
    assert_int_equal(vb_rules_detector_of(decam, &h, &d, &err), -EINVAL);
    assert_says(&err, "N11 by the rules of DECam, and N12 by the header");
    h = fixture_header(*state, none);
    assert_int_equal(vb_rules_detector_of(decam, &h, &d, &err), -EINVAL);
    assert_says(&err, "detector 63 is none of DECam's 62");
}

static void builtin_rules_load_and_are_found_in_any_case(void **state)
{
    static const char *const names[][2] = {{"DECam", "DECam"},
                                           {"decam", "DECam"},
                                           {"90Prime", "90prime"},
                                           {"mosaic", "Mosaic3"},
                                           {"MOSAIC3", "Mosaic3"}};

    for (size_t i = 0; i < VB_COUNT(names); i++) {
        vb_auto(vb_rules_free) vb_rules *rules = NULL;
        vb_auto_error err = VB_ERROR_INIT;

        assert_ok(vb_rules_builtin(names[i][0], &rules, &err), &err);
        assert_string_equal(rules->name, names[i][1]);
    }
}

static void decam_has_62_detectors_and_bands_for_its_filters(void **state)
{
    static const char *const filters[][2] = {{"g DECam SDSS c0001 4720.0 1520.0", "g"},
                                             {"z DECam SDSS c0004 9260.0 1520.0", "z"},
                                             {"Y DECam c0005 10095.0 1130.0", "y"},
                                             {"N964 DECam c0008 9645.0 94.0", "N964"}};
    vb_auto(vb_rules_free) vb_rules *decam = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf band = {0};

    assert_ok(vb_rules_builtin("DECam", &decam, &err), &err);
    assert_int_equal(decam->ndetectors, 62);
    for (size_t i = 0; i < VB_COUNT(filters); i++) {
        assert_ok(vb_rules_band(decam, filters[i][0], &band, &err), &err);
        assert_string_equal(vb_buf_text(&band), filters[i][1]);
    }
    assert_int_equal(vb_rules_band(decam, "x", &band, &err), -EINVAL);
    assert_says(&err, "no rule of DECam tells the band of its filter 'x'");
    assert_int_equal(vb_rules_band(decam, "g DECam SDSS c0001 4720.0 1520.00", &band, &err), -EINVAL);
    assert_says(&err, "more than 32 characters");
}

/* ---- exposures ----------------------------------------------------------------------------------------- */

static const char *const exposure_cards[] = {"EXPNUM  =                   12",
                                             "FILTER  = 'g'",
                                             "DATE-OBS= '2015-04-12T07:30:45.925900'",
                                             "EXPTIME =                 80.",
                                             "OBSTYPE = 'object'",
                                             NULL};

static int read_with(fixture *f, const char *replaced, vb_exposure *out, vb_error *err)
{
    vb_auto(vb_rules_free) vb_rules *rules = fixture_load_rules();
    const char *lines[VB_COUNT(exposure_cards) + 1];
    size_t n = 0;
    vb_header h;

    for (; exposure_cards[n]; n++)
        lines[n] = replaced && !strncmp(replaced, exposure_cards[n], 8) ? replaced : exposure_cards[n];
    lines[n] = NULL;
    h = fixture_header(f, lines);
    return vb_exposure_read(rules, &h, out, err);
}

static void exposure_times_are_tai(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf begin = {0}, end = {0};
    vb_exposure e;

    assert_ok(read_with(*state, NULL, &e, &err), &err);
    vb_time_print(e.timespan.begin, &begin);
    vb_time_print(e.timespan.end, &end);
    assert_string_equal(begin.data, "2015-04-12T07:31:20.9259"); /* 35 leap seconds */
    assert_string_equal(end.data, "2015-04-12T07:32:40.9259");
    assert_int_equal(e.day_obs, 20150411);
    vb_exposure_clear(&e);
}

static void night_ends_when_the_offset_says(void **state)
{
    const int64_t hour = INT64_C(3600000000000);
    vb_timespan day;
    int64_t noon;

    assert_int_equal(vb_time_parse_iso("2020-03-01T12:00:00", VB_SCALE_TAI, &noon, NULL), 0);
    assert_int_equal(vb_day_obs(noon, 12 * hour, &day), 20200301);
    assert_int_equal(day.begin, noon);
    assert_int_equal(day.end, noon + 24 * hour);
    assert_int_equal(vb_day_obs(noon - 1, 12 * hour, &day), 20200229);
    assert_int_equal(vb_day_obs(noon + 6 * hour, 19 * hour, &day), 20200229);
}

static void exposure_that_makes_no_sense_is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"EXPNUM  = 'none'", "exposure number 'none' (EXPNUM) is no integer"},
        {"EXPNUM  =               100000", "not below TestCam's maximum 100000"},
        {"DATE-OBS= '2015-04-12'", "DATE-OBS: '2015-04-12' tells no time of the day"},
        {"DATE-OBS= 'T yesterday'", "DATE-OBS: 'T yesterday' is not a time"},
        {"EXPTIME =                  -1.", "EXPTIME is no time in seconds"},
        {"EXPTIME = 'NaN'", "EXPTIME is no time in seconds"},
        {"FILTER  = '        '", "no card tells its physical_filter (FILTER)"},
        {"FILTER  = 'u'", "no rule of TestCam tells the band of its filter 'u'"},
    };

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_exposure e;

        assert_int_equal(read_with(*state, bad[i][0], &e, &err), -EINVAL);
        assert_says(&err, bad[i][1]);
        vb_exposure_clear(&e);
    }
}

static void record_has_the_values_and_defaults(void **state)
{
    fixture *f = *state;
    vb_auto(vb_rules_free) vb_rules *rules = fixture_load_rules();
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_record r = {0};
    vb_exposure e;

    assert_ok(read_with(f, NULL, &e, &err), &err);
    assert_ok(vb_exposure_record(f->reg, rules, &e, &r, &err), &err);
    assert_string_equal(vb_record_value(&r, "obs_id")->text, "test12");
    assert_string_equal(vb_record_value(&r, "group")->text, "12");
    assert_int_equal(vb_record_value(&r, "seq_num")->i, 12);
    assert_int_equal(vb_record_value(&r, "seq_end")->i, 12);
    assert_true(vb_record_value(&r, "exposure_time")->d == 80);
    assert_true(vb_record_value(&r, "dark_time")->d == 80);
    assert_int_equal(vb_record_value(&r, "can_see_sky")->i, 1);
    assert_int_equal(vb_record_value(&r, "day_obs")->i, 20150411);
    assert_int_equal(vb_record_value(&r, "target_name")->kind, VB_NULL);
    vb_exposure_clear(&e);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(card_gives_its_value),
        TEST(missing_and_blank_cards_give_nothing),
        TEST(own_header_comes_before_the_primary),
        TEST(pattern_picks_and_joins),
        TEST(alternatives_are_tried_in_order),
        TEST(map_ignores_case_and_leaves_others),
        TEST(angles_are_sexagesimal_or_numbers),
        TEST(scale_and_offset_make_numbers),
        TEST(patterns_that_explode_are_refused),
        TEST(mistakes_name_the_line),
        TEST(rules_without_what_they_need_are_refused),
        TEST(detector_is_found_by_id_and_checked_by_name),
        TEST(builtin_rules_load_and_are_found_in_any_case),
        TEST(decam_has_62_detectors_and_bands_for_its_filters),
        TEST(exposure_times_are_tai),
        TEST(night_ends_when_the_offset_says),
        TEST(exposure_that_makes_no_sense_is_refused),
        TEST(record_has_the_values_and_defaults),
    };

    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
