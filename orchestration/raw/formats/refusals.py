"""Why a whole file is refused, a closed list, and the limits of what is read."""

# A longer record is set aside unread. Of its bytes only the start is kept.
RECORD_LIMIT = 1 << 20
KEPT_OF_LONG_RECORD = 4096

# JSON arrays and batches are held in memory, so they are bounded.
DOCUMENT_LIMIT = 64 << 20

# Nothing honest nests deeper, and no parser after us recurses into its limit.
DEPTH_LIMIT = 100

REFUSALS = {
    "truncated_compressed": "the compressed stream ends early; more may be on its way",
    "corrupt_compressed": "the compressed stream is damaged",
    "decompression_bomb": "the file expands beyond what any honest data does",
    "too_large_document": "a JSON array or batch of more than 64 MiB",
    "invalid_document": "a JSON array or batch whose brackets do not close",
    "wrong_format": "not the format that it should be, or none that is known",
    "wrong_encoding": "UTF-16 or UTF-32; text must be UTF-8",
    "unreadable_csv_header": "no header with distinct column names",
    "unclosed_csv_quote": "a quoted cell that runs on past 1 MiB to the end of file",
    "parquet_type": "a Parquet column of a type that JSON has no form for",
    "corrupt_parquet": "a Parquet file that cannot be read to its end",
}


class Refused(Exception):  # noqa: N818  an outcome of a file, not a fault of ours
    """A file that is not loaded, as a whole.

    It may be raised after records were given out, since a truncated stream shows
    only at its end: whoever reads keeps nothing of the file.

    Attributes
    ----------
    reason : str
        One of `REFUSALS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: {REFUSALS[reason]}")
        self.reason = reason
