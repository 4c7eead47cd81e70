"""Identifiers that sort by time and that nobody can guess (UUID version 7, RFC 9562)."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """48 bits of Unix milliseconds, version, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return uuid.UUID(int=value)


def derived(base: uuid.UUID, *parts: object) -> uuid.UUID:
    """The same id for the same step of the same row: what makes a repeated posting harmless."""
    return uuid.uuid5(base, ":".join(str(part) for part in parts))
