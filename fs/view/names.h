/* names.h - how data IDs and collections are spelled as path components.
 *
 * Every value has exactly one spelling: bytes outside `A-Z a-z 0-9 . _ ~ : @ + -` and valid UTF-8 are %XX in upper
 * case,
 * "." and ".." begin with %2E, and a component over 240 bytes is cut at a character and ends in `~` and 16 hexadecimal
 * digits of the XXH3 of the whole.  FILE has plain letters only; it is never parsed back. */
#ifndef VB_FS_VIEW_NAMES_H
#define VB_FS_VIEW_NAMES_H

#include "registry/dataset.h"

enum { VB_NAME_MAX = 240 };

/* Appends the component that spells `n` bytes of text. */
void vb_name_encode(vb_buf *out, const char *text, size_t n);

/* The text that a component spells; false where it is not its canonical spelling, holds a NUL, or was cut (then it
 * cannot be told: vb_name_head()). */
bool vb_name_decode(const char *component, vb_buf *out);

/* True for the form of a component that was cut: its end tells which text it was. */
bool vb_name_is_cut(const char *component);

/* The text with which begins what a cut component stands for, decoded: long enough that few texts share it.  The text
 * begins after `skip` bytes ("k=").  False where it is no beginning. */
bool vb_name_head(const char *component, size_t skip, vb_buf *out);

/* True where `component` spells `n` bytes of text. */
bool vb_name_spells(const char *component, const char *text, size_t n);

/* Appends "k=v", the directory of a value; where it is cut it is as a whole no longer than any component. */
void vb_name_facet(vb_buf *out, const char *dimension, const vb_value *value);

/* The parts of "k=v" (split at the first '='), v still encoded; false where there is no '='. */
bool vb_name_split_facet(const char *component, vb_buf *key, vb_buf *value);

/* "instrument=SimCam,detector=2,visit=101": a data ID as one component; "" for no dimensions. */
void vb_name_dataid(vb_buf *out, const vb_dataid *id);

/* FILE: "TYPE_v_v.EXT" with `A-Z a-z 0-9 . _ + -` only, all else '_'; `extension` with its dot, or "". */
void vb_name_file(vb_buf *out, const vb_dataset_type *type, const vb_dataid *id, const char *extension);

/* FILE where another dataset of the same directory has that name too: with '_' and 8 digits of the UUID (its last ones:
 * the first are the time). */
void vb_name_file_unique(vb_buf *out, const vb_dataset_type *type, const vb_dataid *id, const char *extension,
                         const vb_uuid *uuid);

/* Where a store keeps an artifact, below its root: RUN/TYPE/v/v/FILE, a directory for each value but the last, so that
 * no directory holds a whole survey.  From the second attempt on FILE carries "_aN". */
void vb_name_artifact(vb_buf *out, const char *run, const vb_dataset_type *type, const vb_dataid *id,
                      const char *extension, int attempt);

#endif
