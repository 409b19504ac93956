#!/bin/sh
# table.sh EMBED FILE... - C source that holds each universe (N.yaml, embed.sh), and a table of them by number.
set -eu
embed=$1
shift
pairs=
for file in "$@"; do
    pairs="$pairs universe_$(basename "$file" .yaml)=$file"
done
# shellcheck disable=SC2086 # a list
sh "$embed" $pairs
echo 'struct vb_embedded_universe { int version; const char *text; const size_t *size; };'
echo 'extern const struct vb_embedded_universe vb_embedded_universes[];'
echo 'extern const size_t vb_embedded_universe_count;'
echo 'const struct vb_embedded_universe vb_embedded_universes[] = {'
for file in "$@"; do
    n=$(basename "$file" .yaml)
    echo "    {$n, vb_embedded_universe_$n, &vb_embedded_universe_${n}_size},"
done
echo '};'
echo 'const size_t vb_embedded_universe_count = sizeof vb_embedded_universes / sizeof *vb_embedded_universes;'
