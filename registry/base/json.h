/* json.h - small helpers round jansson. */
#ifndef VB_BASE_JSON_H
#define VB_BASE_JSON_H

#include <jansson.h>

/* A string; bytes that are not UTF-8 become U+FFFD (jansson would refuse them).  NULL gives null. */
json_t *vb_json_text(const char *text);

#endif
