/* Tests of what stores read that others wrote: addresses, dates, headers, XML, credentials; and of the options of
 * stores. */
#include "fs/remote/credentials.h"
#include "fs/remote/date.h"
#include "fs/remote/header.h"
#include "fs/remote/rate.h"
#include "fs/remote/url.h"
#include "fs/remote/xml.h"
#include "fs/store/http/dav.h"
#include "fs/store/s3/list.h"
#include "registry/base/percent.h"
#include "registry/store_options.h"
#include "tests/fs/fixture.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- addresses ------------------------------------------------------------------------------------------ */

static void refused(const char *text, const char *why)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_url url;

    assert_int_equal(vb_url_parse(text, &url, &err), -EINVAL);
    assert_says(&err, why);
}

static void an_address_is_taken_apart(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *host = NULL;
    vb_url u;

    assert_ok(vb_url_parse("HTTPS://data.example.org:8443/a%20b/c.fits?v=1#x", &u, &err), &err);
    assert_string_equal(u.scheme, "https");
    assert_string_equal(u.authority, "data.example.org:8443");
    assert_string_equal(u.path, "/a%20b/c.fits");
    assert_string_equal(u.query, "?v=1");
    host = vb_url_host(&u);
    assert_string_equal(host, "data.example.org");
    vb_url_clear(&u);
    assert_ok(vb_url_parse("http://[::1]:80/x", &u, &err), &err);
    vb_url_clear(&u);
    assert_ok(vb_url_parse("s3://bucket", &u, &err), &err);
    assert_string_equal(u.path, "");
    vb_url_clear(&u);
}

static void an_address_that_would_keep_a_secret_is_refused(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_url url;

    refused("https://me:secret@example.org/x", "names a user");
    refused("https://example.org/x?a=1&X-Amz-Signature=0123", "is signed");
    refused("https://example.org/x?sig=0123", "is signed");
    vb_url_parse("https://me:secret@example.org/x?token=abc", &url, &err);
    assert_null(strstr(err.message, "secret"));
    assert_null(strstr(err.message, "abc"));
    assert_non_null(strstr(err.hint, ".netrc"));
}

static void what_is_no_address_is_refused(void **state)
{
    refused("ftp://example.org/x", "none of http, https or s3");
    refused("file:///x", "none of http, https or s3");
    refused("example.org/x", "has no scheme");
    refused("https:///x", "has no host");
    refused("https://exa mple.org/x", "has no host");
    refused("https://h:99999999/x", "has no host");
    refused("https://h:/x", "has no host");
    refused("https://[::1/x", "has no host");
    refused("https://h/x\r\nHost: other", "control characters");
}

static void a_path_is_spelled_and_read_back(void **state)
{
    vb_autofree char *url = vb_url_join("https://h/root?x=1", "run/a b%/c#d?e+f.fits"), *name = vb_url_name(url);
    vb_auto_buf back = {0};

    assert_string_equal(url, "https://h/root/run/a%20b%25/c%23d%3Fe%2Bf.fits");
    assert_string_equal(name, "c#d?e+f.fits");
    assert_true(vb_percent_decode(&back, "%41%7e"));
    assert_string_equal(vb_buf_text(&back), "A~");
    assert_false(vb_percent_decode(&back, "%00"));
    assert_false(vb_percent_decode(&back, "%4"));
    assert_false(vb_percent_decode(&back, "%zz"));
    assert_string_equal(vb_buf_text(&back), "A~");
}

static void a_location_says_whether_it_is_remote(void **state)
{
    assert_true(vb_location_is_remote("https://h/x"));
    assert_true(vb_location_is_remote("s3://b/k#hdu=1"));
    assert_false(vb_location_is_remote("/data/https://h/x"));
    assert_false(vb_location_is_remote("run/raw/x.fits"));
    assert_false(vb_location_is_remote("://h"));
    assert_false(vb_location_is_remote("3s://h"));
}

/* ---- dates and headers ---------------------------------------------------------------------------------- */

