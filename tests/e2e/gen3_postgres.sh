#!/bin/sh
# gen3_postgres.sh - a Gen3 registry in PostgreSQL.  The server is started here, on a socket in the test's own directory.
. "$(dirname "$0")/lib.sh"

SMALL=$VB_SHARED/data/gen3/repo-small

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

stop_server() {
    [ ! -f "$1/data/postmaster.pid" ] || as_postgres "$PG/pg_ctl" -s -w -m fast -D "$1/data" stop
}

# A server with the small repository's rows, as Rubin's program lays them out there: UUIDs, ranges, booleans.
start_server() {
    [ -f "$SMALL/gen3.sqlite3" ] || skip "there is no $SMALL"
    PG=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
    [ -n "$PG" ] || skip "PostgreSQL is not installed"
    vb import-gen3 --help >/dev/null
    server=$PWD/server
    mkdir "$server"
    [ "$(id -u)" != 0 ] || chown postgres "$server"
    as_postgres "$PG/initdb" -D "$server/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 >/dev/null
    printf "listen_addresses = ''\nunix_socket_directories = '%s'\nfsync = off\n" "$server" |
        as_postgres tee -a "$server/data/postgresql.conf" >/dev/null
    trap 'stop_server "$server"' EXIT
    as_postgres "$PG/pg_ctl" -s -w -D "$server/data" -l "$server/log" start
    python3 - "$SMALL/gen3.sqlite3" >load.sql <<'PY'
import sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro&immutable=1" % sys.argv[1], uri=True)
print('CREATE SCHEMA "main_20260101"; SET search_path TO "main_20260101"; BEGIN;')
def literal(value):
    return "NULL" if value is None else repr(value) if isinstance(value, (int, float)) else "'%s'" % value.replace("'", "''")
for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
    names, types, values = [], [], []
    for _, name, type, _, _, _ in db.execute('PRAGMA table_info("%s")' % table).fetchall():
        if name == "timespan_begin":
            names.append("timespan"), types.append("INT8RANGE")
            values.append("CASE WHEN timespan_begin IS NULL THEN 'NULL' WHEN timespan_begin > timespan_end THEN '''empty'''"
                          " ELSE '''[' || iif(timespan_begin = 0, '', timespan_begin) || ',' ||"
                          " iif(timespan_end = 4102444800000000000, '', timespan_end) || ')''' END")
        elif name != "timespan_end":
            names.append('"%s"' % name)
            types.append({"CHAR(32)": "UUID", "FLOAT": "DOUBLE PRECISION"}.get(type, type))
            values.append('quote("%s")' % name if type != "BOOLEAN" else 'iif("%s", \'true\', \'false\')' % name
                          if name != "region" else "")
    # Regions of visits as raw bytes, as older registries have them.
    if table == "visit":
        types[names.index('"region"')] = "BYTEA"
        values[names.index('"region"')] = "'decode(' || quote(region) || ',''base64'')'"
    print('CREATE TABLE "%s" (%s);' % (table, ", ".join("%s %s" % pair for pair in zip(names, types))))
    for row in db.execute('SELECT %s FROM "%s"' % (", ".join(values), table)):
        print('INSERT INTO "%s" VALUES (%s);' % (table, ", ".join(str(v) for v in row)))
print("COMMIT;")
PY
    psql -q -v ON_ERROR_STOP=1 -h "$server" -U postgres -d postgres -f load.sql
    mkdir theirs
    cat >theirs/butler.yaml <<YAML
datastore: {cls: lsst.daf.butler.datastores.fileDatastore.FileDatastore, root: $(realpath "$SMALL")}
registry: {db: "postgresql+psycopg2://postgres:secret@/postgres?host=$server", namespace: main_20260101}
YAML
}

need_libpq() {
    if vb import-gen3 repo theirs >import.out 2>import.err; then
        return
    fi
    if grep -q 'without libpq' import.err; then
        skip "vbutler was built without libpq"
    fi
    cat import.err >&2
    fail "the import failed"
}

# All rows of a registry, less row numbers.
dump() {
    python3 "$SOURCE/tests/e2e/exports.py" rows "$1"
    registry "$1" 'SELECT hex(uuid), ingest_date FROM dataset ORDER BY 1'
}

test_import_is_that_from_sqlite() {
    start_server
    vb create repo
    need_libpq
    vb create other
    vb import-gen3 other "$(realpath "$SMALL")"
    dump repo >from-postgres
    dump other >from-sqlite
    cmp from-sqlite from-postgres
    # Some, by expression; and a mount.
    vb create some
    vb import-gen3 some theirs --collections u/test/run1 --where "instrument = 'HSC' AND visit = 900002"
    expect_equal "$(registry some "SELECT count(*) FROM dataset d JOIN dataset_type t ON t.id = type_id WHERE t.name = 'calexp'")" 12
    need_fuse
    mount_at theirs mnt
    expect_equal "$(find mnt/data/u/test/run1/src -type f | wc -l)" 120
    vb umount mnt
}

test_errors_are_the_servers() {
    start_server
    vb create repo
    need_libpq
    sed -i 's/main_20260101/nowhere/' theirs/butler.yaml
    expect_failure 'no table butler_attributes' vb import-gen3 repo theirs
    sed -i 's/nowhere/main_20260101/; s,/postgres?host,/nodatabase?host,' theirs/butler.yaml
    expect_failure 'database "nodatabase" does not exist' vb import-gen3 repo theirs
    ! grep -q secret failure.err || fail "the password was shown"
    sed -i 's,/nodatabase?host,/postgres?host,' theirs/butler.yaml
    psql -q -h "$server" -U postgres -d postgres -c 'ALTER TABLE main_20260101.detector DROP COLUMN purpose'
    vb create repo2
    expect_failure "table 'detector' has no column 'purpose'" vb import-gen3 repo2 theirs
    psql -q -h "$server" -U postgres -d postgres -c 'ALTER TABLE main_20260101.detector ADD COLUMN purpose INT DEFAULT 3'
    expect_failure "detector.purpose is 3, which is not text" vb import-gen3 repo2 theirs
    stop_server "$server"
    expect_failure 'No such file or directory' vb import-gen3 repo2 theirs
}

# What the server's registry has is left out of an export, what it lacks is in, what clashes is refused: as of an SQLite file.
test_export_for_it() {
    start_server
    vb create repo
    need_libpq
    mkdir temporary
    export TMPDIR=$PWD/temporary
    vb export repo none --for theirs >out
    ! grep -q 'type: dataset$' none/export.yaml
    grep -q 'has 492 datasets of them already' out
    psql -q -h "$server" -U postgres -d postgres <<'SQL'
SET search_path TO main_20260101;
DELETE FROM dataset_tags_00000002 WHERE dataset_id IN (SELECT id FROM dataset WHERE dataset_type_id = 3);
DELETE FROM dataset WHERE dataset_type_id = 3;
DELETE FROM patch WHERE id = 30;
SQL
    vb export repo some --for theirs --transfer direct >out
    grep -q 'exported 120 datasets and [1-9][0-9]* dimension records' out
    ! grep -q 'element: visit$' some/export.yaml
    grep -q 'element: patch' some/export.yaml
    vb create other
    psql -q -h "$server" -U postgres -d postgres -c "UPDATE main_20260101.dataset_type SET storage_class = 'Other' WHERE name = 'src'"
    expect_failure "dataset type 'src' has storage class Other in theirs, not" vb export repo clash --for theirs
    [ ! -e clash/export.yaml ]
    rmdir temporary || fail "something was left"
}

run_tests "$@"
