/* instrument.h - an instrument in a repository: its records and its rules. */
#ifndef VB_FS_INGEST_INSTRUMENT_H
#define VB_FS_INGEST_INSTRUMENT_H

#include "fs/ingest/rules.h"
#include "registry/registry.h"

/* Visit system 0: each exposure is a visit by itself. */
enum { VB_VISIT_SYSTEM = 0 };
#define VB_VISIT_SYSTEM_NAME "one-to-one"

/* Puts the records of the instrument, its detectors and its visit system, and keeps the rules.  1: something
 * is new; 0: all was there.  -EEXIST where it is there with other rules, unless `update`.  Call it in a
 * transaction. */
int vb_instrument_register(vb_registry *reg, const vb_rules *rules, bool update, vb_error *err);

/* All rules that a file may be read by: those of the repository's instruments, then those that come with
 * vbutler, for instruments that it does not have. */
typedef struct vb_instruments {
    vb_rules **rules;
    size_t count, cap;
    size_t registered; /* so many of them are the repository's */
} vb_instruments;

int vb_instruments_load(vb_registry *reg, vb_instruments *out, vb_error *err);
void vb_instruments_clear(vb_instruments *all);

/* The rules of one instrument; -ENOENT, with the nearest as a hint, where the repository has none of it. */
int vb_instruments_find(const vb_instruments *all, const char *name, vb_rules **out, vb_error *err);

#endif
