#!/bin/sh
# stores.sh - artifacts that are not on this machine: on a web server (nginx, with WebDAV), in a bucket of S3 (Ceph's RADOS
# Gateway), and on a server that does what servers should not do.  Each test starts its own, and stops it.
. "$(dirname "$0")/lib.sh"

SERVICES=$SOURCE/tests/services
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy CURL_CA_BUNDLE SSL_CERT_FILE
export HOME=/nonexistent # no ~/.aws, no ~/.netrc

# with_web: $URL is a web server's, $WEB the directory that it serves.
with_web() {
    URL=$("$SERVICES/web-up.sh" "$PWD/web") || skip "nginx with its WebDAV module is not installed (tools/packages services)"
    WEB=$PWD/web/dav
    trap 'kill $(cat "$WEB/../nginx.pid")' EXIT
}

# with_s3: the environment leads to the bucket s3://bucket.
with_s3() {
    "$SERVICES/s3-up.sh" "$PWD/s3" >/dev/null || {
        [ $? = 77 ] && skip "radosgw is not installed, or we are not root (tools/packages services)"
        fail "the S3 server does not start"
    }
    trap '"$SERVICES/s3-down.sh" "$PWD/s3"' EXIT
    . "$PWD/s3/env"
}

# with_faults DIR: $FAULTY is the address of a server of faults that serves DIR.
with_faults() {
    command -v python3 >/dev/null || skip "python3 is not installed"
    python3 "$SERVICES/faulty.py" "$1" "$PWD/faulty.log" >port &
    faulty_pid=$!
    trap 'kill $faulty_pid' EXIT
    for _ in $(seq 100); do
        [ -s port ] && break
        sleep 0.1
    done
    FAULTY=http://127.0.0.1:$(cat port)
}

# An object of the bucket, by curl: s3 METHOD KEY [OPTION...]
s3() {
    method=$1 key=$2
    shift 2
    curl -sS -f --aws-sigv4 aws:amz:us-east-1:s3 -u TESTKEY:TESTSECRET -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X "$method" \
        "$@" "$AWS_ENDPOINT_URL/bucket/$key"
}

# numbers N PREFIX [OPTION...]: N files below ./files, and a repository that ingests them from PREFIX/I.txt.
make_files() {
    mkdir -p files
    i=0
    while [ "$i" -lt "$1" ]; do
        echo "number $i" >"files/$i.txt"
        i=$((i + 1))
    done
}

make_repo() {
    vb create "$1"
    vb register-dataset-type "$1" number Text healpix5 --extension .txt
}

# table N PREFIX
table() {
    echo path,healpix5
    i=0
    while [ "$i" -lt "$1" ]; do
        echo "$2/$i.txt,$i"
        i=$((i + 1))
    done
}

# ---- http ----------------------------------------------------------------------------------------------------------

