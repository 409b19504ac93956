#!/bin/sh
# help_and_pages.sh - each command has a page, whose synopsis and options are those of --help, spelled alike in both; and
# each docs/*.md that something mentions is there.
#
# VBUTLER is the program, SOURCE the project's tree.
set -u
: "${SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${VBUTLER:=$SOURCE/build/tools/vbutler}"
export LC_ALL=C

work=$(mktemp -d "${TMPDIR:-/tmp}/vbutler-pages.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAIL  $*" >&2
    failed=1
}

# same WHAT HELP PAGE: the files must be equal.
same() {
    diff -u --label "--help" --label "page" "$2" "$3" >"$work/diff" && return
    fail "$1:"
    sed 's/^/      /' "$work/diff" >&2
}

# "-j, --processes N": of lines "  -j, --processes N   text"
options_of_help() {
    sed -nE 's/^  (-[A-Za-z], |    )(--[a-z0-9-]+)( [^ ]+)?(  .*)?$/\1\2\3/p' | sed 's/^ *//' | sort
}

# The same of lines "*-j*, *--processes* _N_" below OPTIONS.
options_of_page() {
    sed -n '/^# OPTIONS/,/^# EXIT/p' | sed -n '/^\*-/p' | tr -d '*_\\' | sort
}

# Markup away; what is meant stays: STORAGE_CLASS has an underscore between letters.
plain() {
    sed -E 's/\\//g; s/\*//g; s/(^|[^A-Za-z0-9])_/\1/g; s/_($|[^A-Za-z0-9])/\1/g; s/ +/ /g; s/ $//'
}

"$VBUTLER" --help | sed -nE 's/^  ([a-z][a-z0-9-]*)  .*/\1/p' >"$work/commands"
[ -s "$work/commands" ] || fail "vbutler --help lists no commands"
while read -r command; do
    page=$SOURCE/docs/man/vbutler-$command.1.scd
    [ -f "$page" ] || {
        fail "docs/man/vbutler-$command.1.scd is not there"
        continue
    }
    "$VBUTLER" "$command" --help >"$work/help" || fail "vbutler $command --help ends with $?"

    options_of_help <"$work/help" >"$work/options.help"
    options_of_page <"$page" >"$work/options.page"
    same "options of vbutler $command" "$work/options.help" "$work/options.page"

    sed -n 's/^usage: //p' "$work/help" | sed 's/ *$//' >"$work/usage.help"
    sed -n '/^# SYNOPSIS/,/^# DESCRIPTION/p' "$page" | sed -n '/^\*vbutler/p' | plain >"$work/usage.page"
    same "synopsis of vbutler $command" "$work/usage.help" "$work/usage.page"

    sed -n '3p' "$work/help" | sed "s/^/vbutler-$command - /" >"$work/name.help"
    sed -n '/^# NAME/,/^# SYNOPSIS/p' "$page" | sed -n '/^vbutler/p' >"$work/name.page"
    same "summary of vbutler $command" "$work/name.help" "$work/name.page"

    for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
        grep -qx "# $section" "$page" || fail "vbutler-$command.1.scd has no section $section"
    done
    grep -qF "*vbutler-$command*(1)" "$SOURCE/docs/man/vbutler.1.scd" || fail "vbutler.1.scd does not name vbutler-$command(1)"
done <"$work/commands"

# No page without its command; no page that is not built.
for page in "$SOURCE"/docs/man/*.scd; do
    name=$(basename "$page" .1.scd)
    [ "$name" = vbutler ] || grep -qx -- "${name#vbutler-}" "$work/commands" || fail "$name.1.scd is the page of no command"
    grep -qF "'$name'" "$SOURCE/docs/meson.build" || fail "docs/meson.build does not build $name.1"
done

# A page that another one names is there.
grep -ohE '\*vbutler[a-z0-9-]*\*\(1\)' "$SOURCE"/docs/man/*.scd | tr -d '*' | sed 's/(1)$//' | sort -u | while read -r name; do
    [ -f "$SOURCE/docs/man/$name.1.scd" ] || echo "$name"
done >"$work/pages.missing"
[ ! -s "$work/pages.missing" ] || fail "pages that others name and that are not there: $(tr '\n' ' ' <"$work/pages.missing")"

# docs/NAME.md wherever it is mentioned, and links among the documents.
{
    find "$SOURCE/registry" "$SOURCE/fs" "$SOURCE/runner" "$SOURCE/tools" "$SOURCE/docs" "$SOURCE/tests" -type f \
        \( -name '*.[ch]' -o -name '*.md' -o -name '*.scd' -o -name '*.yaml' -o -name '*.sh' -o -name meson.build \
        -o ! -name '*.*' \) -exec grep -ohE 'docs/[a-z][a-z0-9-]*\.md' {} +
    grep -ohE 'docs/[a-z][a-z0-9-]*\.md' "$SOURCE/README.md"
    grep -ohE '\]\([a-z][a-z0-9-]*\.md' "$SOURCE"/docs/*.md | sed 's|](|docs/|'
} | sort -u | while read -r name; do
    [ -f "$SOURCE/$name" ] || echo "$name"
done >"$work/docs.missing"
[ ! -s "$work/docs.missing" ] || fail "documents that are mentioned and not there: $(tr '\n' ' ' <"$work/docs.missing")"

# Each document is in the index, has one title, and no line that is too long to read.
for document in "$SOURCE"/docs/*.md; do
    name=$(basename "$document")
    [ "$name" = README.md ] || grep -qF "($name)" "$SOURCE/docs/README.md" || fail "docs/README.md does not list $name"
    awk -v name="docs/$name" '
        /^```/ {fenced = !fenced}
        !fenced && /^# / {titles++}
        length > 160 && !/^\|/ {print name ":" FNR ": " length " characters"; bad = 1}
        END {if (titles != 1) {print name ": " titles + 0 " titles"; bad = 1} exit bad}' "$document" >"$work/long" ||
        fail "$(cat "$work/long")"
done

exit $failed
