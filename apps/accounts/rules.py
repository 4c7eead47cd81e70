"""How the text of the terms is read and compared. Pure; no ORM."""

import hashlib
from dataclasses import dataclass
from difflib import SequenceMatcher

HEADING = "## "


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (empty before the first one) and its paragraphs."""

    heading: str
    paragraphs: list[str]


@dataclass(frozen=True, slots=True)
class Change:
    """`sign` is "added" or "removed"; `text` one paragraph or heading."""

    sign: str
    text: str


def sha256_of(body: str) -> str:
    """SHA-256 in hex over the UTF-8 bytes of the text: what an acceptance is bound to."""
    return hashlib.sha256(body.encode()).hexdigest()


def blocks(body: str) -> list[str]:
    """Headings and paragraphs in order; a paragraph may be wrapped over several lines."""
    return [" ".join(block.split()) for block in body.split("\n\n") if block.strip()]


def sections(body: str) -> list[Section]:
    found = [Section("", [])]
    for block in blocks(body):
        if block.startswith(HEADING):
            found.append(Section(block.removeprefix(HEADING), []))
        else:
            found[-1].paragraphs.append(block)
    return [section for section in found if section.heading or section.paragraphs]


def differences(before: str, after: str) -> list[Change]:
    """What was taken out and what was put in, paragraph by paragraph, in reading order."""
    old, new = blocks(before), blocks(after)
    found: list[Change] = []
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag != "equal":
            found += [Change("removed", _plain(text)) for text in old[old_from:old_to]]
            found += [Change("added", _plain(text)) for text in new[new_from:new_to]]
    return found


def _plain(block: str) -> str:
    return block.removeprefix(HEADING)
