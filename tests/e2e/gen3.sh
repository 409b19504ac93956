#!/bin/sh
# gen3.sh - Gen3 repositories of Rubin's: imported, mounted, exported; and damaged ones.
. "$(dirname "$0")/lib.sh"

SMALL=$VB_SHARED/data/gen3/repo-small

need_small() {
    [ -f "$SMALL/gen3.sqlite3" ] || skip "there is no $SMALL"
}

import_small() {
    need_small
    vb create repo
    vb import-gen3 repo "$SMALL" "$@"
}

# What a directory has: names, sizes, times.
listing() {
    find "$1" -printf '%P %s %T@ %C@\n' | sort
}

# A copy of the small repository whose registry may be changed.
copy_small() {
    need_small
    cp -r "$SMALL" theirs
    chmod -R u+w theirs
}

# All rows; not the numbers that a record which was there already has used up.
dump() {
    sqlite3 -readonly repo/registry.sqlite3 .dump | grep -v sqlite_sequence
}

change() {
    sqlite3 theirs/gen3.sqlite3 "$1"
}

test_import_has_what_rubin_says() {
    import_small
    python3 - "$VB_SHARED/data/golden/small.json" "$SMALL" <<'PY'
import json, os, sqlite3, sys, uuid
golden, root = json.load(open(sys.argv[1])), os.path.realpath(sys.argv[2])
db = sqlite3.connect("file:repo/registry.sqlite3?mode=ro", uri=True)
ours = {}
for id, type, run, dataid, dims, path in db.execute(
        "SELECT d.uuid, t.name, c.name, d.dataid, g.dimensions, l.path FROM dataset d JOIN dataset_type t ON t.id = d.type_id"
        " JOIN collection c ON c.id = d.run_id JOIN dataid_group g ON g.id = t.group_id JOIN location l ON l.dataset_id = d.id"):
    ours[str(uuid.UUID(bytes=id))] = (type, run, dict(zip(dims.split(","), json.loads(dataid))), path)
theirs = {d["id"]: (d["type"], d["run"], d["data_id"], d["uri"].replace("<butlerRoot>", root)) for d in golden["datasets"]}
assert len(theirs) == 492
for id, what in theirs.items():
    assert ours[id] == what, (id, ours[id], what)
assert len(ours) == len(theirs)
PY
    expect_equal "$(registry repo "SELECT count(*) FROM association")" 85
    expect_equal "$(registry repo "SELECT group_concat(c.name, ' ') FROM collection_chain k JOIN collection c ON c.id = k.child_id
        JOIN collection p ON p.id = k.parent_id WHERE p.name = 'u/test/chain' ORDER BY k.position")" \
        'u/test/run2 u/test/run1 HSC/defaults'
    expect_equal "$(registry repo 'SELECT count(*) FROM dimension_visit_detector_region')" 1120
}

