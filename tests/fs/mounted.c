#include "tests/fs/mounted.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

static void *serve(void *arg)
{
    server *s = arg;

    s->result = vb_session_serve(s->m->session, &s->call, NULL, 0, false, NULL);
    return NULL;
}

mounted *mounted_prepare(fixture *f, const vb_branch *const *branches, bool job)
{
    vb_auto_error err = VB_ERROR_INIT;
    mounted *m = VB_NEW(mounted);

    m->f = f;
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "mnt"), 0755), 0);
    assert_ok(vb_stores_open(f->reg, f->repo->root, &m->stores, &err), &err);
    m->view = vb_view_new(m->stores, branches);
    m->journal = vb_journal_new();
    if (job) {
        assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "scratch"), 0755), 0);
        assert_ok(vb_job_view_new(fixture_path(f, "scratch"), &m->job, &err), &err);
        m->view->job = m->job;
    }
    return m;
}

void mounted_at(mounted *m, const vb_session_options *options)
{
    vb_auto_error err = VB_ERROR_INIT;

    if (vb_session_mount(m->view, fixture_path(m->f, "mnt"), "test", m->allow_other, options, &m->session, &err) ==
        -EPERM) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    assert_non_null(m->session);
}

void mounted_serve(mounted *m, int n)
{
    vb_auto_error err = VB_ERROR_INIT;

    for (; m->count < n; m->count++) {
        server *s = &m->servers[m->count];

        s->m = m;
        s->result = -1;
        assert_ok(vb_repo_registry(m->f->repo, VB_ACCESS_READ, &s->reg, &err), &err);
        s->call = (vb_call){.view = m->view,
                            .reg = s->reg,
                            .journal = m->count ? NULL : m->journal,
                            .live = m->drafts != NULL};
        assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    }
}

/* A browsing mount. */
mounted *mounted_browse(fixture *f, int servers)
{
    mounted *m = mounted_prepare(f, vb_browse_branches, false);

    mounted_at(m, &(vb_session_options){.timeout = 0});
    mounted_serve(m, servers);
    return m;
}

mounted *mounted_write(fixture *f, int servers)
{
    mounted *m = mounted_prepare(f, vb_browse_branches, false);
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_drafts_open(f->repo, "u/edit", &m->drafts, &err), &err);
    m->view->drafts = m->drafts;
    mounted_at(m, &(vb_session_options){.writable = true, .passthrough = !geteuid()});
    mounted_serve(m, servers);
    return m;
}

/* Waits for the threads; all must have come to a good end. */
void mounted_join(mounted *m)
{
    for (int i = 0; i < m->count; i++) {
        pthread_join(m->servers[i].thread, NULL);
        assert_int_equal(m->servers[i].result, 0);
    }
    m->count = 0;
}

void mounted_end(mounted *m)
{
    if (m->session)
        vb_session_stop(m->session);
    umount2(fixture_path(m->f, "mnt"), MNT_FORCE | MNT_DETACH);
    mounted_join(m);
    if (m->session)
        vb_session_free(m->session);
    vb_view_free(m->view);
    if (m->drafts)
        vb_drafts_close(m->drafts);
    for (int i = 0; i < MAX_SERVERS; i++) /* after the view */
        if (m->servers[i].reg)
            vb_registry_close(m->servers[i].reg);
    if (m->job)
        vb_job_view_free(m->job);
    vb_journal_free(m->journal);
    vb_stores_close(m->stores);
    free(m);
}

const char *mounted_path(mounted *m, const char *path)
{
    vb_autofree char *below = vb_format("mnt/%s", path);

    return fixture_path(m->f, below);
}

/* Root's mounts go with the process, however it ends. */
static void hide_mounts(void)
{
    static bool hidden;

    if (!hidden && !geteuid() && !unshare(CLONE_NEWNS))
        hidden = !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int mounted_setup(void **state)
{
    int r = world_setup(state);

    hide_mounts();
    if (!r)
        world_raws(*state);
    return r;
}

/* A test that failed has left its mount. */
int mounted_teardown(void **state)
{
    umount2(fixture_path(*state, "mnt"), MNT_FORCE | MNT_DETACH);
    return fixture_teardown(state);
}

char *mounted_read(const char *path)
{
    vb_buf text = {0};
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_read_file(AT_FDCWD, path, 1 << 20, &text, &err), &err);
    return vb_buf_steal(&text);
}
