"""Plays the prompt for test_shell_terminal.py, on a terminal of its own: starts the shell as a local
engine in the foreground, takes the terminal back when it says HELLO, and lends it out for each line.
Usage: shell_prompt.py PROGRAM. Prints how each line ended."""

import os
import select
import signal
import socket
import sys

from harness import EXECUTE, HELLO, START, Page, Runtime

TERMINAL = 16


class Local(Runtime):
    def __init__(self, program):
        self.page, self.buffer, self.seq = Page(), bytearray(), 0
        self.socket, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
            for number in (signal.SIGTTOU, signal.SIGINT, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(theirs.fileno(), 100)
            os.dup2(self.page.fd, 101)
            os.dup2(100, 3)
            os.dup2(101, 4)
            os.closerange(5, 200)
            os.execv(program, [program, "local", "bash"])
        theirs.close()
        self.front = self.expect(HELLO).fields[5]
        os.tcsetpgrp(0, os.getpgrp())
        self.send(START, 0, [-1, ""])

    def collect(self, seconds, deadline):
        if not select.select([self.socket], [], [], seconds)[0]:
            raise TimeoutError
        data = self.socket.recv(1 << 20)
        if not data:
            raise EOFError
        self.buffer += data

    def run(self, code):
        os.tcsetpgrp(0, self.front)
        try:
            return self.result(self.task(EXECUTE, [code, "<line>", TERMINAL]))
        finally:
            os.tcsetpgrp(0, os.getpgrp())


def main():
    for number in (signal.SIGTTOU, signal.SIGINT, signal.SIGTSTP):  # a key that came too late
        signal.signal(number, signal.SIG_IGN)
    local = Local(sys.argv[1])
    for line in sys.stdin:
        result = local.run(line.rstrip("\n"))
        error = result.error or {}
        print("<%d %s %s>" % (result.status, error.get("type", ""), error.get("message", "")),
              flush=True)
        if error.get("type") == "SystemExit":
            break
    status = os.waitstatus_to_exitcode(os.waitpid(local.pid, 0)[1])
    print("<left %d>" % status, flush=True)


main()
