#!/bin/sh
# Import and export of Rubin's YAML.  What a repository has after each export that others wrote is counted by SQL, and
# must be what a reader of the YAML that knows nothing of vbutler counts (exports.py).
. "$(dirname "$0")/lib.sh"

EXPORTS=$SOURCE/tests/e2e/exports.py

need_exports() {
    given=$VB_SHARED/data/exports
    [ -d "$given" ] || skip "there is no $given"
    python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
}

need_yaml() {
    python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
}

# with_files NAME DIR: a real export, and a file for each artifact that it names.
with_files() {
    mkdir -p "$2"
    python3 "$EXPORTS" artifacts "$given/$1" "$2"
    cp "$given/$1" "$2/export.yaml"
}

# same_counts REPO FILE...: the repository has what the exports say.
same_counts() {
    repo=$1
    shift
    python3 "$EXPORTS" counts "$@" | grep -v '^visit_system$' >expected.txt
    python3 "$EXPORTS" registry "$repo" >counted.txt
    diff -u expected.txt counted.txt || fail "$repo does not have what $* say"
}

# The export of a repository, imported into another one, is the same repository.
round_trip() {
    vb export "$1" "$1.out" --transfer hardlink
    vb create "$1.again"
    vb import "$1.again" "$1.out" --transfer hardlink
    python3 "$EXPORTS" rows "$1" >before.txt
    python3 "$EXPORTS" rows "$1.again" >after.txt
    [ -s before.txt ]
    diff -u before.txt after.txt || fail "export and import changed $1"
}


test_ci_hsc_subset() {
    need_exports
    vb create repo
    with_files ci_hsc-subset.yaml in
    vb import repo in
    same_counts repo "$given/ci_hsc-subset.yaml"
    with_files ci_hsc-subset-skymap.yaml sky
    vb import repo sky
    same_counts repo "$given/ci_hsc-subset.yaml" "$given/ci_hsc-subset-skymap.yaml"
    check_store repo
    round_trip repo
}

test_hsc_rc2_subset() {
    need_exports
    vb create repo
    vb import repo "$given" --export-file hsc-rc2-subset.yaml
    same_counts repo "$given/hsc-rc2-subset.yaml"
    round_trip repo
}

test_lsstcam_subset() {
    need_exports
    vb create repo
    vb import repo "$given" --export-file lsstcam-subset.yaml
    same_counts repo "$given/lsstcam-subset.yaml"
    round_trip repo
}

# Universe 0, UUIDs, TAGGED, CHAINED and CALIBRATION collections.  Data IDs speak of detectors that it has no records of.
test_rc2_coadd_dump() {
    need_exports
    vb create repo
    with_files rc2_coadd_dump.yaml in
    mkdir base
    python3 "$EXPORTS" base "$given/rc2_coadd_dump.yaml" base/export.yaml
    vb import repo base
    vb import repo in --transfer hardlink
    same_counts repo base/export.yaml "$given/rc2_coadd_dump.yaml"
    vb import repo in --transfer hardlink >again.txt
    grep -q 'there already: datasets 1851' again.txt
    same_counts repo base/export.yaml "$given/rc2_coadd_dump.yaml"
    round_trip repo
}

# No dimension records, numbers for ids, a chain with a child of another export.
test_ci_hsc_external() {
    need_exports
    vb create repo
    with_files ci_hsc_external.yaml in
    expect_failure 'of which there is no record|the repository has no' vb import repo in
    grep -q 'import that one first' failure.err
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset_type')" 0
    mkdir base
    python3 "$EXPORTS" base "$given/ci_hsc_external.yaml" base/export.yaml
    vb import repo base
    vb import repo in
    same_counts repo base/export.yaml "$given/ci_hsc_external.yaml"
    python3 "$EXPORTS" rows repo >once.txt
    vb import repo in
    python3 "$EXPORTS" rows repo >twice.txt
    diff once.txt twice.txt
    check_store repo
    round_trip repo
}

