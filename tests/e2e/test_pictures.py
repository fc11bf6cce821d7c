"""Pictures: files, lines, drawings on each kind of terminal, %show; with matplotlib and without."""

import base64
import re
import stat
import subprocess

import pytest

from .pictures import HAS_MATPLOTLIB, png
from .terminal import ENTER, Prompt

matplotlib = pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib")

# A class whose objects are pictures: Dot(width, height).
DOT = """
import base64, struct, zlib
def png(width, height, shade=0):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return (b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress((b"\\0" + bytes([shade]) * width) * height)) + chunk(b"IEND", b""))
class Dot:
    def __init__(self, width, height, shade=0):
        self.bytes = png(width, height, shade)
    def _repr_png_(self):
        return self.bytes
    def __repr__(self):
        return "a dot"
"""
CELL = "%%px" + DOT + "%%\n"


def kept(cluster, name="default"):
    """The pictures' files: {name: bytes}."""
    return {path.name: path.read_bytes() for path in (cluster.state_dir / name).glob("*-*.*")}


@pytest.mark.sanitize
def test_a_value_with_a_picture(cluster):
    cluster.start(2)
    outcome = cluster.script(CELL + "%px Dot(3, 2)\n%px -t 1 Dot(5, 4)\n%px -t 1 Dot(6, 4);\n")
    lines = outcome.stdout.splitlines()
    folder = cluster.state_dir / "default"
    assert lines[0] == "Out[0-1:2]: a dot"
    assert lines[1] == f"[0-1] figure 3x2 · {folder}/2-0.png"
    assert lines[2:] == ["Out[1:3]: a dot", f"[1] figure 5x4 · {folder}/3-1.png"]
    assert kept(cluster) == {"2-0.png": png(3, 2), "3-1.png": png(5, 4)}
    for path in folder.glob("*.png"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "\x1b" not in outcome.stdout


def test_each_engine_has_its_own(cluster):
    cluster.start(2)
    outcome = cluster.script("%scatter --flatten [1, 2] as shade\n" + CELL + "%px Dot(1, 1, shade)\n")
    assert re.findall(r"^\[.*", outcome.stdout, re.M) == [
        f"[{i}] figure 1x1 · {cluster.state_dir}/default/3-{i}.png" for i in (0, 1)]


def test_a_large_one_is_whole_everywhere(cluster):
    """Above what stands in a message beside others: 3 MB of noise."""
    cluster.start(1)
    code = ("import os, base64; noise = os.urandom(3 << 20); "
            "P = type('P', (), {'_repr_png_': lambda s: png(1, 1)[:33] + struct.pack('>I', len(noise)) "
            "+ b'IDAT' + noise + b'SSSS' + png(1, 1)[-12:]})")
    path = f"{cluster.state_dir}/default/3-0.png"
    outcome = cluster.script(CELL + f"%px {code}\n%px P()\nn = %px -t 0 noise\nn in open({path!r}, 'rb').read()\n")
    assert "figure 1x1" in outcome.stdout and outcome.stdout.endswith("]: True\n")


def test_display_shows_texts_and_pictures(cluster):
    cluster.start(2)
    outcome = cluster.script(CELL + "%px display('one\\n\\x1b[31mtwo', 7); from tutti import display as d; "
                             "d(Dot(1, 1)); 8\n")
    lines = outcome.stdout.splitlines()
    assert lines[:4] == ["Out[0-1:2]: 8", "[0-1] one", "[0-1] \\x1B[31mtwo", "[0-1] 7"]
    assert lines[4].startswith("[0-1] figure 1x1 · ")


def test_what_is_displayed_by_a_task_that_fails_arrives(cluster):
    cluster.start(1)
    outcome = cluster.script(CELL + "%px display(Dot(1, 1)); 1/0\n", code=1)
    assert "[0] figure 1x1" in outcome.stdout
    assert "ZeroDivisionError" in outcome.stderr


@pytest.mark.sanitize
def test_representations_that_fail_or_lie_lose_nothing(cluster):
    cluster.start(1)
    outcome = cluster.script("%%px\nclass Bad:\n  def _repr_png_(self): 1/0\n  def _repr_html_(self): return '<b>'\n"
                             "class Liar:\n  def _repr_png_(self): return b'\\x1b]0;title\\x07'\n"
                             "class Odd:\n  def _repr_png_(self): return 7\n"
                             "  def _repr_mimebundle_(self): return {1: 2, 'text/plain': b'x', 'image/gif': '?'}\n"
                             "%%\n%px display(Bad()); Bad() and 5\n%px Liar() and display(Liar())\n%px Odd() and 6\n"
                             "%px display(Odd()); 9\n")
    assert "Out[0:2]: 5" in outcome.stdout and "Out[0:4]: 6" in outcome.stdout
    assert "Out[0:5]: 9" in outcome.stdout
    assert "[0 err] what came as image/png is none" in outcome.stderr
    assert "\x1b" not in outcome.stdout + outcome.stderr
    assert kept(cluster) == {}


def test_too_many_displays_are_counted(cluster):
    cluster.start(1)
    outcome = cluster.lines("%px for i in range(103): display(i)")
    assert outcome.stdout.splitlines()[-2:] == ["[0] 99", "[0] 3 more displays are not kept: 100 of a task are"]


def test_too_large_a_display_is_told(cluster):
    cluster.start(1)
    outcome = cluster.lines("%px display(type('P', (), {'_repr_html_': lambda s: 'x' * (33 << 20)})()); 5")
    assert "Out[0:1]: 5" in outcome.stdout
    assert "[0] <a display of 34.6 MB is not kept: 32 MB of a task are>" in outcome.stdout


def test_the_items_of_a_map(cluster):
    cluster.start(2)
    outcome = cluster.script(DOT + "def f(n):\n    display(Dot(n, 1))\nr = %map f [1, 2]\n")
    assert re.findall(r"^\[.*?1 ·", outcome.stdout, re.M) == ["[item 0] figure 1x1 ·", "[item 1] figure 2x1 ·"]


def test_the_local_engine(cluster):
    cluster.start(1)
    outcome = cluster.script(DOT + "Dot(3, 2)\n\n%show\n%show 9\n", code=2)
    (name,) = kept(cluster)
    line = f"figure 3x2 · {cluster.state_dir}/default/{name}"
    assert re.fullmatch(r"\d+-here\.png", name)
    assert outcome.stdout.splitlines() == [f"Out[{name.partition('-')[0]}]: a dot", line, line]
    assert "no job '9'; %jobs lists them" in outcome.stderr


def test_json_has_the_bytes(cluster):
    cluster.start(1)
    lines = cluster.json("--json", "-c", "%px exec(" + repr(DOT) + ")", "-c",
                         "%px display(Dot(300, 300)); Dot(1, 1)", "-c", "%show")
    for answer in lines[1:]:
        first, second = answer["displays"]
        assert first["text/plain"] == "a dot"
        assert base64.b64decode(first["image/png"]["base64"]) == png(300, 300)
        assert second.keys() == {"image/png"}
    assert len(lines) == 3 and kept(cluster) == {}


def test_another_session_does_not_take_its_names(cluster):
    cluster.start(1)
    cluster.script(CELL + "%px Dot(1, 1)\n")
    cluster.script("%px 1\n%px Dot(1, 1)\n")
    assert kept(cluster) == {"2-0.png": png(1, 1)}
    cluster.script("%px 1\n%px Dot(2, 1)\n")
    assert kept(cluster) == {"2-0.png": png(2, 1)}


def test_a_folder_that_cannot_be_written_to(cluster):
    cluster.start(1)
    folder = cluster.state_dir / "default"
    outcome = cluster.script(f"{CELL}!chmod 777 {folder}\n%px Dot(1, 1)\n!chmod 700 {folder}\n")
    assert f"figure 1x1 · cannot be kept in {folder}: it is no directory of yours alone" in outcome.stdout
    assert kept(cluster) == {}


def test_the_text_of_a_result_tells_them(cluster):
    cluster.start(1)
    cluster.script(CELL + "%px Dot(1, 1)\n%result 2 > text\n")
    assert cluster.file("text").read_text().splitlines() == [
        "Out[0:2]: a dot", f"[0] figure 1x1 · {cluster.state_dir}/default/2-0.png"]


@pytest.mark.parametrize("option", [["--python", "python3"], ["--python", "/usr/bin/python3"], []])
def test_any_python(cluster, option):
    """Those that are asked for, and the runtime in plain Python."""
    env = {} if option else {"TUTTI_PURE": "1"}
    cluster.start(1, *option, env=env)
    assert "figure 9x9" in cluster.script(CELL + "%px Dot(9, 9)\n", env=env).stdout


# ---- %show

@pytest.mark.sanitize
def test_show_finds_pictures_again(cluster):
    cluster.start(2)
    outcome = cluster.script("%scatter --flatten [1, 2] as shade\n" + CELL + "%px Dot(1, 1, shade);\n"
                             "%px display(Dot(1, 1, shade)); 5\n%px 7\n%show\n%show 4\n%show -t 1\n%show -x 1 4\n",)
    shown = re.findall(r"^\[(\d)\] figure 1x1 · .*/(.*)", outcome.stdout, re.M)
    both = [("0", "4-0.png"), ("1", "4-1.png")]
    assert shown == both + both + both + both[1:] + both[:1]


@pytest.mark.parametrize("line, message", [
    ("%show", "%show: there is no picture yet"),
    ("%show 7", "%show: no job '7'; %jobs lists them"),
    ("%show 1", "%show: job 1 has no pictures"),
    ("%show --draw ascii", "%show: --draw takes auto, never, kitty, iterm, sixel or chafa, not 'ascii'"),
    ("%show -t 9", "no engine 9"),
])
def test_show_says_what_is_wrong(shared_four, line, message):
    first = "%px 1" if "-t" not in line else "%px display(type('P', (), {'_repr_svg_': lambda s: '<svg>'})())"
    outcome = shared_four.lines(first, line, code=2)
    assert message in outcome.stderr


def test_show_opens_a_viewer(cluster):
    cluster.start(1)
    script = CELL + "%px Dot(1, 1)\n%show --open\n"
    assert "there is no display to open it on" in cluster.script(script, code=1).stderr
    env = {"TUTTI_VIEWER": "no-such-viewer -x"}
    assert "there is no program 'no-such-viewer'" in cluster.script(script, code=1, env=env).stderr
    viewer = cluster.file("view er", "#!/bin/sh\nprintf '%s|' \"$@\" > seen.part && mv seen.part seen\n")
    viewer.chmod(0o700)
    viewer.rename(cluster.work_dir / "viewer")
    cluster.script(script, env={"TUTTI_VIEWER": f"{cluster.work_dir}/viewer -x"})
    assert cluster.wait_file("seen") == f"-x|{cluster.state_dir}/default/2-0.png|"


# ---- on terminals

def helper(cluster, name, script):
    """A helper of the test's own in front of PATH: the environment."""
    folder = cluster.work_dir / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o700)
    return {"PATH": f"{folder}:{cluster.env['PATH']}"}


