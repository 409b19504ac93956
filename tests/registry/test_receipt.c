/* Receipts: written and read; and what is none. */
#include "registry/receipt.h"
#include "tests/registry/fixture.h"

#include <math.h>

#define UUID     "01a1f7d0-c328-7642-a1d9-ea9174557260"
#define CHECKSUM "xxh3-128:00112233445566778899aabbccddeeff"

static vb_receipt *read_text(const char *text)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_receipt *r = NULL;

    assert_ok(vb_receipt_read(text, strlen(text), &r, &err), &err);
    return r;
}

static void refused(const char *text, const char *message)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_receipt *r = NULL;

    assert_int_equal(vb_receipt_read(text, strlen(text), &r, &err), -EINVAL);
    assert_null(r);
    assert_says(&err, message);
}

/* A receipt with these keys instead of its own: "\"attempt\":2", or no key that is named with null. */
static char *receipt_with(const char *keys)
{
    static const char whole[] =
        "{\"format\":\"vbutler-receipt\",\"version\":1,\"run\":\"r\",\"task\":\"t\",\"quantum\":\"" UUID
        "\",\"dataid\":\"[1]\",\"attempt\":1,\"status\":\"succeeded\",\"capture\":\"complete\"}";
    vb_autofree char *more = vb_format("{%s}", keys);
    json_t *object = json_loads(whole, 0, NULL), *changes = json_loads(more, 0, NULL);
    char *text;

    assert_non_null(changes);
    json_object_update(object, changes);
    text = json_dumps(object, 0);
    json_decref(object);
    json_decref(changes);
    return text;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

/* The words of docs/provenance.md and the numbers of docs/schema.md. */
static void touches_have_their_words_and_numbers(void **state)
{
    static const char *const words[] = {"declared", "missing",  "lookup", "listed", "read",
                                        "written",  "executed", "denied", "staged"};

    for (size_t i = 0; i < VB_COUNT(words); i++) {
        json_t *json = vb_touch_json(1u << i), *expected = json_pack("[s]", words[i]);

        assert_true(json_equal(json, expected));
        assert_int_equal(vb_touch_from_json(json), 1u << i);
        json_decref(json);
        json_decref(expected);
    }
    assert_int_equal(VB_TOUCH_USED, 16 | 64 | 256);
}

static void touches_are_sets(void **state)
{
    json_t *none = vb_touch_json(0), *odd = json_pack("[s, i, s, n, s]", "read", 7, "smelt", "declared");
    json_t *both = vb_touch_json(VB_TOUCH_READ | VB_TOUCH_DECLARED);

    assert_int_equal(json_array_size(none), 0);
    assert_int_equal(json_array_size(both), 2);
    assert_int_equal(vb_touch_from_json(odd), vb_touch_from_json(both)); /* what is not known is left out */
    assert_int_equal(vb_touch_from_json(NULL), 0);
    json_decref(none);
    json_decref(odd);
    json_decref(both);
}

static void a_status_has_its_name(void **state)
{
    static const char *const names[] = {"unknown", "succeeded", "failed", "blocked", "aborted", "unknown"};
    static const char *const wrong[] = {NULL, "", "unknown", "Succeeded", "succeeded "};
    vb_status status;

    for (size_t i = 0; i < VB_COUNT(names); i++)
        assert_string_equal(vb_status_name((vb_status)i), names[i]);
    for (size_t i = VB_STATUS_SUCCEEDED; i <= VB_STATUS_ABORTED; i++) {
        assert_true(vb_status_parse(names[i], &status));
        assert_int_equal(status, i);
    }
    for (size_t i = 0; i < VB_COUNT(wrong); i++)
        assert_false(vb_status_parse(wrong[i], &status));
}

/* ---- writing and reading ---------------------------------------------------------------------------------- */

static vb_receipt *full_receipt(void)
{
    vb_receipt *r = vb_receipt_new();
    vb_receipt_output *made;

    r->graph = vb_strdup("g");
    r->run = vb_strdup("u/me/r");
    r->task = vb_strdup("detect");
    r->dataid = vb_strdup("[\"HSC\",40]");
    r->message = vb_strdup("it said \"no\"\n\tand ended");
    r->capture = vb_strdup("partial (why)");
    r->host = vb_strdup("node7");
    r->quantum = vb_uuid_v7();
    r->attempt = 3;
    r->status = VB_STATUS_FAILED;
    r->started = INT64_C(1795174937552160001);
    r->usage = (vb_usage){1.5, 0.25, 0.125, INT64_MAX, 1, 2};
    *VB_PUSH(r->inputs, r->ninputs, r->inputs_cap) = (vb_receipt_input){vb_uuid_v7(), vb_strdup("raw"),
                                                                        vb_strdup("raw"), vb_strdup("[1]"),
                                                                        VB_TOUCH_DECLARED | VB_TOUCH_STAGED};
    VB_PUSH(r->inputs, r->ninputs, r->inputs_cap)->touch = VB_TOUCH_MISSING;
    made = VB_PUSH(r->outputs, r->noutputs, r->outputs_cap);
    *made = (vb_receipt_output){.dataset = vb_uuid_v7(),
                                .connection = vb_strdup("out"),
                                .type = vb_strdup("det"),
                                .dataid = vb_strdup("[1]"),
                                .path = vb_strdup("r/det/det_1.fits"),
                                .size = 7,
                                .mtime = -5,
                                .checksum = vb_hash_bytes("x", 1)};
    VB_PUSH(r->outputs, r->noutputs, r->outputs_cap)->type = vb_strdup("log");
    json_object_set_new(r->details, "exit", json_pack("{s:i}", "code", 3));
    return r;
}

static void check_equal(const vb_receipt *a, const vb_receipt *b)
{
    assert_string_equal(a->graph, b->graph);
    assert_string_equal(a->run, b->run);
    assert_string_equal(a->task, b->task);
    assert_string_equal(a->dataid, b->dataid);
    assert_string_equal(a->message, b->message);
    assert_string_equal(a->capture, b->capture);
    assert_string_equal(a->host, b->host);
    assert_true(vb_uuid_equal(a->quantum, b->quantum));
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->status, b->status);
    assert_true(a->started == b->started);
    assert_memory_equal(&a->usage, &b->usage, sizeof a->usage);
    assert_int_equal(a->ninputs, b->ninputs);
    assert_int_equal(a->noutputs, b->noutputs);
    assert_string_equal(a->inputs[0].dataid, b->inputs[0].dataid);
    assert_int_equal(a->inputs[0].touch, b->inputs[0].touch);
    assert_int_equal(a->inputs[1].touch, b->inputs[1].touch);
    assert_string_equal(a->outputs[0].path, b->outputs[0].path);
    assert_int_equal(a->outputs[0].size, b->outputs[0].size);
    assert_int_equal(a->outputs[0].mtime, b->outputs[0].mtime);
    assert_memory_equal(&a->outputs[0].checksum, &b->outputs[0].checksum, sizeof a->outputs[0].checksum);
    assert_string_equal(a->outputs[1].type, b->outputs[1].type);
    assert_true(json_equal(a->details, b->details));
}

