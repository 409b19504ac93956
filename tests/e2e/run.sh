#!/bin/sh
# run.sh - qgraph and run: what is made, what is left alone, what a failure does.
. "$(dirname "$0")/lib.sh"

# The value of the one dataset `sum` that a collection finds.
sum_of() {
    mount_at repo mnt
    cat mnt/data/"$1"/sum/sum.txt
    vb umount mnt
}

test_numbers_are_doubled_and_added_up() {
    need_fuse
    make_numbers 10
    run_numbers u/x -j 2
    expect_equal "$(sum_of u/x)" 90
    check_store repo
    expect_equal "$(registry repo "SELECT count(*) FROM quantum WHERE status = 1")" 11
    expect_equal "$(registry repo "SELECT DISTINCT capture FROM attempt")" complete
}

test_a_graph_that_was_run_does_nothing_when_run_again() {
    need_fuse
    make_numbers 5
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x --save-qgraph g.vbg
    expect_equal "$(registry repo "SELECT count(*) FROM collection WHERE name LIKE 'u/%'")" 0 "qgraph registered something"
    vb run -b repo -g g.vbg --no-progress
    before=$(registry repo "SELECT group_concat(hex(uuid)) FROM (SELECT uuid FROM dataset ORDER BY uuid)")
    vb run -b repo -g g.vbg --no-progress
    expect_equal "$(registry repo "SELECT count(*) FROM attempt")" 6
    expect_equal "$(registry repo "SELECT group_concat(hex(uuid)) FROM (SELECT uuid FROM dataset ORDER BY uuid)")" "$before"
    check_store repo
}

test_a_data_query_selects() {
    need_fuse
    make_numbers 10
    run_numbers u/x -d "healpix5 < 3 or healpix5 = 7"
    expect_equal "$(sum_of u/x)" 20
}

# A program that fails for 3: what depends on it is blocked, the rest runs, and the error says all that one needs.
make_failing() {
    make_numbers 6
    before_doubling 'test $(cat "$1") != 3 || {{ echo three is too much >\&2; exit 7; }}'
}

