#!/bin/sh
# check-exports.sh BUILD - what libmql.a and libmql.so give to a program: every
# name mql_*, and all that include/mql.h declares.
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
status=0
names=$(mktemp) || exit 1
trap 'rm -f "$names"' EXIT
declared=$(sed -n '/^MQL_API/,/;/p' include/mql.h | tr '\n' ' ' |
    grep -o 'mql_[a-z0-9_]*(' | grep -v '^mql_status(' | tr -d '(' | sort -u)
for library in "$build/libmql.a" "$build/libmql.so"; do
    case $library in *.so) only=-D ;; *) only= ;; esac
    nm -g $only --defined-only "$library" | awk 'NF == 3 { print $3 }' | sort -u >"$names"
    [ -s "$names" ] || { echo "$library: error: exports nothing"; status=1; }
    if grep -v '^mql_' "$names" | sed "s|^|$library: error: exports |" | grep .; then
        status=1
    fi
    for name in $declared; do
        grep -qx "$name" "$names" ||
            { echo "$library: error: mql.h declares $name, which is not there"; status=1; }
    done
done
exit $status
