/* element.h - records by the name of their element. */
#ifndef VB_FS_INGEST_ELEMENT_H
#define VB_FS_INGEST_ELEMENT_H

#include "registry/record.h"

/* An empty record; -ENOENT where the universe has no such element. */
int vb_element_record(vb_registry *reg, const char *element, vb_record *out, vb_error *err);

/* The record that has the key of another one: 1, 0 where there is none. */
int vb_element_find(vb_registry *reg, const vb_record *key, vb_record *out, vb_error *err);

#endif
