"""An engine host on another machine that is none of ours: whatever it sends, it is an engine host of
the engines it was given, or it is cut off."""

import socket

import pytest

from e2e.harness import wait_until
from e2e.peer import STATES, Peer, pack

from .test_add import add, web  # noqa: F401

# Stands in the place of tutti-engine there: a pipe between the link and whoever connects to h.sock.
PIPE = """#!/usr/bin/python3
import os, socket, sys, threading
home = os.path.expanduser("~")
with open(home + "/launch", "w") as file:
    file.write(sys.argv[sys.argv.index("--launch") + 1])
listener = socket.socket(socket.AF_UNIX)
if os.path.exists(home + "/h.sock"):
    os.unlink(home + "/h.sock")
listener.bind(home + "/h.new")
os.chmod(home + "/h.new", 0o777)
listener.listen(1)
os.rename(home + "/h.new", home + "/h.sock")  # whoever sees it can connect
os.write(1, b"=go 2\\n")
link, _ = listener.accept()
def pump(source, target):
    while data := os.read(source, 65536):
        while data:
            data = data[os.write(target, data):]
    os._exit(0)
threading.Thread(target=pump, args=(0, link.fileno())).start()
pump(link.fileno(), 1)
"""


class FarPeer(Peer):
    """A Peer at the far end of the link to `machine`."""

    def __init__(self, cluster, machine, **fields):
        self.launch = launch_of(machine)
        super().__init__(cluster, "engine", path=str(machine.home / "h.sock"),
                         **{"launch": self.launch, **fields})


def launch_of(machine):
    """The number that a host there has to name, once its link is up."""
    wait_until((machine.home / "h.sock").exists)
    return int((machine.home / "launch").read_text())


@pytest.fixture
def linked(cluster, web):  # noqa: F811
    """The cluster has an engine here, and a link to web1 that is anybody's there."""
    add(cluster, "-n", 1, "web1")
    cluster.ok("stop")
    for program in web.home.glob(".cache/tutti/*/libexec/tutti/tutti-engine"):
        program.write_text(PIPE)
    cluster.start(1)
    adding = cluster.popen("add", "-n", "2", "--timeout", "30", "web1")
    yield web
    adding.kill()


@pytest.mark.parametrize("name", ["SUBMIT", "LAUNCH", "STOP", "ADOPT", "INTERRUPT", "WELCOME"])
def test_messages_of_clients_cut_it_off(cluster, linked, name):
    with FarPeer(cluster, linked) as peer:
        peer.expect("SPAWN")
        peer.send(name, 1)
        cluster.wait_state("lost", [1, 2])
        assert f"cut off: {name} is not for an engine host to send" in cluster.ok("why", "web1")
        assert "host web1 is not reached: cut off" in cluster.ok("status")
        peer.hello(launch=peer.launch)
    assert cluster.ok("px", "-t", "0", "6*7") == "Out[0:1]: 42\n"
    assert len(cluster.status()["hosts"]) == 1


def test_only_the_machine_that_was_linked_may_register(cluster, linked):
    right = launch_of(linked)
    with FarPeer(cluster, linked, hello=False) as peer:
        for launch in 0, 1, 2, right ^ 1:
            peer.hello(launch=launch)
            assert "no link to this machine" in peer.expect("REFUSE").fields["text"]
        peer.hello(launch=right)
        assert peer.expect("SPAWN").fields["engines"] == [1, 2]


def test_what_it_says_of_where_it_is_is_not_believed(cluster, linked):
    """It names a process of ours to watch, and engines that are another's."""
    victim = cluster.host_pid()
    row = [0, 1, STATES["READY"], "python", "3", "x"]
    with FarPeer(cluster, linked, pid=victim, watch_pid=victim, host="elsewhere",
                 engines=[row]) as peer:
        peer.expect("SPAWN")
        peer.send("ENGINE", engine=0, state=STATES["GONE"], text="a lie")
        peer.send("RESULT", 1, pack([None, True, "a lie", [], None]), b"", b"", engine=0)
        for number in 1, 2:
            peer.send("ENGINE", engine=number, state=STATES["READY"], pid=victim,
                      language="python", version="3", program="x")
        cluster.wait_state("ready")
        assert {e["host"] for i, e in cluster.engines().items() if i} == {"web1"}
        assert cluster.ok("px", "-t", "0", "6*7") == "Out[0:1]: 42\n"
        cluster.ok("stop", timeout=40)


def test_garbage_costs_nobody_anything(cluster, linked):
    with FarPeer(cluster, linked) as peer:
        peer.expect("SPAWN")
        for frames in [b""], [b"\xc1"], [b"\x93\x01"], [b"\xdd\xff\xff\xff\xff"], [b"x" * 100000]:
            peer.raw(frames)
        peer.sync()
        assert cluster.ok("px", "-t", "0", "6*7") == "Out[0:1]: 42\n"
    cluster.wait_state("lost", [1, 2])


# Another program than a host of ours answers there: what a ZMTP peer may say before its first
# message. A routing id of the form that the controller's socket gives out itself, when it is its
# turn, would end the controller (an assertion of libzmq's), so none is let through.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48)
GREETINGS = [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x01\x00", b"\xff" + bytes(8) + b"\x7f\x01\x05",
             GREETING.replace(b"NULL", b"PLAIN"), GREETING + b"\x00\x05hello",
             GREETING + b"\x04\x06\x05HELLO",
             GREETING + b"\x04\x18\x05READY\x08Identity\x00\x00\x00\x05\x00abcd"]


@pytest.mark.parametrize("greeting", range(len(GREETINGS)))
def test_what_greets_otherwise_than_a_host_is_cut_off(cluster, linked, greeting):
    launch_of(linked)
    with socket.socket(socket.AF_UNIX) as there:
        there.connect(str(linked.home / "h.sock"))
        there.sendall(GREETINGS[greeting])
        wait_until(lambda: "cut off: what answers there is no engine host of tutti's" in
                   cluster.ok("why", "web1"))
    assert cluster.ok("px", "-t", "0", "6*7") == "Out[0:1]: 42\n"


def test_a_routing_id_of_its_own_choice_is_not_let_through(cluster, linked):
    launch_of(linked)
    with FarPeer(cluster, linked, hello=False, identity=b"me"):
        wait_until(lambda: "cut off: what answers there is no engine host of tutti's" in
                   cluster.ok("why", "web1"))
    assert cluster.ok("px", "-t", "0", "6*7") == "Out[0:1]: 42\n"