def draw(cluster, env, **more):
    """What is written below the line of a picture at a terminal: bytes."""
    cluster.start(1)
    cluster.script(CELL)
    with Prompt(cluster, env=env, **more) as prompt:
        before = len(prompt.raw)
        prompt.run("%px display(Dot(2, 2))")
        raw = bytes(prompt.raw[before:])
        assert prompt.screen.unknown == []
    line, _, drawing = raw.partition(b"figure 2x2 \xc2\xb7 ")
    return drawing.partition(b".png\r\n")[2]


def test_kitty(cluster):
    drawing = draw(cluster, {"TERM": "xterm-kitty"})
    assert drawing.startswith(b"\x1b_Ga=T,f=100,q=2,m=0;" + base64.b64encode(png(2, 2)) + b"\x1b\\\r\n")


def test_iterm(cluster):
    data = png(2, 2)
    assert draw(cluster, {"LC_TERMINAL": "iTerm2"}).startswith(
        b"\x1b]1337;File=inline=1;size=%d;preserveAspectRatio=1:" % len(data) + base64.b64encode(data) + b"\x07\r\n")


def test_sixel_where_the_terminal_says_so(cluster):
    env = helper(cluster, "chafa", "printf '\\033Pq%s\\033\\\\' \"$2\"")
    assert draw(cluster, env, attributes="62;4;22").startswith(b"\x1bPqsixels\x1b\\\r\n")


