"""Files to the machine of the engines and from it, which here is this one."""

import os

import pytest


@pytest.mark.sanitize
def test_up_and_down_on_this_machine(cluster):
    (cluster.work_dir / "engines").mkdir()
    cluster.start(2, "--workdir", str(cluster.work_dir / "engines"))
    data = bytes(range(256)) * 5000
    cluster.file("a file").write_bytes(data)
    out = cluster.lines("%upload 'a file'", "%upload a\\ file --to sub", "%download 'sub/*' back/",
                        "%px import os; sorted(os.listdir())").stdout.splitlines()
    assert out[0].endswith(f":{cluster.work_dir}/engines/a file")
    assert out[1].endswith(f":{cluster.work_dir}/engines/sub/a file")
    assert out[2].endswith(":back/a file")
    assert out[3] == "Out[0-1:4]: ['a file', 'sub']"
    assert cluster.file("back/a file").read_bytes() == data
    assert not list(cluster.work_dir.rglob("*.tutti-*"))


def test_wrong_use_is_told(cluster):
    cluster.start(1)
    for line, text in [("%upload", "%upload: it takes files or folders"),
                       ("%download", "%download: it takes names or patterns of files there, as "
                                     "in 'out/*.csv'"),
                       ("%upload it's", "%upload: the quote ' is not closed"),
                       ("%download 'out/*", "%download: the quote ' is not closed"),
                       ("%upload -t 7 x", "no engine 7: there is 0"),
                       ("%upload none", "cannot read 'none': No such file or directory")]:
        outcome = cluster.lines(line, code=None)
        assert outcome.code != 0 and text in outcome.stderr, outcome
    assert cluster.run("upload").code == 2


def test_links_and_odd_files_are_left_out(cluster):
    cluster.start(1)
    folder = cluster.work_dir / "odd"
    folder.mkdir()
    (folder / "real").write_text("real")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    cluster.ok("upload", "odd", "--to", "there")
    assert sorted(p.name for p in (cluster.work_dir / "there/odd").iterdir()) == ["real"]