test_a_failing_program_is_told_and_what_depends_on_it_is_blocked() {
    need_fuse
    make_failing
    vb run -b repo -p numbers.yaml -i numbers -o u/x -j 2 >out 2>err && fail "succeeded"
    grep -q 'double {healpix5: 3}: sh exited with 7 after .* s (attempt 1)' err || fail "$(cat err)"
    grep -q 'last lines: three is too much' err
    grep -q 'log: provenance/u/x/.*/double/.*/log' err
    scratch=$(sed -n 's/.*scratch kept: //p' err)
    [ -d "$scratch" ] || fail "no scratch directory '$scratch'"
    expect_equal "$(cat "$scratch/in/number/number_3.txt")" 3 "the kept scratch directory shows the inputs"
    grep -q '5 of 7 quanta succeeded, 1 failed, 1 are blocked, 0 were not run' err || fail "$(cat err)"
    run=$(latest_run repo u/x)
    vb report repo "$run" --format csv >report
    grep -q '^double,6,1,0,' report
    grep -q '^sum,1,0,1,' report
    vb report repo "$run" --failures | grep -q 'sh exited with 7'
    mount_at repo mnt
    quantum=$(grep -l failed mnt/provenance/"$run"/double/*/status.json)
    grep -q 'three is too much' "$(dirname "$quantum")/log"
    vb umount mnt
    check_store repo
}

test_what_failed_is_tried_again_and_what_succeeded_is_kept() {
    need_fuse
    make_failing
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    expect_failure 'exited with 7' vb run -b repo -g g.vbg
    expect_failure 'attempt 2' vb run -b repo -g g.vbg
    expect_equal "$(registry repo "SELECT count(*) FROM attempt")" 7 "one attempt of each of five, two of the failing one"
}

test_fail_fast_starts_nothing_more() {
    need_fuse
    make_failing
    expect_failure 'were not run' vb run -b repo -p numbers.yaml -i numbers -o u/x --fail-fast
    [ "$(registry repo "SELECT count(*) FROM attempt")" -lt 6 ] || fail "all were run"
}

test_a_program_that_does_not_write_its_output_fails() {
    need_fuse
    make_numbers 2
    doubling_command "'true'"
    expect_failure 'true exited with 0 but did not write out/doubled/doubled_0.txt' run_numbers u/x
}

test_a_program_that_is_not_there_is_named() {
    need_fuse
    make_numbers 1
    doubling_command "no-such-program, '{in.number}', '{out.doubled}'"
    expect_failure 'no-such-program: cannot be executed' run_numbers u/x
    grep -q 'not in PATH' failure.err
}

test_a_program_that_is_killed_says_the_signal() {
    need_fuse
    make_numbers 1
    doubling_command "sh, -c, 'kill -SEGV \$\$', '{in.number}', '{out.doubled}'"
    expect_failure 'killed by signal 11' run_numbers u/x
}

test_a_time_limit_ends_a_task() {
    need_fuse
    make_numbers 1
    doubling_command "sh, -c, 'sleep 1000'"
    sed -i '0,/command:/s|command:|resources: {runtime: 1}\n    command:|' numbers.yaml
    expect_failure 'resources.runtime allows no more' run_numbers u/x
}

test_an_interrupted_run_keeps_what_is_done_and_goes_on() {
    need_fuse
    make_numbers 40
    before_doubling 'sleep 0.1'
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    "$VBUTLER" run -b repo -g g.vbg -j 2 2>err &
    pid=$!
    sleep 1
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    expect_equal $status 130
    done_before=$(registry repo "SELECT count(*) FROM quantum WHERE status = 1")
    [ "$done_before" -gt 0 ] && [ "$done_before" -lt 41 ] || fail "$done_before were done"
    check_store repo
    vb run -b repo -g g.vbg -j 2 --no-progress
    expect_equal "$(sum_of u/x)" 1560
    check_store repo
}

test_one_runner_at_a_time_executes_a_graph() {
    need_fuse
    make_numbers 2
    before_doubling 'sleep 2'
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    "$VBUTLER" run -b repo -g g.vbg 2>first.err &
    pid=$!
    sleep 0.7
    expect_failure "another vbutler \(process $pid on [^)]*\) is executing this graph" vb run -b repo -g g.vbg
    wait $pid
}

test_scratch_is_removed_after_a_success_unless_it_is_to_be_kept() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    expect_equal "$(find repo/.vbutler/runs/*/scratch -mindepth 1 | wc -l)" 0
    run_numbers u/y --keep-scratch
    expect_equal "$(find repo/.vbutler/runs/*/scratch -mindepth 1 -maxdepth 1 | wc -l)" 3
}

test_an_output_of_a_far_time_is_taken() {
    make_numbers 1
    sed -i "s#>\"\$2\"'#>\"\$2\"; touch -d 2500-01-01 \"\$2\"'#" numbers.yaml
    grep -q 2500 numbers.yaml
    run_numbers u/x
    check_store repo
}

test_outputs_get_the_modes_of_the_repository_whatever_the_umask() {
    need_fuse
    make_numbers 1
    (umask 077 && run_numbers u/x)
    expect_equal "$(find repo/u -name 'doubled_0.txt' -printf '%m')" 444
    expect_equal "$(find repo/u -type d ! -perm -755)" ""
}

test_progress_is_drawn_on_a_terminal_and_told_once_in_a_file() {
    make_numbers 3
    script -qec "$VBUTLER run -b repo -p numbers.yaml -i numbers -o u/x" terminal >/dev/null </dev/null
    grep -q '4/4  succeeded 4  failed 0' terminal || fail "$(cat -v terminal)"
    vb run -b repo -p numbers.yaml -i numbers -o u/y >out 2>said
    expect_equal "$(grep -c '4/4  succeeded 4' said)" 1
    ! grep -q "$(printf '\r')" said || fail "$(cat -v said)"
    vb run -b repo -p numbers.yaml -i numbers -o u/z --no-progress >out 2>said
    ! grep -q '4/4' said || fail "$(cat -v said)"
}

