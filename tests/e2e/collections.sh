#!/bin/sh
# collections.sh - where a run writes to and reads from: -i, -o, --output-run, --extend-run, --replace-run, --rebase.
. "$(dirname "$0")/lib.sh"

children() {
    registry repo "SELECT group_concat(name) FROM (SELECT c.name FROM collection_chain k JOIN collection c ON c.id = k.child_id
                   JOIN collection p ON p.id = k.parent_id WHERE p.name = '$1' ORDER BY k.position)"
}

datasets_of() {
    registry repo "SELECT count(*) FROM dataset d JOIN collection c ON c.id = d.run_id WHERE c.name = '$1' AND state = 0"
}

test_an_output_is_a_chain_of_runs_and_inputs() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    first=$(latest_run repo u/x)
    expr "$first" : 'u/x/[0-9]\{8\}T[0-9]\{6\}Z$' >/dev/null || fail "run '$first'"
    expect_equal "$(children u/x)" "$first,numbers"
    vb run -b repo -p numbers.yaml -o u/x --no-progress # the chain's own inputs
    second=$(latest_run repo u/x)
    [ "$second" != "$first" ] || fail "the second run has the name of the first"
    expect_equal "$(children u/x)" "$second,$first,numbers"
}

test_inputs_of_a_chain_that_is_there_must_be_part_of_it() {
    need_fuse
    make_numbers 2
    sed 's|files/|./files/|' numbers.csv >more.csv
    vb ingest-files repo number more more.csv
    run_numbers u/x
    expect_failure 'no contiguous part' vb run -b repo -p numbers.yaml -i more -o u/x
    vb run -b repo -p numbers.yaml -i more -o u/x --rebase --no-progress
    run=$(latest_run repo u/x)
    first=$(children u/x | cut -d, -f2)
    expect_equal "$(children u/x)" "$run,$first,numbers,more"
}

test_an_output_run_is_new_unless_it_is_extended() {
    need_fuse
    make_numbers 4
    vb run -b repo -p numbers.yaml -i numbers --output-run u/r -d "healpix5 < 2" --no-progress
    expect_failure "run 'u/r' is there already" \
        vb run -b repo -p numbers.yaml#double -i numbers --output-run u/r -d "healpix5 >= 2"
    expect_failure "run 'u/r' has doubled {healpix5: 0} already" \
        vb run -b repo -p numbers.yaml#double -i numbers --output-run u/r --extend-run
    vb run -b repo -p numbers.yaml#double -i numbers --output-run u/r --extend-run -d "healpix5 >= 2" --no-progress
    expect_equal "$(registry repo "SELECT count(*) FROM dataset d JOIN dataset_type t ON t.id = d.type_id
                                   WHERE t.name = 'doubled'")" 4
}

test_extend_run_means_the_latest_run_of_the_chain() {
    need_fuse
    make_numbers 4
    expect_failure "chain 'u/x' is not there" run_numbers u/x --extend-run
    vb run -b repo -p numbers.yaml#double -i numbers -o u/x -d "healpix5 < 2" --no-progress
    first=$(latest_run repo u/x)
    vb run -b repo -p numbers.yaml -o u/x --extend-run --skip-existing --no-progress
    expect_equal "$(latest_run repo u/x)" "$first"
    expect_equal "$(registry repo "SELECT count(*) FROM attempt")" 5 "two and two doublings, one sum"
    cat repo/"$first"/sum/sum.txt
    expect_equal "$(cat repo/"$first"/sum/sum.txt)" 12
}

test_what_one_of_the_collections_has_is_left_out() {
    need_fuse
    make_numbers 4
    run_numbers u/x -d "healpix5 < 2"
    vb run -b repo -p numbers.yaml -i u/x,numbers -o u/y --skip-existing-in u/x -d "healpix5 < 4" --no-progress
    expect_equal "$(registry repo "SELECT count(*) FROM attempt")" 5
}

test_a_label_has_one_definition_in_a_run() {
    need_fuse
    make_numbers 4
    vb run -b repo -p numbers.yaml#double -i numbers --output-run u/r -d "healpix5 < 2" --no-progress
    before_doubling 'true'
    expect_failure "task 'double' already, with another command" \
        vb run -b repo -p numbers.yaml#double -i numbers --output-run u/r --extend-run -d "healpix5 >= 2"
    expect_equal "$(registry repo "SELECT count(*) FROM attempt")" 2
}

