# Composites in parts: datasets that are in several files, one a component, from their ingest to a Gen3 repository.
. "$(dirname "$0")/lib.sh"

# A repository `repo` with dataset type `exp` (healpix5, storage class Exposure): pixel 1 in three files, 2 in two, 3 whole;
# RUN `parts`.
make_parts() {
    mkdir -p files
    vb create repo
    vb register-dataset-type repo exp Exposure healpix5
    for file in image-1 mask-1 wcs-1 image-2 mask-2 whole-3; do
        echo "$file" >"files/$file.fits"
    done
    cat >parts.csv <<'CSV'
path,component,healpix5
files/image-1.fits,image,1
files/mask-1.fits,mask,1
files/wcs-1.fits,wcs,1
files/image-2.fits,image,2
files/whole-3.fits,,3
files/mask-2.fits,mask,2
CSV
    vb ingest-files repo exp parts parts.csv "$@"
}

uuid_of() {
    registry "$1" "SELECT lower(substr(hex(uuid),1,8)||'-'||substr(hex(uuid),9,4)||'-'||substr(hex(uuid),13,4)||'-'||
        substr(hex(uuid),17,4)||'-'||substr(hex(uuid),21)) FROM dataset WHERE dataid = '[$2]' AND state = 0 LIMIT 1"
}

test_rows_of_a_data_id_are_one_dataset() {
    make_parts >out
    grep -q 'ingested 6 files as 2 datasets in parts of exp' out || fail "$(cat out)"
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 3
    expect_equal "$(registry repo 'SELECT count(*) FROM location')" 1
    expect_equal "$(registry repo "SELECT group_concat(component || number) FROM (SELECT * FROM component WHERE dataset_id =
        (SELECT id FROM dataset WHERE dataid = '[1]') ORDER BY 1, 2)")" image1,mask2,wcs3
    expect_equal "$(registry repo 'SELECT count(*) FROM component WHERE checksum NOT NULL AND mtime NOT NULL')" 5
    expect_equal "$(cat repo/parts/exp.image/exp.image_1.fits)" image-1
    expect_equal "$(cat repo/parts/exp/exp_3.fits)" whole-3
    check_store repo
}

test_transfer_modes() {
    mkdir files
    for mode in copy move hardlink symlink relsymlink link direct auto; do
        rm -rf repo files
        make_parts --transfer $mode >out
        expect_equal "$(registry repo 'SELECT count(*) FROM component')" 5 $mode
        mount_at repo mnt
        expect_equal "$(cat mnt/data/parts/exp/healpix5=1/exp.mask_1.fits)" mask-1 $mode
        vb umount mnt
        if [ $mode = move ]; then
            [ ! -e files/mask-1.fits ] || fail "move left the file"
        else
            expect_equal "$(cat files/mask-1.fits)" mask-1 $mode
        fi
        vb fsck repo >out || fail "$mode: $(cat out)"
        vb prune-datasets repo parts --purge parts --no-confirm >out
        [ $mode = move ] || expect_equal "$(cat files/mask-1.fits)" mask-1 $mode
        expect_equal "$(find repo/parts \( -type f -o -type l \) 2>/dev/null | wc -l)" 0 $mode
    done
}

test_mistakes_in_a_table() {
    make_parts >out
    expect_failure "storage class Exposure has no component 'imgae'" refuse_row image-1.fits,imgae,9
    grep -q "did you mean 'image'" failure.err
    expect_failure "bad.csv:3: component 'image' of .healpix5: 9. is in line 2 too" refuse_row image-1.fits,image,9 image-2.fits,image,9
    expect_failure 'is whole in line 2' refuse_row image-1.fits,,9 image-2.fits,image,9
    expect_failure 'is in parts since line 2, and whole here' refuse_row image-1.fits,image,9 image-2.fits,,9
    expect_failure 'is in line 2 too' refuse_row image-1.fits,,9 image-2.fits,,9
    expect_failure 'is derived' refuse_row image-1.fits,bbox,9
    expect_failure 'is in parts already' refuse_row image-1.fits,variance,1
    expect_failure "'exp.image' is a component of dataset type 'exp'" vb ingest-files repo exp.image parts parts.csv
    grep -q "column 'component'" failure.err
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 3
    vb ingest-files repo exp parts parts.csv --skip-existing >out
    grep -q '3 were there already' out
    expect_failure "no dataset type 'exp.image'" vb prune-datasets repo parts --datasets exp.image --unstore --no-confirm
    grep -q "name their type, 'exp'" failure.err
    { echo component,path,healpix5; echo image,files/image-1.fits,5; } >first.csv
    vb ingest-files repo exp more first.csv >out
    vb remove-runs repo more --no-confirm >out
    vb register-dataset-type repo text Text healpix5
    printf 'path,component,healpix5\nfiles/image-1.fits,image,1\n' >text.csv
    expect_failure "storage class Text has no component 'image'" vb ingest-files repo text parts text.csv
    grep -q 'storageClasses of vbutler.yaml' failure.err
    check_store repo
}

