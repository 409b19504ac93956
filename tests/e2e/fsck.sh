#!/bin/sh
# fsck.sh - each kind of damage is found, and what can be mended is.
. "$(dirname "$0")/lib.sh"

# A registry changed by a hand that is not vbutler's.
meddle() {
    sqlite3 repo/registry.sqlite3 "PRAGMA foreign_keys = OFF; $1"
}

# expect_damage KIND COUNT [OPTION...]: fsck finds exactly that, and says so.
expect_damage() {
    kind=$1 count=$2
    shift 2
    if vb fsck repo --format csv "$@" >found.csv 2>found.err; then
        fail "fsck found nothing, and there is $kind"
    fi
    expect_equal "$(tail -n +2 found.csv | cut -d, -f1 | sort | uniq -c | sed 's/^ *//')" "$count $kind" "$(cat found.csv)"
}

repair() {
    vb fsck repo --repair --no-confirm "$@" >repaired.out 2>repaired.err || {
        cat repaired.out repaired.err >&2
        fail "fsck --repair"
    }
    vb fsck repo --checksum || fail "not well after --repair"
}

test_all_is_well() {
    make_numbers 10
    vb fsck repo --checksum >out 2>err
    expect_equal "$(cat out)" ""
    grep -q "10 artifacts and 10 files: all is well" err
    vb fsck repo --format json | grep -qx '\[\]'
}

test_missing_artifact() {
    make_numbers 3
    rm repo/numbers/number/number_1.txt
    expect_damage missing 1
    grep -q "number_1.txt" found.csv
    vb fsck repo --repair --dry-run >/dev/null && fail "a dry run mended"
    expect_damage missing 1
    repair
    expect_equal "$(registry repo "SELECT count(*) FROM location")" 2
    expect_equal "$(registry repo "SELECT count(*) FROM dataset WHERE state = 0")" 3
}

# What cannot be looked at may be there: where it was is not forgotten.
test_what_cannot_be_looked_at_is_not_forgotten() {
    make_numbers 2
    mv repo/numbers/number kept
    ln -s number repo/numbers/number
    vb fsck repo --format csv >found.csv 2>/dev/null && fail "all is well"
    expect_equal "$(grep -c '^missing,.*cannot be looked at: Too many levels of symbolic links,$' found.csv)" 2
    vb fsck repo --repair --no-confirm >/dev/null 2>&1 || true
    expect_equal "$(registry repo "SELECT count(*) FROM location")" 2
    rm -f repo/numbers/number
    mv kept repo/numbers/number
    vb fsck repo
}

# A RUN that was moved to another disk, with a link in its place: the link is nobody's, and all is found by it.
test_a_directory_that_is_a_link() {
    make_numbers 2
    mv repo/numbers disk
    ln -s "$PWD/disk" repo/numbers
    vb fsck repo --checksum
    vb fsck repo --repair --no-confirm
    mv disk away
    expect_damage missing 2
    mv away disk
    vb fsck repo
    ln -s "$PWD/files" repo/strange
    expect_damage orphaned 1
}

# What is pruned there stays if somebody else has registered it by its real name.
test_a_file_behind_a_link_that_two_datasets_share() {
    make_numbers 2
    mv repo/numbers disk
    ln -s "$PWD/disk" repo/numbers
    printf 'path,healpix5\nrepo/numbers/number/number_0.txt,0\n' >direct.csv
    vb ingest-files repo number others direct.csv --transfer direct
    vb prune-datasets repo numbers --purge numbers --no-confirm
    [ -e disk/number/number_0.txt ] || fail "the file of a dataset is gone"
    [ ! -e disk/number/number_1.txt ] || fail "nobody's file is there"
}

test_a_missing_artifact_that_is_brought_back_is_well() {
    make_numbers 3
    mv repo/numbers/number/number_1.txt kept
    expect_damage missing 1
    mv kept repo/numbers/number/number_1.txt
    vb fsck repo --checksum
}

test_size() {
    make_numbers 3
    chmod 644 repo/numbers/number/number_1.txt
    echo more >>repo/numbers/number/number_1.txt
    chmod 444 repo/numbers/number/number_1.txt
    expect_damage size 1
    expect_failure "nothing of it can be repaired" vb fsck repo --repair --no-confirm
    expect_damage size 1
}