# Pixels that Rubin recorded for its regions are those that are computed here.
test_overlaps_are_rubins() {
    import_small
    for element in tract:skymap,tract patch:skymap,tract,patch visit:instrument,visit \
        visit_detector_region:instrument,detector,visit; do
        keys=${element#*:} element=${element%%:*}
        sqlite3 -readonly "$SMALL/gen3.sqlite3" \
            "SELECT $keys, skypix_index FROM ${element}_skypix_overlap ORDER BY $keys, skypix_index" >theirs
        registry repo "SELECT $keys, pixel FROM overlap_$element JOIN dimension_$element ON _id = record_id
            ORDER BY $keys, pixel" >ours
        cmp theirs ours || fail "$element"
    done
}

test_import_again_changes_nothing() {
    import_small
    dump >before
    vb import-gen3 repo "$SMALL" >out
    grep -q '492 datasets were there already' out
    dump >after
    cmp before after
}

test_import_copies() {
    import_small --transfer copy
    (cd "$SMALL" && find . -name '*.yaml' ! -name butler.yaml | sort | xargs sha256sum) >theirs
    (cd repo && find . -name '*.yaml' ! -name vbutler.yaml | sort | xargs sha256sum) >ours
    cmp theirs ours
    check_store repo
}

# A name that is the repository's own is not kept.
test_names_of_files_that_cannot_be_kept() {
    copy_small
    from=$(sqlite3 theirs/gen3.sqlite3 "SELECT path FROM file_datastore_records WHERE path GLOB 'HSC/calib/*bias*' LIMIT 1")
    change "UPDATE file_datastore_records SET path = 'registry.sqlite3-journal/a.yaml' WHERE path = '$from'"
    mkdir theirs/registry.sqlite3-journal
    mv "theirs/$from" theirs/registry.sqlite3-journal/a.yaml
    vb create repo
    vb import-gen3 repo theirs --transfer copy
    vb fsck repo --checksum
    check_store repo
}

test_import_of_collections() {
    import_small --collections u/test/best
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 12
    expect_equal "$(registry repo "SELECT group_concat(name) FROM (SELECT name FROM collection ORDER BY name)")" \
        u/test/best,u/test/run1
    expect_equal "$(registry repo 'SELECT group_concat(name) FROM dataset_type')" calexp
    vb import-gen3 repo "$SMALL" --collections HSC/defaults,skymaps
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 206
    expect_failure "no collection 'u/test/bets'" vb import-gen3 repo "$SMALL" --collections u/test/bets
    grep -q "did you mean 'u/test/best'" failure.err
}

test_import_where() {
    mkdir temporary
    TMPDIR=$PWD/temporary import_small --collections u/test/run1 --where "instrument = 'HSC' AND visit = 900002"
    rmdir temporary || fail "something was left"
    expect_equal "$(registry repo "SELECT count(*) FROM dataset d JOIN dataset_type t ON t.id = d.type_id WHERE t.name = 'calexp'
        AND dataid ->> 2 = 900002")" 12
    expect_equal "$(registry repo "SELECT count(*) FROM dataset d JOIN dataset_type t ON t.id = d.type_id WHERE t.name = 'calexp'")" 12
    expect_equal "$(registry repo "SELECT group_concat(name) FROM collection")" u/test/run1
    expect_failure 'nonsense' vb import-gen3 repo "$SMALL" --where 'nonsense = 3'
    need_fuse
    vb mount "$SMALL" mnt --where "instrument = 'HSC' AND visit = 900002 AND detector = 41"
    expect_equal "$(find mnt/data/u/test/run1/src -type f | wc -l)" 1
    vb umount mnt
}

test_nothing_is_written_beside_it() {
    copy_small
    chmod -R a-w theirs
    listing theirs >before
    vb create repo
    vb import-gen3 repo theirs >out
    vb create copied
    vb import-gen3 copied theirs --transfer copy >out
    if [ "$(id -u)" = 0 ]; then
        need_user
        mkdir users
        chmod 777 users
        (cd users && as_user "$VBUTLER" create repo && as_user "$VBUTLER" import-gen3 repo ../theirs)
    fi
    listing theirs >after
    cmp before after
}

# A log that was left behind: what is in it counts, and it stays as it is.
test_a_log_that_was_left() {
    copy_small
    python3 - <<'PY'
import os, shutil, sqlite3
db = sqlite3.connect("theirs/gen3.sqlite3")
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA wal_autocheckpoint = 0")
db.execute("UPDATE collection SET doc = 'from the log' WHERE name = 'u/test/best'")
db.commit()
shutil.copytree("theirs", "left")
os.unlink("left/gen3.sqlite3-shm")
shutil.copytree("left", "cut")  # a log that ends in the middle of a commit
with open("cut/gen3.sqlite3-wal", "r+b") as f:
    f.truncate(os.path.getsize("cut/gen3.sqlite3-wal") - 100)
shutil.copytree("left", "empty")
open("empty/gen3.sqlite3-wal", "w").close()
shutil.copytree("left", "none")
os.unlink("none/gen3.sqlite3-wal")
PY
    for state in left cut empty none; do
        chmod -R a-w $state
        listing $state >before
        mkdir temporary
        vb create repo-$state
        TMPDIR=$PWD/temporary vb import-gen3 repo-$state $state >out
        expect_equal "$(registry repo-$state 'SELECT count(*) FROM dataset')" 492
        rmdir temporary || fail "something was left"
        listing $state >after
        cmp before after
    done
    from_log="SELECT count(*) FROM collection WHERE doc = 'from the log'"
    expect_equal "$(registry repo-left "$from_log")" 1
    expect_equal "$(registry repo-cut "$from_log")" 0
    expect_equal "$(registry repo-none "$from_log")" 0
}

# Somebody commits runs of ten datasets all the time, and checkpoints, so that the log begins anew: an import has all ten of
# a run or none.  Nothing is put beside the file, and the writer is never refused.
test_a_live_writer() {
    copy_small
    cat >writer.py <<'PY'
import os, sqlite3, time, uuid
db = sqlite3.connect("theirs/gen3.sqlite3", timeout=0)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA wal_autocheckpoint = 7")
db.execute("PRAGMA synchronous = OFF")
type, table = db.execute("SELECT id, tag_association_table FROM dataset_type WHERE name = 'calexp'").fetchone()
rows = db.execute("SELECT instrument, detector, visit FROM %s t JOIN collection USING (collection_id)"
                  " WHERE dataset_type_id = ? AND name = 'u/test/run1' LIMIT 10" % table, (type,)).fetchall()
n = 0
while not os.path.exists("stop"):
    n += 1
    time.sleep(0.01)
    with db:
        id = db.execute("INSERT INTO collection (name, type) VALUES (?, 1)", ("live/%06d" % n,)).lastrowid
        db.execute("INSERT INTO run (collection_id) VALUES (?)", (id,))
        for row in rows:
            dataset = uuid.uuid4().hex
            db.execute("INSERT INTO dataset (id, dataset_type_id, ingest_date, run_id) VALUES (?, ?, 0, ?)", (dataset, type, id))
            db.execute("INSERT INTO %s (dataset_type_id, dataset_id, collection_id, instrument, detector, visit)"
                       " VALUES (?, ?, ?, ?, ?, ?)" % table, (type, dataset, id) + row)
    if n == 20:
        open("begun", "w").close()
print(n)
PY
    (timeout 400 python3 writer.py >written 2>writer.err || echo failed >>writer.err) &
    for i in $(seq 100); do [ -e begun ] || sleep 0.1; done
    last=0
    for i in 1 2 3 4 5 6; do
        rm -rf repo
        vb create repo
        vb import-gen3 repo theirs >out
        expect_equal "$(ls theirs | grep -c '^gen3')" 3
        runs=$(registry repo "SELECT count(*) FROM collection WHERE name LIKE 'live/%'")
        expect_equal "$(registry repo "SELECT count(*) FROM dataset")" $((492 + 10 * runs))
        [ "$runs" -gt $last ] || fail "nothing was written meanwhile"
        last=$runs
    done
    touch stop
    wait
    expect_equal "$(cat writer.err)" ''
    [ "$(cat written)" -ge $last ]
}

# Interrupted at any moment, no private file stays behind.
test_what_is_interrupted_leaves_nothing() {
    copy_small
    sqlite3 theirs/gen3.sqlite3 'PRAGMA journal_mode = WAL' >out
    : >theirs/gen3.sqlite3-wal
    vb create repo
    mkdir temporary
    interrupted=0
    for i in $(seq 15); do
        TMPDIR=$PWD/temporary "$VBUTLER" import-gen3 repo theirs --where "instrument = 'HSC' AND visit = 900002" >out 2>&1 &
        pid=$!
        sleep "$(awk -v i="$i" 'BEGIN {print 0.01 * i}')"
        kill -TERM $pid 2>/dev/null || :
        wait $pid || interrupted=$((interrupted + 1))
        [ -z "$(ls temporary)" ] || fail "after $i: $(find temporary)"
    done
    [ $interrupted -gt 0 ] || fail "none was interrupted"
    vb import-gen3 repo theirs --where "instrument = 'HSC' AND visit = 900002"
    vb fsck repo --checksum
}

# Who holds the file for himself is waited for.
test_a_log_that_is_held() {
    copy_small
    cat >holder.py <<'PY'
import sqlite3, time
db = sqlite3.connect("theirs/gen3.sqlite3", isolation_level=None)
db.execute("PRAGMA locking_mode = EXCLUSIVE")
db.execute("PRAGMA journal_mode = WAL")
db.execute("UPDATE collection SET doc = 'held'")
open("begun", "w").close()
time.sleep(3)
PY
    python3 holder.py &
    for i in $(seq 100); do [ -e begun ] || sleep 0.1; done
    vb create repo
    vb import-gen3 repo theirs >out
    wait
    expect_equal "$(registry repo "SELECT count(*) FROM collection WHERE doc = 'held'")" \
        "$(registry repo "SELECT count(*) FROM collection")"
}

test_conflicts_are_named_and_change_nothing() {
    import_small >out
    copy_small
    dump >before
    change "UPDATE detector SET purpose = 'GUIDER' WHERE id = 3"
    expect_failure 'detector \{instrument: HSC, detector: 3\} .*purpose' vb import-gen3 repo theirs
    change "UPDATE detector SET purpose = 'SCIENCE' WHERE id = 3; UPDATE dataset_type SET storage_class = 'Other' WHERE name = 'src'"
    expect_failure "dataset type 'src' .*storage class" vb import-gen3 repo theirs
    change "UPDATE dataset_type SET storage_class = 'StructuredDataDict' WHERE name = 'src';
        UPDATE file_datastore_records SET dataset_id = 'f' || substr(dataset_id, 2) WHERE dataset_id = (SELECT min(id) FROM dataset);
        UPDATE dataset_tags_00000001 SET dataset_id = 'f' || substr(dataset_id, 2) WHERE dataset_id = (SELECT min(id) FROM dataset);
        UPDATE dataset SET id = 'f' || substr(id, 2) WHERE id = (SELECT min(id) FROM dataset)"
    expect_failure "raw \{instrument: HSC, detector: 40, exposure: 900000\}.* has one already" vb import-gen3 repo theirs
    dump >after
    cmp before after
}

test_missing_and_changed_artifacts() {
    copy_small
    rm theirs/u/test/run1/src/20240301/g/HSC-G/900000/src_HSC_g_HSC-G_900000_1_12_u_test_run1.yaml
    vb create repo
    expect_failure 'src \{instrument: HSC, detector: 40, visit: 900000\}: .*src_HSC_g_HSC-G_900000_1_12_u_test_run1.yaml' \
        vb import-gen3 repo theirs --transfer copy
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 0
    [ -z "$(find repo -name '*.yaml' ! -name vbutler.yaml)" ] || fail "files were left"
    cp -r "$SMALL/u" theirs/
    chmod -R u+w theirs
    echo more >>theirs/u/test/run1/src/20240301/g/HSC-G/900000/src_HSC_g_HSC-G_900000_1_12_u_test_run1.yaml
    expect_failure 'has [0-9]+ bytes, and the registry records [0-9]+' vb import-gen3 repo theirs
}

# refused WHAT SQL: after the change an import says so, and leaves the repository empty.
refused() {
    cp "$SMALL/gen3.sqlite3" theirs/gen3.sqlite3
    chmod u+w theirs/gen3.sqlite3
    change "$2"
    expect_failure "$1" vb import-gen3 repo theirs
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')$(registry repo 'SELECT count(*) FROM collection')" 00
}

test_damaged_registries_are_refused() {
    copy_small
    vb create repo
    refused 'no table butler_attributes' 'DROP TABLE butler_attributes'
    refused "version '9.0.0' of the datasets manager" \
        "UPDATE butler_attributes SET value = '9.0.0' WHERE name LIKE 'version:%DatasetRecordStorageManagerUUID'"
    refused "collections manager 'a.b.NameKeyCollectionManager' is not known" \
        "UPDATE butler_attributes SET value = 'a.b.NameKeyCollectionManager' WHERE name = 'config:registry.managers.collections'"
    refused 'config:dimensions.json' "UPDATE butler_attributes SET value = '{' WHERE name = 'config:dimensions.json'"
    refused "the chain '.*' is in itself" \
        "INSERT INTO collection_chain SELECT child, 99, parent FROM collection_chain JOIN collection c ON c.collection_id = child WHERE c.type = 3"
    refused "collection_chain speaks of collection number 77" 'INSERT INTO collection_chain VALUES (9, 99, 77)'
    refused "has type 7, which is none" 'UPDATE collection SET type = 7 WHERE collection_id = 3'
    refused "no table 'dataset_tags_00000099'" \
        "UPDATE dataset_type SET tag_association_table = 'dataset_tags_00000099' WHERE name = 'raw'"
    refused "is not where its datasets could be" \
        "UPDATE dataset_type SET tag_association_table = 'dataset; DROP TABLE x' WHERE name = 'raw'"
    refused "no dimension 'colour'" "UPDATE dimension_graph_definition SET dimension_name = 'colour' WHERE dimension_graph_id = 1 AND dimension_name = 'detector'"
    refused "dataset_tags_00000001.detector is 'x'" "UPDATE dataset_tags_00000001 SET detector = 'x' WHERE detector = 40 AND exposure = 900000"
    refused "dataset_id is 'nonsense', which is not a UUID" \
        "UPDATE dataset SET id = 'nonsense' WHERE id = (SELECT min(id) FROM dataset); UPDATE dataset_tags_00000001 SET dataset_id = 'nonsense' WHERE exposure = 900000 AND detector = 40"
    refused 'visit.region' "UPDATE visit SET region = '!' WHERE id = 900000"
    refused 'visit.region \{instrument: HSC, visit: 900000\}' "UPDATE visit SET region = 'cAAA' WHERE id = 900000"
    refused "exposure.exposure_time is 'long'" "UPDATE exposure SET exposure_time = 'long' WHERE id = 900000"
    refused "in run number 9, which is no RUN" \
        "UPDATE dataset SET run_id = 9 WHERE run_id = 1; UPDATE dataset_tags_00000001 SET collection_id = 9"
}

test_files_that_are_no_registry() {
    copy_small
    vb create repo
    head -c 10000 "$SMALL/gen3.sqlite3" >theirs/gen3.sqlite3
    expect_failure 'damaged|malformed' vb import-gen3 repo theirs
    head -c 100 "$SMALL/gen3.sqlite3" >theirs/gen3.sqlite3
    expect_failure 'gen3.sqlite3' vb import-gen3 repo theirs
    echo nonsense >theirs/gen3.sqlite3
    expect_failure 'not an SQLite file' vb import-gen3 repo theirs
    : >theirs/gen3.sqlite3
    expect_failure 'no table butler_attributes' vb import-gen3 repo theirs
    rm theirs/gen3.sqlite3
    expect_failure 'gen3.sqlite3: No such file' vb import-gen3 repo theirs
    rm theirs/butler.yaml
    expect_failure 'is no Gen3 repository' vb import-gen3 repo theirs
}

test_configurations() {
    copy_small
    vb create repo
    sed -i 's/FileDatastore$/SasquatchDatastore/' theirs/butler.yaml
    expect_failure 'class SasquatchDatastore are not known' vb import-gen3 repo theirs
    sed -i 's/SasquatchDatastore$/FileDatastore/; s,sqlite:///,mysql://,' theirs/butler.yaml
    expect_failure "neither sqlite:///PATH nor postgresql" vb import-gen3 repo theirs
    # Two datastores: the first that has a dataset counts.
    mkdir moved
    mv theirs/HSC moved/
    cat >theirs/butler.yaml <<'YAML'
includeConfigs: more.yaml
datastore:
  cls: lsst.daf.butler.datastores.chainedDatastore.ChainedDatastore
  datastores:
    - cls: lsst.daf.butler.datastores.inMemoryDatastore.InMemoryDatastore
    - datastore: {cls: a.FileDatastore, root: <butlerRoot>/../moved, records: {table: moved_records}}
    - {root: <butlerRoot>, records: {table: file_datastore_records}}
YAML
    printf 'registry:\n  db: sqlite:///<butlerRoot>/gen3.sqlite3\n' >theirs/more.yaml
    change "CREATE TABLE moved_records AS SELECT * FROM file_datastore_records WHERE path LIKE 'HSC/%';
        DELETE FROM file_datastore_records WHERE path LIKE 'HSC/%'"
    vb import-gen3 repo theirs
    expect_equal "$(registry repo "SELECT count(*) FROM location WHERE path LIKE '$PWD/moved/HSC/%'")" 193
    expect_equal "$(registry repo "SELECT count(*) FROM location")" 492
}

# What butler.yaml includes is merged with it key by key: it has the last word, then the file that is included last.
test_included_configurations_are_merged() {
    copy_small
    cat >theirs/butler.yaml <<'YAML'
includeConfigs: [first.yaml, second.yaml]
storageClasses:
  Mine: {pytype: mine.Mine, parameters: [a]}
datastore:
  cls: lsst.daf.butler.datastores.fileDatastore.FileDatastore
  templates: {calexp: "{run:/}/mine/{visit}/{detector}"}
YAML
    cat >theirs/first.yaml <<'YAML'
registry: {db: "sqlite:///<butlerRoot>/nowhere.sqlite3"}
storageClasses:
  Mine: {pytype: first.Mine, inheritsFrom: StructuredDataDict}
  Firsts: {pytype: first.First}
datastore: {root: <butlerRoot>/nowhere, records: {table: file_datastore_records}}
YAML
    mkdir theirs/conf
    cat >theirs/second.yaml <<'YAML'
includeConfigs: conf/third.yaml
registry: {db: "sqlite:///<butlerRoot>/gen3.sqlite3"}
datastore: {root: <butlerRoot>, formatters: {Mine: second.Formatter}}
YAML
    echo 'datastore: {templates: {calexp: "{run:/}/third/{visit}", src: "{run:/}/third/{visit}/{detector}"}}' >theirs/conf/third.yaml
    vb create repo
    vb import-gen3 repo theirs
    expect_equal "$(registry repo 'SELECT count(*) FROM location')" 492
    vb export-gen3 repo ours --transfer copy >out
    python3 - <<'PY'
import yaml
c = yaml.safe_load(open("ours/butler.yaml"))
assert c["storageClasses"] == {"Mine": {"pytype": "mine.Mine", "parameters": ["a"], "inheritsFrom": "StructuredDataDict"},
                               "Firsts": {"pytype": "first.First"}}, c["storageClasses"]
assert c["datastore"]["formatters"] == {"Mine": "second.Formatter"}
assert set(c["datastore"]["templates"]) == {"calexp", "src"}
PY
    expect_equal "$(find ours/u/test/run1/mine -type f | wc -l)" 120
    expect_equal "$(find ours/u/test/run1/third -type f | wc -l)" 120
    need_fuse
    mount_at theirs mnt
    (cd mnt/data/u/test/run1 && find . -type f | xargs sha256sum | cut -d' ' -f1 | sort) >shown
    (cd theirs/u/test/run1 && find . -type f | xargs sha256sum | cut -d' ' -f1 | sort | cmp - ../../../../shown)
    vb umount mnt
    sed -i 's/\[first.yaml/[nosuch.yaml/' theirs/butler.yaml
    expect_failure 'nosuch.yaml: No such file' vb import-gen3 repo theirs
}

# Templates: of an instrument before all others, then by name, by dimensions, by storage class, and the default.
test_templates_by_instrument_and_type() {
    copy_small
    cat >>theirs/butler.yaml <<'YAML'
storageClasses:
  Unknown: {pytype: some.Class}
YAML
    python3 - <<'PY'
import yaml
c = yaml.safe_load(open("theirs/butler.yaml"))
c["datastore"]["templates"] = {
    "default": "{run:/}/default/{datasetType}/{id}", "src": "{run:/}/by-name/{visit}_{detector}",
    "instrument+detector+visit": "{run:/}/by-dimensions/{datasetType}_{visit}_{detector}",
    "StructuredDataDict": "{run:/}/by-class/{datasetType}_{id}",
    "instrument<HSC>": {"bias": "{run:/}/hsc-bias/{detector}", "instrument+": "{run:/}/hsc-instrument/{datasetType}"},
    "instrument<Other>": {"src": "{run:/}/wrong/{id}", "dark": "{run:/}/wrong/{id}"}}
c["datastore"]["formatters"] = {"instrument<HSC>": {"raw": "hsc.RawFormatter"}}
yaml.safe_dump(c, open("theirs/butler.yaml", "w"))
PY
    sqlite3 theirs/gen3.sqlite3 "UPDATE dataset_type SET storage_class = 'Unknown' WHERE name = 'dark'"
    vb create repo
    vb import-gen3 repo theirs
    vb export-gen3 repo ours --transfer copy
    sqlite3 -readonly ours/gen3.sqlite3 "SELECT DISTINCT t.name, replace(substr(path, length(c.name) + 2), '/', ' ')
        FROM file_datastore_records r JOIN dataset d ON d.id = r.dataset_id JOIN dataset_type t ON t.id = d.dataset_type_id
        JOIN collection c ON c.collection_id = d.run_id" | cut -d' ' -f1 | sort -u >paths
    grep -qx 'src|by-name' paths
    grep -qx 'calexp|by-dimensions' paths
    grep -qx 'bias|hsc-bias' paths
    grep -qx 'camera|hsc-instrument' paths
    ! grep -q wrong paths
    grep -qx 'dark|default' paths
    grep -qE '^(skyMap|deepCoadd|flat|visitSummary)\|by-class' paths
    grep '^raw' paths | grep -qv 'by-' || fail "$(grep ^raw paths)"
    for part in theirs ours; do
        python3 -c "import json, sys, yaml; c = yaml.safe_load(open('$part/butler.yaml')); print(json.dumps([c['storageClasses'],
            c['datastore']['templates'], c['datastore']['formatters']], sort_keys=True))" >$part.said
    done
    cmp theirs.said ours.said
    vb create again
    vb import-gen3 again ours
    expect_equal "$(registry again 'SELECT count(*) FROM location')" 492
    # A mount needs none of it: files are where the registry says.
    need_fuse
    for what in theirs ours; do
        mount_at $what mnt
        (cd mnt/data && find u/test/run1 u/test/run2 HSC -type f | xargs sha256sum | cut -d' ' -f1 | sort) >$what.sums
        file=$(find mnt/data/HSC/calib/gen/20240301/dark -type f | head -n 1)
        [ -s "$file" ]
        grep -q '"storage_class": *"Unknown"' mnt/by-id/"$(getfattr --only-values -n user.butler.id "$file")"/dataset.json
        vb umount mnt
    done
    cmp theirs.sums ours.sums
}

