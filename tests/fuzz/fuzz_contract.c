/* Any UTF-8 text is a contract: it holds, it does not, or it cannot be evaluated; and nothing else happens. */
#include "runner/pipeline/internal.h"
#include "tests/fuzz/fuzz.h"

#include "registry/base/text.h"

/* A pipeline with task `a`, its values and parameters; the contract is the caller's. */
static vb_pipeline *make_pipeline(const char *contract)
{
    vb_pipeline *p = VB_NEW(vb_pipeline);
    static vb_yaml_node node = {.file = "fuzz.yaml", .line = 1, .column = 1};
    struct pipeline_task *task = VB_PUSH(p->tasks, p->count, p->cap);
    struct pipeline_contract *c = VB_PUSH(p->contracts, p->ncontracts, p->contracts_cap);

    task->label = vb_strdup("a");
    task->kept = true;
    task->node = &node;
    vb_pipeline_set(&task->config, "n", json_integer(3));
    vb_pipeline_set(&task->config, "x", json_real(1e308));
    vb_pipeline_set(&task->config, "s", json_string("text"));
    vb_pipeline_set(&task->config, "list", json_pack("[i, s, n]", 3, "text"));
    vb_pipeline_set(&task->config, "p", json_string("parameters.y"));
    vb_pipeline_set(&p->parameters, "y", json_true());
    c->text = vb_strdup(contract);
    c->node = &node;
    p->doc = NULL;
    return p;
}

static void free_pipeline(vb_pipeline *p)
{
    vb_auto(vb_yaml_free) vb_yaml *empty = NULL;

    check(vb_yaml_load("fuzz.yaml", "", 0, &empty, NULL) == 0);
    p->doc = VB_STEAL(empty);
    vb_pipeline_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *text = vb_strndup((const char *)data, size);
    vb_auto_error err = VB_ERROR_INIT;
    vb_pipeline *p;
    int r;

    if (!vb_utf8_valid(text, strlen(text))) /* YAML sees to that */
        return 0;
    p = make_pipeline(text);
    r = vb_pipeline_check_contracts(p, &err);
    if (r < 0) {
        check_refused(r, &err);
        check(!p->unevaluated);
    } else {
        check(vb_strv_count(p->unevaluated) <= 1);
    }
    free_pipeline(p);
    return 0;
}