test_log_and_metadata_are_datasets() {
    need_fuse
    make_numbers 1
    before_doubling 'echo a line; echo an error >\&2'
    run_numbers u/x
    run=$(latest_run repo u/x)
    grep -q '"name":"double.stdout".*"message":"a line"' repo/"$run"/double_log/*.json
    grep -q '"name":"double.stderr".*"message":"an error"' repo/"$run"/double_log/*.json
    python3 - repo/"$run"/double_metadata/*.json <<'PY'
import json, sys
quantum = json.load(open(sys.argv[1]))["metadata"]["quantum"]["arrays"]
assert quantum["endCpuTime"][0] >= 0 and quantum["endMaxResidentSetSize"][0] > 100000, quantum
PY
    grep -q '^vbutler: ' repo/"$run"/packages/packages.yaml
    grep -Eq '^sh: ".*/(sh|dash) xxh3-128:[0-9a-f]{32}"' repo/"$run"/packages/packages.yaml || fail "$(cat repo/"$run"/packages/packages.yaml)"
}

test_durability_of_a_quantum() {
    need_fuse
    make_numbers 3
    run_numbers u/x --durability quantum -j 2
    check_store repo
    expect_failure 'durability' run_numbers u/y --durability never
}

# make_pairs N: like numbers.yaml; the task `double` makes `left`, and `right` too but for odd numbers; `pair` reads both.
make_pairs() {
    make_numbers "$1"
    cat >pairs.yaml <<YAML
description: Pairs.
tasks:
  double:
    dimensions: [healpix5]
    inputs:
      number: {type: number, dimensions: [healpix5], storageClass: Text, extension: .txt}
    outputs:
      left: {type: left, dimensions: [healpix5], storageClass: Text, extension: .txt}
      right: {type: right, dimensions: [healpix5], storageClass: Text, extension: .txt, minimum: 0}
    command: [sh, -c, 'n=\$(cat "\$1"); echo \$n >"\$2"; test \$((n % 2)) = 1 || echo \$n >"\$3"', sh, "{in.number}",
      "{out.left}", "{out.right}"]
  pair:
    dimensions: []
    inputs:
      left: {type: left, multiple: true}
      right: {type: right, multiple: true, minimum: $2}
    outputs:
      pairs: {type: pairs, dimensions: [], storageClass: Text, extension: .txt}
    command: [sh, -c, 'echo "\$@" >out/pairs/pairs.txt', sh, [left, "{in.left}"], [right, "{in.right}"]]
YAML
}

test_connections_of_equal_dimensions_align() {
    make_pairs 5 0
    vb run -b repo -p pairs.yaml -i numbers -o u/x --no-progress
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/pairs/pairs.txt)" \
        "left in/left/left_0.txt in/left/left_2.txt in/left/left_4.txt right in/right/right_0.txt in/right/right_2.txt in/right/right_4.txt"
    expect_equal "$(registry repo "SELECT count(*) FROM quantum_input i JOIN quantum q ON q.id = i.quantum_id WHERE q.task_id = (SELECT id FROM task WHERE label = 'pair')")" 6
    check_store repo
}

test_a_connection_that_is_wholly_absent_vanishes() {
    make_pairs 2 0
    vb run -b repo -p pairs.yaml -i numbers -o u/x -d 'healpix5 = 1' --no-progress
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/pairs/pairs.txt)" "left in/left/left_1.txt"
}

test_fewer_inputs_than_the_minimum_fail_the_quantum() {
    make_pairs 5 4
    expect_failure "connection 'right' needs 4, and 3 of 5 are there: right \{healpix5: 1\} was not made" \
        vb run -b repo -p pairs.yaml -i numbers -o u/x --no-progress
    sed -i 's/minimum: 4/minimum: 3/' pairs.yaml
    vb run -b repo -p pairs.yaml -i numbers -o u/y --no-progress
}

# bug: SIGPIPE ended the run
test_a_reader_that_goes_away_does_not_end_a_run() {
    make_numbers 3
    before_doubling 'test $(cat "$1") != 0 || exit 7; sleep 0.3; grep -q "SigIgn:.*[02468ace]...$" /proc/self/status || exit 9'
    run_numbers u/x 2>&1 | true # it says what has failed, and goes on
    expect_equal "$(registry repo "SELECT count(*) FROM quantum WHERE status = 1")" 2 "tasks have the usual SIGPIPE"
}

run_tests "$@"
