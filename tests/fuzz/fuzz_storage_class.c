/* Any bytes are read as `storageClasses` of a vbutler.yaml and refused in a sentence, or they are storage classes; and
 * any text is TYPE.COMPONENT, both of which are names, or it is not. */
#include "registry/component.h"
#include "registry/storage_class.h"
#include "tests/fuzz/fuzz.h"

static void check_classes(const char *text, size_t n)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    if (vb_yaml_load("fuzz.yaml", text, n, &doc, NULL) < 0)
        return;
    if (vb_storage_classes_check(vb_yaml_root(doc), &err) < 0)
        check(err.message != NULL);
}

static void check_name(const char *text)
{
    char *type = NULL, *component = NULL;

    if (!vb_component_split(text, &type, &component)) {
        check(!type && !component);
        return;
    }
    check(*type && !strchr(type, '.') && !vb_component_check_name(component, NULL));
    check(strlen(type) + 1 + strlen(component) == strlen(text));
    free(type);
    free(component);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *text = vb_strndup((const char *)data, size);

    check_classes((const char *)data, size);
    check_name(text);
    return 0;
}
