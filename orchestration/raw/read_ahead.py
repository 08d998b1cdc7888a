"""The next chunks are read while one is written, so that the server need not wait."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
_END = object()
# Who writes is called back for every piece that the server takes. With the usual 5 ms
# until the reader lets go of the interpreter, the server would wait for most of them.
_SWITCH_SECONDS = 0.0002
# Not what was found when a reader began: of two at once, one would find the other's.
_USUAL_SECONDS = sys.getswitchinterval()
# One chunk takes longer to read than to write, the next one less: with a single one in
# hand, each side would wait for the other in turn.
_AHEAD = 2


@contextmanager
def reading_ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Give the items of an iterator, of which a thread works on the two after.

    What the iterator raises is raised where its item would have come. It is asked by
    one thread at a time, and by none after the context is left.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
    try:
        ask = partial(thread.submit, next, items, _END)
        yield _answers(deque(ask() for _ in range(_AHEAD)), ask)
    finally:
        thread.shutdown(cancel_futures=True)
        sys.setswitchinterval(_USUAL_SECONDS)


def _answers(coming: deque[Future], ask: Callable[[], Future]) -> Iterator:
    while (item := coming.popleft().result()) is not _END:
        coming.append(ask())
        yield item
