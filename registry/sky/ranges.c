#include "registry/sky/ranges.h"

#include "registry/base/mem.h"

#include <stdlib.h>
#include <string.h>

void vb_ranges_free(vb_ranges *set)
{
    free(set->items);
    *set = (vb_ranges){0};
}

void vb_ranges_clear(vb_ranges *set)
{
    set->count = 0;
}

/* The first range that ends at or after `index`; set->count where none does. */
static size_t find(const vb_ranges *set, uint64_t index)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->items[middle].end < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Replaces the `n` ranges from `at` on by one. */
static void replace(vb_ranges *set, size_t at, size_t n, vb_range range)
{
    size_t tail = set->count - at - n;

    if (n == 0)
        VB_PUSH(set->items, set->count, set->cap);
    else
        set->count -= n - 1;
    memmove(set->items + at + 1, set->items + at + n, tail * sizeof range);
    set->items[at] = range;
}

void vb_ranges_add(vb_ranges *set, uint64_t begin, uint64_t end)
{
    vb_range *last = set->count ? &set->items[set->count - 1] : NULL, range = {begin, end};
    size_t at, stop;

    if (begin >= end)
        return;
    if (!last || begin > last->end) {
        *VB_PUSH(set->items, set->count, set->cap) = range;
        return;
    }
    if (begin >= last->begin) {
        last->end = end > last->end ? end : last->end;
        return;
    }
    at = stop = find(set, begin);
    for (; stop < set->count && set->items[stop].begin <= end; stop++) {
        range.begin = set->items[stop].begin < range.begin ? set->items[stop].begin : range.begin;
        range.end = set->items[stop].end > range.end ? set->items[stop].end : range.end;
    }
    replace(set, at, stop - at, range);
}

void vb_ranges_intersect(vb_ranges *set, const vb_ranges *other)
{
    vb_ranges both = {0};
    size_t i = 0, j = 0;

    while (i < set->count && j < other->count) {
        vb_range a = set->items[i], b = other->items[j];

        vb_ranges_add(&both, a.begin > b.begin ? a.begin : b.begin, a.end < b.end ? a.end : b.end);
        if (a.end < b.end)
            i++;
        else
            j++;
    }
    vb_ranges_free(set);
    *set = both;
}

uint64_t vb_ranges_pixels(const vb_ranges *set)
{
    uint64_t n = 0;

    for (size_t i = 0; i < set->count; i++)
        n += set->items[i].end - set->items[i].begin;
    return n;
}
