/* schema.h - the tables of a registry, a snapshot and a graph: one schema for the three.
 *
 * `application_id` is "vbtl", `user_version` the schema's version, and `meta` names the format.  Dimension tables
 * follow the universe (`dimension_ELEMENT`, a column a dimension, named as it); datasets of types with equal dimensions
 * share one `member_N`, whose key is (type, collection, data ID): find-first is one index probe a collection; and one
 * `calib_N`, the same with validity ranges.
 * docs/schema.md describes every table. */
#ifndef VB_REGISTRY_SCHEMA_H
#define VB_REGISTRY_SCHEMA_H

#include "registry/sql.h"
#include "registry/universe.h"

#define VB_APPLICATION_ID 0x7662746c /* "vbtl" */
#define VB_SCHEMA_VERSION 3

/* `format` is "registry", "snapshot" or "graph". */
int vb_schema_create(vb_db *db, const vb_universe *u, const char *format, vb_error *err);

/* The statements that make the indices over paths of artifacts, of which a registry has more than the other formats. */
const char *vb_schema_indices_of_files(const char *format);

/* The same of when datasets came in, by type: empty for what is no registry. */
const char *vb_schema_indices_of_dates(const char *format);

/* CREATE INDEX ELEMENT_timespan, appended, by which its records are found in the order in which they begin; nothing
 * where they have no timespan. */
void vb_schema_timespan_index(vb_buf *sql, const vb_universe *u, const vb_element *e);

/* The version of a file of ours; -EINVAL and a sentence for others and for newer ones. */
int vb_schema_version(vb_db *db, int64_t *version, vb_error *err);

/* The same for older ones: `vbutler migrate` (migrate.h) brings them up. */
int vb_schema_check(vb_db *db, vb_error *err);

/* CREATE TABLE calib_N, appended. */
void vb_schema_calibs(vb_buf *out, const vb_group *group, int64_t number);

/* What SQLite is told of the sizes in `member_N`, so that it looks up by all of its key where all of it is known.  They
 * are no counts, and do not change. */
void vb_schema_statistics(vb_buf *sql, const vb_group *group, int64_t number);

/* A value of `meta`; NULL where there is none.  The caller frees it. */
int vb_schema_meta(vb_db *db, const char *key, char **out, vb_error *err);
int vb_schema_set_meta(vb_db *db, const char *key, const char *value, vb_error *err);

/* The member table of a group of dimensions, made when it is not there; its number N in *id. */
int vb_schema_group(vb_db *db, const vb_group *group, int64_t *id, vb_error *err);

/* The same under a given number, for a file that takes over another's; 0: the next. */
int vb_schema_group_numbered(vb_db *db, const vb_group *group, int64_t number, int64_t *id, vb_error *err);

/* "dimension_visit", quoted, appended. */
void vb_schema_table(vb_buf *out, const vb_element *e);

/* "INTEGER", "TEXT", ...: how a field is kept. */
const char *vb_schema_type(vb_field_type type);

/* Lets a new file that is thrown away be filled with many datasets: their UUIDs, which may come in any order, are
 * indexed all at once at the end.  Until then none is looked up.  The second may be called again. */
int vb_schema_load_begin(vb_db *db, vb_error *err);
int vb_schema_load_end(vb_db *db, vb_error *err);

#endif
