/* Files into the store: modes, modes and groups, what a kill leaves, what an error undoes. */
#include "fs/store/transfer.h"
#include "tests/fs/fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

static vb_transfer *begin(fixture *f, vb_transfer_mode mode)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_transfer *t = NULL;

    assert_ok(vb_transfer_begin(f->repo, f->reg, mode, &t, &err), &err);
    return t;
}

static void add(fixture *f, vb_transfer *t, const char *source, const char *target)
{
    vb_uuid uuid = vb_uuid_v7();
    vb_autofree char *spare = vb_format("%s_spare", target);

    vb_transfer_add(t, fixture_path(f, source), target, spare, &uuid);
}

static void run(vb_transfer *t)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_transfer_run(t, 2, NULL, &err), &err);
}

/* Begins, plans one file and makes it. */
static vb_transfer *transfer(fixture *f, vb_transfer_mode mode, const char *source, const char *target)
{
    vb_transfer *t = begin(f, mode);

    add(f, t, source, target);
    run(t);
    if (t->files[0].error.code)
        fail_msg("%s", t->files[0].error.message);
    return t;
}

static struct stat status(fixture *f, const char *name)
{
    struct stat st = {0};

    if (lstat(fixture_path(f, name), &st))
        fail_msg("%s is not there", name);
    return st;
}

static bool there(fixture *f, const char *name)
{
    struct stat st;

    return !lstat(fixture_path(f, name), &st);
}

static void assert_content(fixture *f, const char *name, const char *wanted)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf text = {0};

    assert_ok(vb_read_file(AT_FDCWD, fixture_path(f, name), 1 << 20, &text, &err), &err);
    assert_string_equal(vb_buf_text(&text), wanted);
}

static void copy_has_the_bytes_and_what_is_said_of_them(void **state)
{
    fixture *f = *state;
    vb_transfer *t;
    vb_location *l;
    vb_hash hash = vb_hash_bytes("hello", 5);

    fixture_write(f, "a", "hello");
    t = transfer(f, VB_TRANSFER_COPY, "a", "run/x/a");
    l = &t->files[0].location;
    assert_content(f, "repo/run/x/a", "hello");
    assert_content(f, "a", "hello");
    assert_int_equal(l->size, 5);
    assert_true(l->has_checksum);
    assert_memory_equal(&l->checksum, &hash, sizeof hash);
    assert_int_equal(l->mtime, status(f, "repo/run/x/a").st_mtim.tv_sec * INT64_C(1000000000) +
                                   status(f, "repo/run/x/a").st_mtim.tv_nsec);
    assert_string_equal(l->path, "run/x/a");
    vb_transfer_commit(t);
    vb_transfer_end(t);
    assert_true(there(f, "repo/run/x/a"));
}

static void large_copy_is_the_same(void **state)
{
    fixture *f = *state;
    size_t n = (5 << 20) + 17;
    vb_autofree char *text = vb_alloc(n + 1), *back = vb_alloc(n + 1);
    vb_transfer *t;
    vb_hash hash;
    vb_autoclose int fd = -1;

    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i * 7 % 26);
    hash = vb_hash_bytes(text, n);
    fixture_write(f, "a", text);
    t = transfer(f, VB_TRANSFER_COPY, "a", "run/a");
    assert_memory_equal(&t->files[0].location.checksum, &hash, sizeof hash);
    fd = open(fixture_path(f, "repo/run/a"), O_RDONLY);
    assert_int_equal(read(fd, back, n), n);
    assert_memory_equal(text, back, n);
    vb_transfer_end(t);
}

static void copy_and_directories_get_the_repositorys_modes_whatever_the_umask(void **state)
{
    fixture *f = *state;
    mode_t before = umask(077);
    vb_transfer *t;

    fixture_write(f, "a", "x");
    f->repo->file_mode = 0440;
    f->repo->dir_mode = 02775;
    t = transfer(f, VB_TRANSFER_COPY, "a", "run/x/a");
    umask(before);
    assert_int_equal(status(f, "repo/run/x/a").st_mode & 07777, 0440);
    assert_int_equal(status(f, "repo/run/x").st_mode & 07777, 02775);
    assert_int_equal(status(f, "repo/run").st_mode & 07777, 02775);
    vb_transfer_end(t);
}

