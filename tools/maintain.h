/* maintain.h - what the commands share that change what a repository has: opening it, asking, showing datasets. */
#ifndef VB_TOOLS_MAINTAIN_H
#define VB_TOOLS_MAINTAIN_H

#include "registry/base/rows.h"
#include "registry/repo.h"
#include "registry/selection.h"
#include "registry/time.h"

typedef struct vb_maintained {
    vb_repo *repo;
    vb_registry *reg; /* open for writing */
} vb_maintained;

int vb_maintain_open(const char *repo, vb_maintained *out, vb_error *err);
void vb_maintain_close(vb_maintained *m);
#define vb_auto_maintained __attribute__((cleanup(vb_maintain_close))) vb_maintained

/* Prints the selected datasets: type, run, id and a column a dimension that one of them has. */
int vb_print_selected(vb_registry *reg, vb_format_kind format, vb_error *err);

/* "  calexp: 12" a line for each type that is selected, on stdout. */
int vb_print_selected_types(vb_registry *reg, vb_error *err);

/* Unlinks what has become trash (after the commit). */
int vb_empty_trash(const vb_maintained *m, vb_error *err);

/* The timespan of --begin-date and --end-date (ISO 8601, TAI; NULL: open). */
int vb_parse_span(const char *begin, const char *end, vb_timespan *out, vb_error *err);

/* "1,234 datasets", in a buffer that the next call uses again. */
const char *vb_datasets(int64_t n);

#endif
