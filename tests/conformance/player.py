"""Plays the prompt's part at a terminal: lends it to a runtime while a task runs.

PLAYER SOCKET COMMAND ENV: connects to the Unix socket, starts the runtime in a process group of its
own and does what comes as lines of JSON, [kind, args]; each is answered by one line. Its terminal
is the one it was started on."""

import json
import os
import signal
import socket
import sys
import termios

import harness




def play(runtime, kind, args):
    saved = termios.tcgetattr(0)
    os.tcsetpgrp(0, runtime.process.pid)
    try:
        result = runtime.result(runtime.task(kind, args))
    finally:
        os.tcsetpgrp(0, os.getpgrp())
        termios.tcsetattr(0, termios.TCSADRAIN, saved)
    return {"status": result.status, "text": result.text, "error": result.error,
            "value": result.value}


def output(runtime, wanted):
    """What came by the pipes; waits until stdout has `wanted`."""
    runtime.wait_output(wanted.encode())
    out, err = (text.decode() for text in runtime.drain())
    runtime.output[:] = [b"", b""]
    return {"out": out, "err": err}


def main():
    path, command, env = sys.argv[1:]
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with harness.Runtime(json.loads(command), env=json.loads(env), start=False) as runtime:
        signal.signal(signal.SIGINT, lambda *_: None)
        runtime.expect(harness.HELLO)
        harness.DEADLINE = runtime.deadline = 60.0
        control = socket.socket(socket.AF_UNIX)
        control.connect(path)
        lines = control.makefile("rw")
        for line in lines:
            kind, args = json.loads(line)
            answer = output(runtime, args) if kind == "output" else play(runtime, kind, args)
            lines.write(json.dumps(answer) + "\n")
            lines.flush()


main()
