#!/bin/sh
# deps.sh [FOLDER] - the Python environments with mql's peers (`make bench-deps`).
#
# FOLDER     where they go: FOLDER/peers and FOLDER/milvus; build/bench otherwise
# PYTHON     the Python they are made with, python3 otherwise. On Debian it needs
#            the packages python3-venv and, for hnswlib, python3-dev and g++
# A package that cannot be had here is named and left out: bench/run leaves out
# the engines whose package is missing, and says so.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build/bench}
python=${PYTHON:-python3}

make_environment() # folder, requirements
{
    [ -x "$1/bin/pip" ] || "$python" -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --upgrade pip setuptools wheel
    if ! "$1/bin/pip" install --quiet -r "$2"; then
        # All at once failed: one by one, so that a single one missing costs no more than itself.
        grep -v '^#' "$2" | while read -r package; do
            "$1/bin/pip" install --quiet "$package" || echo "left out: $package" >&2
        done
    fi
}

mkdir -p "$folder"
make_environment "$folder/peers" bench/requirements.txt
make_environment "$folder/milvus" bench/requirements-milvus.txt
"$folder/peers/bin/pip" list --disable-pip-version-check --format=freeze >"$folder/peers.txt"
"$folder/milvus/bin/pip" list --disable-pip-version-check --format=freeze >"$folder/milvus.txt"
echo "peers: $folder/peers, Milvus server: $folder/milvus"
