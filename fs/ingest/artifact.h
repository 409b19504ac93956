/* artifact.h - the names of ingested files in the repository's own store. */
#ifndef VB_FS_INGEST_ARTIFACT_H
#define VB_FS_INGEST_ARTIFACT_H

#include "fs/store/transfer.h"

/* The name of a source, which tells its extension: of a path, an address, or a member of an archive ("#untar=a/b.fits":
 * "b.fits").  The caller frees it. */
char *vb_artifact_name(const char *source);

/* Plans the transfer of a file to where an artifact of that type and data ID belongs, and beside it, with
 * digits of the UUID, where another has that name (vb_name_artifact).  The data ID may be one of fewer
 * dimensions than the type's: of what the datasets in the file share.  A file that is compressed keeps the
 * ending that says so (".fits.fz"). */
void vb_artifact_add(vb_transfer *transfer, const char *source, const char *run, const vb_dataset_type *type,
                     const vb_dataid *dataid, const vb_uuid *uuid);

#endif
