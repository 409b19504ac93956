#include "tools/run_options.h"

#include <string.h>

vb_run_options vb_run_opt;
int64_t vb_run_processes = 1;
const char *vb_run_durability = "group";

int vb_run_options_check(vb_error *err)
{
    if (vb_run_processes < 1 || vb_run_processes > 1000)
        return vb_fail(err, -EINVAL, "--processes must be from 1 to 1000");
    vb_run_opt.processes = (int)vb_run_processes;
    if (strcmp(vb_run_durability, "group") && strcmp(vb_run_durability, "quantum"))
        return vb_fail(err, -EINVAL, "--durability is 'group' or 'quantum', not '%s'", vb_run_durability);
    vb_run_opt.durability = *vb_run_durability == 'g' ? VB_DURABILITY_GROUP : VB_DURABILITY_QUANTUM;
    return 0;
}