static void copy_gets_the_repositorys_group(void **state)
{
    fixture *f = *state;
    vb_transfer *t;

    if (geteuid()) {
        print_message("skipped: only root may give a file any group\n");
        skip();
    }
    fixture_write(f, "a", "x");
    f->repo->group = 12345;
    t = transfer(f, VB_TRANSFER_COPY, "a", "run/x/a");
    assert_int_equal(status(f, "repo/run/x/a").st_gid, 12345);
    assert_int_equal(status(f, "repo/run/x").st_gid, 12345);
    vb_transfer_end(t);
}

static void hard_link_is_the_file_and_leaves_its_mode_alone(void **state)
{
    fixture *f = *state;
    vb_transfer *t;

    fixture_write(f, "a", "x");
    assert_int_equal(chmod(fixture_path(f, "a"), 0640), 0);
    t = transfer(f, VB_TRANSFER_HARDLINK, "a", "run/a");
    assert_int_equal(status(f, "repo/run/a").st_ino, status(f, "a").st_ino);
    assert_int_equal(status(f, "a").st_mode & 07777, 0640);
    assert_false(t->files[0].location.has_checksum);
    vb_transfer_end(t);
}

static void hard_link_of_a_symlink_is_to_its_file(void **state)
{
    fixture *f = *state;
    vb_transfer *t;

    fixture_write(f, "a", "x");
    assert_int_equal(symlink("a", fixture_path(f, "link")), 0);
    t = transfer(f, VB_TRANSFER_HARDLINK, "link", "run/a");
    assert_int_equal(status(f, "repo/run/a").st_ino, status(f, "a").st_ino);
    vb_transfer_end(t);
}

static void symlinks_point_to_the_real_file(void **state)
{
    fixture *f = *state;
    vb_transfer *t, *u;
    char target[4096] = {0};

    fixture_write(f, "a", "x");
    t = transfer(f, VB_TRANSFER_SYMLINK, "a", "run/a");
    assert_true(readlink(fixture_path(f, "repo/run/a"), target, sizeof target - 1) > 0);
    assert_int_equal(target[0], '/');
    assert_content(f, "repo/run/a", "x");
    u = transfer(f, VB_TRANSFER_RELSYMLINK, "a", "run/deep/er/b");
    memset(target, 0, sizeof target);
    assert_true(readlink(fixture_path(f, "repo/run/deep/er/b"), target, sizeof target - 1) > 0);
    assert_string_equal(target, "../../../../a");
    assert_content(f, "repo/run/deep/er/b", "x");
    assert_int_equal(u->files[0].location.size, 1);
    vb_transfer_end(u);
    vb_transfer_end(t);
}

static void direct_names_the_file_where_it_is(void **state)
{
    fixture *f = *state;
    vb_autofree char *real = NULL;
    vb_transfer *t, *u;

    fixture_write(f, "a", "x");
    fixture_write(f, "repo/inside", "x");
    real = realpath(fixture_path(f, "a"), NULL);
    t = transfer(f, VB_TRANSFER_DIRECT, "a", NULL);
    assert_string_equal(t->files[0].location.path, real);
    u = transfer(f, VB_TRANSFER_DIRECT, "repo/inside", NULL);
    assert_string_equal(u->files[0].location.path, "inside");
    vb_transfer_end(t);
    vb_transfer_end(u);
    assert_true(there(f, "a") && there(f, "repo/inside"));
}

static void checksum_is_made_where_it_is_asked_for(void **state)
{
    fixture *f = *state;
    vb_transfer *t = begin(f, VB_TRANSFER_HARDLINK);
    vb_hash hash = vb_hash_bytes("x", 1);

    fixture_write(f, "a", "x");
    t->checksum = true;
    add(f, t, "a", "run/a");
    run(t);
    assert_memory_equal(&t->files[0].location.checksum, &hash, sizeof hash);
    vb_transfer_end(t);
}