test_exports_that_build_on_another() {
    need_exports
    vb create repo
    with_files datasets.yaml in
    expect_failure "dataset type 'bias' is defined neither by the file nor by the repository" vb import repo in
    grep -q 'import that one first' failure.err
    expect_failure 'refers to instrument Cam1, of which there is no record' \
        vb import repo "$given" --export-file spatial.yaml
    vb import repo "$given" --export-file base.yaml
    vb import repo in
    vb import repo "$given" --export-file spatial.yaml
    same_counts repo "$given/base.yaml" "$given/datasets.yaml" "$given/spatial.yaml"
    round_trip repo
}

# A real incomplete copy: some artifacts are not there.
test_missing_artifacts() {
    need_exports
    vb create repo
    before=$(python3 "$EXPORTS" rows repo)
    gone=$(sed -n 's/^ *path: //p' "$given/pipelines_check/export.yaml" | while read -r path; do
        [ -e "$given/pipelines_check/$path" ] || echo "$path"
    done | wc -l)
    [ "$gone" -gt 0 ]
    for mode in copy direct hardlink symlink; do
        expect_failure "the artifacts of $gone datasets are not there" vb import repo "$given/pipelines_check" -t $mode
        grep -q 'skip-missing' failure.err
        expect_equal "$(python3 "$EXPORTS" rows repo)" "$before"
        expect_equal "$(find repo -name '*.fits' -o -name '*.pickle' | wc -l)" 0
    done
    for mode in direct copy; do
        vb create "repo.$mode"
        # The refcats' pixels need no records, and everything else has them.
        vb import "repo.$mode" "$given/pipelines_check" --skip-missing -t $mode >out.txt
        grep -q "left out, for their artifacts are not there: $gone datasets" out.txt
        grep -q 'bias {instrument: HSC, detector: 10}' out.txt
        expect_equal "$(registry "repo.$mode" 'SELECT count(*) FROM dataset')" \
            "$(($(python3 "$EXPORTS" counts "$given/pipelines_check/export.yaml" | awk '/^datasets/ {n += $NF} END {print n}') - gone))"
        # A range of a dataset that was left out is left out too.
        python3 "$EXPORTS" rows "repo.$mode" >rows.txt
        grep -q '^calib ' rows.txt
        ! grep -q '^calib .* dataset_id=None' rows.txt
    done
    check_store repo.copy
}

small() {
    mkdir -p "$1"
    cat >"$1/export.yaml" <<'YAML'
description: Butler Data Repository Export
version: 1.0.2
universe_version: 8
universe_namespace: daf_butler
data:
- type: dimension
  element: instrument
  records:
  - name: Cam
- type: collection
  collection_type: RUN
  name: r
  host: null
  timespan_begin: null
  timespan_end: null
- type: dataset_type
  name: t
  dimensions:
  - instrument
  storage_class: StructuredDataDict
  is_calibration: false
- type: dataset
  dataset_type: t
  run: r
  records:
  - dataset_id:
    - !uuid '019a0000-0000-7000-8000-000000000001'
    data_id:
    - instrument: Cam
    path: a.yaml
    formatter: lsst.daf.butler.formatters.yaml.YamlFormatter
YAML
    echo 1 >"$1/a.yaml"
}

test_transfer_modes() {
    for mode in copy hardlink symlink relsymlink link direct auto move; do
        small in
        vb create "r.$mode"
        vb import "r.$mode" in --transfer $mode
        path=$(registry "r.$mode" 'SELECT path FROM location')
        case $mode in
        direct) expect_equal "$path" "$PWD/in/a.yaml" ;;
        *) expect_equal "$path" r/t/t_Cam.yaml ;;
        esac
        case $mode in
        symlink | relsymlink) [ -L "r.$mode/$path" ] ;;
        hardlink | link | auto) [ "r.$mode/$path" -ef in/a.yaml ] ;;
        move) [ ! -e in/a.yaml ] ;;
        esac
        expect_equal "$(registry "r.$mode" 'SELECT formatter FROM location')" lsst.daf.butler.formatters.yaml.YamlFormatter
        check_store "r.$mode"
    done
    expect_failure "no transfer mode 'coyp'" vb import r.copy in -t coyp
    grep -q "did you mean 'copy'" failure.err
}

