#!/usr/bin/env python3
"""join_rows.py META.jsonl VECTORS.npy FIELD > ROWS.jsonl: put row i of a matrix of bytes into line i as FIELD."""
import ast
import sys


def main():
    meta, vectors, field = sys.argv[1:4]
    data = open(vectors, "rb").read()
    size = int.from_bytes(data[8:10], "little")
    head = ast.literal_eval(data[10:10 + size].decode())
    if head["descr"] != "|u1" or head["fortran_order"]:
        sys.exit("join_rows: a matrix of bytes in C order is needed")
    rows, dim = head["shape"]
    body = memoryview(data)[10 + size:]
    text = [str(number) for number in range(256)]
    with open(meta, encoding="utf-8") as lines:
        for i, line in enumerate(lines):
            vector = ",".join(text[x] for x in body[i * dim:(i + 1) * dim])
            sys.stdout.write(f'{line.rstrip()[:-1]}, "{field}": [{vector}]}}\n')


main()
