#!/bin/sh
# fuzz.sh T [SECONDS] - fuzz tests/fuzz/fuzz_T.c with clang's libFuzzer.
#
# New inputs go to build-fuzz/corpus-T, findings to build-fuzz/; a finding worth
# keeping is made small (-minimize_crash=1) and put into tests/fuzz/corpus/T/,
# where `make check` replays it for ever.
set -eu
cd "$(dirname "$0")/.."
name=${1:-}
seconds=${2:-60}
if [ ! -f "tests/fuzz/fuzz_$name.c" ]; then
    echo "usage: make fuzz T=NAME [SECONDS=60]; names:" \
        $(ls tests/fuzz/fuzz_*.c 2>/dev/null | sed 's/.*fuzz_//; s/\.c$//') >&2
    exit 1
fi
tools/install-deps clang
build=build-fuzz
flags='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
make --no-print-directory BUILD=$build CC=clang CFLAGS="-O1 -g $flags" \
    $build/fuzz-objects
clang -std=c11 -D_GNU_SOURCE -Iinclude -Isrc -I$build/gen -Itests -O1 -g \
    -fsanitize=fuzzer,address,undefined -o "$build/libfuzz_$name" \
    "tests/fuzz/fuzz_$name.c" @$build/fuzz-objects \
    -llmdb -lxxhash -lzstd -lnettle -lm -pthread
mkdir -p "$build/corpus-$name" "tests/fuzz/corpus/$name"
dictionary=
[ -f "tests/fuzz/$name.dict" ] && dictionary="-dict=tests/fuzz/$name.dict"
exec "$build/libfuzz_$name" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -artifact_prefix="$build/" -print_final_stats=1 \
    $dictionary "$build/corpus-$name" "tests/fuzz/corpus/$name"
