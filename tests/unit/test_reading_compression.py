"""Gzip and Zstandard: found by content, joined, cut, damaged and exploding."""

import gzip
import io
import random
from itertools import pairwise

import pytest
import zstandard

from orchestration.raw.formats import compression
from orchestration.raw.reading import Refused, read_records

pytestmark = pytest.mark.thorough


def lines(count: int) -> bytes:
    choose = random.Random(3)
    return b"".join(b'{"a":%d}\n' % choose.getrandbits(60) for _ in range(count))


def zstd(data: bytes, **options) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)


def zstd_streamed(data: bytes) -> bytes:
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return packer.compress(data) + packer.flush()


def read(data: bytes, **options) -> list:
    # No suffix: the bytes alone must tell.
    return list(read_records(io.BytesIO(data), name="events", **options))


def refusal(data: bytes, **options) -> str:
    with pytest.raises(Refused) as refused:
        read(data, **options)
    return refused.value.reason


PACK = pytest.mark.parametrize("pack", [gzip.compress, zstd, zstd_streamed])


@PACK
def test_a_packed_file_reads_like_the_plain_one(pack):
    plain = lines(50_000)
    reader = read_records(io.BytesIO(pack(plain)), name="events")
    assert reader.compression == ("gzip" if pack is gzip.compress else "zstd")
    assert list(reader) == read(plain)


@PACK
def test_parts_packed_one_by_one_read_as_one_file(pack):
    plain = lines(3000)
    cuts = [0, 1, 2, 700, 701, 20_000, len(plain)]
    parts = [plain[start:end] for start, end in pairwise(cuts)]
    assert read(b"".join(map(pack, [b"", *parts, b""]))) == read(plain)


@PACK
def test_a_cut_stream_is_refused_wherever_it_was_cut(pack):
    packed = pack(lines(200))
    for end in range(12, len(packed)):
        assert refusal(packed[:end]) == "truncated_compressed"
    large = pack(lines(200_000))
    assert refusal(large[: len(large) // 2]) == "truncated_compressed"
    assert refusal(large + large[:10]) == "truncated_compressed"


def test_records_may_come_out_before_a_cut_is_noticed():
    packed = gzip.compress(lines(400_000), 1)
    reader = read_records(io.BytesIO(packed[:-4]), name="events")
    assert next(reader).problem is None
    with pytest.raises(Refused, match="truncated_compressed"):
        list(reader)


@PACK
def test_damage_is_refused(pack):
    packed = bytearray(pack(lines(5000)))
    for place in range(len(packed) // 2, len(packed) // 2 + 40):
        packed[place] ^= 0x55
    assert refusal(bytes(packed)) in {"corrupt_compressed", "truncated_compressed"}
    assert refusal(pack(lines(5)) + b"trailing garbage") == "corrupt_compressed"


def test_a_wrong_checksum_is_refused():
    for pack in (gzip.compress, zstd_streamed):
        packed = bytearray(pack(lines(50)))
        packed[-5 if pack is gzip.compress else -1] ^= 1
        assert refusal(bytes(packed)) == "corrupt_compressed"


def test_zeros_after_gzip_are_padding():
    assert read(gzip.compress(lines(5)) + b"\0" * 512) == read(lines(5))


def test_zstd_frames_without_data_are_passed_over():
    skippable = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    assert read(skippable + zstd(lines(5)) + skippable) == read(lines(5))


@PACK
def test_a_bomb_is_refused_before_it_unfolds(pack, monkeypatch):
    monkeypatch.setattr(compression, "_BOMB_FLOOR", 1 << 20)
    bomb = pack(b"\0" * (40 << 20))
    assert refusal(bomb, format="ndjson") == "decompression_bomb"


@PACK
def test_a_document_that_unfolds_beyond_its_limit_is_refused(pack):
    assert refusal(pack(b"[" + b" " * (65 << 20) + b"]")) == "too_large_document"


def test_a_packed_parquet_or_twice_packed_file_is_refused():
    assert refusal(gzip.compress(b"PAR1" + b"x" * 40)) == "wrong_format"
    assert refusal(gzip.compress(zstd(lines(5)))) == "wrong_format"


@PACK
def test_an_empty_packed_file_has_no_records(pack):
    assert read(pack(b"")) == []


def test_many_tiny_parts_take_no_quadratic_time():
    parts = b"".join(gzip.compress(b"\n") for _ in range(20_000))
    reader = read_records(io.BytesIO(parts), name="events")
    assert list(reader) == []
    assert reader.blank_count == 20_000
