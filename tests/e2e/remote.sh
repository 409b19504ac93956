#!/bin/sh
# remote.sh - what mounts and jobs read of a web server: fetched once, by block where it is large, never more than is read,
# and never waited for by who does not want it.
. "$(dirname "$0")/lib.sh"

SERVICES=$SOURCE/tests/services
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export HOME=/nonexistent # no ~/.aws, no ~/.netrc

# with_web: $URL is a web server's, $WEB the directory that it serves, $LOG what it was asked.
with_web() {
    need_fuse
    URL=$("$SERVICES/web-up.sh" "$PWD/web") || skip "nginx with its WebDAV module is not installed (tools/packages services)"
    WEB=$PWD/web/dav
    LOG=$PWD/web/access.log
    trap 'kill $(cat "$WEB/../nginx.pid")' EXIT
}

# with_faults: $FAULTY is the address of a server of faults that serves ./served.
with_faults() {
    need_fuse
    command -v python3 >/dev/null || skip "python3 is not installed"
    python3 "$SERVICES/faulty.py" "$PWD/served" "$PWD/faulty.log" >port &
    faulty_pid=$!
    trap 'kill $faulty_pid' EXIT
    for _ in $(seq 100); do
        [ -s port ] && break
        sleep 0.1
    done
    FAULTY=http://127.0.0.1:$(cat port)
}

# numbers_afar N: make_numbers, but the numbers lie on the web server.
numbers_afar() {
    make_numbers "$1"
    vb prune-datasets repo --purge numbers --no-confirm --quiet
    cp files/*.txt "$WEB/"
    chmod a+r "$WEB"/*
    sed "s#files/#$URL/#" numbers.csv >afar.csv
    vb ingest-files repo number numbers afar.csv --transfer direct --checksum
    : >"$LOG"
}

# Bytes of all bodies of GETs; how many GETs there were.
bytes_sent() {
    sleep 0.2 # nginx writes its log after the answer
    awk '$1 == "GET" {n += $NF} END {print n + 0}' "$LOG"
}

gets() {
    sleep 0.2
    grep -c ^GET "$LOG" || true
}

test_a_pipeline_moves_what_it_opens_once() {
    with_web
    numbers_afar 20
    run_numbers u/x --data-query 'healpix5 < 12' -j 4
    expect_equal "$(cat "repo/$(registry repo "SELECT path FROM location WHERE path LIKE '%/sum.txt'")")" 132
    opened=$(for i in 0 1 2 3 4 5 6 7 8 9 10 11; do cat "files/$i.txt"; done | wc -c)
    expect_equal "$(bytes_sent)" "$opened"
    expect_equal "$(gets)" 12
    expect_equal "$(registry repo "SELECT sum(json_extract(receipt, '\$.details.bytes_fetched')) FROM attempt")" "$opened"
    expect_equal "$(registry repo "SELECT DISTINCT json_extract(receipt, '\$.capture') FROM attempt")" complete
    # Another run, a mount: all is there.
    run_numbers u/y --data-query 'healpix5 < 12'
    mount_at repo mnt
    cat mnt/data/numbers/number/healpix5=*/*.txt >all
    expect_equal "$(gets)" 20
}

