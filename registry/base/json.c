#include "registry/base/json.h"

#include "registry/base/buf.h"

#include <string.h>

json_t *vb_json_text(const char *text)
{
    vb_auto_buf quoted = {0};
    json_t *json;

    if (!text)
        return json_null();
    json = json_string(text);
    if (json)
        return json;
    vb_buf_json(&quoted, text, strlen(text));
    return json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY, NULL);
}