def test_symbols_where_it_does_not(cluster):
    env = helper(cluster, "chafa", "echo \"drawn as $2\"")
    assert draw(cluster, env, attributes="64;14;24").startswith(b"drawn as symbols\r\n")


def test_symbols_within_tmux(cluster):
    env = helper(cluster, "chafa", "echo \"drawn as $2\"")
    assert draw(cluster, {**env, "TMUX": "x", "TERM": "tmux", "KITTY_WINDOW_ID": "1"}) \
        .startswith(b"drawn as symbols\r\n")


def test_a_terminal_that_answers_nothing(cluster):
    env = helper(cluster, "chafa", "echo \"drawn as $2\"")
    assert draw(cluster, env, attributes=None).startswith(b"drawn as symbols\r\n")


def test_a_helper_that_fails_leaves_the_line(cluster):
    env = helper(cluster, "chafa", "echo half; exit 1")
    assert b"half" not in draw(cluster, env)


def test_what_is_typed_ahead_is_not_eaten(cluster):
    """Keys come before, within and behind the terminal's answer."""
    cluster.start(1)
    cluster.script(CELL)
    env = helper(cluster, "chafa", "echo \"drawn as $2\"")
    with Prompt(cluster, env=env, attributes=None) as prompt:
        prompt.enter("%px exec(\"import os\\nwhile not os.path.exists('go'): pass\"); display(Dot(2, 2))")
        prompt.send("40")
        cluster.file("go", "")
        prompt.wait_raw("\x1b[c")
        prompt.send("+1\x1b[?62;4;22c+1" + ENTER)
        prompt.wait_line(r"Out\[\d+\]: 42")
        prompt.wait_line("drawn as sixels")


