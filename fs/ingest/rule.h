/* rule.h - one rule: how a value comes from the cards of a header (docs/instruments.md).
 *
 * Rules do not change once loaded, and may be used by several threads. */
#ifndef VB_FS_INGEST_RULE_H
#define VB_FS_INGEST_RULE_H

#include "fs/ingest/header.h"
#include "fs/ingest/pattern.h"
#include "registry/base/yaml.h"
#include "registry/value.h"

#include <stddef.h>

/* How a card's text is read. */
typedef enum vb_rule_as {
    VB_AS_TEXT,    /* as it stands */
    VB_AS_DEGREES, /* "-12:20:09.6" or a number */
    VB_AS_HOURS,   /* the same in hours, times 15 */
    VB_AS_MJD,     /* modified Julian date */
} vb_rule_as;

/* One way to a value. */
typedef struct vb_rule {
    char **cards; /* the first of these that the header has ... */
    char *text;   /* ... or this text, with cards in braces */
    vb_pattern pattern;
    char *replace;     /* NULL: the text that matched stays whole */
    char **from, **to; /* map; each ends in NULL */
    vb_rule_as as;
    bool scaled;
    double scale, offset;
} vb_rule;

/* Ways to one value; the first that gives one counts. */
typedef struct vb_ways {
    vb_rule *rules;
    size_t count;
} vb_ways;

/* Reads a rule, or a list of rules; nothing where the node is NULL.  What is read so far is to be cleared on
 * failure too. */
int vb_ways_load(const vb_yaml_node *node, vb_ways *out, vb_error *err);
void vb_ways_clear(vb_ways *ways);

/* What the ways make of a header: 1 and *out (text, or a number where the rule makes one), 0 where no way
 * gives a value; -EINVAL and a sentence where a card has a value that its rule cannot read. */
int vb_ways_value(const vb_ways *ways, const vb_header *header, vb_value *out, vb_error *err);

/* An integer, where that is what a value of a rule is. */
bool vb_value_integer(const vb_value *value, int64_t *out);

/* Cards, each with a pattern for its value. */
typedef struct vb_card_pattern {
    char *card;
    vb_pattern pattern;
} vb_card_pattern;

typedef struct vb_card_patterns {
    vb_card_pattern *items;
    size_t count, cap;
} vb_card_patterns;

int vb_card_patterns_load(const vb_yaml_node *map, vb_card_patterns *out, vb_error *err);
void vb_card_patterns_clear(vb_card_patterns *p);

/* All hold; one holds.  A card that is not there does not match. */
bool vb_card_patterns_all(const vb_card_patterns *p, const vb_header *header);
bool vb_card_patterns_any(const vb_card_patterns *p, const vb_header *header);

/* A pattern from a node that must be text. */
int vb_pattern_load(const vb_yaml_node *node, vb_pattern *out, vb_error *err);

#endif