test_parts_of_archives() {
    copy_small
    vb create repo
    (cd theirs && python3 - <<'PY'
import sqlite3, zipfile, os
db = sqlite3.connect("gen3.sqlite3")
os.makedirs("u/zips")
with zipfile.ZipFile("u/zips/src.zip", "w") as z:
    rows = db.execute("SELECT r.dataset_id, path FROM file_datastore_records r JOIN dataset d ON d.id = r.dataset_id"
                      " WHERE dataset_type_id = 3").fetchall()
    for i, (id, path) in enumerate(rows):
        z.write(path, "in side/%d.yaml" % i, zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED)
        os.unlink(path)
        db.execute("UPDATE file_datastore_records SET path = ?, file_size = -1 WHERE dataset_id = ?",
                   ("u/zips/src.zip#unzip=in%%20side/%d.yaml" % i, id))
db.commit()
PY
    )
    vb import-gen3 repo theirs --transfer copy
    expect_equal "$(registry repo "SELECT count(*) FROM location WHERE path LIKE 'u/zips/src.zip#unzip=in side/%'")" 120
    [ -f repo/u/zips/src.zip ]
    vb query-datasets repo src --show-uri --format csv >uris
    expect_equal "$(grep -c "file://$(pwd -P)/repo/u/zips/src.zip#unzip=in%20side/[0-9]*.yaml" uris)" 120 "$(head -3 uris)"
    need_fuse
    for what in repo theirs; do
        mount_at $what mnt
        (cd mnt/data/u/test/run1/src && find . -type f | sort | xargs cat) | sha256sum >$what.sum
        expect_equal "$(find mnt/data/u/test/run1/src -type f -size +100c | wc -l)" 120
        vb umount mnt
    done
    cmp repo.sum theirs.sum
    # In the order of their names, which differ: the same bytes in all.
    mount_at theirs mnt
    (cd mnt/data/u/test/run1/src && find . -type f | xargs sha256sum | cut -d' ' -f1 | sort) >ours.sums
    find "$SMALL/u/test/run1/src" -type f | xargs sha256sum | cut -d' ' -f1 | sort >theirs.sums
    cmp ours.sums theirs.sums
    vb umount mnt
}

