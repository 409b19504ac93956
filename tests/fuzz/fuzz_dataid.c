/* The first byte chooses dimensions, the rest is a packed data ID of them, a JSON object, or the text of a value: each
 * comes out as it went in, or is refused. */
#include "registry/dataid.h"
#include "tests/fuzz/fuzz.h"

static const vb_group *group_of(vb_universe *u, uint8_t choice)
{
    static char *const names[][4] = {{NULL},
                                     {(char *)"instrument", NULL},
                                     {(char *)"detector", (char *)"visit", NULL},
                                     {(char *)"patch", (char *)"band", NULL},
                                     {(char *)"htm7", (char *)"subfilter", NULL},
                                     {(char *)"visit", (char *)"tract", (char *)"physical_filter", NULL}};
    const vb_group *group;

    check(vb_universe_conform_names(u, names[choice % VB_COUNT(names)], &group, NULL) == 0);
    return group;
}

static void check_dataid(const vb_dataid *id)
{
    vb_auto_buf packed = {0}, text = {0};
    vb_auto_dataid again = {0}, from_json = {0};
    json_t *json = vb_dataid_json(id);

    vb_dataid_pack(id, &packed);
    vb_dataid_print(id, &text);
    check(vb_dataid_unpack(id->group, vb_buf_text(&packed), &again, NULL) == 0 && vb_dataid_equal(id, &again));
    check(vb_dataid_from_json(id->group, json, &from_json, NULL) == 0 && !vb_dataid_compare(id, &from_json));
    json_decref(json);
}

static void check_values(const vb_group *group, const char *text)
{
    for (int i = 0; i < group->nrequired; i++) {
        vb_auto_value value = {0};
        vb_auto_buf printed = {0};
        vb_auto_error err = VB_ERROR_INIT;
        int r = vb_dimension_parse(group->dims[i], text, &value, &err);

        if (r < 0) {
            check_refused(r, &err);
            continue;
        }
        vb_value_print(&value, &printed);
        check(value.kind != VB_TEXT || !strcmp(vb_buf_text(&printed), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const vb_group *group = group_of(vb_registry_universe(fuzz_registry()), size ? *data : 0);
    vb_autofree char *text = size ? vb_strndup((const char *)data + 1, size - 1) : vb_strdup("");
    json_t *json = json_loads(text, 0, NULL);
    vb_auto_dataid id = {0}, from_json = {0};
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_dataid_unpack(group, text, &id, &err);

    if (!r)
        check_dataid(&id);
    else
        check_refused(r, &err);
    if (json_is_object(json) && !vb_dataid_from_json(group, json, &from_json, NULL))
        check_dataid(&from_json);
    json_decref(json);
    check_values(group, text);
    return 0;
}
