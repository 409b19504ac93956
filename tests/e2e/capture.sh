#!/bin/sh
# capture.sh - what a task touches is seen, and what it must not do it cannot.
. "$(dirname "$0")/lib.sh"

# Runs one doubling after the given shell code, mounts the repository, and sets $quantum.
double_after() {
    before_doubling "$1"
    run_numbers u/x -d 'healpix5 = 0'
    mount_at repo mnt
    quantum=mnt/provenance/$(latest_run repo u/x)/double/healpix5=0
}

touched() { # touched PATTERN: the journal has such a line
    grep -Eq "$1" "$quantum/io.jsonl" || {
        cat "$quantum/io.jsonl" >&2
        fail "the journal has no line like $1"
    }
}

test_a_declared_input_that_was_read() {
    need_fuse
    make_numbers 1
    double_after true
    touched '"work/in/number/number_0.txt".*"read".*"declared": true'
    expect_equal "$(ls "$quantum/inputs/number")" healpix5=0
    expect_equal "$(cat "$quantum"/inputs/number/healpix5=0/number_0.txt)" 0
    expect_equal "$(ls "$quantum/outputs")" "$(printf '_log\n_metadata\ndoubled')"
    expect_equal "$(ls "$quantum/unused" "$quantum/undeclared" | grep -v :)" ""
}

test_a_declared_input_that_was_not_read_is_unused() {
    need_fuse
    make_numbers 1
    sed -i 's/\$(cat "\$1")/21/' numbers.yaml
    double_after true
    expect_equal "$(ls "$quantum/unused/number")" healpix5=0
    expect_equal "$(ls "$quantum/inputs")" ""
}

test_an_unused_input_may_fail_the_quantum() {
    need_fuse
    make_numbers 1
    sed -i 's/\$(cat "\$1")/21/; 0,/command:/s/command:/policy: {unusedInputs: fail}\n    command:/' numbers.yaml
    expect_failure 'did not read declared inputs: in/number/number_0.txt' run_numbers u/x
}

# healpix5 1 is an input of another quantum of the graph, so its name is in sight.
read_neighbour='cat ../data/numbers/number/healpix5=1/number_1.txt >/dev/null'

test_an_undeclared_input_is_recorded() {
    need_fuse
    make_numbers 2
    before_doubling "$read_neighbour"
    run_numbers u/x
    mount_at repo mnt
    quantum=mnt/provenance/$(latest_run repo u/x)/double/healpix5=0
    expect_equal "$(ls "$quantum/undeclared/number")" healpix5=1
    touched '"data/numbers/number/healpix5=1/number_1.txt".*"read".*"declared": false'
    grep -q complete "$quantum/status.json"
}