# A file that several datasets have: each has its own afterwards, or the same where it stays.
test_shared_files() {
    copy_small
    change "UPDATE file_datastore_records SET file_size = -1, path = (SELECT min(path) FROM file_datastore_records WHERE path LIKE 'HSC/raw/%')
        WHERE path LIKE 'HSC/raw/%'"
    vb create repo
    vb import-gen3 repo theirs --transfer hardlink
    expect_equal "$(registry repo "SELECT count(DISTINCT path) FROM location WHERE path LIKE 'HSC/raw/%'")" 120
    check_store repo
    vb create direct
    vb import-gen3 direct theirs
    expect_equal "$(registry direct "SELECT count(DISTINCT path) FROM location WHERE path LIKE '%/HSC/raw/%'")" 1
}

# A part brings the records that its data IDs name, what these require and imply, and what comes with a visit; counted in Rubin's
# tables.
test_a_part_has_its_records() {
    import_small --collections u/test/best --where "instrument = 'HSC' AND visit IN (900002, 900004) AND detector IN (40, 41)"
    vb create all
    vb import-gen3 all "$SMALL"
    vb export-gen3 all gen3 --collections u/test/best --where "instrument = 'HSC' AND visit IN (900002, 900004) AND detector IN (40, 41)"
    vb export all yaml --collections u/test/best --where "instrument = 'HSC' AND visit IN (900002, 900004) AND detector IN (40, 41)"
    vb create again
    vb import again all --export-file yaml/export.yaml --transfer direct
    cat >expected.py <<'PY'
import sqlite3, sys
db = sqlite3.connect("file:%s/gen3.sqlite3?mode=ro&immutable=1" % sys.argv[1], uri=True)
ours = sqlite3.connect("file:repo/registry.sqlite3?mode=ro", uri=True)
ids = ours.execute("SELECT dataid ->> 1, dataid ->> 2 FROM dataset").fetchall()
assert ids
visits = sorted({v for _, v in ids})
def rows(sql):
    return db.execute(sql.replace("VISITS", "(%s)" % ",".join(map(str, visits)))).fetchall()
regions = rows("SELECT visit, detector FROM visit_detector_region WHERE visit IN VISITS")
exposures = rows("SELECT id, physical_filter, day_obs, \"group\" FROM exposure WHERE id IN"
                 " (SELECT exposure FROM visit_definition WHERE visit IN VISITS)")
visit_rows = rows("SELECT id, physical_filter, day_obs FROM visit WHERE id IN VISITS")
expected = {
    "instrument": 1, "visit": len(visits), "visit_detector_region": len(regions),
    "detector": len({d for _, d in regions} | {d for d, _ in ids}), "exposure": len(exposures),
    "physical_filter": len({r[1] for r in exposures + visit_rows}), "day_obs": len({r[2] for r in exposures + visit_rows}),
    "group": len({r[3] for r in exposures}),
    "visit_definition": len(rows("SELECT 1 FROM visit_definition WHERE visit IN VISITS")),
    "visit_system_membership": len(rows("SELECT 1 FROM visit_system_membership WHERE visit IN VISITS")),
    "visit_system": len(rows("SELECT DISTINCT visit_system FROM visit_system_membership WHERE visit IN VISITS")),
    "tract": 0, "patch": 0, "skymap": 0}
all = db.execute("SELECT count(*) FROM visit").fetchone()[0]
assert 0 < len(visits) < all, (visits, all)
for name, n in sorted(expected.items()):
    print(name, n)
PY
    python3 expected.py "$SMALL" >expected
    for element in $(cut -d' ' -f1 expected); do
        echo "$element $(registry repo "SELECT count(*) FROM \"dimension_$element\"")" >>imported
        echo "$element $(registry again "SELECT count(*) FROM \"dimension_$element\"")" >>exported
        echo "$element $(sqlite3 -readonly gen3/gen3.sqlite3 "SELECT count(*) FROM \"$element\"")" >>exported3
    done
    diff expected imported
    diff expected exported
    diff expected exported3
    expect_equal "$(sqlite3 -readonly gen3/gen3.sqlite3 'PRAGMA foreign_key_check')" ''
    # Pixels of the records that are there, and of no others.
    expect_equal "$(sqlite3 -readonly gen3/gen3.sqlite3 'SELECT count(*) FROM visit_skypix_overlap; SELECT count(*) FROM patch_skypix_overlap')" \
        "$(registry repo 'SELECT count(*) FROM overlap_visit; SELECT count(*) FROM overlap_patch')"
    # And the rest, later, on top of it.
    vb import-gen3 repo "$SMALL"
    expect_equal "$(registry repo 'SELECT count(*) FROM dimension_visit')" "$(registry all 'SELECT count(*) FROM dimension_visit')"
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 492
}

