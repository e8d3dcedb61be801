"""One mechanism taken out: what is promised, where it stands, which tests notice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class StaleError(Exception):
    """A mutation's text does not stand exactly once in its file; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` becomes `new` in `file`, and one of `tests` (pytest's node ids) has to fail.

    `promise` is what users lose without it, in one sentence.
    """

    name: str
    promise: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def sabotaged(self, text: str) -> str:
        """Return the file's text without the mechanism; StaleError unless `old` is there once."""
        found = text.count(self.old)
        if found != 1:
            raise StaleError(
                f"sabotage {self.name}: its old text stands {found} times in {self.file}, and has "
                "to stand there once: write it anew, see tests/sabotage"
            )
        return text.replace(self.old, self.new)


@contextmanager
def applied(mutation: Mutation, root: Path) -> Iterator[None]:
    """Have the mutation in the tree below `root` for a while; the file is as before after that."""
    path = root / mutation.file
    before, stat = path.read_bytes(), path.stat()
    path.write_text(mutation.sabotaged(before.decode()), encoding="utf-8")
    try:
        yield
    finally:
        path.write_bytes(before)
        # With its time put back, too: the compiled file beside it is valid again.
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
