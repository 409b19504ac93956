#!/bin/sh
# views.sh - gen3/ of a mount, calibrations by validity, and mounts that live.
. "$(dirname "$0")/lib.sh"

SMALL=$VB_SHARED/data/gen3/repo-small

need_small() {
    [ -f "$SMALL/gen3.sqlite3" ] || skip "there is no $SMALL"
    need_fuse
}

# Names and bytes of all files of a directory.
sums() {
    (cd "$1" && find . -type f | sort | xargs sha256sum)
}

# What an import has made, without the places of artifacts and the dates of ingest.
contents() {
    registry "$1" "SELECT hex(d.uuid), t.name, c.name, d.dataid, d.ingest_date FROM dataset d JOIN dataset_type t ON t.id = d.type_id
        JOIN collection c ON c.id = d.run_id ORDER BY 1;
        SELECT p.name, c.name, k.position FROM collection_chain k JOIN collection c ON c.id = k.child_id
        JOIN collection p ON p.id = k.parent_id ORDER BY 1, 3;
        SELECT hex(d.uuid), c.name FROM association a JOIN dataset d ON d.id = a.dataset_id
        JOIN collection c ON c.id = a.collection_id ORDER BY 1, 2;
        SELECT hex(d.uuid), l.size FROM location l JOIN dataset d ON d.id = l.dataset_id ORDER BY 1;
        SELECT * FROM dimension_exposure ORDER BY 1, 2"
}

# ---- gen3/ ------------------------------------------------------------------------------------------------------------

test_a_gen3_repository_is_shown_as_it_is() {
    need_small
    mount_at "$SMALL" mnt
    (cd mnt && ls) >names
    grep -qx gen3 names
    sums "$SMALL" >theirs
    sums mnt/gen3 >ours
    cmp theirs ours
    expect_equal "$(stat -c %s mnt/gen3/gen3.sqlite3)" "$(stat -c %s "$SMALL/gen3.sqlite3")"
    vb umount mnt
}

test_an_imported_repository_is_shown_under_its_templates() {
    need_small
    vb create repo
    vb import-gen3 repo "$SMALL"
    mkdir temporary
    export TMPDIR=$PWD/temporary
    mount_at repo mnt
    sums "$SMALL" | grep -v ' ./gen3.sqlite3$' >theirs
    sums mnt/gen3 | grep -v ' ./gen3.sqlite3$' >ours
    cmp theirs ours
    rmdir temporary || fail "a private file is still there"
    unset TMPDIR
    python3 "$SOURCE/tests/e2e/compare_gen3.py" "$SMALL/gen3.sqlite3" mnt/gen3/gen3.sqlite3
    # Its files are the datasets that data/ shows.
    id=$(find mnt/gen3/HSC/raw -type f | head -n 1 | xargs getfattr --only-values -n user.butler.id)
    expect_equal "$(stat -c %i mnt/by-id/"$id"/raw_*)" "$(find mnt/gen3/HSC/raw -type f | head -n 1 | xargs stat -c %i)"
    # Another repository takes from it all that it takes from the original.
    vb create one
    vb import-gen3 one "$SMALL" --transfer copy
    vb create other
    vb import-gen3 other mnt/gen3 --transfer copy
    contents one >one.rows
    contents other >other.rows
    cmp one.rows other.rows
    check_store other
    vb umount mnt
}

test_components_and_members_have_template_paths() {
    need_fuse
    vb create repo
    vb register-dataset-type repo exp Exposure healpix5
    mkdir files
    for file in image-1 mask-1 whole-3; do
        echo "$file" >"files/$file.fits"
    done
    cat >parts.csv <<'CSV'
path,component,healpix5
files/image-1.fits,image,1
files/mask-1.fits,mask,1
files/whole-3.fits,,3
CSV
    vb ingest-files repo exp parts parts.csv
    vb export-gen3 repo theirs --transfer copy >out
    mount_at repo mnt
    sums theirs | grep -v ' ./gen3.sqlite3$' >theirs.sums
    sums mnt/gen3 | grep -v ' ./gen3.sqlite3$' >ours.sums
    cmp theirs.sums ours.sums
    grep -q 'exp.mask/' ours.sums
    expect_equal "$(find mnt/gen3 -name '*mask*' -type f | xargs cat)" mask-1
    vb umount mnt
}

