#!/bin/sh
# collections_commands.sh - the commands that change collections and datasets: chains, tags, calibrations, pruning,
# removal, renaming.
. "$(dirname "$0")/lib.sh"

children() {
    registry repo "SELECT group_concat(name) FROM (SELECT c.name FROM collection_chain k JOIN collection c ON c.id = k.child_id
                   JOIN collection p ON p.id = k.parent_id WHERE p.name = '$1' ORDER BY k.position)"
}

count() {
    registry repo "SELECT count(*) FROM $1"
}

# Files 0 to N-1 as datasets of a type in a run.
ingest() { # TYPE RUN N
    {
        echo path,healpix5
        for i in $(seq 0 $(($3 - 1))); do
            echo "$1 $2 $i" >"$(echo "$1.$2.$i" | tr / _).txt"
            echo "$(echo "$1.$2.$i" | tr / _).txt,$i"
        done
    } >table.csv
    vb ingest-files repo "$1" "$2" table.csv >ingest.out
}

make_repo() {
    vb create repo
    vb register-dataset-type repo number Text healpix5 --extension .txt
    vb register-dataset-type repo bias Text healpix5 --extension .txt --is-calibration
    ingest number a 4
    ingest number b 6
    ingest bias gen1 4
    ingest bias gen2 4
}

# ---- chains -------------------------------------------------------------------------------------------------------

test_a_chain_is_defined_changed_and_taken_apart() {
    make_repo
    expect_equal "$(vb collection-chain repo c b,a --doc 'b before a')" "[b, a]"
    expect_equal "$(vb collection-doc repo c)" "b before a"
    expect_equal "$(vb collection-chain repo c gen1 --mode extend)" "[b, a, gen1]"
    expect_equal "$(vb collection-chain repo c a gen2 --mode prepend)" "[a, gen2, b, gen1]"
    expect_equal "$(vb collection-chain repo c b --mode remove)" "[a, gen2, gen1]"
    expect_equal "$(vb collection-chain repo c --mode pop)" "[gen2, gen1]"
    expect_equal "$(vb collection-chain repo c 1 --mode pop)" "[gen2]"
    expect_equal "$(vb collection-chain repo c 'gen*')" "[gen1, gen2]"
    expect_equal "$(vb collection-chain repo outer c a)" "[c, a]"
    expect_equal "$(vb collection-chain repo flat outer b --flatten)" "[gen1, gen2, a, b]"
    expect_equal "$(children outer)" c,a
}

test_a_chain_is_not_changed_where_that_cannot_be() {
    make_repo
    vb collection-chain repo c b
    vb collection-chain repo outer c a
    expect_failure "that would be a cycle" vb collection-chain repo c outer
    expect_failure "that would be a cycle" vb collection-chain repo c c --mode extend
    expect_failure "no collection 'nothing'" vb collection-chain repo c a nothing
    expect_failure "no collection 'new'" vb collection-chain repo new --mode pop
    expect_failure "a new chain needs children" vb collection-chain repo new
    expect_failure "chain 'c' has no child 'a'" vb collection-chain repo c a --mode remove
    expect_failure "has no child at 1: it has 1" vb collection-chain repo c 1 --mode pop
    expect_failure "as RUN and not as CHAINED" vb collection-chain repo a b
    expect_failure "'sideways' is no mode" vb collection-chain repo c b --mode sideways
    expect_equal "$(children c) $(children outer)" "b c,a"
    expect_equal "$(count collection)" 6
}

# ---- tags ---------------------------------------------------------------------------------------------------------

