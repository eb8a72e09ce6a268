"""How far an import came: a small file in the state folder, so that an interrupted import goes on where it stopped.

It is kept under a digest of the file, the map, the city's zone and the server, so that another file, a mended map or
another hub begins anew. It goes when the import is done: the next run sends everything again, and the ledger counts
none of it twice.
"""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import orjson

_FORM = b"warroom import 1"


@dataclass
class Skipped:
    """How many rows were left out for one reason; the first of them and what stood there (personal data masked)."""

    count: int
    first_line: int
    example: str


@dataclass
class Standing:
    """All that is confirmed: the first `read` rows, up to the one on `line`, of which `sent` went out as events."""

    read: int = 0
    line: int = 0
    sent: int = 0
    skipped: dict[str, Skipped] = field(default_factory=dict)

    def skip(self, reason: str, line: int, example: str) -> None:
        if (found := self.skipped.get(reason)) is not None:
            found.count += 1
        else:
            self.skipped[reason] = Skipped(1, line, example)

    @property
    def left_out(self) -> int:
        return sum(skipped.count for skipped in self.skipped.values())


class Checkpoint:
    """The file that keeps a `Standing`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, folder: Path, file: Path, *facts: bytes) -> Self:
        """The checkpoint of a file's content together with whatever else decides what its rows become."""
        digest = hashlib.blake2b(_FORM, digest_size=16)
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "blake2b").digest())
        for fact in facts:
            digest.update(len(fact).to_bytes(8, "big") + fact)
        return cls(folder / f"import-{digest.hexdigest()}.json")

    def read(self) -> Standing | None:
        """Where an interrupted import stood; None if there was none."""
        try:
            kept = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        kept["skipped"] = {reason: Skipped(**skipped) for reason, skipped in kept["skipped"].items()}
        return Standing(**kept)

    def write(self, standing: Standing) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_bytes(orjson.dumps(asdict(standing)))
        new.replace(self._path)

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)
