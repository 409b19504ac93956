#include "fs/ingest/artifact.h"

#include "fs/remote/url.h"
#include "fs/view/names.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <string.h>

static bool is_plain(const char *extension)
{
    for (; *extension; extension++)
        if (!isalnum((unsigned char)*extension) && !strchr("._+-", *extension))
            return false;
    return true;
}

static const char *extension_of(const vb_dataset_type *type, const char *path)
{
    const char *wanted = vb_dataset_type_extension(type, path), *has = vb_path_extension(path);

    if (is_plain(has) && vb_starts_with(has, wanted))
        return has;
    return is_plain(wanted) ? wanted : "";
}

char *vb_artifact_name(const char *source)
{
    const char *part = vb_location_part(source);
    vb_autofree char *file = vb_strndup(source, part ? (size_t)(part - source) : strlen(source));

    if (part && vb_starts_with(part, "#un")) /* "#unzip=", "#untar=" */
        return vb_strdup(vb_path_base(part + strlen("#unzip=")));
    return vb_location_is_remote(file) ? vb_url_name(file) : vb_strdup(vb_path_base(file));
}

void vb_artifact_add(vb_transfer *transfer, const char *source, const char *run, const vb_dataset_type *type,
                     const vb_dataid *dataid, const vb_uuid *uuid)
{
    vb_autofree char *name = vb_artifact_name(source);
    const char *extension = extension_of(type, name);
    vb_auto_buf target = {0}, spare = {0};

    if (transfer->mode != VB_TRANSFER_DIRECT) {
        vb_name_artifact(&target, run, type, dataid, extension, 1);
        vb_buf_add(&spare, target.data, (size_t)(vb_path_base(target.data) - target.data));
        vb_name_file_unique(&spare, type, dataid, extension, uuid);
    }
    vb_transfer_add(transfer, source, target.data, spare.data, uuid);
}
