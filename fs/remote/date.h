/* date.h - moments as servers write them.  Thread-safe. */
#ifndef VB_FS_REMOTE_DATE_H
#define VB_FS_REMOTE_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* "Fri, 20 Nov 2026 14:48:01 GMT" (RFC 9110, 5.6.7) or "2026-11-20T14:48:01.123Z" (RFC 3339, UTC): nanoseconds since
 * 1970 UTC; -1 where it is neither, or a moment before 1970. */
int64_t vb_remote_date(const char *text);

/* What Retry-After says: nanoseconds to wait from `now` (UTC) on; -1 where it says nothing. */
int64_t vb_remote_retry_after(const char *text, int64_t now);

#endif