# A sky map's own dataset brings its tracts and patches; a dataset of one patch only what it names.
test_a_part_with_a_sky_map() {
    import_small --collections skymaps
    for element in skymap tract patch; do
        expect_equal "$(registry repo "SELECT count(*) FROM dimension_$element")" \
            "$(sqlite3 -readonly "file:$SMALL/gen3.sqlite3?immutable=1" "SELECT count(*) FROM $element")" $element
    done
    expect_equal "$(registry repo 'SELECT count(*) FROM dimension_visit')" 0
    vb create coadds
    vb import-gen3 coadds "$SMALL" --where "skymap = 'hsc_rings_v1' AND tract = 9812 AND patch = 30"
    [ "$(registry coadds 'SELECT count(*) FROM dataset')" -gt 0 ]
    need_fuse
    vb mount "$SMALL" mnt --collections skymaps
    expect_equal "$(ls mnt/dimensions/patch/skymap=*/ | wc -l)" "$(registry repo 'SELECT count(DISTINCT tract) FROM dimension_patch')"
    [ -z "$(ls mnt/dimensions/visit 2>/dev/null)" ]
    vb umount mnt
}

# An old repository: universe 0 or 5, as vbutler writes it.  Mounted as it is; imported into its own universe, and into ours.
test_older_universes() {
    cat >old.yaml <<'YAML'
description: Butler Data Repository Export
version: 1.0.0
universe_version: UNIVERSE
universe_namespace: daf_butler
data:
- type: dimension
  element: instrument
  records:
  - {name: Cam, visit_max: 10, exposure_max: 10, detector_max: 10, class_name: lsst.Cam}
- type: dimension
  element: detector
  records:
  - {instrument: Cam, id: 3, full_name: N3}
  - {instrument: Cam, id: 4, full_name: N4}
- type: dimension
  element: visit_system
  records:
  - {instrument: Cam, id: 0, name: one-to-one}
- type: dimension
  element: physical_filter
  records:
  - {instrument: Cam, name: Cam-r, band: r}
- type: dimension
  element: visit
  records:
  - instrument: Cam
    id: 1
    name: one
    physical_filter: Cam-r
    day_obs: 20200101
    exposure_time: 30.0
    datetime_begin: !butler_time/tai/iso '2020-01-02 03:04:05.000000000'
    datetime_end: !butler_time/tai/iso '2020-01-02 03:04:35.500000000'
- type: dimension
  element: exposure
  records:
  - instrument: Cam
    id: 1
    obs_id: e1
    physical_filter: Cam-r
    day_obs: 20200101
    group_name: g1
    group_id: 17
    datetime_begin: !butler_time/tai/iso '2020-01-02 03:04:05.000000000'
    datetime_end: null
- type: dimension
  element: visit_definition
  records:
  - {instrument: Cam, exposure: 1, visit: 1}
- type: collection
  collection_type: RUN
  name: r
- type: dataset_type
  name: calexp
  dimensions: [instrument, detector, visit]
  storage_class: StructuredDataDict
  is_calibration: false
- type: dataset
  dataset_type: calexp
  run: r
  records:
  - dataset_id: [!uuid '019a0000-0000-7000-8000-000000000001']
    data_id: [{instrument: Cam, detector: 3, visit: 1}]
    path: a.yaml
YAML
    mkdir in
    echo 1 >in/a.yaml
    for universe in 0 5; do
        sed "s/UNIVERSE/$universe/" old.yaml >in/export.yaml
        [ $universe != 0 ] || sed -i 's/exposure: 1, visit: 1/&, visit_system: 0/; s/    day_obs: 20200101\n    exposure_time/&/;
            s/^    exposure_time: 30.0/&\n    visit_system: 0/' in/export.yaml
        vb create ours$universe --dimension-config $universe
        vb import ours$universe in
        vb export-gen3 ours$universe theirs$universe --transfer copy
        expect_equal "$(sqlite3 -readonly theirs$universe/gen3.sqlite3 "SELECT json_extract(value, '\$.version') FROM butler_attributes
            WHERE name = 'config:dimensions.json'")" $universe
        # Into a repository of its own universe: the same.
        vb create same$universe --dimension-config $universe
        vb import-gen3 same$universe theirs$universe
        vb export-gen3 same$universe again$universe --transfer copy
        compare_gen3 theirs$universe again$universe
        # Into one of ours: brought up, all of it and a part.
        for part in '' '--collections r'; do
            rm -rf new
            vb create new
            vb import-gen3 new theirs$universe $part
            expect_equal "$(registry new 'SELECT count(*) FROM dataset')" 1
            expect_equal "$(registry new 'SELECT "group", day_obs FROM dimension_exposure')" 'g1|20200101'
            expect_equal "$(registry new 'SELECT "group" FROM dimension_group')" g1
            expect_equal "$(registry new 'SELECT id, timespan_begin FROM (SELECT day_obs AS id, timespan_begin FROM dimension_day_obs)')" '20200101|'
            expect_equal "$(registry new 'SELECT visit, exposure FROM dimension_visit_definition')" '1|1'
            expect_equal "$(registry new 'SELECT day_obs, exposure_time FROM dimension_visit')" '20200101|30.0'
            [ $universe != 0 ] || expect_equal "$(registry new 'SELECT visit, visit_system FROM dimension_visit_system_membership')" '1|0'
            [ $universe != 0 ] || expect_equal "$(registry new 'SELECT count(*) FROM dimension_visit_system')" 1
            expect_equal "$(registry new "SELECT count(*) FROM meta WHERE key = 'gen3_dimensions'")" 0
            vb import-gen3 new theirs$universe $part >out
            grep -q '1 dataset was there already' out
        done
        vb export-gen3 new gen3-$universe --transfer copy
        expect_equal "$(sqlite3 -readonly gen3-$universe/gen3.sqlite3 'PRAGMA foreign_key_check')" ''
    done
    # Not the other way round.
    expect_failure 'has dimension universe daf_butler 8, and .* has daf_butler 5' vb import-gen3 ours5 gen3-5
    grep -q 'vbutler create --dimension-config 8 REPO' failure.err
    # A mount shows it in its own universe.
    need_fuse
    mount_at theirs0 mnt
    expect_equal "$(cat mnt/data/r/calexp/instrument=Cam/detector=3/visit=1/*)" 1
    grep -q '"visit_system": *0' mnt/dimensions/visit/instrument=Cam/visit=1/record.json
    vb umount mnt
}

