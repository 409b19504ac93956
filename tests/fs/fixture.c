#include "tests/fs/fixture.h"

#include "fs/ingest/instrument.h"
#include "registry/sql.h"

#include <fcntl.h>
#include <fitsio.h>
#include <stdio.h>

const char fixture_rules[] = "name: TestCam\n"
                             "match: {INSTRUME: '^TestCam$'}\n"
                             "maxima: {exposure: 100000, detector: 4}\n"
                             "day_obs: {offset: 12}\n"
                             "dataset_types:\n"
                             "  raw: {storage_class: Exposure, region: true}\n"
                             "  raw_weight: {storage_class: ImageF}\n"
                             "files:\n"
                             "  - {name: '*_i_*', type: raw}\n"
                             "  - {name: '*_w_*', type: raw_weight}\n"
                             "filters:\n"
                             "  - {match: '^([gr])', band: '\\1'}\n"
                             "detector:\n"
                             "  id: {card: CCDNUM}\n"
                             "  ignore: {CCDNUM: '^99$'}\n"
                             "exposure:\n"
                             "  id: {card: EXPNUM}\n"
                             "  obs_id: [{card: OBSID}, {text: 'test{EXPNUM}'}]\n"
                             "  begin: {card: DATE-OBS}\n"
                             "  physical_filter: {card: FILTER}\n"
                             "  exposure_time: {card: EXPTIME}\n"
                             "  can_see_sky: [{card: OBSTYPE, match: '^object$', replace: 'true'}, false]\n"
                             "detectors:\n"
                             "  - {id: 1, full_name: A}\n"
                             "  - {id: 2, full_name: B}\n"
                             "  - {id: 3, full_name: C}\n";

/* What lives as long as the fixture. */
static struct kept {
    void *memory;
    struct kept *next;
} * all_kept;

static void *keep(void *memory)
{
    struct kept *k = VB_NEW(struct kept);

    *k = (struct kept){memory, all_kept};
    all_kept = k;
    return memory;
}

int fixture_setup(void **state)
{
    fixture *f = VB_NEW(fixture);
    const char *tmp = getenv("TMPDIR");

    f->dir = vb_format("%s/vbtest.XXXXXX", tmp ? tmp : "/tmp");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

int fixture_setup_repo(void **state)
{
    fixture *f;
    vb_auto_error err = VB_ERROR_INIT;
    int r = fixture_setup(state);

    f = *state;
    if (!r)
        r = vb_repo_create(fixture_path(f, "repo"), 8, &err);
    if (!r)
        r = vb_repo_open(fixture_path(f, "repo"), &f->repo, &err);
    if (!r)
        r = vb_repo_registry(f->repo, VB_ACCESS_WRITE, &f->reg, &err);
    vb_error_print(&err);
    return r;
}

int fixture_teardown(void **state)
{
    fixture *f = *state;

    if (f->reg)
        vb_registry_close(f->reg);
    if (f->repo)
        vb_repo_close(f->repo);
    vb_remove_tree(AT_FDCWD, f->dir, NULL);
    while (all_kept) {
        struct kept *k = all_kept;

        all_kept = k->next;
        free(k->memory);
        free(k);
    }
    free(f->dir);
    free(f);
    return 0;
}

char *fixture_path(fixture *f, const char *name)
{
    return keep(vb_path_join(f->dir, name));
}

void fixture_write(fixture *f, const char *name, const char *text)
{
    assert_int_equal(vb_write_file(AT_FDCWD, fixture_path(f, name), text, strlen(text), 0644, false, NULL), 0);
}

vb_header fixture_header(fixture *f, const char *const *lines)
{
    vb_buf cards = {0};

    (void)f;
    for (; *lines; lines++)
        vb_buf_printf(&cards, "%-80s", *lines);
    return (vb_header){.own = keep(vb_buf_steal(&cards))};
}

/* ---- images -------------------------------------------------------------------------------------------- */

static void text_card(fitsfile *file, const char *key, const char *value, int *status)
{
    fits_update_key(file, TSTRING, key, (void *)value, NULL, status);
}

static void real_card(fitsfile *file, const char *key, double value, int *status)
{
    fits_update_key(file, TDOUBLE, key, &value, NULL, status);
}

static void int_card(fitsfile *file, const char *key, int64_t value, int *status)
{
    LONGLONG n = value;

    fits_update_key(file, TLONGLONG, key, &n, NULL, status);
}

static void write_part(fitsfile *file, const image *i, int number, int *status)
{
    long size[] = {20, 10};

    fits_create_img(file, SHORT_IMG, 2, size, status);
    int_card(file, "CCDNUM", i->detector + number, status);
    if (i->no_wcs)
        return;
    text_card(file, "CTYPE1", "RA---TAN", status);
    text_card(file, "CTYPE2", "DEC--TAN", status);
    real_card(file, "CRPIX1", 10.5, status);
    real_card(file, "CRPIX2", 5.5, status);
    real_card(file, "CRVAL1", i->ra + 0.1 * number, status);
    real_card(file, "CRVAL2", i->dec, status);
    real_card(file, "CD1_1", -0.001, status);
    real_card(file, "CD1_2", 0, status);
    real_card(file, "CD2_1", 0, status);
    real_card(file, "CD2_2", 0.001, status);
}

void fixture_fits(fixture *f, const char *name, image i)
{
    fitsfile *file;
    int status = 0;

    fits_create_diskfile(&file, fixture_path(f, name), &status);
    fits_create_img(file, SHORT_IMG, 0, NULL, &status);
    text_card(file, "INSTRUME", "TestCam", &status);
    int_card(file, "EXPNUM", i.exposure, &status);
    text_card(file, "FILTER", i.filter ? i.filter : "g", &status);
    text_card(file, "DATE-OBS", i.date ? i.date : "2020-01-02T03:04:05.5", &status);
    text_card(file, "OBSTYPE", i.no_wcs ? "dark" : "object", &status);
    real_card(file, "EXPTIME", 30, &status);
    if (i.obs_id)
        text_card(file, "OBSID", i.obs_id, &status);
    for (int part = 0; part < (i.parts ? i.parts : 1); part++)
        write_part(file, &i, part, &status);
    fits_close_file(file, &status);
    assert_int_equal(status, 0);
}

/* ---- rules and registry -------------------------------------------------------------------------------- */

vb_rules *fixture_load_rules(void)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_rules *rules = NULL;

    assert_ok(vb_rules_load("testcam.yaml", fixture_rules, strlen(fixture_rules), &rules, &err), &err);
    return rules;
}

void fixture_register(fixture *f)
{
    vb_auto(vb_rules_free) vb_rules *rules = fixture_load_rules();
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_instrument_register(f->reg, rules, false, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
}

char *fixture_shared(fixture *f, const char *name)
{
    const char *root = getenv("VB_SHARED");
    vb_autofree char *data = vb_format("%s/data/%s", root ? root : "../shared", name);

    (void)f;
    if (!access(data, R_OK))
        return keep(VB_STEAL(data));
    print_message("skipped: %s is not there (VB_SHARED tells where it is)\n", data);
    return NULL;
}

int64_t fixture_count(fixture *f, const char *table)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *sql = vb_format("SELECT count(*) FROM %s", table);
    int64_t n = -1;

    assert_ok(vb_db_open(f->repo->registry_path, VB_DB_READ, &db, &err), &err);
    assert_ok(vb_sql_int(db, &n, &err, sql, VB_NO_ARGS), &err);
    return n;
}