static void moments_are_read_in_both_spellings(void **state)
{
    const int64_t s = 1000000000;

    assert_true(vb_remote_date("Thu, 01 Jan 1970 00:01:00 GMT") == 60 * s);
    assert_true(vb_remote_date("Fri, 20 Nov 2026 14:48:01 GMT") == INT64_C(1795186081) * s);
    assert_true(vb_remote_date("2026-11-20T14:48:01.250Z") == INT64_C(1795186081) * s + s / 4);
    assert_true(vb_remote_date("2026-11-20T14:48:01") == -1);
    assert_true(vb_remote_date("2026-13-20T14:48:01Z") == -1);
    assert_true(vb_remote_date("yesterday") == -1);
    assert_true(vb_remote_date("") == -1);
    assert_true(vb_remote_retry_after("3", 0) == 3 * s);
    assert_true(vb_remote_retry_after("99999999999", 0) == 86400 * s);
    assert_true(vb_remote_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 50 * s) == 10 * s);
    assert_true(vb_remote_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 70 * s) == 0);
    assert_true(vb_remote_retry_after("-3", 0) == -1);
}

static void a_content_range_is_read_or_refused(void **state)
{
    static const char *const wrong[] = {"bytes",         "bytes 0-9",    "bytes 9-0/10", "bytes 0-9/5", "bytes -5/10",
                                        "bytes 0-9/10 ", "items 0-9/10", "bytes 0-9/x",  "bytes a-9/10"};
    int64_t begin, end, size;

    assert_true(vb_content_range("bytes 10-19/1000", &begin, &end, &size));
    assert_true(begin == 10 && end == 20 && size == 1000);
    assert_true(vb_content_range("bytes 0-0/*", &begin, &end, &size));
    assert_true(begin == 0 && end == 1 && size == -1);
    assert_true(vb_content_range("bytes */7", &begin, &end, &size));
    assert_true(begin == -1 && end == -1 && size == 7);
    for (size_t i = 0; i < VB_COUNT(wrong); i++)
        if (vb_content_range(wrong[i], &begin, &end, &size))
            fail_msg("%s was taken", wrong[i]);
}

static void a_header_tells_of_the_last_answer(void **state)
{
    static const char *const lines[] =
        {"HTTP/1.1 302 Found\r\n", "ETag: \"old\"\r\n",      "\r\n",
         "HTTP/2 206\r\n",         "content-length: 10\r\n", "Content-Range: bytes 0-9/99\r\n",
         "ETag:  \"new\"\r\n",     "Retry-After: 2\r\n",     "nonsense\r\n"};
    vb_auto_answer a = {0};
    int64_t retry = -1;

    vb_answer_begin(&a);
    for (size_t i = 0; i < VB_COUNT(lines); i++)
        vb_answer_line(&a, lines[i], strlen(lines[i]), &retry);
    assert_int_equal(a.status, 206);
    assert_int_equal(a.length, 10);
    assert_int_equal(a.object.size, 99);
    assert_string_equal(a.object.etag, "\"new\"");
    assert_true(retry == 2000000000);
}

/* ---- XML ------------------------------------------------------------------------------------------------ */

static int collect(void *arg, const char *path, const vb_object *object)
{
    vb_buf_printf(arg, "%s=%" PRId64 ",%s ", path, object->size, object->etag);
    return 0;
}

static void a_page_of_a_bucket_is_read(void **state)
{
    static const char page[] =
        "<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
        "<IsTruncated>true</IsTruncated><Contents><Key>a/b%20c+d%2Be.fits</Key><Size>12</Size><ETag>&quot;x&quot;</ETag>"
        "<LastModified>2026-11-20T14:48:01.000Z</LastModified></Contents><Contents><Key>z</Key></Contents>"
        "<NextContinuationToken>t&amp;1</NextContinuationToken></ListBucketResult>";
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf found = {0};
    vb_autofree char *next = NULL;

    assert_ok(vb_s3_parse_page(page, sizeof page - 1, collect, &found, &next, &err), &err);
    assert_string_equal(vb_buf_text(&found), "a/b c d+e.fits=12,\"x\" z=-1, ");
    assert_string_equal(next, "t&1");
}

static void a_page_without_its_next_is_an_error(void **state)
{
    static const char page[] = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf found = {0};
    vb_autofree char *next = NULL;

    assert_int_equal(vb_s3_parse_page(page, sizeof page - 1, collect, &found, &next, &err), -EIO);
    assert_null(next);
}

static int collect_entry(void *arg, const char *href, bool directory, const vb_object *object)
{
    vb_buf_printf(arg, "%s%s=%" PRId64 " ", href, directory ? "!" : "", object->size);
    return 0;
}