static void what_is_written_reads_back(void **state)
{
    vb_auto(vb_receipt_free) vb_receipt *r = full_receipt(), *back = NULL;
    vb_autofree char *text = vb_receipt_write(r), *again = NULL;

    assert_null(strchr(text, '\n')); /* one line */
    back = read_text(text);
    check_equal(back, r);
    assert_null(back->inputs[1].connection);
    assert_null(back->outputs[1].path);
    again = vb_receipt_write(back);
    assert_string_equal(again, text);
}

static void times_stand_as_text_too(void **state)
{
    vb_auto(vb_receipt_free) vb_receipt *r = full_receipt();
    vb_autofree char *text = vb_receipt_write(r);

    assert_non_null(strstr(text, "\"started\":\"2026-11-20T11:42:17.552160Z\""));
    assert_non_null(strstr(text, "\"format\":\"vbutler-receipt\",\"version\":1,"));
}

static void text_that_is_no_utf8_is_written_all_the_same(void **state)
{
    vb_auto(vb_receipt_free) vb_receipt *r = full_receipt(), *back = NULL;
    vb_autofree char *text = NULL;

    free(r->message);
    r->message = vb_strdup("a\xff");
    r->usage.wall = (double)NAN;
    text = vb_receipt_write(r);
    back = read_text(text);
    assert_string_equal(back->message, "a\xef\xbf\xbd");
    /* Bug: one number that JSON does not have, and there was no usage at all. */
    assert_true(back->usage.wall == 0);
    assert_true(back->usage.memory == INT64_MAX);
}

