"""Find erased persons in text by salted hashes of their names, e-mail addresses and phone numbers.

Text is compared word by word and case-insensitively; only whole words match, so `Adams` does not
match `Adamson`. The words themselves are not stored.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from html import unescape
from math import isfinite
from typing import Literal
from unicodedata import normalize
from urllib.parse import unquote

Kind = Literal["name", "address", "number"]
Span = tuple[int, int]

MASK = "***"
_UNSPACED = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Scripts written without spaces; each character is treated as a word."""

_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_MARKUP = re.compile(r"<[^<>]*>")
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF])
_BETWEEN_DIGITS = re.compile(r"[\s().\-/]{0,4}")
_DIGITS_AGAIN = re.compile(r"\D+")

LEAST_LETTERS = 3
"""Minimum length of a name of one word; shorter names would match too much text."""

LEAST_JOINED = 8
LEAST_DIGITS, TELLING_DIGITS, MOST_DIGITS = 6, 9, 15
"""Phone numbers are compared by their last nine digits, because prefixes (+49, 0) vary."""

_CACHED, SHORT = 50_000, 80
"""Number of cached texts and words without a match, and the maximum length of a cached text."""


@dataclass(frozen=True, slots=True, order=True)
class ErasedValue:
    """One value of an erased person, as hashes.

    Attributes:
        kind: `name`, `address` (e-mail) or `number` (phone).
        words: Number of words; 0 for phone numbers.
        first_word: 16 bits of the first word's hash, to rule out most words of a text quickly.
        digest: Salted hash of the whole value.
    """

    kind: str
    words: int
    first_word: int
    digest: str


def new_salt() -> str:
    """Return a random salt for a new list of erased persons."""
    return secrets.token_hex(16)


def erased_values(salt: str, kind: Kind, text: str) -> Iterator[ErasedValue]:
    """Yield the hashes of a person's value; none if the value is too short to be searched for.

    Args:
        salt: The salt of the list of erased persons.
        kind: `address` is an e-mail address; use `name` for postal addresses and chat names.
        text: The value.

    Yields:
        The hashes to search for.
    """
    words = [_word(each) for each in _WORD.findall(_prepared(text))]
    if kind == "number":
        if number := _number("".join(filter(str.isdecimal, words))):
            yield ErasedValue("number", 0, 0, _digest(salt, number))
        return
    if kind == "address" and "@" not in text:
        return
    joined = "".join(words)
    if len(joined) >= LEAST_LETTERS or (len(words) > 1 and not joined.isascii()):
        yield _value(salt, kind, words)
    if kind == "name" and len(words) > 1 and len(joined) >= LEAST_JOINED:
        yield _value(salt, kind, [joined])


def _value(salt: str, kind: str, words: Sequence[str]) -> ErasedValue:
    return ErasedValue(kind, len(words), _short(salt, words[0]), _digest(salt, *words))


def _digest(salt: str, *words: str) -> str:
    text = "\x1f".join(words).encode("utf-8", "replace")
    return blake2b(text, key=salt.encode("ascii"), digest_size=16).hexdigest()


def _short(salt: str, word: str) -> int:
    return int(_digest(salt, "first", word)[:4], 16)


def _word(text: str) -> str:
    return text.lower() if text.isascii() else normalize("NFKC", text).casefold()


def _prepared(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text.translate(_INVISIBLE))


def _number(digits: str) -> str | None:
    return digits[-TELLING_DIGITS:] if len(digits) >= LEAST_DIGITS else None