test_checksum() {
    make_numbers 3
    file=repo/numbers/number/number_1.txt
    cp -p $file before
    chmod 644 $file
    echo 7 >$file
    touch -r before $file
    chmod 444 $file
    vb fsck repo
    expect_damage checksum 1 --checksum
}

test_time() {
    make_numbers 3
    touch -d '2020-01-01' repo/numbers/number/number_1.txt
    expect_damage time 1
    expect_failure "nothing of it can be repaired" vb fsck repo --repair --no-confirm
    expect_damage time 1 --checksum
    repair --checksum
    vb fsck repo
}

test_permission() {
    make_numbers 3
    chmod 600 repo/numbers/number/number_2.txt
    expect_damage permission 1
    repair
    expect_equal "$(stat -c %a repo/numbers/number/number_2.txt)" 444
}

test_orphaned() {
    make_numbers 3
    echo stray >repo/numbers/number/stray.txt
    mkdir -p repo/u/me
    echo stray >repo/u/me/.hidden
    expect_damage orphaned 2
    repair
    expect_equal "$(find repo/.vbutler/lost -type f | sed 's|.*lost/[^/]*/||' | sort | tr '\n' ' ')" "numbers/number/stray.txt u/me/.hidden "
}

test_trash() {
    make_numbers 3
    meddle "INSERT INTO trash (store_id, path, size, mtime) SELECT store_id, path, size, mtime FROM location LIMIT 1;
            DELETE FROM location WHERE path IN (SELECT path FROM trash)"
    expect_damage trash 1
    repair
    expect_equal "$(registry repo "SELECT count(*) FROM trash")" 0
    expect_equal "$(find repo/numbers -type f | wc -l)" 2
}

test_interrupted_ingest() {
    need_strace
    make_numbers 3
    mkdir more
    for i in 3 4 5; do echo $i >more/$i.txt; done
    printf 'path,healpix5\nmore/3.txt,3\nmore/4.txt,4\nmore/5.txt,5\n' >more.csv
    # Killed when the files are made and before they are registered.
    traced -e trace=syncfs -e inject=syncfs:signal=SIGKILL:when=1 "$VBUTLER" ingest-files repo number numbers more.csv || :
    expect_damage interrupted 3
    repair
    expect_equal "$(find repo/.vbutler/transfers -type f ! -name lock | wc -l)" 0
    vb ingest-files repo number numbers more.csv
    vb fsck repo --checksum
}

