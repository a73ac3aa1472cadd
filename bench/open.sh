#!/bin/sh
# open.sh BUILD - time and bytes read to open a database of a million vectors with an index,
# and of its first search; with its files out of the page cache, and in it.
#
# DATABASE  one made by an earlier run, or where one is made and kept; default: a new one
# ROWS      default 1,000,000 (x 128); TURNS default 11
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
scratch=$(mktemp -d "${FOLDER:-.}/open.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
${CC:-cc} -O2 -std=c11 -D_GNU_SOURCE -Iinclude -o "$scratch/open" bench/open.c \
    "$build/libmql.a" $(sed -n 's/^LIBS *:= //p' Makefile)
database=${DATABASE:-$scratch/million.db}
[ -d "$database" ] || "$scratch/open" make "$database" "${ROWS:-1000000}"
du -sh "$database"
"$scratch/open" measure "$database" "${TURNS:-11}"
