/* facets.h - components "k=v" that choose: a value of a dimension, or the time at which a calibration is to be valid.
 */
#ifndef VB_FS_VIEW_FACETS_H
#define VB_FS_VIEW_FACETS_H

#include "fs/view/view.h"
#include "registry/query/facet.h"

/* The value that a component "DIMENSION=v" spells; one that was cut is looked for among the values that `f` has.
 * 1, 0 where it is another spelling or there is none. */
int vb_facet_value(vb_call *c, const vb_faceted *f, const vb_element *dimension, const char *component, vb_value *out);

/* "valid=BEGIN..END", appended: TAI, ISO 8601; a side that is open is empty. */
void vb_facet_print_valid(vb_timespan span, vb_buf *out);

/* The timespan of BEGIN..END; false where it is another spelling. */
bool vb_facet_parse_valid(const char *text, vb_timespan *out);

/* The validity that a component asks for: "valid=...", "at=TIME", "exposure=E" or "visit=V", the last two of the
 * instrument that was chosen, or of the only one.  1, 0 where it asks for none, or there is no such exposure. */
int vb_facet_validity(vb_call *c, const vb_faceted *f, const char *key, const char *spelling, vb_validity *out);

#endif
