"""What is read ahead comes in order, and no further than it is asked for."""

import sys
import threading

import pytest

from orchestration.raw.read_ahead import reading_ahead


class Asked:
    """An iterator of numbers that counts what it gave, and ends or breaks."""

    def __init__(self, count, error=None):
        self.given = 0
        self.threads = set()
        self.count, self.error = count, error
        self.paused = threading.Event()

    def __iter__(self):
        return self

    def __next__(self):
        self.threads.add(threading.current_thread().name)
        if self.given == self.count:
            raise self.error or StopIteration
        self.given += 1
        if self.given > 2:
            self.paused.wait(5)
        return self.given


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_every_item_comes_once_and_in_order(count):
    items = Asked(count)
    items.paused.set()
    with reading_ahead(items) as ahead:
        assert list(ahead) == list(range(1, count + 1))
    assert len(items.threads) == 1


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_error_comes_where_its_item_would_have(count):
    items = Asked(count, KeyError("refused"))
    items.paused.set()
    got = []
    with pytest.raises(KeyError, match="refused"), reading_ahead(items) as ahead:
        got.extend(ahead)
    assert got == list(range(1, count + 1))


def test_nobody_reads_on_once_the_writer_has_failed():
    items = Asked(100)
    before = sys.getswitchinterval()
    with pytest.raises(ValueError, match="disk full"):
        write_one(items)
    assert items.given <= 3
    assert sys.getswitchinterval() == before
    running = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("reader") for name in running)


def write_one(items):
    with reading_ahead(items) as ahead:
        assert next(ahead) == 1
        items.paused.set()
        raise ValueError("disk full")
