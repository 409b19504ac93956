/* Any bytes are a dimension universe, with which a registry can be made and its dimensions conformed, or are refused.
 */
#include "registry/base/path.h"
#include "registry/sql.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

static void check_element(const vb_universe *u, const vb_element *e)
{
    check(vb_universe_at(u, e->index) == e && *e->name);
    check(vb_dimset_has(e->required, e->index) == e->is_dimension);
    check(!vb_dimset_has(e->implied, e->index));
    check(e->view_of < vb_universe_count(u));
    VB_EACH_DIMENSION(i, vb_dimset_union(e->required, e->implied))
        check(i < vb_universe_count(u) && vb_universe_at(u, i)->is_dimension);
}

static void check_group(vb_universe *u, const vb_group *g)
{
    check(g->nrequired <= VB_MAX_REQUIRED && vb_dimset_within(g->required, g->all));
    check(vb_universe_conform(u, g->required) == g);
    for (int i = 0; i < g->nrequired; i++)
        check(vb_group_position(g, g->dims[i]) == i);
    for (int family = 0; family < vb_universe_spatial_families(u); family++)
        vb_group_spatial(g, family);
    vb_group_relations(g);
}

/* What it was loaded from makes the same universe. */
static void check_json(const vb_universe *u)
{
    vb_auto(vb_universe_free) vb_universe *again = NULL;
    const char *json = vb_universe_json(u);

    check(vb_universe_load_text("again", json, strlen(json), &again, NULL) == 0);
    check(vb_universe_count(again) == vb_universe_count(u) && !strcmp(vb_universe_json(again), json));
    for (int i = 0; i < vb_universe_count(u); i++)
        check(!strcmp(vb_universe_at(again, i)->name, vb_universe_at(u, i)->name));
}

/* Its names become those of tables and columns. */
static void check_registry(const vb_universe *u)
{
    vb_autofree char *path = vb_path_join(fuzz_directory(), "universe.sqlite3");
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_registry_create(path, u, "snapshot", &reg, &err);

    check(unlink(path) == 0);
    check(r == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_universe_load_text("fuzz.yaml", (const char *)data, size, &u, &err);

    if (r < 0) {
        check_refused(r, &err);
        return 0;
    }
    for (int i = 0; i < vb_universe_count(u); i++) {
        check_element(u, vb_universe_at(u, i));
        check_group(u, vb_universe_conform(u, vb_universe_at(u, i)->required));
    }
    check_json(u);
    check_registry(u);
    return 0;
}
