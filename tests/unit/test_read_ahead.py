"""What is read ahead comes in order, and no further than it is asked for."""

import sys
import threading

import pytest

from orchestration.raw.read_ahead import reading_ahead

# As it was before any test could leave it otherwise.
USUAL_SECONDS = sys.getswitchinterval()


class Numbers:
    """An iterator of numbers that waits before some, and then ends or breaks."""

    def __init__(self, count, error=None, held=()):
        self.given = 0
        self.threads = set()
        self.count, self.error = count, error
        self.asked = [threading.Event() for _ in range(count + 2)]
        self.held = {number: threading.Event() for number in held}

    def __iter__(self):
        return self

    def __next__(self):
        self.threads.add(threading.current_thread().name)
        number = self.given + 1
        self.asked[number].set()
        if number > self.count:
            raise self.error or StopIteration
        if number in self.held:
            self.held[number].wait(5)
        self.given = number
        return number


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_every_item_comes_once_and_in_order(count):
    items = Numbers(count)
    with reading_ahead(items) as ahead:
        assert list(ahead) == list(range(1, count + 1))
    assert len(items.threads) == 1


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_error_comes_where_its_item_would_have(count):
    items = Numbers(count, KeyError("refused"))
    got = []
    with pytest.raises(KeyError, match="refused"), reading_ahead(items) as ahead:
        got.extend(ahead)
    assert got == list(range(1, count + 1))


def test_two_items_are_read_while_one_is_written():
    items = Numbers(10)
    with reading_ahead(items) as ahead:
        assert next(ahead) == 1
        assert items.asked[3].wait(5)
        assert not items.asked[4].wait(0.02)


def test_nobody_reads_on_once_the_writer_has_failed():
    items = Numbers(10, held=[2])
    # The second is read, the third waits for it.
    released = threading.Timer(0.1, items.held[2].set)
    with pytest.raises(ValueError, match="disk full"):
        write_one(items, released)
    assert items.given == 2
    running = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("reader") for name in running)


def write_one(items, released):
    with reading_ahead(items) as ahead:
        assert next(ahead) == 1
        assert items.asked[2].wait(5)
        released.start()
        raise ValueError("disk full")


def test_the_interpreter_changes_hands_as_before_once_two_readers_have_ended():
    one, other = reading_ahead(Numbers(1)), reading_ahead(Numbers(1))
    for reader in (one, other):
        reader.__enter__()
        assert sys.getswitchinterval() < USUAL_SECONDS
    for reader in (one, other):
        reader.__exit__(None, None, None)
    assert sys.getswitchinterval() == USUAL_SECONDS
