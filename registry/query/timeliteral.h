/* timeliteral.h - what stands in T'...' of an expression.  Internal to registry/query. */
#ifndef VB_REGISTRY_QUERY_TIMELITERAL_H
#define VB_REGISTRY_QUERY_TIMELITERAL_H

#include "registry/base/error.h"

#include <stdint.h>

/* "2020-01-01T00:00:00/tai", "58938.5", "mjd/58938.5/utc", "jd/2458849.5", "iso/2020-01-01": TAI nanoseconds.  ISO is
 * UTC and the others are TAI, unless a scale (/utc, /tai) follows. */
int vb_time_literal(const char *text, int64_t *out, vb_error *err);

#endif
