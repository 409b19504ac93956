#!/bin/sh
# collections_kill.sh - kill -9 and full disks while datasets are pruned and runs removed: nothing is lost, and nothing is
# left over once it is done again.
. "$(dirname "$0")/lib.sh"

# A repository `repo`: type number, RUN a of N datasets, half of them tagged; RUN b of 3.
make_repo() { # N
    vb create repo
    vb register-dataset-type repo number Text healpix5 --extension .txt
    for run in a b; do
        mkdir "files.$run"
        {
            echo path,healpix5
            i=0
            while [ $i -lt "$1" ]; do
                echo "$run $i" >"files.$run/$i"
                echo "files.$run/$i,$i"
                i=$((i + 1))
            done
        } >table.csv
        vb ingest-files repo number "$run" table.csv >ingest.out
    done
    vb associate repo t --collections a --where "healpix5 < $(($1 / 2))"
}

# The registry is whole: all of the run's datasets are there, or none; each location's file is there, and each file is
# known or noted as trash.
check_whole() {
    expect_equal "$(sqlite3 repo/registry.sqlite3 'PRAGMA integrity_check')" ok
    in_a=$(registry repo "SELECT count(*) FROM dataset d JOIN collection c ON c.id = d.run_id WHERE c.name = 'a'")
    [ "$in_a" = 0 ] || [ "$in_a" = "$1" ] || fail "$in_a datasets are left in a"
    expect_equal "$(registry repo "SELECT count(*) FROM location")" $((in_a + $1))
    expect_equal "$(registry repo "SELECT count(*) FROM member_1")" $((in_a + $1 + in_a / 2))
    expect_equal "$(registry repo "SELECT count(*) FROM association")" $((in_a / 2))
    registry repo "SELECT path FROM location UNION SELECT path FROM trash ORDER BY path" >known
    (cd repo && find a b -type f | LC_ALL=C sort) >there
    comm -13 known there >unknown
    [ ! -s unknown ] || fail "files that nobody knows: $(head -3 unknown)"
    registry repo "SELECT path FROM location ORDER BY path" >needed
    comm -23 needed there >lost
    [ ! -s lost ] || fail "files that are gone: $(head -3 lost)"
}

# What was begun is done again, or its trash emptied by another pruning.
finish() {
    "$@"
    vb prune-datasets repo --purge b --where 'healpix5 = 0' --no-confirm --quiet
    expect_equal "$(registry repo "SELECT count(*) FROM trash")" 0
    check_store repo
}

purge_a() {
    vb prune-datasets repo --purge a --no-confirm --quiet --force
}

remove_a() {
    if registry repo "SELECT name FROM collection" | grep -qx a; then
        vb remove-runs repo a --no-confirm --force
    fi
}

test_kills_at_random_moments() {
    for turn in $(seq 12); do
        mkdir "$turn"
        cd "$turn"
        make_repo 200
        case $turn in
        *[02468]) set -- prune-datasets repo --purge a --no-confirm --quiet --force ;;
        *) set -- remove-runs repo a --no-confirm --force ;;
        esac
        "$VBUTLER" "$@" >out 2>&1 &
        pid=$!
        sleep "$(awk -v seed="$turn$$" 'BEGIN {srand(seed); print 0.03 * rand()}')"
        kill -KILL $pid 2>/dev/null || :
        wait $pid || :
        check_whole 200
        [ $((turn % 2)) = 0 ] && finish purge_a || finish remove_a
        cd ..
        rm -rf "$turn"
    done
}

# killed_at SYSCALL N: at the Nth call of a kind.
killed_at() {
    traced -e trace="$1" -e inject="$1":signal=SIGKILL:when="$2" "$VBUTLER" prune-datasets repo --purge a \
        --no-confirm --quiet --force || :
}

test_kills_at_writes_of_the_registry_and_at_unlinks() {
    need_strace
    for place in pwrite64:1 pwrite64:4 pwrite64:20 fdatasync:1 unlink,unlinkat:1 unlink,unlinkat:17; do
        mkdir "$place"
        cd "$place"
        make_repo 40
        killed_at "${place%:*}" "${place#*:}"
        check_whole 40
        finish purge_a
        cd ..
    done
}

test_a_full_disk_changes_nothing_or_all() {
    [ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
    mkdir disk
    mount -t tmpfs -o size=6m tmpfs disk || skip "cannot mount a file system"
    (
        cd disk
        set -e
        make_repo 200
        for left in 0 4 16 48 96 160; do
            rm -f filler
            free=$(df --output=avail -k . | tail -1)
            head -c $(((free - left) * 1024)) /dev/zero >filler || :
            vb prune-datasets repo --purge a --no-confirm --quiet --force >../out 2>../err && status=0 || status=$?
            echo "with $left kB: $status $(cat ../err)"
            rm -f filler
            check_whole 200
            [ $status = 0 ] || grep -q "no space left" ../err || fail "it does not say that the disk is full: $(cat ../err)"
            [ $status = 0 ] || refused=$((${refused:-0} + 1))
        done
        [ "${refused:-0}" -gt 0 ] || fail "the disk was never full"
        finish purge_a
    ) && status=0 || status=$?
    umount disk
    return $status
}

run_tests "$@"