class Recognizer:
    """Finds values of erased persons in text."""

    def __init__(self, salt: str, values: Iterable[ErasedValue]) -> None:
        """Prepare the search.

        Args:
            salt: The salt of the list of erased persons.
            values: The hashes to search for.
        """
        self._salt = salt
        held = list(values)
        self._starts = {value.first_word for value in held if value.words}
        self._digests = {(value.words, value.digest): value.kind for value in held}
        self._lengths = sorted({value.words for value in held if value.words}, reverse=True)
        self._has_numbers = any(not value.words for value in held)
        self._words: dict[str, bool] = {}
        self._numbers: dict[str, bool] = {}
        self._clean: set[str] = set()

    def __bool__(self) -> bool:
        """Return whether there are any values to search for."""
        return bool(self._digests)

    def mask(self, value: str) -> str | None:
        """Replace the words of erased persons by `***`.

        Args:
            value: The text.

        Returns:
            The masked text; the same object if nothing was found; None if nothing else is left.
        """
        if value in self._clean:
            return value
        made = self._mask(value)
        if made is value and len(value) < SHORT:
            if len(self._clean) > _CACHED:
                self._clean.clear()
            self._clean.add(value)
        return made

    def is_number(self, value: float) -> bool:
        """Return whether a number is one of the erased phone numbers."""
        return self._has_numbers and isfinite(value) and self._is_number(f"{value:.0f}")

    def _mask(self, value: str) -> str | None:
        text = _prepared(value)
        found = self._spans(text)
        made: str | None = _masked(text, found) if found else value
        if made is not None and any(sign in made for sign in "<&%"):
            for readable in _readings(made):
                if hidden := self._spans(readable):
                    return _masked(readable, hidden)
        return made

    def _spans(self, text: str) -> list[Span]:
        places = [(each.start(), each.end()) for each in _WORD.finditer(text)]
        words = [_word(text[start:end]) for start, end in places]
        found: list[Span] = []
        index = 0
        while index < len(words):
            count = self._phrase_at(text, places, words, index)
            if not count and self._has_numbers and words[index].isdecimal():
                count = self._number_at(text, places, words, index)
            if count:
                found.append((places[index][0], places[index + count - 1][1]))
            index += count or 1
        return found

    def _phrase_at(
        self, text: str, places: Sequence[Span], words: Sequence[str], index: int
    ) -> int:
        """Return how many words from `index` on match a value; 0 if none does."""
        if not self._may_start(words[index]):
            return 0
        for count in self._lengths:
            some = words[index : index + count]
            kind = len(some) == count and self._digests.get((count, _digest(self._salt, *some)))
            if kind and (
                kind != "address"
                or _is_whole_address(text, places[index][0], places[index + count - 1][1])
            ):
                return count
        return 0

    def _may_start(self, word: str) -> bool:
        known = self._words.get(word)
        if known is None:
            if len(self._words) > _CACHED:
                self._words.clear()
            known = self._words[word] = _short(self._salt, word) in self._starts
        return known

    def _number_at(
        self, text: str, places: Sequence[Span], words: Sequence[str], index: int
    ) -> int:
        digits, longest = "", 0
        for place in range(index, len(words)):
            gap = text[places[place - 1][1] : places[place][0]] if place > index else ""
            if not words[place].isdecimal() or not _BETWEEN_DIGITS.fullmatch(gap):
                break
            digits += words[place]
            if len(digits) > MOST_DIGITS:
                break
            if self._is_number(digits):
                longest = place - index + 1
        return longest

    def _is_number(self, digits: str) -> bool:
        number = _number(_DIGITS_AGAIN.sub("", digits)) if self._has_numbers else None
        if not number or len(digits) > MOST_DIGITS + 1:
            return False
        known = self._numbers.get(number)
        if known is None:
            if len(self._numbers) > _CACHED:
                self._numbers.clear()
            known = self._numbers[number] = (0, _digest(self._salt, number)) in self._digests
        return known


def _is_whole_address(text: str, start: int, end: int) -> bool:
    """Return whether an e-mail address is complete, and not part of a longer one."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    longer = before[-1:] in tuple(".+-_") and before[:1].isalnum() and len(before) > 1
    return not longer and not (after[:1] in tuple(".-_@") and after[1:2].isalnum())


def _masked(text: str, spans: Sequence[Span]) -> str | None:
    parts, end = [], 0
    for start, stop in spans:
        parts += [text[end:start], MASK]
        end = stop
    made = "".join([*parts, text[end:]])
    return made if _WORD.search(made) else None


def _readings(text: str) -> Iterator[str]:
    """Yield the text without markup, entities and percent-encoding."""
    for gap in (" ", ""):
        shown = unescape(_MARKUP.sub(gap, text)) if "<" in text or "&" in text else text
        yield _prepared(unquote(shown))
