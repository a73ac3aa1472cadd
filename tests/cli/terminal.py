# SPDX-License-Identifier: Apache-2.0
"""terminal.py MQL - what the shell does on a terminal, typed through a pty.

Each test types and waits for what must appear; nothing depends on speed. The
last line printed is "PASSED FAILED", two numbers.
"""
import os
import pty
import re
import select
import shutil
import signal
import sys
import tempfile
import time

MQL = sys.argv[1]
PROMPT = r"default=> $"


class Failure(Exception):
    pass


class Terminal:
    def __init__(self, home, *options, columns=80):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=home, TERM="xterm", LC_ALL="C.UTF-8")
            os.environ.pop("NO_COLOR", None)
            os.execv(MQL, ["mql", "-X", *options])
        import fcntl, struct, termios

        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        # The editor's escape sequences are not what is asked for; NULL's are.
        text = data.decode("utf-8", "replace").replace("\r", "")
        self.text += re.sub(r"\x1b\[[0-9;]*[GKABCDJH]", "", text)
        return data != b""

    def expect(self, pattern):
        end = time.time() + 20
        while not re.search(pattern, self.text):
            if time.time() > end or (not self.read(1) and self.has_ended()):
                raise Failure(f"no {pattern!r} in {self.text!r}")
        seen, self.text = self.text, ""
        return seen

    def has_ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def type(self, text):
        os.write(self.fd, text.encode())

    def run(self, line):
        """Type a line and wait for the next prompt."""
        self.type(line + "\n")
        return self.expect(PROMPT)

    def leave(self):
        """The exit status; everything printed until then is in text."""
        end = time.time() + 20
        while time.time() < end:
            self.read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise Failure("it did not leave")


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(repr(part) for part in what))


def test_greeting(home):
    terminal = Terminal(home)
    seen = terminal.expect(PROMPT)
    check("help" in seen and "temporary" in seen, seen)
    terminal.type("\x04")
    check(terminal.leave() == 0)
    quiet = Terminal(home, "-q")
    check(quiet.expect(PROMPT).strip() == "default=>")
    quiet.type("quit\n")
    check(quiet.leave() == 0)


def test_many_lines(home):
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    terminal.type("SELECT 1\n")
    terminal.expect(r"default-> $")
    terminal.type("AS a, 'x\n")
    terminal.expect(r"default'> $")
    terminal.type("y' AS b;\n")
    seen = terminal.expect(PROMPT)
    check("a | b \n---+---\n 1 | x+\n   | y\n(1 row)" in seen, seen)
    terminal.type("\\q\n")
    check(terminal.leave() == 0)


def test_control_c(home):
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    terminal.type("SELECT (1,\n")
    terminal.expect(r"default-> $")
    terminal.type("2\x03")
    terminal.expect(r"\^C\ndefault=> $")
    check(" 3" in terminal.run("SELECT 3;"))
    os.kill(terminal.pid, signal.SIGINT)
    terminal.expect(r"\^C\n(.|\n)*" + PROMPT)
    terminal.type("\x04")
    check(terminal.leave() == 0)


def test_errors_go_on(home):
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    seen = terminal.run("SELECT nothing;")
    check("ERROR:  " in seen and "LINE 1: SELECT nothing;\n               ^" in seen, seen)
    seen = terminal.run("\\nothing")
    check("invalid command \\nothing" in seen, seen)
    check(" 4" in terminal.run("SELECT 4;"))
    terminal.type("\\q\n")
    check(terminal.leave() == 0)


def test_vectors_are_short(home):
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    terminal.run("CREATE COLLECTION c (id INT64 PRIMARY KEY, s VARCHAR(9) NULL, v VECTOR(5));")
    terminal.run("INSERT INTO c VALUES (1, NULL, [0.1, 2, 3, 4, 0.123456789]);")
    seen = terminal.run("SELECT * FROM c;")
    check("[0.1, 2, ... 0.1235] (5)" in seen, seen)
    check("\x1b[90mNULL\x1b[0m" in seen, seen)
    terminal.run("\\pset vector_items 2")
    check("[0.1, ... 0.1235] (5)" in terminal.run("SELECT v FROM c;"))
    terminal.run("\\pset vector_items all")
    check("[0.1,2,3,4,0.12345679]" in terminal.run("SELECT v FROM c;"))
    terminal.run("\\pset vector_items 3")
    terminal.run("\\pset format jsonl")
    check('"v":[0.1,2,3,4,0.12345679]' in terminal.run("SELECT v FROM c;"))
    terminal.type("\\q\n")
    check(terminal.leave() == 0)


