#include "registry/gen3/formatters.h"

#include "registry/base/mem.h"

#include <string.h>

#define BUTLER "lsst.daf.butler.formatters."
#define OBS    "lsst.obs.base.formatters."

const char *vb_gen3_formatter_of_extension(const char *extension, const char **python_type)
{
    static const struct {
        const char *extension, *formatter, *python_type;
    } formats[] = {
        {".fits", OBS "fitsExposure.FitsExposureFormatter", "lsst.afw.image.ExposureF"},
        {".fits.fz", OBS "fitsExposure.FitsExposureFormatter", "lsst.afw.image.ExposureF"},
        {".fits.gz", OBS "fitsExposure.FitsExposureFormatter", "lsst.afw.image.ExposureF"},
        {".parq", BUTLER "parquet.ParquetFormatter", "pyarrow.Table"},
        {".ecsv", BUTLER "astropyTable.AstropyTableFormatter", "astropy.table.Table"},
        {".json", BUTLER "json.JsonFormatter", "dict"},
        {".pickle", BUTLER "pickle.PickleFormatter", "dict"},
    };

    for (size_t i = 0; i < VB_COUNT(formats); i++)
        if (!strcmp(extension, formats[i].extension)) {
            *python_type = formats[i].python_type;
            return formats[i].formatter;
        }
    *python_type = "dict";
    return BUTLER "yaml.YamlFormatter";
}
