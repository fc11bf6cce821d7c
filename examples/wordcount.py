"""The word count of wordcount.tutti as an ordinary script: counts the words of all text under
/usr/share/doc with every engine at once, and checks the counts against a single process.

    tutti start -n 4
    PYTHONPATH=$(tutti --python-path) /usr/bin/python3 examples/wordcount.py

With `import ipyparallel as ipp` it is ipyparallel's.
"""

import collections
import gzip
import os
import sys
import time
import zlib

import tutti as ipp

ROOTS = ["/usr/share/doc", "/usr/share/common-licenses"]
LETTERS = bytes(c if c > 127 or chr(c).isalpha() else ord(" ") for c in bytes(range(256)).lower())


def read_text(path):
    """The bytes of a file, unpacked if need be; none if it is not text or cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return b""
    return b"" if b"\0" in data else data


def count_words(paths):
    """How often each word occurs in these files."""
    counts = collections.Counter()
    for path in paths:
        counts.update(read_text(path).translate(LETTERS).split())
    return counts


def find_texts(roots):
    """[(size, path)] of every text below the roots: once, however many links lead to it."""
    found = {}
    for root in roots:
        for folder, _, names in os.walk(root):
            for path in (os.path.realpath(os.path.join(folder, name)) for name in names):
                if path not in found and os.path.isfile(path):
                    found[path] = len(read_text(path))
    return [(size, path) for path, size in found.items() if size]


def split(texts, count):
    """The paths in `count` parts of even size: the largest first, each to the smallest part."""
    parts = [[0, []] for _ in range(count)]
    for size, path in sorted(texts, reverse=True):
        part = min(parts, key=lambda part: part[0])
        part[0] += size
        part[1].append(path)
    return [paths for size, paths in parts]


def main():
    rc = ipp.Client()
    rc.wait_for_engines(timeout=20)
    rc[:].push({"LETTERS": LETTERS, "read_text": read_text}, block=True)
    texts = find_texts(ROOTS)
    parts = split(texts, 4 * len(rc))
    result = rc.load_balanced_view().map(count_words, parts)
    total = sum(result, collections.Counter())
    began = time.perf_counter()
    alone = count_words(path for size, path in texts)
    here = time.perf_counter() - began
    for word, count in total.most_common(10):
        print(word.decode(errors="replace"), count)
    print(f"{len(texts)} texts in {len(parts)} parts on {len(rc)} engines: elapsed {result.elapsed:.2f} s, wall "
          f"{result.wall_time:.2f} s, serial {result.serial_time:.2f} s, here alone {here:.2f} s", file=sys.stderr)
    assert total == alone, "the engines counted otherwise than a single process"


if __name__ == "__main__":
    main()