static void move_keeps_the_source_until_the_commit(void **state)
{
    fixture *f = *state;
    vb_transfer *t;

    fixture_write(f, "a", "x");
    t = transfer(f, VB_TRANSFER_MOVE, "a", "run/a");
    assert_true(there(f, "a"));
    assert_true(t->files[0].location.has_checksum);
    vb_transfer_commit(t);
    assert_false(there(f, "a"));
    assert_content(f, "repo/run/a", "x");
    assert_int_equal(status(f, "repo/run/a").st_mode & 07777, 0444);
    vb_transfer_end(t);
    assert_true(there(f, "repo/run/a"));
}

static void move_that_is_not_committed_leaves_everything_as_it_was(void **state)
{
    fixture *f = *state;

    fixture_write(f, "a", "x");
    assert_int_equal(chmod(fixture_path(f, "a"), 0640), 0);
    vb_transfer_end(transfer(f, VB_TRANSFER_MOVE, "a", "run/x/a"));
    assert_content(f, "a", "x");
    assert_int_equal(status(f, "a").st_mode & 07777, 0640);
    assert_false(there(f, "repo/run"));
}

static void move_of_a_symlink_is_refused(void **state)
{
    fixture *f = *state;
    vb_transfer *t = begin(f, VB_TRANSFER_MOVE);

    fixture_write(f, "a", "x");
    assert_int_equal(symlink("a", fixture_path(f, "link")), 0);
    add(f, t, "link", "run/a");
    run(t);
    assert_int_equal(t->files[0].error.code, -EINVAL);
    assert_says(&t->files[0].error, "symbolic link");
    vb_transfer_end(t);
    assert_true(there(f, "link"));
}

/* bug: an artifact was taken from its dataset */
static void move_of_what_the_repository_holds_is_refused(void **state)
{
    fixture *f = *state;
    vb_transfer *t = begin(f, VB_TRANSFER_MOVE);

    fixture_write(f, "repo/a", "x");
    assert_int_equal(symlink("repo", fixture_path(f, "way")), 0);
    add(f, t, "way/a", "run/a");
    run(t);
    assert_int_equal(t->files[0].error.code, -EINVAL);
    assert_says(&t->files[0].error, "is in the repository");
    assert_string_equal(t->files[0].error.hint, "use --transfer direct, which leaves it where it is, or copy");
    vb_transfer_end(t);
    assert_true(there(f, "repo/a"));
    assert_false(there(f, "repo/run"));
}

/* bug: where a run lay on another disk, with a link in its place, the artifact was taken away */
static void move_of_what_the_repository_holds_elsewhere_is_refused(void **state)
{
    static const char *const outside[] = {"repo/../b", "disk/run/../../b"};
    fixture *f = *state;
    vb_transfer *t = begin(f, VB_TRANSFER_MOVE);

    assert_int_equal(vb_mkdirs(AT_FDCWD, fixture_path(f, "disk/run"), 0755, NULL), 0);
    fixture_write(f, "disk/run/a", "x");
    fixture_write(f, "b", "y");
    assert_int_equal(symlink("../disk", fixture_path(f, "repo/linked")), 0);
    add(f, t, "repo/linked/run/a", "run/a");
    for (size_t i = 0; i < VB_COUNT(outside); i++) {
        vb_autofree char *target = vb_format("run/b%zu", i);

        add(f, t, outside[i], target);
    }
    run(t);
    assert_int_equal(t->files[0].error.code, -EINVAL);
    assert_says(&t->files[0].error, "is in the repository");
    for (size_t i = 0; i < VB_COUNT(outside); i++)
        assert_int_equal(t->files[1 + i].error.code, 0);
    vb_transfer_end(t);
    assert_true(there(f, "disk/run/a"));
}