static void a_multistatus_is_read(void **state)
{
    static const char text[] =
        "<?xml version='1.0'?><D:multistatus xmlns:D='DAV:'><D:response><D:href>/dav/</D:href><D:propstat><D:prop>"
        "<D:resourcetype><D:collection/></D:resourcetype></D:prop></D:propstat></D:response><D:response>"
        "<D:href>/dav/a%20b</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>7</D:getcontentlength>"
        "</D:prop></D:propstat></D:response></D:multistatus>";
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf found = {0};

    assert_ok(vb_dav_parse(text, sizeof text - 1, collect_entry, &found, &err), &err);
    assert_string_equal(vb_buf_text(&found), "/dav/!=-1 /dav/a%20b=7 ");
}

static void xml_that_no_store_sends_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "<a>",
                                        "<a></b>",
                                        "<a/><a/>",
                                        "plain text",
                                        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
                                        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"};
    vb_auto_buf deep = {0};

    for (size_t i = 0; i < VB_COUNT(wrong); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        if (vb_dav_parse(wrong[i], strlen(wrong[i]), collect_entry, NULL, &err) != -EINVAL)
            fail_msg("%s was taken", wrong[i]);
        assert_non_null(err.message);
    }
    for (int i = 0; i < 70; i++)
        vb_buf_puts(&deep, "<a>");
    for (int i = 0; i < 70; i++)
        vb_buf_puts(&deep, "</a>");
    assert_int_equal(vb_dav_parse(deep.data, deep.len, collect_entry, NULL, NULL), -EINVAL);
}

/* ---- credentials ---------------------------------------------------------------------------------------- */

static const char profiles[] = "# mine\n[default]\naws_access_key_id = K1\naws_secret_access_key=S1/+=\n"
                               "s3 =\n  region = not-this\n[work]\r\naws_access_key_id=K2\r\n"
                               "aws_secret_access_key = S2\r\naws_session_token = T2\r\nregion = eu-west-1\r\n"
                               "[half]\naws_access_key_id = K3\n";

static void a_profile_is_read(void **state)
{
    vb_credentials c = {0};

    assert_true(vb_credentials_parse(profiles, sizeof profiles - 1, "default", false, &c));
    assert_string_equal(c.key, "K1");
    assert_string_equal(c.secret, "S1/+=");
    assert_null(c.token);
    assert_null(c.region);
    vb_credentials_clear(&c);
    assert_true(vb_credentials_parse(profiles, sizeof profiles - 1, "work", false, &c));
    assert_string_equal(c.key, "K2");
    assert_string_equal(c.token, "T2");
    assert_string_equal(c.region, "eu-west-1");
    vb_credentials_clear(&c);
    assert_false(vb_credentials_parse(profiles, sizeof profiles - 1, "wor", false, &c));
    assert_false(vb_credentials_parse("[profile work]\n", 15, "work", false, &c));
    assert_true(vb_credentials_parse("[profile work]\n", 15, "work", true, &c));
    vb_credentials_clear(&c);
}

static void clean_environment(fixture *f)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE"};

    for (size_t i = 0; i < VB_COUNT(names); i++)
        unsetenv(names[i]);
    fixture_write(f, "credentials", profiles);
    setenv("AWS_SHARED_CREDENTIALS_FILE", fixture_path(f, "credentials"), 1);
    setenv("AWS_CONFIG_FILE", fixture_path(f, "no config"), 1);
}

static void credentials_are_found_in_order(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_credentials c;

    clean_environment(f);
    assert_ok(vb_credentials_find(NULL, &c, &err), &err);
    assert_string_equal(c.key, "K1");
    vb_credentials_clear(&c);
    setenv("AWS_PROFILE", "work", 1);
    assert_ok(vb_credentials_find(NULL, &c, &err), &err);
    assert_string_equal(c.key, "K2");
    vb_credentials_clear(&c);
    setenv("AWS_ACCESS_KEY_ID", "K", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
    assert_ok(vb_credentials_find(NULL, &c, &err), &err);
    assert_string_equal(c.key, "K");
    vb_credentials_clear(&c);
    assert_ok(vb_credentials_find("default", &c, &err), &err);
    assert_string_equal(c.key, "K1");
    vb_credentials_clear(&c);
    clean_environment(f);
}

static void a_profile_that_is_not_there_is_an_error_without_secrets(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_credentials c;

    clean_environment(f);
    assert_int_equal(vb_credentials_find("nobody", &c, &err), -EACCES);
    assert_says(&err, "'nobody'");
    vb_credentials_clear(&c);
    assert_int_equal(vb_credentials_find("half", &c, &err), -EACCES);
    assert_says(&err, "half of a key");
    assert_null(strstr(err.message, "K3"));
    vb_credentials_clear(&c);
    setenv("AWS_SHARED_CREDENTIALS_FILE", fixture_path(f, "nothing"), 1);
    assert_ok(vb_credentials_find(NULL, &c, &err), &err); /* a public bucket needs none */
    assert_null(c.key);
    vb_credentials_clear(&c);
}

/* ---- options -------------------------------------------------------------------------------------------- */

static int read_config(const char *text, vb_store_config *out, vb_error *err)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;

    assert_int_equal(vb_yaml_load("vbutler.yaml", text, strlen(text), &doc, NULL), 0);
    return vb_store_config_read(vb_yaml_get(vb_yaml_root(doc), "stores"), out, err);
}

