"""A notebook run without a browser: the magics, plots inline, errors. (ipyparallel.md 1.8 and 2)"""

import base64
import os
import re

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

import tutti as ipp  # noqa: E402

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def notebook(four, tmp_path, monkeypatch):
    """run(cell, ...) -> the outputs of each cell, as the notebook would keep them; a cell may fail."""
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(os.path.dirname(ipp.__file__)))
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))

    def run(*cells):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        client = nbclient.NotebookClient(book, timeout=60, kernel_name="python3", allow_errors=True,
                                         resources={"metadata": {"path": str(tmp_path)}})
        client.execute()
        return [cell.outputs for cell in book.cells]

    return run


def text(outputs, name="stdout"):
    return "".join(one.text for one in outputs if one.output_type == "stream" and one.name == name)


def pictures(outputs):
    return [base64.b64decode(one.data["image/png"]) for one in outputs
            if one.output_type == "display_data" and "image/png" in one.data]


PLOT = "%%px{}\nimport matplotlib.pyplot as plt\nprint('drawn')\nplt.plot([1, 2])"


@pytest.mark.parametrize("options", ["", " --no-stream", " --no-stream --group-outputs=engine",
                                     " --no-stream --group-outputs=order"])
def test_a_plot_of_each_engine(notebook, options):
    loaded, drawn = notebook("%load_ext tutti", PLOT.format(options))
    assert not [one for one in loaded if one.output_type == "error"], loaded
    assert not [one for one in drawn if one.output_type == "error"], drawn
    found = pictures(drawn)
    assert len(found) == 4 and all(one.startswith(PNG) for one in found)
    out = text(drawn)
    for engine in range(4):
        assert f"[stdout:{engine}] drawn\n" in out and f"[output:{engine}]\n" in out
    drawn = [one for one in drawn if one.get("name") != "stderr"]  # progress
    before = [one for one, then in zip(drawn, drawn[1:]) if "image/png" in then.get("data", {})]
    assert [one.text.splitlines()[-1] for one in before] == [f"[output:{n}]" for n in range(4)]


def test_values_errors_and_the_last_result(notebook):
    _, value, failed, kept, again, shown, number = notebook(
        "%load_ext tutti", "%px 6 * 7", "%%px\nprint('before')\n1/0", "%%px --noblock\nprint('later')\n'kept'",
        "%pxresult", "%%px --no-stream -t 0\n{'a': [1] * 3}", "%px import os; os.getpid()")
    out = re.sub(r"\x1b\[[\d;]*m", "", text(value))
    assert re.findall(r"Out\[(\d):\d+\]: 42\n", out) == list("0123"), out
    error = [one for one in failed if one.output_type == "error"]
    assert len(error) == 1 and "4 errors" in "\n".join(error[0].traceback)
    assert "[stdout:0] before\n" in text(failed)
    assert text(failed, "stderr").count("ZeroDivisionError: division by zero") == 4
    assert "AsyncResult(%px)" in kept[0].data["text/plain"]
    out = text(again)
    assert all(f"[stdout:{n}] later\n" in out for n in range(4)) and out.count("'kept'") == 4
    assert "[1, 1, 1]" in text(shown) and len(set(re.findall(r"\d{3,}", text(number)))) == 4


def test_displays_keep_their_kinds(notebook):
    _, shown = notebook("%load_ext tutti", "%%px -t 0:2\nfrom IPython.display import HTML, display\n"
                        "display(HTML('<b>1</b>'))")
    pages = [one.data["text/html"] for one in shown if one.output_type == "display_data"]
    assert pages == ["<b>1</b>", "<b>1</b>"], shown


def test_progress_and_stream_output(notebook):
    _, _, waited, streamed = notebook(
        "import tutti as ipp\nrc = ipp.Client()\nview = rc[:]", "import time",
        "ar = view.apply_async(time.sleep, 0.3)\nar.wait_interactive()\nprint(ar.ready())",
        "def say():\n    import sys\n    print('out')\n    print('err', file=sys.stderr)\n"
        "ar = view.apply_async(say)\nwith ar.stream_output():\n    ar.wait()")
    assert text(waited).endswith("True\n") and not [one for one in waited if one.output_type == "error"]
    assert [f"[stdout:{n}] out\n" in text(streamed) for n in range(4)] == [True] * 4
    assert [f"[stderr:{n}] err\n" in text(streamed, "stderr") for n in range(4)] == [True] * 4
