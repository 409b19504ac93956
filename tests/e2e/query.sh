#!/bin/sh
# query.sh - the query commands, as a person types them; and beside daf_butler's own answers, where those are at hand.
. "$(dirname "$0")/lib.sh"

GOLDEN=$VB_SHARED/data/golden

# rubin NAME OPTION...: the command prints what `butler` did, byte for byte.
rubin() {
    name=$1
    shift
    echo "$name" >>compared
    vb "$@" >"$name.out" 2>"$name.err" || fail "$name: $(cat "$name.err")"
    diff -u "$GOLDEN/cli/$name.out" "$name.out" >&2 || fail "$name differs"
}

import_small() {
    [ -d "$GOLDEN/cli" ] && [ -d "$VB_SHARED/data/gen3/repo-small" ] || skip "$GOLDEN is not there"
    vb create repo
    vb import-gen3 repo "$VB_SHARED/data/gen3/repo-small" >import.log
}

# The values of one column of a JSON answer, each on a line.
column() {
    python3 -c 'import json, sys
for row in json.load(sys.stdin):
    print(row[sys.argv[1]])' "$1"
}

test_tables_are_those_of_butler() {
    import_small
    rubin qc query-collections repo
    rubin qc_dst query-collections repo -t
    rubin qc_flat query-collections repo --chains FLATTEN
    rubin qc_inv query-collections repo --chains INVERSE-TREE
    rubin qc_table query-collections repo --chains TABLE
    rubin qdt query-dataset-types repo
    rubin qdt_v query-dataset-types -v repo 'cal*'
    rubin qd1 query-datasets repo calexp --collections u/test/run1 --where "instrument='HSC' AND visit=900002"
    rubin qd_bad query-datasets repo nonesuch
    rubin qdi query-data-ids repo visit --where "instrument='HSC' AND visit < 900004"
    rubin qdi2 query-data-ids repo visit tract --where "instrument='HSC' AND skymap='hsc_rings_v1' AND visit < 900004"
    rubin qdr query-dimension-records repo exposure --where "instrument='HSC' AND day_obs=20240301"
    rubin qdr_v query-dimension-records repo visit --where "instrument='HSC' AND day_obs=20240301" --limit 2
    # Compared in tests of their own below: URIs; what is an empty table there and here; what is an error there and here.
    # cfg is a configuration of daf_butler's, which vbutler does not have.
    printf '%s\n' qd2 qd_none qd3 cfg >>compared
    (cd "$GOLDEN/cli" && ls ./*.cmd) | sed 's#^./##; s#.cmd$##' | sort >recorded
    sort compared | diff recorded - >&2 || fail "recorded answers that are not compared"
}

# daf_butler ends these with a traceback, and prints no table.
test_what_butler_refuses_prints_no_table() {
    import_small
    for name in qd_none qd3; do
        grep -q '^rc=1 ' "$GOLDEN/cli/$name.cmd" && [ ! -s "$GOLDEN/cli/$name.out" ] || fail "$name was answered"
    done
    vb query-datasets repo calexp --collections u/test/run1 --where "instrument='HSC' AND visit=1" >out 2>err
    [ -z "$(tr -d '\n' <out)" ] || fail "$(cat out)"
    grep -q 'nothing found' err
    expect_failure "one dataset type, and 2 match" \
        vb query-datasets repo 'c*' --collections u/test/run1 --limit 3 --order-by=-visit
    [ ! -s failure.out ] || fail "$(cat failure.out)"
}

# daf_butler's table has its own root, so that only the rest of it can be the same.
test_uris_are_those_of_butler() {
    import_small
    vb query-datasets repo calexp --collections u/test/chain --find-first --where "instrument='HSC' AND visit=900002" \
        --show-uri >ours
    grep -q "file://$VB_SHARED/data/gen3/repo-small/u/test/run2" ours || grep -q 'file://.*/u/test/run2' ours
    for file in ours "$GOLDEN/cli/qd2.out"; do
        sed -E 's#[^ ]*/u/test/#ROOT/u/test/#; s/-+$/-/; s/ +URI +$/ URI/' "$file" >"$(basename "$file").same"
    done
    cmp ours.same qd2.out.same
}

test_every_query_selects_what_butlers_does() {
    import_small
    cat >compare.py <<'PY'
import json, subprocess, sys
answers = json.load(open(sys.argv[2]))
done = 0
for q in answers["queries"]:
    names = q["collections"]
    command = [sys.argv[1], "query-datasets", "repo", q["dataset_type"], "--format", "json", "--collections",
               names if isinstance(names, str) else ",".join(names)]
    command += ["--where", q["where"]] if q["where"] else []
    command += ["--find-first"] if q["find_first"] else []
    p = subprocess.run(command, capture_output=True, text=True)
    if "error" in q:
        assert p.returncode == 1 and p.stderr.startswith("error: ") and not p.stdout.strip("[]\n"), (q, p)
        done += 1
        continue
    assert p.returncode == 0, (q, p.stderr)
    rows = json.loads(p.stdout)
    ours = sorted((r["id"], r["run"], [[k, r[k]] for k in sorted(q["refs"][0]["data_id"])]) for r in rows)
    theirs = sorted((r["id"], r["run"], [list(i) for i in sorted(r["data_id"].items())]) for r in q["refs"])
    assert ours == theirs, (q["where"], len(ours), len(theirs))
    done += 1
assert done >= 16, done
PY
    python3 compare.py "$VBUTLER" "$GOLDEN/small.json"
}

test_what_is_valid_when() {
    import_small
    all=$(vb query-datasets repo bias --collections HSC/calib --format json | column id | sort -u | wc -l)
    expect_equal "$all" 24 "biases, whatever their validity"
    vb query-datasets repo bias --collections HSC/defaults --find-first --format json \
        --where "instrument='HSC' and exposure=900000" | column run | sort -u >runs
    expect_equal "$(cat runs)" HSC/calib/gen/20240301
    expect_failure "'bias' in 'HSC/calib' needs a time" vb query-datasets repo bias --collections HSC/calib --find-first
    grep -q 'exposure=' failure.err
}

test_expressions_of_all_kinds() {
    import_small
    count() {
        vb query-datasets repo calexp --collections u/test/run1 --format csv --where "instrument='HSC' and $1" 2>err | tail -n +2 | wc -l
    }
    expect_equal "$(count "visit = 900000")" 12
    expect_equal "$(count "visit in (900000, 900002..900006:2) and detector in (40..43:3)")" 8
    expect_equal "$(count "(visit = 900000 or visit = 900002) and not detector > 41")" 4
    expect_equal "$(count "glob(physical_filter, 'HSC-?') and visit = 900000")" 12
    expect_equal "$(count "visit.exposure_time is null")" 0
    expect_equal "$(count "visit.timespan overlaps (T'2024-03-01T05:00:00/tai', T'2024-03-01T05:03:20/tai')")" 12
    expect_equal "$(count "visit.timespan.begin = T'2024-03-01T05:00:00/tai'")" 12
    expect_equal "$(count "calexp.dataset_id = UUID('01a1f7d0-c4f8-7413-a06a-70797dd65665')")" 1
    expect_equal "$(count "calexp.run = 'u/test/run1' and visit = 900000")" 12
    expect_equal "$(count "ingest_date > T'2000-01-01' and visit = 900000")" 12
    expect_equal "$(count "ingest_date > T'2099-01-01'")" 0
    all=$(count "visit.region overlaps POINT(150.1, 2.2)")
    [ "$all" -gt 0 ]
    for region in "CIRCLE(150.1, 2.2, 0.0001)" "BOX(150.1, 2.2, 0.0001, 0.0001)" "REGION('CIRCLE 150.1 2.2 0.0001')" \
        "POLYGON(150.1, 2.2, 150.1001, 2.2, 150.1, 2.2001)" "REGION('RANGE 150.0999 150.1001 2.1999 2.2001')" \
        "REGION('POLYGON 150.1 2.2 150.1001 2.2 150.1 2.2001')"; do
        expect_equal "$(count "visit.region overlaps $region")" "$all" "$region"
    done
}

# Whether all pixels are reckoned and one is kept, or records near that pixel are looked for, makes no difference.
test_a_pixel_selects_what_touches_it() {
    import_small
    for pixels in healpix9 healpix4 htm8; do
        vb query-data-ids repo visit detector $pixels --where "instrument='HSC'" --format json >all
        python3 - "$VBUTLER" $pixels <<'PY'
import json, subprocess, sys
vbutler, name = sys.argv[1:]
rows = json.load(open("all"))
pixels = sorted({r[name] for r in rows})
assert len(rows) > len(pixels) > 0
for pixel in pixels[:: max(1, len(pixels) // 12)]:
    for where in f"{name} = {pixel}", f"{pixel} = {name}", f"{name} IN ({pixel})":
        found = subprocess.run([vbutler, "query-data-ids", "repo", "visit", "detector", name, "--where",
                                f"instrument='HSC' AND {where}", "--format", "json"], capture_output=True, check=True)
        assert json.loads(found.stdout) == [r for r in rows if r[name] == pixel], (where, pixel)
PY
    done
    pixel=$(python3 -c "import json; print(json.load(open('all'))[0]['htm8'])")
    vb query-data-ids repo visit detector htm8 --where "instrument='HSC' AND htm8=$pixel" --explain >plan
    grep -q 'SEARCH o USING PRIMARY KEY (pixel' plan || fail "$(cat plan)"
    vb query-data-ids repo visit htm8 --where "instrument='HSC' AND htm8 = -1" 2>err
    grep -q 'nothing found' err
}

test_values_from_outside() {
    import_small
    vb query-datasets repo calexp --collections u/test/run1 --where "instrument = :i and visit in :visits and detector = :d" \
        --bind i=HSC --bind "visits=(900000, 900004..900006)" --bind d=41 --format json | column visit >visits
    expect_equal "$(tr '\n' ' ' <visits)" "900000 900004 900006 "
    printf 'instrument,visit,detector\nHSC,900000,40\nHSC,900002,51\nHSC,1,1\n' >ids.csv
    vb query-datasets repo calexp --collections u/test/run1 --data-id-table ids.csv --format json | column detector >detectors
    expect_equal "$(tr '\n' ' ' <detectors)" "40 51 "
    expect_failure "no value is given for ':x' at column 30" \
        vb query-datasets repo calexp --where "instrument='HSC' and visit = :x"
    expect_failure "two values" vb query-datasets repo calexp --bind x=1 --bind x=2
    expect_failure "'x' is no NAME=VALUE" vb query-datasets repo calexp --bind x
    printf 'visit\n1\n' >ids.csv
    expect_failure "ids.csv:1: a column 'instrument' is missing" vb query-datasets repo calexp --data-id-table ids.csv
    printf 'instrument,visit\nHSC,one\n' >ids.csv
    expect_failure "ids.csv:2: .*'one'" vb query-datasets repo calexp --data-id-table ids.csv
}

test_order_limit_offset() {
    import_small
    vb query-datasets repo calexp --collections u/test/run1 --where "instrument='HSC' and detector=40" \
        --order-by=-visit --limit 3 --offset 1 --format json | column visit >visits
    expect_equal "$(tr '\n' ' ' <visits)" "900016 900014 900012 "
    vb query-dimension-records repo visit --order-by=-timespan.begin --limit 2 --format json | column id >own
    vb query-dimension-records repo visit --order-by=-visit.timespan.begin --limit 2 --format json | column id | cmp - own
    vb query-dimension-records repo exposure --order-by=-zenith_angle,exposure --limit 1 --format json | column id >id
    best=$(vb query-dimension-records repo exposure --format json | python3 -c 'import json, sys
print(max(json.load(sys.stdin), key=lambda r: r["zenith_angle"])["id"])')
    expect_equal "$(cat id)" "$best"
    expect_equal "$(vb query-datasets repo --limit 7 --format json | column id | wc -l)" 7
    expect_failure "one dataset type, and 2 match" vb query-datasets repo 'c*' --order-by=-visit
    expect_failure "'visti' is no dimension" vb query-data-ids repo visit --order-by visti
}

# With one instrument the last visits are read from the end of an index, though nobody has said which instrument; with two
# of them all must be sorted.
test_the_last_of_many_are_not_sorted() {
    import_small
    sqlite3 repo/registry.sqlite3 "
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
        INSERT INTO dimension_visit SELECT NULL, instrument, i, day_obs, physical_filter, 'V' || i, seq_num, exposure_time,
            target_name, observation_reason, science_program, azimuth, zenith_angle, NULL, timespan_begin, timespan_end
            FROM n, dimension_visit WHERE visit = 900000"
    last() {
        vb query-data-ids repo visit "$@" --order-by=-visit --limit 3 --format json | column visit | tr '\n' ' '
    }
    expect_equal "$(last)" "900018 900016 900014 "
    expect_equal "$(last --where "instrument='HSC' AND visit < 30000")" "29999 29998 29997 "
    vb query-data-ids repo visit --order-by=-visit --limit 3 --explain >plan
    ! grep -q 'TEMP B-TREE' plan || fail "$(cat plan)"
    sqlite3 repo/registry.sqlite3 "
        INSERT INTO dimension_instrument (instrument) VALUES ('Other');
        INSERT INTO dimension_physical_filter (instrument, physical_filter, band) VALUES ('Other', 'f', 'g');
        INSERT INTO dimension_day_obs (instrument, day_obs) VALUES ('Other', 1);
        INSERT INTO dimension_visit (instrument, visit, day_obs, physical_filter, name) VALUES ('Other', 900017, 1, 'f', 'x')"
    expect_equal "$(last)" "900018 900017 900016 "
}

test_an_empty_answer_is_no_error_and_can_be_asked_why() {
    import_small
    vb query-datasets repo calexp --collections u/test/run1 --where "instrument='HSC' and visit=900000 and band='z'" \
        --why-empty --format json >out 2>err
    expect_equal "$(cat out)" "[]"
    grep -q "of 120 'calexp', 120 have instrument='HSC', 12 have visit=900000, 0 have band='z'" err || fail "$(cat err)"
    vb query-datasets repo calexp --collections u/test/run1 --where "instrument='HSC' and visit=1" 2>err
    grep -q 'nothing found.*--why-empty' err
    vb query-datasets repo raw --collections u/test/run1 2>err
    grep -q "no 'raw' was ever put into u/test/run1" err
    vb query-datasets repo calexp src --collections u/test/run1 --where "instrument='HSC' and visit=1" --why-empty 2>err
    grep -q "of 120 'calexp', .* 0 have visit=1" err && grep -q "of 120 'src', .* 0 have visit=1" err || fail "$(cat err)"
    printf 'instrument,visit\nHSC,1\n' >ids.csv
    vb query-data-ids repo visit --data-id-table ids.csv --why-empty 2>err
    grep -q '0 stand in ids.csv' err || fail "$(cat err)"
}

test_what_is_wrong_is_shown_where_it_stands() {
    import_small
    for wrong in "visit = 'a'|a number and text cannot be compared at column 9" \
        "(visit = 3|expected '\\)' at column 11" \
        "vist = 3|'vist' is no dimension and no field of one at column 1" \
        "visit.sky = 3|'visit' has no field 'sky' at column 1" \
        "visit.region overlaps POINT(1)|regions are POINT.* at column 23" \
        "raw.dataset_id = UUID('x')|UUID takes 32 hexadecimal digits.* at column 18" \
        "bias.ingest_date > T'2020-01-01'|'bias' is neither a dimension nor a dataset type that is asked for at column 1" \
        "visit.region overlaps REGION('SPHERE 1')|no region of IVOA.* at column 30" \
        "visit.timespan overlaps T'x'|at column 25"; do
        expect_failure "${wrong#*|}" vb query-datasets repo raw --where "${wrong%|*}"
        [ "$(tail -n 1 failure.err | tr -d ' ')" = '^' ] || [ "$(tail -n 2 failure.err | head -n 1 | tr -d ' ')" = '^' ] ||
            fail "no caret: $(cat failure.err)"
    done
    expect_failure "depends on the instrument" vb query-datasets repo raw --where "exposure = 900000"
    expect_failure "depends on the skymap" vb query-data-ids repo patch --where "patch = 3"
    vb query-dimension-records repo exposure --where "exposure = 900000" --no-check >out
    expect_failure "no collection 'nope'" vb query-datasets repo raw --collections nope
    expect_failure "no dimension 'visti'" vb query-data-ids repo visti
    expect_failure "--chains is" vb query-collections repo --chains tree
    expect_failure "'RUNS' is no type of collection" vb query-collections repo --collection-type RUNS
    expect_failure "formats are" vb query-datasets repo raw --format xml
}

test_the_plan_has_no_scans() {
    import_small
    vb query-datasets repo calexp --collections u/test/run1 --where "instrument='HSC' and visit=900002" --explain >plan
    grep -q 'SEARCH d0 USING PRIMARY KEY (type_id=? AND collection_id=? AND instrument=?' plan || fail "$(cat plan)"
    ! grep -q 'SCAN' plan || fail "$(cat plan)"
    vb query-data-ids repo visit detector patch --explain \
        --where "instrument='HSC' and skymap='hsc_rings_v1' and tract=9812 and patch=31" >plan
    ! grep -q 'SCAN' plan || fail "$(cat plan)"
}

test_formats() {
    make_numbers 3
    vb query-datasets repo number --format csv >out.csv
    expect_equal "$(head -n 1 out.csv)" type,run,id,healpix5
    expect_equal "$(cut -d, -f1,2,4 out.csv | tail -n +2 | tr '\n' ' ')" "number,numbers,0 number,numbers,1 number,numbers,2 "
    vb query-datasets repo number --format json | column healpix5 >out
    expect_equal "$(tr '\n' ' ' <out)" "0 1 2 "
    expect_equal "$(vb query-collections repo --format json | column Name)" numbers
    expect_equal "$(vb query-dataset-types repo -v --format json | column 'storage class')" Text
    vb query-datasets repo number --show-uri --format json | column URI >uris
    grep -qx "file://$(pwd -P)/repo/.*number_2.*\.txt" uris || fail "$(cat uris)"
}

test_a_graph_can_be_asked() {
    make_numbers 3
    vb qgraph -b repo -p numbers.yaml -i numbers -o u/x -q g.vbg -d "healpix5 in :few" --bind "few=(0, 2)"
    expect_equal "$(vb query-datasets g.vbg doubled --format json | column healpix5 | tr '\n' ' ')" "0 2 "
    vb query-collections g.vbg | grep -q numbers
}

# As many rows as do not fit into what a table keeps in memory.
test_many_rows_stream() {
    make_numbers 2
    sqlite3 repo/registry.sqlite3 "
        WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 60099)
        INSERT INTO dataset (uuid, type_id, run_id, dataid, ingest_date, state)
            SELECT randomblob(16), 1, 1, '[' || i || ']', i, 0 FROM n;
        INSERT INTO member_1 (type_id, collection_id, healpix5, dataset_id)
            SELECT 1, 1, dataid ->> 0, id FROM dataset WHERE ingest_date < 100000"
    vb query-datasets repo number >table
    expect_equal "$(wc -l <table)" $((60000 + 2 + 4))
    expect_equal "$(awk 'NF == 4 && $1 == "number" {print $4}' table | sort -nu | wc -l)" 60002
    expect_equal "$(awk 'NF {print length}' table | sort -u | wc -l)" 1 "lines of one length"
    expect_equal "$(vb query-datasets repo number --format json | column healpix5 | tail -n 1)" 60099
    vb query-datasets repo number --where "healpix5 = 50000" --explain >plan
    grep -q 'SEARCH d0 USING PRIMARY KEY (type_id=? AND collection_id=? AND healpix5=?)' plan || fail "$(cat plan)"
    (
        ulimit -v 400000
        "$VBUTLER" --version >/dev/null 2>&1 || exit 0 # a sanitizer's shadow does not fit
        "$VBUTLER" query-datasets repo number --format csv | tail -n 1 | grep -q ',60099$'
    )
}

run_tests "$@"
