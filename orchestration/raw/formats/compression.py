"""Gzip and Zstandard, told by their first bytes, undone in bounded memory."""

import re
import zlib
from typing import Protocol

import zstandard

from orchestration.raw.formats.refusals import Refused

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# A frame that carries no data may come first: 0x184D2A50 to 0x184D2A5F.
_ZSTD_SKIPPABLE_MAGIC = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")

# Real events shrink 5 to 50 times. The repeated line that a bomb is made of shrinks
# a thousand times, and passes a quarter of a gigabyte.
_BOMB_RATIO = 500
_BOMB_FLOOR = 256 << 20

_GZIP_STEP = 32 << 10
# zstandard has no bound on what one call returns; 4 KiB hold at most 128 MiB.
_ZSTD_STEP = 4 << 10


class Readable(Protocol):
    """Anything with a `read` that returns no bytes only at its end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes."""
        ...


class Seekable(Readable, Protocol):
    """A file: what Parquet needs, whose table of contents stands at the end."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in the file."""
        ...


class Replayed:
    """A stream whose first bytes were read already, and are given again."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, first of all those of the head."""
        if not self._head:
            return self._rest.read(size)
        if size < 0:
            piece, self._head = self._head, b""
            return piece + self._rest.read()
        piece, self._head = self._head[:size], self._head[size:]
        return piece


def compression_of(start: bytes) -> str | None:
    """Name the compression of a file that begins with these bytes."""
    if start.startswith(GZIP_MAGIC):
        return "gzip"
    if start.startswith(ZSTD_MAGIC) or _ZSTD_SKIPPABLE_MAGIC.match(start):
        return "zstd"
    return None


def decompressed(stream: Readable, compression: str | None) -> Readable:
    """Return the plain bytes of a stream, which may raise `Refused` while read."""
    if compression is None:
        return stream
    unpack = {"gzip": _GzipMembers, "zstd": _ZstdFrames}[compression]
    return _Decompressed(stream, unpack())


class _GzipMembers:
    """Gzip members, one after the other."""

    step = _GZIP_STEP
    errors = (zlib.error,)

    def __init__(self) -> None:
        self._member = None
        self._pending = b""

    @property
    def is_between(self) -> bool:
        """Whether the bytes so far end where a member ends."""
        return self._member is None and not self._pending

    def feed(self, data: bytes, limit: int) -> bytes:
        """Take compressed bytes; return at most `limit` plain ones."""
        data = self._pending + data
        if self._member is None:
            # Tapes and some writers pad the end with zeros.
            data = data.lstrip(b"\0")
            if not data:
                self._pending = b""
                return b""
            self._member = zlib.decompressobj(wbits=31)
        plain = self._member.decompress(data, limit)
        if self._member.eof:
            self._pending = self._member.unused_data
            self._member = None
        else:
            self._pending = self._member.unconsumed_tail
        return plain

    @property
    def is_hungry(self) -> bool:
        """Whether nothing more comes out without more going in."""
        return not self._pending


class _ZstdFrames:
    """Zstandard frames, one after the other."""

    step = _ZSTD_STEP
    errors = (zstandard.ZstdError,)

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor()
        self._frame = None
        self._pending = b""

    @property
    def is_between(self) -> bool:
        """Whether the bytes so far end where a frame ends."""
        return self._frame is None and not self._pending

    def feed(self, data: bytes, _limit: int) -> bytes:
        """Take compressed bytes; return plain ones."""
        data = self._pending + data
        self._pending = b""
        if self._frame is None:
            self._frame = self._decompressor.decompressobj()
        plain = self._frame.decompress(data)
        if self._frame.eof:
            self._pending = self._frame.unused_data
            self._frame = None
        return plain

    @property
    def is_hungry(self) -> bool:
        """Whether nothing more comes out without more going in."""
        return not self._pending


class _Decompressed:
    """The plain bytes of a compressed stream."""

    def __init__(self, stream: Readable, members: _GzipMembers | _ZstdFrames) -> None:
        self._stream = stream
        self._members = members
        self._buffer = bytearray()
        self._is_at_end = False
        self._packed_size = 0
        self._plain_size = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, or what is left of the stream."""
        wanted = size if size >= 0 else float("inf")
        while len(self._buffer) < wanted and not self._is_at_end:
            self._unpack_some(1 << 20 if size < 0 else size - len(self._buffer))
        end = len(self._buffer) if size < 0 else size
        piece = bytes(self._buffer[:end])
        del self._buffer[:end]
        return piece

    def _unpack_some(self, limit: int) -> None:
        data = b""
        if self._members.is_hungry:
            data = self._stream.read(self._members.step)
            if not data:
                self._is_at_end = True
                if not self._members.is_between:
                    raise Refused("truncated_compressed")
                return
        try:
            plain = self._members.feed(data, limit)
        except self._members.errors:
            # The library's own words are dropped: they may quote the data.
            raise Refused("corrupt_compressed") from None
        self._packed_size += len(data)
        self._plain_size += len(plain)
        self._buffer += plain
        if self._plain_size > max(_BOMB_FLOOR, _BOMB_RATIO * self._packed_size):
            raise Refused("decompression_bomb")
