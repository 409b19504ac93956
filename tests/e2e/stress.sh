#!/bin/sh
# stress.sh - many processes at once on one mount: a person's for writing, and a job's.  Under TSan and ASan too.
. "$(dirname "$0")/lib.sh"

seconds=4
[ -z "${VB_SOAK:-}" ] || seconds=60

# Ends the mount of process $1, which must have found nothing wrong with itself.
expect_good_end() {
    vb umount mnt
    wait "$1" || fail "the mount ended with $?: $(cat log)"
    ! grep -E 'Sanitizer|runtime error' log || fail "$(cat log)"
}

test_64_processes_on_a_mount_for_writing() {
    need_fuse
    make_numbers 30
    vb mount -f --rw --run u/me/edit --threads 8 repo mnt 2>log &
    mount=$!
    tries=0
    until [ -d mnt/data ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "not mounted: $(cat log)"
        sleep 0.1
    done
    draft=mnt/data/u/me/edit/number/healpix5=100
    mkdir -p $draft
    python3 "$SOURCE/tests/e2e/stress.py" $draft mnt/data/numbers/number 64 $seconds
    echo 100 >$draft/number_100.txt
    rm -rf $draft/f* $draft/d* $draft/.[0-9]*
    expect_good_end $mount
    expect_equal "$(ls repo/.vbutler/drafts)" ""
    expect_equal "$(cat "$(find repo/u -name number_100.txt)")" 100
    vb fsck repo
}

# Each makes datasets, by renames and by closing; all of them are there, with what was written.
test_many_write_datasets_at_once() {
    need_fuse
    make_numbers 1
    vb mount -f --rw --run u/me/edit --threads 8 repo mnt 2>log &
    mount=$!
    tries=0
    until [ -d mnt/data ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "not mounted: $(cat log)"
        sleep 0.1
    done
    edit=mnt/data/u/me/edit/number
    for who in 1 2 3 4 5 6 7 8; do
        (for i in 1 2 3 4 5 6 7 8 9 10; do
            n=$((who * 100 + i))
            mkdir -p $edit/healpix5=$n
            if [ $((i % 2)) = 0 ]; then
                echo $n >$edit/healpix5=$n/number_$n.txt
            else
                echo $n >$edit/healpix5=$n/tmp && mv $edit/healpix5=$n/tmp $edit/healpix5=$n/number_$n.txt
            fi || exit 1
        done) &
        writers="${writers:-} $!"
    done
    for writer in $writers; do
        wait "$writer" || fail "a writer failed: $(cat log)"
    done
    python3 "$SOURCE/tests/e2e/stress.py" $edit/healpix5=101 $edit 16 1
    rm -rf $edit/healpix5=101/f* $edit/healpix5=101/d* $edit/healpix5=101/.[0-9]*
    expect_good_end $mount
    expect_equal "$(registry repo "SELECT count(*) FROM dataset d JOIN collection c ON c.id = d.run_id WHERE c.name = 'u/me/edit'")" 80
    vb fsck repo
    check_store repo
}

test_64_processes_in_a_job() {
    need_fuse
    make_numbers 30
    cp "$SOURCE/tests/e2e/stress.py" .
    vb exec -b repo -i numbers -o u/try -- python3 "$PWD/stress.py" . ../data/numbers/number 64 $seconds 2>log || fail "$(cat log)"
    ! grep -E 'Sanitizer|runtime error' log || fail "$(cat log)"
}

run_tests "$@"