refuse_row() {
    { echo path,component,healpix5; for row; do echo "files/$row"; done; } >bad.csv
    vb ingest-files repo exp parts bad.csv
}

# A storage class of one's own, which inherits from one of Rubin's.
test_storage_classes_of_ones_own() {
    vb create repo
    cat >>repo/vbutler.yaml <<'YAML'
storageClasses:
  Pair: {components: {left: Text, right: Text}, derivedComponents: {sum: int}}
  Triple: {inheritsFrom: Pair, components: {middle: Text}}
YAML
    mkdir files
    for part in left middle right; do echo $part >files/$part.txt; done
    vb register-dataset-type repo three Triple healpix5
    { echo path,component,healpix5; for part in left middle right; do echo files/$part.txt,$part,7; done; } >t.csv
    vb ingest-files repo three run t.csv >out
    expect_equal "$(registry repo 'SELECT group_concat(storage_class) FROM component')" Text,Text,Text
    vb export-gen3 repo theirs --transfer copy >out
    python3 - <<'PY'
import yaml
classes = yaml.safe_load(open("theirs/butler.yaml"))["storageClasses"]
assert classes["Triple"]["components"] == {"left": "Text", "middle": "Text", "right": "Text"}, classes
assert classes["Triple"]["derivedComponents"] == {"sum": "int"} and "Text" in classes
PY
    # What the butler.yaml of an imported repository says is known too.
    vb create repo2
    vb import-gen3 repo2 theirs --transfer copy >out
    sed -i 's/7$/8/' t.csv
    vb ingest-files repo2 three run t.csv >out
    expect_equal "$(registry repo2 'SELECT count(*) FROM component')" 6
    # A snapshot takes it along.
    vb snapshot repo -o s.vbs --collections run >out
    sqlite3 -readonly s.vbs "SELECT value FROM meta WHERE key = 'storage_classes'" | grep -q '"Triple"' || fail "not noted"
    printf 'storageClasses:\n  Bad: {components: {"a b": Text}}\n' | sed 's/^storageClasses:$//' >>repo/vbutler.yaml
    expect_failure "vbutler.yaml:.*'a b' cannot name a component" vb query-collections repo
}

test_query_shows_a_row_a_component() {
    make_parts >out
    vb query-datasets repo exp --show-uri >table
    expect_equal "$(grep -c '^ *exp ' table)" 1
    expect_equal "$(grep -c '^ *exp.image ' table)" 2
    expect_equal "$(grep -c '^ *exp.mask ' table)" 2
    expect_equal "$(grep -c '^ *exp.wcs ' table)" 1
    grep '^ *exp.wcs ' table | grep -q "file://$TEST_DIR/repo/parts/exp.wcs/exp.wcs_1.fits" || fail "$(cat table)"
    grep '^ *exp.wcs ' table | grep -q "$(uuid_of repo 1)" || fail "$(cat table)"
    vb query-datasets repo exp >table
    expect_equal "$(grep -c '^ *exp ' table)" 3
    expect_equal "$(vb query-datasets repo exp --show-uri --limit 3 | grep -c '^ *exp')" 3
    expect_equal "$(vb query-datasets repo exp --show-uri --where 'healpix5 = 2' | grep -c '^ *exp')" 2
    expect_failure 'offset goes with one table' vb query-datasets repo exp --show-uri --offset 1
    expect_failure "'exp.image' is a component of dataset type 'exp': components cannot be queried" vb query-datasets repo exp.image
    grep -q "query 'exp'" failure.err
}

