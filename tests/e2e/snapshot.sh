#!/bin/sh
# snapshot.sh - parts of a registry, frozen: what they hold, that they never change, that runs from them name them.
. "$(dirname "$0")/lib.sh"

snapshot_id() {
    sqlite3 "$1" "SELECT value FROM meta WHERE key = 'snapshot_id'"
}

test_what_was_chosen_and_nothing_else() {
    make_numbers 10
    vb snapshot repo -o s.vbs --collections numbers --where 'healpix5 in (2..4)' >out
    grep -q "snapshot $(snapshot_id s.vbs) of 3 datasets" out
    expect_equal "$(sqlite3 s.vbs "SELECT group_concat(dataid) FROM dataset")" "[2],[3],[4]"
    expect_equal "$(sqlite3 s.vbs "SELECT count(*) FROM location")" 3
    expect_equal "$(sqlite3 s.vbs "SELECT count(*) FROM member_1")" 3
    expect_equal "$(sqlite3 s.vbs "PRAGMA integrity_check")" ok
    expect_equal "$(sqlite3 s.vbs "PRAGMA foreign_key_check")" ""
    expect_equal "$(ls repo/*.vbs ./*.tmp 2>/dev/null)" ""
}

test_bad_input() {
    make_numbers 2
    expect_failure "give --output" vb snapshot repo --collections numbers
    expect_failure "give --collections" vb snapshot repo -o s.vbs
    expect_failure "no collection 'nubmers'|nubmers" vb snapshot repo -o s.vbs --collections nubmers
    expect_failure "nothing in the snapshot" vb snapshot repo -o s.vbs --collections numbers --where 'healpix5 = 77'
    expect_failure "is_no_name|means nothing|no_such" vb snapshot repo -o s.vbs --collections numbers --where 'no_such = 1'
    expect_equal "$(ls | grep -c vbs)" 0
    vb snapshot repo -o s.vbs --collections numbers
    before=$(xxhsum <s.vbs)
    expect_failure "is there already" vb snapshot repo -o s.vbs --collections numbers
    expect_equal "$(xxhsum <s.vbs)" "$before"
    need_fuse
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    expect_failure "is a graph" vb snapshot g.vbg -o t.vbs --collections numbers
    expect_failure "is a graph" vb run -b repo --snapshot g.vbg -p numbers.yaml -i numbers -o u/x
}

test_it_can_be_mounted_and_never_changes() {
    need_fuse
    make_numbers 5
    run_numbers u/x
    vb snapshot repo -o s.vbs --collections u/x
    mount_at s.vbs mnt
    expect_equal "$(cat mnt/data/u/x/doubled/healpix5=3/*)" 6
    expect_equal "$(cat mnt/data/u/x/sum/sum*)" 20
    producer=$(ls -d mnt/data/u/x/sum/*)
    id=$(getfattr -n user.butler.id --only-values "$producer" 2>/dev/null || sqlite3 s.vbs "SELECT lower(hex(uuid)) FROM dataset LIMIT 1")
    [ -n "$id" ]
    # Where did it come from: the lineage is in the file.
    run=$(latest_run repo u/x)
    expect_equal "$(ls "mnt/provenance/$run")" "double
sum"
    expect_equal "$(ls "mnt/provenance/$run/sum"/*/inputs/doubled | wc -l)" 5
    names=$(find mnt/data | sort)
    run_numbers u/x --extend-run --skip-existing || :
    run_numbers u/z
    expect_equal "$(find mnt/data | sort)" "$names"
    vb umount mnt
}

test_a_run_from_it_names_it() {
    need_fuse
    make_numbers 10
    vb snapshot repo -o s.vbs --collections numbers --where 'healpix5 < 4'
    id=$(snapshot_id s.vbs)
    vb run -b repo --snapshot s.vbs -p numbers.yaml -i numbers -o u/x --no-progress -q g.vbg
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum*.txt)" 12 # 0 to 3, and not what the registry has
    expect_equal "$(registry repo "SELECT snapshot FROM execution")" "$id"
    expect_equal "$(sqlite3 g.vbg "SELECT value FROM meta WHERE key = 'snapshot'")" "$id"
    expect_equal "$(registry repo "SELECT DISTINCT json_extract(receipt, '\$.details.snapshot') FROM attempt")" "$id"
    expect_equal "$(registry repo "SELECT count(*) FROM quantum_input i JOIN dataset d ON d.id = i.dataset_id WHERE d.run_id =
                                   (SELECT id FROM collection WHERE name = 'numbers')")" 4
    # And one that is not from a snapshot names none.
    run_numbers u/y
    expect_equal "$(registry repo "SELECT count(*) FROM execution WHERE snapshot IS NULL")" 1
    vb fsck repo --checksum
}