test_datasets_are_associated_and_disassociated() {
    make_repo
    vb collection-chain repo c b a
    expect_equal "$(vb associate repo t --collections c --dataset-type number --where 'healpix5 > 2')" \
        "associated 3 datasets with t"
    expect_equal "$(registry repo "SELECT group_concat(r.name || m.healpix5) FROM member_1 m JOIN collection t ON t.id = m.collection_id
        JOIN dataset d ON d.id = m.dataset_id JOIN collection r ON r.id = d.run_id WHERE t.name = 't'")" "b3,b4,b5"
    expect_equal "$(vb associate repo t --collections c --dataset-type number --where 'healpix5 > 2')" \
        "associated 0 datasets with t"
    expect_failure "number .healpix5: 3. .* cannot be associated with 't': it would have two" \
        vb associate repo t --collections a --dataset-type number
    expect_equal "$(vb disassociate repo t --where 'healpix5 = 3')" "disassociated 1 dataset from t"
    expect_equal "$(vb associate repo t --collections a --dataset-type number --limit 1)" "associated 1 dataset with t"
    expect_equal "$(vb disassociate repo t)" "disassociated 3 datasets from t"
    expect_equal "$(count association)" 0
    expect_failure "'a' is a RUN: datasets can be disassociated from TAGGED collections only" vb disassociate repo a
    expect_failure "as RUN and not as TAGGED" vb associate repo a --collections b
    expect_failure "no dataset type 'numbr'" vb associate repo t --collections b --dataset-type numbr
    expect_failure "where are the datasets" vb associate repo t
}

test_a_mount_shows_what_is_tagged() {
    need_fuse
    make_repo
    vb associate repo u/t --collections b --dataset-type number --where 'healpix5 = 4'
    mount_at repo mnt
    expect_equal "$(cat mnt/data/u/t/number/healpix5=4/number_4.txt)" "number b 4"
    expect_equal "$(ls mnt/data/u/t/number)" "healpix5=4"
}

# ---- calibrations ---------------------------------------------------------------------------------------------------

ranges() { # CALIBRATION HEALPIX5: "run begin end" of each, in days since 2020-01-01
    registry repo "SELECT group_concat(r.name || ' ' || iif(c.timespan_begin = 0, '-', (c.timespan_begin - 1577836800000000000) / 86400000000000)
        || ' ' || iif(c.timespan_end = 4102444800000000000, '-', (c.timespan_end - 1577836800000000000) / 86400000000000), ', ')
        FROM calib_1 c JOIN dataset d ON d.id = c.dataset_id JOIN collection r ON r.id = d.run_id JOIN collection k
        ON k.id = c.collection_id WHERE k.name = '$1' AND c.healpix5 = $2 ORDER BY c.timespan_begin"
}

test_calibrations_are_certified_and_decertified() {
    make_repo
    vb collection-chain repo generated gen2 gen1
    expect_equal "$(vb certify-calibrations repo gen1 calib bias --end-date 2020-01-11)" "certified 4 datasets in calib"
    vb certify-calibrations repo generated calib bias --begin-date 2020-01-11 --end-date 2020-01-21
    expect_equal "$(ranges calib 2)" "gen1 - 10, gen2 10 20"
    expect_failure "bias .healpix5: 0. .* cannot be certified in 'calib' for \[2020-01-20T00:00:00, -\): .* is, for \[2020-01-11" \
        vb certify-calibrations repo gen1 calib bias --begin-date 2020-01-20
    vb certify-calibrations repo gen1 calib bias --begin-date 2020-01-21
    expect_equal "$(vb decertify repo calib bias --begin-date 2020-01-06 --end-date 2020-01-13 --where 'healpix5 = 2')" \
        "changed 2 validity ranges of bias in calib"
    expect_equal "$(ranges calib 2)" "gen1 - 5, gen2 12 20, gen1 20 -"
    expect_equal "$(ranges calib 1)" "gen1 - 10, gen2 10 20, gen1 20 -"
    vb decertify repo calib bias --begin-date 2020-01-03 --end-date 2020-01-04
    expect_equal "$(ranges calib 2)" "gen1 - 2, gen1 3 5, gen2 12 20, gen1 20 -"
    vb decertify repo calib bias
    expect_equal "$(count calib_1) $(count association)" "0 0"
}

test_what_cannot_be_certified_is_not() {
    make_repo
    expect_failure "'number' is no calibration type" vb certify-calibrations repo a calib number
    expect_failure "no dataset of type 'bias' was found in 'a'" vb certify-calibrations repo a calib bias
    expect_failure "as RUN and not as CALIBRATION" vb certify-calibrations repo gen1 gen2 bias
    expect_failure "the timespan is empty" \
        vb certify-calibrations repo gen1 calib bias --begin-date 2020-01-02 --end-date 2020-01-02
    expect_failure "begin-date" vb certify-calibrations repo gen1 calib bias --begin-date yesterday
    expect_failure "'a' is a RUN, not CALIBRATION" vb decertify repo a bias
    expect_equal "$(count "collection WHERE name = 'calib'")" 0
}

