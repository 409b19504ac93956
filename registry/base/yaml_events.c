/* yaml_events.c - a document without aliases, straight from libyaml's events.
 *
 * The nodes of a tree that is read once and thrown away lie in one arena: exports have millions, and to allocate and
 * free them one by one would take longer than to read them.  What is open (a list, a map) collects its items on a
 * stack, and gets an array of the right size when it ends. */
#include "registry/base/mem.h"
#include "registry/base/yaml_internal.h"

#include <stdalign.h>
#include <string.h>

enum { FIRST_BLOCK = 1 << 12, MAX_BLOCK = 1 << 18 };

struct vb_yaml_block {
    struct vb_yaml_block *next;
    alignas(max_align_t) char bytes[];
};

static void *take(vb_yaml_arena *a, size_t n)
{
    void *out;

    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!a->blocks || a->used + n > a->size) {
        size_t size = a->size ? 2 * a->size : FIRST_BLOCK;
        struct vb_yaml_block *block;

        size = size > MAX_BLOCK ? MAX_BLOCK : size;
        size = size < n ? n : size;
        block = vb_realloc(NULL, sizeof *block + size, 1);
        block->next = a->blocks;
        *a = (vb_yaml_arena){block, 0, size};
    }
    out = a->blocks->bytes + a->used;
    a->used += n;
    return out;
}

void vb_yaml_arena_free(vb_yaml_arena *arena)
{
    while (arena->blocks) {
        struct vb_yaml_block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
    *arena = (vb_yaml_arena){0};
}

/* A list or a map that has not ended, and where its items begin on the stack. */
struct open {
    vb_yaml_node *node;
    size_t first;
};

struct loading {
    vb_yaml *doc;
    struct open *open;
    vb_yaml_node **stack;
    size_t depth, depth_cap, count, cap;
    size_t nodes;
    vb_error *err;
};

static char *copy_text(struct loading *l, const yaml_char_t *text, size_t n)
{
    char *copy = take(&l->doc->arena, n + 1);

    memcpy(copy, text, n);
    copy[n] = 0;
    return copy;
}

static vb_yaml_node *new_node(struct loading *l, const yaml_event_t *e, vb_yaml_kind kind, const yaml_char_t *tag)
{
    vb_yaml_node *node = take(&l->doc->arena, sizeof *node);
    const char *name = (const char *)tag;

    *node = (vb_yaml_node){.kind = kind,
                           .file = l->doc->name,
                           .line = (int)e->start_mark.line + l->doc->first_line,
                           .column = (int)e->start_mark.column + 1};
    /* "!" says that it is what it looks like; the three standard ones say nothing. */
    if (name && strcmp(name, "!") && strcmp(name, YAML_STR_TAG) && strcmp(name, YAML_SEQ_TAG) &&
        strcmp(name, YAML_MAP_TAG))
        node->tag = copy_text(l, tag, strlen(name));
    return node;
}

static int add(struct loading *l, vb_yaml_node *node)
{
    if (++l->nodes > VB_YAML_MAX_NODES)
        return vb_yaml_fail(l->err, node, "expands to more than %d nodes", VB_YAML_MAX_NODES);
    if (l->depth > VB_YAML_MAX_DEPTH)
        return vb_yaml_fail(l->err, node, "nested more than %d levels deep", VB_YAML_MAX_DEPTH);
    if (l->depth)
        *VB_PUSH(l->stack, l->count, l->cap) = node;
    else
        l->doc->root = node;
    return 0;
}

static int add_scalar(struct loading *l, const yaml_event_t *e)
{
    vb_yaml_node *node = new_node(l, e, VB_YAML_SCALAR, e->data.scalar.tag);

    node->length = e->data.scalar.length;
    node->text = copy_text(l, e->data.scalar.value, node->length);
    node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return add(l, node);
}

static int begin(struct loading *l, vb_yaml_node *node)
{
    int r = add(l, node);

    if (!r)
        *VB_PUSH(l->open, l->depth, l->depth_cap) = (struct open){node, l->count};
    return r;
}

static int end(struct loading *l)
{
    struct open *o = &l->open[--l->depth];
    vb_yaml_node *node = o->node, **items = l->stack + o->first;
    size_t n = l->count - o->first, step = node->kind == VB_YAML_MAP ? 2 : 1;

    node->count = node->cap = n / step;
    node->items = take(&l->doc->arena, (node->count + 1) * sizeof *node->items);
    for (size_t i = 0; i < node->count; i++)
        node->items[i] = (vb_yaml_pair){step == 2 ? items[2 * i] : NULL, items[step * i + step - 1]};
    l->count = o->first;
    return step == 2 ? vb_yaml_check_once(node, l->err) : 0;
}

/* 1: the document has ended, or has an alias, and *alias is set. */
static int take_event(struct loading *l, const yaml_event_t *e, bool *alias)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return add_scalar(l, e);
    case YAML_SEQUENCE_START_EVENT: return begin(l, new_node(l, e, VB_YAML_LIST, e->data.sequence_start.tag));
    case YAML_MAPPING_START_EVENT: return begin(l, new_node(l, e, VB_YAML_MAP, e->data.mapping_start.tag));
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return end(l);
    case YAML_ALIAS_EVENT: *alias = true; return 1;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT: return 1;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT: break;
    }
    return 0;
}

static int load(struct loading *l, yaml_parser_t *parser, bool *alias)
{
    int r = 0;

    while (!r) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return vb_yaml_refuse(l->doc, parser, l->err);
        r = take_event(l, &event, alias);
        yaml_event_delete(&event);
    }
    return r < 0 ? r : 0;
}

int vb_yaml_load_events(vb_yaml *doc, const char *text, size_t n, vb_error *err)
{
    struct loading l = {.doc = doc, .err = err};
    yaml_parser_t parser;
    bool alias = false;
    int r;

    if (!yaml_parser_initialize(&parser))
        return vb_fail(err, -ENOMEM, "%s: starting the YAML parser", doc->name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    r = load(&l, &parser, &alias);
    yaml_parser_delete(&parser);
    free(l.open);
    free(l.stack);
    if (alias) {
        vb_yaml_arena_free(&doc->arena);
        doc->root = NULL;
    }
    return r < 0 ? r : alias;
}
