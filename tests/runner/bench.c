#include "tests/runner/bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

int bench_setup(void **state)
{
    int r = world_setup(state);

    if (!r)
        world_raws(*state);
    return r;
}

/* ---- pipelines -------------------------------------------------------------------------------------------------- */

vb_pipeline *bench_pipeline(fixture *f, const char *yaml)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_pipeline *p = NULL;

    fixture_write(f, "p.yaml", yaml);
    assert_ok(vb_pipeline_load(fixture_path(f, "p.yaml"), &p, &err), &err);
    return p;
}

void bench_refused(fixture *f, const char *yaml, bool resolve, const char *message)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_graph_spec spec = {0};
    int r;

    fixture_write(f, "p.yaml", yaml);
    r = vb_pipeline_load(fixture_path(f, "p.yaml"), &p, &err);
    if (resolve) {
        assert_ok(r, &err);
        r = vb_pipeline_resolve(p, f->reg, &spec, &err);
    }
    if (r != -EINVAL)
        fail_msg("%d instead of -EINVAL (%s) for\n%s", r, message, yaml);
    assert_says(&err, message);
}

/* ---- a run ------------------------------------------------------------------------------------------------------ */

static void open_directory(bench *b)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_rundir_open(b->f->repo, b->graph, fixture_path(b->f, "run.vbg"), &b->site.dir, &err), &err);
    b->site.published = vb_published_new();
}

bench *bench_new(fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    bench *b = VB_NEW(bench);

    b->f = f;
    b->graph = quanta_graph(f, "run.vbg", (quanta_plan){.run = "u/run"});
    b->options = (vb_run_options){.processes = 1};
    b->site = (vb_site){.repo = f->repo,
                        .root = open(f->repo->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        .host = (char *)"here",
                        .capture = (char *)"complete",
                        .options = &b->options};
    open_directory(b);
    assert_ok(vb_provenance_register_run(f->reg, b->graph, &err), &err);
    return b;
}

void bench_free(bench *b)
{
    vb_published_free(b->site.published);
    vb_rundir_close(b->site.dir);
    if (b->site.root >= 0)
        close(b->site.root);
    vb_graph_close(b->graph);
    free(b);
}

void bench_again(bench *b)
{
    vb_published_free(b->site.published);
    vb_rundir_close(b->site.dir);
    open_directory(b);
}

vb_uuid bench_quantum(bench *b, const char *label, const char *values)
{
    vb_auto_quantum q = quanta_find(b->graph, b->f, label, values);

    return q.uuid;
}

static void note_intent(bench *b, int file, const vb_receipt *receipt)
{
    vb_auto_buf line = {0};

    vb_buf_puts(&line, "{\"intent\":[");
    for (size_t i = 0; i < receipt->noutputs; i++) {
        struct stat st;

        assert_int_equal(fstatat(b->site.root, receipt->outputs[i].path, &st, 0), 0);
        vb_buf_printf(&line, "%s{\"path\":\"%s\",\"inode\":%llu}", i ? "," : "", receipt->outputs[i].path,
                      (unsigned long long)st.st_ino);
    }
    vb_buf_puts(&line, "]}");
    assert_int_equal(vb_rundir_note(file, vb_buf_text(&line), NULL), 0);
}

vb_receipt *bench_attempt(bench *b, const char *label, const char *values, vb_status status, bench_stage stage)
{
    vb_auto_quantum q = quanta_find(b->graph, b->f, label, values);
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *scratch = NULL, *line = NULL;
    vb_auto(vb_receipt_free) vb_receipt *receipt = NULL;
    int number = 1;
    vb_autoclose int file = vb_rundir_begin(b->site.dir, &q.uuid, &number, &err);

    assert_ok(file, &err);
    assert_ok(vb_rundir_make_scratch(b->site.dir, &q.uuid, number, &scratch, &err), &err);
    if (stage == BENCH_BEGUN)
        return NULL;
    receipt = quanta_receipt(b->f, b->graph, &q, number, status, false);
    note_intent(b, file, receipt);
    if (stage == BENCH_INTENDED)
        return NULL;
    line = vb_receipt_write(receipt);
    assert_ok(vb_rundir_note(file, line, &err), &err);
    if (stage == BENCH_COUNTS)
        assert_int_equal(vb_rundir_commit(b->site.dir, &q.uuid, number, &err), 1);
    return VB_STEAL(receipt);
}

bool bench_exists(const bench *b, const char *path)
{
    return !faccessat(b->site.root, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

const char *bench_link(bench *b, const vb_uuid *quantum)
{
    char uuid[VB_UUID_TEXT];
    vb_autofree char *path = NULL;

    vb_uuid_format(*quantum, uuid);
    path = vb_format("%s/receipts/%s/%s", b->site.dir->path, uuid + 34, uuid);
    return fixture_path(b->f, path); /* absolute: it stays as it is */
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

void bench_threads(int n, void *(*each)(void *arg), void *arg)
{
    pthread_t threads[16];

    assert_true(n <= (int)VB_COUNT(threads));
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, each, arg), 0);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

void bench_wait_asleep(pid_t thread)
{
    vb_autofree char *path = vb_format("/proc/self/task/%d/stat", (int)thread);
    int asleep = 0;

    while (asleep < 100) { /* some times in a row: not just on its way */
        vb_auto_buf text = {0};
        const char *state;

        assert_int_equal(vb_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
        state = strrchr(vb_buf_text(&text), ')');
        asleep = state && state[2] == 'S' ? asleep + 1 : 0;
        sched_yield();
    }
}