test_mounts_show_each_component() {
    need_fuse
    make_parts >out
    vb snapshot repo -o s.vbs --collections parts >out
    for what in repo s.vbs; do
        mount_at $what mnt
        expect_equal "$(ls mnt/data/parts)" exp
        expect_equal "$(ls mnt/data/parts/exp/healpix5=1 | xargs)" 'exp.image_1.fits exp.mask_1.fits exp.wcs_1.fits'
        expect_equal "$(ls mnt/data/parts/exp/healpix5=3)" exp_3.fits
        expect_equal "$(cat mnt/data/parts/exp.mask/healpix5=2/exp.mask_2.fits)" mask-2
        expect_equal "$(ls mnt/data/parts/exp.mask/healpix5=1)" exp.mask_1.fits
        [ ! -e mnt/data/parts/exp.psf ] || fail "no dataset has a file for its psf"
        [ ! -e mnt/data/parts/exp.mask/healpix5=1/exp.image_1.fits ] || fail "another component was shown"
        id=$(uuid_of repo 1)
        expect_equal "$(ls "mnt/by-id/$id" | xargs)" 'consumers dataset.json exp.image_1.fits exp.mask_1.fits exp.wcs_1.fits'
        python3 - "mnt/by-id/$id/dataset.json" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["state"] == "present" and "path" not in d
assert sorted(d["components"]) == ["image", "mask", "wcs"]
assert d["components"]["wcs"]["storage_class"] == "Wcs" and d["components"]["wcs"]["size"] == 6
assert d["components"]["image"]["checksum"].startswith("xxh3-128:")
PY
        # One inode wherever it is shown, and one for each component.
        a=$(stat -c %i mnt/data/parts/exp/healpix5=1/exp.image_1.fits)
        expect_equal "$(stat -c %i "mnt/by-id/$id/exp.image_1.fits")" "$a"
        expect_equal "$(stat -c %i mnt/data/parts/exp.image/healpix5=1/exp.image_1.fits)" "$a"
        expect_equal "$(find mnt/data -type f -exec stat -c %i '{}' ';' | sort -u | wc -l)" 6
        python3 - mnt/data/parts/exp/healpix5=1/exp.image_1.fits "$id" <<'PY'
import os, sys
get = lambda name: os.getxattr(sys.argv[1], "user.butler." + name).decode()
assert get("component") == "image" and get("type") == "exp" and get("id") == sys.argv[2]
assert get("checksum").startswith("xxh3-128:")
PY
        vb umount mnt
    done
    # What was changed since is not shown as if it was the same.
    chmod u+w repo/parts/exp.mask/exp.mask_1.fits
    echo MASK-1 >repo/parts/exp.mask/exp.mask_1.fits
    mount_at repo mnt
    ! cat mnt/data/parts/exp/healpix5=1/exp.mask_1.fits 2>err || fail "changed bytes were read"
    grep -q 'Input/output error' err
    expect_equal "$(cat mnt/data/parts/exp/healpix5=1/exp.image_1.fits)" image-1
    vb umount mnt
}

write_pipeline() {
    cat >p.yaml <<YAML
description: Reads parts.
tasks:
  read:
    dimensions: [healpix5]
    inputs:
      $1
    outputs:
      text: {type: text, dimensions: [healpix5], storageClass: Text, extension: .txt}
    command: [sh, -c, '$2', sh, "{out.text}", "{in.exp}"]
YAML
}

run_parts() {
    vb run -b repo -p p.yaml -i parts -o "$@" --no-progress >run.out 2>&1
}

output_of() {
    cat "repo/$(registry repo "SELECT path FROM location l JOIN dataset d ON d.id = l.dataset_id JOIN dataset_type t ON
        t.id = d.type_id WHERE t.name = 'text' AND dataid = '[$1]'")"
}

# The part where there are parts, else the whole file.
test_a_job_gets_the_part_it_asks_for() {
    make_parts >out
    write_pipeline 'exp: {type: exp, component: image}' 'out=$1; shift; (echo $#; basename "$1"; cat "$1") >"$out"'
    run_parts u/a || fail "$(cat run.out)"
    expect_equal "$(output_of 1 | xargs)" '1 exp.image_1.fits image-1'
    expect_equal "$(output_of 3 | xargs)" '1 exp_3.fits whole-3'
    # Provenance speaks of the dataset.
    expect_equal "$(registry repo "SELECT count(*) FROM quantum_input i JOIN dataset d ON d.id = i.dataset_id
        JOIN dataset_type t ON t.id = d.type_id WHERE t.name = 'exp' AND touch & 16")" 3
    expect_equal "$(registry repo "SELECT component FROM connection WHERE name = 'exp'")" image
    # 'type: exp.mask' says the same; without FUSE too.
    write_pipeline 'exp: {type: exp.mask}' 'out=$1; shift; cat "$@" >"$out"'
    vb run -b repo -p p.yaml -i parts -o u/b --no-progress --data-query 'healpix5 = 2' >run.out 2>&1 || fail "$(cat run.out)"
    expect_equal "$(cat "repo/$(registry repo "SELECT path FROM location WHERE path LIKE 'u/b/%/text_2.txt'")")" mask-2
}

