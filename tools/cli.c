#include "tools/cli.h"

#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { MAX_OPTIONS = 64, HELP_COLUMN = 32, HELP_WIDTH = 100, FIRST_LONG = 256 };

static const char *log_level;
static const vb_option common[] = {
    {"log-level", 0, VB_OPTION_TEXT, &log_level, "LEVEL", "DEBUG, VERBOSE, INFO (the default), WARNING or ERROR"},
    {"help", 'h', VB_OPTION_FLAG, NULL, NULL, "print this and end"},
    VB_OPTION_END,
};

/* Prints words from `column` on, wrapped. */
static void wrap(const char *text, int column, int indent)
{
    while (*text) {
        int n = (int)strcspn(text, " \n");

        if (column > indent && column + 1 + n > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", n, text);
        column += n;
        text += n;
        if (*text == '\n') {
            printf("\n%*s", indent, "");
            column = indent;
        }
        if (*text)
            text++;
    }
    putchar('\n');
}

static void print_option(const vb_option *o)
{
    char left[128];
    int n = o->letter ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                      : snprintf(left, sizeof left, "      --%s", o->name);

    if (o->argument)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", o->argument);
    fputs(left, stdout);
    if (n >= HELP_COLUMN - 1) {
        putchar('\n');
        n = 0;
    }
    printf("%*s", HELP_COLUMN - n, "");
    wrap(o->help, HELP_COLUMN, HELP_COLUMN);
}

static void print_help(const vb_command *c)
{
    printf("usage: vbutler %s [OPTIONS] %s\n\n", c->name, c->arguments);
    wrap(c->summary, 0, 0);
    if (c->details) {
        putchar('\n');
        wrap(c->details, 0, 0);
    }
    puts("\noptions:");
    for (const vb_option *o = c->options; o && o->name; o++)
        print_option(o);
    for (const vb_option *o = common; o->name; o++)
        print_option(o);
    printf("\nThe whole story: man vbutler-%s\n", c->name);
}

static void print_overview(const vb_command *const *commands)
{
    puts("usage: vbutler COMMAND [OPTIONS] ARGUMENTS\n\n"
         "A virtual Butler repository as a file system, and a runner that captures what programs read and write.\n\n"
         "commands:");
    for (; *commands; commands++)
        printf("  %-26s%s\n", (*commands)->name, (*commands)->summary);
    puts("\nvbutler COMMAND --help tells the options of one; vbutler --version tells the version.");
}

static int store(const vb_option *o, const char *value, vb_error *err)
{
    char **parts;

    switch (o->kind) {
    case VB_OPTION_FLAG: *(bool *)o->target = true; return 0;
    case VB_OPTION_NO_FLAG: *(bool *)o->target = false; return 0;
    case VB_OPTION_TEXT: *(const char **)o->target = value; return 0;
    case VB_OPTION_REPEAT: vb_strv_add(o->target, value); return 0;
    case VB_OPTION_INT:
        if (!vb_parse_int(value, o->target))
            return vb_fail(err, -EINVAL, "--%s: '%s' is not an integer", o->name, value);
        return 0;
    case VB_OPTION_LIST: break;
    }
    parts = vb_split(value, ',', NULL);
    for (char **p = parts; *p; p++)
        vb_strv_add(o->target, *p);
    vb_strv_free(parts);
    return 0;
}

struct parser {
    const vb_option *options[MAX_OPTIONS];
    struct option longs[MAX_OPTIONS + 1];
    char letters[3 + 2 * MAX_OPTIONS];
    size_t count;
};

static void add_options(struct parser *p, const vb_option *o)
{
    char *letters = p->letters + strlen(p->letters);

    for (; o && o->name && p->count < MAX_OPTIONS; o++) {
        bool takes_value = o->kind != VB_OPTION_FLAG && o->kind != VB_OPTION_NO_FLAG;

        p->options[p->count] = o;
        p->longs[p->count] = (struct option){o->name, takes_value ? required_argument : no_argument, NULL,
                                             FIRST_LONG + (int)p->count};
        p->count++;
        if (o->letter) {
            *letters++ = o->letter;
            if (takes_value)
                *letters++ = ':';
        }
    }
    *letters = 0;
}

static const vb_option *option_of(const struct parser *p, int code)
{
    for (size_t i = 0; i < p->count; i++)
        if (code == FIRST_LONG + (int)i || (code < FIRST_LONG && p->options[i]->letter == code))
            return p->options[i];
    return NULL;
}

/* What getopt_long did not understand, as a sentence with the nearest option. */
static int bad_option(const struct parser *p, int code, const char *word, vb_error *err)
{
    const char *names[MAX_OPTIONS + 1], *near;
    vb_autofree char *name = vb_strndup(word + strspn(word, "-"), strcspn(word + strspn(word, "-"), "="));

    if (code == ':')
        return vb_fail(err, -EINVAL, "option %s needs a value", word);
    for (size_t i = 0; i < p->count; i++)
        names[i] = p->options[i]->name;
    names[p->count] = NULL;
    vb_fail(err, -EINVAL, "no option %s", word);
    near = vb_nearest(name, names);
    if (near)
        vb_hint(err, "did you mean --%s?", near);
    return -EINVAL;
}

/* 1: help was printed; 0: parsed; negative: a usage error. */
static int parse(const vb_command *c, int argc, char **argv, vb_error *err)
{
    struct parser p = {.letters = "+:"};
    int code;

    if (!c->trailing)
        strcpy(p.letters, ":");
    add_options(&p, c->options);
    add_options(&p, common);
    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, p.letters, p.longs, NULL)) != -1) {
        const vb_option *o = option_of(&p, code);
        int r;

        if (!o)
            return bad_option(&p, code, argv[optind - 1], err);
        if (!strcmp(o->name, "help")) {
            print_help(c);
            return 1;
        }
        r = store(o, optarg, err);
        if (r < 0)
            return r;
    }
    if (log_level && !vb_log_set_level(log_level))
        return vb_fail(err, -EINVAL, "--log-level: no level '%s'", log_level);
    if (argc - optind < c->min_args)
        return vb_fail(err, -EINVAL, "vbutler %s needs: %s", c->name, c->arguments);
    if (c->max_args >= 0 && argc - optind > c->max_args)
        return vb_fail(err, -EINVAL, "vbutler %s takes no argument '%s'", c->name, argv[optind + c->max_args]);
    return 0;
}

