/* receipt.h - what one attempt of one quantum did: the unit that jobs leave behind and that merge turns into rows.
 *
 * A receipt is JSON (format "vbutler-receipt", version 1; docs/receipts.md).  Sizes are bytes, times UTC in ISO 8601,
 * durations seconds. */
#ifndef VB_REGISTRY_RECEIPT_H
#define VB_REGISTRY_RECEIPT_H

#include "registry/base/hash.h"
#include "registry/base/uuid.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* How a file was touched; a file may be in several ways. */
typedef enum vb_touch {
    VB_TOUCH_DECLARED = 1, /* an edge of the graph: said before, not seen */
    VB_TOUCH_MISSING = 2,  /* looked for, not there */
    VB_TOUCH_LOOKUP = 4,   /* its name and attributes were asked for */
    VB_TOUCH_LISTED = 8,   /* a directory: its members were */
    VB_TOUCH_READ = 16,    /* opened for reading */
    VB_TOUCH_WRITTEN = 32,
    VB_TOUCH_EXECUTED = 64,
    VB_TOUCH_DENIED = 128, /* refused: not declared and the policy is `fail`, or a write to an input */
    VB_TOUCH_STAGED = 256, /* copied into the job's directory, where nobody sees whether it is read: no FUSE */
} vb_touch;

enum {
    VB_TOUCH_USED = VB_TOUCH_READ | VB_TOUCH_EXECUTED | VB_TOUCH_STAGED
}; /* the bytes are, or may be, in what was made */

/* ["lookup", "read"] */
json_t *vb_touch_json(unsigned touch);
unsigned vb_touch_from_json(const json_t *names);

typedef enum vb_status {
    VB_STATUS_SUCCEEDED = 1,
    VB_STATUS_FAILED = 2,
    VB_STATUS_BLOCKED = 3, /* an input was not made */
    VB_STATUS_ABORTED = 4, /* the runner was told to stop, or died */
} vb_status;

const char *vb_status_name(vb_status status); /* "succeeded", ... */
bool vb_status_parse(const char *name, vb_status *out);

/* A dataset that was read, or could have been. */
typedef struct vb_receipt_input {
    vb_uuid dataset;
    char *connection;    /* NULL: not by a connection */
    char *type, *dataid; /* for people; dataid packed as JSON text */
    unsigned touch;
} vb_receipt_input;

/* A dataset that was made. */
typedef struct vb_receipt_output {
    vb_uuid dataset;
    char *connection;
    char *type;
    char *dataid; /* packed */
    char *path;   /* below the store's root; NULL: was not made */
    int64_t size, mtime;
    vb_hash checksum;
} vb_receipt_output;

typedef struct vb_usage {
    double wall, cpu_user, cpu_system; /* seconds */
    int64_t memory;                    /* largest resident set of a process, bytes */
    int64_t bytes_read, bytes_written; /* by read and write calls of all processes */
} vb_usage;

typedef struct vb_receipt {
    char *graph, *run, *task;
    vb_uuid quantum;
    char *dataid; /* packed */
    int attempt;
    vb_status status;
    char *message; /* why it failed; NULL */
    char *capture; /* "complete", or "partial (why)" */
    char *host;
    int64_t started; /* nanoseconds since 1970 UTC */
    vb_usage usage;
    vb_receipt_input *inputs;
    vb_receipt_output *outputs;
    size_t ninputs, noutputs, inputs_cap, outputs_cap;
    json_t *details; /* command, environment, exit, io, log, ...: an object, kept as it is */
} vb_receipt;

vb_receipt *vb_receipt_new(void);
void vb_receipt_free(vb_receipt *r);
VB_CLEANUP(vb_receipt, vb_receipt_free)

/* One line of JSON, without a newline; the caller frees it. */
char *vb_receipt_write(const vb_receipt *r);
int vb_receipt_read(const char *text, size_t n, vb_receipt **out, vb_error *err);

#endif
