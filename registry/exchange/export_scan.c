/* export_scan.c - where the entries of an export file are, told by the indentation of its lines.
 *
 *     data:                      the head ends
 *     - type: dataset            an entry begins, at the indentation of the first dash
 *       dataset_type: bias       its own keys, at the indentation of the first
 *       records:                 its list begins: a key of these, with nothing behind it
 *       - dataset_id:            an item, at the indentation of the first dash of the list
 *         - ...                  whatever is indented more belongs to it
 *
 * Nothing else is asked of the text.  Where a line does not fit, or an anchor could lead from one entry to another, the
 * file counts as irregular. */
#include "registry/base/mem.h"
#include "registry/exchange/export_internal.h"

#include <stdlib.h>
#include <string.h>

struct line {
    const char *text; /* from its first character that is no space */
    int indent;
    bool blank, dash;
    int64_t offset;
    int number;
};

struct scan {
    vb_export_index *out;
    vb_export_place *entry;
    bool in_data;
    int indent, key_indent, list_indent; /* -1: not seen yet */
    bool in_list;
    size_t items; /* in the last piece */
};

static void look(const char *text, struct line *l)
{
    l->indent = (int)strspn(text, " ");
    l->text = text + l->indent;
    l->blank = !l->text[strspn(l->text, "\r\n")] || *l->text == '#';
    l->dash = *l->text == '-' && (!l->text[1] || strchr(" \r\n", l->text[1]));
}

static bool ends(const char *rest)
{
    rest += strspn(rest, " ");
    return !*rest || strchr("\r\n#", *rest);
}

static bool is_list_key(const char *text)
{
    static const char *const keys[] = {"records:", "dataset_ids:", "validity_ranges:"};

    for (size_t i = 0; i < VB_COUNT(keys); i++)
        if (!strncmp(text, keys[i], strlen(keys[i])))
            return ends(text + strlen(keys[i]));
    return false;
}

/* An anchor or an alias: what stands behind a key or a dash begins with & or *. */
static bool refers(const char *text)
{
    for (const char *p = text; (p = strpbrk(p, "&*")); p++)
        if (p == text || (p - text >= 2 && p[-1] == ' ' && strchr(":- ", p[-2])))
            return true;
    return false;
}

/* The span up to this line; what is blank belongs to it. */
static void end_span(vb_export_span *span, int64_t offset)
{
    span->length = (size_t)(offset - span->begin);
}

static void end_entry(struct scan *s, int64_t offset)
{
    if (!s->entry)
        return;
    if (s->in_list && s->entry->count)
        end_span(&s->entry->pieces[s->entry->count - 1], offset);
    else if (!s->in_list)
        end_span(&s->entry->own, offset);
}

static void begin_entry(struct scan *s, const struct line *l)
{
    const char *key = l->text + 1 + strspn(l->text + 1, " ");

    end_entry(s, l->offset);
    s->entry = VB_PUSH(s->out->places, s->out->count, s->out->cap);
    s->entry->own = (vb_export_span){.begin = l->offset, .line = l->number};
    s->in_list = false;
    s->key_indent = ends(key) ? -1 : l->indent + (int)(key - l->text);
    s->list_indent = -1;
}

static bool take_item(struct scan *s, const struct line *l)
{
    if (s->list_indent < 0) {
        if (!l->dash || l->indent < s->key_indent)
            return false;
        s->list_indent = l->indent;
        s->items = VB_EXPORT_PIECE;
    }
    if (l->indent > s->list_indent)
        return true;
    if (l->indent < s->list_indent || !l->dash)
        return false;
    if (s->items == VB_EXPORT_PIECE) {
        if (s->entry->count)
            end_span(&s->entry->pieces[s->entry->count - 1], l->offset);
        *VB_PUSH(s->entry->pieces, s->entry->count, s->entry->cap) = (vb_export_span){.begin = l->offset,
                                                                                      .line = l->number};
        s->items = 0;
    }
    s->items++;
    return true;
}

/* A line below `data`; false where it does not fit. */
static bool take(struct scan *s, const struct line *l)
{
    if (s->indent < 0 && l->dash)
        s->indent = l->indent;
    if (l->dash && l->indent == s->indent) {
        begin_entry(s, l);
        return true;
    }
    if (!s->entry || l->indent <= s->indent)
        return false;
    if (s->key_indent < 0)
        s->key_indent = l->indent;
    if (s->in_list)
        return take_item(s, l);
    if (l->indent == s->key_indent && is_list_key(l->text)) {
        end_entry(s, l->offset);
        s->in_list = true;
    }
    return true;
}

static bool take_head(struct scan *s, const struct line *l)
{
    if (l->indent || strncmp(l->text, "data:", 5))
        return true;
    end_span(&s->out->head, l->offset);
    s->in_data = true;
    return ends(l->text + 5);
}

int vb_export_scan(FILE *file, vb_export_index *out, vb_error *err)
{
    struct scan s = {.out = out, .indent = -1, .key_indent = -1, .list_indent = -1};
    vb_autofree char *text = NULL;
    size_t cap = 0;
    struct line l = {.number = 1};
    bool fits = true;
    ssize_t n;

    out->head = (vb_export_span){.line = 1};
    while (fits && (n = getline(&text, &cap, file)) > 0) {
        look(text, &l);
        if (strlen(text) != (size_t)n || *l.text == '\t' || (!l.blank && refers(l.text)))
            fits = false;
        else if (!l.blank)
            fits = !s.in_data ? take_head(&s, &l) : take(&s, &l);
        l.offset += n;
        l.number++;
    }
    if (ferror(file))
        return vb_fail_errno(err, -EIO, "reading");
    end_entry(&s, l.offset);
    out->regular = fits && s.in_data;
    return 0;
}

void vb_export_index_clear(vb_export_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        free(index->places[i].pieces);
    free(index->places);
    *index = (vb_export_index){0};
}