# A dataset in several files, and they are on a web server: what is asked for is moved, and no more.
test_components_come_each_by_itself() {
    with_web
    mkdir parts
    for name in image-1 mask-1 image-2 mask-2; do
        echo "$name" >"parts/$name.fits"
        cp "parts/$name.fits" "$WEB/"
        echo "$URL/$name.fits,${name%-*},${name#*-}" >>rows
    done
    chmod a+r "$WEB"/*
    vb create repo
    vb register-dataset-type repo exp Exposure healpix5
    { echo path,component,healpix5 && cat rows; } >parts.csv
    vb ingest-files repo exp afar parts.csv --transfer direct
    : >"$LOG"
    mount_at repo mnt
    expect_equal "$(ls mnt/data/afar/exp/healpix5=1)" "exp.image_1.fits
exp.mask_1.fits"
    expect_equal "$(gets)" 0
    expect_equal "$(cat mnt/data/afar/exp/healpix5=1/exp.mask_1.fits)" mask-1
    expect_equal "$(gets)" 1
    json=mnt/by-id/$(registry repo "SELECT lower(substr(hex(uuid),1,8)||'-'||substr(hex(uuid),9,4)||'-'||
        substr(hex(uuid),13,4)||'-'||substr(hex(uuid),17,4)||'-'||substr(hex(uuid),21)) FROM dataset
        WHERE dataid = '[2]'")/dataset.json
    expect_equal "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["components"]["image"]["size"])' $json)" 8
    vb retrieve-artifacts repo got --dataset-type exp --where 'healpix5 = 2' >out
    expect_equal "$(cd got && cat $(find . -type f | sort))" "image-2
mask-2"
    vb fsck repo --checksum >out || fail "$(cat out)"
    rm "$WEB/mask-2.fits"
    vb fsck repo >out && fail "a component that is gone is not missed"
    grep -q 'mask-2.fits' out || fail "$(cat out)"
    vb umount mnt
    vb prune-datasets repo --purge afar --no-confirm --quiet
    [ -e "$WEB/image-1.fits" ] || fail "what belongs to others was removed"
}

test_a_job_does_not_see_the_cache() {
    with_web
    numbers_afar 2
    before_doubling 'ls $(dirname $0) >/dev/null; ls -R CACHE | wc -l >seen.txt'
    sed -i "s#CACHE#$VBUTLER_CACHE#" numbers.yaml
    run_numbers u/x --keep-scratch
    find repo/.vbutler -name seen.txt -exec cat {} + >seen
    expect_equal "$(sort -u seen)" 1
    [ "$(find "$VBUTLER_CACHE" -type f | wc -l)" -gt 4 ] || fail "nothing is in the cache"
    expect_equal "$(registry repo "SELECT DISTINCT json_extract(receipt, '\$.capture') FROM attempt")" complete
}

# large_afar BYTES: one number of so many bytes on the web server, mounted at mnt; $large is its file.
large_afar() {
    truncate -s "$1" "$WEB/0.fits"
    echo SIMPLE | dd of="$WEB/0.fits" conv=notrunc status=none
    chmod a+r "$WEB/0.fits"
    vb create repo
    vb register-dataset-type repo number Text healpix5 --extension .fits
    printf 'path,healpix5\n%s,0\n' "$URL/0.fits" >large.csv
    vb ingest-files repo number numbers large.csv --transfer direct
    : >"$LOG"
    mount_at repo mnt
    large=mnt/data/numbers/number/healpix5=0/number_0.fits
}

test_a_header_of_a_large_artifact_moves_a_few_blocks() {
    with_web
    large_afar 1G
    expect_equal "$(stat -c %s $large)" 1073741824
    expect_equal "$(head -c 6 $large)" SIMPLE
    expect_equal "$(dd if=$large bs=2880 count=1 status=none | head -c 6)" SIMPLE
    [ "$(bytes_sent)" -lt 8388608 ] || fail "$(bytes_sent) bytes were moved for a header"
    tail -c 100 $large >end
    expect_equal "$(wc -c <end)" 100
    [ "$(bytes_sent)" -lt 16777216 ] || fail "$(bytes_sent) bytes were moved for both ends"
}

test_a_large_artifact_that_was_read_is_whole() {
    with_web
    large_afar 100M
    head -c 70000000 /dev/urandom | dd of="$WEB/0.fits" bs=1M seek=1 conv=notrunc status=none
    touch -r repo/vbutler.yaml "$WEB/0.fits"
    vb umount mnt
    vb prune-datasets repo --purge numbers --no-confirm --quiet
    vb ingest-files repo number numbers large.csv --transfer direct --checksum
    : >"$LOG"
    vb mount repo mnt
    cmp $large "$WEB/0.fits"
    expect_equal "$(bytes_sent)" 104857600
    vb umount mnt
    vb cache list --format csv | grep -q ',whole,.*0.fits' || fail "$(vb cache list)"
    vb mount repo mnt
    cmp $large "$WEB/0.fits"
    expect_equal "$(bytes_sent)" 104857600
}

test_several_processes_ask_once() {
    with_web
    numbers_afar 5
    for i in 1 2 3 4; do mount_at repo mnt$i; done
    for i in 1 2 3 4; do
        cat mnt$i/data/numbers/number/healpix5=*/*.txt >all$i &
        pids="${pids:-} $!"
    done
    for pid in $pids; do wait "$pid"; done
    for i in 2 3 4; do cmp all1 all$i; done
    expect_equal "$(gets)" 5
}

