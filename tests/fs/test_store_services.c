/* Tests of the classes of remote stores against real servers: nginx with WebDAV, and Ceph's RADOS Gateway.  Where these
 * are not installed the tests skip, and say so (tests/services). */
#include "fs/store/class.h"
#include "fs/store/s3/internal.h"
#include "registry/base/clock.h"
#include "tests/fs/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>

enum { SECOND = 1000000000 };

/* A server, and a store on it. */
typedef struct service {
    char dir[64], root[128];
    const vb_store_class *class;
    vb_store_options options;
    void *store; /* NULL: the server is not installed */
} service;

static service web = {.class = &vb_store_http}, s3 = {.class = &vb_store_s3};

/* Runs tests/services/SCRIPT DIR; its first line, or NULL where it cannot run here. */
static char *start(const char *script, service *s)
{
    vb_autofree char *command = NULL;
    char line[256] = "";
    FILE *out;
    int status;

    strcpy(s->dir, "/tmp/vbutler-service.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_int_equal(chmod(s->dir, 0755), 0);
    command = vb_format("exec tests/services/%s %s", script, s->dir);
    out = popen(command, "r");
    assert_non_null(out);
    if (!fgets(line, sizeof line, out))
        *line = 0;
    status = pclose(out);
    line[strcspn(line, "\n")] = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return NULL;
    assert_int_equal(status, 0);
    return vb_strdup(line);
}

static void open_store(service *s)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(s->class->open(s->root, &s->options, &s->store, &err), &err);
}

static int start_services(void **state)
{
    static const vb_store_options options = {.timeout = 20 * (int64_t)SECOND, .retries = 2};
    vb_autofree char *address = start("web-up.sh", &web), *endpoint = start("s3-up.sh", &s3);

    unsetenv("http_proxy");
    web.options = s3.options = options;
    if (address) {
        snprintf(web.root, sizeof web.root, "%s/some/root", address);
        open_store(&web);
    }
    if (endpoint) {
        setenv("AWS_ENDPOINT_URL", endpoint, 1);
        setenv("AWS_ACCESS_KEY_ID", "TESTKEY", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "TESTSECRET", 1);
        setenv("AWS_REGION", "us-east-1", 1);
        snprintf(s3.root, sizeof s3.root, "s3://bucket/some root");
        open_store(&s3);
    }
    return 0;
}

static int stop_services(void **state)
{
    vb_autofree char *web_down = vb_format("kill $(cat %s/nginx.pid 2>/dev/null) 2>/dev/null", web.dir);
    vb_autofree char *s3_down = vb_format("tests/services/s3-down.sh %s", s3.dir);

    if (web.store)
        web.class->close(web.store);
    if (s3.store)
        s3.class->close(s3.store);
    if (system(web_down) < 0 || system(s3_down) < 0)
        return -1;
    vb_remove_tree(AT_FDCWD, web.dir, NULL);
    return vb_remove_tree(AT_FDCWD, s3.dir, NULL);
}

static service *need(service *s)
{
    if (!s->store)
        skip();
    return s;
}

/* ---- a file and an object ------------------------------------------------------------------------------- */

static int64_t soon(void)
{
    return vb_clock_monotonic_ns() + 20 * (int64_t)SECOND;
}

static int file_of(const void *bytes, size_t n)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(vb_write_all(fd, bytes, n), 0);
    return fd;
}

static int put(service *s, const char *path, const char *text, bool replace, vb_error *err)
{
    vb_autoclose int fd = file_of(text, strlen(text));

    return s->class->put(s->store, path, fd, (int64_t)strlen(text), replace, soon(), err);
}

static int collect(void *arg, const void *bytes, size_t n)
{
    vb_buf_add(arg, bytes, n);
    return 0;
}

static void check_content(service *s, const char *path, const char *text)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf bytes = {0};
    vb_object object;

    assert_ok(s->class->get(s->store, path, 0, -1, "", soon(), collect, &bytes, &err), &err);
    assert_string_equal(vb_buf_text(&bytes), text);
    assert_ok(s->class->stat(s->store, path, soon(), &object, &err), &err);
    assert_int_equal(object.size, strlen(text));
    assert_true(object.mtime > 0);
}

