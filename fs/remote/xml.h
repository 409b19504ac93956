/* xml.h - what servers answer in XML: element by element (expat).
 *
 * Untrusted: a document type, entities of its own, more than 64 levels, and more than a megabyte of text in one
 * element are refused.  Thread-safe. */
#ifndef VB_FS_REMOTE_XML_H
#define VB_FS_REMOTE_XML_H

#include "registry/base/error.h"

#include <stddef.h>

/* Told at the end of each element: its path from the root without prefixes ("ListBucketResult/Contents/Key") and the
 * text that it holds by itself.  A negative errno ends the reading. */
typedef int vb_xml_fn(void *arg, const char *path, const char *text);

int vb_xml_read(const char *data, size_t n, vb_xml_fn *each, void *arg, vb_error *err);

/* The text of the first element of that path, which the caller frees; NULL where there is none. */
char *vb_xml_find(const char *data, size_t n, const char *path);

#endif
