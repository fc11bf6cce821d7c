"""A TCP relay on 127.0.0.1 whose traffic can be slowed, stopped and cut: the network of a test.

Usage: relay.py PORT. It listens on a port of its own, prints that, and carries what comes to
PORT. machines.Link starts it (a process of its own, as throttling must not wait for the test's
interpreter) and commands it by lines on standard input, each answered by one line when it holds:

    rate N    from now on at most N bytes a second each way, all connections together; 0: no limit
    drop      nothing is carried any more and nothing closed: a black hole
    resume    it goes on where it stopped
    cut       every connection ends with a reset; new ones are taken
    refuse    new connections are refused
    accept    they are taken again
    count     answers "UP DOWN CONNECTIONS": bytes carried each way, connections taken until now

It ends with its standard input. At most HOLD bytes wait in it for each way of a connection, and
the kernel's buffers are small, so that whoever sends too fast is held up."""

import collections
import os
import select
import socket
import struct
import sys
import time

HOLD = 64 << 10  # also the kernel's buffers on each side
CREDIT_S = 0.01  # what a late wake-up may catch up
UP, DOWN = 0, 1


def prepared(sock):
    """Small buffers, and no waiting for more."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HOLD)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HOLD)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def reset(sock):
    """Closes with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Way:
    """One way of one connection: what was read from `source` and not yet written to `sink`."""

    def __init__(self, pair, source, sink):
        self.pair, self.source, self.sink = pair, source, sink
        self.waiting = b""
        self.blocked = False  # the sink takes nothing at the moment
        self.ended = False  # the source has closed
        self.done = False  # and the sink was told


class Lane:
    """All ways in one direction; they share the rate and take turns."""

    def __init__(self):
        self.ways = collections.deque()
        self.rate = 0
        self.open_at = 0.0  # when the next bytes may go
        self.carried = 0

    def wait_s(self):
        return max(0.0, self.open_at - time.monotonic()) if self.rate else 0.0

    def portion(self):
        """How many bytes may go at once."""
        return min(HOLD, max(512, self.rate // 50)) if self.rate else HOLD

    def spend(self, size):
        self.carried += size
        if self.rate:
            floor = time.monotonic() - CREDIT_S
            self.open_at = max(self.open_at, floor) + size / self.rate


class Relay:
    """The loop. `pairs` are the connections, each a (near socket, far socket)."""

    def __init__(self, target):
        self.target = target
        self.lanes = (Lane(), Lane())
        self.pairs = set()
        self.taken = 0
        self.dropping = False
        self.name = self.bound(0)  # never listens: keeps the port ours while we refuse
        self.port = self.name.getsockname()[1]
        self.listener = None
        self.accept()

    @staticmethod
    def bound(port):
        sock = prepared(socket.socket())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        return sock

    # ---- commands

    def obey(self, words):
        verbs = {"rate": self.set_rate, "drop": self.drop, "resume": self.resume, "cut": self.cut,
                 "refuse": self.refuse, "accept": self.accept, "count": self.count}
        return verbs[words[0]](*words[1:]) or "done"

    def set_rate(self, rate):
        for lane in self.lanes:
            lane.rate, lane.open_at = int(rate), 0.0

    def drop(self):
        self.dropping = True

    def resume(self):
        self.dropping = False

    def cut(self):
        for pair in list(self.pairs):
            self.close(pair)

    def refuse(self):
        if self.listener:
            self.listener.close()
            self.listener = None

    def accept(self):
        if not self.listener:
            self.listener = self.bound(self.port)
            self.listener.listen(128)

    def count(self):
        return f"{self.lanes[UP].carried} {self.lanes[DOWN].carried} {self.taken}"

    # ---- connections

    def take(self):
        near = prepared(self.listener.accept()[0])
        try:
            far = prepared(socket.create_connection(("127.0.0.1", self.target), 5))
        except OSError:
            reset(near)  # nobody is there: as near to "refused" as we can come by now
            return
        near.setblocking(False)
        far.setblocking(False)
        pair = (near, far)
        self.pairs.add(pair)
        self.taken += 1
        self.lanes[UP].ways.append(Way(pair, near, far))
        self.lanes[DOWN].ways.append(Way(pair, far, near))

    def close(self, pair, end=reset):
        self.pairs.discard(pair)
        for lane in self.lanes:
            lane.ways = collections.deque(way for way in lane.ways if way.pair != pair)
        for sock in pair:
            end(sock)

    def read(self, way):
        """Takes what has come. Never more than HOLD, and only when nothing waits."""
        try:
            way.waiting = way.source.recv(HOLD)
            way.ended = not way.waiting
        except BlockingIOError:
            pass

    def write(self, lane, way):
        """Passes on one portion."""
        try:
            size = way.sink.send(way.waiting[:lane.portion()])
        except BlockingIOError:
            way.blocked = True
            return
        way.waiting = way.waiting[size:]
        lane.spend(size)

    def finish(self, way):
        """Passes on that the source has closed; when both have, the connection is over."""
        way.done = True
        way.sink.shutdown(socket.SHUT_WR)
        if all(other.done for lane in self.lanes for other in lane.ways if other.pair == way.pair):
            self.close(way.pair, socket.socket.close)

    def guarded(self, action, way, *args):
        """An error on either side ends the connection on both, with a reset."""
        try:
            action(*args, way)
        except OSError:
            self.close(way.pair)

    # ---- the loop

    def wishes(self):
        """{socket: poll events} of what could be carried, and when to look again (ms or None)."""
        wanted, pause = collections.defaultdict(int), None
        if self.dropping:
            return wanted, pause
        if self.listener:
            wanted[self.listener] |= select.POLLIN
        for lane in self.lanes:
            for way in lane.ways:
                if way.blocked:
                    wanted[way.sink] |= select.POLLOUT
                elif way.waiting or way.ended and not way.done:
                    pause = min(lane.wait_s() * 1000, pause if pause is not None else 1e9)
                elif not way.ended:
                    wanted[way.source] |= select.POLLIN
        return wanted, pause

    def carry(self):
        """Writes what may be written now."""
        for lane in self.lanes:
            for _ in range(len(lane.ways)):
                if lane.wait_s() > 0 or not lane.ways:
                    break
                way = lane.ways[0]
                lane.ways.rotate(-1)  # whoever comes first next time
                if way.waiting and not way.blocked:
                    self.guarded(self.write, way, lane)
                elif way.ended and not way.done:
                    self.guarded(self.finish, way)

    def on_ready(self, ready):
        for lane in self.lanes:
            for way in list(lane.ways):
                if way.pair not in self.pairs:
                    continue
                if way.sink.fileno() in ready:
                    way.blocked = False
                if not way.waiting and not way.ended and way.source.fileno() in ready:
                    self.guarded(self.read, way)
        if self.listener and self.listener.fileno() in ready:
            self.take()

    def run(self):
        text = b""
        while True:
            wanted, pause = self.wishes()
            poll = select.poll()
            poll.register(0, select.POLLIN)
            for sock, events in wanted.items():
                poll.register(sock, events)
            ready = {number for number, _ in poll.poll(pause)}
            if 0 in ready:
                more = os.read(0, 4096)
                if not more:
                    return
                *lines, text = (text + more).split(b"\n")
                for line in lines:
                    print(self.obey(line.decode().split()), flush=True)
                continue  # it may have closed or stopped what was ready
            self.on_ready(ready)
            if not self.dropping:
                self.carry()


if __name__ == "__main__":
    relay = Relay(int(sys.argv[1]))
    print(relay.port, flush=True)
    relay.run()