static int add_name(void *arg, const char *path, const vb_object *object)
{
    vb_strv_add(arg, path);
    assert_true(object->size >= 0);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a b c": what is there, sorted. */
static char *listing(service *s, const char *prefix)
{
    vb_auto_error err = VB_ERROR_INIT;
    char **names = vb_alloc(sizeof *names);
    vb_buf all = {0};

    assert_ok(s->class->list(s->store, prefix, soon(), add_name, &names, &err), &err);
    qsort(names, vb_strv_count(names), sizeof *names, by_name);
    for (char **n = names; *n; n++)
        vb_buf_printf(&all, "%s%s", n == names ? "" : " ", *n);
    vb_strv_free(names);
    return vb_buf_steal(&all);
}

/* ---- what every store can do ---------------------------------------------------------------------------- */

static void check_life(service *s)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *all = NULL, *below = NULL, *none = NULL, *left = NULL;
    vb_auto_buf part = {0};
    vb_object object;

    assert_ok(put(s, "life/a.txt", "hello", false, &err), &err);
    check_content(s, "life/a.txt", "hello");
    assert_int_equal(put(s, "life/a.txt", "other", false, &err), -EEXIST);
    assert_says(&err, "there already");
    check_content(s, "life/a.txt", "hello");
    assert_ok(put(s, "life/a.txt", "newer one", true, &err), &err);
    check_content(s, "life/a.txt", "newer one");
    assert_ok(s->class->get(s->store, "life/a.txt", 2, 3, "", soon(), collect, &part, &err), &err);
    assert_string_equal(vb_buf_text(&part), "wer");
    assert_ok(put(s, "life/empty", "", false, &err), &err);
    check_content(s, "life/empty", "");
    assert_ok(put(s, "life/deep/er/b %41+#?&=.txt", "odd", false, &err), &err);
    check_content(s, "life/deep/er/b %41+#?&=.txt", "odd");
    all = listing(s, "life/");
    assert_string_equal(all, "life/a.txt life/deep/er/b %41+#?&=.txt life/empty");
    below = listing(s, "life/deep/");
    assert_string_equal(below, "life/deep/er/b %41+#?&=.txt");
    none = listing(s, "nothing/");
    assert_string_equal(none, "");
    assert_ok(s->class->remove(s->store, "life/a.txt", soon(), &err), &err);
    assert_int_equal(s->class->stat(s->store, "life/a.txt", soon(), &object, &err), -ENOENT);
    assert_says(&err, "it is not there");
    left = listing(s, "life/");
    assert_string_equal(left, "life/deep/er/b %41+#?&=.txt life/empty");
    assert_int_equal(s->class->stat(s->store, "../a.txt", soon(), &object, &err), -EINVAL);
    assert_says(&err, "leads out of its store");
}

static void a_file_lives_on_a_web_server(void **state)
{
    check_life(need(&web));
}

static void a_file_lives_in_a_bucket(void **state)
{
    check_life(need(&s3));
}

static void what_is_not_there_cannot_be_removed_from_a_web_server(void **state)
{
    service *s = need(&web);
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(s->class->remove(s->store, "never", soon(), &err), -ENOENT);
}

/* Of many that write one name, one does. */
struct race {
    service *s;
    char text[16];
    int r;
};

static void *run_race(void *arg)
{
    struct race *race = arg;

    race->r = put(race->s, "race", race->text, false, NULL);
    return NULL;
}

static void check_race(service *s)
{
    enum { RUNNERS = 8 };
    struct race runners[RUNNERS];
    pthread_t threads[RUNNERS];
    int winner = -1;

    for (int i = 0; i < RUNNERS; i++) {
        runners[i].s = s;
        snprintf(runners[i].text, sizeof runners[i].text, "runner %d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, run_race, &runners[i]), 0);
    }
    for (int i = 0; i < RUNNERS; i++) {
        pthread_join(threads[i], NULL);
        if (!runners[i].r) {
            assert_int_equal(winner, -1);
            winner = i;
        } else {
            assert_int_equal(runners[i].r, -EEXIST);
        }
    }
    assert_true(winner >= 0);
    check_content(s, "race", runners[winner].text);
}

static void of_many_writers_on_a_web_server_one_wins(void **state)
{
    vb_autofree char *all = NULL;

    check_race(need(&web));
    all = listing(&web, "");
    assert_null(strstr(all, ".race")); /* no temporary file is left */
}

static void of_many_writers_in_a_bucket_one_wins(void **state)
{
    check_race(need(&s3));
}

/* ---- S3 ------------------------------------------------------------------------------------------------- */

static void a_listing_has_several_pages(void **state)
{
    service *s = need(&s3);
    vb_autofree char *all = NULL;
    size_t n = 0;

    for (int i = 0; i < 1010; i++) {
        vb_autofree char *path = vb_format("pages/%d", i);
        vb_auto_error err = VB_ERROR_INIT;

        assert_ok(put(s, path, "x", false, &err), &err);
    }
    all = listing(s, "pages/");
    for (const char *p = all; (p = strstr(p, "pages/")); p++)
        n++;
    assert_int_equal(n, 1010);
}

static void check_parts(bool taken)
{
    enum { PART = 5 << 20, SIZE = 12 << 20 };
    service *s = need(&s3);
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *data = vb_alloc(SIZE);
    vb_auto_buf back = {0};
    struct s3_object o;
    int r;

    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 31 + i / 4096);
    vb_autoclose int fd = file_of(data, SIZE);
    assert_ok(vb_s3_locate(s->store, "parts", &o, &err), &err);
    r = vb_s3_put_parts(s->store, &o, fd, SIZE, PART, false, soon(), &err);
    vb_s3_object_clear(&o);
    if (taken) {
        assert_int_equal(r, -EEXIST);
        return;
    }
    assert_ok(r, &err);
    assert_ok(s->class->get(s->store, "parts", 0, -1, "", soon(), collect, &back, &err), &err);
    assert_int_equal(back.len, SIZE);
    assert_memory_equal(back.data, data, SIZE);
}

