#!/bin/sh
# tutorial.sh - runs docs/tutorial.md: its blocks ```sh one after the other, in one shell, in a directory of its own.
#
# A block must end well; one that begins with ```sh fails must not.  Where a block ```output follows, what the commands
# printed must be that: `...` in a line stands for any text, a line `...` for any lines.
#
# VBUTLER is the program, SIMULATE the survey's simulator, SOURCE the project's tree.  `tutorial.sh FILE.md` runs another
# document that is written so.
set -u
: "${SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${VBUTLER:=$SOURCE/build/tools/vbutler}"
: "${SIMULATE:=$SOURCE/build/tools/demo/simulate}"
export SOURCE
export LC_ALL=C
SOURCE=$(cd "$SOURCE" && pwd)
document=${1:-$SOURCE/docs/tutorial.md}

skip() {
    echo "skipped: $*"
    exit 77
}
for program in source-extractor SWarp asttable astfits astmatch getfattr; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse cannot be opened"
PATH=$(cd "$(dirname "$VBUTLER")" && pwd):$(cd "$(dirname "$SIMULATE")" && pwd):$PATH
export PATH

_top=$(mktemp -d "${TMPDIR:-/var/tmp}/vbutler-tutorial.XXXXXX") || exit 1
_blocks=$_top/blocks _now='' _ended=
mkdir "$_blocks" "$_top/work"
export HOME="$_top"

at_end() {
    status=$?
    cd /
    grep " $_top/" /proc/self/mounts | cut -d' ' -f2 | sort -r | while read -r mountpoint; do
        vbutler umount --lazy "$mountpoint" 2>/dev/null || umount -l "$mountpoint"
    done
    if [ -z "$_ended" ] && [ -n "$_now" ]; then
        echo "FAIL  the commands at $document:$(cat "$_blocks/$_now.line") ended with $status; they said:"
        sed 's/^/      /' "$_blocks/$_now.out"
        [ $status != 0 ] || status=1
    fi
    [ -n "${VB_KEEP:-}" ] && echo "kept: $_top" || rm -rf "$_top"
    exit $status
}
trap at_end EXIT

# BLOCKS/N.sh, N.kind, N.line, N.expected
awk -v blocks="$_blocks" '
    /^```sh/ {n++; kind = $2; sub(/^```sh */, ""); print $0 >(blocks "/" n ".kind"); print FNR + 1 >(blocks "/" n ".line")
              file = blocks "/" n ".sh"; printf "" >file; next}
    /^```output/ {file = blocks "/" n ".expected"; printf "" >file; next}
    /^```/ {if (file) close(file); file = ""; next}
    file {print >file}
    END {print n + 0 >(blocks "/count")}' "$document"
_count=$(cat "$_blocks/count")
[ "$_count" -gt 0 ] || {
    echo "FAIL  $document has no commands"
    exit 1
}

# compare EXPECTED PRINTED
compare() {
    awk '
        function pattern(line) {
            gsub(/[][\\.^$*+?(){}|]/, "\\\\&", line)
            gsub(/\\\.\\\.\\\./, ".*", line)
            return "^" line "$"
        }
        NR == FNR {expected[++n] = $0; next}
        {printed[++m] = $0}
        END {
            i = j = 1
            while (i <= n) {
                if (expected[i] == "...") {
                    any = 1
                    i++
                    continue
                }
                while (any && j <= m && printed[j] !~ pattern(expected[i])) j++
                if (j > m || printed[j] !~ pattern(expected[i])) {
                    print "expected: " expected[i]
                    print "printed:  " (j > m ? "nothing more" : printed[j])
                    exit 1
                }
                any = 0
                i++
                j++
            }
            if (!any && j <= m) {
                print "printed, and not expected: " printed[j]
                exit 1
            }
        }' "$1" "$2"
}

set -e
cd "$_top/work"
_now=0
while [ $_now -lt "$_count" ]; do
    _now=$((_now + 1))
    if [ "$(cat "$_blocks/$_now.kind")" = fails ]; then
        set +e # not `if . ...`: dash obeys -e in a file that is read in a condition
        . "$_blocks/$_now.sh" >"$_blocks/$_now.out" 2>&1
        _status=$?
        set -e
        [ $_status != 0 ] || {
            echo "should have failed" >>"$_blocks/$_now.out"
            exit 1
        }
    else
        . "$_blocks/$_now.sh" >"$_blocks/$_now.out" 2>&1
    fi
    [ ! -e "$_blocks/$_now.expected" ] || compare "$_blocks/$_now.expected" "$_blocks/$_now.out" >"$_blocks/difference" || {
        cat "$_blocks/difference" >>"$_blocks/$_now.out"
        exit 1
    }
done
_ended=yes
echo "ok    $_count blocks of $document"
