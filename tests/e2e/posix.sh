#!/bin/sh
# posix.sh - what programs expect of files, inside a job and for an ordinary user (tests/fs/test_session_posix has the cases).
. "$(dirname "$0")/lib.sh"

test_the_cases_for_an_ordinary_user() {
    need_user
    cases=$BUILD/tests/fs/test_fs_session_posix
    [ -x "$cases" ] || skip "$cases was not built"
    cp "$cases" cases
    mkdir -m 700 tmp
    chown "$TEST_USER" tmp
    as_user env TMPDIR="$PWD/tmp" ./cases 2>&1
}

test_a_task_of_root_s_may_become_another_user() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root"
    make_numbers 1
    cat >task <<'TASK'
set -e
chmod 777 .
setpriv --reuid 65534 --regid 65534 --clear-groups sh -ec 'cat in/number/number_0.txt >his; mkdir dir; [ "$(stat -c %u:%g his dir)" = "65534:65534
65534:65534" ]'
TASK
    vb exec -b repo -i numbers -o u/try -- sh -c "$(cat task)"
}

# A copy that leaves out holes asks for them right after the write.
test_sparse_files_are_copied_whole() {
    need_fuse
    make_numbers 1
    vb exec -b repo -i numbers -o u/try -- sh -ec 'truncate -s 1M a
        printf here | dd of=a bs=1 seek=500000 conv=notrunc 2>/dev/null
        cp --sparse=always a b && cp --sparse=auto a c && cmp a b && cmp a c && [ "$(stat -c %b b)" -lt 100 ]'
    need_user
    need_user_namespaces
    chown -R "$TEST_USER" .
    as_user "$VBUTLER" exec -b repo -i numbers -o u/user -- sh -ec 'truncate -s 1M a
        printf here | dd of=a bs=1 seek=500000 conv=notrunc 2>/dev/null
        cp --sparse=auto a c && cmp a c'
}

run_tests "$@"
