"""Machines reached over ssh, for tests: each a real sshd on 127.0.0.1 with users of its own.

A `Machine` is an sshd in a mount namespace of its own: its /etc/passwd has a user that the real one
lacks, /home, /tmp, /run and some more are its own too, and nothing of the real system is changed.
Its processes are seen from here as any others, by the uid that no other machine has. `Machines`
makes them for one test, writes the ssh configuration that leads to them, and at the end looks for
what they have left. `Supply` has what all tests of a session share. All of it needs root.

Tests take the fixture `machines`:

    web1 = machines.add("web1")
    assert web1.run("id -un").stdout == "far\\n"
    cluster.env["TUTTI_SSH"] = machines.ssh"""

import collections
import ctypes
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile

from e2e.harness import ROOT, Outcome, Process, alive, end, wait_until

LEFT_S = 5  # seconds that the users' processes have to be gone when a test is over
FETCHED = ROOT / "build-aux" / "sshd"  # where ./bootstrap unpacks openssh-server
UIDS = range(20000, 30000, 100)  # the first of the hundred that a session has for itself
DAEMON_NAMES = ("sshd", "sshd-session", "sshd-auth")
RC_NAMES = {"bash": ".bashrc", "zsh": ".zshenv", "tcsh": ".tcshrc", "csh": ".cshrc",
            "fish": ".config/fish/config.fish"}  # what the shell of `ssh HOST COMMAND` reads

# What happens in the namespace before sshd starts: $1 is the machine's directory, $2 its user, $3
# where sshd was unpacked or nothing. /tmp comes last, as the directory itself is there.
NAMESPACE = """set -e
dir=$1 user=$2 fetched=$3
shift 3
mount -t tmpfs -o mode=755 none /run
mkdir /run/sshd /run/machine /run/openssh
mount --bind "$dir/etc" /run/machine
[ -z "$fetched" ] || mount --bind "$fetched" /run/openssh
for file in "$dir"/etc/over/*; do
    mount --bind "$file" "/etc/${file##*/}"
done
for place in /home /var/log /usr/local/bin; do
    mount -t tmpfs -o mode=755 none "$place"
done
mount -t tmpfs -o mode=1777 none /dev/shm
mkdir "/home/$user"
mount --bind "$dir/home" "/home/$user"
mount --bind "$dir/tmp" /var/tmp
mount --bind "$dir/tmp" /tmp
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""

SSHD_CONFIG = """ListenAddress 127.0.0.1:{port}
HostKey /run/machine/host
AuthorizedKeysFile /run/machine/authorized
PubkeyAuthentication {pubkey}
PasswordAuthentication {password}
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
LogLevel VERBOSE
MaxStartups 100
PrintMotd no
"""

Seen = collections.namedtuple("Seen", "pid uids namespace program line")


# ---- processes

def look():
    """Every live process, as far as it has not ended while we looked."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            lines = pathlib.Path(entry.path, "status").read_text(errors="replace").splitlines()
            uids = next(line for line in lines if line.startswith("Uid:")).split()[1:]
            where = os.stat(f"{entry.path}/ns/mnt")
            words = pathlib.Path(entry.path, "cmdline").read_bytes().rstrip(b"\0")
            program = os.readlink(f"{entry.path}/exe")
        except OSError:
            continue
        if alive(entry.name):
            yield Seen(int(entry.name), set(map(int, uids)), (where.st_dev, where.st_ino),
                       program, words.replace(b"\0", b" ").decode(errors="replace"))


def is_daemon(seen):
    """Whether it is sshd itself, or one of its processes for a connection."""
    return os.path.basename(seen.program) in DAEMON_NAMES


def lines_of(found):
    return {seen.pid: seen.line for seen in found}


# ---- what is needed, and shared

def daemon_root():
    """Below what directory usr/sbin/sshd is: "" (installed), the unpacked package, or None."""
    for root in ("", str(FETCHED)):
        if os.access(f"{root}/usr/sbin/sshd", os.X_OK):
            return root
    return None


def why_not():
    """Why there can be no machines here, or None."""
    if os.geteuid() != 0:
        return "machines over ssh need root"
    if daemon_root() is None:
        return f"no /usr/sbin/sshd and none in {FETCHED}: ./bootstrap check fetches it"
    for name in ("ssh", "ssh-keygen", "setpriv", "unshare", "mount"):
        if not shutil.which(name):
            return f"no program '{name}'"
    for command in (["unshare", "--mount", "--propagation", "private", "true"],
                    [f"{daemon_root()}/usr/sbin/sshd", "-?"]):  # it prints its usage, and fails
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=20)
        if outcome.returncode == 127 or command[0] == "unshare" and outcome.returncode:
            return f"{command[0]}: {outcome.stderr.strip()}"
    return None