# Without a component all files of the dataset are there.
test_a_job_gets_all_parts() {
    make_parts >out
    write_pipeline 'exp: {type: exp}' 'out=$1; shift; (echo $#; cat "$@") >"$out"'
    run_parts u/a || fail "$(cat run.out)"
    expect_equal "$(output_of 1 | xargs)" '3 image-1 mask-1 wcs-1'
    expect_equal "$(output_of 2 | xargs)" '2 image-2 mask-2'
    expect_equal "$(output_of 3 | xargs)" '1 whole-3'
    write_pipeline 'exp: {type: exp}' 'cat "in/exp/exp.mask_$(ls in/exp | sed -n "s/exp.mask_//p")" >"$1"'
    vb exec -b repo -i parts -o u/e -- sh -c 'cat in/exp/exp.wcs_1.fits in/exp.mask/*.fits in/exp/exp_3.fits >/dev/null; ls in/exp.mask >out.txt' >run.out 2>&1 || fail "$(cat run.out)"
}

# Without FUSE parts are copied under the same names.
test_plain_jobs_get_parts() {
    need_fuse
    [ "$(id -u)" = 0 ] || skip "needs root to hide /dev/fuse"
    make_parts >out
    write_pipeline 'exp: {type: exp}' 'out=$1; shift; (basename -a "$@"; cat "$@") >"$out"'
    unshare --mount sh -ec '
        mkdir dev
        mount -t tmpfs none dev
        for node in null zero urandom random tty full; do touch dev/$node; mount --bind /dev/$node dev/$node; done
        ln -s /proc/self/fd dev/fd
        mkdir dev/shm
        mount --move dev /dev
        "$VBUTLER" run -b repo -p p.yaml -i parts -o u/a --no-progress' >run.out 2>&1 || fail "$(cat run.out)"
    expect_equal "$(output_of 2 | xargs)" 'exp.image_2.fits exp.mask_2.fits image-2 mask-2'
    registry repo 'SELECT DISTINCT capture FROM attempt' | grep -q partial || fail "it was not plain"
}

test_components_of_a_pipeline_are_checked() {
    make_parts >out
    write_pipeline 'exp: {type: exp, component: imgae}' 'true'
    expect_failure "p.yaml:6.*dataset type 'exp': storage class Exposure has no component 'imgae'" \
        vb qgraph -b repo -p p.yaml -i parts -o u/a --save-qgraph g.vbg
    grep -q "did you mean 'image'" failure.err
    write_pipeline 'exp: {type: exp.image, component: mask}' 'true'
    expect_failure "wants component 'mask' of 'exp.image'" vb qgraph -b repo -p p.yaml -i parts -o u/a --save-qgraph g.vbg
    write_pipeline 'exp: {type: exp, component: [image]}' 'true'
    expect_failure 'component must be the name of one' vb qgraph -b repo -p p.yaml -i parts -o u/a --save-qgraph g.vbg
    write_pipeline 'exp: {type: exp}' 'true'
    sed -i 's/text: {type: text,/text: {type: text, component: image,/' p.yaml
    expect_failure "output 'text' of task 'read' is a component" vb qgraph -b repo -p p.yaml -i parts -o u/a --save-qgraph g.vbg
    # A part that the dataset does not have.
    write_pipeline 'exp: {type: exp, component: wcs}' 'cat "$2" >"$1"'
    run_parts u/b && fail "a part that is not there was read"
    grep -q "has no file of its component 'wcs': it has those of image, mask" run.out || fail "$(cat run.out)"
}

test_prune_takes_all_files() {
    make_parts >out
    vb prune-datasets repo parts --unstore --where 'healpix5 = 1' --no-confirm >out
    expect_equal "$(find repo/parts -type f -name '*_1.fits' | wc -l)" 0
    expect_equal "$(registry repo 'SELECT count(*) FROM component')" 2
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 3
    expect_equal "$(registry repo 'SELECT count(*) FROM trash')" 0
    mount_at repo mnt
    expect_equal "$(ls mnt/data/parts/exp/healpix5=1)" ''
    grep -q '"state": "absent"' "mnt/by-id/$(uuid_of repo 1)/dataset.json"
    vb umount mnt
    vb fsck repo >out || fail "$(cat out)"
    vb remove-runs repo parts --no-confirm --force >out
    expect_equal "$(registry repo 'SELECT count(*) FROM component')" 0
    expect_equal "$(find repo/parts -type f 2>/dev/null | wc -l)" 0
}

