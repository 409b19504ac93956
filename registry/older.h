/* older.h - dimension records of older universes, brought up to a later one (docs/exchange.md has the table).
 *
 * What an older universe has under another name, or at another place, is a rule: a field may be gone, may have become
 * the name of a group, or a relation of its own.  Nights and groups, which became dimensions, get their records. */
#ifndef VB_REGISTRY_OLDER_H
#define VB_REGISTRY_OLDER_H

#include "registry/record.h"

typedef enum vb_older {
    VB_OLDER_UNKNOWN,    /* no rule speaks of the field */
    VB_OLDER_DROP,       /* nothing has it any more */
    VB_OLDER_GROUP,      /* the name of a group, which became a dimension */
    VB_OLDER_MEMBERSHIP, /* the visit system of a visit, which became a relation */
} vb_older;

/* What becomes of a field of an element in universe `from` that a later one does not have. */
vb_older vb_older_field(int from, const char *element, const char *field);

typedef struct vb_bringing_up {
    vb_registry *reg;
    int from; /* the universe that the records are of */
    /* When the nights of an instrument begin, in nanoseconds after 0h TAI: 1, or 0 where nobody knows.  NULL: nobody.
     */
    int (*day_offset)(void *arg, const char *instrument, int64_t *offset, vb_error *err);
    void *arg;
    size_t records, there; /* put besides; there already */
} vb_bringing_up;

/* Before a record is put: a visit gets its day_obs (-ENODATA where it has no begin), its night and its group get their
 * records.  After it: a visit's visit system (NULL or null: none) becomes its membership.  In a transaction. */
int vb_older_before(vb_bringing_up *b, vb_record *record, vb_error *err);
int vb_older_after(vb_bringing_up *b, const vb_record *record, const vb_value *visit_system, vb_error *err);

#endif
