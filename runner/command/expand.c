#include "runner/command/expand.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/record.h"
#include "runner/command/template.h"

#include <math.h>
#include <string.h>

/* Arguments in the making. */
struct words {
    char **items;
    size_t count, cap;
};

static void add_word(struct words *w, const char *text)
{
    *VB_PUSH(w->items, w->count, w->cap) = vb_strdup(text);
}

/* The paths of a connection's datasets, in the order of their data IDs; of one that is in several files, all. */
static size_t names_of(const vb_expansion *e, const vb_template_part *part, struct words *out)
{
    bool output = part->kind == VB_PART_OUT;
    size_t n = output ? e->quantum->noutputs : e->quantum->ninputs;
    const vb_edge *edges = output ? e->quantum->outputs : e->quantum->inputs;
    char *const *names = output ? e->output_names : e->input_names;

    for (size_t i = 0; i < n; i++) {
        if (!names[i] || strcmp(edges[i].connection->name, part->name))
            continue;
        add_word(out, names[i]);
        for (char **more = output || !e->more_names ? NULL : e->more_names[i]; more && *more; more++)
            add_word(out, *more);
    }
    return out->count;
}

static void clear_words(struct words *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->items[i]);
    free(w->items);
    *w = (struct words){0};
}
#define auto_words __attribute__((cleanup(clear_words))) struct words

