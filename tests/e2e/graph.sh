#!/bin/sh
# graph.sh - what a quantum graph holds, and what is said where it cannot be built.  Nothing is changed by a failure.
. "$(dirname "$0")/lib.sh"

build_graph() {
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg "$@"
}

quanta() {
    sqlite3 g.vbg "SELECT count(*) FROM quantum q JOIN task t ON t.id = q.task_id WHERE t.label = '$1'"
}

# Fails with a message, leaves the registry and the directory as they were.
refused() {
    registry repo .dump >before.sql
    files=$(find . -type f ! -name 'failure.*' | sort | md5sum)
    expect_failure "$1" build_graph
    registry repo .dump | cmp - before.sql
    expect_equal "$(find . -type f ! -name 'failure.*' | sort | md5sum)" "$files" "files were left behind"
}

test_a_quantum_for_each_data_id_that_has_inputs() {
    make_numbers 7
    build_graph
    expect_equal "$(quanta double)" 7
    expect_equal "$(quanta sum)" 1
    expect_equal "$(sqlite3 g.vbg "SELECT count(*) FROM quantum_input")" 14
}

test_a_graph_is_a_registry_of_its_own() {
    need_fuse
    make_numbers 3
    build_graph
    mount_at g.vbg mnt
    expect_equal "$(cat mnt/data/numbers/number/healpix5=2/number_2.txt)" 2
    vb umount mnt
}

test_quanta_that_lack_inputs_are_left_out_and_so_are_those_behind_them() {
    make_numbers 4
    cat >numbers.yaml <<'YAML'
description: Five numbers are needed, and there are four.
tasks:
  double:
    dimensions: [healpix5]
    inputs: {number: {type: number}}
    outputs: {doubled: {type: doubled, dimensions: [healpix5], storageClass: Text, extension: .txt}}
    command: [cp, "{in.number}", "{out.doubled}"]
  few:
    dimensions: []
    inputs: {doubled: {type: doubled, multiple: true, minimum: 5}}
    outputs: {few: {type: few, dimensions: [], storageClass: Text, extension: .txt}}
    command: [cp, "{in.doubled}", "{out.few}"]
  after:
    dimensions: []
    inputs: {few: {type: few}}
    outputs: {after: {type: after, dimensions: [], storageClass: Text, extension: .txt}}
    command: [cp, "{in.few}", "{out.after}"]
YAML
    build_graph 2>err
    grep -q "few: left out 1 quantum with fewer than 5 of 'doubled' (input 'doubled')" err || fail "$(cat err)"
    grep -q "after: left out 1 quantum with fewer than 1 of 'few'" err
    grep -q '4 quanta in 3 tasks.*left out: 2' err
    expect_equal "$(quanta double) $(quanta few) $(quanta after)" "4 0 0"
    expect_equal "$(sqlite3 g.vbg "SELECT count(*) FROM dataset d JOIN dataset_type t ON t.id = d.type_id
                                   WHERE t.name IN ('few', 'after', 'few_log')")" 0
}

test_a_graph_of_which_nothing_is_left_is_refused() {
    make_numbers 2
    sed -i 's/doubled, multiple: true/doubled, multiple: true, minimum: 9/' numbers.yaml
    build_graph # the task `double` is left
    sed -i 's/number: {type: number,/number: {multiple: true, minimum: 2, type: number,/; s/"{in.number}"/"{in.number:,}"/' numbers.yaml
    refused 'no quantum is left'
}

test_a_query_that_selects_nothing_names_what_empties_it() {
    make_numbers 3
    expect_failure "no quantum: .*healpix5 > 5" build_graph -d "healpix5 > 5"
    grep -q "of 3 'number', 0 have" failure.err || fail "$(cat failure.err)"
}

test_inputs_without_the_type_are_named() {
    make_numbers 3
    vb register-dataset-type repo other Text healpix5
    sed -i 's/type: number/type: other/' numbers.yaml
    refused "other"
}

test_a_cycle_is_refused() {
    make_numbers 3
    sed -i 's/inputs:\n      number/&/; 0,/number: {type: number.*/s//number: {type: number, dimensions: [healpix5], storageClass: Text, extension: .txt}\n      again: {type: sum}/' numbers.yaml
    refused "cycle"
    grep -q 'double.*sum\|sum.*double' failure.err
}

test_an_output_of_two_tasks_is_refused() {
    make_numbers 3
    sed -i 's/sum: {type: sum, dimensions: \[\]/sum: {type: doubled, dimensions: [healpix5]/' numbers.yaml
    refused "'doubled' is made by two tasks: 'double' and 'sum'"
    grep -q 'numbers.yaml:[0-9]*:[0-9]*: ' failure.err || fail "the message does not say where"
}

test_an_unknown_dimension_is_refused() {
    make_numbers 3
    expect_failure "visitt" build_graph -d "visitt = 3"
    sed -i 's/dimensions: \[healpix5\]/dimensions: [helpix5]/' numbers.yaml
    refused "no dimension 'helpix5'"
}

test_yaml_that_is_none_is_refused_with_its_place() {
    make_numbers 1
    echo '  oops: [1, 2' >>numbers.yaml
    refused 'numbers.yaml:[0-9]+:[0-9]+: '
}

test_unknown_keys_are_refused_with_a_hint() {
    make_numbers 1
    sed -i 's/outputs:/ouputs:/' numbers.yaml
    refused "ouputs"
    grep -q "'outputs'" failure.err
}

test_a_bad_data_query_points_at_the_place() {
    make_numbers 1
    for query in 'healpix5 <' 'healpix5 = 1 and' '(healpix5 = 1' "healpix5 = 'a" 'healpix5 ! 1'; do
        expect_failure 'data query' build_graph -d "$query"
    done
}

test_options_that_lack_something_say_so() {
    make_numbers 1
    expect_failure 'where to' vb qgraph -b repo -p numbers.yaml -i numbers -q g.vbg
    expect_failure 'which pipeline' vb qgraph -b repo -i numbers -o u/x -q g.vbg
    expect_failure '--input' vb qgraph -b repo -p numbers.yaml -o u/x -q g.vbg
    expect_failure 'no such|No such' vb qgraph -b repo -p nothing.yaml -i numbers -o u/x -q g.vbg
    expect_failure 'is no vbutler repository' vb qgraph -b nowhere -p numbers.yaml -i numbers -o u/x -q g.vbg
    expect_failure 'o/u' vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q no/u/g.vbg
}

test_configuration_from_the_command_line() {
    need_fuse
    make_numbers 3
    sed -i "s/command: \[sh, -c, 'echo \$((2/config: {factor: 2}\n    command: [sh, -c, 'echo \$(({config.factor}/" numbers.yaml
    run_numbers u/x
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum.txt)" 6
    run_numbers u/y -c double:factor=10
    expect_equal "$(cat repo/"$(latest_run repo u/y)"/sum/sum.txt)" 30
    expect_failure "faktor" vb run -b repo -p numbers.yaml -i numbers -o u/z -c double:faktor=10
    expect_failure "dobule" vb run -b repo -p numbers.yaml -i numbers -o u/z -c dobule:factor=10
}

run_tests "$@"
