/* yaml_out.h - scalars as PyYAML reads them back, appended to text. */
#ifndef VB_REGISTRY_EXCHANGE_YAML_OUT_H
#define VB_REGISTRY_EXCHANGE_YAML_OUT_H

#include "registry/base/buf.h"
#include "registry/base/uuid.h"
#include "registry/time.h"

/* Plain where nothing else could be meant, in quotes otherwise; NULL is null. */
void vb_yaml_put_text(vb_buf *out, const char *text);

/* The shortest that reads back the same, with a dot. */
void vb_yaml_put_double(vb_buf *out, double d);

void vb_yaml_put_uuid(vb_buf *out, const vb_uuid *uuid); /* !uuid '...' */

/* !butler_time/tai/iso '...', with nine digits; null where it is `unbounded`. */
void vb_yaml_put_time(vb_buf *out, int64_t tai, int64_t unbounded);

#endif
