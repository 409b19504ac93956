#include "fs/view/journal.h"

#include "registry/base/mem.h"

#include <string.h>
#include <uthash.h>

struct line {
    vb_journal_entry entry;
    char *key; /* the kind's letter, then the dataset's number or the path */
    UT_hash_handle hh;
};

struct vb_journal {
    struct line *lines; /* by key */
    struct line **order;
    size_t count, cap;
};

vb_journal *vb_journal_new(void)
{
    return VB_NEW(vb_journal);
}

void vb_journal_free(vb_journal *j)
{
    HASH_CLEAR(hh, j->lines);
    for (size_t i = 0; i < j->count; i++) {
        free(j->order[i]->entry.path);
        free(j->order[i]->entry.type);
        free(j->order[i]->entry.dataid);
        free(j->order[i]->key);
        free(j->order[i]);
    }
    free(j->order);
    free(j);
}

vb_journal_entry *vb_journal_touch(vb_journal *j, vb_journal_kind kind, const char *path, int64_t dataset_id,
                                   unsigned touch)
{
    struct line *line;
    char number[32];

    if (!j)
        return NULL;
    snprintf(number, sizeof number, "%lld", (long long)dataset_id);
    vb_autofree char *key = vb_format("%d %s", kind, kind == VB_JOURNAL_DATASET ? number : path);
    HASH_FIND_STR(j->lines, key, line);
    if (!line) {
        line = VB_NEW(struct line);
        line->entry = (vb_journal_entry){.kind = kind, .path = vb_strdup(path), .dataset_id = dataset_id};
        line->key = VB_STEAL(key);
        HASH_ADD_KEYPTR(hh, j->lines, line->key, strlen(line->key), line);
        *VB_PUSH(j->order, j->count, j->cap) = line;
    }
    line->entry.touch |= touch;
    return &line->entry;
}

size_t vb_journal_count(const vb_journal *j)
{
    return j->count;
}

const vb_journal_entry *vb_journal_at(const vb_journal *j, size_t i)
{
    return &j->order[i]->entry;
}

const char *vb_journal_kind_name(vb_journal_kind kind)
{
    static const char *const names[] = {"dataset", "record", "directory", "missing", "file", "scratch"};

    return names[kind];
}

const vb_journal_entry *vb_journal_find_dataset(const vb_journal *j, int64_t dataset_id)
{
    struct line *line;
    char key[48];

    snprintf(key, sizeof key, "%d %lld", VB_JOURNAL_DATASET, (long long)dataset_id);
    HASH_FIND_STR(j->lines, key, line);
    return line ? &line->entry : NULL;
}