test_fsck_knows_components() {
    make_parts >out
    vb fsck repo --checksum >out || fail "$(cat out)"
    rm repo/parts/exp.mask/exp.mask_1.fits
    chmod u+w repo/parts/exp.wcs/exp.wcs_1.fits repo/parts/exp.image/exp.image_2.fits
    echo longer than it was >repo/parts/exp.wcs/exp.wcs_1.fits
    mtime=$(stat -c %y repo/parts/exp.image/exp.image_2.fits)
    echo IMAGE-2 >repo/parts/exp.image/exp.image_2.fits
    touch -d "$mtime" repo/parts/exp.image/exp.image_2.fits
    echo mine >repo/parts/exp.mask/stranger.fits
    vb fsck repo --checksum >out 2>&1 && fail "nothing was found"
    grep -q 'missing.*exp.mask/exp.mask_1.fits' out || fail "$(cat out)"
    grep -q 'size.*exp.wcs/exp.wcs_1.fits' out || fail "$(cat out)"
    grep -q 'checksum.*exp.image/exp.image_2.fits' out || fail "$(cat out)"
    grep -q 'orphaned.*exp.mask/stranger.fits' out || fail "$(cat out)"
    vb fsck repo --repair --no-confirm >out 2>&1 || true
    expect_equal "$(registry repo "SELECT group_concat(component) FROM component WHERE dataset_id =
        (SELECT id FROM dataset WHERE dataid = '[1]')")" image,wcs
    [ ! -e repo/parts/exp.mask/stranger.fits ] || fail "the stranger stayed"
    # Rows that an outside hand has broken.
    sqlite3 repo/registry.sqlite3 "DELETE FROM component_summary; INSERT INTO component SELECT 999, component, number, store_id,
        'parts/x/' || component, size, NULL, NULL, NULL, storage_class FROM component WHERE number = 1 LIMIT 1"
    vb fsck repo >out 2>&1 && fail "nothing was found"
    grep -q 'a component of dataset 999, which is not there' out || fail "$(cat out)"
    grep -q 'not known to have files of component' out || fail "$(cat out)"
    vb fsck repo --repair --no-confirm >out 2>&1 || true
    expect_equal "$(registry repo 'SELECT count(*) FROM component WHERE dataset_id = 999')" 0
    expect_equal "$(registry repo 'SELECT count(*) FROM component_summary')" 3
}

# A copy that was touched has the same bytes: --repair notes its time, of a component too.
test_fsck_repairs_times() {
    make_parts >out
    touch repo/parts/exp.mask/exp.mask_1.fits
    vb fsck repo --checksum --repair --no-confirm >out 2>&1 || true
    vb fsck repo --checksum >out 2>&1 || fail "$(cat out)"
    mount_at repo mnt
    expect_equal "$(cat mnt/data/parts/exp/healpix5=1/exp.mask_1.fits)" mask-1
    vb umount mnt
}

test_backup_has_components() {
    make_parts >out
    vb backup repo -o b.sqlite3 >out
    expect_equal "$(sqlite3 -readonly b.sqlite3 'SELECT count(*) FROM component')" 5
}

# The format of exports has a file a record.
test_exports_name_what_they_cannot_say() {
    make_parts >out
    expect_failure '2 datasets are in several files, one a component.*the first is exp \{healpix5: 1\}' vb export repo out.d
    grep -q 'export-gen3' failure.err
    [ ! -e out.d/export.yaml ] || fail "something was written"
    vb export repo out.d --where 'healpix5 = 3' >out
    grep -q 'exported 1 dataset' out
}