# What an export says otherwise than the repository is refused, and nothing is left of it.
test_clashes_are_refused() {
    vb create repo
    small in
    vb import repo in
    vb import repo in | grep -q 'there already: datasets 1'
    rows=$(python3 "$EXPORTS" rows repo)
    for change in 's/00000001/00000002/' 's/name: t$/name: u/; s/dataset_type: t/dataset_type: u/' \
        's/StructuredDataDict/Other/' 's/is_calibration: false/is_calibration: true/' 's/name: r$/name: q/; s/run: r$/run: q/' \
        's/collection_type: RUN/collection_type: TAGGED/' 's/version: 1.0.2/version: 2.0.0/' \
        's/universe_namespace: daf_butler/universe_namespace: other/' 's/- instrument: Cam/- detector: 1/' 's/- name: Cam/- nome: Cam/' \
        's/element: instrument/element: nosuch/' "s/'019a/'x19a/" 's/type: dataset$/type: nosuch/' 's/data_id:/dataid:/'; do
        rm -rf bad
        small bad
        sed -i "$change" bad/export.yaml
        expect_failure "^error: " vb import repo bad
        expect_equal "$(python3 "$EXPORTS" rows repo)" "$rows" "$change"
    done
    expect_failure 'No such file' vb import repo nosuch
    vb create empty
    rows=$(python3 "$EXPORTS" rows empty)
    for change in 's/path: a.yaml/path: ..\/a.yaml/' 's/path: a.yaml/path: s3:\/\/bucket\/a.yaml/' \
        's/path: a.yaml/path: nosuch/' 's/path: a.yaml/path: ./' "s/formatter: .*/checksum: 'xxh3-128:00000000000000000000000000000000'/" \
        's/formatter: .*/parts: [hdu=1]/' 's/formatter: .*/parts: [..]/'; do
        rm -rf bad
        small bad
        sed -i "$change" bad/export.yaml
        expect_failure '^error: ' vb import empty bad
        expect_equal "$(python3 "$EXPORTS" rows empty)" "$rows" "$change"
    done
    expect_equal "$(find empty -type f -name '*.yaml' | wc -l)" 1
    check_store repo
}

# A visit of universe 0, exposures of universe 5.
test_older_universes_are_brought_up() {
    mkdir in
    cat >in/export.yaml <<'YAML'
description: Butler Data Repository Export
version: 1.0.0
data:
- type: dimension
  element: instrument
  records:
  - {name: Cam, visit_max: 10, exposure_max: 10, detector_max: 10, class_name: lsst.Cam}
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
    visit_system: 0
    seeing: 0.7
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
  - {instrument: Cam, exposure: 1, visit_system: 0, visit: 1}
YAML
    vb create repo
    vb import repo in
    expect_equal "$(registry repo 'SELECT day_obs, timespan_end - timespan_begin FROM dimension_visit')" '20200102|30500000000'
    expect_equal "$(registry repo 'SELECT "group", day_obs, timespan_end FROM dimension_exposure')" 'g1|20200101|4102444800000000000'
    expect_equal "$(registry repo 'SELECT visit, visit_system FROM dimension_visit_system_membership')" '1|0'
    expect_equal "$(registry repo 'SELECT count(*) FROM dimension_day_obs')" 2
    expect_equal "$(registry repo 'SELECT "group" FROM dimension_group')" g1
    # The same into a repository of that universe: nothing is changed.
    vb create old --dimension-config 0
    sed -i '/seeing/d; s/    exposure_time/    day_obs: 20200101\n    exposure_time/' in/export.yaml
    vb import old in
    expect_equal "$(registry old 'SELECT visit_system, day_obs FROM dimension_visit')" '0|20200101'
    expect_equal "$(registry old 'SELECT group_name, group_id FROM dimension_exposure')" 'g1|17'
    # And back is not possible.
    vb export repo new
    expect_failure "universe 0 .* has no" vb import old new
}

