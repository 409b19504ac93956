/* header.h - the lines of an answer's header.  Untrusted.  Thread-safe. */
#ifndef VB_FS_REMOTE_HEADER_H
#define VB_FS_REMOTE_HEADER_H

#include "fs/remote/remote.h"

/* An answer of which nothing is known yet, but what its body and its tries are. */
void vb_answer_begin(vb_answer *a);

/* Takes one line, with or without its line end: "HTTP/1.1 206 ..." begins anew.  *retry_after: nanoseconds; left alone
 * where the line is another. */
void vb_answer_line(vb_answer *a, const char *line, size_t n, int64_t *retry_after);

/* "bytes 0-99/1234" ("*" for what is not known: -1); false, and all -1, where it is malformed. */
bool vb_content_range(const char *text, int64_t *begin, int64_t *end, int64_t *size);

#endif