test_what_is_being_ingested_is_no_damage() {
    need_strace
    make_numbers 3
    mkdir more
    for i in $(seq 3 60); do echo "$i" >"more/$i.txt"; done
    { echo path,healpix5; for i in $(seq 3 60); do echo "more/$i.txt,$i"; done; } >more.csv
    # Held for two seconds when the files are made and before they are registered.
    traced -e trace=syncfs -e inject=syncfs:delay_enter=2000000 "$VBUTLER" ingest-files repo number numbers more.csv &
    pid=$!
    tries=0
    until [ -e repo/numbers/number/number_60.txt ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "the ingest does not begin"
        sleep 0.05
    done
    vb fsck repo --checksum
    wait $pid
    vb fsck repo --checksum
    expect_equal "$(registry repo "SELECT count(*) FROM location")" 61
}

# dangling WHAT SQL: a hand breaks a rule; it is found, told as WHAT, and mended.
dangling() {
    rm -rf repo files
    make_numbers 3 >/dev/null
    meddle "$2"
    expect_damage dangling "${3:-1}"
    grep -q "$1" found.csv || fail "not told as $1: $(cat found.csv)"
    repair
}

test_dangling_references() {
    dangling member "INSERT INTO member_1 SELECT type_id, collection_id, 77, 999 FROM member_1 LIMIT 1"
    dangling "which is not there" "INSERT INTO member_1 SELECT type_id, 99, healpix5, dataset_id FROM member_1 LIMIT 1;
                                   INSERT INTO collection_summary VALUES (99, 1)"
    dangling "its run does not hold it" "DELETE FROM member_1 WHERE healpix5 = 2"
    dangling summary "DELETE FROM collection_summary"
    dangling chain "INSERT INTO collection (name, type) VALUES ('c', 3); INSERT INTO collection_chain SELECT id, 0, 99 FROM
                    collection WHERE name = 'c'"
    dangling provenance "INSERT INTO quantum_input VALUES (1, 0, 999, 1)"
    dangling provenance "INSERT INTO quantum_output VALUES (1, 0, 999, 1)"
    dangling overlap "INSERT INTO overlap_visit VALUES (140000, 5)"
    dangling associat "INSERT INTO association VALUES (999, 1)"
}

test_a_dataset_that_is_gone_leaves_its_file_orphaned() {
    make_numbers 3
    meddle "DELETE FROM dataset WHERE dataid = '[1]'"
    vb fsck repo --format csv >found.csv 2>/dev/null && fail "found nothing"
    expect_equal "$(tail -n +2 found.csv | cut -d, -f1 | sort | tr '\n' ' ')" "dangling dangling orphaned "
    repair
    expect_equal "$(find repo/.vbutler/lost -type f | wc -l)" 1
}

test_what_cannot_be_mended_is_told() {
    make_numbers 3
    meddle "UPDATE dataset SET type_id = 9 WHERE dataid = '[1]'"
    expect_failure "dangling" vb fsck repo
    expect_failure "dangling" vb fsck repo --repair --no-confirm
}

test_a_damaged_registry_is_told() {
    make_numbers 50
    sqlite3 repo/registry.sqlite3 "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
    page=$(registry repo "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_dataset_1'")
    size=$(registry repo "PRAGMA page_size")
    printf 'damage' | dd of=repo/registry.sqlite3 bs=1 seek=$(((page - 1) * size + size - 60)) conv=notrunc status=none
    expect_failure "database|damaged" vb fsck repo
}

test_nobody_to_ask() {
    make_numbers 3
    echo stray >repo/stray
    expect_failure "nobody is there to ask" vb fsck repo --repair </dev/null
    [ -e repo/stray ] || fail "it was moved all the same"
}

test_a_run_left_in_the_middle() {
    need_strace
    need_fuse
    make_numbers 6
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    # Killed at the third receipt's link: two are committed, some merged, outputs of others named.
    traced -e trace=linkat -e inject=linkat:signal=SIGKILL:when=3 "$VBUTLER" run -b repo -g g.vbg --no-progress || :
    vb fsck repo --format csv >found.csv 2>found.err || :
    grep -q "left in the middle; go on with it: vbutler run" found.err
    tail -n +2 found.csv | cut -d, -f1 | grep -vqx interrupted && fail "$(cat found.csv)"
    vb fsck repo --repair --no-confirm >/dev/null 2>&1
    vb fsck repo --checksum
    vb run -b repo -g g.vbg --no-progress
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum*.txt)" 30
    vb fsck repo --checksum 2>found.err
    grep -q "left in the middle" found.err && fail "it is done"
    check_store repo
}

test_kills_of_runs_and_a_sweep() {
    need_fuse
    make_numbers 40
    before_doubling 'sleep 0.01'
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    for i in $(seq 6); do
        "$VBUTLER" run -b repo -g g.vbg -j 3 --no-progress >out 2>err &
        pid=$!
        sleep "$(awk -v seed="$i$$" 'BEGIN {srand(seed); print 0.05 + 0.4 * rand()}')"
        kill -KILL $pid 2>/dev/null || :
        wait $pid || :
        vb fsck repo --format csv >found.csv 2>/dev/null || :
        tail -n +2 found.csv | cut -d, -f1 | grep -vqx interrupted && fail "after kill $i: $(cat found.csv)"
        vb fsck repo --repair --no-confirm >/dev/null 2>&1 || :
        vb fsck repo --checksum 2>fsck.err || fail "after kill $i: $(cat fsck.err)"
    done
    vb run -b repo -g g.vbg --no-progress
    expect_equal "$(cat repo/"$(latest_run repo u/x)"/sum/sum*.txt)" 1560
    vb fsck repo --checksum
    check_store repo
}

