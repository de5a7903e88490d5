"""What peers say, as bytes and back: BEP 3 (handshake), BEP 10 (extended messages), BEP 9 (metadata). Pure.

Only what a question for metadata needs. Whatever cannot be what the specifications say is `Unreadable`.
"""

from dataclasses import dataclass
from enum import IntEnum

from truename import bencode
from truename.errors import BadMetadata, TruenameError

HANDSHAKE_BYTES = 68
BLOCK_BYTES = 16 * 1024
EXTENDED = 20
GREETING = 0
OUR_UT_METADATA = 1
"""The number by which others send us messages about metadata."""

_PROTOCOL = b"\x13BitTorrent protocol"
_EXTENSIONS = bytes((0, 0, 0, 0, 0, 0x10, 0, 0))  # BEP 10: the 20th bit from the right
_HASH_AT, _ID_AT = 28, 48
_MAX_TOKENS_OF_GREETING = 2_000
"""A dozen extensions and as many other keys is what is seen; each costs the loop a microsecond."""
_MAX_TOKENS = 500


class Unreadable(TruenameError):  # noqa: N818 - named after what it is
    """Bytes that are not what the specification says."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the other side says first. `extended`: it understands BEP 10."""

    hash20: bytes
    peer_id: bytes
    extended: bool


@dataclass(frozen=True, slots=True)
class Greeting:
    """The extended handshake, as far as we care: None stands for what was not said. `ut_metadata` 0: not any more."""

    ut_metadata: int | None
    metadata_size: int | None


class Kind(IntEnum):
    """`msg_type` of BEP 9."""

    REQUEST = 0
    DATA = 1
    REJECT = 2


@dataclass(frozen=True, slots=True)
class MetadataMessage:
    """One message about metadata. `kind` is None for one that a later specification may have added."""

    kind: Kind | None
    piece: int
    total_size: int | None
    block: bytes


def build_handshake(hash20: bytes, peer_id: bytes) -> bytes:
    """The first 68 bytes."""
    return _PROTOCOL + _EXTENSIONS + hash20 + peer_id


def parse_handshake(data: bytes) -> Handshake:
    """Read 68 bytes. Errors: `Unreadable`."""
    if len(data) != HANDSHAKE_BYTES or not data.startswith(_PROTOCOL):
        raise Unreadable("not a handshake")
    return Handshake(
        hash20=data[_HASH_AT:_ID_AT],
        peer_id=data[_ID_AT:],
        extended=bool(data[len(_PROTOCOL) + 5] & _EXTENSIONS[5]),
    )


def build_message(body: bytes) -> bytes:
    """A message with its length before it."""
    return len(body).to_bytes(4, "big") + body


def build_extended(number: int, payload: bytes) -> bytes:
    """An extended message; `number` is the one that its reader chose for its kind."""
    return build_message(bytes((EXTENDED, number)) + payload)


def build_greeting() -> bytes:
    """Our extended handshake: we speak of metadata. It says no more, so that it tells nobody who we are."""
    return build_extended(GREETING, b"d1:md11:ut_metadatai%deee" % OUR_UT_METADATA)


def parse_greeting(payload: bytes) -> Greeting:
    """Read an extended handshake; bytes behind its dictionary are let pass, as elsewhere. Errors: `Unreadable`."""
    try:
        said, _ = bencode.decode_first(payload, max_tokens=_MAX_TOKENS_OF_GREETING, leading_zeros=True)
    except BadMetadata as error:
        raise Unreadable("not a dictionary") from error
    if not isinstance(said, dict):
        raise Unreadable("not a dictionary")
    names, size = said.get(b"m"), said.get(b"metadata_size")
    number = names.get(b"ut_metadata") if isinstance(names, dict) else None
    if number is not None and (not isinstance(number, int) or not 0 <= number <= 255):
        raise Unreadable("no number of a message")
    if size is not None and not isinstance(size, int):
        raise Unreadable("no size")
    return Greeting(number, size)


def build_request(ut_metadata: int, piece: int) -> bytes:
    """Ask for one block of the metadata."""
    return build_extended(ut_metadata, b"d8:msg_typei0e5:piecei%dee" % piece)


def parse_metadata(payload: bytes) -> MetadataMessage:
    """Read a message about metadata. Errors: `Unreadable`."""
    try:
        said, end = bencode.decode_first(payload, max_tokens=_MAX_TOKENS, leading_zeros=True)
    except BadMetadata as error:
        raise Unreadable("not a dictionary") from error
    if not isinstance(said, dict):
        raise Unreadable("not a dictionary")
    number, piece, total_size = said.get(b"msg_type"), said.get(b"piece"), said.get(b"total_size")
    if not isinstance(number, int) or not isinstance(piece, int) or not isinstance(total_size, int | None):
        raise Unreadable("a number is missing")
    kind = Kind(number) if 0 <= number <= Kind.REJECT else None
    return MetadataMessage(kind, piece, total_size, payload[end:])