test_damaged_archives() {
    copy_small
    vb create repo
    dataset="dataset_id = (SELECT min(id) FROM dataset)"
    change "UPDATE file_datastore_records SET path = 'z.zip#unzip=a', file_size = -1 WHERE $dataset"
    need_fuse
    for damage in 'raise SystemExit' 'd = d[:-30]' 'd = d.replace(b"a", b"b")' 'd = b"PK" * 50' 'd = d[:-6] + bytes(4) + d[-2:]'; do
        python3 - "$damage" <<'PY'
import sys, zipfile
with zipfile.ZipFile("theirs/z.zip", "w") as z:
    z.writestr("a", b"content")
d = open("theirs/z.zip", "rb").read()
exec(sys.argv[1])
open("theirs/z.zip", "wb").write(d)
PY
        mount_at theirs mnt
        file=$(find mnt/data/HSC/raw/all/raw -type d -path '*exposure=900000*' -path '*detector=40*' | tail -n 1)
        if [ "$damage" = 'raise SystemExit' ]; then
            expect_equal "$(cat "$file"/*)" content
        elif cat "$file"/* >out 2>/dev/null && [ -s out ]; then
            fail "$damage: read $(cat out)"
        fi
        vb umount mnt
    done
}

# What a mount shows is what Rubin has; nothing is written beside it, nothing stays behind.
test_mount() {
    need_small
    need_fuse
    copy_small
    chmod -R a-w theirs
    listing theirs >before
    mkdir temporary
    TMPDIR=$PWD/temporary mount_at theirs mnt
    rmdir temporary || fail "the snapshot is still there"
    for run in HSC/raw/all u/test/run1 u/test/run2 skymaps HSC/calib/gen/20240301; do
        (cd mnt/data/$run && find . -type f | xargs sha256sum | cut -d' ' -f1 | sort) >ours
        (cd theirs/$run && find . -type f | xargs sha256sum | cut -d' ' -f1 | sort) >theirs.sums
        cmp ours theirs.sums || fail $run
    done
    # The chain has run2's calexps first, then run1's.
    expect_equal "$(find mnt/data/u/test/chain/calexp -type f | wc -l)" 120
    file=$(find mnt/data/u/test/chain/calexp/instrument=HSC/detector=40 -type f | head -n 1)
    expect_equal "$(getfattr --only-values -n user.butler.type "$file")" calexp
    expect_failure 'Read-only' touch mnt/data/x
    vb umount mnt
    mount_at theirs/butler.yaml mnt
    vb umount mnt
    vb mount theirs mnt --collections u/test/best
    expect_equal "$(find mnt/data -type f | wc -l)" 24
    vb umount mnt
    listing theirs >after
    cmp before after
}

test_mount_of_a_damaged_repository() {
    copy_small
    change "UPDATE dataset_tags_00000001 SET detector = 'x' WHERE detector = 40 AND exposure = 900000"
    mkdir temporary
    TMPDIR=$PWD/temporary expect_failure "detector is 'x'" vb mount theirs mnt
    rmdir temporary
    [ ! -e mnt ] || fail "the mount point was left"
    vb create repo
    expect_failure 'only for a mount of a Gen3 repository' vb mount repo mnt --collections x
}

# compare_gen3 THEIRS OURS: their schema, statement by statement, and their rows, table by table.
compare_gen3() {
    python3 "$SOURCE/tests/e2e/compare_gen3.py" "$1/gen3.sqlite3" "$2/gen3.sqlite3"
}

# Imported where it is and exported again, it is what it was: schema, rows, configuration, names and bytes of files.
test_round_trip() {
    import_small
    vb export-gen3 repo ours --transfer copy
    compare_gen3 "$SMALL" ours
    cmp "$SMALL/butler.yaml" ours/butler.yaml
    (cd "$SMALL" && find . -type f ! -name gen3.sqlite3 | sort | xargs sha256sum) >theirs.sums
    (cd ours && find . -type f ! -name gen3.sqlite3 | sort | xargs sha256sum) >ours.sums
    cmp theirs.sums ours.sums
    # And once more.
    vb create repo2
    vb import-gen3 repo2 ours --transfer copy
    vb export-gen3 repo2 again --transfer copy
    compare_gen3 ours again
}

# Runs with a host and a time, checksums, records of another storage class, components, types that nothing has.
test_round_trip_of_rare_things() {
    copy_small
    change "UPDATE run SET host = 'node1', timespan_begin = 5, timespan_end = 4102444800000000000 WHERE collection_id = 2;
        UPDATE collection SET doc = 'what it''s for' WHERE collection_id = 9;
        UPDATE file_datastore_records SET checksum = substr(dataset_id, 1, 20) WHERE file_size > 300;
        UPDATE file_datastore_records SET storage_class = 'StructuredDataList' WHERE path LIKE '%deepCoadd%';
        INSERT INTO dataset_type SELECT 77, 'unused', 'Text', 0, 'dataset_tags_00000000', NULL;
        CREATE TABLE dataset_tags_00000000 AS SELECT dataset_type_id, dataset_id, collection_id FROM dataset_tags_00000001 LIMIT 0"
    # A dataset in two components.
    src=$(sqlite3 theirs/gen3.sqlite3 "SELECT path FROM file_datastore_records WHERE path LIKE '%/src/%' LIMIT 1")
    for component in image mask; do
        mkdir -p "theirs/$(dirname "$src" | sed "s,/src/,/src.$component/,")"
        cp "theirs/$src" "theirs/$(echo "$src" | sed "s,/src/,/src.$component/,; s,src_HSC,src_${component}_HSC,")"
        change "INSERT INTO file_datastore_records SELECT dataset_id, replace(replace(path, '/src/', '/src.$component/'),
            'src_HSC', 'src_${component}_HSC'), formatter, 'Part', '$component', checksum, file_size
            FROM file_datastore_records WHERE path = '$src'"
    done
    change "DELETE FROM file_datastore_records WHERE path = '$src'"
    rm "theirs/$src"
    vb create repo
    vb import-gen3 repo theirs --transfer copy
    vb export-gen3 repo ours --transfer hardlink >out
    [ -s "ours/$(echo "$src" | sed "s,/src/,/src.mask/,; s,src_HSC,src_mask_HSC,")" ]
    sqlite3 -readonly ours/gen3.sqlite3 'SELECT host, timespan_begin, timespan_end FROM run WHERE collection_id = 2' >run
    expect_equal "$(cat run)" 'node1|5|4102444800000000000'
    for query in 'SELECT * FROM collection' 'SELECT * FROM file_datastore_records' 'SELECT name, storage_class FROM dataset_type'; do
        sqlite3 -readonly theirs/gen3.sqlite3 "$query" | sort >theirs.rows
        sqlite3 -readonly ours/gen3.sqlite3 "$query" | sort >ours.rows
        cmp theirs.rows ours.rows || fail "$query"
    done
    expect_equal "$(sqlite3 -readonly ours/gen3.sqlite3 'PRAGMA foreign_key_check')" ''
    # Pruned, nothing of it is left.
    vb prune-datasets repo 'u/test/*' --datasets src --purge u/test/run1 --no-confirm >out
    expect_equal "$(find repo/u/test/run1 -path '*/src*' -type f | wc -l)" 0
    expect_equal "$(registry repo "SELECT count(*) FROM datastore_record WHERE component != ''")" 0
}

