#include "tools/demo/cards.h"

#include <stdio.h>
#include <string.h>

/* Pads or cuts to the width of a card. */
static void add(vb_buf *cards, const char *key, const char *value, const char *comment)
{
    char card[CARD + 1];
    int n = snprintf(card, sizeof card, "%-8.8s= %s / %s", key, value, comment);

    if (n < CARD)
        memset(card + n, ' ', (size_t)(CARD - n));
    vb_buf_add(cards, card, CARD);
}

void card_text(vb_buf *cards, const char *key, const char *value, const char *comment)
{
    char padded[70], quoted[70];

    snprintf(padded, sizeof padded, "'%-8s'", value);
    snprintf(quoted, sizeof quoted, "%-20s", padded);
    add(cards, key, quoted, comment);
}

void card_int(vb_buf *cards, const char *key, int64_t value, const char *comment)
{
    char text[32];

    snprintf(text, sizeof text, "%20lld", (long long)value);
    add(cards, key, text, comment);
}

void card_real(vb_buf *cards, const char *key, double value, const char *comment)
{
    char text[32], field[32];

    snprintf(text, sizeof text, "%.13G", value);
    if (!strpbrk(text, ".E"))
        strcat(text, "."); /* else it would be an integer */
    snprintf(field, sizeof field, "%20s", text);
    add(cards, key, field, comment);
}
