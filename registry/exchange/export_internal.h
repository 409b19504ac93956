/* export_internal.h - where the entries of an export file are: for export_file.c and export_scan.c. */
#ifndef VB_REGISTRY_EXCHANGE_EXPORT_INTERNAL_H
#define VB_REGISTRY_EXCHANGE_EXPORT_INTERNAL_H

#include "registry/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { VB_EXPORT_PIECE = 1024 /* items that are parsed at once */ };

/* Some lines of the file. */
typedef struct vb_export_span {
    int64_t begin;
    size_t length;
    int line; /* its first, from 1 */
} vb_export_span;

typedef struct vb_export_place {
    vb_export_span own; /* the entry without its list */
    vb_export_span *pieces;
    size_t count, cap;
} vb_export_place;

typedef struct vb_export_index {
    vb_export_span head; /* what comes before `data` */
    vb_export_place *places;
    size_t count, cap;
    bool regular; /* false: the file is not laid out in lines like that, and must be loaded whole */
} vb_export_index;

/* Finds the entries of a file that is read from its start. */
int vb_export_scan(FILE *file, vb_export_index *out, vb_error *err);
void vb_export_index_clear(vb_export_index *index);

#endif
