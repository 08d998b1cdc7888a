import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Tree:
    """The files of a project: ours, or one planted to see a rule fail."""

    root: Path
    names: tuple[str, ...]

    def select(self, *patterns):
        """Yield (name, path) of the files whose name matches one of the patterns."""
        for name in self.names:
            if any(Path("/" + name).match("/" + pattern) for pattern in patterns):
                yield name, self.root / name

    def under(self, folder, suffix=""):
        """Yield (name, path) of the files somewhere below a folder."""
        for name in self.names:
            if name.startswith(folder) and name.endswith(suffix):
                yield name, self.root / name

    def text(self, name):
        return (self.root / name).read_text(errors="replace")


@pytest.fixture(scope="session")
def tree():
    """What is in git, and what would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return Tree(ROOT, tuple(sorted(name for name in listed if (ROOT / name).is_file())))


@pytest.fixture
def plant(tmp_path):
    """Make a tree of given files, to see that a rule can fail."""

    def make(**files):
        names = []
        for name, text in files.pop("files", files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            names.append(name)
        return Tree(tmp_path, tuple(names))

    return make