def test_drawing_is_turned_off(cluster):
    cluster.start(1)
    cluster.script(CELL)
    settings = cluster.directory / "c" / "tutti"
    settings.mkdir(parents=True)
    (settings / "tutti.zpl").write_text("prompt\n    draw = never\n")
    with Prompt(cluster, env={"TERM": "xterm-kitty"}) as prompt:
        assert prompt.run("%pxconfig")[-1].endswith("--draw never")
        prompt.run("%px display(Dot(2, 2))")
        assert b"\x1b_G" not in prompt.raw
        prompt.run("%show")  # asked for, it is drawn
        assert prompt.raw.count(b"\x1b_G") == 1
        prompt.run("%show --draw iterm")
        assert b"\x1b]1337;" in prompt.raw
        prompt.run("%pxconfig --draw kitty")
        prompt.run("%px display(Dot(2, 3))")
        assert prompt.raw.count(b"\x1b_G") == 2
        prompt.run("%pxconfig --draw ascii")
        prompt.wait_line(r"%pxconfig: --draw takes auto, .*")
    text = (settings / "tutti.zpl")
    text.write_text("prompt\n    draw = ascii\n")
    assert "--draw takes auto" in cluster.run("config").stderr


def test_a_job_of_the_background(cluster):
    cluster.start(1)
    cluster.script(CELL)
    with Prompt(cluster, env={"TERM": "xterm-kitty"}) as prompt:
        prompt.run("%px display(Dot(2, 2)) &")
        prompt.type("6*7")
        prompt.wait_line(r"\[0\] figure 2x2 · .*")
        prompt.send(ENTER)
        prompt.wait_line(r"Out\[\d+\]: 42")
        assert prompt.raw.count(b"\x1b_G") == 1


def test_chafa_itself(cluster):
    """The options that it is called with are those of the program."""
    if subprocess.run(["sh", "-c", "command -v chafa"], stdout=subprocess.DEVNULL).returncode:
        pytest.skip("needs chafa")
    cluster.start(1)
    cluster.script(CELL)
    with Prompt(cluster, attributes="62;4") as prompt:
        prompt.run("%px display(Dot(64, 64, 200))")
        assert b"\x1bP" in prompt.raw
        before = len(prompt.raw)
        prompt.run("%show --draw chafa")
        assert b"\x1b[" in prompt.raw[before:].partition(b".png")[2].partition(b"In [")[0]


# ---- matplotlib

@matplotlib
def test_figures_of_matplotlib(cluster):
    cluster.start(2)
    outcome = cluster.script("%px import matplotlib.pyplot as plt\n%px plt.plot([1, 2])\n"
                             "%px -t 0 plt.plot([1, 3]); plt.show(); plt.get_fignums()\n"
                             "%px -t 0 plt.figure(figsize=(2, 1)); 1/0\n", code=1, timeout=60)
    assert re.findall(r"^\S+ figure \S+ · .*/(.*)|^(Out.*)", outcome.stdout, re.M) == [
        ("2-0.png", ""), ("", "Out[0:3]: []"), ("3-0.png", ""), ("4-0.png", "")]
    assert outcome.stdout.startswith("[0-1] figure 640x480 · ")
    assert "[0] figure 200x100 · " in outcome.stdout


