#!/bin/sh
# embed.sh NAME=FILE... - C source that holds each file as `const char vb_embedded_NAME[]`, NUL-terminated, with its
# length in `vb_embedded_NAME_size`: so that one binary is enough on a batch node.
set -eu
echo '#include <stddef.h>'
for pair in "$@"; do
    name=${pair%%=*} file=${pair#*=}
    echo "extern const char vb_embedded_$name[];"
    echo "extern const size_t vb_embedded_${name}_size;"
    echo "const char vb_embedded_$name[] = {"
    od -An -v -tx1 "$file" | sed 's/ \(..\)/0x\1,/g'
    echo "0};"
    echo "const size_t vb_embedded_${name}_size = sizeof vb_embedded_$name - 1;"
done