test_a_download_is_resumed_after_a_kill() {
    mkdir served
    head -c 20000000 /dev/urandom >served/0.txt
    with_faults
    vb create repo
    vb register-dataset-type repo number Text healpix5 --extension .txt
    printf 'path,healpix5\n%s,0\n' "$FAULTY/ok/0.txt" >numbers.csv
    vb ingest-files repo number numbers numbers.csv --transfer direct --checksum
    sqlite3 repo/registry.sqlite3 "UPDATE location SET path = '$FAULTY/stall-10000000-1/0.txt'"
    mkdir mnt
    "$VBUTLER" mount --foreground repo mnt &
    pid=$!
    file=mnt/data/numbers/number/healpix5=0/number_0.txt
    for _ in $(seq 100); do
        [ -e $file ] && break
        sleep 0.1
    done
    cat $file >/dev/null 2>&1 &
    reader=$!
    for _ in $(seq 100); do
        [ -n "$(find "$VBUTLER_CACHE" -name '*.part' -size +9000k)" ] && break
        sleep 0.1
    done
    kill -9 $pid
    wait $pid || true
    wait $reader && fail "read from a mount that is dead"
    vb umount --lazy mnt
    : >faulty.log
    vb mount repo mnt
    cmp $file served/0.txt
    grep -Eq "GET /stall-10000000-1/0.txt bytes=(9[0-9]{6}|10000000)-" faulty.log || fail "it began anew: $(cat faulty.log)"
}

# What a store does keeps nobody from anything else.
test_a_store_that_stalls_hangs_nothing() {
    mkdir served
    echo 1 >served/0.txt
    with_faults
    make_numbers 1
    printf 'path,healpix5\n%s,1\n' "$FAULTY/ok/0.txt" >afar.csv
    vb ingest-files repo number numbers afar.csv --transfer direct --checksum
    sqlite3 repo/registry.sqlite3 "UPDATE location SET path = '$FAULTY/stall-0/0.txt' WHERE path LIKE 'http%'"
    echo "stores: {127.0.0.1: {timeout: 4, retries: 0}}" >>repo/vbutler.yaml
    mount_at repo mnt
    begun=$(date +%s)
    cat mnt/data/numbers/number/healpix5=1/number_1.txt 2>error &
    reader=$!
    sleep 0.5
    timeout 2 df mnt >/dev/null || fail "df did not return"
    timeout 2 ls mnt/data/numbers/number >/dev/null || fail "ls did not return"
    timeout 2 ls -l mnt/data/numbers/number/healpix5=1 >/dev/null || fail "ls -l did not return"
    expect_equal "$(timeout 2 cat mnt/data/numbers/number/healpix5=0/number_0.txt)" 0
    ! wait $reader || fail "it read from a store that stalls"
    grep -q 'Input/output error' error
    [ $(($(date +%s) - begun)) -le 8 ] || fail "the deadline was not kept"
    # A mount goes while somebody waits.
    cat mnt/data/numbers/number/healpix5=1/number_1.txt 2>/dev/null &
    reader=$!
    sleep 0.5
    timeout 2 "$VBUTLER" umount --lazy mnt || fail "umount did not return"
    kill $reader
    wait $reader || true
}