# ---- pruning ----------------------------------------------------------------------------------------------------------

test_a_purge_says_what_it_does_and_asks() {
    make_repo
    vb prune-datasets repo --purge b --where 'healpix5 < 2' --dry-run --format csv >listed 2>said
    expect_equal "$(cut -d, -f1,2,4 listed | tr '\n' ' ')" "type,run,healpix5 number,b,0 number,b,1 "
    grep -q '^2 datasets to be removed' said || fail "$(cat said)"
    echo n | vb prune-datasets repo --purge b --where 'healpix5 < 2' 2>said
    grep -q 'nothing was changed' said || fail "$(cat said)"
    expect_failure "nobody is there to ask" vb prune-datasets repo --purge b --where 'healpix5 < 2' </dev/null
    expect_equal "$(count dataset)" 18
    echo yes | vb prune-datasets repo --purge b --where 'healpix5 < 2'
    expect_equal "$(count dataset)" 16
    [ ! -e repo/b/number/number_0.txt ] || fail "the artifact is there"
    vb prune-datasets repo --purge b --no-confirm --quiet >out 2>&1
    expect_equal "$(cat out)" ""
    expect_equal "$(count dataset) $(count trash)" "12 0"
    check_store repo
}

test_what_others_refer_to_is_not_purged_in_silence() {
    make_repo
    vb associate repo t --collections b --dataset-type number --where 'healpix5 = 5'
    vb certify-calibrations repo gen1 calib bias
    expect_failure "TAGGED 't' has 1 of them" vb prune-datasets repo --purge b --no-confirm
    expect_failure "CALIBRATION 'calib' has 4 of them" vb prune-datasets repo --purge gen1 --no-confirm
    expect_equal "$(count dataset)" 18
    vb prune-datasets repo --purge b --no-confirm --force
    vb prune-datasets repo --purge gen1 --no-confirm --force --where 'healpix5 = 3'
    expect_equal "$(count dataset) $(count association) $(count calib_1)" "11 3 3"
    vb prune-datasets repo calib --unstore --find-all --no-confirm
    expect_equal "$(count dataset) $(count "location l JOIN dataset d ON d.id = l.dataset_id JOIN collection c ON c.id = d.run_id
        WHERE c.name = 'gen1'")" "11 0"
    check_store repo
}

test_datasets_are_found_along_collections() {
    make_repo
    vb collection-chain repo c b a
    vb prune-datasets repo c --datasets 'num*' --unstore --no-confirm
    expect_equal "$(count location)" 12
    vb prune-datasets repo c --datasets 'num*' --unstore --no-confirm --find-all
    expect_equal "$(count location)" 8
    vb associate repo t --collections b --dataset-type number
    vb prune-datasets repo --disassociate t --where 'healpix5 < 4' --no-confirm
    expect_equal "$(count association)" 2
    vb prune-datasets repo 'gen*' --purge gen1 --find-all --no-confirm 2>said
    grep -q "4 datasets of other runs than 'gen1' stay" said || fail "$(cat said)"
    expect_equal "$(count "dataset d JOIN collection c ON c.id = d.run_id WHERE c.name LIKE 'gen%'")" 4
    check_store repo
}

test_what_is_asked_of_prune_must_make_sense() {
    make_repo
    vb certify-calibrations repo gen1 calib bias
    expect_failure "nothing to do" vb prune-datasets repo a
    expect_failure "exclude each other" vb prune-datasets repo a --purge a --disassociate t
    expect_failure "which datasets" vb prune-datasets repo --unstore
    expect_failure "'calib' is a CALIBRATION, not a RUN" vb prune-datasets repo --purge calib
    expect_failure "which one holds depends on the time" vb prune-datasets repo calib --unstore
    expect_failure "no collection 'z'" vb prune-datasets repo z --unstore
    expect_failure "no dataset type 'z'" vb prune-datasets repo a --datasets z --unstore
    expect_failure "compared at column 12" vb prune-datasets repo a --unstore --where "healpix5 = 'a'"
}