static void a_small_receipt_is_whole(void **state)
{
    vb_autofree char *text = receipt_with("\"later\": {\"key\": 1}, \"task\": \"\"");
    vb_auto(vb_receipt_free) vb_receipt *r = read_text(text);

    assert_string_equal(r->run, "r");
    assert_string_equal(r->task, ""); /* what was made once has none */
    assert_null(r->host);
    assert_null(r->message);
    assert_int_equal(r->ninputs + r->noutputs, 0);
    assert_true(json_is_object(r->details));
    assert_int_equal(r->started, 0);
}

static void what_is_not_whole_is_refused(void **state)
{
    static const struct {
        const char *keys, *message;
    } cases[] = {
        {"\"format\": null", "not a receipt"},
        {"\"format\": \"other\"", "not a receipt"},
        {"\"version\": 2", "another version"},
        {"\"version\": \"1\"", "another version"},
        {"\"run\": null", "not whole"},
        {"\"task\": 7", "not whole"},
        {"\"dataid\": [1]", "not whole"},
        {"\"capture\": null", "not whole"},
        {"\"quantum\": \"x\"", "not whole"},
        {"\"status\": \"fine\"", "not whole"},
        {"\"attempt\": 0", "not whole"},
        {"\"attempt\": \"1\"", "not whole"},
        {"\"attempt\": 4294967297", "not whole"}, /* bug: was 1 */
        {"\"inputs\": [{}]", "input 0 has no dataset"},
        {"\"inputs\": [{\"dataset\": \"" UUID "\"}, 7]", "input 1 has no dataset"},
        {"\"outputs\": [{\"dataset\": \"x\"}]", "output 0 has no dataset"},
        {"\"outputs\": [{\"dataset\": \"" UUID "\", \"type\": \"t\", \"dataid\": \"[]\", \"path\": \"p\"}]",
         "output 0 has no checksum"},
        /* Bugs: the merge read its type at NULL; and what was merged so would be unlinked one day. */
        {"\"outputs\": [{\"dataset\": \"" UUID "\", \"path\": \"p\", \"checksum\": \"" CHECKSUM "\"}]",
         "output 0 has no type"},
        {"\"outputs\": [{\"dataset\": \"" UUID
         "\", \"type\": \"t\", \"dataid\": \"[]\", \"path\": \"../p\", \"checksum\": \"" CHECKSUM "\"}]",
         "no path below the repository"},
        {"\"outputs\": [{\"dataset\": \"" UUID
         "\", \"type\": \"t\", \"dataid\": \"[]\", \"path\": \"/etc/p\", \"checksum\": \"" CHECKSUM "\"}]",
         "no path below the repository"},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *text = receipt_with(cases[i].keys);

        refused(text, cases[i].message);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const wrong[] = {"", "{", "nonsense", "{\"a\":1,\"a\":2}", "{} {}", "{\"a\":\"\xff\"}"};

    for (size_t i = 0; i < VB_COUNT(wrong); i++)
        refused(wrong[i], "receipt: ");
    refused("[]", "not a receipt");
    refused("{}", "not a receipt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touches_have_their_words_and_numbers),
        cmocka_unit_test(touches_are_sets),
        cmocka_unit_test(a_status_has_its_name),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(times_stand_as_text_too),
        cmocka_unit_test(text_that_is_no_utf8_is_written_all_the_same),
        cmocka_unit_test(a_small_receipt_is_whole),
        cmocka_unit_test(what_is_not_whole_is_refused),
        cmocka_unit_test(what_is_no_json_is_refused),
    };

    return cmocka_run_group_tests_name("receipt", tests, NULL, NULL);
}
