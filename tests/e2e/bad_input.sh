#!/bin/sh
# bad_input.sh - files that are not what they should be: a clear sentence, a non-zero exit, nothing changed.  Pipelines and data
# queries are in graph.sh, artifacts in capture.sh.
. "$(dirname "$0")/lib.sh"

# A repository of SimCam, with nothing in it, and the simulated images below `sky`.
make_simcam() {
    "$SIMULATE" sky --visits-per-band 1 >/dev/null
    vb create repo
    vb register-instrument repo "$SOURCE/tools/demo/instruments/simcam.yaml"
}

test_a_truncated_fits_is_left_out_and_the_others_are_ingested() {
    make_simcam
    victim=$(find sky/images -name '*_ooi_r_*S1*')
    truncate -s 20000 "$victim"
    echo 'not an image' >sky/images/notes.txt
    expect_failure 'truncated: 20,000 bytes where the header asks for' vb ingest-raws repo sky/images sky/images/notes.txt
    grep -q "$(basename "$victim")" failure.err || fail "the file is not named"
    grep -q 'notes.txt: not FITS; skipped' failure.err || fail "$(cat failure.err)"
    grep -q 'ingested 17 of 19 files' failure.out || fail "$(cat failure.out)"
    expect_equal "$(registry repo "SELECT count(*) FROM dataset")" 17
    check_store repo
}

test_fail_fast_ingests_nothing() {
    make_simcam
    truncate -s 20000 "$(find sky/images -name '*_ooi_r_*S1*')"
    expect_failure truncated vb ingest-raws repo sky/images --fail-fast
    expect_equal "$(registry repo "SELECT count(*) FROM dataset")" 0
    check_store repo
}

test_a_registry_that_is_no_sqlite_file() {
    make_numbers 1
    echo 'this is not a database, whatever its name says' >repo/registry.sqlite3
    rm -f repo/registry.sqlite3-*
    expect_failure 'registry.sqlite3: is not a registry' vb run -b repo -p numbers.yaml -i numbers -o u/x
    expect_failure 'registry.sqlite3: is not a registry' vb mount repo mnt
}

test_an_sqlite_file_that_is_no_registry() {
    make_numbers 1
    rm -f repo/registry.sqlite3*
    sqlite3 repo/registry.sqlite3 'CREATE TABLE t (x)'
    expect_failure 'is an SQLite file, but no vbutler registry' vb run -b repo -p numbers.yaml -i numbers -o u/x
}

test_a_registry_of_a_newer_version() {
    make_numbers 1
    sqlite3 repo/registry.sqlite3 'PRAGMA user_version = 999'
    expect_failure 'schema version 999' vb run -b repo -p numbers.yaml -i numbers -o u/x
}

test_a_graph_that_is_cut_off() {
    make_numbers 5
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    for size in 0 100 5000 60000; do
        head -c $size g.vbg >cut.vbg
        expect_failure 'cut.vbg' vb run -b repo -g cut.vbg
    done
    expect_failure 'is a registry, not a quantum graph' vb run -b repo -g repo/registry.sqlite3
    expect_failure 'No such file' vb run -b repo -g none.vbg
}

# Artifacts lie below the name of their RUN: a directory in the place of SQLite's journal makes a registry unreadable, and "#hdu="
# in a path is the part of a file.
test_a_run_cannot_be_called_like_what_is_in_a_path() {
    make_numbers 2
    for name in registry.sqlite3-journal registry.sqlite3-lease/x vbutler.yaml 'a#hdu=1' 'u/a#unzip=b' '' .vbutler/runs; do
        expect_failure "'$name' cannot name a collection" vb ingest-files repo number "$name" numbers.csv
        expect_failure "'$name' cannot name a collection" vb rename-collection repo numbers "$name"
    done
    expect_failure 'cannot name a collection' vb run -b repo -p numbers.yaml -i numbers --output-run registry.sqlite3-journal
    expect_equal "$(ls repo)" "$(printf 'numbers\nregistry.sqlite3\nregistry.sqlite3-shm\nregistry.sqlite3-wal\nvbutler.yaml')"
    check_store repo
}

test_a_table_of_files_with_a_mistake_changes_nothing() {
    make_numbers 2
    before=$(registry repo .dump | md5sum)
    printf 'path,healpix5\nfiles/0.txt,10\nfiles/none.txt,11\n' >t.csv
    expect_failure 't.csv:3: .*files/none.txt' vb ingest-files repo number more t.csv
    printf 'path,healpix5\nfiles/0.txt,10\nfiles/1.txt,ten\n' >t.csv
    expect_failure "t.csv:3: .*'ten'" vb ingest-files repo number more t.csv
    printf 'path,healpix5\nfiles/0.txt,10\nfiles/1.txt,10\n' >t.csv
    expect_failure 't.csv:3: .*healpix5: 10' vb ingest-files repo number more t.csv
    printf 'path,helpix5\nfiles/0.txt,10\n' >t.csv
    expect_failure "did you mean 'healpix5'" vb ingest-files repo number more t.csv
    printf 'path,healpix5\nfiles/0.txt,99999999\n' >t.csv
    expect_failure '99999999' vb ingest-files repo number more t.csv
    expect_equal "$(registry repo .dump | md5sum)" "$before"
    check_store repo
}

test_a_sky_map_with_a_mistake_changes_nothing() {
    vb create repo
    before=$(registry repo .dump | md5sum)
    echo 'name: x' >s.yaml
    expect_failure 'tracts' vb register-skymap repo s.yaml
    printf 'name: x\npixel_scale: 0\npatches: 1\npatch_size: 10\ntracts: [{id: 0, center: [0, 0]}]\n' >s.yaml
    expect_failure 's.yaml:2:' vb register-skymap repo s.yaml
    expect_equal "$(registry repo .dump | md5sum)" "$before"
}

test_a_directory_that_is_no_place_for_a_repository() {
    mkdir full
    touch full/file
    expect_failure 'full' vb create full
    expect_equal "$(ls full)" file
    touch file
    expect_failure 'file' vb create file
    expect_failure 'universe' vb create new --universe 99
    [ ! -e new ] || fail "something was left behind"
}

run_tests "$@"