test_zip_members() {
    need_small
    cp -r "$SMALL" theirs
    chmod -R u+w theirs
    sqlite3 theirs/gen3.sqlite3 "UPDATE file_datastore_records SET path = 'z.zip#unzip=a', file_size = -1
        WHERE dataset_id = (SELECT min(id) FROM dataset)"
    python3 -c 'import zipfile; zipfile.ZipFile("theirs/z.zip", "w").writestr("a", b"content")'
    # The repository itself has the archive; one that has imported it has the member under its template.
    mount_at theirs mnt
    cmp mnt/gen3/z.zip theirs/z.zip
    vb umount mnt
    vb create repo
    vb import-gen3 repo theirs
    vb export-gen3 repo copied --transfer copy
    mount_at repo mnt
    sums copied | grep -v ' ./gen3.sqlite3$' >theirs.sums
    sums mnt/gen3 | grep -v ' ./gen3.sqlite3$' >ours.sums
    cmp theirs.sums ours.sums
    [ ! -e mnt/gen3/z.zip ] || fail "the archive is shown too"
    vb umount mnt
}

# It stays as it was made; and a graph has none.
test_gen3_is_made_once() {
    need_fuse
    make_numbers 3
    mount_at repo mnt
    expect_equal "$(find mnt/gen3 -name '*.txt' | wc -l)" 3
    before=$(sha256sum <mnt/gen3/gen3.sqlite3)
    run_numbers u/x
    sleep 1
    expect_equal "$(sha256sum <mnt/gen3/gen3.sqlite3)" "$before"
    expect_equal "$(find mnt/gen3 -name '*.txt' | wc -l)" 3
    for how in 'echo >mnt/gen3/butler.yaml' 'rm mnt/gen3/gen3.sqlite3' 'touch mnt/gen3/x'; do
        ! sh -c "$how" 2>/dev/null || fail "could: $how"
    done
    for path in x gen3.sqlite3/x numbers/x numbers/number/x; do
        [ ! -e "mnt/gen3/$path" ] || fail "$path is there"
    done
    expect_equal "$(sqlite3 "file:mnt/gen3/gen3.sqlite3?mode=ro" 'SELECT count(*) FROM dataset')" 3
    python3 -c 'import yaml; assert yaml.safe_load(open("mnt/gen3/butler.yaml"))["registry"]["db"].endswith("/gen3.sqlite3")'
    vb umount mnt
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/y -q g.vbg
    mount_at g.vbg mnt
    [ ! -e mnt/gen3 ] || fail "a graph has gen3/"
    vb umount mnt
}

# ---- calibrations -----------------------------------------------------------------------------------------------------

test_calibrations_by_validity() {
    need_fuse
    vb create repo
    vb register-dataset-type repo table Text healpix5 --extension .txt --is-calibration
    mkdir files
    for i in 1 2; do
        echo "$i" >files/$i.txt
        printf 'path,healpix5\nfiles/%s.txt,7\n' $i >$i.csv
        vb ingest-files repo table run$i $i.csv
    done
    vb certify-calibrations repo run1 calib table --end-date 2025-06-01
    vb certify-calibrations repo run2 calib table --begin-date 2025-06-01
    mount_at repo mnt
    expect_equal "$(ls mnt/data/calib/table/healpix5=7)" \
        "$(printf 'valid=..2025-06-01T00:00:00\nvalid=2025-06-01T00:00:00..')"
    expect_equal "$(cat mnt/data/calib/table/healpix5=7/at=2025-05-31/table_7.txt)" 1
    expect_equal "$(cat mnt/data/calib/table/healpix5=7/at=2025-06-01/table_7.txt)" 2
    expect_equal "$(find mnt/data/calib -type f -exec cat {} +)" "$(printf '1\n2')"
    vb umount mnt
}

# ---- mounts that live -------------------------------------------------------------------------------------------------

now() {
    date +%s%N
}

# eventually PATH: it is there a second after the last commit at the latest.
eventually() {
    until [ -e "$1" ]; do
        [ $(($(now) - committed)) -lt 1000000000 ] || fail "$1 is not there a second after the commit"
        sleep 0.05
    done
}

