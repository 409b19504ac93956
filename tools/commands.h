/* commands.h - the commands of vbutler, one a file. */
#ifndef VB_TOOLS_COMMANDS_H
#define VB_TOOLS_COMMANDS_H

#include "tools/cli.h"

extern const vb_command vb_cmd_associate;
extern const vb_command vb_cmd_backup;
extern const vb_command vb_cmd_cache;
extern const vb_command vb_cmd_certify_calibrations;
extern const vb_command vb_cmd_collection_chain;
extern const vb_command vb_cmd_collection_doc;
extern const vb_command vb_cmd_create;
extern const vb_command vb_cmd_decertify;
extern const vb_command vb_cmd_define_visits;
extern const vb_command vb_cmd_disassociate;
extern const vb_command vb_cmd_exec;
extern const vb_command vb_cmd_export;
extern const vb_command vb_cmd_export_gen3;
extern const vb_command vb_cmd_fsck;
extern const vb_command vb_cmd_import;
extern const vb_command vb_cmd_import_gen3;
extern const vb_command vb_cmd_ingest_files;
extern const vb_command vb_cmd_ingest_raws;
extern const vb_command vb_cmd_lease;
extern const vb_command vb_cmd_migrate;
extern const vb_command vb_cmd_mount;
extern const vb_command vb_cmd_prune_datasets;
extern const vb_command vb_cmd_qgraph;
extern const vb_command vb_cmd_query_collections;
extern const vb_command vb_cmd_query_data_ids;
extern const vb_command vb_cmd_query_dataset_types;
extern const vb_command vb_cmd_query_datasets;
extern const vb_command vb_cmd_query_dimension_records;
extern const vb_command vb_cmd_register_dataset_type;
extern const vb_command vb_cmd_register_instrument;
extern const vb_command vb_cmd_register_skymap;
extern const vb_command vb_cmd_remove_collections;
extern const vb_command vb_cmd_remove_dataset_type;
extern const vb_command vb_cmd_remove_runs;
extern const vb_command vb_cmd_rename_collection;
extern const vb_command vb_cmd_report;
extern const vb_command vb_cmd_retrieve_artifacts;
extern const vb_command vb_cmd_run;
extern const vb_command vb_cmd_snapshot;
extern const vb_command vb_cmd_umount;

#endif