def test_wide_rows_become_records(home):
    terminal = Terminal(home, columns=60)
    terminal.expect(PROMPT)
    query = f"SELECT '{'a' * 40}' AS a, '{'b' * 40}' AS b;"
    check("-[ RECORD 1 ]" in terminal.run(query))
    terminal.run("\\x off")
    check("RECORD" not in terminal.run(query))
    terminal.type("\\q\n")
    check(terminal.leave() == 0)


def test_completion(home):
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    terminal.run("CREATE COLLECTION unusual (id INT64 PRIMARY KEY);")
    terminal.type("sel\t")
    terminal.expect("ect ")
    terminal.type("count(*) from unu\t")
    terminal.expect("sual ")
    seen = terminal.run(";")
    check("(1 row)" in seen, seen)
    terminal.type("grant GetSta\t")
    terminal.expect("tistics ")
    terminal.type("on unu\t")
    terminal.expect("sual ")
    terminal.type("to pub\t")
    terminal.expect("lic ")
    seen = terminal.run(";")
    check("GRANT" in seen, seen)
    terminal.type("\\conni\t")
    terminal.expect("info ")
    terminal.type("\n")
    terminal.expect("You are using")
    terminal.type("\\q\n")
    check(terminal.leave() == 0)


def test_password(home):
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    terminal.type("\\password\n")
    terminal.expect("Old password")
    terminal.type("\n")
    terminal.expect("New password: ")
    terminal.type("root-pass\n")
    terminal.expect("again: ")
    terminal.type("root-pass\n")
    terminal.expect(PROMPT)
    terminal.type("\\c - root\n")
    terminal.expect("Password for user root: ")
    terminal.type("wrong-pass\n")
    terminal.expect("password authentication failed")
    terminal.type("\\c - root\n")
    terminal.expect("Password for user root: ")
    terminal.type("root-pass\n")
    seen = terminal.expect("You are now using")
    check("root-pass" not in seen, seen)
    terminal.type("\\q\n")
    check(terminal.leave() == 0)


def test_history(home):
    path = os.path.join(home, ".mql_history")
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    terminal.run("SELECT 11;")
    terminal.run("SELECT 1; ALTER USER u 'secret';")
    terminal.run("CREATE USER u WITH PASSWORD 'secret';")
    terminal.type("\x1b[A\x1b[A\x1b[A\n")
    check(" 11\n" in terminal.expect(r"\(1 row\)[^=]*" + PROMPT))
    terminal.type("\\q\n")
    check(terminal.leave() == 0)
    with open(path) as file:
        kept = file.read()
    check("SELECT 11;\n" in kept and "secret" not in kept, kept)
    check(os.stat(path).st_mode & 0o777 == 0o600)
    again = Terminal(home)
    again.expect(PROMPT)
    seen = again.run("\\s")
    check("SELECT 11;\n" in seen, seen)
    again.type("\\q\n")
    check(again.leave() == 0)


def test_no_line_editing(home):
    terminal = Terminal(home, "-n")
    terminal.expect(PROMPT)
    check(" 5" in terminal.run("SELECT 5;"))
    terminal.type("SELECT 'x\n")
    terminal.expect(r"default'> $")
    terminal.type("\x03")
    terminal.expect(PROMPT)
    terminal.type("\x04")
    check(terminal.leave() == 0)


def test_copy_from_the_keyboard(home):
    terminal = Terminal(home)
    terminal.expect(PROMPT)
    terminal.run("CREATE COLLECTION c (id INT64 PRIMARY KEY);")
    terminal.type("COPY c FROM STDIN WITH (FORMAT csv);\n")
    terminal.expect(r"End with a backslash(.|\n)*>> $")
    terminal.type("1\n")
    terminal.expect(r">> $")
    terminal.type("\\.\n")
    check("COPY 1" in terminal.expect(PROMPT))
    terminal.type("COPY c FROM STDIN WITH (FORMAT csv);\n")
    terminal.expect(r">> $")
    terminal.type("2\n")
    terminal.expect(r">> $")
    terminal.type("\x04")
    check("COPY 1" in terminal.expect(PROMPT))
    terminal.type("\\q\n")
    check(terminal.leave() == 0)


def main():
    passed = failed = 0
    for name, test in sorted(globals().items()):
        if not name.startswith("test_"):
            continue
        home = tempfile.mkdtemp()
        try:
            test(home)
            passed += 1
        except (Failure, OSError) as error:
            failed += 1
            print(f"FAIL terminal, {name}: {error}")
        finally:
            shutil.rmtree(home, ignore_errors=True)
    print(passed, failed)


main()