# ---- removing, renaming -------------------------------------------------------------------------------------------------

test_runs_are_removed_with_all_that_is_theirs() {
    need_fuse
    make_numbers 3
    run_numbers u/x
    run=$(latest_run repo u/x)
    expect_failure "RUN '$run' is in chain 'u/x'" vb remove-runs repo "$run" --no-confirm
    expect_equal "$(count "quantum WHERE status = 1")" 4
    ls -d repo/.vbutler/runs/u%2Fx* >/dev/null || fail "the execution was moved away"
    vb remove-runs repo "$run" --no-confirm --force >out
    grep -q "^$run: .* provenance of 4 quanta" out || fail "$(cat out)"
    for table in quantum quantum_input quantum_output attempt task connection execution trash "dataset WHERE state != 0"; do
        expect_equal "$(count "$table")" 0 "$table"
    done
    expect_equal "$(children u/x)" numbers
    expect_equal "$(find repo/.vbutler/runs -mindepth 1 | wc -l)" 0
    check_store repo
    run_numbers u/x
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum*.txt)" 6
}

test_what_other_runs_have_read_stays_as_removed() {
    need_fuse
    make_numbers 3
    run_numbers u/x
    expect_failure "RUN .numbers. is in chain" vb remove-runs repo numbers --no-confirm
    vb remove-runs repo numbers --no-confirm --force >out
    grep -q "3 datasets of these were read by quanta of other runs" out || fail "$(cat out)"
    expect_equal "$(count "dataset WHERE state = 2 AND run_id = 0")" 3
    expect_equal "$(count "quantum_input i JOIN dataset d ON d.id = i.dataset_id WHERE d.state = 2")" 3
    check_store repo
    vb remove-runs repo 'u/x/*' --no-confirm --force
    expect_equal "$(count dataset)" 0
    vb remove-collections repo u/x --no-confirm
    vb remove-dataset-type repo '*'
    expect_equal "$(count collection) $(count dataset_type)" "0 0"
    check_store repo
}

# A run of which two numbers are doubled, and whose first quantum waits: $run, and the runner's process in $pid.
begin_run() {
    make_numbers 2
    before_doubling 'sleep 5'
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    "$VBUTLER" run -b repo -g g.vbg --no-progress &
    pid=$!
    tries=0
    while ! registry repo "SELECT name FROM collection WHERE type = 1 AND name LIKE 'u/x/%'" | grep -q .; do
        sleep 0.05
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "it does not start"
    done
    run=$(registry repo "SELECT name FROM collection WHERE type = 1 AND name LIKE 'u/x/%'")
}

test_a_run_that_is_executed_is_not_removed() {
    need_fuse
    begin_run
    for how in "remove-runs repo $run --force" "prune-datasets repo --purge $run" \
        "prune-datasets repo $run --datasets *_files --unstore" "prune-datasets repo --purge $run --dry-run" \
        "remove-collections repo u/x"; do
        set -f
        expect_failure "run '$run' is being executed by process $pid on $(hostname), in " vb $how --no-confirm
        set +f
        grep -q "wait for it to end, or end it: kill $pid" failure.err || fail "$(cat failure.err)"
    done
    expect_failure "removing chain 'u/x': run" vb remove-collections repo u/x --no-confirm
    expect_failure "is being executed by process $pid" vb rename-collection repo "$run" other
    vb associate repo t --collections "$run"
    vb remove-collections repo t --no-confirm
    vb prune-datasets repo numbers --unstore --no-confirm
    kill "$pid" && wait "$pid" || :
    vb prune-datasets repo --purge "$run" --no-confirm
    check_store repo
}

test_a_run_that_is_executed_is_not_pruned_by_the_one_that_replaces_it() {
    need_fuse
    begin_run
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x --replace-run --prune-replaced purge -q again.vbg
    expect_failure "run '$run' is being executed by process $pid" vb run -b repo -g again.vbg --no-progress
    kill "$pid" && wait "$pid" || :
    vb fsck repo
}

