/* universe.h - the dimension universe: the words of which data IDs are made, and how they hang together.
 *
 * A universe is data: it is read from YAML (Rubin's dimensions.yaml, versions 0 to 8, or ours) or from the JSON that a
 * repository holds.  It does not change once loaded, except that conformed groups are remembered in it: so a universe
 * belongs to one registry handle, and to one thread at a time.
 *
 * Source of the rules: daf_butler, "Dimensions"; the order of elements is by dependency, then by name; sky
 * pixelisations (htm0, ..., healpix17) come last. */
#ifndef VB_REGISTRY_UNIVERSE_H
#define VB_REGISTRY_UNIVERSE_H

#include "registry/base/error.h"
#include "registry/base/yaml.h"

#include <stdbool.h>
#include <stdint.h>

enum { VB_MAX_ELEMENTS = 128, VB_MAX_REQUIRED = 16 };

/* A set of elements, by index. */
typedef struct vb_dimset {
    uint64_t bits[2];
} vb_dimset;

bool vb_dimset_has(vb_dimset set, int index);
void vb_dimset_add(vb_dimset *set, int index);
vb_dimset vb_dimset_union(vb_dimset a, vb_dimset b);
vb_dimset vb_dimset_minus(vb_dimset a, vb_dimset b);
bool vb_dimset_within(vb_dimset a, vb_dimset b); /* a is a subset of b */
bool vb_dimset_equal(vb_dimset a, vb_dimset b);
bool vb_dimset_empty(vb_dimset set);
int vb_dimset_next(vb_dimset set, int after); /* the next index above `after` (-1: the first), or -1 */

#define VB_EACH_DIMENSION(i, set) for (int i = vb_dimset_next(set, -1); i >= 0; i = vb_dimset_next(set, i))

typedef enum vb_field_type {
    VB_FIELD_INT,
    VB_FIELD_FLOAT,
    VB_FIELD_STRING,
    VB_FIELD_BOOL,
    VB_FIELD_HASH
} vb_field_type;

typedef struct vb_field {
    char *name;
    char *doc; /* may be NULL */
    vb_field_type type;
    int length; /* of strings, in characters; of hashes, in bytes */
    bool nullable;
} vb_field;

typedef struct vb_element {
    int index;
    char *name;
    char *doc;
    bool is_dimension; /* it has a key of its own; the others relate dimensions */
    bool is_governor, is_skypix;
    bool always_join; /* joined whenever its dimensions are together */
    bool has_table;   /* false: skypix, and views of another element */
    int view_of;      /* the element whose table holds its values; -1 */
    char *populated_by;
    int level;          /* skypix */
    const char *system; /* skypix: "htm" or "healpix" */
    vb_field *keys;
    size_t nkeys; /* keys[0] is the primary key, the rest alternates */
    vb_field *metadata;
    size_t nmetadata;
    vb_dimset required;    /* with itself, if a dimension */
    vb_dimset implied;     /* directly */
    int spatial, temporal; /* rank in its topological family, 0 the finest; -1: has no region, no timespan */
    int spatial_family, temporal_family; /* -1: none */
} vb_element;

typedef struct vb_universe vb_universe;

/* Dimensions that were conformed: with all that they require and imply.  The universe owns it. */
typedef struct vb_group {
    const vb_universe *universe;
    vb_dimset all, required, implied;
    int nrequired, nimplied;
    const vb_element *const *dims; /* required, in the universe's order, then implied */
    char *key;                     /* required names joined by ','; "" for no dimensions */
} vb_group;

int vb_universe_load(const vb_yaml_node *root, vb_universe **out, vb_error *err);
int vb_universe_load_text(const char *name, const char *text, size_t n, vb_universe **out, vb_error *err);

/* The universe of that number that comes with vbutler; -ENOENT where none does. */
int vb_universe_builtin(int version, vb_universe **out, vb_error *err);

void vb_universe_free(vb_universe *u);
VB_CLEANUP(vb_universe, vb_universe_free)

int vb_universe_version(const vb_universe *u);
const char *vb_universe_namespace(const vb_universe *u);

/* What it was loaded from, as JSON text; the universe keeps it. */
const char *vb_universe_json(const vb_universe *u);

int vb_universe_count(const vb_universe *u);
const vb_element *vb_universe_at(const vb_universe *u, int index);
const vb_element *vb_universe_find(const vb_universe *u, const char *name); /* NULL: none */

/* The skypix dimension that relates regions ("htm7"). */
const vb_element *vb_universe_common_skypix(const vb_universe *u);

/* The same with a sentence, and the nearest name as a hint. */
int vb_universe_dimension(const vb_universe *u, const char *name, const vb_element **out, vb_error *err);

const vb_group *vb_universe_conform(vb_universe *u, vb_dimset dims);
int vb_universe_conform_names(vb_universe *u, char *const *names, const vb_group **out, vb_error *err);

/* The position of a dimension among the required ones of a group, or -1. */
int vb_group_position(const vb_group *group, const vb_element *dimension);

/* The elements that must be joined when the dimensions of a group are related to each other: those with implied
 * dimensions in it, and those that are always joined. */
vb_dimset vb_group_relations(const vb_group *group);

/* The finest element of a spatial family (or temporal one) whose required dimensions are in the group; NULL: none. */
const vb_element *vb_group_spatial(const vb_group *group, int family);
const vb_element *vb_group_temporal(const vb_group *group, int family);
int vb_universe_spatial_families(const vb_universe *u);
int vb_universe_temporal_families(const vb_universe *u);

const vb_field *vb_element_field(const vb_element *e, const char *name); /* keys but the first, and metadata */

#endif
