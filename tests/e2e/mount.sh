#!/bin/sh
# mount.sh - a repository and a graph as a file system: browsed with ls, cd and cat, as root and as an ordinary user.
. "$(dirname "$0")/lib.sh"

expect_listing() { # DIRECTORY ENTRY...
    directory=$1
    shift
    expect_equal "$(ls "$directory")" "$(printf '%s\n' "$@")" "$directory"
}

# A run of the numbers, mounted at `mnt`; $run is its name.
mount_numbers() {
    need_fuse
    make_numbers "$1"
    run_numbers u/me/x
    run=$(latest_run repo u/me/x)
    mount_at repo mnt
}

test_what_a_mount_shows() {
    mount_numbers 3
    expect_listing mnt by-id data dimensions gen3 provenance reports
    expect_listing mnt/data numbers u
    expect_listing mnt/data/u me
    expect_listing mnt/data/u/me x
    expect_listing mnt/data/numbers number
    expect_listing mnt/data/numbers/number healpix5=0 healpix5=1 healpix5=2
    expect_listing mnt/data/numbers/number/healpix5=1 number_1.txt
    expect_equal "$(cat mnt/data/numbers/number/healpix5=1/number_1.txt)" 1
    expect_listing "mnt/provenance/$run" double sum
    expect_equal "$(stat -f -c %T mnt)" fuseblk 2>/dev/null || [ "$(stat -f -c %T mnt)" = fuse ] || fail "$(stat -f -c %T mnt)"
}

test_a_chain_shows_what_it_finds_first() {
    mount_numbers 3
    expect_equal "$(cat mnt/data/u/me/x/sum/sum.txt)" 6
    ls mnt/data/u/me/x | grep -q '^number$' || fail "the chain does not show its inputs"
    # The chain's directory is also the prefix of its runs.
    ls mnt/data/u/me/x | grep -q "^${run##*/}$" || fail "the run is not below its prefix: $(ls mnt/data/u/me/x)"
}

test_names_that_are_not_there() {
    mount_numbers 2
    for path in data/nothing data/numbers/nmuber data/numbers/number/healpix5=7 data/numbers/number/healpix5=01 \
        data/numbers/number/healpix5 data/numbers/number/healpix5=1/number_2.txt by-id/01234567-89ab-cdef-0123-456789abcdef \
        by-id/x provenance/u/none reports/u/none dimensions/nothing; do
        [ ! -e "mnt/$path" ] || fail "$path is there"
    done
}

test_a_mount_is_read_only() {
    mount_numbers 2
    file=mnt/data/numbers/number/healpix5=1/number_1.txt
    for how in "echo >$file" "rm $file" "mkdir mnt/x" "touch $file" "mv $file mnt/y" "chmod 600 $file" "ln $file mnt/z" \
        "truncate -s 0 $file"; do
        ! sh -c "$how" 2>/dev/null || fail "could: $how"
    done
    expect_equal "$(cat $file)" 1
    expect_equal "$(stat -c %a $file)" 444
}

