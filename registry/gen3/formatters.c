#include "registry/gen3/formatters.h"

#include "registry/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define BUTLER  "lsst.daf.butler.formatters."
#define OBS     "lsst.obs.base.formatters."
#define GENERIC OBS "fitsGeneric.FitsGenericFormatter"
#define IMAGES  "lsst.images.formatters.GenericFormatter"

static const struct entry {
    const char *class, *formatter;
} known[] = {
    {"ApCorr", GENERIC},
    {"ArrowAstropy", BUTLER "parquet.ParquetFormatter"},
    {"ArrowNumpy", BUTLER "parquet.ParquetFormatter"},
    {"ArrowNumpyDict", BUTLER "parquet.ParquetFormatter"},
    {"ArrowSchema", BUTLER "parquet.ParquetFormatter"},
    {"ArrowTable", BUTLER "parquet.ParquetFormatter"},
    {"AstropyQTable", BUTLER "astropyTable.AstropyTableFormatter"},
    {"AstropyTable", BUTLER "astropyTable.AstropyTableFormatter"},
    {"Background", GENERIC},
    {"BrighterFatterKernel", GENERIC},
    {"ButlerLogRecords", BUTLER "logs.ButlerLogRecordsFormatter"},
    {"Camera", GENERIC},
    {"Catalog", GENERIC},
    {"CellCoadd", IMAGES},
    {"CoaddInputs", GENERIC},
    {"ColorImage", IMAGES},
    {"Config", "lsst.pipe.base.formatters.pexConfig.PexConfigFormatter"},
    {"CrosstalkCalib", GENERIC},
    {"DataFrame", BUTLER "parquet.ParquetFormatter"},
    {"DecoratedImageU", OBS "fitsExposure.FitsExposureFormatter"},
    {"Defects", GENERIC},
    {"Detector", GENERIC},
    {"DifferenceImage", IMAGES},
    {"Exposure", OBS "fitsExposure.FitsExposureFormatter"},
    {"ExposureCatalog", GENERIC},
    {"ExposureF", OBS "fitsExposure.FitsExposureFormatter"},
    {"ExposureI", OBS "fitsExposure.FitsExposureFormatter"},
    {"ExposureSummaryStats", BUTLER "yaml.YamlFormatter"},
    {"FiberSpectrum", GENERIC},
    {"FilterLabel", GENERIC},
    {"FocalPlaneBackground", BUTLER "pickle.PickleFormatter"},
    {"HealSparseMap", "lsst.pipe.tasks.healSparseMapping.HealSparseMapFormatter"},
    {"Image", OBS "fitsExposure.FitsImageFormatter"},
    {"ImageF", OBS "fitsExposure.FitsImageFormatter"},
    {"ImageU", OBS "fitsExposure.FitsImageFormatter"},
    {"ImageV2", IMAGES},
    {"IsrCalib", GENERIC},
    {"Linearizer", GENERIC},
    {"LsstScarletModelData", "lsst.meas.extensions.scarlet.io.ScarletModelFormatter"},
    {"Mask", OBS "fitsExposure.FitsMaskFormatter"},
    {"MaskV2", IMAGES},
    {"MaskX", OBS "fitsExposure.FitsMaskFormatter"},
    {"MaskedImageF", OBS "fitsExposure.FitsMaskedImageFormatter"},
    {"MaskedImageV2", IMAGES},
    {"MatchingKernel", GENERIC},
    {"MetricMeasurementBundle", BUTLER "json.JsonFormatter"},
    {"MetricValue", BUTLER "yaml.YamlFormatter"},
    {"MultipleCellCoadd", "lsst.cell_coadds.CellCoaddFitsFormatter"},
    {"NumpyArray", BUTLER "pickle.PickleFormatter"},
    {"ObjectMaskCatalog", "lsst.pipe.tasks.objectMasks.RegionFileFormatter"},
    {"Packages", BUTLER "packages.PackagesFormatter"},
    {"PeakCatalog", GENERIC},
    {"PhotoCalib", GENERIC},
    {"PhotonTransferCurveDataset", GENERIC},
    {"Plot", BUTLER "matplotlib.MatplotlibFormatter"},
    {"Polygon", GENERIC},
    {"PropertyList", BUTLER "yaml.YamlFormatter"},
    {"PropertySet", BUTLER "yaml.YamlFormatter"},
    {"ProvenanceQuantumGraph", "lsst.pipe.base.quantum_graph.formatter.ProvenanceFormatter"},
    {"Psf", GENERIC},
    {"QECurve", GENERIC},
    {"RegionTimeInfo", BUTLER "json.JsonFormatter"},
    {"ScarletModelData", "lsst.meas.extensions.scarlet.io.ScarletModelFormatter"},
    {"SimpleCatalog", GENERIC},
    {"SkyMap", BUTLER "pickle.PickleFormatter"},
    {"SkyProjection", IMAGES},
    {"SourceCatalog", GENERIC},
    {"Stamps", GENERIC},
    {"StampsBase", GENERIC},
    {"StructuredDataDict", BUTLER "yaml.YamlFormatter"},
    {"StructuredDataList", BUTLER "yaml.YamlFormatter"},
    {"TablePersistable", GENERIC},
    {"TaskMetadata", BUTLER "json.JsonFormatter"},
    {"Timespan", BUTLER "json.JsonFormatter"},
    {"Transform", IMAGES},
    {"TransmissionCurve", GENERIC},
    {"VisitBackgroundModel", BUTLER "json.JsonFormatter"},
    {"VisitGeometry", BUTLER "json.JsonFormatter"},
    {"VisitImage", IMAGES},
    {"VisitInfo", GENERIC},
    {"Wcs", GENERIC},
    {"int", BUTLER "json.JsonFormatter"},
};

static int by_class(const void *name, const void *entry)
{
    return strcmp(name, ((const struct entry *)entry)->class);
}

const char *vb_gen3_formatter(const char *storage_class)
{
    const struct entry *e = bsearch(storage_class, known, VB_COUNT(known), sizeof *known, by_class);

    return e ? e->formatter : NULL;
}

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
