"""The same records as other files: cut, packed, shuffled and repeated at random."""

import gzip
import io
import json
import os

import polars as pl
import zstandard

PACKINGS = {
    "": lambda content: content,
    ".gz": lambda content: gzip.compress(content, compresslevel=1, mtime=0),
    ".zst": zstandard.ZstdCompressor(level=1).compress,
}


def redelivered(landing, chance):
    """Return (name, content) of files that hold what the landing files hold.

    Every record comes one to five times. Records without an id keep their file: only
    there does their place in it tell them apart.
    """
    files = [
        *_lines(landing, "web", chance),
        *_lines(landing, "legacy", chance),
        *_batches(landing, chance),
        *_frames(landing, chance),
        *_whole_files(landing, "access_log", chance),
    ]
    chance.shuffle(files)
    return files


def put(folder, files, *, at):
    """Lay files down that were last written a while ago."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (at.timestamp(), at.timestamp()))


def _repeated(records, chance):
    """Deal every record into one to five piles; yield these in parts of any size."""
    piles = [[], [], [], [], []]
    for record in records:
        for pile in chance.sample(piles, chance.choice([1, 1, 2, 3, 5])):
            pile.append(record)
    for pile in piles:
        chance.shuffle(pile)
        while pile:
            size = chance.choice([1, 40, 700, 5_000])
            yield pile[:size]
            del pile[:size]


def _lines(landing, source, chance):
    lines = [
        line
        for path in sorted((landing / source).iterdir())
        for line in _unpacked(path).split(b"\n")
        if line
    ]
    for number, part in enumerate(_repeated(lines, chance)):
        packing = chance.choice(list(PACKINGS))
        yield (
            f"{source}/part {number}.ndjson{packing}",
            PACKINGS[packing](b"\n".join(part) + b"\n"),
        )


def _batches(landing, chance):
    records = [
        record
        for path in sorted((landing / "mobile").iterdir())
        for record in json.loads(_unpacked(path))["events"]
    ]
    for number, part in enumerate(_repeated(records, chance)):
        packing = chance.choice(list(PACKINGS))
        whole = chance.choice([part, {"events": part}])
        content = PACKINGS[packing](json.dumps(whole).encode())
        yield f"mobile/batch {number}.json{packing}", content


def _frames(landing, chance):
    frame = pl.concat(
        pl.read_parquet(path) for path in sorted((landing / "server").iterdir())
    )
    for number, part in enumerate(_repeated(range(len(frame)), chance)):
        buffer = io.BytesIO()
        frame[part].write_parquet(
            buffer,
            compression=chance.choice(["zstd", "snappy", "uncompressed"]),
            row_group_size=chance.choice([100, 100_000]),
        )
        yield f"server/part {number}.parquet", buffer.getvalue()


def _whole_files(landing, source, chance):
    for path in sorted((landing / source).iterdir()):
        content = _unpacked(path)
        for number in range(chance.randint(1, 5)):
            packing = chance.choice(list(PACKINGS))
            name = f"{source}/{path.stem} {number}{path.suffix}{packing}"
            yield name, PACKINGS[packing](content)


def _unpacked(path):
    content = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(content)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(content).read()
    return content
