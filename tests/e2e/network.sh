#!/bin/sh
# network.sh - one repository in two mounts of a real network file system: sshfs, whose locks hold in one mount only.
. "$(dirname "$0")/lib.sh"

# The directory `disk` as `a` and as `b`, by two servers.
mount_twice() {
    command -v sshfs >/dev/null || skip "sshfs is not installed"
    server=/usr/lib/openssh/sftp-server
    [ -x $server ] || skip "there is no $server"
    printf '#!/bin/sh\nexec %s\n' $server >ssh.sh
    chmod 755 ssh.sh
    mkdir disk a b
    for side in a b; do
        timeout 20 sshfs -o "ssh_command=$PWD/ssh.sh,direct_io,dir_cache=no,attr_timeout=0,entry_timeout=0" "host:$PWD/disk" \
            $side || skip "sshfs cannot mount here"
    done
}

make_repo() {
    vb create a/repo
    vb register-dataset-type a/repo number Text healpix5 --extension .txt
    mkdir files
    for i in $(seq 0 199); do
        echo "$i" >"files/$i"
    done
}

# ingest SIDE FIRST TIMES: five files at a time.
ingest() {
    for i in $(seq 0 $(($3 - 1))); do
        { echo path,healpix5; for k in 0 1 2 3 4; do
            echo "$PWD/files/$(($2 + 5 * i + k)),$(($2 + 5 * i + k))"
        done; } >"table.$1.csv"
        timeout 100 "$VBUTLER" ingest-files "$1/repo" number "r/$1" "table.$1.csv" >>"$1.out" 2>&1 || fail "$(cat "$1.out")"
    done
}

# bug: an ingest in one mount swept up what one in the other was making; a lease that was given back stayed; a reader or a
# writer that met another's journal rolled it back
test_two_mounts_write_at_a_time() {
    mount_twice
    make_repo
    ingest a 0 12 &
    one=$!
    ingest b 100 12 &
    two=$!
    for i in $(seq 12); do
        timeout 100 "$VBUTLER" fsck a/repo --format csv >found.csv 2>&1 || :
        vb query-collections b/repo >/dev/null
    done
    wait $one
    wait $two
    vb fsck b/repo --checksum
    expect_equal "$(sqlite3 disk/repo/registry.sqlite3 'PRAGMA integrity_check; SELECT count(*) FROM dataset')" "$(printf 'ok\n120')"
    expect_equal "$(find disk/repo -maxdepth 1 -name '*lease*')" ""
    expect_equal "$(find disk/repo/.vbutler/transfers -type f ! -name lock)" ""
    check_store disk/repo
}

# Files that are made and not registered yet.
test_an_ingest_in_the_other_mount_is_seen() {
    need_strace
    mount_twice
    make_repo
    ingest a 0 1
    printf 'path,healpix5\n%s,7\n' "$PWD/files/7" >one.csv
    # Held for three seconds when the file is made.
    traced -e trace=syncfs -e inject=syncfs:delay_enter=3000000 "$VBUTLER" ingest-files a/repo number r/slow one.csv &
    pid=$!
    sleep 1.5
    [ -e disk/repo/r/slow/number/number_7.txt ] || fail "it does not begin"
    ingest b 100 1
    [ -e disk/repo/r/slow/number/number_7.txt ] || fail "it was swept up"
    vb fsck b/repo
    wait $pid
    vb fsck b/repo --checksum
}

# What a writer has left in the middle who was killed holding the lease is undone by the next.
test_a_writer_that_was_killed_in_the_middle() {
    need_strace
    mount_twice
    make_repo
    ingest a 0 1
    for n in 2 5 9; do
        traced -e trace=pwrite64 -e inject="pwrite64:signal=SIGKILL:when=$n" "$VBUTLER" associate a/repo "t$n" --collections r/a || :
        vb fsck a/repo >found 2>&1 || grep -q "was killed in the middle" found || fail "$(cat found)"
        vb associate b/repo t --collections r/a
        vb fsck a/repo
    done
    expect_equal "$(sqlite3 disk/repo/registry.sqlite3 'PRAGMA integrity_check')" ok
}

run_tests "$@"
