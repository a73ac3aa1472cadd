#!/bin/sh
# tidy.sh BUILD - what a reviewer need not look for; prints one line a check.
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
status=0
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT

check() # name command...
{
    name=$1; shift
    if "$@" >"$output" 2>&1; then
        printf 'ok    %s\n' "$name"
    else
        printf 'FAIL  %s\n' "$name"
        head -60 "$output"
        status=1
    fi
}
check_format()
{
    find src include cli tests examples bench -name '*.[ch]' -print0 |
        xargs -0 clang-format --dry-run -Werror
}

if command -v clang-format >/dev/null 2>&1 || tools/install-deps clang-format; then
    check format check_format
else
    printf 'FAIL  format: there is no clang-format\n'
    status=1
fi
check floors tools/check-floors.sh
check headers tools/check-headers.sh "$build"
check lengths tools/check-functions.sh
check calls tools/check-calls.sh
check exports tools/check-exports.sh "$build"
check reference tools/make-reference --check "$build"
exit $status
