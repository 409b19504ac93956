/* model.h - what collections, datasets and validity ranges are, as plainly as it can be said: arrays, and loops over
 * them.  test_model.c does the same things to this and to a registry, and compares.
 *
 * Three types: "image" {instrument, detector}, "bias" of the same dimensions and "packages" of none, which are
 * calibrations.  A key is the detector; a collection, a dataset are indices. */
#ifndef VB_TESTS_REGISTRY_MODEL_H
#define VB_TESTS_REGISTRY_MODEL_H

#include "registry/collection_edit.h"
#include "registry/time.h"

enum { M_TYPES = 3, M_KEYS = 4, M_COLLECTIONS = 12, M_DATASETS = 96, M_RANGES = 512 };
enum { M_IMAGE, M_BIAS, M_PACKAGES };

typedef struct m_collection {
    bool there;
    vb_collection_type type;
    char name[16];
    int children[M_COLLECTIONS], count; /* of a chain */
    bool has[M_DATASETS];               /* a TAGGED one */
} m_collection;

typedef struct m_dataset {
    bool there, stored; /* stored: it has its artifact */
    int type, key, run;
    int64_t id; /* its row in the registry */
} m_dataset;

typedef struct m_range {
    int collection, dataset;
    vb_timespan span;
} m_range;

typedef struct model {
    m_collection collections[M_COLLECTIONS];
    m_dataset datasets[M_DATASETS];
    int ndatasets;
    m_range ranges[M_RANGES];
    int nranges;
} model;

/* A set of datasets. */
typedef struct m_set {
    bool has[M_DATASETS];
} m_set;

int m_keys(int type);                             /* how many data IDs a type has */
int m_named(const model *m, const char *name);    /* a collection, or -1 */
bool m_reaches(const model *m, int from, int to); /* it is that, or a chain that leads to it */

/* Collections in the order in which they are searched; returns how many. */
int m_flatten(const model *m, const int *from, int count, int out[M_COLLECTIONS]);

/* What each does is refused, and changes nothing, where it returns false. */
bool m_put(model *m, int type, int key, int run, int64_t id);
bool m_associate(model *m, int collection, const m_set *set);
bool m_disassociate(model *m, int collection, const m_set *set);
bool m_certify(model *m, int collection, const m_set *set, vb_timespan span);
bool m_decertify(model *m, int collection, int type, vb_timespan span, const m_set *set); /* NULL: all */
bool m_chain(model *m, int chain, const int *children, int count, vb_chain_mode mode);
bool m_purge(model *m, const m_set *set, bool force);
bool m_unstore(model *m, const m_set *set);
bool m_remove_run(model *m, int run, bool force);
bool m_remove(model *m, int collection, bool from_parents);

/* The dataset that a search finds; -1: none.  With a timespan (NULL: without) -2: a collection has two. */
int m_find(const model *m, const int *search, int count, int type, int key, const vb_timespan *when);

/* All that a search finds, find-first or all; false where find-first is not defined: a CALIBRATION collection has some.
 */
bool m_select(const model *m, const int *search, int count, bool find_first, m_set *out);

#endif