test_every_universe_makes_a_repository() {
    for n in 0 1 2 3 4 5 6 7 8; do
        vb create "r$n" --dimension-config $n
        expect_equal "$(registry "r$n" "SELECT json_extract(value, '\$.version') FROM meta WHERE key = 'universe'")" $n
    done
    vb create own --dimension-config "$SOURCE/registry/universes/6.yaml"
    expect_failure 'dimension universe 9 does not come' vb create r9 --dimension-config 9
    expect_failure 'nosuch.yaml' vb create rx --dimension-config nosuch.yaml
    [ ! -e r9 ] && [ ! -e rx ]
}

test_a_part_is_exported() {
    need_exports
    vb create repo
    with_files ci_hsc-subset.yaml in
    vb import repo in
    vb export repo part --dataset-types calexp --where "instrument = 'HSC' and visit = 903334" --transfer copy
    n=$(registry repo "SELECT count(*) FROM dataset WHERE json_extract(dataid, '\$[2]') = 903334")
    [ "$n" -gt 0 ]
    vb create other
    vb import other part
    expect_equal "$(registry other 'SELECT count(*) FROM dataset')" "$n"
    expect_equal "$(registry other 'SELECT count(*) FROM dimension_visit')" 1
    check_store other
    expect_failure 'there is one already' vb export repo part
    expect_failure "no collection 'nosuch'" vb export repo x --collections nosuch
    [ ! -e x/export.yaml ]
    # Without a transfer paths begin at the repository.
    vb export repo yaml
    vb create direct
    vb import direct repo --export-file yaml/export.yaml --transfer direct
    expect_equal "$(registry direct 'SELECT count(*) FROM dataset')" 33
}

# Where and when a run was made: as the file says, and in the next export again.
test_runs_keep_host_and_timespan() {
    vb create repo
    small in
    cat >>in/export.yaml <<'YAML'
- type: collection
  collection_type: RUN
  name: whole
  host: node7
  timespan_begin: !butler_time/tai/iso '2024-03-01 02:03:04.500000000'
  timespan_end: !butler_time/tai/iso '2024-03-01 03:00:00.000000000'
- type: collection
  collection_type: RUN
  name: open
  host: null
  timespan_begin: !butler_time/tai/iso '2024-03-01 02:03:04.500000000'
  timespan_end: null
- type: collection
  collection_type: RUN
  name: placed
  host: 'null'
  timespan_begin: null
  timespan_end: null
YAML
    vb import repo in >out.txt
    ! grep -q 'not kept' out.txt
    expect_equal "$(registry repo "SELECT name, host, timespan_begin, timespan_end FROM run_detail
        JOIN collection ON id = collection_id ORDER BY name")" 'open||1709258584500000000|4102444800000000000
placed|null||
whole|node7|1709258584500000000|1709262000000000000'
    round_trip repo
    for file in repo.out/export.yaml in/export.yaml; do
        grep -E '^ +(host|timespan)' $file | sort >$(dirname $file).lines
    done
    cmp repo.out.lines in.lines || fail "they are written otherwise"
    # What a run has already it keeps.
    sed -i 's/node7/node8/' in/export.yaml
    vb import repo in
    expect_equal "$(registry repo "SELECT host FROM run_detail WHERE host LIKE 'node%'")" node7
    sed -i 's/host: node8/host: [a]/' in/export.yaml
    expect_failure "a host must be text" vb import repo in
}