/* bug: a symbolic link to another dataset's artifact broke when that one was pruned */
static void a_symlink_to_what_the_repository_holds_is_refused(void **state)
{
    static const vb_transfer_mode modes[] = {VB_TRANSFER_SYMLINK, VB_TRANSFER_RELSYMLINK};
    fixture *f = *state;

    fixture_write(f, "repo/a", "x");
    assert_int_equal(symlink("repo/a", fixture_path(f, "way")), 0);
    for (size_t i = 0; i < VB_COUNT(modes); i++) {
        vb_transfer *t = begin(f, modes[i]);

        add(f, t, "way", "run/a");
        run(t);
        assert_int_equal(t->files[0].error.code, -EINVAL);
        assert_says(&t->files[0].error, "is in the repository");
        assert_non_null(strstr(t->files[0].error.hint, "--transfer direct"));
        vb_transfer_end(t);
        assert_false(there(f, "repo/run"));
    }
}

/* bug: vbutler.yaml could be a dataset, and was unlinked when it was pruned */
static void direct_of_the_repository_s_own_files_is_refused(void **state)
{
    static const char *const own[] = {"repo/vbutler.yaml", "repo/registry.sqlite3", "repo/.vbutler/x"};
    fixture *f = *state;

    assert_int_equal(vb_mkdirs(AT_FDCWD, fixture_path(f, "repo/.vbutler"), 0755, NULL), 0);
    fixture_write(f, "repo/.vbutler/x", "x");
    for (size_t i = 0; i < VB_COUNT(own); i++) {
        vb_transfer *t = begin(f, VB_TRANSFER_DIRECT);

        add(f, t, own[i], "run/a");
        run(t);
        assert_int_equal(t->files[0].error.code, -EINVAL);
        assert_says(&t->files[0].error, "belongs to the repository itself");
        vb_transfer_end(t);
    }
}

static void move_spares_a_source_that_changed(void **state)
{
    fixture *f = *state;
    vb_transfer *t;

    fixture_write(f, "a", "x");
    t = transfer(f, VB_TRANSFER_MOVE, "a", "run/a");
    assert_int_equal(unlink(fixture_path(f, "a")), 0);
    fixture_write(f, "a", "another");
    vb_transfer_commit(t);
    vb_transfer_end(t);
    assert_content(f, "a", "another");
    assert_content(f, "repo/run/a", "x");
}

static void what_is_not_committed_is_undone_with_its_directories(void **state)
{
    fixture *f = *state;
    vb_transfer *t = begin(f, VB_TRANSFER_COPY);

    fixture_write(f, "a", "x");
    add(f, t, "a", "run/x/1");
    add(f, t, "a", "run/y/2");
    run(t);
    assert_true(there(f, "repo/run/y/2"));
    vb_transfer_end(t);
    assert_false(there(f, "repo/run"));
    assert_true(there(f, "a"));
}

static void undoing_leaves_what_others_made_in_the_same_directory(void **state)
{
    fixture *f = *state;
    vb_transfer *t;

    fixture_write(f, "a", "x");
    t = transfer(f, VB_TRANSFER_COPY, "a", "run/x/1");
    fixture_write(f, "repo/run/x/other", "y");
    vb_transfer_end(t);
    assert_true(there(f, "repo/run/x/other"));
    assert_false(there(f, "repo/run/x/1"));
}

static void taken_name_gets_the_spare_and_nothing_is_replaced(void **state)
{
    static const vb_transfer_mode modes[] = {VB_TRANSFER_COPY, VB_TRANSFER_HARDLINK, VB_TRANSFER_SYMLINK,
                                             VB_TRANSFER_MOVE};
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(modes); i++) {
        vb_transfer *first, *second;

        fixture_write(f, "a", "first");
        fixture_write(f, "b", "second");
        first = transfer(f, modes[i], "a", "run/a");
        second = transfer(f, modes[i], "b", "run/a");
        assert_string_equal(second->files[0].location.path, "run/a_spare");
        assert_content(f, "repo/run/a", "first");
        assert_content(f, "repo/run/a_spare", "second");
        vb_transfer_end(second);
        vb_transfer_end(first);
        assert_false(there(f, "repo/run"));
    }
}

