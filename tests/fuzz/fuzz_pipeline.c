/* Any bytes are a pipeline, which is changed, resolved against a registry and written down for a graph, or are refused.
 * A first line "#-c WORDS" is given to --config. */
#include "registry/base/path.h"
#include "runner/pipeline/pipeline.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>

static void check_spec(const vb_graph_spec *spec)
{
    for (size_t t = 0; t < spec->ntasks; t++) {
        const vb_task_spec *task = &spec->tasks[t];
        json_t *definition = json_loads(task->definition, 0, NULL);

        check(task->label && task->group && json_is_object(definition));
        json_decref(definition);
        for (size_t c = 0; c < task->count; c++)
            check(task->connections[c].name && task->connections[c].type.name && task->connections[c].type.group &&
                  task->connections[c].minimum >= 0);
    }
}

static void use(vb_pipeline *p, const char *text)
{
    vb_auto_graph_spec spec = {0};
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    if (!strncmp(text, "#-c ", 4)) {
        vb_autofree char *words = vb_strndup(text + 4, strcspn(text + 4, "\n"));
        vb_auto_error why = VB_ERROR_INIT;

        r = vb_pipeline_override(p, words, &why);
        if (r < 0)
            check_refused(r, &why);
    }
    r = vb_pipeline_resolve(p, fuzz_registry(), &spec, &err);
    if (r < 0)
        check_refused(r, &err);
    else
        check_spec(&spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *path = vb_path_join(fuzz_directory(), "pipeline.yaml");
    vb_autofree char *text = vb_strndup((const char *)data, size);
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    if (strstr(text, "/dev") || strstr(text, "/proc")) /* `files:` could name what never ends */
        return 0;
    check(vb_write_file(AT_FDCWD, path, data, size, 0644, false, NULL) == 0);
    r = vb_pipeline_load(path, &p, &err);
    if (r < 0)
        check_refused(r, &err);
    else
        use(p, text);
    return 0;
}