# Text that YAML would read as something else comes back as it was.
test_awkward_text() {
    vb create repo
    small in
    cat >>in/export.yaml <<'YAML'
- type: collection
  collection_type: CHAINED
  name: "yes"
  doc: "a: b # c\n\ttab \x7f and 'quotes' \"double\" caf\u00e9 "
  children: [r]
- type: collection
  collection_type: TAGGED
  name: '0x1f'
  doc: ''
- type: collection
  collection_type: RUN
  name: '1_53'
  doc: '2020-01-01'
YAML
    vb import repo in
    expect_equal "$(registry repo 'SELECT count(*) FROM collection')" 4
    round_trip repo
    need_yaml
    expect_equal "$(python3 -c '
import sys
sys.path.insert(0, sys.argv[1])
import exports
for e in exports.load("repo.out/export.yaml")["data"]:
    if e["type"] == "collection":
        print(repr(e["name"]), repr(e.get("doc")))' "$SOURCE/tests/e2e")" "'1_53' '2020-01-01'
'r' None
'0x1f' ''
'yes' 'a: b # c\\n\\ttab \\x7f and \\'quotes\\' \"double\" café '"
}

# A Gen3 repository gets what it lacks; what clashes is refused.
test_export_for_a_gen3_repository() {
    gen3=$VB_SHARED/data/gen3/repo-small
    [ -d "$gen3" ] || skip "there is no $gen3"
    need_yaml
    vb create repo
    small in
    sed -i "s/Cam/HSC/; s/name: r\$/name: u\/new/; s/run: r\$/run: u\/new/" in/export.yaml
    sed -i 's/instrument: Cam/instrument: HSC/' in/export.yaml
    vb import repo in
    vb export repo all
    grep -q 'element: instrument' all/export.yaml
    vb export repo for --for "$gen3"
    ! grep -q 'element: instrument' for/export.yaml
    grep -q '019a0000-0000-7000-8000-000000000001' for/export.yaml
    # One of its datasets.
    uuid=$(sqlite3 -readonly "file:$gen3/gen3.sqlite3?immutable=1" "SELECT d.id FROM dataset d JOIN dataset_type t ON t.id = dataset_type_id WHERE t.name = 'camera' LIMIT 1")
    [ -n "$uuid" ] || uuid=$(sqlite3 -readonly "file:$gen3/gen3.sqlite3?immutable=1" "SELECT id FROM dataset LIMIT 1")
    sed -i "s/019a0000-0000-7000-8000-000000000001/$uuid/" in/export.yaml
    vb create clash
    vb import clash in
    expect_failure 'is of another type or run' vb export clash out --for "$gen3"
    [ ! -e out/export.yaml ]
    expect_failure 'no Gen3 repository' vb export repo y --for in
}

# Members of TAGGED and CALIBRATION collections whose datasets are there already cannot be said in an export: they are named.
# What a registry in WAL mode has is asked of a copy: nothing is put beside it.
test_members_of_what_is_there_are_named() {
    gen3=$VB_SHARED/data/gen3/repo-small
    [ -d "$gen3" ] || skip "there is no $gen3"
    vb create repo
    vb import-gen3 repo "$gen3"
    vb export repo same --for "$gen3" 2>err
    ! grep -q 'left out, since' err
    vb associate repo u/new/tag --collections u/test/run1 --dataset-type src \
        --where "instrument = 'HSC' AND visit = 900002 AND detector IN (40, 41)"
    vb associate repo u/test/best --collections u/test/run1 --dataset-type src \
        --where "instrument = 'HSC' AND visit = 900002 AND detector = 41"
    vb certify-calibrations repo HSC/calib/gen/20240301 u/new/calib bias --begin-date 2024-01-01
    vb export repo out --for "$gen3" 2>err
    grep -q "TAGGED collection 'u/new/tag': 2 members left out" err
    grep -q "TAGGED collection 'u/test/best': 1 member left out" err
    grep -Eq "CALIBRATION collection 'u/new/calib': [1-9][0-9]* members left out" err
    ! grep -q 'associations' out/export.yaml
    cp -r "$gen3" theirs
    chmod -R u+w theirs
    sqlite3 theirs/gen3.sqlite3 "PRAGMA journal_mode = WAL" >out.txt
    rm -f theirs/gen3.sqlite3-wal theirs/gen3.sqlite3-shm
    for state in closed open; do
        [ $state = closed ] || python3 - <<'PY'
import os, sqlite3
db = sqlite3.connect("theirs/gen3.sqlite3")
db.execute("PRAGMA wal_autocheckpoint = 0")
db.execute("DELETE FROM dataset WHERE dataset_type_id = 3")
db.execute("DELETE FROM dataset_tags_00000002 WHERE dataset_type_id = 3")
db.commit()
os._exit(0)
PY
        find theirs -printf '%P %s %T@ %C@\n' | sort >before
        vb export repo out-$state --for theirs >out.txt
        find theirs -printf '%P %s %T@ %C@\n' | sort >after
        cmp before after
    done
    grep -q 'exported 120 datasets' out.txt
}