# Data, provenance and reports of a run show within a second, though all were missed before.
test_commits_show_within_a_second() {
    need_fuse
    make_numbers 2
    mount_at repo mnt
    for path in data/u/x/sum/sum.txt provenance/u/x reports/u/x; do
        [ ! -e "mnt/$path" ] || fail "it is there already"
    done
    ls mnt/data >before
    run_numbers u/x
    committed=$(now)
    eventually mnt/data/u/x/sum/sum.txt
    run=$(latest_run repo u/x)
    eventually "mnt/provenance/$run/sum"
    eventually "mnt/reports/$run/tasks.csv"
    expect_equal "$(cat mnt/data/u/x/sum/sum.txt)" 2
    expect_equal "$(cat "mnt/reports/$run/tasks.csv")" "$(vb report repo "$run" --format csv)"
    grep -q . "mnt/provenance/$run/sum"/*/command
    ls mnt/data | grep -qx u || fail "a listing does not show it"
    # Another run of the chain: its find-first is another file.
    exec 5<mnt/data/u/x/sum/sum.txt
    inode=$(stat -L -c %i /proc/self/fd/5)
    echo 100 >files/0.txt
    sed -i 's/n += /n += 1 + /' numbers.yaml
    run_numbers u/x
    committed=$(now)
    until [ "$(cat mnt/data/u/x/sum/sum.txt)" = 4 ]; do
        [ $(($(now) - committed)) -lt 1000000000 ] || fail "the chain still shows its first run: $(cat mnt/data/u/x/sum/sum.txt)"
        sleep 0.05
    done
    # Who has the first one open has it still, with its bytes and its number.
    expect_equal "$(cat <&5)" 2
    expect_equal "$(stat -L -c %i /proc/self/fd/5)" "$inode"
    [ "$(stat -c %i mnt/data/u/x/sum/sum.txt)" != "$inode" ] || fail "two datasets have one inode"
    exec 5<&-
}

# A report that is open keeps its bytes and its inode; who looks it up anew has the new text under another inode.
test_an_open_report_does_not_change() {
    need_fuse
    make_numbers 2
    before_doubling '[ $(cat "$1") = 0 ] \&\& [ ! -e '"$PWD"'/mended ] \&\& exit 1'
    ! run_numbers u/x 2>/dev/null || fail "it should have failed"
    run=$(latest_run repo u/x)
    mount_at repo mnt
    report=mnt/reports/$run/summary.csv
    exec 5<"$report"
    inode=$(stat -L -c %i /proc/self/fd/5) old=$(cat "$report")
    touch mended
    run_numbers u/x --extend-run --skip-existing
    committed=$(now)
    until [ "$(cat "$report")" != "$old" ]; do
        [ $(($(now) - committed)) -lt 1000000000 ] || fail "the report is as it was: $old"
        sleep 0.05
    done
    expect_equal "$(cat "$report")" "$(vb report repo "$run" --summary --format csv)"
    expect_equal "$(cat <&5)" "$old"
    expect_equal "$(stat -L -c %i /proc/self/fd/5)" "$inode"
    exec 5<&-
}

# A working directory stays the directory that it is, whatever is committed beside it.
test_a_working_directory_stays() {
    need_fuse
    make_numbers 2
    mount_at repo mnt
    (
        cd mnt/data/numbers/number/healpix5=1
        inode=$(stat -c %i .)
        (cd "$TEST_DIR" && run_numbers u/x)
        sleep 1
        ls ../../.. ../healpix5=0 >/dev/null
        expect_equal "$(stat -c %i .)" "$inode"
        expect_equal "$(cat number_1.txt)" 1
        case $(pwd -P) in */data/numbers/number/healpix5=1) ;; *) fail "moved to $(pwd -P)" ;; esac
    )
}

# ---- large ones -------------------------------------------------------------------------------------------------------

# More names than a mount keeps: who is in one of its directories stays where he is.
test_a_long_walk_moves_nobody() {
    need_fuse
    make_numbers 2
    # 36,564 datasets, each in a directory of its own: 73,128 nodes.
    python3 - <<'PY'
with open("many.csv", "w") as out:
    out.write("path,healpix5\n")
    for i in range(100, 12288):
        out.write("files/1.txt,%d\n" % i)
PY
    for run in 1 2 3; do
        vb ingest-files repo number many$run many.csv --transfer direct
    done
    mkdir mnt
    "$VBUTLER" mount --foreground repo mnt &
    server=$!
    until [ -e mnt/data ]; do
        kill -0 $server || fail "the mount has ended"
        sleep 0.1
    done
    (
        cd mnt/data/numbers/number/healpix5=1
        inode=$(stat -c %i .)
        for run in 1 2 3; do
            expect_equal "$(find ../../../many$run -type f | wc -l)" 12188
            find ../../../many$run -type f -printf '%s\n' | sort -u >"$TEST_DIR/sizes"
            expect_equal "$(cat "$TEST_DIR/sizes")" 2
        done
        sleep 0.5
        expect_equal "$(stat -c %i .)" "$inode"
        expect_equal "$(cat number_1.txt)" 1
        case $(pwd -P) in */data/numbers/number/healpix5=1) ;; *) fail "moved to $(pwd -P)" ;; esac
    )
    memory=$(sed -n 's/^VmRSS: *\([0-9]*\) kB/\1/p' /proc/$server/status)
    echo "resident: $memory kB"
    vb umount mnt
    wait $server
}

run_tests "$@"
