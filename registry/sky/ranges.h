/* ranges.h - a set of pixel indices, as half-open ranges.
 *
 * Ready when zeroed.  The ranges are sorted, none is empty, and no two of them touch.  Not thread-safe. */
#ifndef VB_SKY_RANGES_H
#define VB_SKY_RANGES_H

#include <stddef.h>
#include <stdint.h>

typedef struct vb_range {
    uint64_t begin, end; /* [begin, end) */
} vb_range;

typedef struct vb_ranges {
    vb_range *items;
    size_t count, cap;
} vb_ranges;

void vb_ranges_free(vb_ranges *set);
#define vb_auto_ranges __attribute__((cleanup(vb_ranges_free))) vb_ranges

/* Forgets the ranges and keeps the memory, for the next region. */
void vb_ranges_clear(vb_ranges *set);

/* Adds [begin, end); quick where it comes after all that is there, or next to the last. */
void vb_ranges_add(vb_ranges *set, uint64_t begin, uint64_t end);

/* Keeps what is in `other` too. */
void vb_ranges_intersect(vb_ranges *set, const vb_ranges *other);

uint64_t vb_ranges_pixels(const vb_ranges *set); /* how many indices */

#endif
