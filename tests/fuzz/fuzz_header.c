/* Any text is looked into as a header's cards, and its WCS gives a footprint or a sentence. */
#include "fs/ingest/footprint.h"
#include "tests/fuzz/fuzz.h"

const char *__asan_default_options(void);

/* wcslib 7.12 forgets 64 bytes when it refuses a matrix that has no inverse. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* Lines become cards of 80 characters; what FITS does not allow in them, blanks. */
static char *make_cards(const uint8_t *data, size_t size, int *count)
{
    vb_buf cards = {0};

    for (size_t i = 0; i < size; i++)
        if (data[i] != '\n')
            vb_buf_putc(&cards, data[i] >= 0x20 && data[i] < 0x7f ? (char)data[i] : ' ');
        else
            while (cards.len % VB_CARD)
                vb_buf_putc(&cards, ' ');
    while (cards.len % VB_CARD)
        vb_buf_putc(&cards, ' ');
    *count = (int)(cards.len / VB_CARD);
    return vb_buf_steal(&cards);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"EXPNUM", "CTYPE1", "DATE-OBS", "ESO TEL ALT"};
    vb_auto_error err = VB_ERROR_INIT;
    vb_hdu hdu = {.is_image = true, .width = 100, .height = 50};
    vb_auto_region region = {0};
    vb_auto_buf value = {0};
    vb_header header;

    hdu.cards = make_cards(data, size, &hdu.count);
    header = (vb_header){.own = hdu.cards};
    for (size_t i = 0; i < VB_COUNT(keys); i++)
        vb_header_get(&header, keys[i], &value);
    if (vb_footprint(&hdu, &region, &err) < 0 && !err.message)
        abort();
    free(hdu.cards);
    return 0;
}