test_export_of_a_part() {
    import_small
    vb export-gen3 repo ours --collections u/test/best
    expect_equal "$(sqlite3 -readonly ours/gen3.sqlite3 'SELECT count(*) FROM dataset')" 12
    expect_equal "$(sqlite3 -readonly ours/gen3.sqlite3 'SELECT group_concat(name) FROM (SELECT name FROM collection ORDER BY 1)')" \
        u/test/best,u/test/run1
    expect_equal "$(sqlite3 -readonly ours/gen3.sqlite3 'SELECT group_concat(name) FROM dataset_type')" calexp
    expect_equal "$(sqlite3 -readonly ours/gen3.sqlite3 'PRAGMA foreign_key_check')" ''
    vb export-gen3 repo where --where "instrument = 'HSC' AND visit = 900002 AND detector IN (41, 42)"
    expect_equal "$(sqlite3 -readonly where/gen3.sqlite3 \
        "SELECT name, count(*) FROM dataset d JOIN dataset_type t ON t.id = d.dataset_type_id
            WHERE name IN ('calexp', 'src', 'raw') GROUP BY 1")" \
        "$(registry repo "SELECT t.name, count(*) FROM dataset d JOIN dataset_type t ON t.id = d.type_id WHERE
            (t.name IN ('calexp', 'src', 'raw') AND dataid ->> 1 IN (41, 42) AND dataid ->> 2 = 900002) GROUP BY 1")"
    vb create repo2
    vb import-gen3 repo2 where
    [ "$(registry repo2 'SELECT count(*) FROM location')" -gt 0 ]
}

