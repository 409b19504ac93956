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

# stress-ng checks what it does; a few seconds of many kinds at once, or (--soak) each kind of the class by itself.
stress_here='
    if [ -n "${VB_SOAK:-}" ]; then
        exec stress-ng --class filesystem --exclude binderfs,fanotify,swap --sequential 1 --timeout 2s --verify --temp-path .
    fi
    exec stress-ng --access 1 --chdir 1 --chmod 1 --copy-file 1 --dentry 1 --dir 1 --fallocate 1 --filename 1 --flock 1 --fpunch 1 \
        --hdd 1 --hdd-bytes 16M --link 1 --locka 1 --lockf 1 --lockofd 1 --open 1 --rename 1 --seek 1 --symlink 1 --touch 1 \
        --utime 1 --xattr 1 --timeout 4s --verify --temp-path .'

test_stress_ng_in_a_job() {
    need_fuse
    command -v stress-ng >/dev/null || skip "stress-ng is not installed"
    make_numbers 1
    vb exec -b repo -i numbers -o u/try -- sh -c "$stress_here" >said 2>&1 || fail "$(cat said)"
    grep -q 'successful run completed' said || fail "$(cat said)"
}

test_stress_ng_in_a_mount_for_writing() {
    need_fuse
    command -v stress-ng >/dev/null || skip "stress-ng is not installed"
    make_numbers 1
    vb mount --rw --run u/edit --log log repo mnt
    mkdir -p mnt/data/u/edit/number/healpix5=5
    (cd mnt/data/u/edit/number/healpix5=5 && sh -c "$stress_here") >said 2>&1 || fail "$(cat said)"
    grep -q 'successful run completed' said || fail "$(cat said)"
    expect_equal "$(ls mnt/data/u/edit/number/healpix5=5)" ""
}

run_tests "$@"
