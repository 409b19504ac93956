/* ranges.h - is a validity range there already? */
#ifndef VB_REGISTRY_EXCHANGE_RANGES_H
#define VB_REGISTRY_EXCHANGE_RANGES_H

#include "registry/dataset.h"
#include "registry/time.h"

/* 1 where the collection has exactly this range of the dataset, 0 where not. */
int vb_range_exists(vb_registry *reg, const vb_collection *calibration, const vb_dataset *d, vb_timespan span,
                    vb_error *err);

#endif
