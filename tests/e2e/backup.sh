#!/bin/sh
# backup.sh - copies of a registry in use; versions; writers that wait for each other; network file systems.
. "$(dirname "$0")/lib.sh"

sql() {
    sqlite3 "$1" "$2"
}

# ingest_more REPO FROM TO
ingest_more() {
    mkdir -p more
    {
        echo path,healpix5
        for i in $(seq "$2" "$3"); do
            echo "$i" >"more/$i.txt"
            echo "more/$i.txt,$i"
        done
    } >"more.$2.csv"
    vb ingest-files "$1" number numbers "more.$2.csv"
}

test_a_copy_is_whole_and_goes_back() {
    make_numbers 5
    vb backup repo -o b.sqlite3
    expect_equal "$(sql b.sqlite3 "PRAGMA integrity_check")" ok
    expect_equal "$(sql b.sqlite3 "PRAGMA journal_mode")" delete
    ingest_more repo 5 7
    expect_equal "$(sql b.sqlite3 "SELECT count(*) FROM dataset")" 5
    expect_failure "is there already" vb backup repo -o b.sqlite3
    rm -f repo/registry.sqlite3-wal repo/registry.sqlite3-shm
    cp b.sqlite3 repo/registry.sqlite3
    # What came after the backup is orphaned, and nothing else.
    expect_failure "3 orphaned" vb fsck repo
    vb fsck repo --repair --no-confirm >/dev/null
    vb fsck repo --checksum
    ingest_more repo 8 9
    expect_equal "$(sql repo/registry.sqlite3 "PRAGMA journal_mode")" wal
    check_store repo
}

test_a_copy_while_others_write() {
    make_numbers 5
    (for i in $(seq 1 12); do ingest_more repo $((i * 10)) $((i * 10 + 9)) >/dev/null; done) &
    writer=$!
    for i in 1 2 3 4 5; do
        vb backup repo -o "b.$i"
        expect_equal "$(sql "b.$i" "PRAGMA integrity_check")" ok
        # One moment: each ingest is there whole, or not at all.
        expect_equal "$(($(sql "b.$i" "SELECT count(*) FROM dataset") % 10))" 5
        expect_equal "$(sql "b.$i" "SELECT count(*) FROM location")" "$(sql "b.$i" "SELECT count(*) FROM dataset")"
    done
    wait $writer
    vb fsck repo --checksum
}

test_kills_leave_nothing_or_all() {
    make_numbers 40
    for i in $(seq 12); do
        "$VBUTLER" backup repo -o b >/dev/null 2>&1 &
        pid=$!
        sleep "$(awk -v seed="$i$$" 'BEGIN {srand(seed); print 0.03 * rand()}')"
        kill -KILL $pid 2>/dev/null || :
        wait $pid || :
        if [ -e b ]; then
            expect_equal "$(sql b "PRAGMA integrity_check")" ok
            rm b
        fi
    done
    rm -f b.*.tmp*
    vb backup repo -o b
    vb fsck repo --checksum
}

test_a_full_disk() {
    [ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
    make_numbers 5
    mkdir small
    mount -t tmpfs -o size=256k none "$PWD/small" || skip "cannot mount a tmpfs"
    expect_failure "no space left" vb backup repo -o small/b
    expect_equal "$(ls small)" ""
    expect_failure "[Nn]o space left" vb snapshot repo -o small/s.vbs --collections numbers
    expect_equal "$(ls small)" ""
    umount small
    vb fsck repo --checksum
}

# ---- versions --------------------------------------------------------------------------------------------------

shape() {
    sqlite3 "$1" "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
}

test_an_older_registry_is_refused_and_brought_up() {
    make_old
    for command in "fsck repo" "report repo x" "ingest-files repo number numbers numbers.csv" "mount repo mnt"; do
        # shellcheck disable=SC2086
        expect_failure "schema version 1, of an older vbutler" vb $command
        grep -q "vbutler migrate" failure.err
    done
    vb backup repo -o before.sqlite3
    vb migrate repo --dry-run | grep -q "1 -> 2"
    expect_equal "$(registry repo "PRAGMA user_version")" 1
    vb migrate repo
    vb migrate repo | grep -q already
    vb fsck repo --checksum
    ingest_more repo 3 4
    make_numbers_of_its_own
    expect_equal "$(shape repo/registry.sqlite3)" "$(shape fresh/repo/registry.sqlite3)"
    expect_equal "$(sql before.sqlite3 "PRAGMA user_version")" 1
    check_store repo
}

make_numbers_of_its_own() {
    mkdir fresh
    (cd fresh && make_numbers 3 >/dev/null)
}

test_a_newer_registry_is_refused() {
    make_numbers 1
    sqlite3 repo/registry.sqlite3 "PRAGMA user_version = 99"
    expect_failure "schema version 99; this vbutler .* knows versions up to" vb fsck repo
    expect_failure "schema version 99" vb migrate repo
    expect_failure "schema version 99" vb backup repo -o b
    [ ! -e b ] || fail "it was copied"
}

test_kills_of_a_migration() {
    need_strace
    make_old
    cp -a repo old
    for i in $(seq 8); do
        rm -rf repo
        cp -a old repo
        # At its i-th write to the registry or its log.
        traced -e trace=pwrite64,fdatasync -e inject=pwrite64:signal=SIGKILL:when=$((i * 3)) "$VBUTLER" migrate repo >/dev/null 2>&1 || :
        case $(registry repo "PRAGMA user_version") in
        1) vb migrate repo >/dev/null ;;
        2) ;;
        *) fail "neither old nor new" ;;
        esac
        vb fsck repo --checksum 2>/dev/null || fail "after kill $i"
    done
}

