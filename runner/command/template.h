/* template.h - words of a command line with fields in braces.
 *
 *     {in.X} {in.X:,} {in.X:@} {out.X}    names of a connection's files
 *     {visit} {visit.exposure_time}       a dimension's value, a field of an element's record
 *     {patch.ra} {patch.dec}              the centre of an element's region, in degrees
 *     {config.KEY} {label} {cpus} {run}
 *
 * "{{" stands for a brace. */
#ifndef VB_RUNNER_COMMAND_TEMPLATE_H
#define VB_RUNNER_COMMAND_TEMPLATE_H

#include "registry/base/error.h"

#include <stddef.h>

typedef enum vb_part_kind {
    VB_PART_LITERAL, /* name: the text */
    VB_PART_IN,
    VB_PART_OUT,
    VB_PART_CONFIG,
    VB_PART_LABEL,
    VB_PART_CPUS,
    VB_PART_RUN,
    VB_PART_ELEMENT, /* name: the element; field: NULL for its own value */
} vb_part_kind;

typedef struct vb_template_part {
    vb_part_kind kind;
    char *name;
    char *field;
    char modifier; /* ',' joined, '@' list file, 0 none */
} vb_template_part;

typedef struct vb_template {
    vb_template_part *parts;
    size_t count, cap;
} vb_template;

/* -EINVAL and what is wrong with the word. */
int vb_template_parse(const char *word, vb_template *out, vb_error *err);
void vb_template_clear(vb_template *t);
#define vb_auto_template __attribute__((cleanup(vb_template_clear))) vb_template

#endif
