#include "registry/dataid.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <string.h>

void vb_dataid_clear(vb_dataid *id)
{
    for (int i = 0; id->group && i < id->group->nrequired; i++)
        vb_value_clear(&id->values[i]);
    id->group = NULL;
}

vb_dataid vb_dataid_copy(const vb_dataid *id)
{
    vb_dataid copy = {.group = id->group};

    for (int i = 0; id->group && i < id->group->nrequired; i++)
        copy.values[i] = vb_value_copy(&id->values[i]);
    return copy;
}

int vb_dataid_compare(const vb_dataid *a, const vb_dataid *b)
{
    for (int i = 0; i < a->group->nrequired; i++) {
        int order = vb_value_compare(&a->values[i], &b->values[i]);

        if (order)
            return order;
    }
    return 0;
}

bool vb_dataid_equal(const vb_dataid *a, const vb_dataid *b)
{
    return a->group == b->group && !vb_dataid_compare(a, b);
}

const vb_value *vb_dataid_get(const vb_dataid *id, const char *dimension)
{
    for (int i = 0; i < id->group->nrequired; i++)
        if (!strcmp(id->group->dims[i]->name, dimension))
            return &id->values[i];
    return NULL;
}

int vb_dimension_parse(const vb_element *dimension, const char *text, vb_value *out, vb_error *err)
{
    int64_t i;

    if (dimension->keys[0].type != VB_FIELD_INT) {
        if (!*text || !vb_utf8_valid(text, strlen(text)))
            return vb_fail(err, -EINVAL, "%s: must be UTF-8 and not empty", dimension->name);
        *out = vb_value_text(text);
        return 0;
    }
    if (!vb_parse_int(text, &i))
        return vb_fail(err, -EINVAL, "%s: must be an integer, not '%s'", dimension->name, text);
    *out = vb_value_int(i);
    return 0;
}

void vb_dataid_print(const vb_dataid *id, vb_buf *out)
{
    vb_buf_putc(out, '{');
    for (int i = 0; i < id->group->nrequired; i++) {
        vb_buf_printf(out, "%s%s: ", i ? ", " : "", id->group->dims[i]->name);
        vb_value_print(&id->values[i], out);
    }
    vb_buf_putc(out, '}');
}

void vb_dataid_pack(const vb_dataid *id, vb_buf *out)
{
    vb_buf_putc(out, '[');
    for (int i = 0; i < id->group->nrequired; i++) {
        const vb_value *v = &id->values[i];

        if (i)
            vb_buf_putc(out, ',');
        if (v->kind == VB_TEXT)
            vb_buf_json(out, v->text, v->len);
        else
            vb_value_print(v, out);
    }
    vb_buf_putc(out, ']');
}

/* Takes a JSON value as the value of a dimension. */
static int take(const vb_element *dimension, const json_t *json, vb_value *out, vb_error *err)
{
    if (dimension->keys[0].type == VB_FIELD_INT && json_is_integer(json))
        *out = vb_value_int(json_integer_value(json));
    else if (dimension->keys[0].type != VB_FIELD_INT && json_is_string(json))
        *out = vb_value_text(json_string_value(json));
    else
        return vb_fail(err, -EINVAL, "data ID: %s is missing or of the wrong type", dimension->name);
    return 0;
}

/* An integer as vb_dataid_pack() writes it; NULL where it is something else. */
static const char *plain_int(const char *p, vb_value *out)
{
    enum { DIGITS = 18 }; /* more may not fit */
    const char *begin = p += *p == '-';
    int64_t i = 0;

    for (; *p >= '0' && *p <= '9'; p++)
        i = p - begin < DIGITS ? 10 * i + (*p - '0') : i;
    if (p == begin || p - begin > DIGITS || (*begin == '0' && p - begin > 1))
        return NULL;
    *out = vb_value_int(begin[-1] == '-' ? -i : i);
    return p;
}

/* Text in quotes without an escape, in ASCII. */
static const char *plain_text(const char *p, vb_value *out)
{
    const char *begin = p + 1;

    if (*p++ != '"')
        return NULL;
    while (*p != '"' && *p != '\\' && *p >= ' ' && *p <= '~')
        p++;
    if (*p != '"')
        return NULL;
    *out = (vb_value){.kind = VB_TEXT, .len = (size_t)(p - begin), .text = vb_strndup(begin, (size_t)(p - begin))};
    return p + 1;
}

/* Most data IDs are read without a JSON tree.  False: it is not that plain, and *out has nothing. */
static bool unpack_plain(const vb_group *group, const char *p, vb_dataid *out)
{
    *out = (vb_dataid){.group = group};
    p = *p == '[' ? p + 1 : NULL;
    for (int i = 0; p && i < group->nrequired; i++) {
        if (i)
            p = *p == ',' ? p + 1 : "";
        p = (group->dims[i]->keys[0].type == VB_FIELD_INT ? plain_int : plain_text)(p, &out->values[i]);
    }
    if (p && !strcmp(p, "]"))
        return true;
    vb_dataid_clear(out);
    return false;
}

int vb_dataid_unpack(const vb_group *group, const char *packed, vb_dataid *out, vb_error *err)
{
    json_t *array;
    int r = 0;

    if (packed && unpack_plain(group, packed, out))
        return 0;
    array = json_loads(packed, 0, NULL);
    *out = (vb_dataid){.group = group};
    if (!json_is_array(array) || json_array_size(array) != (size_t)group->nrequired)
        r = vb_fail(err, -EINVAL, "data ID %s: not %d values", packed, group->nrequired);
    for (int i = 0; !r && i < group->nrequired; i++)
        r = take(group->dims[i], json_array_get(array, (size_t)i), &out->values[i], err);
    json_decref(array);
    if (r < 0)
        vb_dataid_clear(out);
    return r;
}

json_t *vb_dataid_json(const vb_dataid *id)
{
    json_t *object = json_object();

    for (int i = 0; i < id->group->nrequired; i++)
        json_object_set_new(object, id->group->dims[i]->name, vb_value_json(&id->values[i]));
    return object;
}

int vb_dataid_from_json(const vb_group *group, const json_t *object, vb_dataid *out, vb_error *err)
{
    int r = 0;

    *out = (vb_dataid){.group = group};
    for (int i = 0; !r && i < group->nrequired; i++)
        r = take(group->dims[i], json_object_get(object, group->dims[i]->name), &out->values[i], err);
    if (r < 0)
        vb_dataid_clear(out);
    return r;
}

void vb_dataid_project(const vb_dataid *id, const vb_group *group, vb_dataid *out)
{
    *out = (vb_dataid){.group = group};
    for (int i = 0; i < group->nrequired; i++) {
        const vb_value *v = vb_dataid_get(id, group->dims[i]->name);

        if (v)
            out->values[i] = vb_value_copy(v);
    }
}