/* CONNECTION.list in work/, a line a dataset. */
static int write_list(const vb_expansion *e, const vb_template_part *part, const struct words *names, vb_buf *out,
                      vb_error *err)
{
    vb_autofree char *file = vb_format("%s.list", part->name);
    vb_auto_buf text = {0};

    for (size_t i = 0; i < names->count; i++)
        vb_buf_printf(&text, "%s\n", names->items[i]);
    vb_buf_puts(out, file);
    return vb_write_file(e->work, file, vb_buf_text(&text), text.len, 0644, false, err);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void add_json(const json_t *value, vb_buf *out)
{
    char *text;

    if (json_is_string(value)) {
        vb_buf_puts(out, json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    vb_buf_puts(out, text ? text : "");
    free(text);
}

/* The data ID with its implied dimensions: values that records tell (a visit's band). */
static int dimension_value(const vb_expansion *e, const vb_element *dimension, vb_value *out, vb_error *err)
{
    const vb_universe *u = vb_registry_universe(e->graph->reg);
    const vb_value *own = vb_dataid_get(&e->quantum->dataid, dimension->name);

    if (own) {
        *out = vb_value_copy(own);
        return 0;
    }
    VB_EACH_DIMENSION(i, e->quantum->dataid.group->all) {
        const vb_element *from = vb_universe_at(u, i);
        vb_auto_record record = {0};
        vb_dataid key = {.group = vb_universe_conform(vb_registry_universe(e->graph->reg), from->required)};
        int r = 0;

        if (!vb_dimset_has(from->implied, dimension->index))
            continue;
        for (int k = 0; !r && k < key.group->nrequired; k++)
            r = dimension_value(e, key.group->dims[k], &key.values[k], err);
        if (!r)
            r = vb_record_find(e->graph->reg, from, &key, &record, err);
        vb_dataid_clear(&key);
        if (r > 0) {
            *out = vb_value_copy(vb_record_value(&record, dimension->name));
            return 0;
        }
        if (r < 0)
            return r;
    }
    return vb_fail(err, -ENOENT, "no record tells '%s'", dimension->name);
}

static int find_record(const vb_expansion *e, const vb_element *element, vb_record *out, vb_error *err)
{
    vb_auto_dataid key = {.group = vb_universe_conform(vb_registry_universe(e->graph->reg), element->required)};
    int r = 0;

    for (int i = 0; !r && i < key.group->nrequired; i++)
        r = dimension_value(e, key.group->dims[i], &key.values[i], err);
    if (!r)
        r = vb_record_find(e->graph->reg, element, &key, out, err);
    return r > 0 ? 0 : r < 0 ? r : vb_fail(err, -ENOENT, "no record of '%s'", element->name);
}

/* ra or dec of the centre of an element's region, with enough digits for a milliarcsecond. */
static int add_center(const vb_record *record, const char *field, vb_buf *out, vb_error *err)
{
    const vb_value *bytes = vb_record_value(record, "region");
    vb_auto_region region = {0};
    double ra, dec;
    int r = bytes && bytes->kind == VB_BYTES ? vb_region_decode(bytes->bytes, bytes->len, &region, err)
                                             : vb_fail(err, -ENOENT, "'%s' has no region", record->element->name);

    if (r < 0)
        return r;
    vb_vec3_to_degrees(vb_region_center(&region), &ra, &dec);
    vb_buf_printf(out, "%.8f", !strcmp(field, "ra") ? ra : dec);
    return 0;
}

static int add_element(const vb_expansion *e, const vb_template_part *part, vb_buf *out, vb_error *err)
{
    const vb_element *element = vb_universe_find(vb_registry_universe(e->graph->reg), part->name);
    vb_auto_value value = {0};
    vb_auto_record record = {0};
    int r;

    if (!element)
        return vb_fail(err, -EINVAL, "no dimension '%s'", part->name);
    if (!part->field || (element->nkeys && !strcmp(part->field, element->keys[0].name))) {
        r = dimension_value(e, element, &value, err);
        if (!r)
            vb_value_print(&value, out);
        return r;
    }
    r = find_record(e, element, &record, err);
    if (r < 0)
        return r;
    if (element->spatial >= 0 && (!strcmp(part->field, "ra") || !strcmp(part->field, "dec")))
        return add_center(&record, part->field, out, err);
    if (!vb_record_value(&record, part->field))
        return vb_fail(err, -EINVAL, "'%s' has no field '%s'", part->name, part->field);
    vb_value_print(vb_record_value(&record, part->field), out);
    return 0;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* One part of a word that stays one word.  *empty is set where a connection has no dataset. */
static int add_part(const vb_expansion *e, const vb_template_part *part, vb_buf *out, bool *empty, vb_error *err)
{
    auto_words names = {0};

    switch (part->kind) {
    case VB_PART_LITERAL: vb_buf_puts(out, part->name); return 0;
    case VB_PART_LABEL: vb_buf_puts(out, e->quantum->task->label); return 0;
    case VB_PART_CPUS: vb_buf_printf(out, "%d", e->cpus); return 0;
    case VB_PART_RUN: vb_buf_puts(out, e->graph->run); return 0;
    case VB_PART_CONFIG: add_json(json_object_get(json_object_get(e->definition, "config"), part->name), out); return 0;
    case VB_PART_ELEMENT: return add_element(e, part, out, err);
    case VB_PART_IN:
    case VB_PART_OUT: break;
    }
    if (!names_of(e, part, &names))
        *empty = true;
    if (part->modifier == '@')
        return write_list(e, part, &names, out, err);
    if (!part->modifier && names.count > 1 && part->kind == VB_PART_OUT)
        return vb_fail(err, -EINVAL, "{out.%s} stands for %zu files inside one word: use it as a word of its own",
                       part->name, names.count);
    if (!part->modifier && names.count > 1)
        return vb_fail(err, -EINVAL,
                       "{in.%s} stands for %zu files inside one word: use it as a word of its own, or {in.%s:,}",
                       part->name, names.count, part->name);
    for (size_t i = 0; i < names.count; i++)
        vb_buf_printf(out, "%s%s", i ? "," : "", names.items[i]);
    return 0;
}

/* A word: several arguments where it is just {in.X}, else one. */
static int expand_word(const vb_expansion *e, const char *word, struct words *out, bool *empty, vb_error *err)
{
    vb_auto_template t = {0};
    vb_auto_buf text = {0};
    int r = vb_template_parse(word, &t, err);

    if (r < 0)
        return r;
    if (t.count == 1 && (t.parts[0].kind == VB_PART_IN || t.parts[0].kind == VB_PART_OUT) && !t.parts[0].modifier) {
        size_t before = out->count;

        names_of(e, &t.parts[0], out);
        *empty = *empty || out->count == before;
        return 0;
    }
    for (size_t i = 0; !r && i < t.count; i++)
        r = add_part(e, &t.parts[i], &text, empty, err);
    if (!r)
        add_word(out, vb_buf_text(&text));
    return r;
}

/* A graph is a file, and so may say anything. */
static int no_list(const vb_expansion *e, vb_error *err)
{
    return vb_fail(err, -EINVAL, "the command of task '%s' is no list of words", e->quantum->task->label);
}

static int expand_list(const vb_expansion *e, const json_t *list, bool outermost, struct words *out, vb_error *err)
{
    size_t before = out->count;
    bool empty = false;
    const json_t *item;
    size_t i;
    int r = 0;

    if (list && !json_is_array(list))
        return no_list(e, err);
    json_array_foreach(list, i, item) {
        if (!r && json_is_string(item))
            r = expand_word(e, json_string_value(item), out, &empty, err);
        else if (!r)
            r = expand_list(e, item, false, out, err);
    }
    while (!r && empty && !outermost && out->count > before) /* the option vanishes with its value */
        free(out->items[--out->count]);
    return r;
}

int vb_expand_command(const vb_expansion *e, char ***argv, vb_error *err)
{
    auto_words words = {0};
    int r = expand_list(e, json_object_get(e->definition, "command"), true, &words, err);

    if (!r && !words.count)
        r = vb_fail(err, -EINVAL, "the command is empty");
    if (r < 0)
        return r;
    *VB_PUSH(words.items, words.count, words.cap) = NULL;
    *argv = words.items;
    words = (struct words){0};
    return 0;
}
