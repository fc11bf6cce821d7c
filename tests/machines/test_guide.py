"""The chapters of docs/guide.md that need other machines, typed anew. (`scripts/check-guide`)"""

import pytest

from e2e.guide import play


@pytest.mark.deadline(180)
def test_chapter_4(cluster, machines):
    machine = machines.add("ec2", user="ubuntu")
    machines.alias("ec2-1234.example.com", to=machine)
    cluster.env["TUTTI_SSH"] = machines.ssh
    key = cluster.file("temp-cluster.pem")
    key.write_bytes(machines.key.read_bytes())
    key.chmod(0o644)
    play(4, cluster)


@pytest.mark.deadline(180)
def test_chapter_6(cluster, machines):
    """The forty hosts are one machine with forty names."""
    machine = machines.add("one")
    for n in range(1, 41):
        machines.alias(f"web{n:02}", to=machine)
    cluster.env["TUTTI_SSH"] = machines.ssh
    play(6, cluster)
