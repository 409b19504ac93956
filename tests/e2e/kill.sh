#!/bin/sh
# kill.sh - kill -9 of the runner at random moments: run again, it completes, and nothing is lost, doubled or half-written.
. "$(dirname "$0")/lib.sh"

# The jobs and mounts of a runner go with it.
expect_no_leftovers() {
    tries=0
    while pgrep -f "vbutler-zygote.*$TEST_DIR" >/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 20 ] || fail "processes are left: $(pgrep -af vbutler)"
        sleep 0.1
    done
}

kill_and_run_again() { # TIMES [OPTION...]
    times=$1
    shift
    make_numbers 60
    before_doubling 'sleep 0.01'
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    for i in $(seq "$times"); do
        "$VBUTLER" run -b repo -g g.vbg -j 3 --no-progress "$@" >out 2>err &
        pid=$!
        sleep "$(awk -v seed="$i$$" 'BEGIN {srand(seed); print 0.02 + 0.5 * rand()}')"
        kill -KILL $pid 2>/dev/null || :
        wait $pid || :
        expect_no_leftovers
    done
    vb run -b repo -g g.vbg -j 3 --no-progress "$@"
    run=$(latest_run repo u/x)
    expect_equal "$(cat repo/"$run"/sum/sum*.txt)" 3540
    expect_equal "$(registry repo "SELECT count(*) FROM quantum WHERE status = 1")" 61
    expect_equal "$(registry repo "SELECT count(*) FROM dataset d JOIN dataset_type t ON t.id = d.type_id
                                   WHERE t.name = 'doubled' AND d.state = 0")" 60
    expect_equal "$(registry repo "SELECT count(*) FROM (SELECT 1 FROM quantum_output GROUP BY dataset_id HAVING count(*) > 1)")" 0
    check_store repo
    expect_equal "$(find repo/.vbutler/runs/*/scratch -mindepth 1 | wc -l)" 0 "scratch directories are left"
    grep " $TEST_DIR" /proc/self/mounts && fail "a mount is left"
    echo "attempts: $(registry repo "SELECT group_concat(n) FROM (SELECT count(*) AS n FROM attempt GROUP BY status)")"
}

test_twenty_kills() {
    need_fuse
    kill_and_run_again 20
}

test_twenty_kills_with_each_quantum_durable() {
    need_fuse
    [ -n "${VB_SOAK:-}" ] || skip "longer tests are for tools/test --soak"
    kill_and_run_again 20 --durability quantum
}

test_a_kill_between_the_renames_of_outputs_and_the_receipt() {
    need_strace
    need_fuse
    make_numbers 2
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    # The runner is stopped at the first rename of an output into the store, and killed there.
    traced -e trace=renameat2 -e inject=renameat2:signal=SIGKILL:when=1 "$VBUTLER" run -b repo -g g.vbg || :
    expect_equal "$(registry repo "SELECT count(*) FROM quantum WHERE status = 1")" 0
    vb run -b repo -g g.vbg --no-progress
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum*.txt)" 2
    check_store repo
}

test_a_kill_between_the_receipt_and_the_merge() {
    need_strace
    need_fuse
    make_numbers 2
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    # The second link of a receipt: the first is committed, and not merged.
    traced -e trace=linkat -e inject=linkat:signal=SIGKILL:when=3 "$VBUTLER" run -b repo -g g.vbg || :
    [ "$(find repo/.vbutler/runs/*/receipts -type f | wc -l)" -ge 1 ] || fail "no receipt"
    attempts=$(find repo/.vbutler/runs/*/attempts -type f | wc -l)
    vb run -b repo -g g.vbg --no-progress
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum*.txt)" 2
    check_store repo
    [ "$(find repo/.vbutler/runs/*/attempts -type f | wc -l)" -ge "$attempts" ] || fail "attempts are gone"
}

run_tests "$@"
