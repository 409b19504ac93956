# lib.sh - what the end-to-end tests share.  A test is a shell script of functions named test_*; it ends with `run_tests`.
#
# Each function runs in a subshell of its own, in a directory of its own, with -e and -u; it fails where a command fails.  The
# environment says where things are: BUILD (where it was built), VBUTLER (the program), SIMULATE (tools/demo/simulate), SOURCE (the project's tree),
# VB_SHARED (real data; tests that need it skip where it is absent).  `sh tests/e2e/x.sh test_y` runs one function.

set -u
: "${SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${BUILD:=$SOURCE/build}"
: "${VBUTLER:=$BUILD/tools/vbutler}"
: "${SIMULATE:=$BUILD/tools/demo/simulate}"
: "${VB_SHARED:=$SOURCE/../shared}"
export SOURCE BUILD VBUTLER SIMULATE VB_SHARED
export LC_ALL=C

vb() {
    "$VBUTLER" "$@"
}

fail() {
    echo "  $*" >&2
    exit 1
}

skip() {
    echo "  skipped: $*" >&2
    exit 77
}

# expect_failure PATTERN COMMAND...: it must fail, with a message that matches (an extended regular expression).
expect_failure() {
    pattern=$1
    shift
    if "$@" >failure.out 2>failure.err; then
        cat failure.out failure.err >&2
        fail "succeeded, and should not have: $*"
    fi
    grep -Eq -- "$pattern" failure.err || {
        cat failure.err >&2
        fail "did not say '$pattern': $*"
    }
}

expect_equal() {
    [ "$1" = "$2" ] || fail "'$1' is not '$2'${3:+: $3}"
}

need_strace() {
    strace -qq true 2>/dev/null || skip "strace cannot trace here"
}

# traced OPTION... COMMAND...: under strace.  Leaks are not looked for in what is traced: that takes ptrace too.
traced() {
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" strace -f -qq -o trace "$@"
}

# One value from a registry, by SQL.
registry() {
    sqlite3 -readonly "$1/registry.sqlite3" "$2"
}

# A repository `repo` of numbers: dataset type `number`, dimension healpix5, values 0 to N-1, RUN `numbers`.  The pipeline
# numbers.yaml doubles each (task double) and adds them up (task sum).
make_numbers() {
    mkdir files
    vb create repo
    vb register-dataset-type repo number Text healpix5 --extension .txt
    {
        echo path,healpix5
        i=0
        while [ "$i" -lt "$1" ]; do
            echo "$i" >"files/$i.txt"
            echo "files/$i.txt,$i"
            i=$((i + 1))
        done
    } >numbers.csv
    vb ingest-files repo number numbers numbers.csv
    cat >numbers.yaml <<'YAML'
description: Doubles numbers, and adds them up.
tasks:
  double:
    dimensions: [healpix5]
    inputs:
      number: {type: number, dimensions: [healpix5], storageClass: Text, extension: .txt}
    outputs:
      doubled: {type: doubled, dimensions: [healpix5], storageClass: Text, extension: .txt}
    command: [sh, -c, 'echo $((2 * $(cat "$1"))) >"$2"', sh, "{in.number}", "{out.doubled}"]
  sum:
    dimensions: []
    inputs:
      doubled: {type: doubled, multiple: true}
    outputs:
      sum: {type: sum, dimensions: [], storageClass: Text, extension: .txt}
    command: [sh, -c, 'out=$1; shift; cat "$@" | awk "{{n += \$1}} END {{print n}}" >"$out"', sh, "{out.sum}", "{in.doubled}"]
YAML
}

# The first registries of all: version 1, and fewer tables than its last ones.
make_old() {
    make_numbers 3
    vb fsck repo
    sqlite3 repo/registry.sqlite3 <<'SQL'
DROP TABLE association; DROP TABLE run_detail; DROP TABLE datastore_record; DROP TABLE component;
DROP TABLE component_summary; DROP TABLE calib_1; DROP INDEX dataset_removed_run; DROP INDEX dataset_removed_type;
DROP INDEX connection_type; ALTER TABLE connection DROP COLUMN component; DROP TABLE trash; DROP TABLE execution;
DROP INDEX quantum_task; DROP TABLE quantum;
CREATE TABLE quantum (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL UNIQUE, task_id INTEGER NOT NULL,
    dataid TEXT NOT NULL, status INTEGER NOT NULL, attempt INTEGER NOT NULL, UNIQUE (task_id, dataid)) STRICT;
DELETE FROM meta WHERE key = 'schema_version';
PRAGMA user_version = 1;
SQL
    drop_indices repo "name GLOB 'overlap_*_record'"
    drop_new_indices repo
}

# drop_indices REPO CONDITION
drop_indices() {
    sqlite3 "$1/registry.sqlite3" "SELECT 'DROP INDEX ' || name || ';' FROM sqlite_schema WHERE type = 'index' AND ($2)" |
        sqlite3 "$1/registry.sqlite3"
}

