"""The SQL of panels and variables, from `queries/*.sql`; a panel names its statement, `queues.by_unit`."""

import re
from functools import cache
from pathlib import Path

from services import db

_FOLDER = Path(__file__).with_name("queries")
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]*")
_TOKEN = re.compile(r"\{(lang|kind|duration|kpi)\}")


@cache
def _load(file: str) -> dict[str, str]:
    return dict(db.load(str(_FOLDER / file), file))


def statement(name: str, **codes: str) -> str:
    """The statement `file.name` with its tokens, such as {lang}, filled in: codes of the catalogue, never free text."""
    file, _, title = name.partition(".")
    for code in codes.values():
        if not _CODE.fullmatch(code):
            raise ValueError(f"{code!r} is no code that may stand in SQL")
    return _TOKEN.sub(lambda token: codes[token[1]], _load(f"{file}.sql")[title])