static int run_command(const vb_command *c, int argc, char **argv)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r = parse(c, argc, argv, &err);

    if (r > 0)
        return VB_EXIT_OK;
    if (r < 0) {
        vb_error_print(&err);
        fprintf(stderr, "       vbutler %s --help tells more\n", c->name);
        return VB_EXIT_USAGE;
    }
    r = c->run(argc - optind, argv + optind, &err);
    if (err.code)
        vb_error_print(&err);
    if (fflush(stdout) || ferror(stdout)) {
        if (errno != EPIPE)
            fprintf(stderr, "error: writing to stdout: %s\n", strerror(errno));
        return r ? r : VB_EXIT_FAILED;
    }
    return r;
}

int vb_cli_run(const vb_command *const *commands, int argc, char **argv)
{
    const char *names[MAX_OPTIONS + 1], *near;
    size_t n = 0;

    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_overview(commands);
        return argc < 2 ? VB_EXIT_USAGE : VB_EXIT_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("vbutler " VB_VERSION);
        return VB_EXIT_OK;
    }
    for (size_t i = 0; commands[i]; i++) {
        if (!strcmp(argv[1], commands[i]->name))
            return run_command(commands[i], argc - 1, argv + 1);
        names[n++] = commands[i]->name;
    }
    names[n] = NULL;
    near = vb_nearest(argv[1], names);
    fprintf(stderr, "error: no command '%s'\n", argv[1]);
    if (near)
        fprintf(stderr, "       did you mean '%s'?\n", near);
    else
        fputs("       vbutler --help lists them\n", stderr);
    return VB_EXIT_USAGE;
}