test_a_job_that_cannot_have_its_input_fails_and_says_why() {
    mkdir served
    echo 1 >served/0.txt
    with_faults
    make_numbers 1
    printf 'path,healpix5\n%s,1\n%s,2\n%s,3\n' "$FAULTY/ok/0.txt" "$FAULTY/ok/0.txt?2" "$FAULTY/ok/0.txt?3" >afar.csv
    vb ingest-files repo number numbers afar.csv --transfer direct --checksum
    sqlite3 repo/registry.sqlite3 "UPDATE location SET path = '$FAULTY/stall-0/0.txt' WHERE path LIKE 'http%txt';
        UPDATE location SET path = '$FAULTY/wrong-9/0.txt' WHERE path LIKE 'http%2';
        UPDATE location SET path = '$FAULTY/error-500/0.txt' WHERE path LIKE 'http%3'"
    echo "stores: {127.0.0.1: {timeout: 2, retries: 0}}" >>repo/vbutler.yaml
    # A program that does not look: the attempt fails all the same.
    doubling_command 'sh, -c, "cat $1 >/dev/null; echo 7 >$2", sh, "{in.number}", "{out.doubled}"'
    expect_failure 'not all of its files could be read' run_numbers u/x -j 4
    grep -q 'stall-0/0.txt' failure.err
    grep -q 'wrong-9/0.txt: what came has the checksum' failure.err
    grep -q 'error-500/0.txt' failure.err
    expect_equal "$(registry repo "SELECT count(*) FROM attempt WHERE json_extract(receipt, '\$.task') = 'double' AND
        json_extract(receipt, '\$.status') = 'succeeded'")" 1
}

test_the_cache_is_looked_after() {
    with_web
    numbers_afar 4
    mount_at repo mnt
    cat mnt/data/numbers/number/healpix5=*/*.txt >/dev/null
    expect_equal "$(vb cache stat -b repo --format csv | tail -n 1 | cut -d, -f4)" 4
    expect_equal "$(vb cache list --format csv | tail -n +2 | wc -l)" 4
    vb cache list --format json | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == 4'
    vb cache pin "$URL/1*"
    vb cache list | grep -q "whole.*yes.*no.*$URL/1.txt"
    exec 5<mnt/data/numbers/number/healpix5=2/number_2.txt
    expect_failure 'no-confirm' vb cache purge </dev/null
    vb cache purge --no-confirm 2>&1 | grep -q 'removed 2 of 4'
    exec 5<&-
    vb cache unpin "$URL/*"
    sleep 0.2
    vb cache purge --no-confirm
    expect_equal "$(vb cache list --format csv | wc -l)" 1
    expect_failure 'nothing of the name' vb cache pin 'http://nowhere/*'
    expect_failure "did you mean 'purge'" vb cache puge
    expect_equal "$(cat mnt/data/numbers/number/healpix5=3/number_3.txt)" 3
}

test_a_cache_that_cannot_be_is_told() {
    make_numbers 1
    expect_failure "vbutler.yaml:.*must be bytes that the cache may hold" sh -c "
        echo 'cache: {directory: /x, size: much}' >>repo/vbutler.yaml; '$VBUTLER' query-collections repo"
    sed -i '$d' repo/vbutler.yaml
    expect_failure "absolute path" sh -c "
        echo 'cache: {directory: here}' >>repo/vbutler.yaml; '$VBUTLER' query-collections repo"
    sed -i '$d' repo/vbutler.yaml
    touch file
    expect_failure 'cache' env VBUTLER_CACHE="$PWD/file" "$VBUTLER" cache stat
    expect_failure 'VBUTLER_CACHE_SIZE' env VBUTLER_CACHE_SIZE=much "$VBUTLER" cache stat
}

test_tiers_of_vbutler_yaml() {
    with_web
    numbers_afar 3
    unset VBUTLER_CACHE
    cat >>repo/vbutler.yaml <<YAML
cache:
  - {directory: $PWD/memory, size: 10MB}
  - {directory: $PWD/disk, size: 100MB, files: 1000}
YAML
    mount_at repo mnt
    file=mnt/data/numbers/number/healpix5=1/number_1.txt
    cat $file
    expect_equal "$(vb cache stat -b repo --format csv | tail -n +2 | cut -d, -f4 | tr '\n' ' ')" "0 1 "
    vb umount mnt
    vb mount repo mnt
    cat $file
    for _ in $(seq 50); do
        [ "$(find memory -type f -size -1k ! -name lock ! -name usage ! -name CACHEDIR.TAG | wc -l)" = 0 ] || break
        sleep 0.1
    done
    sleep 0.3
    expect_equal "$(vb cache stat -b repo --format csv | tail -n +2 | cut -d, -f4 | tr '\n' ' ')" "1 1 "
    expect_equal "$(gets)" 1
}

run_tests "$@"
