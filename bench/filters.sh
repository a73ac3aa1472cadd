#!/bin/sh
# filters.sh BUILD - recall@10 and queries a second on Fashion-MNIST, unfiltered and under each filter of the set;
# fails where recall is below 0.95 or rows are missing.
#
# MQL_DATA  folder that holds fashion-mnist/ (base_u8.npy, query_u8.npy, meta.jsonl, gt/, filters/)
# EF        effort of the searches, default 64
# ROWS      an existing .jsonl with the rows and their vectors; made otherwise
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
data=${MQL_DATA:?set MQL_DATA to the folder that holds fashion-mnist/}/fashion-mnist
ef=${EF:-64}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

${CC:-cc} -O2 -std=c11 -D_GNU_SOURCE -Iinclude -o "$scratch/filters-search" bench/filters.c \
    "$build/libmql.a" -llmdb -lxxhash -lzstd -lnettle -lm -pthread

rows=${ROWS:-$scratch/rows.jsonl}
[ -f "$rows" ] || python3 bench/join_rows.py "$data/meta.jsonl" "$data/base_u8.npy" embedding >"$rows"

cat >"$scratch/load.mql" <<SQL
CREATE COLLECTION fashion (id INT64 PRIMARY KEY, label INT64, category VARCHAR(32), price INT64, brand VARCHAR(32),
    rating FLOAT, in_stock BOOL, created_at TIMESTAMPTZ, tags ARRAY<VARCHAR(32)>(16), rank_u INT64, embedding FLOAT_VECTOR(784));
\timing on
COPY fashion FROM '$rows';
CREATE INDEX ON fashion (embedding) USING HNSW WITH (metric_type = 'L2', M = 16, efConstruction = 200);
CREATE INDEX ON fashion (category) USING INVERTED;
CREATE INDEX ON fashion (price) USING INVERTED;
CREATE INDEX ON fashion (brand) USING INVERTED;
CREATE INDEX ON fashion (rank_u) USING INVERTED;
CREATE INDEX ON fashion (rating) USING INVERTED;
CREATE INDEX ON fashion (tags) USING INVERTED;
SQL
"$build/mql" -X -a -f "$scratch/load.mql" "$scratch/db"

{
    echo "unfiltered||$data/gt/gt_l2.ivecs"
    awk -v data="$data" '
        /"name":/ { split($0, part, "\""); name = part[4] }
        /"where":/ { sub(/^ *"where": "/, ""); sub(/",$/, ""); where = $0 }
        /"gt":/ { split($0, part, "\""); print name "|" where "|" data "/" part[4] }
    ' "$data/filters/filters.json"
} >"$scratch/filters"
status=0
"$scratch/filters-search" "$scratch/db" fashion embedding "$data/base_u8.npy" "$data/query_u8.npy" "$ef" <"$scratch/filters" || status=$?
exit $status
