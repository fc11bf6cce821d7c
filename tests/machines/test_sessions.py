"""The sessions that need machines: a rented one with a key file, and a fleet of which one differs."""

import re

from e2e.harness import wait_until
from e2e.terminal import ENTER, Prompt, Shell

from .test_add import add, web  # noqa: F401


def test_session_4_a_rented_machine_and_a_key_file(cluster, machines):
    """The key file that others can read, the set-up script, a script sent and run, its results
    fetched; then the controller there, the lid closed, and back by the same line."""
    machine = machines.add("ec2", user="ubuntu")
    machines.alias("ec2-1234.example.com", to=machine)
    cluster.env["TUTTI_SSH"] = machines.ssh
    key = cluster.file("temp-cluster.pem")
    key.write_bytes(machines.key.read_bytes())
    key.chmod(0o644)
    cluster.file("setup.sh", "mkdir -p script_output_folder\n")
    cluster.file("nlp_script.py", "import os\n"
                 "for n in range(3):\n"
                 "    open(f'script_output_folder/{n}.txt', 'w').write(f'part {n}')\n"
                 "print('written')\n")
    words = ["-n", "2", "-i", "temp-cluster.pem", "--setup", "setup.sh",
             "ubuntu@ec2-1234.example.com"]
    outcome = add(cluster, *words, code=2)
    assert outcome.stderr == ("tutti: temp-cluster.pem is readable by others: "
                              "chmod 400 temp-cluster.pem\n")
    key.chmod(0o400)
    outcome = add(cluster, *words)
    assert re.search(r"^ec2-1234: sent tutti \(\d\.\d MB\) · setup\.sh ok in \d+\.\d s · 2 Python "
                     r"engines \(3\.\S+, \S+\) · ids 0-1$", outcome.stdout, re.M), outcome
    with Prompt(cluster) as prompt:
        assert prompt.run("%upload nlp_script.py") == ["ec2-1234:/home/ubuntu/nlp_script.py"]
        prompt.run("%px -t 0 %run nlp_script.py &")
        prompt.wait_line(r"\[0\] written")
        prompt.wait_prompt()
        got = prompt.run("%download 'script_output_folder/*' Documents/")
        assert got == ["ec2-1234: 3 files in Documents · 0.0 MB"]
        assert cluster.file("Documents/2.txt").read_text() == "part 2"
        prompt.send("exit" + ENTER)
        assert prompt.wait_end() == 0
    cluster.ok("stop")
    # the controller there
    there = ["--ssh", "ubuntu@ec2-1234.example.com", "-i", "temp-cluster.pem"]
    cluster.ok("start", "--on", there[1], *there[2:], "-n", 2, timeout=60)
    with Prompt(cluster, *there) as prompt:
        prompt.run("%px import os, time; open(f'on{os.getpid()}', 'w').close(); "
                   "[time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; 6*7 &")
        wait_until(lambda: len(list(machine.home.glob("on*"))) == 2)
        prompt.popen.kill()
    machine.put("go", "")
    with Prompt(cluster, *there, ready=False) as prompt:
        prompt.wait_prompt(2, deadline=30)
        assert prompt.run("%result 1", deadline=20)[0] == "Out[0-1:1]: 42"
        prompt.send("exit" + ENTER)
        assert prompt.wait_end() == 0
    cluster.ok(*there, "stop", timeout=40)


def test_session_6_a_fleet_of_which_one_differs(cluster, machines):
    """Eight hosts for forty, all on one machine; one of them has its own idea of a file."""
    machine = machines.add("one")
    for n in range(1, 9):
        machines.alias(f"web{n:02}", to=machine)
    cluster.env["TUTTI_SSH"] = machines.ssh
    with Shell(cluster) as shell:
        got = shell.command(f"{cluster.tutti} add --lang sh -n 1 'web[01-08]'",
                            deadline=50)
        assert got[0] == "cluster 'default' is up" and len(got) == 9
        shell.command(f"{cluster.tutti} sh -t web05 'export STATE=inactive'")
        got = shell.command(f"{cluster.tutti} sh 'echo ${{STATE:-active}}; "
                            "test -z \"$STATE\" || (exit 3)'")
        assert got == ["[web01-web04,web06-web08] active", "[web05] inactive", "[web05] exit 3"]
    with Prompt(cluster, columns=120) as prompt:
        prompt.run("%sh test -z \"$STATE\" || (exit 3)")
        prompt.run("%targets --failed")
        assert prompt.screen.before_cursor().startswith("In [3] @web05:")
        assert prompt.run("%sh STATE=; echo mended") == ["[web05] mended"]
        prompt.run("%targets all")
        assert prompt.run("%sh echo ${STATE:-active}") == ["[web01-web08] active"]
        # output that comes ahead of its result, too
        mark, number = prompt.mark(), prompt.number
        prompt.send("%sh echo here; until test -e go; do sleep 0.05; done" + ENTER)
        prompt.wait_line(r"\[.*\] here", start=mark)
        machine.put("go", "")
        prompt.wait_prompt(above=number)
        assert all(re.fullmatch(r"\[web[\w,-]+\] here", line) for line in prompt.shown(mark))
        prompt.send("exit" + ENTER)
        assert prompt.wait_end() == 0
