/* Tests of runner/command/expand: a quantum's command line from its task's definition. */
#include "runner/command/expand.h"
#include "tests/runner/bench.h"

#include <fcntl.h>

/* mosaic {exposure: 101}, whose `cal` has three datasets, and `mosaic` one. */
struct command {
    fixture *f;
    vb_graph *graph;
    vb_quantum quantum;
    char *inputs[3], *outputs[3];
    char **more[3];
    int work;
};

static void open_command(struct command *c, fixture *f)
{
    static char *const names[] = {(char *)"in/cal/1.fits", (char *)"in/cal/2.fits", (char *)"in/cal/3.fits"};

    *c = (struct command){.f = f, .graph = quanta_graph(f, "g.vbg", (quanta_plan){.run = "u/run"})};
    c->quantum = quanta_find(c->graph, f, "mosaic", "exposure=101");
    assert_int_equal(c->quantum.ninputs, 3);
    memcpy(c->inputs, names, sizeof names);
    for (size_t i = 0; i < c->quantum.noutputs; i++)
        if (c->quantum.outputs[i].connection->role == VB_ROLE_OUTPUT)
            c->outputs[i] = (char *)"out/mosaic/m.fits";
    c->work = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void close_command(struct command *c)
{
    vb_quantum_clear(&c->quantum);
    vb_graph_close(c->graph);
    close(c->work);
}
#define auto_command __attribute__((cleanup(close_command))) struct command

/* The words joined by '|'; NULL where they cannot be told.  The definition is {"command": command}, or the whole. */
static char *expand(struct command *c, const char *definition, vb_error *err)
{
    vb_autofree char *whole = *definition == '[' ? vb_format("{\"command\":%s}", definition) : vb_strdup(definition);
    json_t *json = json_loads(whole, 0, NULL);
    vb_expansion e = {c->graph, &c->quantum, json, c->inputs, c->outputs, 4, c->work, c->more};
    vb_buf text = {0};
    char **argv = NULL;
    int r;

    assert_non_null(json);
    r = vb_expand_command(&e, &argv, err);
    json_decref(json);
    if (r < 0) {
        assert_null(argv);
        assert_int_equal(r, err->code);
        return NULL;
    }
    for (char **word = argv; *word; word++)
        vb_buf_printf(&text, "%s%s", word == argv ? "" : "|", *word);
    vb_strv_free(argv);
    return vb_buf_steal(&text);
}

struct expected {
    const char *definition, *words;
};

static void check(struct command *c, const struct expected *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_autofree char *words = expand(c, cases[i].definition, &err);

        if (!words)
            fail_msg("%s: %s", cases[i].definition, err.message);
        assert_string_equal(words, cases[i].words);
    }
}

static void test_a_connection_alone_is_an_argument_a_dataset(void **state)
{
    static const struct expected cases[] = {
        {"[\"swarp\", \"{in.cal}\", \"-o\", \"{out.mosaic}\"]",
         "swarp|in/cal/1.fits|in/cal/2.fits|in/cal/3.fits|-o|out/mosaic/m.fits"},
        {"[\"{in.cal:,}\"]", "in/cal/1.fits,in/cal/2.fits,in/cal/3.fits"},
        {"[\"-i={in.cal:,};\"]", "-i=in/cal/1.fits,in/cal/2.fits,in/cal/3.fits;"},
        {"[\"-o={out.mosaic}\"]", "-o=out/mosaic/m.fits"},
    };
    auto_command c;

    open_command(&c, *state);
    check(&c, cases, VB_COUNT(cases));
}

static void test_a_list_file_has_a_line_a_dataset(void **state)
{
    static const struct expected cases[] = {{"[\"swarp\", \"@{in.cal:@}\"]", "swarp|@cal.list"}};
    vb_auto_buf text = {0};
    auto_command c;

    open_command(&c, *state);
    check(&c, cases, 1);
    assert_int_equal(vb_read_file(c.work, "cal.list", 1000, &text, NULL), 0);
    assert_string_equal(vb_buf_text(&text), "in/cal/1.fits\nin/cal/2.fits\nin/cal/3.fits\n");
}