static void a_large_object_is_sent_in_parts(void **state)
{
    check_parts(false);
    check_parts(true);
}

/* Parts of an upload that was given up are not kept. */
static void an_upload_that_fails_is_aborted(void **state)
{
    enum { PART = 5 << 20 };
    service *s = need(&s3);
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_answer answer = {0};
    struct s3_object o, bucket;
    struct s3_headers h;
    vb_request q;
    vb_autofree char *data = vb_alloc(PART);
    vb_autoclose int fd = file_of(data, PART);
    vb_autofree char *url = NULL;

    assert_ok(vb_s3_locate(s->store, "aborted", &o, &err), &err);
    /* The file is shorter than what is told: the second part cannot be read. */
    assert_int_equal(vb_s3_put_parts(s->store, &o, fd, 2 * PART, PART, false, soon(), &err), -ESTALE);
    vb_s3_object_clear(&o);
    assert_ok(vb_s3_locate(s->store, "", &bucket, &err), &err);
    q = vb_s3_request(&bucket, &h, NULL, "GET", "listing", soon());
    url = vb_format("%s/bucket?uploads=", getenv("AWS_ENDPOINT_URL"));
    q.url = url;
    assert_ok(vb_remote_send(((struct s3_store *)s->store)->remote, &q, &answer, &err), &err);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(vb_buf_text(&answer.body), "aborted"));
    vb_s3_headers_clear(&h);
    vb_s3_object_clear(&bucket);
}

static void a_bucket_can_be_a_part_of_the_hosts_name(void **state)
{
    service *s = need(&s3);
    vb_autofree char *endpoint = vb_format("http://localhost%s", strrchr(getenv("AWS_ENDPOINT_URL"), ':'));
    service by_host = {.class = &vb_store_s3, .options = s->options};

    by_host.options.endpoint = endpoint;
    by_host.options.addressing = VB_ADDRESSING_VIRTUAL;
    strcpy(by_host.root, "s3://bucket/by host");
    open_store(&by_host);
    check_life(&by_host);
    by_host.class->close(by_host.store);
}

static void a_wrong_key_is_refused(void **state)
{
    service *s = need(&s3);
    vb_auto_error err = VB_ERROR_INIT;
    service other = {.class = &vb_store_s3, .options = s->options};

    strcpy(other.root, s->root);
    open_store(&other);
    setenv("AWS_SECRET_ACCESS_KEY", "wrong-and-secret", 1);
    assert_int_equal(put(&other, "x", "x", true, &err), -EACCES);
    assert_says(&err, "writing s3://bucket/some root/x: the server answered 403 SignatureDoesNotMatch");
    assert_null(strstr(err.message, "wrong-and-secret"));
    setenv("AWS_SECRET_ACCESS_KEY", "TESTSECRET", 1);
    other.class->close(other.store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
    const struct CMUnitTest tests[] = {
        TEST(a_file_lives_on_a_web_server),
        TEST(a_file_lives_in_a_bucket),
        TEST(what_is_not_there_cannot_be_removed_from_a_web_server),
        TEST(of_many_writers_on_a_web_server_one_wins),
        TEST(of_many_writers_in_a_bucket_one_wins),
        TEST(a_listing_has_several_pages),
        TEST(a_large_object_is_sent_in_parts),
        TEST(an_upload_that_fails_is_aborted),
        TEST(a_bucket_can_be_a_part_of_the_hosts_name),
        TEST(a_wrong_key_is_refused),
    };
    return cmocka_run_group_tests_name("store services", tests, start_services, stop_services);
}