test_a_full_disk_at_any_point() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
    mkdir small
    mount -t tmpfs -o size=6m none "$PWD/small" || skip "cannot mount a tmpfs"
    make_numbers 20
    cp -a repo small/repo
    mkdir more
    for i in $(seq 100 500); do head -c 3000 /dev/zero >"more/$i.txt"; done
    { echo path,healpix5; for i in $(seq 100 500); do echo "more/$i.txt,$i"; done; } >more.csv
    for free in 0 20 60 150 400 900 1600; do
        rm -f small/fill
        left=$(df --output=avail -k small | tail -n 1)
        [ "$left" -le "$free" ] || head -c $(((left - free) * 1024)) /dev/zero >small/fill
        vb ingest-files small/repo number "more/$free" more.csv >out 2>err && fail "there was room"
        grep -Eqi "no space left" err || fail "$(cat err)"
        vb run -b small/repo -p numbers.yaml -i numbers -o "u/$free" --no-progress >out 2>err || :
        rm -f small/fill
        vb fsck small/repo --format csv >found.csv 2>/dev/null || :
        tail -n +2 found.csv | cut -d, -f1 | grep -vqx interrupted && fail "with $free kB free: $(cat found.csv)"
        vb fsck small/repo --repair --no-confirm >/dev/null 2>&1 || :
        vb fsck small/repo --checksum 2>fsck.err || fail "with $free kB free: $(cat fsck.err)"
    done
    umount small
}

# parts FILE NAME...: of the datasets 0, 1, ... the artifacts are these parts of the file, as an ingest of raws or the
# import of a Gen3 repository registers them.
parts() {
    file=$1 i=0
    shift
    for part; do
        rm "repo/numbers/number/number_$i.txt"
        meddle "UPDATE location SET path = '$file#$part', size = $(part_size "$part"), checksum = NULL,
                mtime = $(stat -c %.9Y "repo/$file" | tr -d .) WHERE path = 'numbers/number/number_$i.txt'"
        i=$((i + 1))
    done
}

part_size() { # of "unzip=N.txt": a number and a newline; of "hdu=N": the primary HDU, two blocks of header, one of data
    case $1 in
    unzip=*) echo 2 ;;
    hdu=0) echo 2880 ;;
    hdu=*) echo 11520 ;;
    esac
}

test_members_of_archives() {
    make_numbers 5
    make_zip() {
        rm -f repo/numbers/z.zip
        python3 -c 'import sys, zipfile
with zipfile.ZipFile("repo/numbers/z.zip", "w") as z:
    for i, text in enumerate(sys.argv[1:]):
        z.writestr("in side/%d.txt" % i, text + "\n", zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED)' "$@"
        chmod 444 repo/numbers/z.zip
        touch -d '2026-03-01 12:00:00' repo/numbers/z.zip
    }
    make_zip 0 1 2
    cp -p repo/numbers/z.zip good.zip
    parts numbers/z.zip "unzip=in side/0.txt" "unzip=in side/1.txt" "unzip=in side/2.txt"
    vb fsck repo --checksum
    make_zip 0 1
    expect_damage missing 1
    grep -q "does not have the dataset's part unzip=in side/2.txt" found.csv || fail "$(cat found.csv)"
    expect_failure "nothing of it can be repaired" vb fsck repo --repair --no-confirm
    make_zip 0 1 222
    expect_damage size 1
    echo "this is no archive" >repo/numbers/z.zip
    expect_damage missing 3
    rm repo/numbers/z.zip
    expect_damage missing 3
    cp -p good.zip repo/numbers/z.zip
    vb fsck repo --checksum
    touch repo/numbers/z.zip
    expect_damage time 3
    cp -p good.zip repo/numbers/z.zip
    vb prune-datasets repo --purge numbers --where 'healpix5 < 2' --no-confirm
    vb fsck repo
    vb prune-datasets repo --purge numbers --where 'healpix5 = 2' --no-confirm
    [ ! -e repo/numbers/z.zip ] || fail "nobody has a member of it"
    vb fsck repo
}

