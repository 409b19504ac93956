/* run_options.h - the options with which run and exec say how. */
#ifndef VB_TOOLS_RUN_OPTIONS_H
#define VB_TOOLS_RUN_OPTIONS_H

#include "runner/run/options.h"
#include "tools/cli.h"

extern vb_run_options vb_run_opt;
extern int64_t vb_run_processes;
extern const char *vb_run_durability;

#define VB_OPTIONS_RUN                                                                                                  \
    {"processes", 'j', VB_OPTION_INT, &vb_run_processes, "N", "run so many quanta at a time (default 1)"},              \
        {"fail-fast", 0, VB_OPTION_FLAG, &vb_run_opt.fail_fast, NULL, "start nothing more after the first failure"},    \
        {"durability",   0,                                                                                             \
         VB_OPTION_TEXT, &vb_run_durability,                                                                            \
         "MODE",         "group (default): one sync for all quanta that ended within 200 ms; quantum: each by itself"}, \
        {"keep-scratch",           0,    VB_OPTION_FLAG,                                                                \
         &vb_run_opt.keep_scratch, NULL, "keep working directories of successes too"},                                  \
    {                                                                                                                   \
        "no-progress", 0, VB_OPTION_FLAG, &vb_run_opt.no_progress, NULL, "do not show how far it is"                    \
    }

int vb_run_options_check(vb_error *err);

#endif