static void options_of_stores_are_read(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_store_config c;
    const vb_store_options *o;

    assert_ok(read_config("stores:\n  far: {chain: ['https://a/x', 's3://b/x'], timeout: 2.5, retries: 0}\n"
                          "  b: {endpoint: 'http://h:1', region: r, addressing: virtual, profile: p, rate: 10MB, "
                          "parallel: 3}\n",
                          &c, &err),
              &err);
    o = vb_store_config_find(&c, "far");
    assert_string_equal(o->chain[1], "s3://b/x");
    assert_null(o->chain[2]);
    assert_true(o->timeout == 2500000000 && o->retries == 0);
    o = vb_store_config_find(&c, "b");
    assert_string_equal(o->endpoint, "http://h:1");
    assert_true(o->addressing == VB_ADDRESSING_VIRTUAL && o->rate == 10000000 && o->parallel == 3);
    assert_true(o->timeout == 60000000000 && o->retries == 4);
    assert_null(vb_store_config_find(&c, "x"));
    vb_store_config_clear(&c);
}

static void wrong_options_are_refused_where_they_stand(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {{"stores: 3", "must be a map"},
                 {"stores: {x: y}", "must be a map"},
                 {"stores: {x: {timeout: 0}}", "'timeout' must be"},
                 {"stores: {x: {timeout: soon}}", "'timeout' must be"},
                 {"stores: {x: {retries: -1}}", "'retries' must be"},
                 {"stores: {x: {rate: fast}}", "'rate' must be"},
                 {"stores: {x: {addressing: street}}", "path or virtual"},
                 {"stores: {x: {chain: []}}", "'chain' must"},
                 {"stores: {x: {endpoint: }}", "'endpoint' must be text"},
                 {"stores: {x: {secret: y}}", "secret"}};

    for (size_t i = 0; i < VB_COUNT(wrong); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_store_config c;

        assert_int_equal(read_config(wrong[i].text, &c, &err), -EINVAL);
        assert_says(&err, wrong[i].says);
        assert_says(&err, "vbutler.yaml:1");
        vb_store_config_clear(&c);
    }
}

static void a_rate_is_shared_out(void **state)
{
    const int64_t s = 1000000000;
    vb_rate rate;

    vb_rate_init(&rate, 1000);
    assert_true(vb_rate_take(&rate, 100, 10 * s) == 0); /* a tenth of a second's worth at once */
    assert_true(vb_rate_take(&rate, 500, 10 * s) == s / 2);
    assert_true(vb_rate_take(&rate, 500, 10 * s) == s);
    assert_true(vb_rate_take(&rate, 100, 20 * s) == 0);
    vb_rate_init(&rate, 0);
    assert_true(vb_rate_take(&rate, 1 << 30, 0) == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_address_is_taken_apart),
        TEST(an_address_that_would_keep_a_secret_is_refused),
        TEST(what_is_no_address_is_refused),
        TEST(a_path_is_spelled_and_read_back),
        TEST(a_location_says_whether_it_is_remote),
        TEST(moments_are_read_in_both_spellings),
        TEST(a_content_range_is_read_or_refused),
        TEST(a_header_tells_of_the_last_answer),
        TEST(a_page_of_a_bucket_is_read),
        TEST(a_page_without_its_next_is_an_error),
        TEST(a_multistatus_is_read),
        TEST(xml_that_no_store_sends_is_refused),
        TEST(a_profile_is_read),
        TEST(credentials_are_found_in_order),
        TEST(a_profile_that_is_not_there_is_an_error_without_secrets),
        TEST(options_of_stores_are_read),
        TEST(wrong_options_are_refused_where_they_stand),
        TEST(a_rate_is_shared_out),
    };
    return cmocka_run_group_tests_name("remote text", tests, NULL, NULL);
}
