/* world.h - a small survey for the tests of views, sessions, pipelines and runs: the fixture's repository with an
 * instrument of three detectors, three exposures in two bands, and two patches of a sky map.
 *
 *     instrument TestCam; detectors 1 (A), 2 (B), 3 (C)
 *     exposures and visits 101 (g-1), 102 (g-1), 103 (r-1), of 30, 31 and 32 seconds
 *     visit 101 lies at 10 -5 degrees, 102 at 10.5 -5, 103 at 11 -5; each is a degree wide
 *     skymap demo, tract 0, patches 0 (at 10 -5) and 1 (at 11 -5) */
#ifndef VB_TESTS_FS_WORLD_H
#define VB_TESTS_FS_WORLD_H

#include "tests/fs/fixture.h"

/* cmocka's: a fixture with that repository. */
int world_setup(void **state);

/* Puts a dimension record.  `values` is "instrument=TestCam detector=1 full_name=A"; "box=RA,DEC" gives it a region of
 * a degree round there. */
void world_record(fixture *f, const char *element, const char *values);

/* Registers a dataset type; `dimensions` are joined by commas.  `extension` may be NULL. */
const vb_dataset_type *world_type(fixture *f, const char *name, const char *dimensions, const char *storage_class,
                                  const char *extension);

/* Makes a collection; `children` of a chain, joined by commas (NULL: none). */
void world_collection(fixture *f, const char *name, vb_collection_type type, const char *children);

/* A data ID from "exposure=101 detector=1"; instrument and skymap are TestCam and demo where they are left out. */
vb_dataid world_dataid(fixture *f, const vb_group *group, const char *values);

/* Adds a dataset with an artifact of that text at `path` below the repository's root (NULL: where a run would put it).
 * The run is made where it is not there.  *out is filled, unless NULL, but for the values of its data ID. */
void world_dataset(fixture *f, const char *run, const char *type, const char *values, const char *path,
                   const char *text, vb_dataset *out);

/* The type "raw" and, in RUN TestCam/raw/all, one of every exposure and detector; the text of each is
 * "raw EXPOSURE DETECTOR\n". */
void world_raws(fixture *f);

/* A vb_uuid for a test to know: its bytes are all `n`. */
vb_uuid world_uuid(int n);

#endif
