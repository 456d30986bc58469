"""Gzip tars for tests, as builder clients pack them."""

import gzip
import io
import tarfile


def entry(name, kind=tarfile.REGTYPE, link="", size=0, mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, size, mode
    return info


def packed(*members):
    """`members`: TarInfo, or (name, content). The bytes of the archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member in members:
            if isinstance(member, tuple):
                info = entry(member[0], size=len(member[1]))
                archive.addfile(info, io.BytesIO(member[1]))
            else:
                archive.addfile(member)
    return out.getvalue()


def bomb(size):
    """An archive that claims and holds `size` zero bytes in one file."""
    out = io.BytesIO()
    with gzip.open(out, "wb", compresslevel=1) as raw, tarfile.open(fileobj=raw, mode="w|") as archive:
        info = entry("zeros", size=size)
        archive.addfile(info, Zeros(size))
    return out.getvalue()


class Zeros(io.RawIOBase):
    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        count = min(self.left, size if size >= 0 else self.left)
        self.left -= count
        return bytes(count)