# Detectors of one file: a real exposure's header and image, and two more of its detectors beside it.
make_extensions() {
    image=$(find "$VB_SHARED/data/decam/images" -name '*ooi*N11.fits' 2>/dev/null | sort | head -n 1)
    [ -n "$image" ] || skip "no real data in $VB_SHARED"
    mkdir images
    python3 - "$image" "images/$(basename "$image" .N11.fits).fits" <<'PY'
import re, sys
data = open(sys.argv[1], "rb").read()
begin = re.search(b"XTENSION= 'IMAGE", data).start()
primary, image = data[:begin], data[begin:]
header = image[:2880 * (1 + image.index(b"END" + b" " * 77) // 2880)]
with open(sys.argv[2], "wb") as out:
    out.write(primary)
    for number, name in ((42, b"N11"), (41, b"N10"), (43, b"N12")):
        cards = re.sub(rb"(CCDNUM  = *)42", rb"\g<1>%d" % number, header).replace(b"'N11", b"'" + name)
        assert len(cards) == len(header)
        out.write(cards + bytes(b ^ number for b in image[len(header):]))
PY
}

# What a mount shows of them, by detector.
shown() {
    (cd "$1/data/DECam/raw/all/raw" && find . -type f | sort | xargs -n 1 sha256sum | cut -d' ' -f1)
}

# Datasets that share a file, each a part of it: exported as one record, imported as they were, mounted with the same bytes.
test_parts_of_a_file() {
    make_extensions
    vb create repo
    vb ingest-raws repo images
    expect_equal "$(registry repo "SELECT count(*), count(DISTINCT substr(path, 1, instr(path, '#'))) FROM location
        WHERE path LIKE '%#hdu=%'")" '3|1'
    for mode in copy hardlink symlink; do
        vb export repo out-$mode --transfer $mode
        expect_equal "$(grep -c 'parts: \[' out-$mode/export.yaml)" 1
        expect_equal "$(grep -c '    path: ' out-$mode/export.yaml)" 1
        expect_equal "$(find out-$mode -name '*.fits*' | wc -l)" 1
        vb create in-$mode
        vb import in-$mode out-$mode --transfer $mode
        vb import in-$mode out-$mode --transfer $mode | grep -q 'there already: datasets 3'
        vb fsck in-$mode --checksum
    done
    vb export repo where --collections 'DECam/*' --where "instrument = 'DECam' AND detector = 43" --transfer copy
    vb create one
    vb import one where
    expect_equal "$(registry one 'SELECT count(*) FROM location')" 1
    vb create direct
    vb export repo yaml
    vb import direct repo --export-file yaml/export.yaml --transfer direct
    python3 "$EXPORTS" rows repo | grep '^location' | sed 's/ path=[^#]*//; s/checksum=[^ ]*//' >before
    for to in in-copy direct; do
        python3 "$EXPORTS" rows $to | grep '^location' | sed 's/ path=[^#]*//; s/checksum=[^ ]*//' | diff before -
    done
    # A part becomes a file of its own in a Gen3 repository.
    vb export-gen3 repo gen3 --transfer copy
    expect_failure 'is a part of a file .*Rubin.s butler cannot name' vb export-gen3 repo gen3-direct
    need_fuse
    for to in repo in-copy in-hardlink in-symlink direct one gen3; do
        mount_at $to mnt
        shown mnt >$to.sums
        vb umount mnt
    done
    [ "$(sort -u repo.sums | wc -l)" = 3 ]
    for to in in-copy in-hardlink in-symlink direct gen3; do
        cmp repo.sums $to.sums || fail $to
    done
    tail -n 1 repo.sums | cmp - one.sums
}

# Every export that others have given is read whole: each alone, in a repository that has what it builds on, and counted by a
# reader of its own.  The file of pipelines_check names artifacts that are not there; here all are.
test_every_export_is_read_whole() {
    need_exports
    for file in $(cd "$given" && find . -name '*.yaml' | sed 's,^\./,,' | sort); do
        name=$(echo "$file" | tr '/' '-')
        with_files "$file" "in.$name"
        vb create "r.$name"
        before=''
        case $file in
        datasets.yaml | spatial.yaml) before=$given/base.yaml ;;
        ci_hsc-subset-skymap.yaml) ;;
        ci_hsc_external.yaml | rc2_coadd_dump.yaml)
            mkdir "base.$name"
            python3 "$EXPORTS" base "$given/$file" "base.$name/export.yaml"
            before=base.$name/export.yaml
            ;;
        esac
        [ -z "$before" ] || vb import "r.$name" "$(dirname "$before")" --export-file "$(basename "$before")" >/dev/null
        vb import "r.$name" "in.$name" >out.txt || fail "$file"
        same_counts "r.$name" $before "$given/$file"
        check_store "r.$name"
        echo "$file" >>read
    done
    [ "$(wc -l <read)" -ge 10 ] || fail "only $(cat read)"
}

