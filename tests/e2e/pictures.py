"""Pictures for tests, made by hand."""

import base64
import struct
import subprocess
import zlib

HAS_MATPLOTLIB = subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"],
                                stderr=subprocess.DEVNULL).returncode == 0


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, shade=0):
    """A grey PNG of that size, as bytes."""
    rows = (b"\0" + bytes([shade]) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


PNG = base64.b64encode(png(1, 1)).decode()  # one point