# Types of ours: their storage class and its formatter stand in butler.yaml.
test_export_of_ones_own() {
    make_numbers 20 >out
    run_numbers doubled >out 2>&1
    vb export-gen3 repo theirs --transfer copy >out
    grep -q 'storage class Text is not one of' out
    python3 - <<'PY'
import yaml
config = yaml.safe_load(open("theirs/butler.yaml"))
assert config["storageClasses"]["Text"]["pytype"]
assert config["datastore"]["formatters"]["Text"].endswith("Formatter")
PY
    expect_equal "$(sqlite3 -readonly theirs/gen3.sqlite3 'PRAGMA foreign_key_check')" ''
    vb create repo2
    vb import-gen3 repo2 theirs --transfer copy
    vb export-gen3 repo2 again --transfer copy
    compare_gen3 theirs again
    expect_equal "$(cd theirs && find . -name '*.txt' | sort | xargs cat | sha256sum)" \
        "$(cd again && find . -name '*.txt' | sort | xargs cat | sha256sum)"
    for mode in direct symlink relsymlink link; do
        vb export-gen3 repo $mode --transfer $mode >out
        vb create from-$mode
        vb import-gen3 from-$mode $mode >out
        expect_equal "$(registry from-$mode 'SELECT count(*) FROM location')" "$(registry repo 'SELECT count(*) FROM location')"
    done
    cat symlink/numbers/number/*0*.txt relsymlink/numbers/number/*0*.txt >out
    expect_failure 'is not empty' vb export-gen3 repo theirs
}

# A universe that Rubin's program can read is complete.
test_universe_of_ones_own_is_rubins() {
    need_small
    vb create repo
    vb export-gen3 repo ours
    python3 - "$SMALL" <<'PY'
import json, sqlite3, sys
def universe(path):
    db = sqlite3.connect("file:%s/gen3.sqlite3?mode=ro&immutable=1" % path, uri=True)
    return json.loads(db.execute("SELECT value FROM butler_attributes WHERE name = 'config:dimensions.json'").fetchone()[0])
def without_docs(x):
    if isinstance(x, dict):
        return {k: without_docs(v) for k, v in x.items() if k != "doc"}
    return [without_docs(v) for v in x] if isinstance(x, list) else x
theirs, ours = without_docs(universe(sys.argv[1])), without_docs(universe("ours"))
assert theirs == ours, [k for k in theirs if theirs[k] != ours.get(k)]
PY
    vb create repo2
    vb import-gen3 repo2 ours
}

test_exports_that_fail_leave_nothing() {
    import_small >out
    rm -rf copy
    vb create copied
    vb import-gen3 copied "$SMALL" --transfer copy >out
    chmod -R u+w copied
    find copied -name 'src_*_900000_*' -delete
    expect_failure 'src \{instrument: HSC, detector: 40, visit: 900000\}' vb export-gen3 copied ours --transfer copy
    [ ! -e ours ] || fail "something was left"
    expect_failure 'no transfer mode' vb export-gen3 copied ours --transfer move
    expect_failure 'no collection' vb export-gen3 copied ours --collections nope
    [ ! -e ours ] || fail "something was left"
}

run_tests "$@"