test_parts_of_fits_files() {
    make_numbers 4
    python3 - <<'PY'
def header(*cards):
    text = "".join(c.ljust(80) for c in cards + ("END",))
    return text.ljust(-(-len(text) // 2880) * 2880).encode()
more = tuple("KEY%-5d= %20d" % (i, i) for i in range(40))  # so that a header takes two blocks
extension = ("XTENSION= 'IMAGE   '", "BITPIX  = %20d" % 8, "NAXIS   = %20d" % 1, "NAXIS1  = %20d" % 2880,
             "PCOUNT  = %20d" % 0, "GCOUNT  = %20d" % 1) + more
primary = header("SIMPLE  =                    T", "BITPIX  = %20d" % 8, "NAXIS   = %20d" % 0, "EXTEND  =                    T")
parts = [header(*extension) + bytes([i]) * 2880 for i in range(3)]
for n in (1, 3):
    with open("%d.fits" % n, "wb") as f:
        f.write(primary + b"".join(parts[:n]))
with open("cut.fits", "wb") as f:
    f.write((primary + b"".join(parts))[:-2880])
PY
    touch -d '2026-03-01 12:00:00' ./*.fits
    chmod 444 ./*.fits
    cp -p 3.fits repo/numbers/image.fits
    parts numbers/image.fits hdu=0 hdu=1 hdu=3
    vb fsck repo --checksum
    cp -pf 1.fits repo/numbers/image.fits
    expect_damage missing 1
    grep -q "does not have the dataset's part hdu=3" found.csv || fail "$(cat found.csv)"
    cp -pf cut.fits repo/numbers/image.fits
    expect_damage missing 1
    rm -f repo/numbers/image.fits
    expect_damage missing 3
    repair
    cp -p 3.fits repo/numbers/image.fits
    expect_damage orphaned 1
}

# bug: what was made once a run was spoken for by its receipt when it was pruned
test_what_is_left_of_pruned_init_outputs_is_orphaned() {
    need_fuse
    make_numbers 2
    run_numbers u/x
    run=$(latest_run repo u/x)
    path=$(registry repo "SELECT path FROM location WHERE path LIKE '%packages%'")
    cp -p "repo/$path" kept
    vb prune-datasets repo --purge "$run" --datasets packages --no-confirm
    [ ! -e "repo/$path" ] || fail "it was not pruned"
    vb fsck repo
    cp -p kept "repo/$path"
    expect_damage orphaned 1
}

test_artifacts_that_two_datasets_share() {
    make_numbers 2
    file=repo/numbers/number/number_1.txt
    for mode in symlink relsymlink; do
        printf "path,healpix5\n$file,10\n" >one.csv
        expect_failure "is in the repository: a symbolic link to it would break" \
            vb ingest-files repo number again one.csv --transfer $mode
    done
    for mode in direct auto hardlink link copy; do
        printf "path,healpix5\n$file,1\n" >one.csv
        vb ingest-files repo number "again/$mode" one.csv --transfer $mode
    done
    vb prune-datasets repo --purge numbers --no-confirm
    vb fsck repo --checksum
    vb prune-datasets repo --purge again/direct --no-confirm
    [ -e $file ] || fail "the other dataset has it still"
    vb prune-datasets repo --purge again/auto --no-confirm
    [ ! -e $file ] || fail "nobody has it"
    vb fsck repo --checksum
    cat repo/again/*/number/*1.txt >out
    expect_equal "$(sort -u out)" 1
    check_store repo
}

test_parts_links_and_files_elsewhere() {
    make_numbers 2
    mkdir elsewhere
    for i in 10 11 12; do echo $i >elsewhere/$i.txt; done
    for mode in direct symlink hardlink; do
        n=$((10 + $(echo direct symlink hardlink | tr ' ' '\n' | grep -nx $mode | cut -d: -f1) - 1))
        printf 'path,healpix5\nelsewhere/%s.txt,%s\n' $n $n >one.csv
        vb ingest-files repo number numbers one.csv --transfer $mode
    done
    vb fsck repo --checksum
    rm elsewhere/10.txt elsewhere/11.txt
    expect_damage missing 2
}

run_tests "$@"