class Supply:
    """What the tests of a session share: sshd, keys, and a range of uids that is theirs alone.

    The range is claimed by an abstract socket, so that sessions side by side differ and a claim
    ends with its process; one with processes of an earlier session is not taken."""

    def __init__(self):
        self.root = daemon_root()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tk-", dir="/tmp"))
        self.claim, self.first_uid = self.claim_uids()
        self.options = self.options_of(f"{self.root}/usr/sbin/sshd")

    @staticmethod
    def claim_uids():
        in_use = {uid for seen in look() for uid in seen.uids}
        for first in UIDS:
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0tutti-machines-{first}")
            except OSError:
                claim.close()
                continue
            if not in_use & set(range(first, first + UIDS.step)):
                return claim, first
            claim.close()
        raise AssertionError("no uids are free for machines")

    def options_of(self, sshd):
        """Lines for sshd's configuration that only newer versions know: no penalties for logins
        that fail, and where an unpacked package has its further programs."""
        known = pathlib.Path(sshd).read_bytes().lower()
        found = ["PerSourcePenalties no"] if b"persourcepenalties" in known else []
        for option, name in (("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")):
            if self.root and option.lower().encode() in known:
                found.append(f"{option} /run/openssh/usr/lib/openssh/{name}")
        return found

    @property
    def sshd(self):
        """Its path within a machine."""
        return "/run/openssh/usr/sbin/sshd" if self.root else "/usr/sbin/sshd"

    def key(self, name):
        """The path of a private key; beside it the public one. Made when first asked for."""
        path = self.directory / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path],
                           check=True, timeout=20)
        return path

    def public(self, name):
        """A public key: "ssh-ed25519 AAAA..."."""
        words = self.key(name).with_suffix(".pub").read_text().split()
        return " ".join(words[:2])

    def close(self):
        self.claim.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def hashed(password):
    """As /etc/shadow has it."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), b"$6$machine$").decode()


def accounts(name, lines):
    """/etc/NAME with these lines instead of any for the same users."""
    ours = {line.split(":")[0] for line in lines}
    kept = [line for line in pathlib.Path("/etc", name).read_text().splitlines()
            if line.split(":")[0] not in ours]
    return "".join(f"{line}\n" for line in kept + lines)


# ---- one machine

class Machine:
    """An sshd and its one user. Made by Machines.add, which says what the arguments are.

    name, port      by which ssh finds it
    user, uid       its user; password: theirs, or None
    home, tmp       the user's home and the machine's /tmp, as they are seen from here; on the
                    machine they are /home/USER and /tmp"""

    def __init__(self, machines, name, uid, host_key, user, shell, password):
        assert user not in ("root", "sshd"), user
        self.machines, self.supply = machines, machines.supply
        self.name, self.uid, self.host_key = name, uid, host_key
        self.user, self.shell, self.password = user, shell, password
        self.directory = machines.directory / f"m-{name}"
        self.home, self.tmp = self.directory / "home", self.directory / "tmp"
        self.log_path = self.directory / "sshd.log"
        self.held = []  # open namespaces: as long as they are, no other has their number
        self.listener = None
        # Never listens: the port stays ours while sshd is not running, and refuses.
        self.reserved = socket.socket()
        self.reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.reserved.bind(("127.0.0.1", 0))
        self.port = self.reserved.getsockname()[1]

    # ---- setting up

    def furnish(self, rc, authorize, force_command, max_sessions, sshd, etc):
        """Makes its directories and files."""
        for path in (self.home, self.tmp, self.directory / "etc" / "over"):
            path.mkdir(parents=True)
        (self.directory / "etc").chmod(0o755)
        self.home.chmod(0o700)
        self.tmp.chmod(0o1777)
        os.chown(self.home, self.uid, self.uid)
        if rc is not None:
            name = RC_NAMES.get(os.path.basename(self.shell), ".profile")
            self.put(name, rc if rc.endswith("\n") else f"{rc}\n")
        self.write("host", self.supply.key(self.host_key).read_text(), 0o600)
        self.write("authorized", self.supply.public("right") if authorize else "")
        self.write("sshd_config", "\n".join([*sshd, *self.config(authorize, force_command,
                                                                 max_sessions), ""]))
        for name, text in {**self.account_files(), **(etc or {})}.items():
            assert os.path.exists(f"/etc/{name}"), f"/etc/{name}: nothing to put a file over"
            self.write(f"over/{name}", text, 0o600 if name == "shadow" else 0o644)

    def write(self, name, text, mode=0o644):
        """A file that only the machine's root may change."""
        path = self.directory / "etc" / name
        path.write_text(text)
        path.chmod(mode)

    def config(self, authorize, force_command, max_sessions):
        """sshd's configuration, as lines. The first of equal options counts."""
        pubkey = authorize or self.password is None
        text = SSHD_CONFIG.format(port=self.port, pubkey="yes" if pubkey else "no",
                                  password="no" if self.password is None else "yes")
        lines = text.splitlines() + self.supply.options
        if force_command is not None:
            lines.append(f"ForceCommand {force_command}")
        if max_sessions is not None:
            lines.append(f"MaxSessions {max_sessions}")
        return lines

    def account_files(self):
        """What it has in place of some files of /etc."""
        secret = "*" if self.password is None else hashed(self.password)
        daemon_uid = self.supply.first_uid
        files = {
            "passwd": [f"sshd:x:{daemon_uid}:{daemon_uid}::/run/sshd:/usr/sbin/nologin",
                       f"{self.user}:x:{self.uid}:{self.uid}::/home/{self.user}:{self.shell}"],
            "group": [f"sshd:x:{daemon_uid}:", f"{self.user}:x:{self.uid}:"],
            "shadow": ["sshd:*:19000:0:99999:7:::", f"{self.user}:{secret}:19000:0:99999:7:::"]}
        texts = {name: accounts(name, lines) for name, lines in files.items()}
        for name in ("hosts.allow", "hosts.deny"):  # the person's own rules are not ours
            if os.path.exists(f"/etc/{name}"):
                texts[name] = ""
        return texts

    def put(self, name, data="", mode=0o644):
        """A file of the user's in their home: its path as seen from here."""
        path = self.home / name
        for parent in reversed(path.relative_to(self.home).parents[:-1]):
            (self.home / parent).mkdir(exist_ok=True)
            os.chown(self.home / parent, self.uid, self.uid)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        os.chown(path, self.uid, self.uid)
        return path

    def start(self):
        """Starts sshd and waits until it listens. It ends with the thread that started it."""
        known = self.log_path.stat().st_size if self.log_path.exists() else 0
        command = ["setpriv", "--pdeathsig", "KILL",
                   "unshare", "--mount", "--propagation", "private",
                   "sh", "-c", NAMESPACE, "machine", self.directory, self.user, self.supply.root,
                   self.supply.sshd, "-D", "-e", "-f", "/run/machine/sshd_config"]
        with open(self.log_path, "ab") as log:
            self.listener = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log, start_new_session=True)

        def listens():
            text = self.log_path.read_bytes()[known:]
            return b"Server listening" in text or self.listener.poll() is not None
        wait_until(listens, what=f"sshd of {self.name}")
        assert self.listener.poll() is None, f"sshd of {self.name}:\n{self.log()}"
        self.held.append(os.open(f"/proc/{self.listener.pid}/ns/mnt", os.O_RDONLY))

    # ---- what there is

    def run(self, command, input=None, timeout=20, options=()):
        """Runs a command on it by plain ssh: Outcome(stdout, stderr, code)."""
        return self.machines.run(self.name, command, input, timeout, options)

    def processes(self, sshd=True):
        """{pid: command line} of all that runs as its user; without sshd's own, if so asked."""
        return lines_of(seen for seen in look()
                        if self.uid in seen.uids and (sshd or not is_daemon(seen)))

    def inside(self):
        """All processes of the machine, of root as well."""
        held = {(stat.st_dev, stat.st_ino) for stat in map(os.fstat, self.held)}
        return [seen for seen in look() if seen.namespace in held or self.uid in seen.uids]

    def connections(self):
        """{pid: command line} of the processes that sshd has for its connections."""
        return lines_of(seen for seen in self.inside()
                        if is_daemon(seen) and seen.pid != self.listener.pid)

    def log(self):
        """What sshd has said."""
        return self.log_path.read_text(errors="backslashreplace").replace("\r", "")

    # ---- ends

    def stop(self):
        """Ends sshd: new connections are refused, those that are there go on. See start."""
        self.listener.terminate()
        self.listener.wait(10)

    def kill_connections(self):
        """Ends what sshd has for its connections. What ran through them is left to itself."""
        for pid in self.connections():
            end(pid)
        wait_until(lambda: not self.connections(), what=f"connections of {self.name} ended")

    def end(self):
        """Ends sshd and all that runs on the machine, at once."""
        def ended():
            left = self.inside()
            for seen in left:
                end(seen.pid)
            return not left
        if self.listener:
            self.listener.kill()
            self.listener.wait(10)
        wait_until(ended, what=f"machine {self.name} ended")

    def close(self):
        """Ends it for good."""
        self.end()
        self.reserved.close()
        while self.held:
            os.close(self.held.pop())


