#!/bin/sh
# crash.sh - kill -9 at a random moment, and disks that are full at a random byte, of everything that writes.
#
# Of each operation: the registry opens, fsck finds nothing but what was interrupted and trash, doing it again succeeds and
# leaves what it would have left undisturbed, and then all is well.  VB_SEED chooses the moments (it is printed); VB_SOAK=1
# takes fifty kills of each and half as many disks, instead of three and two.
. "$(dirname "$0")/lib.sh"

: "${VB_SEED:=$(date +%s)}"
export VB_SEED
trials=3
[ -z "${ASAN_OPTIONS:-}" ] || trials=1 # slow, and what it looks for happens in any
[ -z "${VB_SOAK:-}" ] || trials=50

# draw MAXIMUM: a number from 0 to that, in $drawn.
draws=0
draw() {
    draws=$((draws + 1))
    drawn=$(printf '%s %s %s' "$VB_SEED" "$operation" $draws | cksum | awk -v most="$1" '{print most * $1 / 4294967296}')
}

# All that the registry says, but for ids, times and attempts.
state() {
    registry repo "SELECT 'dataset', c.name, t.name, d.dataid, d.state, (SELECT count(*) FROM location l WHERE l.dataset_id = d.id)
                     FROM dataset d JOIN dataset_type t ON t.id = d.type_id LEFT JOIN collection c ON c.id = d.run_id
                   UNION ALL SELECT 'collection', name, type, '', '', (SELECT count(*) FROM collection_chain WHERE parent_id = id)
                     FROM collection
                   UNION ALL SELECT 'reference', c.name, d.dataid, '', '', '' FROM association a
                     JOIN collection c ON c.id = a.collection_id JOIN dataset d ON d.id = a.dataset_id
                   UNION ALL SELECT 'quantum', status, dataid, '', '', '' FROM quantum ORDER BY 1, 2, 3, 4"
    if [ -n "$output" ] && [ -e "$output" ]; then
        echo "$output"
    fi
}