test_extended_attributes_tell_what_a_dataset_is() {
    mount_numbers 2
    getfattr --dump --match - "mnt/data/$run/doubled/healpix5=1/doubled_1.txt" >attributes
    uuid=$(registry repo "SELECT lower(hex(uuid)) FROM dataset d JOIN dataset_type t ON t.id = type_id
                          WHERE t.name = 'doubled' AND d.dataid = '[1]'")
    sed -n 's/^user.butler.id="\(.*\)"/\1/p' attributes | tr -d - | grep -qx "$uuid" || fail "$(cat attributes)"
    grep -qx 'user.butler.type="doubled"' attributes
    grep -qx "user.butler.run=\"$run\"" attributes
    grep -q '^user.butler.dataid=".*healpix5.*1' attributes
    grep -Eq '^user.butler.producer="[0-9a-f-]{36}"' attributes
    checksum=$(xxhsum -H2 "mnt/data/$run/doubled/healpix5=1/doubled_1.txt" | cut -d' ' -f1)
    grep -qx "user.butler.checksum=\"xxh3-128:$checksum\"" attributes || fail "$(cat attributes)"
}

test_lineage_is_walked_with_cd() {
    mount_numbers 2
    id=$(getfattr --only-values -n user.butler.id "mnt/data/$run/sum/sum.txt")
    cd "mnt/by-id/$id/producer/inputs/doubled"
    expect_equal "$(ls)" "$(printf 'healpix5=0\nhealpix5=1')"
    cd healpix5=1/producer/inputs/number/healpix5=1
    expect_equal "$(cat number_1.txt)" 1
    expect_listing consumers "$(ls consumers)"
    [ -e "consumers/$(ls consumers | head -n 1)" ] || fail "a dangling link in consumers/"
    cd "$TEST_DIR"
    expect_equal "$(cat "mnt/by-id/$id/producer/command")" "$(cat "mnt/provenance/$run/sum"/*/command)"
    grep -q "in/doubled/doubled_0.txt" "mnt/by-id/$id/producer/command"
}

test_links_never_dangle() {
    mount_numbers 2
    find mnt/by-id mnt/provenance mnt/reports -type l >links
    [ "$(wc -l <links)" -gt 10 ] || fail "only $(wc -l <links) links"
    while read -r link; do
        [ -e "$link" ] || fail "$link dangles: $(readlink "$link")"
        case $(readlink "$link") in /*) fail "$link is absolute" ;; esac
    done <links
}

test_reports_are_files() {
    mount_numbers 3
    expect_equal "$(head -n 1 "mnt/reports/$run/tasks.csv")" "$(vb report repo "$run" --format csv | head -n 1)"
    expect_equal "$(cat "mnt/reports/$run/tasks.csv")" "$(vb report repo "$run" --format csv)"
    expect_equal "$(cat "mnt/reports/$run/quanta.csv")" "$(vb report repo "$run" --quanta --format csv)"
    expect_equal "$(cat "mnt/reports/$run/summary.csv")" "$(vb report repo "$run" --summary --format csv)"
    expect_equal "$(stat -c %s "mnt/reports/$run/quanta.csv")" "$(wc -c <"mnt/reports/$run/quanta.csv")"
}

test_a_live_mount_shows_new_commits() {
    mount_numbers 2
    [ ! -e mnt/data/u/later ] || fail "it is there already"
    vb run -b repo -p numbers.yaml -i numbers -o u/later --no-progress
    tries=0
    until [ -e mnt/data/u/later/sum/sum.txt ]; do
        tries=$((tries + 1))
        [ $tries -lt 30 ] || fail "after three seconds the mount does not show a new run"
        sleep 0.1
    done
    ls mnt/data/u | grep -q '^later$' || fail "a listing does not show it"
}

test_a_graph_is_mounted_without_its_registry() {
    need_fuse
    make_numbers 2
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg
    mv repo/registry.sqlite3 away
    mount_at g.vbg mnt
    expect_equal "$(cat mnt/data/numbers/number/healpix5=1/number_1.txt)" 1
    vb umount mnt
    mv away repo/registry.sqlite3
    mv repo moved
    mount_at g.vbg mnt
    ! cat mnt/data/numbers/number/healpix5=1/number_1.txt 2>/dev/null || fail "read from a repository that is gone"
    vb umount mnt
    vb mount -b moved g.vbg mnt
    expect_equal "$(cat mnt/data/numbers/number/healpix5=1/number_1.txt)" 1
}

test_umount_takes_a_mount_away() {
    mount_numbers 1
    vb umount mnt
    expect_equal "$(ls mnt)" ""
    expect_failure 'mnt' vb umount mnt
    expect_failure 'nowhere' vb umount nowhere
    vb mount repo mnt
    exec 5<mnt/data/numbers/number/healpix5=0/number_0.txt
    expect_failure 'busy|in use' vb umount mnt
    vb umount --lazy mnt
    expect_equal "$(ls mnt)" ""
    exec 5<&-
}

test_names_that_are_hard_to_write() {
    need_fuse
    make_numbers 1
    mv repo 'a, b\c'
    mount_at 'a, b\c' 'm, n'
    expect_equal "$(cat 'm, n/data/numbers/number/healpix5=0/number_0.txt')" 0
    vb umount 'm, n'
    expect_equal "$(ls 'm, n')" ""
}

test_mounts_that_cannot_be() {
    need_fuse
    make_numbers 1
    expect_failure 'no/where' vb mount repo no/where
    touch file
    expect_failure 'file' vb mount repo file
    expect_failure 'nothing' vb mount nothing mnt
    mkdir mnt
    vb mount repo mnt
    expect_failure 'mnt' vb mount repo mnt
}

test_a_missing_artifact_is_an_error_of_its_own_file_only() {
    mount_numbers 2
    rm -f "$(find repo/numbers -name number_1.txt)"
    ! cat mnt/data/numbers/number/healpix5=1/number_1.txt 2>error || fail "read what is not there"
    grep -Eq 'No such file|Input/output' error || fail "$(cat error)"
    expect_equal "$(cat mnt/data/numbers/number/healpix5=0/number_0.txt)" 0
    ls -l mnt/data/numbers/number/healpix5=1 | grep -q number_1.txt
}

test_an_ordinary_user_mounts_and_browses() {
    need_user
    make_numbers 2
    run_numbers u/x
    chmod -R a+rX repo
    as_user mkdir "/var/tmp/$TEST_USER/mnt.$$"
    as_user "$VBUTLER" mount "$TEST_DIR/repo" "/var/tmp/$TEST_USER/mnt.$$"
    expect_equal "$(as_user cat "/var/tmp/$TEST_USER/mnt.$$/data/u/x/sum/sum.txt")" 2
    id=$(as_user getfattr --only-values -n user.butler.id "/var/tmp/$TEST_USER/mnt.$$/data/u/x/sum/sum.txt")
    as_user ls "/var/tmp/$TEST_USER/mnt.$$/by-id/$id/producer/inputs/doubled" | grep -q healpix5=1
    ! ls "/var/tmp/$TEST_USER/mnt.$$" >/dev/null 2>&1 || echo "root sees it too"
    as_user "$VBUTLER" umount "/var/tmp/$TEST_USER/mnt.$$"
    as_user rmdir "/var/tmp/$TEST_USER/mnt.$$"
}

run_tests "$@"
