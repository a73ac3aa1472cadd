#!/bin/sh
# commits.sh BUILD - durable inserts a second and a bulk load, beside SQLite (libsqlite3-dev) on
# the same disk in the same run.
#
# FOLDER   where both databases are made, on the disk to be measured; default: here
# SECONDS  of each turn, default 2
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
scratch=$(mktemp -d "${FOLDER:-.}/commits.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
${CC:-cc} -O2 -std=c11 -D_GNU_SOURCE -Iinclude -o "$scratch/commits" bench/commits.c \
    "$build/libmql.a" -lsqlite3 -llmdb -lxxhash -lzstd -lnettle -lm -pthread
"$scratch/commits" "$scratch" "${SECONDS:-2}"