# ---- the network

class Link:
    """A relay (relay.py) that leads to a machine. `port`: where; an alias `to` it goes there.

    Each command holds when it returns."""

    def __init__(self, machine):
        self.machine = machine
        command = [sys.executable, "-I", pathlib.Path(__file__).with_name("relay.py"),
                   str(machine.port)]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1, start_new_session=True)
        self.port = int(self.popen.stdout.readline())

    def ask(self, line):
        self.popen.stdin.write(f"{line}\n")
        answer = self.popen.stdout.readline()
        assert answer, f"the relay has ended at '{line}'"
        return answer

    def set_rate(self, rate):
        """At most so many bytes a second each way; 0: as fast as can be."""
        self.ask(f"rate {int(rate)}")

    def drop(self):
        """A black hole: nothing is carried and nothing closed, new connections hang."""
        self.ask("drop")

    def resume(self):
        """After drop: goes on, and nothing was lost."""
        self.ask("resume")

    def cut(self):
        """Every connection is reset, on both sides; new ones are taken."""
        self.ask("cut")

    def refuse(self):
        """New connections are refused; those that are there go on."""
        self.ask("refuse")

    def accept(self):
        """After refuse: new connections are taken."""
        self.ask("accept")

    def count(self):
        """(bytes carried to the machine, bytes from it, connections taken until now)."""
        return tuple(map(int, self.ask("count").split()))

    def close(self):
        """Ends it, and with it all its connections."""
        for pipe in (self.popen.stdin, self.popen.stdout):
            pipe.close()
        self.popen.kill()  # it would end by itself, but not while a connection is being made
        self.popen.wait(10)


