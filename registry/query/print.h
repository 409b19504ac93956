/* print.h - results as tables, CSV and JSON. */
#ifndef VB_REGISTRY_QUERY_PRINT_H
#define VB_REGISTRY_QUERY_PRINT_H

#include "registry/base/grid.h"
#include "registry/query/query.h"

/* Steps through a result and prints it as one table; *rows counts.  `root` is the repository's directory, for URIs.
 * `begun`, where it is not NULL, is called before the first row. */
int vb_result_print(vb_result *result, const char *root, vb_grid *grid, int64_t *rows, void (*begun)(void *arg),
                    void *arg, vb_error *err);

#endif