test_a_snapshot_of_a_snapshot() {
    need_fuse
    make_numbers 10
    run_numbers u/x
    vb snapshot repo -o s.vbs --collections u/x,numbers --dataset-types 'number,doubled' --where 'healpix5 < 6'
    vb snapshot s.vbs -o t.vbs --collections u/x --dataset-types doubled --where 'healpix5 > 3'
    expect_equal "$(sqlite3 t.vbs "SELECT value FROM meta WHERE key = 'parent_snapshot'")" "$(snapshot_id s.vbs)"
    expect_equal "$(sqlite3 t.vbs "SELECT group_concat(dataid) FROM dataset WHERE state = 0")" "[4],[5]"
    expect_equal "$(sqlite3 t.vbs "SELECT count(*) FROM quantum")" 2
    mount_at t.vbs mnt
    expect_equal "$(cat mnt/data/u/x/doubled/healpix5=5/*)" 10
    vb umount mnt
}

test_what_is_pruned_keeps_its_name() {
    need_fuse
    make_numbers 3
    vb snapshot repo -o s.vbs --collections numbers
    rm repo/numbers/number/number_1.txt
    mount_at s.vbs mnt
    expect_equal "$(ls mnt/data/numbers/number | wc -l)" 3
    cat mnt/data/numbers/number/healpix5=1/* 2>/dev/null && fail "it was read"
    expect_equal "$(cat mnt/data/numbers/number/healpix5=2/*)" 2
    vb umount mnt
}

test_records_come_with_data_ids() {
    [ -d "$VB_SHARED/data/decam" ] || skip "no real data in $VB_SHARED"
    vb create repo
    vb ingest-raws repo "$VB_SHARED/data/decam/images" >/dev/null
    vb snapshot repo -o s.vbs --collections 'DECam/*' --where "instrument='DECam' and band='g'"
    expect_equal "$(sqlite3 s.vbs "SELECT group_concat(DISTINCT band) FROM dimension_physical_filter")" g
    expect_equal "$(sqlite3 s.vbs "SELECT count(*) FROM dimension_visit")" "$(sqlite3 s.vbs "SELECT count(*) FROM dimension_exposure")"
    [ "$(sqlite3 s.vbs "SELECT count(*) FROM dimension_visit")" -gt 0 ] || fail "no visits"
    [ "$(sqlite3 s.vbs "SELECT count(*) FROM overlap_visit")" -gt 0 ] || fail "no pixels"
    for element in visit exposure visit_definition; do
        expect_equal "$(sqlite3 s.vbs "ATTACH 'repo/registry.sqlite3' AS r; SELECT count(*) FROM (SELECT * FROM dimension_$element
                                       EXCEPT SELECT * FROM r.dimension_$element)")" 0
    done
}

test_kills_leave_nothing_or_all() {
    make_numbers 40
    for i in $(seq 12); do
        "$VBUTLER" snapshot repo -o s.vbs --collections numbers >/dev/null 2>&1 &
        pid=$!
        sleep "$(awk -v seed="$i$$" 'BEGIN {srand(seed); print 0.04 * rand()}')"
        kill -KILL $pid 2>/dev/null || :
        wait $pid || :
        if [ -e s.vbs ]; then
            expect_equal "$(sqlite3 s.vbs "SELECT count(*) FROM dataset")" 40
            rm s.vbs
        fi
    done
    vb fsck repo --checksum
}

test_kills_of_ingests_and_a_sweep() {
    make_numbers 5
    mkdir more
    for i in $(seq 100 400); do echo "$i" >"more/$i.txt"; done
    { echo path,healpix5; for i in $(seq 100 400); do echo "more/$i.txt,$i"; done; } >more.csv
    for i in $(seq 12); do
        "$VBUTLER" ingest-files repo number "more/$i" more.csv >/dev/null 2>&1 &
        pid=$!
        sleep "$(awk -v seed="$i$$" 'BEGIN {srand(seed); print 0.12 * rand()}')"
        kill -KILL $pid 2>/dev/null || :
        wait $pid || :
        vb fsck repo --format csv >found.csv 2>/dev/null || :
        tail -n +2 found.csv | cut -d, -f1 | grep -vqx interrupted && fail "after kill $i: $(cat found.csv)"
        vb fsck repo --repair --no-confirm >/dev/null 2>&1 || :
        vb fsck repo --checksum 2>fsck.err || fail "after kill $i: $(cat fsck.err)"
    done
    check_store repo
}

run_tests "$@"
