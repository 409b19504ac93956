/* cards.h - FITS header cards of our own: a text of 80-character records, which wcslib reads and cfitsio
 * writes.
 *
 * The header that places the stars is then the very header that stands in the file. */
#ifndef VB_DEMO_CARDS_H
#define VB_DEMO_CARDS_H

#include "registry/base/buf.h"

enum { CARD = 80 };

void card_text(vb_buf *cards, const char *key, const char *value, const char *comment);
void card_int(vb_buf *cards, const char *key, int64_t value, const char *comment);
void card_real(vb_buf *cards, const char *key, double value, const char *comment);

#endif