static void bad_files_have_their_own_errors(void **state)
{
    fixture *f = *state;
    vb_transfer *t = begin(f, VB_TRANSFER_COPY);

    fixture_write(f, "a", "x");
    assert_int_equal(symlink("nothing", fixture_path(f, "dangling")), 0);
    add(f, t, "nowhere", "run/1");
    add(f, t, "a", "run/2");
    add(f, t, ".", "run/3");
    add(f, t, "dangling", "run/4");
    run(t);
    assert_int_equal(t->files[0].error.code, -ENOENT);
    assert_int_equal(t->files[1].error.code, 0);
    assert_string_equal(t->files[2].error.message, "not a file");
    assert_string_equal(t->files[3].error.message, "a link to nothing");
    assert_false(there(f, "repo/run/1"));
    assert_true(there(f, "repo/run/2"));
    vb_transfer_end(t);
}

/* Runs a transfer in a process that ends as if killed: nothing is undone, nothing committed. */
static void transfer_and_die(fixture *f, vb_transfer_mode mode, const char *source, const char *target)
{
    pid_t pid = fork();
    int result;

    if (!pid) {
        transfer(f, mode, source, target);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &result, 0), pid);
    assert_int_equal(result, 0);
}

static void kill_before_the_commit_is_swept_up_and_loses_nothing(void **state)
{
    static const vb_transfer_mode modes[] = {VB_TRANSFER_MOVE, VB_TRANSFER_COPY, VB_TRANSFER_HARDLINK};
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(modes); i++) {
        fixture_write(f, "a", "precious");
        transfer_and_die(f, modes[i], "a", "run/a");
        assert_true(there(f, "repo/run/a"));
        assert_content(f, "a", "precious");
        vb_transfer_end(begin(f, VB_TRANSFER_COPY)); /* the next one sweeps */
        assert_false(there(f, "repo/run/a"));
        assert_content(f, "a", "precious");
    }
}