# Killed at any moment, an import leaves all or nothing, and files that the next one sweeps up.
test_a_killed_import_leaves_nothing_behind() {
    python3 "$EXPORTS" large 3000 in
    vb create repo
    empty=$(python3 "$EXPORTS" rows repo)
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        mode=$([ $((i % 3)) = 0 ] && echo direct || echo copy)
        "$VBUTLER" import repo in -t $mode >out.txt 2>&1 &
        pid=$!
        sleep "0.0$((i * 7))"
        kill -9 $pid 2>/dev/null || :
        wait $pid 2>/dev/null && break
        n=$(registry repo 'SELECT count(*) FROM dataset')
        [ "$n" = 0 ] || { [ "$n" = 3000 ] && break; } || fail "half an import: $n"
        [ "$(python3 "$EXPORTS" rows repo)" = "$empty" ] || fail "a killed import left rows behind"
    done
    vb import repo in
    expect_equal "$(registry repo 'SELECT count(*) FROM dataset')" 3000
    expect_equal "$(registry repo 'PRAGMA integrity_check')" ok
    check_store repo
}

# Flow style, anchors, keys in any order: YAML all the same.
test_any_layout() {
    small in
    vb create plain
    vb import plain in
    python3 "$EXPORTS" rows plain >plain.txt
    need_yaml
    python3 - "$SOURCE/tests/e2e" <<'PY'
import json, sys
sys.path.insert(0, sys.argv[1])
import exports
doc = exports.load("in/export.yaml")
for e in doc["data"]:
    for r in e.get("records", []):
        if "dataset_id" in r:
            r["dataset_id"] = [x[1] if isinstance(x, tuple) else x for x in r["dataset_id"]]
json.dump(doc, open("flow.yaml", "w"))
text = open("in/export.yaml").read()
open("anchors.yaml", "w").write(text.replace("run: r", "run: &r r", 1).replace("name: t", "name: &t t").replace("dataset_type: t", "dataset_type: *t"))
open("late.yaml", "w").write("data:" + text.split("data:")[1] + text.split("data:")[0])
open("indented.yaml", "w").write(text.split("data:")[0] + "data:" + text.split("data:")[1].replace("\n", "\n    ").rstrip() + "\n")
open("crlf.yaml", "w", newline="\r\n").write(text)
PY
    for layout in flow anchors late indented crlf; do
        cp $layout.yaml in/export.yaml
        vb create $layout
        vb import $layout in
        python3 "$EXPORTS" rows $layout | diff plain.txt - || fail $layout
    done
}

run_tests "$@"