test_clobbered_outputs_are_made_anew() {
    need_fuse
    make_numbers 3
    run_numbers u/x
    run=$(latest_run repo u/x)
    before=$(registry repo "SELECT hex(uuid) FROM dataset d JOIN dataset_type t ON t.id = d.type_id WHERE t.name = 'sum'")
    vb run -b repo -p numbers.yaml -o u/x --extend-run --clobber-outputs --no-progress
    expect_equal "$(latest_run repo u/x)" "$run"
    after=$(registry repo "SELECT hex(uuid) FROM dataset d JOIN dataset_type t ON t.id = d.type_id
                           WHERE t.name = 'sum' AND d.state = 0")
    [ "$after" != "$before" ] || fail "the UUID stands for two sets of bytes"
    expect_equal "$(registry repo "SELECT count(*) FROM trash")" 0
    check_store repo
}

# bug: what was picked went from the collections that had it, and nobody was told
test_clobbering_leaves_what_others_have_picked() {
    need_fuse
    make_numbers 3
    run_numbers u/x
    vb associate repo t --collections "$(latest_run repo u/x)" --dataset-type doubled --where 'healpix5 = 1'
    expect_failure "--clobber-outputs would take doubled .* of run .* out of TAGGED 't'" \
        vb run -b repo -p numbers.yaml -i numbers -o u/x --extend-run --clobber-outputs --no-progress
    grep -q 'disassociate or decertify it first' failure.err
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x --extend-run --clobber-outputs -d 'healpix5 = 2' -q g.vbg
    vb associate repo t --collections "$(latest_run repo u/x)" --dataset-type doubled --where 'healpix5 = 2'
    expect_failure "TAGGED 't' has 1 of them" vb run -b repo -g g.vbg --no-progress # since the graph was built
    expect_equal "$(registry repo 'SELECT count(*) FROM association')" 2
    check_store repo
    vb fsck repo
    vb prune-datasets repo --disassociate t --no-confirm
    vb run -b repo -p numbers.yaml -i numbers -o u/x --extend-run --clobber-outputs --no-progress
    check_store repo
}

test_a_replaced_run_leaves_the_chain() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    first=$(latest_run repo u/x)
    vb run -b repo -p numbers.yaml -o u/x --replace-run --no-progress
    second=$(latest_run repo u/x)
    expect_equal "$(children u/x)" "$second,numbers"
    [ "$(datasets_of "$first")" -gt 0 ] || fail "the datasets of the replaced run are gone"
    check_store repo
}

test_a_replaced_run_is_purged() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    first=$(latest_run repo u/x)
    vb run -b repo -p numbers.yaml -o u/x --replace-run --prune-replaced purge --no-progress
    expect_equal "$(datasets_of "$first")" 0
    expect_equal "$(find repo/"$first" -type f)" ""
    check_store repo
    vb report repo "$first" | grep -q double || fail "its provenance is gone"
}

test_a_replaced_run_is_unstored() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    first=$(latest_run repo u/x)
    vb run -b repo -p numbers.yaml -o u/x --replace-run --prune-replaced unstore --no-progress
    [ "$(datasets_of "$first")" -gt 0 ] || fail "its datasets are gone"
    expect_equal "$(find repo/"$first" -type f)" ""
    check_store repo
}

test_a_run_that_another_chain_has_is_not_purged() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    first=$(latest_run repo u/x)
    vb run -b repo -p numbers.yaml -i "$first",numbers -o u/y --skip-existing-in "$first" --no-progress || :
    [ "$(children u/y)" ] || vb run -b repo -p numbers.yaml -i "$first",numbers -o u/y --no-progress
    expect_failure "is in chain 'u/y' too" vb run -b repo -p numbers.yaml -o u/x --replace-run --prune-replaced purge
    [ "$(datasets_of "$first")" -gt 0 ] || fail "it was purged"
    check_store repo
}

# Bug: registering set the chain to what it was when the graph was built.
test_a_graph_that_is_run_late_does_not_take_newer_runs_out_of_the_chain() {
    need_fuse
    make_numbers 2
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q old.vbg
    sleep 1
    run_numbers u/x
    newer=$(latest_run repo u/x)
    vb run -b repo -g old.vbg --no-progress
    older=$(latest_run repo u/x)
    expect_equal "$(children u/x)" "$older,$newer,numbers"
    vb run -b repo -g old.vbg --no-progress
    expect_equal "$(children u/x)" "$older,$newer,numbers"
}

# Bug: two graphs that were built in one second wrote to one run.
test_a_run_that_was_made_meanwhile_is_refused() {
    need_fuse
    make_numbers 2
    vb qgraph -b repo -p numbers.yaml -i numbers --output-run u/r -q a.vbg
    vb qgraph -b repo -p numbers.yaml -i numbers --output-run u/r -q b.vbg
    vb run -b repo -g a.vbg --no-progress
    expect_failure "run 'u/r' has been made since this graph was built" vb run -b repo -g b.vbg
    check_store repo
}

test_names_of_collections_are_checked() {
    make_numbers 1
    for name in .hidden u/.x u//x 'u/*' '' "u/$(printf '%0241d' 0)"; do
        expect_failure '' vb qgraph -b repo -p numbers.yaml -i numbers --output-run "$name" -q g.vbg
    done
    expect_failure "no collection 'nmubers'" vb qgraph -b repo -p numbers.yaml -i nmubers -o u/x -q g.vbg
    grep -q "did you mean 'numbers'" failure.err
}

run_tests "$@"