test_a_migration_on_a_full_disk() {
    [ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
    make_old
    mkdir small
    mount -t tmpfs -o size=700k none "$PWD/small" || skip "cannot mount a tmpfs"
    cp -a repo small/repo
    dd if=/dev/zero of=small/fill bs=4k status=none || :
    expect_failure "[Nn]o space left|input/output" vb migrate small/repo
    rm small/fill
    mount -o remount,size=4m "$PWD/small"
    expect_equal "$(registry small/repo "PRAGMA user_version")" 1
    vb migrate small/repo
    vb fsck small/repo --checksum
    umount small
}

# ---- who waits for whom ------------------------------------------------------------------------------------------

test_many_readers_and_writers() {
    make_numbers 5
    for w in 1 2 3; do
        (for i in 1 2 3 4 5; do ingest_more repo $((w * 1000 + i * 10)) $((w * 1000 + i * 10 + 4)) >/dev/null || exit 1; done) &
        eval "writer$w=\$!"
    done
    for i in $(seq 20); do vb fsck repo >/dev/null; done
    wait "$writer1"
    wait "$writer2"
    wait "$writer3"
    expect_equal "$(registry repo "SELECT count(*) FROM dataset")" 80
    vb fsck repo --checksum
    check_store repo
}

test_writers_on_a_network_file_system_take_turns() {
    export VBUTLER_NETWORK_FS=1
    test_many_readers_and_writers
    expect_equal "$(registry repo "PRAGMA journal_mode")" delete
    expect_equal "$(ls repo | grep -c lease)" 0
    vb lease repo | grep -q "nobody is writing"
}

test_the_journal_follows_the_place() {
    make_numbers 2
    expect_equal "$(registry repo "PRAGMA journal_mode")" wal
    VBUTLER_NETWORK_FS=1 vb fsck repo 2>err
    grep -q "does not work over a network" err
    (export VBUTLER_NETWORK_FS=1 && ingest_more repo 2 3)
    expect_equal "$(registry repo "PRAGMA journal_mode")" delete
    ingest_more repo 4 5
    expect_equal "$(registry repo "PRAGMA journal_mode")" wal
    vb fsck repo --checksum
}

# plant_lease HOST PID AGE
plant_lease() {
    printf '{%s"host": "%s", "pid": %s, "file": "registry.sqlite3-lease.x", "command": "vbutler run", "since": 1763629200000000000}' \
        "${4:-}" "$1" "$2" >repo/registry.sqlite3-lease.x
    ln repo/registry.sqlite3-lease.x repo/registry.sqlite3-lease
    touch -d "-$3 seconds" repo/registry.sqlite3-lease
}

test_the_lease_of_a_dead_process_is_taken_over() {
    export VBUTLER_NETWORK_FS=1
    make_numbers 2
    sh -c 'echo $$' >dead
    plant_lease "$(uname -n)" "$(cat dead)" 5
    ingest_more repo 2 3 2>err
    grep -q "took over the lease of process $(cat dead), which is dead" err
    expect_equal "$(ls repo | grep -c lease)" 0
}

# Containers of one host may share its name, and have process numbers of their own.
test_the_lease_of_another_container_is_not_taken_over() {
    export VBUTLER_NETWORK_FS=1
    make_numbers 2
    sh -c 'echo $$' >dead
    plant_lease "$(uname -n)" "$(cat dead)" 5 '"pids": "pid:[1]", '
    expect_failure "process $(cat dead) on $(uname -n) is writing" vb lease repo --break
    [ -e repo/registry.sqlite3-lease ] || fail "it was taken away"
}

# bug: the lock of an execution was asked of this machine only
test_a_run_of_another_machine_is_not_taken_over() {
    need_fuse
    export VBUTLER_NETWORK_FS=1
    make_numbers 2
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    vb run -b repo -g g.vbg --no-progress
    run=$(latest_run repo u/x)
    lock=$(echo repo/.vbutler/runs/*/lock)
    expect_equal "$(cat "$lock")" "" "it ended in order"
    echo "4711 on node17" >"$lock"
    for command in "run -b repo -g g.vbg" "prune-datasets repo --purge $run --no-confirm" "remove-runs repo $run --force --no-confirm"; do
        # shellcheck disable=SC2086
        expect_failure "process 4711 on node17" vb $command
        grep -q "if it is dead, remove 'lock' there" failure.err || fail "$(cat failure.err)"
    done
    sh -c 'echo $$' >dead
    echo "$(cat dead) on $(uname -n)" >"$lock"
    vb run -b repo -g g.vbg --no-progress
    echo "4711 on node17" >"$lock"
    rm "$lock"
    vb run -b repo -g g.vbg --no-progress
    check_store repo
}

test_a_stale_lease_is_told_and_can_be_broken() {
    export VBUTLER_NETWORK_FS=1
    make_numbers 2
    plant_lease node17 4711 10
    vb lease repo | grep -q "process 4711 on node17 is writing"
    expect_failure "process 4711 on node17 is writing" vb lease repo --break
    touch -d '-400 seconds' repo/registry.sqlite3-lease
    vb lease repo | grep -q "it may be dead"
    vb lease repo --break
    expect_equal "$(ls repo | grep -c lease)" 0
    ingest_more repo 2 3
}

test_waiting_for_a_lease_is_bounded() {
    [ -n "${VB_SOAK:-}" ] || skip "it waits a minute: for tools/test --soak"
    export VBUTLER_NETWORK_FS=1
    make_numbers 2
    plant_lease node17 4711 0
    (while [ -e repo/registry.sqlite3-lease ]; do touch repo/registry.sqlite3-lease; sleep 1; done) &
    expect_failure "process 4711 on node17 is writing to it \(vbutler run\), and gave its last sign of life" ingest_more repo 2 3
    rm repo/registry.sqlite3-lease
    wait
}

run_tests "$@"
