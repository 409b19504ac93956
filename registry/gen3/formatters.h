/* formatters.h - by which class Rubin's program reads and writes the artifacts of a storage class. */
#ifndef VB_REGISTRY_GEN3_FORMATTERS_H
#define VB_REGISTRY_GEN3_FORMATTERS_H

/* Of a storage class that is Rubin's, vb_storage_class_formatter() tells it.  For one of ours, by the extension of its
 * files: the formatter that reads them, and the Python type that it makes of them.  Never NULL. */
const char *vb_gen3_formatter_of_extension(const char *extension, const char **python_type);

#endif
