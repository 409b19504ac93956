/* instrument_rules.h - what the headers of an instrument mean, as YAML text (docs/instruments.md).
 *
 * Some files come with vbutler; a repository keeps the text that each of its instruments was registered with,
 * so that what was ingested once is ingested alike later.  fs/ingest/rules.h reads the text. */
#ifndef VB_REGISTRY_INSTRUMENT_RULES_H
#define VB_REGISTRY_INSTRUMENT_RULES_H

#include "registry/registry.h"

#include <stddef.h>

/* A file that comes with vbutler, by number from 0; NULL after the last.  `file` is
 * its name, "decam.yaml". */
const char *vb_instrument_rules_builtin(size_t number, const char **file, size_t *length);

/* The rules of an instrument of the repository: 1 and *text, which the caller frees; 0 where it has none. */
int vb_instrument_rules_get(vb_registry *reg, const char *instrument, char **text, vb_error *err);

/* Keeps rules, in place of those that were there.  Call it in a transaction. */
int vb_instrument_rules_put(vb_registry *reg, const char *instrument, const char *text, vb_error *err);

/* The instruments that have rules, sorted; the caller frees *names with vb_strv_free(). */
int vb_instrument_rules_list(vb_registry *reg, char ***names, vb_error *err);

#endif