# Those that came with version 3.
drop_new_indices() {
    drop_indices "$1" "name IN ('location_path', 'dataset_ingest') OR name GLOB '*_timespan'"
}

# before_doubling CODE: what the task `double` does first ('&' is written '\&').
before_doubling() {
    sed -i "s#'echo #'$1; echo #" numbers.yaml
}

# doubling_command WORDS: another command for the task `double`, as YAML.
doubling_command() {
    sed -i "0,/command:/s#command: .*#command: [$1]#" numbers.yaml
}

# run_numbers OUTPUT [OPTION...]
run_numbers() {
    output=$1
    shift
    vb run -b repo -p numbers.yaml -i numbers -o "$output" --no-progress "$@"
}

# The latest run of a chain.
latest_run() {
    registry "$1" "SELECT c.name FROM collection_chain k JOIN collection c ON c.id = k.child_id JOIN collection p
                   ON p.id = k.parent_id WHERE p.name = '$2' ORDER BY k.position LIMIT 1"
}

# mount_at WHAT MOUNTPOINT; taken away at the end of the test whatever happens.
mount_at() {
    mkdir -p "$2"
    vb mount "$1" "$2"
}

unmount_all() {
    grep " $TEST_DIR/" /proc/self/mounts | cut -d' ' -f2 | sed 's/\\040/ /g; s/\\134/\\/g' | sort -r | while read -r mountpoint; do
        "$VBUTLER" umount --lazy "$mountpoint" 2>/dev/null || umount -l "$mountpoint"
    done
}

# Nothing of the store is unknown to the registry, nothing that it knows is missing or has other bytes.
check_store() {
    python3 "$SOURCE/tests/e2e/check_store.py" "$1"
}

# The ordinary user of the tests, made where it is not there.  /dev/fuse gets the mode that udev gives it everywhere else,
# and /etc/mtab, without which fusermount3 unmounts nothing, is the link that it is on every installed system.
TEST_USER=vbutler-test
need_user() {
    [ "$(id -u)" = 0 ] || skip "needs root to become an ordinary user"
    id "$TEST_USER" >/dev/null 2>&1 || useradd --system --create-home --home-dir "/var/tmp/$TEST_USER" "$TEST_USER"
    [ -c /dev/fuse ] || skip "there is no /dev/fuse"
    chmod 666 /dev/fuse
    [ -e /etc/mtab ] || ln -s ../proc/self/mounts /etc/mtab
    share_program
}

# A container or a chroot may have none; then an ordinary user's jobs are plain, and nothing is captured.
need_user_namespaces() {
    as_user unshare --user true 2>/dev/null || skip "an ordinary user can make no user namespaces here"
}

# Where the program lies in a directory that the user may not enter (a clone in /root), it and the tests are copied.
share_program() {
    ! as_user test -x "$VBUTLER" || ! as_user test -r "$SOURCE/tests/e2e/lib.sh" || return 0
    mkdir -p "$TEST_DIR/source/tests"
    cp -R "$SOURCE/tests/e2e" "$TEST_DIR/source/tests/"
    cp "$VBUTLER" "$TEST_DIR/source/vbutler"
    chmod -R a+rX "$TEST_DIR/source"
    SOURCE=$TEST_DIR/source VBUTLER=$TEST_DIR/source/vbutler
}

as_user() {
    setpriv --reuid "$TEST_USER" --regid "$(id -g "$TEST_USER")" --init-groups env HOME="/var/tmp/$TEST_USER" "$@"
}

need_fuse() {
    [ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse cannot be opened"
}

need_demo_programs() {
    for program in source-extractor SWarp asttable astmatch astfits; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

run_one() {
    TEST_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/vbutler-test.XXXXXX")
    chmod 755 "$TEST_DIR"
    export VBUTLER_CACHE="$TEST_DIR/cache"
    (
        cd "$TEST_DIR" || exit 1
        set -e
        "$1"
    ) >"$TEST_DIR.log" 2>&1
    status=$?
    unmount_all
    case $status in
    0) echo "ok    $1" ;;
    77) echo "skip  $1: $(tail -n 1 "$TEST_DIR.log")" ;;
    *)
        echo "FAIL  $1"
        sed 's/^/      /' "$TEST_DIR.log"
        ;;
    esac
    if [ $status = 0 ] || [ $status = 77 ] || [ -z "${VB_KEEP:-}" ]; then
        rm -rf --one-file-system "$TEST_DIR" "$TEST_DIR.log"
    fi
    return $status
}

# Runs the functions that the command line names, or all: 0, 1 where one failed, 77 where all were skipped.
run_tests() {
    failed=0 passed=0
    [ $# -gt 0 ] || set -- $(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
    for name; do
        run_one "$name"
        case $? in
        0) passed=$((passed + 1)) ;;
        77) ;;
        *) failed=$((failed + 1)) ;;
        esac
    done
    [ $failed = 0 ] || exit 1
    [ $passed -gt 0 ] || exit 77
    exit 0
}