static void register_path(fixture *f, const char *path)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    char *none[] = {NULL};
    vb_dataset_type wanted = {.name = (char *)"x", .storage_class = (char *)"X"};
    vb_location location = {.store_id = 1, .path = (char *)path, .size = 1, .mtime = -1};
    vb_dataset d = {0};
    const vb_collection *run;

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_universe_conform_names(vb_registry_universe(f->reg), none, &wanted.group, &err), &err);
    assert_ok(vb_dataset_type_register(f->reg, &wanted, &d.type, &err), &err);
    assert_ok(vb_collection_register(f->reg, "run", VB_RUN, NULL, &run, &err), &err);
    d.run_id = run->id;
    d.dataid.group = wanted.group;
    assert_ok(vb_dataset_insert(f->reg, &d, &location, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
}

static void kill_after_the_commit_keeps_the_file(void **state)
{
    fixture *f = *state;

    fixture_write(f, "a", "x");
    transfer_and_die(f, VB_TRANSFER_MOVE, "a", "run/a");
    register_path(f, "run/a#hdu=2"); /* as if it had come to that */
    vb_transfer_end(begin(f, VB_TRANSFER_COPY));
    assert_true(there(f, "repo/run/a"));
}

static void sweep_spares_what_a_living_transfer_makes_under_the_same_name(void **state)
{
    fixture *f = *state;
    vb_transfer *living;

    fixture_write(f, "a", "dead");
    fixture_write(f, "b", "alive");
    transfer_and_die(f, VB_TRANSFER_COPY, "a", "run/a");
    assert_int_equal(unlink(fixture_path(f, "repo/run/a")), 0); /* it had not come so far */
    /* A second dead intent of that name, which the living one does not sweep because it begins before. */
    living = begin(f, VB_TRANSFER_COPY);
    add(f, living, "b", "run/a");
    transfer_and_die(f, VB_TRANSFER_COPY, "a", "run/a");
    assert_int_equal(unlink(fixture_path(f, "repo/run/a")), 0);
    run(living);
    vb_transfer_end(begin(f, VB_TRANSFER_COPY));
    assert_content(f, "repo/run/a", "alive");
    vb_transfer_end(living);
}

static void intents_of_others_cannot_name_files_outside(void **state)
{
    fixture *f = *state;
    char id[VB_UUID_TEXT];
    vb_autofree char *line = vb_format("%s ../a\n%s /etc/passwd\nnonsense\n", vb_uuid_format(vb_uuid_v7(), id), id);

    fixture_write(f, "a", "x");
    assert_int_equal(vb_mkdirs(AT_FDCWD, fixture_path(f, "repo/.vbutler/transfers"), 0777, NULL), 0);
    fixture_write(f, "repo/.vbutler/transfers/forged", line);
    vb_transfer_end(begin(f, VB_TRANSFER_COPY));
    assert_true(there(f, "a"));
    assert_false(there(f, "repo/.vbutler/transfers/forged"));
}

static void many_files_go_in_parallel(void **state)
{
    fixture *f = *state;
    vb_transfer *t = begin(f, VB_TRANSFER_COPY);

    for (int i = 0; i < 500; i++) {
        vb_autofree char *source = vb_format("s%d", i), *target = vb_format("run/%d/%d", i % 7, i);

        fixture_write(f, source, source);
        add(f, t, source, target);
    }
    run(t);
    for (int i = 0; i < 500; i++) {
        vb_autofree char *target = vb_format("repo/run/%d/%d", i % 7, i), *source = vb_format("s%d", i);

        assert_int_equal(t->files[i].error.code, 0);
        assert_content(f, target, source);
    }
    vb_transfer_end(t);
    assert_false(there(f, "repo/run"));
}

static void modes_are_parsed_and_others_get_a_hint(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_transfer_mode mode;

    assert_ok(vb_transfer_mode_parse("relsymlink", &mode, &err), &err);
    assert_int_equal(mode, VB_TRANSFER_RELSYMLINK);
    assert_int_equal(vb_transfer_mode_parse("hardlinks", &mode, &err), -EINVAL);
    assert_string_equal(err.hint, "did you mean 'hardlink'?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(copy_has_the_bytes_and_what_is_said_of_them),
        TEST(large_copy_is_the_same),
        TEST(copy_and_directories_get_the_repositorys_modes_whatever_the_umask),
        TEST(copy_gets_the_repositorys_group),
        TEST(hard_link_is_the_file_and_leaves_its_mode_alone),
        TEST(hard_link_of_a_symlink_is_to_its_file),
        TEST(symlinks_point_to_the_real_file),
        TEST(direct_names_the_file_where_it_is),
        TEST(checksum_is_made_where_it_is_asked_for),
        TEST(move_keeps_the_source_until_the_commit),
        TEST(move_that_is_not_committed_leaves_everything_as_it_was),
        TEST(move_of_a_symlink_is_refused),
        TEST(a_symlink_to_what_the_repository_holds_is_refused),
        TEST(direct_of_the_repository_s_own_files_is_refused),
        TEST(move_of_what_the_repository_holds_is_refused),
        TEST(move_of_what_the_repository_holds_elsewhere_is_refused),
        TEST(move_spares_a_source_that_changed),
        TEST(what_is_not_committed_is_undone_with_its_directories),
        TEST(undoing_leaves_what_others_made_in_the_same_directory),
        TEST(taken_name_gets_the_spare_and_nothing_is_replaced),
        TEST(bad_files_have_their_own_errors),
        TEST(kill_before_the_commit_is_swept_up_and_loses_nothing),
        TEST(kill_after_the_commit_keeps_the_file),
        TEST(sweep_spares_what_a_living_transfer_makes_under_the_same_name),
        TEST(intents_of_others_cannot_name_files_outside),
        TEST(many_files_go_in_parallel),
        TEST(modes_are_parsed_and_others_get_a_hint),
    };

    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
