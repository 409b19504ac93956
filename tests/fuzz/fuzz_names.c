/* Any text has one spelling as a component, which is read back; any component is the spelling of one text, or of none.
 */
#include "fs/view/names.h"
#include "tests/fuzz/fuzz.h"

static bool is_name(const char *component)
{
    return strlen(component) <= VB_NAME_MAX && !strchr(component, '/') && strcmp(component, ".") != 0 &&
           strcmp(component, "..") != 0;
}

static void check_text(const char *text, size_t n)
{
    vb_auto_buf component = {0}, again = {0};

    vb_name_encode(&component, text, n);
    check(is_name(vb_buf_text(&component)));
    if (vb_name_is_cut(vb_buf_text(&component)) || memchr(text, 0, n)) {
        check(!vb_name_decode(vb_buf_text(&component), &again));
        if (!memchr(text, 0, n)) {
            check(vb_name_head(vb_buf_text(&component), 0, &again) && again.len < n &&
                  !memcmp(again.data, text, again.len));
            check(vb_name_spells(vb_buf_text(&component), text, n));
        }
        return;
    }
    check(vb_name_decode(vb_buf_text(&component), &again));
    check(again.len == n && (!n || !memcmp(again.data, text, n)));
}

static void check_component(const char *component)
{
    vb_auto_buf text = {0}, again = {0}, key = {0}, value = {0};

    if (vb_name_decode(component, &text)) {
        check(is_name(component));
        vb_name_encode(&again, vb_buf_text(&text), text.len);
        check(!strcmp(vb_buf_text(&again), component));
    }
    if (vb_name_split_facet(component, &key, &value))
        check(key.len + 1 + value.len == strlen(component) && !strchr(vb_buf_text(&key), '='));
}

/* A data ID with the text as its value: each of its names is a plain one. */
static void check_dataid(const char *text)
{
    static char *const names[] = {(char *)"physical_filter", (char *)"detector", NULL};
    vb_auto_dataid id = {0};
    vb_dataset_type type = {.name = (char *)"raw"};
    vb_auto_buf component = {0}, file = {0}, path = {0};

    check(vb_universe_conform_names(vb_registry_universe(fuzz_registry()), names, &type.group, NULL) == 0);
    id.group = type.group;
    id.values[0] = vb_value_text(text);
    id.values[1] = vb_value_int((int64_t)strlen(text));
    id.values[2] = vb_value_text(text);
    vb_name_dataid(&component, &id);
    vb_name_file(&file, &type, &id, ".fits");
    vb_name_artifact(&path, "run", &type, &id, ".fits", 2);
    check(is_name(vb_buf_text(&component)) && is_name(vb_buf_text(&file)));
    check(!strstr(vb_buf_text(&path), "//") && !strstr(vb_buf_text(&path), "/./"));
    check(!strstr(vb_buf_text(&path), "/../") && !strstr(vb_buf_text(&path), "/.vbutler/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *text = vb_strndup((const char *)data, size);

    check_text((const char *)data, size);
    check_component(text);
    check_dataid(text);
    return 0;
}
