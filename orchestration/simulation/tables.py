"""A growing table of equally long integer columns, for plans that outlive their day."""

import numpy as np


class Growing:
    """Columns that grow together; memory doubles, so appending stays linear."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._columns = {name: np.zeros(16, dtype=np.int64) for name in names}
        self._length = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._length

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column as a view: assigning into it changes the table."""
        return self._columns[name][: self._length]

    def append(self, **columns: np.ndarray | int) -> np.ndarray:
        """Append rows and return their indices; what is not given is -1."""
        count = max(np.size(column) for column in columns.values())
        arrays = [np.asarray(given) for given in columns.values() if np.ndim(given)]
        count = len(arrays[0]) if arrays else count
        needed = self._length + count
        if needed > len(self._columns[self.names[0]]):
            for name, column in self._columns.items():
                self._columns[name] = np.resize(column, 2 * needed)
        rows = np.arange(self._length, needed)
        self._length = needed
        for name in self.names:
            self[name][rows] = columns.get(name, -1)
        return rows
