/* Tests of runner/command/template: words with fields in braces. */
#include "registry/base/buf.h"
#include "runner/command/template.h"
#include "tests/fs/fixture.h"

/* "'text' in:X, visit.seeing": the parts as a person would say them. */
static void print(const vb_template *t, vb_buf *out)
{
    static const char *const kinds[] = {"", "in:", "out:", "config:", "label", "cpus", "run", ""};

    for (size_t i = 0; i < t->count; i++) {
        const vb_template_part *p = &t->parts[i];
        const char *quote = p->kind == VB_PART_LITERAL ? "'" : "";

        vb_buf_printf(out, "%s%s%s%s%s%s%s", i ? " " : "", kinds[p->kind], quote, p->name ? p->name : "", quote,
                      p->field ? "." : "", p->field ? p->field : "");
        if (p->modifier)
            vb_buf_putc(out, p->modifier);
    }
}

static void test_words_are_text_and_fields(void **state)
{
    static const struct {
        const char *word, *parts;
    } words[] = {
        {"", ""},
        {"plain", "'plain'"},
        {"{in.raw}", "in:raw"},
        {"{in.raw:,}", "in:raw,"},
        {"{in.raw:@}", "in:raw@"},
        {"{out.cal}", "out:cal"},
        {"{config.key}", "config:key"},
        {"{config.a.b}", "config:a.b"},
        {"{label}{cpus}{run}", "label cpus run"},
        {"{visit}", "visit"},
        {"{visit.exposure_time}", "visit.exposure_time"},
        {"{patch.ra}", "patch.ra"},
        {"-o={out.cal}.fits", "'-o=' out:cal '.fits'"},
        {"{labels}", "labels"}, /* an element of that name, for the resolver to refuse */
        {"{in}", "in"},
        {"\xc3\xa9{run}\xc3\xa9", "'\xc3\xa9' run '\xc3\xa9'"},
    };

    for (size_t i = 0; i < VB_COUNT(words); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_template t;
        vb_auto_buf text = {0};

        assert_ok(vb_template_parse(words[i].word, &t, &err), &err);
        print(&t, &text);
        assert_string_equal(vb_buf_text(&text), words[i].parts);
    }
}

/* A brace of the command's own is written twice, and text is one part however often it is interrupted so. */
static void test_doubled_braces_stand_for_one(void **state)
{
    static const struct {
        const char *word, *parts;
    } words[] = {
        {"{{", "'{'"},
        {"}}", "'}'"},
        {"{{}}", "'{}'"},
        {"awk {{print $1}}", "'awk {print $1}'"},
        {"{{{in.raw}}}", "'{' in:raw '}'"},
        {"{{in.raw}}", "'{in.raw}'"},
        {"{{{{", "'{{'"},
    };

    for (size_t i = 0; i < VB_COUNT(words); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_template t;
        vb_auto_buf text = {0};

        assert_ok(vb_template_parse(words[i].word, &t, &err), &err);
        print(&t, &text);
        assert_string_equal(vb_buf_text(&text), words[i].parts);
    }
}

/* The sentence has the word as it was written, and what is wrong with it; nothing is left to clear. */
static void test_what_means_nothing_is_refused(void **state)
{
    static const struct {
        const char *word, *message;
    } words[] = {
        {"{", "'{': a single '{' (write '{{' for the character)"},
        {"}", "'}': a single '}' (write '}}' for the character)"},
        {"a}b", "'a}b': a single '}'"},
        {"x{in.raw", "'x{in.raw': a single '{'"},
        {"{in.raw}}", "a single '}'"},
        {"{}", "'{}': empty braces"},
        {"{.field}", "empty braces"},
        {"{in.}", "{in.} names nothing"},
        {"{out.}", "{out.} names nothing"},
        {"{config.}", "{config.} names nothing"},
        {"{in.raw:}", "after ':' only ',' (joined) and '@' (a list file) are known, and only for {in...}"},
        {"{in.raw:,,}", "after ':' only"},
        {"{in.raw:x}", "after ':' only"},
        {"{out.cal:,}", "only for {in...}"},
        {"{visit:,}", "only for {in...}"},
        {"{config.key:@}", "only for {in...}"},
    };

    for (size_t i = 0; i < VB_COUNT(words); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_template t;

        assert_int_equal(vb_template_parse(words[i].word, &t, &err), -EINVAL);
        assert_says(&err, words[i].message);
        assert_null(t.parts);
        assert_int_equal(t.count, 0);
    }
}

static void test_a_long_word_has_all_its_parts(void **state)
{
    enum { MANY = 5000 };
    vb_auto_buf word = {0};
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_template t;

    for (int i = 0; i < MANY; i++)
        vb_buf_printf(&word, "%d{in.c%d:,}", i, i);
    assert_ok(vb_template_parse(vb_buf_text(&word), &t, &err), &err);
    assert_int_equal(t.count, 2 * MANY);
    assert_string_equal(t.parts[2 * MANY - 2].name, "4999");
    assert_string_equal(t.parts[2 * MANY - 1].name, "c4999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_text_and_fields),
        cmocka_unit_test(test_doubled_braces_stand_for_one),
        cmocka_unit_test(test_what_means_nothing_is_refused),
        cmocka_unit_test(test_a_long_word_has_all_its_parts),
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
