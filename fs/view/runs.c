#include "fs/view/runs.h"

#include "fs/view/names.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/provenance.h"

#include <string.h>

/* Whether a run is called `name`, and whether one's name goes on after it. */
static int check(char *const *runs, const char *name, bool *is_run, bool *begins)
{
    size_t n = strlen(name);

    *is_run = *begins = false;
    for (; *runs; runs++) {
        if (strncmp(*runs, name, n))
            continue;
        *is_run = *is_run || !(*runs)[n];
        *begins = *begins || (*runs)[n] == '/';
    }
    return *is_run || *begins;
}

/* The component below `prefix` that `name` spells; one that was cut is looked for among the runs. */
static bool decode(char *const *runs, const char *prefix, const char *name, vb_buf *out)
{
    size_t n = prefix ? strlen(prefix) : 0;

    if (!vb_name_is_cut(name))
        return vb_name_decode(name, out);
    for (; *runs; runs++) {
        const char *component = *runs + n + (n > 0);

        if (strncmp(*runs, prefix ? prefix : "", n) || (n && (*runs)[n] != '/'))
            continue;
        vb_buf_clear(out);
        vb_buf_add(out, component, strcspn(component, "/"));
        if (vb_name_spells(name, vb_buf_text(out), out->len))
            return true;
    }
    return false;
}

int vb_runs_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child, vb_run_lookup_fn *in_run)
{
    const char *prefix = dir->data;
    vb_auto_buf text = {0};
    vb_autofree char *longer = NULL;
    bool is_run, begins;
    char **runs;
    int r = vb_provenance_runs(c->reg, &runs, NULL);

    if (r < 0)
        return r;
    if (decode(runs, prefix, name, &text) && !strchr(vb_buf_text(&text), '/'))
        longer = prefix ? vb_format("%s/%s", prefix, vb_buf_text(&text)) : vb_strdup(vb_buf_text(&text));
    r = -ENOENT;
    if (longer && check(runs, longer, &is_run, &begins)) {
        *child = vb_nodes_path(c->view->nodes, dir, name, dir->class, VB_STEAL(longer));
        r = 0;
    } else if (prefix && check(runs, prefix, &is_run, &begins) && is_run) {
        r = in_run(c, dir, prefix, name, child);
    }
    vb_strv_free(runs);
    return r;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int vb_runs_list(vb_call *c, vb_node *dir, vb_listing *l, vb_run_list_fn *in_run)
{
    const char *prefix = dir->data ? dir->data : "";
    size_t n = strlen(prefix), count = 0;
    bool is_run = false;
    char **runs;
    int r = vb_provenance_runs(c->reg, &runs, NULL);

    /* What is left of `runs` are the components below the prefix; one may come several times. */
    for (char **run = runs; !r && *run; run++) {
        const char *rest = *run + n + (n > 0);
        char *component = NULL;

        if (n && !strcmp(*run, prefix))
            is_run = true;
        else if (!strncmp(*run, prefix, n) && (!n || (*run)[n] == '/'))
            component = vb_strndup(rest, strcspn(rest, "/"));
        free(*run);
        *run = NULL;
        if (component)
            runs[count++] = component;
    }
    qsort(runs, count, sizeof *runs, compare_names);
    for (size_t i = 0; i < count; i++) {
        vb_auto_buf component = {0};

        vb_name_encode(&component, runs[i], strlen(runs[i]));
        if (!i || strcmp(runs[i], runs[i - 1]))
            vb_listing_add(l, vb_buf_text(&component), S_IFDIR, 0);
    }
    if (!r && is_run)
        r = in_run(c, prefix, l);
    for (size_t i = 0; i < count; i++)
        free(runs[i]);
    free(runs);
    l->done = true;
    return r;
}
