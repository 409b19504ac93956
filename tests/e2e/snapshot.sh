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
    vb query-datasets s.vbs number --show-uri --format csv >uris
    expect_equal "$(grep -c "file://$(pwd -P)/repo/" uris)" 3 "$(cat uris)"
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

# A snapshot is a repository that is only read: what it holds can be exported, in either form, and imported again.
test_it_can_be_exported() {
    need_fuse
    make_numbers 10
    run_numbers u/x
    vb snapshot repo -o s.vbs --collections u/x,numbers --dataset-types 'number,doubled' --where 'healpix5 < 6'
    before=$(xxhsum <s.vbs)
    vb export s.vbs out --transfer copy
    vb create other
    vb import other out
    expect_equal "$(registry other "SELECT t.name, count(*) FROM dataset JOIN dataset_type t ON t.id = type_id GROUP BY 1")" 'doubled|6
number|6'
    expect_equal "$(sqlite3 s.vbs "SELECT hex(uuid) FROM dataset WHERE state = 0 ORDER BY 1")" \
        "$(registry other "SELECT hex(uuid) FROM dataset ORDER BY 1")"
    check_store other
    # Without a transfer paths begin at the repository that it names.
    vb export s.vbs yaml --where 'healpix5 = 3' --dataset-types doubled
    vb create direct
    vb import direct repo --export-file yaml/export.yaml --transfer direct
    expect_equal "$(registry direct 'SELECT count(*) FROM dataset')" 1
    vb export-gen3 s.vbs gen3 --transfer copy
    expect_equal "$(sqlite3 gen3/gen3.sqlite3 'SELECT count(*) FROM dataset; PRAGMA foreign_key_check')" 12
    expect_equal "$(cat gen3/$(sqlite3 gen3/gen3.sqlite3 "SELECT path FROM file_datastore_records WHERE path LIKE '%doubled%healpix5%' OR path LIKE '%doubled_5%' LIMIT 1"))" 10
    # A repository that has moved is named.
    mv repo moved
    expect_failure "the repository that has its artifacts, .*/repo, is not there" vb export s.vbs again
    grep -q -- '--butler-config' failure.err
    vb export s.vbs again --transfer hardlink -b moved
    vb export-gen3 s.vbs gen3again --transfer copy --butler-config moved
    expect_equal "$(xxhsum <s.vbs)" "$before"
    expect_failure "only where a snapshot is read" vb export moved x -b moved
    expect_failure "is a graph|is no SQLite|not an SQLite" vb export files/1.txt x
    expect_failure "is a file, and a repository is a directory" vb ingest-files s.vbs number n numbers.csv
    grep -q 'a snapshot is only read' failure.err
}