test_an_undeclared_input_is_warned_of() {
    need_fuse
    make_numbers 2
    sed -i '0,/command:/s/command:/policy: {undeclaredInputs: warn}\n    command:/' numbers.yaml
    before_doubling "$read_neighbour"
    run_numbers u/x
    grep -q 'WARNING' repo/"$(latest_run repo u/x)"/double_log/healpix5=0/*.json ||
        grep -rq 'WARNING' repo/"$(latest_run repo u/x)"/double_log
}

test_an_undeclared_input_is_denied() {
    need_fuse
    make_numbers 2
    sed -i '0,/command:/s/command:/policy: {undeclaredInputs: fail}\n    command:/' numbers.yaml
    before_doubling "$read_neighbour || :"
    expect_failure "double {healpix5: 0}: it tried to open datasets that the pipeline does not declare" run_numbers u/x
    grep -q 'Permission denied' failure.err || fail "the program was let in"
}

test_a_dataset_that_the_graph_does_not_have_is_missing() {
    need_fuse
    make_numbers 3
    double_after 'cat ../data/numbers/number/healpix5=2/number_2.txt 2>/dev/null || :'
    touched '"data/numbers/number/healpix5=2".*"missing"'
}

test_what_is_looked_for_beside_an_input_is_a_miss() {
    need_fuse
    make_numbers 1
    double_after 'test -e in/number/number_0.head || :'
    touched '"work/in/number/number_0.head".*"missing"'
}

test_inputs_cannot_be_changed() {
    need_fuse
    make_numbers 1
    cat >change.sh <<'SH'
for how in 'echo x >$1' 'echo x >>$1' 'rm -f $1' 'mv -f $1 y' 'mv y $1' 'chmod u+w $1' 'truncate -s 0 $1' 'ln $1 y' 'touch $1' \
    'mkdir ../data/x' 'rmdir in/number' 'mv in/number n' 'ln -sf y $1' 'setfattr -n user.x -v y $1'; do
    echo y >y
    if (eval "$how"); then echo "could: $how" && exit 9; fi
done
SH
    cp change.sh /tmp/change.$$
    double_after "sh /tmp/change.$$ \$1"
    rm /tmp/change.$$
    grep -q 'Read-only file system' "$quantum/log"
    check_store repo
}

test_the_repository_is_out_of_reach_but_for_the_session() {
    need_fuse
    make_numbers 1
    artifact=$TEST_DIR/repo/numbers/number/number_0.txt
    [ -n "$(find repo/numbers -name number_0.txt)" ] || fail "no artifact"
    double_after "test -z \"\$(ls -A $TEST_DIR/repo)\" || exit 9"
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
}

test_mounts_of_the_repository_are_out_of_reach() {
    need_fuse
    make_numbers 1
    mount_at repo 'a mount'
    double_after "test -z \"\$(ls -A \"$TEST_DIR/a mount\")\" || exit 9"
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
    ls 'a mount' | grep -q data # outside the job it is as it was
}

test_directories_of_direct_artifacts_are_out_of_reach() {
    need_fuse
    make_numbers 1
    mkdir elsewhere
    echo 5 >elsewhere/5.txt
    printf 'path,healpix5\nelsewhere/5.txt,5\n' >direct.csv
    vb ingest-files repo number direct direct.csv --transfer direct
    before_doubling "test ! -e $TEST_DIR/elsewhere/5.txt || exit 9"
    vb run -b repo -p numbers.yaml -i direct -o u/x --no-progress
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum.txt)" 10
}

# bug: only the graph's own registry was asked
test_directories_of_direct_artifacts_that_the_graph_does_not_know_are_too() {
    need_fuse
    make_numbers 1
    mkdir elsewhere
    echo 5 >elsewhere/5.txt
    printf 'path,healpix5\nelsewhere/5.txt,5\n' >direct.csv
    vb ingest-files repo number direct direct.csv --transfer direct
    double_after "test ! -e $TEST_DIR/elsewhere/5.txt || exit 9"
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
}

test_what_symbolic_links_of_the_inputs_lead_to_is_out_of_reach() {
    need_fuse
    make_numbers 1
    mkdir elsewhere
    echo 5 >elsewhere/5.txt
    printf 'path,healpix5\nelsewhere/5.txt,5\n' >links.csv
    for how in symlink relsymlink; do
        vb ingest-files repo number $how links.csv --transfer $how
        before_doubling "test ! -e $TEST_DIR/elsewhere/5.txt || exit 9"
        vb run -b repo -p numbers.yaml -i $how -o u/$how --no-progress
        expect_equal "$(cat repo/"$(latest_run repo u/$how)"/sum/sum.txt)" 10
    done
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
}

test_bind_mounts_of_the_repository_are_out_of_reach() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root to make bind mounts"
    make_numbers 1
    mkdir above whole part 'a part'
    mount --bind . above
    mount --bind repo whole
    mount --bind repo/numbers 'a part'
    mount --bind 'a part/number' part
    double_after "ls $TEST_DIR/above/files; for d in whole above/repo part a\" \"part; do test -z \"\$(ls -A \"$TEST_DIR/\$d\")\" || exit 9; done"
    umount part 'a part' whole above
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
}

test_a_bind_mount_of_an_artifact_is_told() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root to make bind mounts"
    make_numbers 1
    : >'one file'
    mount --bind "$(find repo/numbers -name number_0.txt)" 'one file'
    double_after true
    umount 'one file'
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" "partial ($TEST_DIR/one file reachable)"
}

# bug: one task could leave a message for the next, and what was written was lost without an error
test_what_covers_the_repository_cannot_be_written_to() {
    need_fuse
    make_numbers 1
    double_after "test -z \"\$(ls -A $TEST_DIR/repo)\" || exit 9; ! chmod 755 $TEST_DIR/repo || exit 8; ! echo x >$TEST_DIR/repo/x || exit 7"
    grep -q 'Read-only file system' "$quantum/log"
}

test_a_task_of_root_cannot_uncover_the_repository() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root to try"
    make_numbers 1
    double_after "umount $TEST_DIR/repo \&\& exit 9; unshare -Urm umount $TEST_DIR/repo \&\& exit 8; nsenter -t 1 -m true \&\& exit 7"
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
}

test_privileges_that_a_task_of_root_keeps_are_told() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root, which cannot give up what it has"
    make_numbers 1
    setpriv --bounding-set -setpcap --inh-caps -setpcap "$VBUTLER" run -b repo -p numbers.yaml -i numbers -o u/x --no-progress
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" "partial (privileges: Operation not permitted)"
}

test_a_mount_point_in_the_repository_is_refused() {
    need_fuse
    make_numbers 1
    VBUTLER_MOUNTPOINT=$TEST_DIR/repo/.mnt/x expect_failure 'repo/.mnt/x, where jobs have their mounts, lies in the repository' run_numbers u/x
    [ ! -e repo/.mnt ] || fail "it was made"
    VBUTLER_MOUNTPOINT=mnt run_numbers u/y
}

test_a_home_in_the_repository_is_told() {
    need_fuse
    make_numbers 1
    mkdir repo/home
    HOME=$TEST_DIR/repo/home run_numbers u/x 2>said
    grep -q 'your home or a system directory lies in the repository' said || fail "$(cat said)"
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" "partial ($TEST_DIR/repo reachable)"
}

test_odd_names_of_directories_are_told_whole() {
    need_fuse
    make_numbers 1
    odd=$(printf 'a: b\nc')
    mkdir -p "$odd/home"
    echo 5 >"$odd/5.txt"
    printf 'path,healpix5\n"%s/5.txt",5\n' "$odd" >direct.csv
    vb ingest-files repo number direct direct.csv --transfer direct
    HOME=$TEST_DIR/$odd/home run_numbers u/x
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" "partial ($TEST_DIR/a: b\\012c reachable)"
}

test_a_proc_that_is_not_the_jobs_own_is_told() {
    need_fuse
    make_numbers 1
    [ "$(id -u)" = 0 ] || skip "needs root to cover a part of /proc"
    # As in a container: where a part of /proc is covered the kernel lets a user namespace have no other.
    unshare -m sh -c "awk '\$3 == \"proc\" && \$2 != \"/proc\" {print \$2}' /proc/mounts | xargs -r -n 1 umount -l
        mount -t tmpfs none /proc/sys; exec unshare -Urmpf '$VBUTLER' run -b repo -p numbers.yaml -i numbers -o u/x --no-progress"
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" "partial (/proc: Operation not permitted)"
}

test_other_files_that_a_task_writes_can_be_refused() {
    make_numbers 1
    before_doubling 'echo a >a.txt; mkdir d; echo b >d/b.txt'
    sed -i 's/^  double:/&\n    policy: {undeclaredOutputs: fail}/' numbers.yaml
    expect_failure 'wrote files that are no outputs: .*a.txt.*policy undeclaredOutputs: fail' run_numbers u/x
    grep -q 'd/b.txt' failure.err
    sed -i 's/undeclaredOutputs: fail/undeclaredOutputs: warn/' numbers.yaml
    run_numbers u/y
}

test_other_files_that_a_task_writes_are_listed() {
    need_fuse
    make_numbers 1
    double_after 'mkdir d; echo abc >d/e.txt; echo >f'
    tr -d ' \n' <"$quantum/status.json" | grep -q '"undeclared_outputs":\[.*{"path":"d/e.txt","size":4}' ||
        fail "$(cat "$quantum/status.json")"
}

test_an_output_may_come_by_rename() {
    need_fuse
    make_numbers 1
    doubling_command "sh, -c, 'cp \$1 tmp; mv tmp \$2', sh, '{in.number}', '{out.doubled}'"
    run_numbers u/x
    check_store repo
}

test_an_output_that_has_another_name_is_copied() {
    need_fuse
    make_numbers 1
    doubling_command "sh, -c, 'cp \$1 a; ln a \$2; cp \$1 b', sh, '{in.number}', '{out.doubled}'"
    run_numbers u/x --keep-scratch
    expect_equal "$(find repo/u -name doubled_0.txt -links +1)" "" "an artifact has a second name in scratch"
    check_store repo
}

test_an_output_may_be_a_symlink_that_stays_inside() {
    need_fuse
    make_numbers 1
    doubling_command "sh, -c, 'cp \$1 a; ln -s ../../a \$2', sh, '{in.number}', '{out.doubled}'"
    run_numbers u/x
    expect_equal "$(find repo/u -name doubled_0.txt -type f | wc -l)" 1
    check_store repo
}

test_an_output_that_leads_out_is_refused() {
    need_fuse
    make_numbers 1
    doubling_command "sh, -c, 'ln -s /etc/passwd \$2', sh, '{in.number}', '{out.doubled}'"
    expect_failure 'out/doubled/doubled_0.txt is a symbolic link that leads out' run_numbers u/x
    check_store repo
}

test_an_output_that_is_no_regular_file_is_refused() {
    need_fuse
    make_numbers 1
    for how in mkdir mkfifo; do
        doubling_command "sh, -c, '$how \$2', sh, '{in.number}', '{out.doubled}'"
        expect_failure 'out/doubled/doubled_0.txt is no regular file' run_numbers u/$how
    done
    check_store repo
}

test_what_a_task_leaves_running_dies_before_its_outputs_are_read() {
    need_fuse
    make_numbers 1
    doubling_command "sh, -c, 'echo 1 >\$2; (setsid sh -c \"sleep 0.3; echo late >>\$2\") \& exit 0', sh, '{in.number}', '{out.doubled}'"
    run_numbers u/x
    sleep 0.5
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/doubled/*.txt repo/"$(latest_run repo u/x)"/doubled/*/*.txt 2>/dev/null)" 1
    check_store repo
}

