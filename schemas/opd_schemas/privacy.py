"""Personal data is found and masked here: resident numbers (NIK), telephone numbers, and fields that name a person.

A NIK is 6 digits of area, DDMMYY of birth (women add 40 to the day), 4 serial digits: it reveals birth date and sex
(source: Business::ID::NIK). Sixteen digits count as a NIK only with a plausible province and date, so that ordinary
numbers pass; in the mask every run of sixteen digits goes, plausible or not.
"""

import re
from collections.abc import Iterator
from typing import Any

_GROUPED = r"\d{4}([ .\-])\d{4}\1\d{4}\1\d{4}|\d{6}([ .\-])\d{6}\2\d{4}|\d{2}\.\d{2}\.\d{2}\.\d{6}\.\d{4}"
# Lower-case hex on either side means a trace id or a digest, in which digits stand by chance; other letters do not hide
# a number ("NIK1371…").
_DIGITS = re.compile(rf"(?<![0-9a-f])(?:{_GROUPED}|\d{{16}})(?![0-9a-f])", re.ASCII)
_MASKED = re.compile(rf"{_GROUPED}|\d{{16,}}")
# A mobile number has ten digits at least.
_SHORTEST = 10
_MOBILE = r"(?:\+62|62|0)[ -]?8[1-9](?:[ -]?\d){7,10}(?![0-9A-Za-z])"
_PHONE = re.compile(rf"(?<![0-9A-Za-z]){_MOBILE}", re.ASCII)
# In JSON's text, and in that of bytes that are no UTF-8, the letter before a number may belong to an escape.
_MASKED_PHONE = re.compile(
    rf"(?:(?<![0-9A-Za-z])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{{4}})|(?<=\\x[0-9a-f]{{2}})){_MOBILE}", re.ASCII
)
_PROVINCES = frozenset(
    f"{p:02d}"
    for p in (
        *range(11, 20),
        21,
        *range(31, 37),
        *range(51, 54),
        *range(61, 66),
        *range(71, 77),
        81,
        82,
        *range(91, 98),
    )
)
# A random UUID may happen to hold such digits; one event in some ten thousand would be refused for nothing.
_UUID = re.compile(r"(?<![0-9A-Za-z-])([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?![0-9A-Za-z-])")
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: Field names that hold personal data whatever their value; compared in lower case, letters only.
FORBIDDEN_KEYS = frozenset(
    (
        *("nik", "nokk", "npwp", "bpjs", "nobpjs", "nama", "namalengkap", "namaibu", "name", "fullname"),
        *("hp", "nohp", "nohandphone", "telp", "notelp", "telepon", "notelepon", "phone", "phonenumber", "mobile"),
        *("email", "alamat", "address", "tempatlahir", "tanggallahir", "tgllahir", "birthdate", "dob"),
    )
)
_KEY = re.compile(r'"([^"\\]{2,40})"\s*:\s*')
# A list or object below a forbidden key goes with all that follows it: its end cannot be told from text alone.
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{].*|[^,}\]\s]+', re.DOTALL)
# JSON may write any character as \uxxxx.
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_ANY_ESCAPE = re.compile(r'\\(?:u[0-9A-Fa-f]{4}|[bfnrt"\\/])')
_NO_LETTER = re.compile(r"[^a-z]")
MASK = "***"
_LONGEST_PATH = 200


def _is_nik(match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match[0])
    day, month = int(digits[6:8]), int(digits[8:10])
    day -= 40 if day > 40 else 0
    return (
        digits[:2] in _PROVINCES
        and digits[2:4] != "00"
        and digits[4:6] != "00"
        and 1 <= month <= 12
        and 1 <= day <= _MONTH_DAYS[month - 1]
        and digits[12:] != "0000"
    )


def _forbidden(key: str) -> bool:
    return _NO_LETTER.sub("", key.lower()) in FORBIDDEN_KEYS


def _in_ascii_digits(text: str) -> str:
    """A number may be written in the digits of any script; people read it all the same."""
    return _FOREIGN_DIGIT.sub(lambda digit: str(int(digit[0])), text)


def contains_number(text: str) -> bool:
    """Whether `text` holds a plausible NIK or an Indonesian mobile number; a UUID never does."""
    if len(text) < _SHORTEST:
        return False
    if not text.isascii():
        text = _in_ascii_digits(text)
    if "-" in text:
        text = _UUID.sub("#", text)
    return any(map(_is_nik, _DIGITS.finditer(text))) or _PHONE.search(text) is not None


def _walk(document: Any) -> Iterator[tuple[str, str, Any]]:
    """(path, own key or "", value) of every field in the text's order; a loop, for a body may nest 1,000 deep."""
    ahead: list[tuple[str, str, Any]] = [("", "", document)]
    while ahead:
        path, key, value = ahead.pop()
        yield path, key, value
        if isinstance(value, dict):
            ahead += [(f"{path}.{k}" if path else k, k, inner) for k, inner in reversed(value.items())]
        elif isinstance(value, list):
            ahead += [(f"{path}[{i}]", "", value[i]) for i in reversed(range(len(value)))]


_FLAT = bytes.maketrans(b"123456789", b"000000000")
_SEPARATORS = b" .-"
# Ten digits with nothing but separators between make the shortest mobile number; a date has eight.
_RUN = b"0" * _SHORTEST


def may_contain_number(body: bytes) -> bool:
    """A cheap look at raw JSON: False means that no string in it can hold a NIK or a telephone number."""
    return _RUN in body.translate(_FLAT, _SEPARATORS) or b"\\" in body or not body.isascii()


def find_personal_data(document: Any) -> str | None:
    """The path of the first field of a parsed JSON `document` that holds personal data, or None.

    A path whose own key is the number is masked, since the path is shown to people.
    """
    for path, key, value in _walk(document):
        if contains_number(key) or _forbidden(key) or (isinstance(value, str | int) and contains_number(str(value))):
            return mask_text(path)[:_LONGEST_PATH]
    return None


def _mask_values(text: str) -> str:
    parts, done = [], 0
    for key in _KEY.finditer(text):
        if key.start() < done or not _forbidden(key[1]):
            continue
        if value := _VALUE.match(text, key.end()):
            parts += [text[done : key.end()], f'"{MASK}"']
            done = value.end()
    return "".join((*parts, text[done:]))


def mask_text(text: str) -> str:
    """`text`, JSON or not, without runs of sixteen or more digits, telephone numbers and values of forbidden keys;
    a UUID stays.
    """
    parts = _UUID.split(_mask_values(_unescaped(text)))
    # Every second part is a UUID, which is nobody's number.
    parts[::2] = [_MASKED_PHONE.sub(MASK, _MASKED.sub(MASK, part)) for part in parts[::2]]
    return "".join(parts)


def found_in_text(text: str) -> bool:
    """Whether `text`, which need not be JSON, holds a plausible number or a field that names a person."""
    text = _unescaped(text)
    if any(_forbidden(key[1]) for key in _KEY.finditer(text)):
        return True
    # The letters and digits of what is still escaped are no part of a number beside it.
    return contains_number(_ANY_ESCAPE.sub(" ", text))


def _unescaped(text: str) -> str:
    return _in_ascii_digits(_ESCAPED.sub(_character, text))


def _character(escape: re.Match[str]) -> str:
    """Digits and printable ASCII but quote and backslash as what they are; the rest stays an escape."""
    character = chr(int(escape[1], 16))
    is_plain = character.isascii() and character.isprintable() and character not in '"\\'
    return character if is_plain or character.isdecimal() else escape[0]