# Who looks at an execution holds it for a moment.
test_who_only_looks_at_an_execution_is_waited_for() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    run=$(latest_run repo u/x)
    flock --shared repo/.vbutler/runs/*/lock sleep 0.5 &
    sleep 0.1
    vb rename-collection repo "$run" u/other
    wait $!
}

# Killed when receipts are committed and not merged: links of the init-outputs and of two quanta are made.
test_a_run_goes_with_what_it_had_not_merged() {
    need_strace
    need_fuse
    make_numbers 6
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    traced -e trace=linkat -e inject=linkat:signal=SIGKILL:when=3 "$VBUTLER" run -b repo -g g.vbg --no-progress || :
    run=$(registry repo "SELECT name FROM collection WHERE type = 1 AND name LIKE 'u/x/%'")
    [ "$(find "repo/$run/doubled" -type f | wc -l)" -gt 0 ] || fail "nothing was left"
    echo 1 >"repo/$run/doubled/not_theirs.txt"
    vb remove-runs repo "$run" --no-confirm --force
    expect_equal "$(find repo/u -type f)" "repo/$run/doubled/not_theirs.txt"
    rm "repo/$run/doubled/not_theirs.txt"
    vb fsck repo
    expect_equal "$(ls -A repo/.vbutler/runs)" ""
}

# removal_killed_at SYSCALL N
removal_killed_at() {
    traced -e trace="$1" -e inject="$1:signal=SIGKILL:when=$2" "$VBUTLER" remove-runs repo "$run" --no-confirm --force || :
    [ -n "$(ls -d repo/.vbutler/runs/.removed.* 2>/dev/null)" ] || fail "it was not killed in the middle"
    vb fsck repo >found 2>&1 || grep -q trash found || fail "$(cat found)"
}

test_executions_that_a_killed_removal_has_moved_away_are_settled() {
    need_strace
    need_fuse
    make_numbers 2
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    vb run -b repo -g g.vbg --no-progress
    run=$(latest_run repo u/x)
    removal_killed_at fdatasync 1 # before the commit: the next that runs brings it back
    vb run -b repo -g g.vbg --no-progress 2>said
    grep -q '3 of 3 quanta had been done before' said || fail "$(cat said)"
    expect_equal "$(ls -A repo/.vbutler/runs | wc -l)" 1
    check_store repo
    removal_killed_at unlink,unlinkat 1 # after it: its directory goes
    expect_equal "$(registry repo "SELECT count(*) FROM collection WHERE name = '$run'")" 0
    run_numbers u/y
    expect_equal "$(find repo/.vbutler/runs -name '.removed.*')" ""
    vb fsck repo
    check_store repo
}

test_collections_are_removed_and_their_datasets_stay() {
    make_repo
    vb associate repo t --collections b --dataset-type number
    vb certify-calibrations repo gen1 calib bias
    vb collection-chain repo c t a
    expect_failure "TAGGED 't' is in chain 'c'" vb remove-collections repo t calib --no-confirm
    expect_equal "$(count association)" 10
    vb remove-collections repo t calib a --no-confirm --remove-from-parents 2>said
    grep -q "'a' is a RUN, and stays" said || fail "$(cat said)"
    expect_equal "$(count association) $(count calib_1) $(count dataset) $(children c)" "0 0 18 a"
    expect_failure "collection '.*' has datasets of it" vb remove-dataset-type repo number
    vb prune-datasets repo '*' --datasets number --find-all --unstore --no-confirm
    vb remove-runs repo a b --no-confirm --force
    vb remove-dataset-type repo number
    expect_failure "no dataset type 'number'" vb remove-dataset-type repo number
    check_store repo
}

test_a_collection_gets_another_name() {
    make_repo
    vb collection-chain repo c a b
    vb rename-collection repo a old/a
    expect_equal "$(children c)" old/a,b
    expect_failure "there is one of that name" vb rename-collection repo b c
    expect_failure "cannot name a collection" vb rename-collection repo b 'b*'
    expect_failure "no collection 'a'" vb rename-collection repo a z
    vb prune-datasets repo --purge old/a --no-confirm
    check_store repo
    vb collection-doc repo b 'six numbers'
    expect_equal "$(vb collection-doc repo b)" 'six numbers'
    vb collection-doc repo b --remove
    expect_equal "$(vb collection-doc repo b)" ''
}

run_tests "$@"