/* A dataset in parts is as many arguments as it has files. */
static void test_all_files_of_a_dataset_are_told(void **state)
{
    static const struct expected cases[] = {
        {"[\"{in.cal}\"]", "in/cal/1.fits|in/cal/2.fits|in/cal/2.m.fits|in/cal/2.w.fits|in/cal/3.fits"},
        {"[\"{in.cal:,}\"]", "in/cal/1.fits,in/cal/2.fits,in/cal/2.m.fits,in/cal/2.w.fits,in/cal/3.fits"},
        {"[\"{out.mosaic}\"]", "out/mosaic/m.fits"},
    };
    char *more[] = {(char *)"in/cal/2.m.fits", (char *)"in/cal/2.w.fits", NULL};
    vb_auto_error err = VB_ERROR_INIT;
    auto_command c;

    open_command(&c, *state);
    c.more[1] = more;
    check(&c, cases, VB_COUNT(cases));
    c.inputs[0] = c.inputs[2] = NULL;
    assert_null(expand(&c, "[\"-i={in.cal}\"]", &err));
    assert_says(&err, "{in.cal} stands for 3 files inside one word");
}

static void test_a_list_file_that_cannot_be_written_is_an_error(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    auto_command c;

    open_command(&c, *state);
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(*state, "cal.list"), 0755), 0);
    assert_null(expand(&c, "[\"{in.cal:@}\"]", &err));
    assert_says(&err, "cal.list");
}

static void test_fields_have_their_values(void **state)
{
    static const struct expected cases[] = {
        {"[\"{label}\", \"{cpus}\", \"{run}\"]", "mosaic|4|u/run"},
        {"[\"{exposure}\", \"{instrument}\", \"{band}\", \"{physical_filter}\"]", "101|TestCam|g|g-1"},
        {"[\"{exposure.exposure_time}\", \"{exposure.obs_id}\", \"{exposure.id}\"]", "30|e101|101"},
        {"[\"{instrument.name}\", \"{instrument.detector_max}\"]", "TestCam|4"},
        {"[\"{exposure}-{band}.fits\"]", "101-g.fits"},
        {"[\"{{exposure}}\"]", "{exposure}"},
        {"[\"\", \"a b\"]", "|a b"},
    };
    auto_command c;

    open_command(&c, *state);
    check(&c, cases, VB_COUNT(cases));
}

static void test_config_is_shown_as_it_was_written(void **state)
{
    static const char config[] = "{\"command\":[\"{config.t}\",\"{config.i}\",\"{config.f}\",\"{config.b}\","
                                 "\"{config.l}\"],\"config\":{\"t\":\"a{b}\",\"i\":7,\"f\":0.1,\"b\":true,\"l\":[1]}}";
    static const struct expected cases[] = {{config, "a{b}|7|0.1|true|[1]"}};
    auto_command c;

    open_command(&c, *state);
    check(&c, cases, 1);
}

/* A sub-list vanishes with an input that is not there; the outermost does not. */
static void test_an_option_vanishes_with_its_value(void **state)
{
    static const struct expected cases[] = {
        {"[\"a\", [\"-c\", \"{in.cal}\"], \"z\"]", "a|z"},
        {"[\"a\", [\"-c\", \"{in.cal:,}\"], \"z\"]", "a|z"},
        {"[\"a\", [\"-c\", \"@{in.cal:@}\"], \"z\"]", "a|z"},
        {"[\"a\", [\"x\", [\"-c\", \"{in.cal}\"], \"y\"], \"z\"]", "a|x|y|z"},
        {"[\"a\", [\"x\", [\"-m\", \"{out.mosaic}\"], \"{in.cal}\"], \"z\"]", "a|z"},
        {"[\"a\", [\"-m\", \"{out.mosaic}\"], \"{in.cal}\", \"z\"]", "a|-m|out/mosaic/m.fits|z"},
        {"[\"a\", \"-c={in.cal:,}\"]", "a|-c="},
    };
    auto_command c;

    open_command(&c, *state);
    memset(c.inputs, 0, sizeof c.inputs);
    check(&c, cases, VB_COUNT(cases));
}