test_http_direct() {
    with_web
    make_files 5
    cp files/*.txt "$WEB/"
    make_repo repo
    table 5 "$URL" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    expect_equal "$(registry repo "SELECT path, size FROM location ORDER BY 1 LIMIT 1")" "$URL/0.txt|9"
    expect_equal "$(registry repo "SELECT count(*) FROM location WHERE mtime > 0 AND checksum IS NULL")" 5
    # Nothing was fetched: HEAD only.
    expect_equal "$(cut -d' ' -f1 web/access.log | sort -u)" HEAD
    vb query-datasets repo number --show-uri | grep -q " $URL/3.txt" || fail "the address is not shown"
    vb fsck repo
    vb retrieve-artifacts repo out | grep -q "retrieved 5 artifacts"
    for i in 0 1 2 3 4; do cmp "files/$i.txt" "out/$i.txt"; done
    [ ! -e out/.0.txt.part ]
}

test_http_checksum_and_copy() {
    with_web
    make_files 3
    cp files/*.txt "$WEB/"
    make_repo repo
    table 3 "$URL" >numbers.csv
    vb ingest-files repo number direct numbers.csv --transfer direct --checksum
    vb ingest-files repo number copied numbers.csv
    expect_equal "$(registry repo "SELECT count(DISTINCT checksum) FROM location")" 3
    cmp files/1.txt repo/copied/number/number_1.txt
    check_modes=$(stat -c %a repo/copied/number/number_1.txt)
    expect_equal "$check_modes" 444
    vb fsck repo --checksum
    # The prefix may be an address too.
    table 3 . | sed 's#^\./##' >relative.csv
    vb ingest-files repo number prefixed relative.csv --prefix "$URL" --transfer direct
    expect_equal "$(registry repo "SELECT count(*) FROM location WHERE path LIKE '$URL/_.txt'")" 6
}

test_http_what_is_not_there_or_cannot_be() {
    with_web
    make_files 2
    cp files/0.txt "$WEB/"
    make_repo repo
    table 2 "$URL" >numbers.csv
    expect_failure "numbers.csv:3: $URL/1.txt: .*it is not there" vb ingest-files repo number run numbers.csv -t direct
    expect_failure "numbers.csv:3: .*it is not there" vb ingest-files repo number run numbers.csv
    expect_failure "cannot be moved or linked" vb ingest-files repo number run numbers.csv -t hardlink
    printf 'path,healpix5\nhttp://me:secret@127.0.0.1/x,1\n' >bad.csv
    expect_failure "names a user" vb ingest-files repo number run bad.csv -t direct
    ! grep -q secret failure.err || fail "the password was shown"
    printf 'path,healpix5\nhttps://h/x?X-Amz-Signature=abc,1\n' >bad.csv
    expect_failure "is signed" vb ingest-files repo number run bad.csv -t direct
    printf 'path,healpix5\nftp://h/x,1\n' >bad.csv
    expect_failure "none of http, https or s3" vb ingest-files repo number run bad.csv -t direct
    expect_equal "$(registry repo "SELECT count(*) FROM dataset")" 0
    expect_equal "$(find repo -name '*.txt*')" ""
}

test_http_fsck_tells_what_is_lost_and_what_cannot_be_told() {
    with_web
    make_files 4
    cp files/*.txt "$WEB/"
    make_repo repo
    table 4 "$URL" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    rm "$WEB/0.txt"
    echo more >>"$WEB/1.txt"
    touch -d 2001-01-01 "$WEB/2.txt"
    ! vb fsck repo --format csv >found.csv 2>err || fail "fsck found nothing"
    expect_equal "$(tail -n +2 found.csv | cut -d, -f1 | sort | tr '\n' ' ')" "missing size time "
    expect_failure "changed: it has more than 9 bytes" vb retrieve-artifacts repo out
    grep -q "and had 9 when it was registered" failure.err
    expect_equal "$(ls out)" 3.txt
    # A server that does not answer has lost nothing.
    kill "$(cat "$WEB/../nginx.pid")"
    cat >>repo/vbutler.yaml <<YAML
stores:
  127.0.0.1: {timeout: 2, retries: 1}
YAML
    ! vb fsck repo --repair --no-confirm --format csv >found.csv 2>err || fail "fsck found nothing"
    grep -q "cannot be looked at" found.csv
    expect_equal "$(registry repo "SELECT count(*) FROM location")" 4
    trap - EXIT
}

test_http_mount_and_run() {
    need_fuse
    with_web
    make_numbers 3
    cp files/*.txt "$WEB/"
    make_repo far
    table 3 "$URL" >far.csv
    vb ingest-files far number numbers far.csv --transfer direct
    mount_at far mnt
    expect_equal "$(cat mnt/data/numbers/number/healpix5=2/*.txt)" 2
    vb umount mnt
    vb cache purge --no-confirm
    : >web/access.log
    vb run -b far -p numbers.yaml -i numbers -o out --no-progress
    vb retrieve-artifacts far got --collections "$(latest_run far out)" -d sum --no-preserve-path
    expect_equal "$(cat got/*.txt)" 6
    # What the jobs opened was fetched, and no more.
    expect_equal "$(grep -c '^GET .* 200 2$' web/access.log)" 3 "$(cat web/access.log)"
    # An artifact that has changed fails the job that reads it, and tells why.
    echo 17 >"$WEB/1.txt"
    vb cache purge --no-confirm # what was registered is there
    ! vb run -b far -p numbers.yaml -i numbers -o changed --no-progress >run.out 2>&1 || fail "the job read another file"
    grep -rq "changed" run.out || fail "it is not said why: $(cat run.out)"
}

test_prune_leaves_direct_artifacts_alone() {
    with_web
    make_files 2
    cp files/*.txt "$WEB/"
    make_repo repo
    table 2 "$URL" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    vb prune-datasets repo --purge run --no-confirm --quiet
    expect_equal "$(registry repo "SELECT count(*) FROM dataset")" 0
    [ -e "$WEB/0.txt" ] && [ -e "$WEB/1.txt" ] || fail "a direct artifact was removed"
    ! grep -q DELETE web/access.log
}

# A second store, whose root is an address; its artifacts are the repository's.
far_store() {
    sqlite3 repo/registry.sqlite3 "INSERT INTO store (id, name, root) VALUES (2, 'far', '$1');
        UPDATE location SET store_id = 2, path = replace(path, '$URL/', '')"
}

test_prune_removes_from_a_store_that_is_a_web_server() {
    with_web
    make_files 3
    mkdir "$WEB/root"
    cp files/*.txt "$WEB/root/"
    [ "$(id -u)" != 0 ] || chown -R www-data "$WEB/root"
    make_repo repo
    table 3 "$URL/root" | sed "s#$URL/root#$URL#" >numbers.csv
    sed -i "s#$URL#$URL/root#" numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    URL=$URL/root
    far_store "$URL"
    vb query-datasets repo number --show-uri | grep -q " $URL/2.txt" || fail "the address is not shown"
    vb fsck repo
    vb retrieve-artifacts repo out
    cmp files/2.txt out/2.txt
    # One is somebody else's too, by its address: it stays.
    printf 'path,healpix5\n%s/2.txt,2\n' "$URL" >other.csv
    vb ingest-files repo number other other.csv --transfer direct
    vb prune-datasets repo run --unstore --where "healpix5 > 0" --no-confirm --quiet
    expect_equal "$(ls "$WEB/root" | tr '\n' ' ')" "0.txt 2.txt "
    expect_equal "$(registry repo "SELECT count(*) FROM trash")" 0
}

test_a_chain_is_tried_in_order() {
    with_web
    make_files 3
    cp files/*.txt "$WEB/"
    make_repo repo
    table 3 "$URL" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct --checksum
    far_store "$URL"
    mkdir near
    cp files/1.txt near/
    rm "$WEB/1.txt"
    expect_failure "it is not there" vb retrieve-artifacts repo out
    cat >>repo/vbutler.yaml <<YAML
stores:
  far: {chain: ["$PWD/near", "$URL", "http://127.0.0.1:1/"], timeout: 4, retries: 0}
YAML
    vb retrieve-artifacts repo out
    cmp files/1.txt out/1.txt
    rm "$WEB/2.txt" out/2.txt
    expect_failure "number .*reading http://127.0.0.1:1/2.txt" vb retrieve-artifacts repo out
    vb fsck repo 2>/dev/null && fail "fsck found nothing"
    expect_equal "$(registry repo "SELECT count(*) FROM location")" 3
}

test_https_is_verified() {
    with_web
    [ -e web/https ] || skip "openssl is not installed"
    make_files 2
    cp files/*.txt "$WEB/"
    make_repo repo
    table 2 "$(cat web/https)" >numbers.csv
    expect_failure "(certificate|SSL).*1 try" vb ingest-files repo number run numbers.csv -t direct
    CURL_CA_BUNDLE=$PWD/web/tls.crt vb ingest-files repo number run numbers.csv -t direct
    SSL_CERT_FILE=$PWD/web/tls.crt vb retrieve-artifacts repo out
    cmp files/1.txt out/1.txt
    # The certificate is another host's.
    sed -i 's/localhost/127.0.0.1/' numbers.csv
    export CURL_CA_BUNDLE=$PWD/web/tls.crt
    expect_failure "127.0.0.1.*1 try" vb ingest-files repo number other numbers.csv -t direct
}

test_proxies_come_from_the_environment() {
    with_web
    make_files 1
    cp files/*.txt "$WEB/"
    make_repo repo
    echo "stores: {127.0.0.1: {retries: 0}}" >>repo/vbutler.yaml
    table 1 "$URL" >numbers.csv
    export http_proxy=http://127.0.0.1:1
    expect_failure "port 1 " vb ingest-files repo number run numbers.csv -t direct
    export no_proxy=127.0.0.1
    vb ingest-files repo number run numbers.csv -t direct
}

# ---- retrieving ----------------------------------------------------------------------------------------------------

test_retrieve_local_artifacts() {
    make_numbers 4
    vb retrieve-artifacts repo out --where "healpix5 < 2" | grep -q "retrieved 2 artifacts"
    cmp files/1.txt out/numbers/number/number_1.txt
    vb retrieve-artifacts repo flat --no-preserve-path --limit 3 --dataset-type 'num*'
    expect_equal "$(ls flat | wc -l)" 3
    vb retrieve-artifacts repo hard -t hardlink
    expect_equal "$(stat -c %h hard/numbers/number/number_0.txt)" 2
    vb retrieve-artifacts repo soft -t symlink
    [ -L soft/numbers/number/number_0.txt ]
    # Again: nothing is to be done, and another file's place is not taken.
    vb retrieve-artifacts repo flat --no-preserve-path --limit 3 | grep -q "3 artifacts there already"
    chmod +w flat/number_0.txt
    echo other >flat/number_0.txt
    expect_failure "flat/number_0.txt is there already, and is not the artifact" \
        vb retrieve-artifacts repo flat --no-preserve-path
    expect_equal "$(cat flat/number_0.txt)" other
    vb retrieve-artifacts repo flat --no-preserve-path --clobber
    cmp files/0.txt flat/number_0.txt
    expect_failure "no dataset type matches" vb retrieve-artifacts repo out -d nothing
    expect_equal "$(find . -name '*.part')" ""
}

test_retrieve_refuses_two_of_a_name() {
    make_numbers 1
    vb ingest-files repo number again numbers.csv
    vb retrieve-artifacts repo out
    expect_equal "$(find out -type f | wc -l)" 2
    expect_failure "would both become number_0.txt" vb retrieve-artifacts repo flat --no-preserve-path
    vb retrieve-artifacts repo flat --no-preserve-path --find-first --collections numbers,again
}

test_retrieve_goes_on_after_a_kill() {
    mkdir served
    head -c 20000000 /dev/urandom >served/0.txt
    with_faults "$PWD/served"
    make_repo repo
    table 1 "$FAULTY/ok" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct --checksum
    # The same file through a server that stops after 10 MB for ever; the store's address is changed by hand.
    sqlite3 repo/registry.sqlite3 "UPDATE location SET path = '$FAULTY/stall-10000000-1/0.txt'"
    "$VBUTLER" retrieve-artifacts repo out --no-preserve-path >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        [ "$(stat -c %s out/.0.txt.part 2>/dev/null || echo 0)" -ge 10000000 ] && break
        sleep 0.1
    done
    kill -9 $pid
    wait $pid || true
    : >faulty.log
    vb retrieve-artifacts repo out --no-preserve-path
    cmp served/0.txt out/0.txt
    grep -q "GET /stall-10000000-1/0.txt bytes=10000000-" faulty.log || fail "it began anew: $(cat faulty.log)"
    expect_equal "$(ls -A out)" 0.txt
}

test_retrieve_through_faults() {
    mkdir served
    head -c 3000000 /dev/urandom >served/0.txt
    with_faults "$PWD/served"
    make_repo repo
    echo "stores: {127.0.0.1: {timeout: 4, retries: 3}}" >>repo/vbutler.yaml
    table 1 "$FAULTY/ok" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct --checksum
    for fault in reset-1000000-2 truncate-1000000-2 error-503-2 error-429-1 wrong-1 latency-200 stall-1000000-1 redirect; do
        sqlite3 repo/registry.sqlite3 "UPDATE location SET path = '$FAULTY/$fault/0.txt'"
        vb retrieve-artifacts repo "out-$fault" --no-preserve-path >/dev/null || fail "$fault"
        cmp served/0.txt "out-$fault/0.txt"
    done
    while read -r fault message; do
        sqlite3 repo/registry.sqlite3 "UPDATE location SET path = '$FAULTY/$fault/0.txt'"
        begun=$(date +%s)
        expect_failure "$message" vb retrieve-artifacts repo "bad-$fault" --no-preserve-path
        [ $(($(date +%s) - begun)) -lt 20 ] || fail "$fault took too long"
        [ ! -e "bad-$fault/0.txt" ] || fail "$fault: a wrong file has a name"
    done <<'FAULTS'
error-500 answered 500 \(4 tries\)
error-404 it is not there
wrong-9 has other bytes than those that were registered
short-1000 changed: it has 1000 bytes
stall-0 (no whole answer came in time|was silent)
changing-1000000 (changed while it was read|another version than before)
FAULTS
}

# ---- S3 ------------------------------------------------------------------------------------------------------------

test_s3_direct_copy_and_retrieve() {
    with_s3
    make_files 3
    for i in 0 1 2; do s3 PUT "in/$i.txt" -T "files/$i.txt"; done
    s3 PUT "in/odd%20key%2B%25.txt" -T files/1.txt
    make_repo repo
    {
        table 3 s3://bucket/in
        echo "s3://bucket/in/odd%20key%2B%25.txt,7"
    } >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    vb ingest-files repo number copied numbers.csv
    cmp files/1.txt repo/copied/number/number_7.txt
    expect_equal "$(registry repo "SELECT count(*) FROM location WHERE path LIKE 's3://bucket/in/%' AND size = 9")" 4
    vb fsck repo
    vb retrieve-artifacts repo out --collections run
    cmp files/2.txt out/in/2.txt
    cmp files/1.txt "out/in/odd key+%.txt"
    s3 DELETE in/0.txt
    ! vb fsck repo --format csv >found.csv 2>err || fail "fsck found nothing"
    expect_equal "$(tail -n +2 found.csv | cut -d, -f1)" missing
    expect_equal "$(grep -c TESTSECRET -r repo found.csv err out || true)" "$(grep -rc TESTSECRET repo found.csv err out | grep -v ':1$')"
}

test_s3_who_may_not_is_told() {
    with_s3
    make_files 1
    s3 PUT 0.txt -T files/0.txt
    make_repo repo
    table 1 s3://bucket >numbers.csv
    (
        export AWS_SECRET_ACCESS_KEY=wrong
        expect_failure "answered 403" vb ingest-files repo number run numbers.csv -t direct
    )
    (
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        expect_failure "answered 403" vb ingest-files repo number run numbers.csv -t direct
        grep -q "there are no credentials" failure.err
    )
    (
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        export AWS_PROFILE=lab AWS_SHARED_CREDENTIALS_FILE="$PWD/credentials"
        expect_failure "no credentials of profile 'lab'" vb ingest-files repo number run numbers.csv -t direct
        printf '[lab]\naws_access_key_id = TESTKEY\naws_secret_access_key = TESTSECRET\n' >credentials
        vb ingest-files repo number run numbers.csv -t direct
    )
    (
        # All from vbutler.yaml and the file of profiles, nothing from the environment.
        endpoint=$AWS_ENDPOINT_URL
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL AWS_REGION
        export AWS_SHARED_CREDENTIALS_FILE="$PWD/credentials"
        echo "stores: {bucket: {endpoint: '$endpoint', region: us-east-1, profile: lab, addressing: path}}" >>repo/vbutler.yaml
        vb retrieve-artifacts repo out
        cmp files/0.txt out/0.txt
    )
}

test_s3_prune_removes_what_is_the_repositorys() {
    with_s3
    make_files 3
    for i in 0 1 2; do s3 PUT "root/$i.txt" -T "files/$i.txt"; done
    make_repo repo
    table 3 s3://bucket/root >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    URL=s3://bucket/root
    far_store "$URL"
    vb fsck repo
    vb prune-datasets repo run --unstore --where "healpix5 = 1" --no-confirm --quiet
    expect_failure 404 s3 GET root/1.txt
    expect_equal "$(s3 GET root/2.txt)" "number 2"
    expect_equal "$(registry repo "SELECT count(*) FROM trash")" 0
}

# ---- archives ------------------------------------------------------------------------------------------------------

# The files 0.txt to 2.txt as members of ARCHIVE, made by others' programs.
make_archive() {
    case $1 in
    *.tar) tar -cf "$1" files ;;
    *.tar.gz) tar -czf "$1" ./files ;;
    *.tar.xz) tar -cJf "$1" files ;;
    *.tar.zst) tar -cf - files | zstd -q -o "$1" ;;
    *.zip) python3 -m zipfile -c "$1" files ;;
    esac
}

test_members_of_archives() {
    command -v zstd >/dev/null || skip "zstd is not installed"
    with_web
    make_files 3
    for archive in a.tar a.tar.gz a.tar.xz a.tar.zst a.zip; do
        part=untar
        [ $archive != a.zip ] || part=unzip
        make_archive $archive
        cp $archive "$WEB/"
        make_repo "repo-$archive"
        table 3 "$archive#$part=files" >near.csv
        table 3 "$URL/$archive#$part=files" >far.csv
        vb ingest-files "repo-$archive" number near near.csv --transfer direct --checksum
        vb ingest-files "repo-$archive" number far far.csv --transfer direct --checksum
        vb ingest-files "repo-$archive" number copied near.csv
        expect_equal "$(registry "repo-$archive" "SELECT count(DISTINCT checksum), count(*), min(size), max(size) FROM location")" "3|9|9|9"
        expect_equal "$(registry "repo-$archive" "SELECT count(*) FROM location WHERE path LIKE '$PWD/$archive#$part=files/_.txt'")" 3
        cmp files/1.txt "repo-$archive/copied/number/number_1.txt"
        vb fsck "repo-$archive" --checksum
        vb retrieve-artifacts "repo-$archive" "out-$archive" --collections far
        cmp files/2.txt "out-$archive/files/2.txt"
        vb retrieve-artifacts "repo-$archive" "near-$archive" --collections near --no-preserve-path
        cmp files/2.txt "near-$archive/2.txt"
        printf 'path,healpix5\n%s#%s=files/none.txt,1\n' $archive $part >bad.csv
        expect_failure "has no member 'files/none.txt'" vb ingest-files "repo-$archive" number bad bad.csv -t direct
        expect_failure "cannot be moved or linked" vb ingest-files "repo-$archive" number bad near.csv -t hardlink
    done
    vb export repo-a.tar.zst exported --transfer direct
    vb create again
    vb import again exported --transfer direct
    expect_equal "$(registry again "SELECT count(*), min(size) FROM location WHERE path LIKE '%#untar=files/_.txt'")" "6|9"
}

test_an_archive_that_is_damaged_or_none() {
    make_files 1
    make_repo repo
    head -c 5000 /dev/urandom >a.tar
    printf 'path,healpix5\na.tar#untar=files/0.txt,0\n' >numbers.csv
    expect_failure "is no tar archive, or is damaged" vb ingest-files repo number run numbers.csv -t direct
    tar -czf whole.tar.gz files
    head -c 60 whole.tar.gz >a.tar
    expect_failure "is no tar archive, or is damaged|unpacking" vb ingest-files repo number run numbers.csv -t direct
    rm -f a.tar
    expect_failure "No such file" vb ingest-files repo number run numbers.csv -t direct
    ln -s files/0.txt link
    tar -cf a.tar link files
    printf 'path,healpix5\na.tar#untar=link,0\n' >numbers.csv
    expect_failure "is no regular file" vb ingest-files repo number run numbers.csv -t direct
    expect_equal "$(registry repo "SELECT count(*) FROM dataset")" 0
}

# ---- exports -------------------------------------------------------------------------------------------------------

test_import_from_addresses() {
    with_web
    make_files 3
    cp files/*.txt "$WEB/"
    make_repo repo
    table 3 "$URL" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    vb export repo exported --transfer direct
    grep -q "path: '$URL/1.txt'" exported/export.yaml
    vb create direct
    vb import direct exported --transfer direct
    expect_equal "$(registry direct "SELECT count(*) FROM location WHERE path LIKE '$URL/%' AND size = 9")" 3
    vb create copied
    vb import copied exported --transfer copy
    vb fsck copied --checksum
    expect_equal "$(find copied -name '*.txt' | wc -l)" 3
    vb export repo whole --transfer copy
    vb create third
    vb import third whole
    vb fsck third --checksum
}

test_export_links_to_no_address() {
    with_web
    make_files 1
    cp files/*.txt "$WEB/"
    make_repo repo
    table 1 "$URL" >numbers.csv
    vb ingest-files repo number run numbers.csv --transfer direct
    expect_failure "is not on this machine" vb export repo linked --transfer symlink
    vb export repo auto --transfer auto
    expect_failure "is not on this machine" vb export-gen3 repo gen3 --transfer symlink
    expect_equal "$(find auto -name '0.txt' | wc -l)" 1
}

# ---- Gen3 ----------------------------------------------------------------------------------------------------------

# A Gen3 repository whose datastore is at an address: as export-gen3 writes it, with its files moved there.
test_import_gen3_from_a_remote_datastore() {
    with_web
    make_numbers 3
    vb export-gen3 repo gen3 --transfer copy
    mv gen3/numbers "$WEB/"
    sed -i "s#^  root: .*#  root: $URL#" gen3/butler.yaml
    vb create direct
    vb import-gen3 direct gen3 --transfer direct
    expect_equal "$(registry direct "SELECT path FROM location ORDER BY 1 LIMIT 1")" \
        "$URL/numbers/number/number_0_numbers.txt"
    vb fsck direct
    vb create copied
    vb import-gen3 copied gen3 --transfer copy
    vb fsck copied --checksum
    cmp files/1.txt copied/numbers/number/number_1_numbers.txt
    rm "$WEB/numbers/number/number_2_numbers.txt"
    vb create third
    expect_failure "number.*healpix5: 2.*it is not there" vb import-gen3 third gen3 --transfer copy
    expect_equal "$(registry third "SELECT count(*) FROM dataset")" 0
    # What was direct is written as it is.
    vb export-gen3 direct again
    expect_equal "$(sqlite3 again/gen3.sqlite3 "SELECT path FROM file_datastore_records ORDER BY 1 LIMIT 1")" \
        "$URL/numbers/number/number_0_numbers.txt"
}

test_mount_gen3_with_a_remote_datastore() {
    need_fuse
    with_web
    make_numbers 2
    vb export-gen3 repo gen3 --transfer copy
    mv gen3/numbers "$WEB/"
    sed -i "s#^  root: .*#  root: $URL#" gen3/butler.yaml
    mount_at gen3 mnt
    expect_equal "$(cat mnt/data/numbers/number/healpix5=1/*.txt)" 1
    vb umount mnt
}

run_tests "$@"
