#!/bin/sh
# mount_rw.sh - a mount for writing: what cp, mv, cat, editors and others leave below data/RUN becomes datasets.
. "$(dirname "$0")/lib.sh"

# The numbers, and a mount for writing of RUN u/me/edit; $edit is where its numbers go.
mount_for_writing() {
    need_fuse
    [ -d repo ] || make_numbers 2
    vb mount --rw --run u/me/edit --log log "$@" repo mnt
    edit=mnt/data/u/me/edit/number
}

# wait_for_datasets N: of the type number in u/me/edit; RELEASE comes a little after close().
wait_for_datasets() {
    tries=0
    until [ "$(registry repo "SELECT count(*) FROM dataset d JOIN collection c ON c.id = d.run_id WHERE c.name = 'u/me/edit'")" = "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || fail "not $1 datasets; log: $(cat log)"
        sleep 0.1
    done
}

all_is_well() {
    vb umount mnt
    tries=0
    while [ -n "$(ls repo/.vbutler/drafts)" ]; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || fail "drafts are left: $(find repo/.vbutler/drafts)"
        sleep 0.1
    done
    vb fsck repo
    check_store repo
}

test_programs_write_datasets() {
    mount_for_writing
    mkdir -p $edit/healpix5=10 $edit/healpix5=11 $edit/healpix5=12 $edit/healpix5=13 $edit/healpix5=14
    echo ten >file
    cp -p file $edit/healpix5=10/number_10.txt
    echo eleven >$edit/healpix5=11/number_11.txt
    cat file file >$edit/healpix5=12/number_12.txt
    cp file moved
    mv moved $edit/healpix5=13/number_13.txt
    dd if=file of=$edit/healpix5=14/number_14.txt bs=1 status=none
    wait_for_datasets 5
    expect_equal "$(cat mnt/data/u/me/edit/number/healpix5=12/number_12.txt)" "ten
ten"
    expect_equal "$(stat -c %a "$(find repo/u -name number_13.txt)")" "$(stat -c %a "$(find repo/numbers -name number_1.txt)")"
    vb query-datasets repo number --collections u/me/edit | grep -q ' 14$'
    all_is_well
}

# A temporary beside it and a rename: the datasets are there when the program ends.
test_programs_that_rename_are_told_at_once() {
    mount_for_writing
    mkdir -p $edit/healpix5=10 $edit/healpix5=11 $edit/healpix5=12
    echo ten >$edit/healpix5=10/.number_10.txt.swp
    sleep 0.2
    mv $edit/healpix5=10/.number_10.txt.swp $edit/healpix5=10/number_10.txt
    wait_for_datasets 1
    printf 'a\nb\n' >$edit/healpix5=11/draft
    sed -i s/a/x/ $edit/healpix5=11/draft
    mv $edit/healpix5=11/draft $edit/healpix5=11/number_11.txt
    python3 - $edit/healpix5=12 <<'PYTHON'
import os, sys, tempfile
fd, name = tempfile.mkstemp(dir=sys.argv[1])
os.write(fd, b"twelve\n")
os.fsync(fd)
os.close(fd)
os.replace(name, sys.argv[1] + "/number_12.txt")
PYTHON
    wait_for_datasets 3
    expect_equal "$(cat $edit/healpix5=11/number_11.txt)" "x
b"
    all_is_well
}

test_whole_trees_are_copied() {
    mount_for_writing
    mkdir tree
    for i in 20 21 22 23; do
        mkdir tree/healpix5=$i
        echo $i >tree/healpix5=$i/number_$i.txt
    done
    mkdir $edit
    cp -r tree/. $edit/
    wait_for_datasets 4
    rm -r tree
    cp -r $edit tree
    expect_equal "$(cat tree/*/* | tr '\n' ' ')" "20 21 22 23 "
    if command -v rsync >/dev/null; then
        mkdir -p tree/healpix5=24
        echo 24 >tree/healpix5=24/number_24.txt
        rsync -a --ignore-existing tree/ $edit/
        wait_for_datasets 5
    fi
    all_is_well
}

test_datasets_stay_as_they_are() {
    mount_for_writing
    mkdir -p $edit/healpix5=10
    echo first >$edit/healpix5=10/number_10.txt
    wait_for_datasets 1
    echo second >$edit/healpix5=10/mine
    sleep 0.2
    for how in "echo x >$edit/healpix5=10/number_10.txt" "mv $edit/healpix5=10/mine $edit/healpix5=10/number_10.txt" \
        "rm -f $edit/healpix5=10/number_10.txt" "rmdir $edit/healpix5=10" "echo x >mnt/data/numbers/number/healpix5=1/number_1.txt" \
        "mkdir mnt/data/numbers/number/healpix5=5" "truncate -s 0 $edit/healpix5=10/number_10.txt"; do
        ! sh -c "$how" 2>/dev/null || fail "could: $how"
    done
    expect_equal "$(cat $edit/healpix5=10/number_10.txt $edit/healpix5=10/mine)" "first
second"
    rm $edit/healpix5=10/mine
    all_is_well
}

test_what_is_wrong_is_told_in_the_log() {
    mount_for_writing
    mkdir -p $edit/healpix5=10
    ! mkdir $edit/detector=3 2>/dev/null || fail "made what the type does not have"
    grep -q 'does not require a dimension detector' log
    ! mkdir mnt/data/u/me/edit/nubmer 2>/dev/null || fail "made a type that is not there"
    grep -q "no dataset type 'nubmer'; did you mean 'number'" log
    ! echo x 2>/dev/null >$edit/file || fail "wrote beside data IDs"
    grep -q 'only the directory of a whole data ID' log
    echo x >$edit/healpix5=10/number_11.txt # another name than the dataset's is any name
    vb umount mnt
    tries=0
    until grep -q 'holds what was written and did not become datasets' log; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || fail "$(cat log)"
        sleep 0.1
    done
    expect_equal "$(cat repo/.vbutler/drafts/*/*/number_11.txt)" x
}

test_a_log_in_the_foreground() {
    need_fuse
    make_numbers 1
    vb mount -f --rw --run u/me/edit --log log repo mnt >said 2>&1 &
    mount=$!
    tries=0
    until [ -d mnt/data ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "not mounted: $(cat said)"
        sleep 0.1
    done
    ! mkdir mnt/data/u/me/edit/nubmer 2>/dev/null || fail "made a type that is not there"
    vb umount mnt
    wait $mount
    grep -q "no dataset type 'nubmer'" log || fail "$(cat log said)"
}

test_unmounting_at_once_loses_nothing() {
    need_fuse
    for i in 10 11 12 13 14; do
        mount_for_writing
        mkdir -p $edit/healpix5=$i
        echo $i >$edit/healpix5=$i/number_$i.txt
        vb umount mnt
    done
    wait_for_datasets 5
}

# What was taken in stays, what was not is told, nothing is half there.
test_a_killed_mount_leaves_whole_datasets() {
    need_fuse
    make_numbers 1
    for round in 1 2 3 4 5 6; do
        vb mount -f --rw --run u/me/edit repo mnt 2>>log &
        pid=$!
        tries=0
        until [ -d mnt/data ]; do
            tries=$((tries + 1))
            [ $tries -lt 100 ] || fail "not mounted: $(cat log)"
            sleep 0.05
        done
        edit=mnt/data/u/me/edit/number
        (for i in 1 2 3 4 5 6 7 8 9; do
            mkdir -p $edit/healpix5=$round$i && echo "$round$i" >$edit/healpix5=$round$i/number_$round$i.txt
        done) 2>/dev/null &
        writer=$!
        sleep 0.0$((round * 12 % 100))
        kill -9 $pid
        wait $pid 2>/dev/null || true
        wait $writer 2>/dev/null || true
        vb umount --lazy mnt
    done
    vb mount --rw --run u/me/edit --log log repo mnt
    mkdir -p mnt/data/u/me/edit/number/healpix5=999
    echo 999 >mnt/data/u/me/edit/number/healpix5=999/number_999.txt # sweeps what was begun
    sleep 0.5
    vb umount mnt
    registry repo "SELECT d.dataid, l.path FROM dataset d JOIN location l ON l.dataset_id = d.id JOIN collection c ON c.id = d.run_id
                   WHERE c.name = 'u/me/edit'" | tr -d '[]' | while IFS='|' read -r id path; do
        expect_equal "$(cat "repo/$path")" "$id"
    done
    vb fsck repo
    check_store repo
}

# cp fails, and closes what it has written so far.
test_what_a_full_disk_cut_short_is_no_dataset() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
    mkdir small
    mount -t tmpfs -o size=6m none small
    cd small
    make_numbers 1
    cd ..
    vb mount --rw --run u/me/edit --log log small/repo mnt
    edit=mnt/data/u/me/edit/number
    mkdir -p $edit/healpix5=10 $edit/healpix5=11
    ! dd if=/dev/zero of=$edit/healpix5=10/number_10.txt bs=1M count=20 2>/dev/null || fail "20 MB were written to 6"
    ! dd if=/dev/zero of=$edit/healpix5=11/tmp bs=1M count=20 2>/dev/null || fail "20 MB were written to 6"
    sleep 0.3
    ! mv $edit/healpix5=11/tmp $edit/healpix5=11/number_11.txt 2>/dev/null || fail "a rename made a dataset of what was cut short"
    expect_equal "$(registry small/repo "SELECT count(*) FROM dataset")" 1
    grep -q 'could not be written in full' log || fail "$(cat log)"
    rm $edit/healpix5=11/tmp
    echo short >$edit/healpix5=10/number_10.txt # begun again
    tries=0
    until [ "$(registry small/repo "SELECT count(*) FROM dataset")" = 2 ]; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || fail "$(cat log)"
        sleep 0.1
    done
    vb umount mnt
}

test_an_ordinary_user_writes() {
    need_user
    make_numbers 1
    chown -R "$TEST_USER" .
    as_user "$VBUTLER" mount --rw --run u/me/edit --log "$PWD/log" repo "$PWD/mnt"
    edit=mnt/data/u/me/edit/number
    as_user sh -ec "mkdir -p $edit/healpix5=10; echo ten >$edit/healpix5=10/number_10.txt"
    wait_for_datasets 1
    expect_equal "$(as_user cat $edit/healpix5=10/number_10.txt)" ten
    ! as_user sh -c "echo x >$edit/healpix5=10/number_10.txt" 2>/dev/null || fail "changed a dataset"
    as_user "$VBUTLER" umount mnt
}

test_mounts_for_writing_that_cannot_be() {
    need_fuse
    make_numbers 1
    expect_failure 'which RUN gets what is written' vb mount --rw repo mnt
    expect_failure 'only with --rw' vb mount --run u/x repo mnt
    vb snapshot repo snap.vbs --collections numbers 2>/dev/null || vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q snap.vbs
    expect_failure 'is no repository' vb mount --rw --run u/x snap.vbs mnt
    vb collection-chain repo chain numbers
    expect_failure 'chain' vb mount --rw --run chain repo mnt
    [ ! -e mnt ] || fail "the mount point is left"
}

run_tests "$@"