# ---- all machines of a test

class Machines:
    """One test's machines and the ssh configuration that leads to them.

    directory    /tmp/tm-..., 0700; config: the configuration file, for ssh -F
    ssh          the ssh command that uses it, as TUTTI_SSH takes it"""

    def __init__(self, supply):
        self.supply = supply
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
        self.config = self.directory / "ssh_config"
        self.ssh = f"ssh -F {self.config}"
        self.left_s = LEFT_S
        self.made, self.links, self.started = [], [], []
        self.aliases = {}
        self.write_config()

    # ---- making

    def add(self, name, user="far", shell="/bin/bash", rc=None, authorize=True, password=False,
            force_command=None, max_sessions=None, sshd=(), etc=None, uid=None):
        """Starts a Machine, which ssh then knows by its name.

        rc               text of the file that its shell reads first (bash: .bashrc)
        authorize        whether the user's key may log in
        password         True or a text: one may log in by password. With authorize=False only so
        force_command    runs whatever was asked for; max_sessions: at most so many a connection
        sshd             further lines of sshd's configuration, which come first
        etc              {name: text} of further files of /etc that it has its own of"""
        number = len(self.made) + 1
        assert number < UIDS.step, "too many machines"
        if password is True:
            password = "open sesame"
        machine = Machine(self, name, uid or self.supply.first_uid + number, f"host{number}", user,
                          shell, password or None)
        self.made.append(machine)
        machine.furnish(rc, authorize, force_command, max_sessions, sshd, etc)
        machine.start()
        self.alias(name, to=machine)
        return machine

    def relay(self, machine, rate=0):
        """A Link that leads to a machine."""
        link = Link(machine)
        self.links.append(link)
        link.set_rate(rate)
        return link

    @property
    def key(self):
        """The private key that opens them, a path."""
        return self.supply.key("right")

    def alias(self, name, to, user=None, key="right", host_key="known", jump=None, options=()):
        """A further name for a machine, or for the Link that leads to it; its name again, for
        use in a command.

        key         "right", "wrong" (one that is not authorised), "none"
        host_key    "known", "unknown", "changed" (another one is on record)
        jump        the alias of the machine in between
        options     further lines of the ssh configuration"""
        machine = getattr(to, "machine", to)
        hosts = {"known": "known_hosts", "unknown": "unknown_hosts", "changed": "changed_hosts"}
        identity = "none" if key == "none" else self.supply.key({"right": "right",
                                                                 "wrong": "wrong"}[key])
        lines = [*options, "HostName 127.0.0.1", f"Port {to.port}", f"User {user or machine.user}",
                 f"IdentityFile {identity}",
                 f"UserKnownHostsFile {self.directory / hosts[host_key]}"]
        if jump:
            lines.append(f"ProxyJump {jump}")
        self.aliases[name] = lines
        self.write_config()
        return name

    def write_config(self):
        """Writes the configuration for all aliases, and the files of host keys."""
        common = ["GlobalKnownHostsFile none", "StrictHostKeyChecking yes", "IdentitiesOnly yes",
                  "IdentityAgent none", "ControlMaster no", "ControlPath none"]
        text = ""
        for name, lines in [*self.aliases.items(), ("*", common)]:
            text += f"Host {name}\n" + "".join(f"    {line}\n" for line in lines)
        ports = [(one.port, one.host_key) for one in self.made]
        ports += [(link.port, link.machine.host_key) for link in self.links]
        self.replace("known_hosts", "".join(
            f"[127.0.0.1]:{port} {self.supply.public(key)}\n" for port, key in ports))
        self.replace("changed_hosts", "".join(
            f"[127.0.0.1]:{port} {self.supply.public('wrong')}\n" for port, _ in ports))
        self.replace("unknown_hosts", "")
        self.replace("ssh_config", text)

    def replace(self, name, text):
        """Writes a file; whoever reads it meanwhile reads the old or the new one."""
        new = self.directory / f"{name}.new"
        new.write_text(text)
        new.replace(self.directory / name)

    # ---- using

    def popen(self, name, command, input=None, options=(), env=None):
        """Starts plain ssh to an alias: a Process. It asks for nothing, if no option says so."""
        ours = {key: value for key, value in os.environ.items()
                if not key.startswith(("SSH_", "DISPLAY"))}
        process = Process([*shlex.split(self.ssh), *options, "-o", "BatchMode=yes", name, command],
                          {**ours, "LC_ALL": "C", **(env or {})}, "/", input)
        self.started.append(process)
        return process

    def run(self, name, command, input=None, timeout=20, options=()):
        """Runs a command by an alias: Outcome(stdout, stderr, code)."""
        outcome = self.popen(name, command, input, options).wait(timeout)
        return Outcome(outcome.stdout, outcome.stderr.replace("\r", ""), outcome.code)

    def processes(self, sshd=True):
        """{name: {pid: command line}} of the machines on which users' processes run."""
        found = {}
        names = {one.uid: one.name for one in self.made}
        for seen in look():
            for uid in seen.uids & set(names):
                if sshd or not is_daemon(seen):
                    found.setdefault(names[uid], {})[seen.pid] = seen.line
        return found

    def wait_nobody(self, deadline=None, sshd=True):
        """Waits until no process of any user is left, sshd's for their connections included."""
        try:
            wait_until(lambda: not self.processes(sshd),
                       self.left_s if deadline is None else deadline)
        except AssertionError:
            left = self.processes(sshd)
            assert not left, f"processes left on machines: {left}"

    def logs(self):
        """What every sshd has said, each under its machine's name."""
        return "\n".join(f"--- sshd of {one.name}\n{one.log()[-20000:]}" for one in self.made
                         if one.log_path.exists())

    # ---- the end

    def complaints(self, failed):
        """Ends the ssh commands and the network; what is left on the machines, as texts."""
        for process in self.started:
            process.kill()
        for link in self.links:
            link.close()
        try:
            self.wait_nobody(0 if failed else None)
        except AssertionError as error:
            return [str(error)]
        return []

    def finish(self, failed=False):
        """Ends everything and removes the directory; fails the test for what was left."""
        found = []
        try:
            found = self.complaints(failed)
            if failed or found:
                print("\n".join([*found, self.logs()]))
        finally:
            for machine in self.made:
                machine.close()
            shutil.rmtree(self.directory, ignore_errors=True)
        assert failed or not found, "\n".join(found)
