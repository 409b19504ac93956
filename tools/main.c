/* main.c - the program vbutler: a table of commands. */
#include "tools/commands.h"

#include <stddef.h>

static const vb_command *const commands[] = {
    &vb_cmd_associate,
    &vb_cmd_backup,
    &vb_cmd_cache,
    &vb_cmd_certify_calibrations,
    &vb_cmd_collection_chain,
    &vb_cmd_collection_doc,
    &vb_cmd_create,
    &vb_cmd_decertify,
    &vb_cmd_define_visits,
    &vb_cmd_disassociate,
    &vb_cmd_exec,
    &vb_cmd_export,
    &vb_cmd_export_gen3,
    &vb_cmd_fsck,
    &vb_cmd_import,
    &vb_cmd_import_gen3,
    &vb_cmd_ingest_files,
    &vb_cmd_ingest_raws,
    &vb_cmd_lease,
    &vb_cmd_migrate,
    &vb_cmd_mount,
    &vb_cmd_prune_datasets,
    &vb_cmd_qgraph,
    &vb_cmd_query_collections,
    &vb_cmd_query_data_ids,
    &vb_cmd_query_dataset_types,
    &vb_cmd_query_datasets,
    &vb_cmd_query_dimension_records,
    &vb_cmd_register_dataset_type,
    &vb_cmd_register_instrument,
    &vb_cmd_register_skymap,
    &vb_cmd_remove_collections,
    &vb_cmd_remove_dataset_type,
    &vb_cmd_remove_runs,
    &vb_cmd_rename_collection,
    &vb_cmd_report,
    &vb_cmd_retrieve_artifacts,
    &vb_cmd_run,
    &vb_cmd_snapshot,
    &vb_cmd_umount,
    NULL,
};

int main(int argc, char **argv)
{
    return vb_cli_run(commands, argc, argv);
}
