/* cli.h - commands and their options, as tables: what is parsed is what --help prints.
 *
 * A command is one `vb_command` in a file of its own (cmd_NAME.c).  Options fill variables of that file. */
#ifndef VB_TOOLS_CLI_H
#define VB_TOOLS_CLI_H

#include "registry/base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum vb_option_kind {
    VB_OPTION_FLAG,    /* bool *: set to true */
    VB_OPTION_NO_FLAG, /* bool *: set to false (--no-...) */
    VB_OPTION_TEXT,    /* const char ** */
    VB_OPTION_LIST,    /* char ***: split at commas, may be given again */
    VB_OPTION_REPEAT,  /* char ***: taken whole, may be given again */
    VB_OPTION_INT,     /* int64_t * */
} vb_option_kind;

typedef struct vb_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    vb_option_kind kind;
    void *target;
    const char *argument; /* what --help calls its value */
    const char *help;
} vb_option;

enum { VB_EXIT_OK = 0, VB_EXIT_FAILED = 1, VB_EXIT_USAGE = 2 };

typedef struct vb_command {
    const char *name;
    const char *arguments;    /* "REPO TABLE" */
    const char *summary;      /* one line */
    const char *details;      /* a paragraph, or NULL */
    int min_args, max_args;   /* max -1: any number */
    const vb_option *options; /* ends with an empty one; NULL: none */
    /* Returns an exit status; where that is not 0 and *err is set, the error is printed. */
    int (*run)(int argc, char **argv, vb_error *err);
    bool trailing; /* what follows the first argument after `--` is a command line of its own */
} vb_command;

/* The options that many commands share. */
#define VB_OPTION_FORMAT(target)                                                         \
    {                                                                                    \
        "format", 0, VB_OPTION_TEXT, target, "FORMAT", "table (for people), csv or json" \
    }
#define VB_OPTION_END \
    {                 \
        NULL          \
    }

int vb_cli_run(const vb_command *const *commands, int argc, char **argv);

#endif
