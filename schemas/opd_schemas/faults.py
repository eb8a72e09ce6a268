"""How a block of the catalogue is refused: each fault at the very field that is wrong, with its mend.

A validator that raises a plain ValueError can name its own block only, and the person would have to search in it.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


class Wrong(NamedTuple):
    """What is wrong and how to mend it; `where` leads to it by names of fields and numbers of list entries."""

    where: tuple[str | int, ...]
    what: str

    def within(self, *outer: str | int) -> "Wrong":
        return Wrong((*outer, *self.where), self.what)


def refuse(block: str, faults: Iterable[Wrong]) -> None:
    """Raise ValidationError with all faults of a block; do nothing if there is none. For pydantic's validators."""
    details = [
        InitErrorDetails(type=PydanticCustomError("value_error", "{error}", {"error": what}), loc=where, input=None)
        for where, what in faults
    ]
    if details:
        raise ValidationError.from_exception_data(block, details)


def mend(wrong: str, known: Sequence[str]) -> str:
    """The known word that was probably meant; without one, all of them."""
    if close := get_close_matches(wrong, known, n=1):
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(known)}" if known else "none is known"