@matplotlib
def test_a_figure_as_a_value_comes_once(cluster):
    cluster.start(1)
    outcome = cluster.script("%px import matplotlib.pyplot as plt; fig = plt.figure()\n%px plt.figure()\n%px fig\n"
                             "%px display(plt.figure(figsize=(1, 1)))\n%px plt.figure(figsize=(1, 2)).show()\n"
                             "%px plt.title('t'); plt.savefig = None; plt.gcf().savefig = None; 5\n", timeout=60)
    shown = re.findall(r"figure (\S+) · .*/(.*)", outcome.stdout)
    assert [name for _, name in shown] == ["1-0.png", "2-0.png", "3-0.png", "4-0.png", "5-0.png"]
    assert [size for size, _ in shown[3:]] == ["100x100", "100x200"]
    assert "Out[0:6]: 5" in outcome.stdout
    assert "cannot be drawn: TypeError" in outcome.stdout


@matplotlib
def test_figures_of_the_local_engine(cluster):
    cluster.start(1)
    outcome = cluster.script("import matplotlib.pyplot as plt; plt.plot([1])\n", timeout=60)
    assert outcome.stdout.startswith("figure 640x480 · ")


@matplotlib
def test_matplotlib_loaded_before_the_engines_fork(cluster):
    cluster.start(2, "--preload", "matplotlib.pyplot")
    outcome = cluster.lines("%px import sys, matplotlib.pyplot as plt; plt.plot([1]); plt.get_backend()", timeout=60)
    assert outcome.stdout.splitlines()[0] == "Out[0-1:1]: 'module://tutti.backend'"
    assert outcome.stdout.splitlines()[1].startswith("[0-1] figure 640x480")


@matplotlib
def test_a_backend_of_the_persons_own_is_left_alone(cluster):
    cluster.env["MPLBACKEND"] = "svg"
    cluster.start(1)
    outcome = cluster.lines("%px import matplotlib.pyplot as plt; plt.plot([1]); plt.get_backend()", timeout=60)
    assert outcome.stdout.strip() == "Out[0:1]: 'svg'"
    assert kept(cluster) == {}


def test_nothing_is_imported_ahead(cluster):
    """Neither library costs anything where it is not used, and importing hooks are invisible."""
    cluster.start(1)
    outcome = cluster.lines("%px import sys; [n for n in ('matplotlib', 'IPython', 'numpy', 'PIL') if n in sys.modules]",
                            "%px import matplotlib_of_none", code=1)
    assert "Out[0:1]: []" in outcome.stdout
    assert "hooks" not in outcome.stderr


def test_the_import_hook(cluster):
    """By a library of the test's own that has matplotlib's name."""
    cluster.start(1)
    (cluster.work_dir / "matplotlib").mkdir()
    (cluster.work_dir / "matplotlib" / "__init__.py").write_text("rcParams = {}\n")
    (cluster.work_dir / "IPython" / "core").mkdir(parents=True)
    (cluster.work_dir / "IPython" / "__init__.py").write_text("")
    (cluster.work_dir / "IPython" / "core" / "__init__.py").write_text("")
    (cluster.work_dir / "IPython" / "core" / "display_functions.py").write_text(
        "class DisplayHandle:\n  def __init__(self, name): self.name = name\n")
    path = f"import sys; sys.path.insert(0, {str(cluster.work_dir)!r})"
    outcome = cluster.lines(
        f"%px {path}; import importlib.util; spec = importlib.util.find_spec('matplotlib'); import matplotlib; "
        "matplotlib.rcParams, type(matplotlib.__loader__).__name__, type(matplotlib.__spec__.loader).__name__",
        "%px from IPython.core.display_functions import display as d, publish_display_data as p; "
        "d('one', display_id='a'); d('two', display_id='a', update=True); "
        "p({'text/plain': 'three', 'text/html': 'x'}); d({'text/plain': 'four'}, raw=True); "
        "d('five', include=['text/html']); type(d('six', display_id=True)).__name__")
    lines = outcome.stdout.splitlines()
    assert lines[0] == ("Out[0:1]: ({'backend': 'module://tutti.backend'}, 'SourceFileLoader', 'SourceFileLoader')")
    assert lines[1:] == ["Out[0:2]: 'DisplayHandle'", "[0] two", "[0] three", "[0] four", "[0] six"]
