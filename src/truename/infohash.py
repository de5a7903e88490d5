"""What identifies a torrent, in its one canonical form. Pure.

Source: BEP 9 (hex and base32), BEP 52 (SHA-256), RFC 4648 (base32).
"""

from typing import Self

from truename.errors import InvalidInput

V1_DIGITS, V2_DIGITS = 40, 64

_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567"
_INTEGER = b"0123456789abcdefghijklmnopqrstuv"
# RFC 4648's digits as those that int() takes in base 32; everything else becomes something it refuses.
_BASE32_TO_INTEGER = bytes(
    _INTEGER[_BASE32.index(byte)] if byte in _BASE32 else ord("!") for byte in bytes(range(256)).lower()
)


class InfoHash(str):
    """An info-hash in canonical form: lower-case hex, 40 digits for v1 (SHA-1), 64 for v2 (SHA-256)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 40 hex, 64 hex or 32 base32 digits, in any case.

        Errors: `InvalidInput` for anything else, and for the all-zero hash, which libtorrent takes for "no hash".
        """
        digits = text.strip()
        found = cls.hexadecimal(digits, V1_DIGITS) or cls.hexadecimal(digits, V2_DIGITS) or cls.base32(digits)
        if found is None:
            raise InvalidInput("invalid_info_hash" if digits else "missing_info_hash")
        return found

    @classmethod
    def hexadecimal(cls, digits: str, length: int) -> Self | None:
        """The hash written in exactly `length` hex digits, or None."""
        if len(digits) != length or not digits.isalnum():  # fromhex() would skip white space
            return None
        try:
            bytes.fromhex(digits)
        except ValueError:
            return None
        return cls(digits.lower()) if digits.strip("0") else None

    @classmethod
    def base32(cls, digits: str) -> Self | None:
        """The hash written in exactly 32 base32 digits, or None."""
        if len(digits) != 32:
            return None
        try:
            number = int(digits.encode().translate(_BASE32_TO_INTEGER), 32)
        except ValueError:
            return None
        return cls(f"{number:040x}") if number else None

    @property
    def is_v2(self) -> bool:
        """Whether this is the SHA-256 of a v2 or hybrid torrent."""
        return len(self) == V2_DIGITS

    @property
    def hash20(self) -> str:
        """What a swarm knows the torrent by: the SHA-1, or the first 20 bytes of the SHA-256 (BEP 52), in hex."""
        return self[:V1_DIGITS]