test_secrets_of_the_environment_are_not_recorded() {
    need_fuse
    make_numbers 1
    sed -i '0,/command:/s/command:/environment: {OWN: mine}\n    command:/' numbers.yaml
    AWS_SECRET_ACCESS_KEY=hush-hush double_after 'test $(expr length $AWS_SECRET_ACCESS_KEY) = 9 || exit 8; test $OWN = mine || exit 9'
    grep -q 'OWN' "$quantum/environment"
    ! grep -rq 'hush-hush' repo || fail "the secret is in $(grep -rl hush-hush repo)"
}

test_a_failed_write_fails_the_attempt_whatever_the_program_says() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root to mount a small tmpfs"
    mkdir small
    mount -t tmpfs -o size=30m small small
    cd small
    make_numbers 1
    doubling_command "sh, -c, 'head -c 90000000 /dev/zero >\$2; exit 0', sh, '{in.number}', '{out.doubled}'"
    expect_failure 'No space left on device' run_numbers u/x
    check_store repo
}

test_an_artifact_that_changed_is_not_read() {
    need_fuse
    make_numbers 1
    artifact=$(find repo/numbers -name number_0.txt)
    chmod u+w "$artifact"
    echo 12345 >"$artifact"
    expect_failure 'artifact .* changed' run_numbers u/x
}

test_an_artifact_that_is_missing_is_named() {
    need_fuse
    make_numbers 1
    rm -f "$(find repo/numbers -name number_0.txt)"
    expect_failure 'double {healpix5: 0}' run_numbers u/x
    grep -q 'number_0.txt' failure.err || fail "$(cat failure.err)"
    grep -q 'No such file' failure.err || fail "$(cat failure.err)"
}

run_tests "$@"
