/* query_options.h - the options and the frame of the query commands: Rubin's `butler query-...`. */
#ifndef VB_TOOLS_QUERY_OPTIONS_H
#define VB_TOOLS_QUERY_OPTIONS_H

#include "registry/query/print.h"
#include "registry/repo.h"
#include "tools/cli.h"

typedef struct vb_query_options {
    vb_query query;
    char **binds, **tables;
    const char *format;
    bool explain, why_empty;
} vb_query_options;

extern vb_query_options vb_query_opt;

/* Rows of an option table, for commands to include. */
#define VB_OPTIONS_SELECTION                                                                                         \
    {"collections",  0,                                                                                              \
     VB_OPTION_LIST, &vb_query_opt.query.collections,                                                                \
     "COLL,...",     "collections to search, in this order; names or globs (all)"},                                  \
        {"where", 0, VB_OPTION_TEXT, &vb_query_opt.query.where, "WHERE", "select by an expression: visit > 100"},    \
        {"bind",           0,                                                                                        \
         VB_OPTION_REPEAT, &vb_query_opt.binds,                                                                      \
         "NAME=VALUE",     "a value for :NAME in --where; may be given again"},                                      \
        {"data-id-table",      0,      VB_OPTION_REPEAT,                                                             \
         &vb_query_opt.tables, "FILE", "select the data IDs of a CSV table; may be given again"},                    \
        {"order-by",     0,                                                                                          \
         VB_OPTION_LIST, &vb_query_opt.query.order_by,                                                               \
         "KEY,...",      "sort by dimensions and fields: visit,-visit.exposure_time"},                               \
        {"limit", 0, VB_OPTION_INT, &vb_query_opt.query.limit, "N", "at most so many rows (all)"},                   \
        {"offset", 0, VB_OPTION_INT, &vb_query_opt.query.offset, "N", "leave out so many rows first"},               \
        VB_OPTION_FORMAT(&vb_query_opt.format),                                                                      \
        {"explain", 0, VB_OPTION_FLAG, &vb_query_opt.explain, NULL, "print the SQL and its plan, and not the rows"}, \
    {                                                                                                                \
        "why-empty", 0, VB_OPTION_FLAG, &vb_query_opt.why_empty, NULL,                                               \
            "where nothing is found, say which constraint leaves nothing"                                            \
    }

/* An open repository (or a graph file), and where rows go. */
typedef struct vb_query_session {
    vb_repo *repo; /* NULL: a snapshot or a graph */
    char *root;    /* of that: the repository that has its artifacts; NULL: not known */
    vb_registry *reg;
    vb_grid *grid;
    vb_binds binds;
    int64_t rows; /* printed */
    bool blank;   /* an empty line before each table, and one at the end */
} vb_query_session;

/* Opens a repository or a graph file for reading, and prepares vb_query_opt.query; `left`: cells stand to the left.
 * Returns an exit status; the session is closed whatever it is. */
int vb_query_session_open(vb_query_session *s, const char *path, bool left, vb_error *err);
void vb_query_session_close(vb_query_session *s);
#define vb_auto_query_session __attribute__((cleanup(vb_query_session_close))) vb_query_session

/* Prints a result, or its plan, and closes it. */
int vb_query_session_print(vb_query_session *s, vb_result *result, vb_error *err);

/* After the last: where no row was printed, says so on stderr, and why if it is known or asked. */
int vb_query_session_end(vb_query_session *s, const vb_dataset_type *type, const vb_group *group,
                         const vb_element *element, const char *reason, vb_error *err);

#endif
