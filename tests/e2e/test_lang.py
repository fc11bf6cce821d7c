"""%lang: another local language, and back with all names."""

import pytest

from .terminal import CTRL_C, Prompt


def test_each_local_engine_keeps_its_names(cluster):
    cluster.start(1, "-n", "1", "--lang", "sh")
    got = cluster.script("""x = 40
%px y = 2
%lang sh
x=shell
for i in 1 2; do
  echo "$i $x"
done
%px echo "on $0 engines"; z=3
%lang python
print(x + 2)
%px y
%lang sh
echo $x
%px echo $z
%lang
""")
    lines = got.stdout.splitlines()
    assert lines[0].startswith("here: sh ") and lines[1:3] == ["1 shell", "2 shell"]
    assert lines[3].startswith("[1] on ") and lines[4].startswith("here: python ")
    assert lines[5:7] == ["42", "Out[0:8]: 2"] and lines[7].startswith("here: sh ")
    assert lines[8:10] == ["shell", "[1] 3"] and lines[10] == lines[0]


@pytest.mark.parametrize("words, text", [
    ("lua", "no language 'lua': there are python, ipython, sh, mock"),
    ("python sh", "takes one language, as in %lang sh"),
])
def test_what_is_no_language_is_refused(cluster, words, text):
    cluster.start(1)
    outcome = cluster.run("-c", f"%lang {words}")
    assert outcome.code == 2 and text in outcome.stderr


def test_a_python_that_was_named_is_none_for_a_shell(cluster):
    outcome = cluster.run("-n", "1", "--python", "/usr/bin/python3", "-c", "%lang sh\necho in $((40+2))\n"
                          "%lang python\nprint(6*7)")
    assert outcome.code == 0 and "in 42\n" in outcome.stdout and outcome.stdout.endswith("42\n"), outcome


def test_it_is_not_for_code(cluster):
    cluster.start(1)
    outcome = cluster.script("for _ in range(1):\n    %lang sh\n", code=1)
    assert "is for the prompt, not for code" in outcome.stderr


def test_at_a_terminal(cluster):
    with Prompt(cluster, "-n", 1) as prompt:
        prompt.run("a = 1")
        assert prompt.run("%lang sh")[0].startswith("here: sh ")
        prompt.run("b=two")
        prompt.enter("echo begun; while :; do :; done")
        prompt.wait_line("begun$")
        prompt.send(CTRL_C)
        prompt.wait_prompt(prompt.number + 1)
        assert prompt.run("echo $b") == ["two"]
        assert prompt.run("%lang python")[0].startswith("here: python ")
        assert prompt.value("a") == "1"
        assert prompt.run("%lang sh")[0].startswith("here: sh ")
        assert prompt.run("echo $b") == ["two"]
        prompt.leave("s")
        assert prompt.wait_end() == 0


def test_a_local_engine_that_dies_while_it_is_aside_is_started_anew(cluster):
    with Prompt(cluster, "-n", 1) as prompt:
        pid = prompt.local_pid()
        prompt.run("%lang sh")
        prompt.run(f"kill -9 {pid}")
        prompt.run("%lang python")
        prompt.run("6*7")
        assert prompt.value("6*7") == "42"
        prompt.leave("s")