test_gen3_round_trip() {
    make_parts >out
    for mode in copy hardlink symlink direct; do
        vb export-gen3 repo theirs-$mode --transfer $mode >out
        expect_equal "$(sqlite3 -readonly theirs-$mode/gen3.sqlite3 "SELECT group_concat(component) FROM (SELECT component FROM
            file_datastore_records ORDER BY 1)")" __NULL_STRING__,image,image,mask,mask,wcs
        expect_equal "$(sqlite3 -readonly theirs-$mode/gen3.sqlite3 "SELECT formatter || storage_class FROM file_datastore_records
            WHERE component = 'wcs'")" lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatterWcs
        vb create repo-$mode
        vb import-gen3 repo-$mode theirs-$mode >out
        expect_equal "$(registry repo-$mode 'SELECT count(*) FROM component')" 5
        expect_equal "$(registry repo-$mode 'SELECT count(*) FROM component WHERE mtime NOT NULL')" 5
        for what in repo-$mode theirs-$mode; do
            mount_at $what mnt
            expect_equal "$(ls mnt/data/parts/exp/healpix5=1 | xargs)" 'exp.image_1.fits exp.mask_1.fits exp.wcs_1.fits' $what
            expect_equal "$(cat mnt/data/parts/exp.wcs/healpix5=1/*)" wcs-1 $what
            vb umount mnt
        done
        vb query-datasets repo-$mode exp --show-uri --where 'healpix5 = 2' | grep -q '^ *exp.mask ' || fail "not queried"
        vb import-gen3 repo-$mode theirs-$mode >out
        grep -q '3 datasets were there already' out
        vb export-gen3 repo-$mode again-$mode --transfer $mode >out
        sqlite3 -readonly theirs-$mode/gen3.sqlite3 'SELECT * FROM file_datastore_records' | sort >theirs.rows
        sqlite3 -readonly again-$mode/gen3.sqlite3 'SELECT * FROM file_datastore_records' | sort >again.rows
        [ $mode = direct ] || cmp theirs.rows again.rows || fail "not the same again"
    done
    # A part of it, and a job on it.
    vb export-gen3 repo some --where 'healpix5 = 1' >out
    expect_equal "$(sqlite3 -readonly some/gen3.sqlite3 'SELECT count(*) FROM file_datastore_records')" 3
    rm -rf repo
    mv repo-copy repo
    write_pipeline 'exp: {type: exp, component: mask}' 'cat "$2" >"$1"'
    vb run -b repo -p p.yaml -i parts -o u/a --no-progress --data-query 'healpix5 = 2' >run.out 2>&1 || fail "$(cat run.out)"
    expect_equal "$(output_of 2)" mask-2
}

# Bug: components that were registered by URL had one name when they were brought in, and an import failed.
test_import_brings_in_components_by_url() {
    make_parts >out
    vb export-gen3 repo theirs --transfer direct >out
    vb create repo2
    vb import-gen3 repo2 theirs --transfer copy >out
    expect_equal "$(cat repo2/parts/exp.mask/exp.mask_2.fits)" mask-2
    check_store repo2
}

# A registry of version 2 had these files in datastore_record.
test_older_registries_are_brought_up() {
    make_parts >out
    sqlite3 repo/registry.sqlite3 "
        CREATE TABLE old (dataset_id INTEGER NOT NULL, component TEXT NOT NULL, store_id INTEGER NOT NULL, path TEXT NOT NULL,
            size INTEGER NOT NULL, checksum TEXT, formatter TEXT, storage_class TEXT, PRIMARY KEY (dataset_id, component))
            STRICT, WITHOUT ROWID;
        INSERT INTO old SELECT dataset_id, component, store_id, path, size, 'theirs', formatter, storage_class FROM component;
        INSERT INTO old SELECT dataset_id, '', store_id, path, size, NULL, NULL, 'Other' FROM location;
        DROP TABLE datastore_record; ALTER TABLE old RENAME TO datastore_record; DROP TABLE component; DROP TABLE component_summary;
        ALTER TABLE connection DROP COLUMN component; PRAGMA user_version = 2;
        UPDATE meta SET value = 2 WHERE key = 'schema_version'"
    drop_new_indices repo
    expect_failure 'vbutler migrate' vb query-collections repo
    vb migrate repo >out
    expect_equal "$(registry repo 'SELECT count(*) FROM component')" 5
    expect_equal "$(registry repo "SELECT count(*) FROM datastore_record WHERE checksum = 'theirs' AND component != ''")" 5
    expect_equal "$(registry repo "SELECT storage_class FROM datastore_record WHERE component = ''")" Other
    mount_at repo mnt
    expect_equal "$(cat mnt/data/parts/exp.wcs/healpix5=1/exp.wcs_1.fits)" wcs-1
    vb umount mnt
    vb fsck repo >out || fail "$(cat out)"
    vb export-gen3 repo theirs >out
    expect_equal "$(sqlite3 -readonly theirs/gen3.sqlite3 "SELECT count(*) FROM file_datastore_records WHERE checksum = 'theirs'")" 5
}

run_tests "$@"
