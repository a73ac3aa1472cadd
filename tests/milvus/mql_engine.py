# SPDX-License-Identifier: Apache-2.0
"""mql_engine.py: mql through libmql.so: a database in a folder, statements, errors."""
import ctypes
import json
import os

from rows import CAPACITY, LENGTH

ROW, DONE = 100, 101


class Failure(Exception):
    """A statement was refused: SQLSTATE and message."""

    def __init__(self, state, message):
        super().__init__(f"{state} {message}")
        self.state = state


class ErrorInFull(ctypes.Structure):
    """mql_error."""

    _fields_ = [("size", ctypes.c_uint32), ("status", ctypes.c_int32), ("position", ctypes.c_int64), ("sqlstate", ctypes.c_char * 8),
                ("message", ctypes.c_char * 512), ("detail", ctypes.c_char * 512), ("hint", ctypes.c_char * 256)]


class Mql:
    """A connection to a database of its own."""

    def __init__(self, build, folder):
        self.library = ctypes.CDLL(os.path.join(os.path.abspath(build), "libmql.so"))
        self.library.mql_column_int64.restype = ctypes.c_int64
        self.library.mql_column_int64.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        self.library.mql_step.argtypes = self.library.mql_finalize.argtypes = [ctypes.c_void_p]
        self.library.mql_prepare.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
        self.database, self.connection = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.library.mql_open(os.fsencode(folder), None, ctypes.byref(self.database), None))
        self.check(self.library.mql_connect(self.database, ctypes.byref(self.connection), None))

    def check(self, status):
        """Raise what went wrong."""
        if status not in (0, ROW, DONE):
            error = ErrorInFull(size=ctypes.sizeof(ErrorInFull))
            if self.connection:
                self.library.mql_error_get(self.connection, ctypes.byref(error))
            raise Failure(error.sqlstate.decode(), error.message.decode(errors="replace"))
        return status

    def run(self, statement):
        """The first column of every row, as integers."""
        text, prepared, found = statement.encode(), ctypes.c_void_p(), []
        self.check(self.library.mql_prepare(self.connection, text, len(text), ctypes.byref(prepared), None))
        try:
            while self.check(self.library.mql_step(prepared)) == ROW:
                found.append(self.library.mql_column_int64(prepared, 0))
        finally:
            self.library.mql_finalize(prepared)
        return found

    def keys(self, condition):
        """Ids of the rows that a filter lets through."""
        found = self.run(f"SELECT id FROM c WHERE {condition}")
        assert len(found) == len(set(found)), condition
        return set(found)

    def load(self, fields, not_null, rows, folder):
        """Make the collection c and fill it; every other row is sealed, the rest stays in memory."""
        def written(kind):
            text = kind.replace("VARCHAR", f"VARCHAR({LENGTH})")
            return f"{text}({CAPACITY})" if kind.startswith("ARRAY") else text
        columns = ", ".join(f"{name} {written(kind)}{' NOT NULL' if name in not_null and name != 'id' else ''}{' PRIMARY KEY' if name == 'id' else ''}"
                            for name, kind in fields.items())
        self.run(f"CREATE COLLECTION c ({columns}, v FLOAT_VECTOR(2)) WITH (enable_dynamic_field = true)")
        for part, name in enumerate(("sealed", "fresh")):
            path = os.path.join(folder, f"{name}.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows[part::2])
            self.run(f"COPY c FROM '{path}' WITH (FORMAT jsonl)")
            if part == 0:
                self.run("FLUSH c")

    def close(self):
        """Give everything back."""
        self.library.mql_disconnect(self.connection)
        self.library.mql_close(self.database)
