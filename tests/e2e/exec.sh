#!/bin/sh
# exec: one command on the datasets of a repository.
. "$(dirname "$0")/lib.sh"

# vb exec on the numbers, into u/try; what it says goes to `said`.
try() {
    vb exec -b repo -i numbers -o u/try -- "$@" 2>said
}

# The one quantum of the latest run of u/try, in a mount.
find_quantum() {
    [ -d mnt/data ] || mount_at repo mnt
    run=$(latest_run repo u/try)
    quantum=$(echo "mnt/provenance/$run"/*/*)
}

test_a_command_reads_datasets_and_its_output_is_seen() {
    need_fuse
    make_numbers 3
    expect_equal "$(try cat in/number/number_1.txt in/number/number_2.txt)" "1
2"
    grep -q '^read 2 datasets (4 B), wrote 0 undeclared files, capture complete$' said || fail "$(cat said)"
    grep -q '^run: u/try/' said
    find_quantum
    expect_equal "$(ls "$quantum/inputs/number" | tr '\n' ' ')" "healpix5=1 healpix5=2 "
    expect_equal "$(cat "$quantum/command")" "cat in/number/number_1.txt in/number/number_2.txt"
    grep -q 'INFO cat.stdout: 2$' "$quantum/log" || fail "$(cat "$quantum/log")"
}

test_its_standard_input_is_the_caller_s_and_errors_stay_errors() {
    need_fuse
    make_numbers 1
    expect_equal "$(echo hello | try sh -c 'cat; echo oh >&2')" hello
    grep -q '^oh$' said || fail "$(cat said)"
}

test_its_exit_status_is_ours() {
    need_fuse
    make_numbers 1
    for status in 0 1 3 77 255; do
        try sh -c "exit $status" && got=0 || got=$?
        expect_equal $got $status
    done
    try sh -c 'kill -SEGV $$' && got=0 || got=$?
    expect_equal $got 139
    try no-such-program && got=0 || got=$?
    expect_equal $got 127
    grep -q 'no-such-program' said || fail "$(cat said)"
}

test_what_it_writes_is_kept_and_named() {
    need_fuse
    make_numbers 1
    try sh -c 'echo made >mine.txt; mkdir d; echo more >d/other.txt'
    grep -q 'wrote 2 undeclared files (kept in ' said || fail "$(cat said)"
    kept=$(sed -n 's/.*(kept in \(.*\)), capture.*/\1/p' said)
    expect_equal "$(cat "$kept/mine.txt")" made
    expect_equal "$(cat "$kept/d/other.txt")" more
}

test_datasets_cannot_be_written() {
    need_fuse
    make_numbers 1
    try sh -c 'echo x >in/number/number_0.txt' && fail "it wrote to a dataset"
    grep -Eq 'Read-only file system|Permission denied' said || fail "$(cat said)"
    try sh -c 'rm -f in/number/number_0.txt' && fail "it removed a dataset"
    try sh -c 'echo x >../data/x' && fail "it wrote to data/"
    expect_equal "$(try cat in/number/number_0.txt)" 0
    check_store repo
}

test_all_of_the_repository_is_below_data() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    expect_equal "$(try cat ../data/u/x/sum/sum.txt)" 2
    find_quantum
    expect_equal "$(ls "$quantum/inputs")" sum
}

test_what_it_may_read_must_be_said_and_be_there() {
    make_numbers 1
    expect_failure 'give --input' vb exec -b repo -o u/try -- true
    expect_failure "nothing.*" vb exec -b repo -i nothing -o u/try -- true
    expect_failure 'usage|COMMAND' vb exec -b repo -i numbers -o u/try
    expect_equal "$(registry repo "SELECT count(*) FROM collection WHERE name LIKE 'u/%'")" 0
}

test_interrupted_it_ends_and_leaves_nothing() {
    need_fuse
    make_numbers 1
    "$VBUTLER" exec -b repo -i numbers -o u/try -- sh -c 'echo started; sleep 60' >out 2>said &
    pid=$!
    for _ in $(seq 100); do grep -q started out && break; sleep 0.1; done
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    expect_equal $status 130
    ! pgrep -f 'sleep 60' >/dev/null || fail "it left a process"
    vb exec -b repo -i numbers -o u/try -- true
    check_store repo
}

run_tests "$@"
