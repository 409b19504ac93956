/* Any text is a time, which is printed and read again as it is, or is refused; so is any number. */
#include "registry/time.h"
#include "tests/fuzz/fuzz.h"

static void check_time(int r, int64_t t, const vb_error *err)
{
    vb_auto_buf text = {0};
    int64_t again;

    if (r < 0) {
        check_refused(r, err);
        return;
    }
    check(t >= VB_TIME_MIN && t <= VB_TIME_MAX);
    vb_time_print(t, &text);
    check(vb_time_parse_iso(vb_buf_text(&text), VB_SCALE_TAI, &again, NULL) == 0 && again == t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const vb_timescale scales[] = {VB_SCALE_TAI, VB_SCALE_UTC};
    vb_autofree char *text = vb_strndup((const char *)data, size);
    double mjd = 0;

    memcpy(&mjd, data, size < sizeof mjd ? size : sizeof mjd);
    for (size_t i = 0; i < VB_COUNT(scales); i++) {
        vb_auto_error iso = VB_ERROR_INIT, julian = VB_ERROR_INIT;
        int64_t t = -1;
        int r = vb_time_parse_iso(text, scales[i], &t, &iso);

        check_time(r, t, &iso);
        r = vb_time_from_mjd(mjd, scales[i], &t, &julian);
        check_time(r, t, &julian);
    }
    return 0;
}