/* What is missing of several is left out; the rest stands. */
static void test_a_missing_dataset_leaves_the_others(void **state)
{
    static const struct expected cases[] = {{"[\"a\", [\"-c\", \"{in.cal}\"]]", "a|-c|in/cal/1.fits|in/cal/3.fits"}};
    auto_command c;

    open_command(&c, *state);
    c.inputs[1] = NULL;
    check(&c, cases, 1);
}

static void test_several_files_inside_one_word_are_refused(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    auto_command c;

    open_command(&c, *state);
    assert_null(expand(&c, "[\"-i={in.cal}\"]", &err));
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.message, "{in.cal} stands for 3 files inside one word: use it as a word of its own, or "
                                     "{in.cal:,}");
}

/* Bug: {out.X:,} was advised, which no command may say. */
static void test_several_outputs_inside_one_word_are_refused_without_advice_that_is_none(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    auto_command c;

    open_command(&c, *state);
    for (size_t i = 0; i < c.quantum.noutputs; i++) { /* two of one connection */
        c.quantum.outputs[i].connection = c.quantum.outputs[0].connection;
        c.outputs[i] = (char *)"o";
    }
    vb_autofree char *command = vb_format("[\"-o={out.%s}\"]", c.quantum.outputs[0].connection->name);
    assert_null(expand(&c, command, &err));
    assert_says(&err, "stands for 3 files inside one word: use it as a word of its own");
    assert_null(strstr(err.message, ":,"));
}

static void test_an_empty_command_is_refused(void **state)
{
    static const char *const definitions[] = {"[]", "{}", "[[\"-c\", \"{in.cal}\"]]", "[\"{in.cal}\"]", "[[],[[]]]"};
    auto_command c;

    open_command(&c, *state);
    memset(c.inputs, 0, sizeof c.inputs);
    for (size_t i = 0; i < VB_COUNT(definitions); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        assert_null(expand(&c, definitions[i], &err));
        assert_int_equal(err.code, -EINVAL);
        assert_says(&err, "the command is empty");
    }
}

/* Bug: a graph's definition is a file's content like any other, and the runner died of a number in it. */
static void test_a_command_that_is_no_list_of_words_is_refused(void **state)
{
    static const char *const definitions[] = {"[\"a\", 1]", "[[null]]", "[{\"a\": \"b\"}]", "{\"command\":\"a b\"}",
                                              "{\"command\":{\"a\":\"b\"}}"};
    auto_command c;

    open_command(&c, *state);
    for (size_t i = 0; i < VB_COUNT(definitions); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        assert_null(expand(&c, definitions[i], &err));
        assert_int_equal(err.code, -EINVAL);
        assert_says(&err, "the command of task 'mosaic' is no list of words");
    }
}

static void test_fields_that_cannot_be_told_are_errors(void **state)
{
    static const struct {
        const char *definition, *message;
        int code;
    } cases[] = {
        {"[\"{nothing}\"]", "no dimension 'nothing'", -EINVAL},
        {"[\"{exposure.nothing}\"]", "'exposure' has no field 'nothing'", -EINVAL},
        {"[\"{detector}\"]", "no record tells 'detector'", -ENOENT},
        {"[\"{patch.ra}\"]", "no record tells", -ENOENT},
        {"[\"{in.\"]", "a single '{'", -EINVAL},
    };
    auto_command c;

    open_command(&c, *state);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        assert_null(expand(&c, cases[i].definition, &err));
        assert_int_equal(err.code, cases[i].code);
        assert_says(&err, cases[i].message);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_connection_alone_is_an_argument_a_dataset),
        TEST(test_a_list_file_has_a_line_a_dataset),
        TEST(test_all_files_of_a_dataset_are_told),
        TEST(test_a_list_file_that_cannot_be_written_is_an_error),
        TEST(test_fields_have_their_values),
        TEST(test_config_is_shown_as_it_was_written),
        TEST(test_an_option_vanishes_with_its_value),
        TEST(test_a_missing_dataset_leaves_the_others),
        TEST(test_several_files_inside_one_word_are_refused),
        TEST(test_several_outputs_inside_one_word_are_refused_without_advice_that_is_none),
        TEST(test_an_empty_command_is_refused),
        TEST(test_a_command_that_is_no_list_of_words_is_refused),
        TEST(test_fields_that_cannot_be_told_are_errors),
    };

    return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
