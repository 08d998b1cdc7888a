"""Text columns from numbers, whole columns at a time: ids, times, money, JSON."""

import numpy as np
import polars as pl
import pyarrow as pa

from orchestration.simulation.world import DAY, SECOND

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_PLACES = (0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)


def _letters(texts: list[str]) -> np.ndarray:
    width = len(texts[0])
    return np.array(texts, dtype=f"S{width}").view(np.uint8).reshape(-1, width)


_CLOCK = _letters(
    [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]
)
_THOUSANDS = _letters([f"{n:03d}" for n in range(1_000)])


def fixed_width(letters: np.ndarray) -> pl.Series:
    """Return one text per row of a byte matrix, without touching each in Python."""
    count, width = letters.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int64)
    array = pa.LargeStringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))
    )
    return pl.Series(pl.from_arrow(array))


def uuids(dice: np.random.Generator, count: int) -> pl.Series:
    """Return random version 4 UUIDs."""
    random = dice.integers(0, 256, size=(count, 16), dtype=np.uint8)
    random[:, 6] = (random[:, 6] & 0x0F) | 0x40
    random[:, 8] = (random[:, 8] & 0x3F) | 0x80
    letters = np.full((count, 36), ord("-"), dtype=np.uint8)
    for column, place in enumerate(_UUID_PLACES):
        letters[:, place] = _HEX[random[:, column] >> 4]
        letters[:, place + 1] = _HEX[random[:, column] & 15]
    return fixed_width(letters)


def hexes(dice: np.random.Generator, count: int, width: int) -> np.ndarray:
    """Return random lower-case hexadecimal texts as a byte matrix."""
    return _HEX[dice.integers(0, 16, size=(count, width))]


def _times(micros: np.ndarray, width: int) -> np.ndarray:
    letters = np.empty((len(micros), width), dtype=np.uint8)
    days, rest = np.divmod(micros, DAY)
    first = int(days.min()) if len(days) else 0
    last = int(days.max()) if len(days) else 0
    # Clocks can be years off; a table of dates is small as long as they are not aeons.
    dates = np.arange(first, last + 1).astype("datetime64[D]").astype("S10")
    seconds, micro = np.divmod(rest, SECOND)
    letters[:, :10] = dates.view(np.uint8).reshape(-1, 10)[days - first]
    letters[:, 10] = ord("T")
    letters[:, 11:19] = _CLOCK[seconds]
    letters[:, 19] = ord(".")
    letters[:, 20:23] = _THOUSANDS[micro // 1_000]
    letters[:, width - 1] = ord("Z")
    if width > 24:
        letters[:, 23:26] = _THOUSANDS[micro % 1_000]
    return letters


def instants(micros: np.ndarray) -> pl.Series:
    """Return UTC times with milliseconds: 2026-10-01T12:34:56.789Z."""
    return fixed_width(_times(micros, 24))


def fine_instants(micros: np.ndarray) -> pl.Series:
    """Return UTC times with microseconds."""
    return fixed_width(_times(micros, 27))


def local_instants(micros: np.ndarray, offsets: np.ndarray) -> pl.Series:
    """Return the wall clock with its offset: 2026-10-25T02:30:00.000001+02:00.

    `offsets` are whole hours between -9 and 9.
    """
    letters = np.empty((len(micros), 32), dtype=np.uint8)
    letters[:, :27] = _times(micros + offsets * 3_600 * SECOND, 27)
    letters[:, 26] = np.where(offsets < 0, ord("-"), ord("+"))
    letters[:, 27] = ord("0")
    letters[:, 28] = ord("0") + np.abs(offsets)
    letters[:, 29] = ord(":")
    letters[:, 30:] = ord("0")
    return fixed_width(letters)


def picked(texts: pl.Series, where: np.ndarray) -> pl.Series:
    """Return texts[where], null where the index is negative."""
    index = pl.Series(where.astype(np.int64))
    found = texts.gather(index.clip(lower_bound=0))
    if len(where) and int(where.min()) < 0:
        return pl.select(pl.when(index >= 0).then(found)).to_series()
    return found


def repeated(value: object, count: int) -> pl.Series:
    """Return the same value `count` times."""
    return pl.Series([value]).gather(np.zeros(count, dtype=np.int64))


def instants_of(micros: np.ndarray) -> pl.Series:
    """Return microseconds since 1970 as instants."""
    return pl.Series(micros).cast(pl.Datetime("us", "UTC"))


def instants_before(micros: np.ndarray, end: int) -> pl.Series:
    """Return instants, null where they are unknown or have not come by `end`."""
    column = pl.Series(micros)
    happened = (column >= 0) & (column < end)
    return pl.select(pl.when(happened).then(instants_of(micros))).to_series()


def numbered(prefix: str, numbers: np.ndarray, width: int = 8) -> pl.Series:
    """Return ids like usr_00000042."""
    column = pl.Series(numbers.astype(np.int64))
    return (
        pl.select(
            pl.concat_str(pl.lit(prefix), column.cast(pl.String).str.zfill(width))
        ).to_series()
        if len(column)
        else pl.Series(dtype=pl.String)
    )


def decimals(minor: np.ndarray, exponents: np.ndarray) -> pl.Series:
    """Return minor units as plain decimals: 1999 with exponent 2 is 19.99."""
    whole, cents = np.divmod(minor, np.where(exponents == 2, 100, 1))
    both = pl.DataFrame({"whole": whole, "cents": cents, "exponent": exponents})
    return both.select(
        pl.when(pl.col("exponent") == 2)
        .then(
            pl.concat_str(
                pl.col("whole").cast(pl.String),
                pl.lit("."),
                pl.col("cents").cast(pl.String).str.zfill(2),
            )
        )
        .otherwise(pl.col("whole").cast(pl.String))
    ).to_series()


def joined(*pieces: pl.Expr | str) -> pl.Expr:
    """Concatenate literal texts and columns; a null piece disappears."""
    return pl.concat_str(
        [pl.lit(piece) if isinstance(piece, str) else piece for piece in pieces],
        ignore_nulls=True,
    )


def member(name: str, value: pl.Expr, *, quoted: bool = True) -> pl.Expr:
    """Return `,"name":value` of a JSON object, or null when the value is null."""
    mark = '"' if quoted else ""
    return pl.concat_str(pl.lit(f',"{name}":{mark}'), value, pl.lit(mark))