# What can be checked of it is: the file, its references, and the artifacts that it names; nothing is repaired.
test_it_can_be_checked() {
    need_fuse
    make_numbers 6
    run_numbers u/x
    vb snapshot repo -o s.vbs --collections u/x,numbers
    before=$(xxhsum <s.vbs)
    vb fsck s.vbs --checksum 2>out
    grep -q 'looked at 30 artifacts: all is well' out
    chmod -R u+w repo/numbers
    rm repo/numbers/number/number_1.txt
    echo more >>repo/numbers/number/number_2.txt
    sed -i 's/3/4/' repo/numbers/number/number_3.txt
    touch repo/numbers/number/number_4.txt
    touch repo/numbers/number/stranger
    vb fsck s.vbs --checksum --format csv >found.csv && fail "it is damaged"
    expect_equal "$(tail -n +2 found.csv | cut -d, -f1,3 | sort)" 'checksum,numbers/number/number_3.txt
missing,numbers/number/number_1.txt
size,numbers/number/number_2.txt
time,numbers/number/number_4.txt'
    expect_equal "$(tail -n +2 found.csv | grep -c ',$')" 4 # no repair
    expect_failure 'a snapshot, which never changes: --repair is for its repository' vb fsck s.vbs --repair --no-confirm
    cp s.vbs t.vbs
    sqlite3 t.vbs "DELETE FROM dataset WHERE id = (SELECT min(id) FROM dataset)"
    vb fsck t.vbs --format csv >found.csv && fail "it is damaged"
    grep -q '^dangling' found.csv
    cp s.vbs u.vbs
    python3 -c 'f = open("u.vbs", "r+b"); f.seek(4096 * 3); f.write(b"\xff" * 4096)'
    vb fsck u.vbs --format csv >found.csv 2>err && fail "it is damaged"
    cat found.csv err
    grep -q '^database.*make it again' found.csv || grep -Eq 'damaged|malformed' err
    expect_equal "$(xxhsum <s.vbs)" "$before"
    mv repo moved
    expect_failure 'the repository that has its artifacts' vb fsck s.vbs
    vb fsck s.vbs -b moved >out 2>&1 && fail "it is damaged"
    grep -q missing out
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

# same_answers REPO SNAPSHOT: where exposures lie on the sky is asked of both.
same_answers() {
    for where in "skymap = 'near' AND tract = 0" "skymap = 'near' AND tract = 1 AND patch IN (0, 3)" "skymap = 'other'"; do
        for source in "$1" "$2"; do
            vb query-data-ids "$source" visit detector tract patch --collections 'DECam/*' --datasets raw \
                --where "instrument = 'DECam' AND $where" --format csv 2>/dev/null | sort >"$(basename "$source").answer"
        done
        cmp "$(basename "$1").answer" "$(basename "$2").answer" || fail "$where"
        cat "$(basename "$1").answer" >>answers
    done
}

# A snapshot of exposures alone: tracts and patches come where the visits lie, of all sky maps, so that what is asked, and what
# graphs are made of, is the same.
test_tracts_come_where_visits_lie() {
    [ -d "$VB_SHARED/data/decam" ] || skip "no real data in $VB_SHARED"
    vb create repo
    vb ingest-raws repo "$VB_SHARED/data/decam/images" >/dev/null
    cat >centre.py <<'PY'
import gzip, re, sys
data = open(sys.argv[1], "rb").read()
data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
print(*[re.search(rb"%s *= *([-+0-9.E]+)" % key, data).group(1).decode() for key in (b"CRVAL1", b"CRVAL2")])
PY
    centre=$(python3 centre.py "$(find "$VB_SHARED/data/decam/images" -name '*ooi*' | sort | head -n 1)")
    printf 'name: near\npixel_scale: 0.262\npatches: [3, 3]\npatch_size: 4000\npatch_border: 100\ntracts:\n' >near.yaml
    printf '  - {id: 0, center: [%s, %s]}\n  - {id: 1, center: [%s, %s]}\n  - {id: 2, center: [10.0, -60.0]}\n' \
        $centre $(echo "$centre" | awk '{print $1 + 0.3, $2}') >>near.yaml
    sed 's/near/other/; s/4000/6000/' near.yaml >other.yaml
    vb register-skymap repo near.yaml
    vb register-skymap repo other.yaml
    vb snapshot repo -o s.vbs --collections 'DECam/*'
    expect_equal "$(sqlite3 s.vbs "SELECT count(*) FROM dataset JOIN dataset_type t ON t.id = type_id WHERE t.name = 'skyMap'")" 0
    same_answers repo s.vbs
    [ "$(grep -c DECam answers)" -gt 10 ] || fail "nothing was found: $(cat answers)"
    # What is far away does not come; what is there is as it was.
    expect_equal "$(sqlite3 s.vbs "SELECT count(*) FROM dimension_tract WHERE tract = 2")" 0
    expect_equal "$(sqlite3 s.vbs "ATTACH 'repo/registry.sqlite3' AS r; SELECT count(*) FROM (SELECT * FROM dimension_patch
        EXCEPT SELECT * FROM r.dimension_patch)")" 0
    expect_equal "$(sqlite3 s.vbs "SELECT count(*) FROM dimension_patch p WHERE NOT EXISTS (SELECT 1 FROM dimension_tract t WHERE
        t.skymap = p.skymap AND t.tract = p.tract) OR NOT EXISTS (SELECT 1 FROM dimension_skymap s WHERE s.skymap = p.skymap)")" 0
    vb fsck s.vbs
    # A snapshot of it has the same answers again.
    vb snapshot s.vbs -o t.vbs --collections 'DECam/*' --dataset-types raw
    same_answers repo t.vbs
    # The sky map's own dataset brings all of it.
    vb snapshot repo -o whole.vbs --collections skymaps --where "skymap = 'near'"
    expect_equal "$(sqlite3 whole.vbs 'SELECT skymap, count(*) FROM dimension_patch GROUP BY 1')" 'near|27'
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
