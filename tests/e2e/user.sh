#!/bin/sh
# user.sh - everything as an ordinary user: runs in user namespaces, ad-hoc commands, mounts.
. "$(dirname "$0")/lib.sh"

# The same test, with `vb` and all else as the ordinary user, in a directory of his.
as_ordinary() {
    chown "$TEST_USER" .
    as_user env VBUTLER="$VBUTLER" SIMULATE="$SIMULATE" SOURCE="$SOURCE" VB_SHARED="$VB_SHARED" VB_KEEP="${VB_KEEP:-}" \
        TMPDIR="$PWD" sh "$SOURCE/tests/e2e/$1.sh" $2
}

test_runs_of_an_ordinary_user() {
    need_user
    need_user_namespaces
    as_ordinary run "test_numbers_are_doubled_and_added_up test_a_failing_program_is_told_and_what_depends_on_it_is_blocked
        test_a_time_limit_ends_a_task test_an_interrupted_run_keeps_what_is_done_and_goes_on"
}

test_capture_of_an_ordinary_user() {
    need_user
    need_user_namespaces
    as_ordinary capture "test_a_declared_input_that_was_read test_an_undeclared_input_is_recorded
        test_an_undeclared_input_is_denied test_inputs_cannot_be_changed test_the_repository_is_out_of_reach_but_for_the_session
        test_what_a_task_leaves_running_dies_before_its_outputs_are_read test_an_output_that_leads_out_is_refused"
}

test_kills_of_an_ordinary_user() {
    need_user
    as_ordinary kill test_twenty_kills
}

test_mounts_of_an_ordinary_user() {
    need_user
    as_ordinary mount "test_what_a_mount_shows test_lineage_is_walked_with_cd test_extended_attributes_tell_what_a_dataset_is
        test_umount_takes_a_mount_away test_a_live_mount_shows_new_commits"
}

test_a_repository_of_someone_else_can_be_read_and_not_written() {
    need_user
    make_numbers 2
    run_numbers u/x
    chmod -R a+rX repo
    run=$(latest_run repo u/x)
    as_user "$VBUTLER" report "$TEST_DIR/repo" "$run" >report
    grep -q double report
    expect_failure 'registry.sqlite3|Permission denied|cannot be written' \
        as_user "$VBUTLER" run -b "$TEST_DIR/repo" -p "$TEST_DIR/numbers.yaml" -i numbers -o u/y
    check_store repo
}

test_a_reader_is_told_why_a_registry_cannot_be_opened() {
    need_user
    make_numbers 1
    chmod -R a+rX repo
    sqlite3 repo/registry.sqlite3 'CREATE TABLE other(x); DROP TABLE other' # takes the write-ahead log away
    expect_failure 'cannot be' as_user "$VBUTLER" report "$TEST_DIR/repo" numbers
    grep -q 'other programs that close the registry' failure.err || fail "$(cat failure.err)"
}

run_tests "$@"
