/* dimset.c - sets of elements. */
#include "registry/universe.h"

bool vb_dimset_has(vb_dimset set, int index)
{
    return set.bits[index / 64] >> (index % 64) & 1;
}

void vb_dimset_add(vb_dimset *set, int index)
{
    set->bits[index / 64] |= UINT64_C(1) << (index % 64);
}

vb_dimset vb_dimset_union(vb_dimset a, vb_dimset b)
{
    return (vb_dimset){{a.bits[0] | b.bits[0], a.bits[1] | b.bits[1]}};
}

vb_dimset vb_dimset_minus(vb_dimset a, vb_dimset b)
{
    return (vb_dimset){{a.bits[0] & ~b.bits[0], a.bits[1] & ~b.bits[1]}};
}

bool vb_dimset_within(vb_dimset a, vb_dimset b)
{
    return vb_dimset_empty(vb_dimset_minus(a, b));
}

bool vb_dimset_equal(vb_dimset a, vb_dimset b)
{
    return a.bits[0] == b.bits[0] && a.bits[1] == b.bits[1];
}

bool vb_dimset_empty(vb_dimset set)
{
    return !set.bits[0] && !set.bits[1];
}

int vb_dimset_next(vb_dimset set, int after)
{
    for (int i = after + 1; i < VB_MAX_ELEMENTS; i++) {
        uint64_t rest = set.bits[i / 64] >> (i % 64);

        if (rest)
            return i + __builtin_ctzll(rest);
        i |= 63; /* on to the next word */
    }
    return -1;
}