# Who was killed may be a moment in dying.
wait_for_locks() {
    for lock in repo/.vbutler/runs/*/lock repo/.vbutler/transfers/*; do
        [ ! -f "$lock" ] || flock --wait 10 "$lock" true || fail "somebody still holds $lock"
    done
}

# After the operation was broken off, in whatever way.
check_broken_off() { # HOW
    wait_for_locks
    vb query-collections repo >said 2>errors || fail "$1: the registry does not open: $(cat errors)"
    vb fsck repo --format csv >found.csv 2>fsck.err || :
    if tail -n +2 found.csv | cut -d, -f1 | grep -vqx -e interrupted -e trash || ! head -n 1 found.csv | grep -q '^damage'; then
        fail "$1: $(cat found.csv fsck.err)"
    fi
    before=$(state)
    [ -z "$leftover" ] || [ -e "$output" ] || rm -rf "$leftover"
    if ! vb $operation >said 2>errors && [ "$before" != "$wanted" ]; then
        fail "$1: it cannot be done again: $(cat errors)"
    fi
    expect_equal "$(state)" "$wanted" "$1"
    vb fsck repo --checksum >said 2>errors || fail "$1: done again: $(cat said errors)"
    check_store repo || fail "$1"
}

size_of() {
    du -sk . | cut -f1
}

# How it goes undisturbed: $wanted, $seconds, $grown (kB).
measure() {
    cp -a fresh work
    cd work
    before=$(size_of)
    start=$(date +%s%N)
    vb $operation >said 2>errors || fail "$operation: $(cat errors)"
    seconds=$(awk -v ns=$(($(date +%s%N) - start)) 'BEGIN {print ns / 1e9}')
    grown=$(($(size_of) - before + 64))
    [ $grown -ge 256 ] || grown=256
    wanted=$(state)
    [ "$wanted" != "$(cd ../fresh && state)" ] || fail "it does nothing"
    cd ..
    rm -rf work
}

kill_it() {
    for _ in $(seq $trials); do
        draw "$seconds"
        cp -a fresh work
        cd work
        timeout --signal KILL "$drawn" "$VBUTLER" $operation >said 2>errors || :
        check_broken_off "killed after $drawn of $seconds s"
        cd ..
        rm -rf work
    done
}

fill_its_disk() {
    [ "$(id -u)" = 0 ] || return 0
    mkdir disk
    mount -t tmpfs -o size=64m none disk 2>/dev/null || return 0
    for _ in $(seq $(((trials + 1) / 2))); do
        draw "$grown"
        cp -a fresh disk/work
        fallocate -l $((($(df --output=avail -k disk | tail -n 1) - ${drawn%.*}) * 1024)) disk/filler
        cd disk/work
        "$VBUTLER" $operation >../../said 2>../../errors || :
        wait_for_locks
        rm ../filler
        check_broken_off "with ${drawn%.*} of $grown kB free"
        cd ../..
        rm -rf disk/work
    done
    umount disk
}

# crash OPERATION...: of the directory `fresh`, whose repository is fresh/repo.  Words of it have no spaces, and match
# no file here.
crash() {
    operation=$* output=${output:-} leftover=${leftover:-}
    measure
    kill_it
    fill_its_disk
}

# A directory `fresh` with a repository of numbers, 0 to 9, and files and a table of 100 more.
make_fresh() {
    mkdir fresh
    cd fresh
    make_numbers 10
    mkdir more
    { echo path,healpix5; for i in $(seq 100 199); do
        head -c 2000 /dev/zero | tr '\0' "$((i % 10))" >"more/$i.txt"
        echo "more/$i.txt,$i"
    done; } >more.csv
    cd ..
}

# with_more: the repository has them.
make_fresh_with_more() {
    make_fresh
    (cd fresh && vb ingest-files repo number more more.csv)
}

# ---- what comes in ------------------------------------------------------------------------------------------------

ingest_files() {
    make_fresh
    crash ingest-files repo number more more.csv --transfer "$1"
}

test_ingest_files_copy() {
    ingest_files copy
}

test_ingest_files_move() {
    ingest_files move
}

test_ingest_files_hardlink() {
    ingest_files hardlink
}

test_ingest_files_link() {
    ingest_files link
}

test_ingest_files_symlink() {
    ingest_files symlink
}

test_ingest_files_relsymlink() {
    ingest_files relsymlink
}

test_ingest_files_direct() {
    ingest_files direct
}

test_ingest_files_auto() {
    ingest_files auto
}

test_ingest_raws() {
    mkdir fresh
    cd fresh
    "$SIMULATE" sky --visits-per-band 1 --size 64 >/dev/null
    vb create repo
    vb register-instrument repo "$SOURCE/tools/demo/instruments/simcam.yaml"
    cd ..
    crash ingest-raws repo sky/images
}

import_from_ours() {
    make_fresh_with_more
    (cd fresh && vb export repo out --transfer copy && rm -rf repo && vb create repo)
    crash import repo out --transfer "$1"
}

test_import_copy() {
    import_from_ours copy
}

test_import_direct() {
    import_from_ours direct
}

test_import_move() {
    import_from_ours move
}

test_import_gen3() {
    make_fresh_with_more
    (cd fresh && vb export-gen3 repo gen3 --transfer copy && rm -rf repo && vb create repo)
    crash import-gen3 repo gen3 --transfer copy
}

# ---- collections ----------------------------------------------------------------------------------------------------

test_associate() {
    make_fresh_with_more
    crash associate repo t --collections more,numbers
}

test_certify() {
    make_fresh
    (cd fresh && vb register-dataset-type repo bias Text healpix5 --extension .txt --is-calibration &&
        vb ingest-files repo bias biases more.csv)
    crash certify-calibrations repo biases calib bias
}

test_prune_unstore() {
    make_fresh_with_more
    crash prune-datasets repo more --unstore --no-confirm --quiet
}

test_prune_purge() {
    make_fresh_with_more
    (cd fresh && vb associate repo t --collections more)
    crash prune-datasets repo --purge more --force --no-confirm --quiet
}

test_remove_runs() {
    need_fuse
    make_fresh
    (cd fresh && vb run -b repo -p numbers.yaml -i numbers --output-run u/x -j 2 --no-progress)
    crash remove-runs repo u/x* --force --no-confirm
}

# ---- what goes out --------------------------------------------------------------------------------------------------

test_export_gen3() {
    make_fresh_with_more
    output=gen3/butler.yaml leftover=gen3 # which is to be removed by hand
    crash export-gen3 repo gen3 --transfer copy
}

test_export() {
    make_fresh_with_more
    output=out/export.yaml leftover=out # likewise
    crash export repo out --transfer copy
}

test_snapshot() {
    make_fresh_with_more
    output=s.vbs
    crash snapshot repo -o s.vbs --collections more,numbers
}

test_backup() {
    make_fresh_with_more
    output=copy.sqlite3
    crash backup repo -o copy.sqlite3
}

test_migrate() {
    mkdir fresh
    (cd fresh && make_old)
    state() {
        sqlite3 -readonly repo/registry.sqlite3 "PRAGMA user_version; SELECT count(*) FROM dataset"
    }
    check_broken_off() {
        expect_equal "$(sqlite3 -readonly repo/registry.sqlite3 "PRAGMA integrity_check")" ok
        vb migrate repo >said 2>errors || fail "$1: $(cat errors)"
        expect_equal "$(state)" "$wanted" "$1"
        vb fsck repo --checksum >said 2>errors || fail "$1: $(cat said errors)"
    }
    crash migrate repo
}

# ---- runs -----------------------------------------------------------------------------------------------------------

test_run_and_merge() {
    need_fuse
    make_fresh
    (cd fresh && vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg)
    crash run -b repo -g g.vbg -j 3 --no-progress
}

test_run_that_clobbers() {
    need_fuse
    make_fresh
    (cd fresh && run_numbers u/x &&
        vb qgraph -b repo -p numbers.yaml -i numbers -o u/x --extend-run --clobber-outputs -q g.vbg)
    crash run -b repo -g g.vbg -j 3 --no-progress
}

echo "VB_SEED=$VB_SEED"
run_tests "$@"
