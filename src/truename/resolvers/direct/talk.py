"""The talk with one peer about one info dictionary (BEP 3, 9, 10), from its bytes to ours. Pure: no socket, no clock.

Each talk has a buffer of its own, so that what one peer sends is never mixed with another's; the digest of the whole
decides. It refuses to hold or to hear more than it was given leave for.
"""

from collections import deque
from enum import Enum

from truename.errors import TruenameError
from truename.metainfo import InfoBytes
from truename.resolvers.base import MAX_METADATA_BYTES
from truename.resolvers.direct.allowance import Room, Traffic
from truename.resolvers.direct.peer_wire import (
    BLOCK_BYTES,
    EXTENDED,
    GREETING,
    HANDSHAKE_BYTES,
    OUR_UT_METADATA,
    Greeting,
    Kind,
    MetadataMessage,
    Unreadable,
    build_greeting,
    build_handshake,
    build_request,
    parse_greeting,
    parse_handshake,
    parse_metadata,
)

REQUESTS_AT_ONCE = 10
"""All blocks of most torrents. libtorrent answers so many at once, and of more one in each second only; another common
client rejects the 65th.
"""

_SMALL_TALK_BYTES = 160 * 1024
"""What a peer may send beside metadata: its greeting, and which pieces it has (a bit for each of up to a million)."""
_HEARD_FOR_A_BLOCK = BLOCK_BYTES + BLOCK_BYTES // 2
"""Its header has some sixty bytes; half as much again is ample for every honest peer."""
_MAX_EXTENDED_BYTES = 32 * 1024
_MAX_GREETINGS = 8
_IGNORED = -1


class Trouble(Enum):
    """Why a talk came to nothing."""

    UNREACHED = "nobody is there"
    SILENT = "too slow"
    HUNG_UP = "the connection ended"
    WITHOUT = "has no metadata now"
    NO_ROOM = "no room for more metadata of this torrent at the moment"
    CROWDED = "others have the room for metadata at the moment"
    STRANGER = "does not speak of metadata, or of another torrent"
    OURSELVES = "it is us"
    LIED = "not the metadata"
    TOO_MUCH = "sends too much"
    TOO_LARGE = "has more metadata than we take"

    @property
    def may_pass(self) -> bool:
        """Whether the same peer may do better a few seconds later."""
        return self in _PASSING


_PASSING = frozenset(
    (Trouble.UNREACHED, Trouble.SILENT, Trouble.HUNG_UP, Trouble.WITHOUT, Trouble.NO_ROOM, Trouble.CROWDED)
)


class TalkFailed(TruenameError):  # noqa: N818 - named after what it is
    """The talk has ended without metadata."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class Talk:
    """Feed it what the peer says; send what it answers. `info` is the dictionary once it is there, its digest checked.

    `room` bounds what all talks of the program hold, `traffic` what all talks about this hash have heard.
    `steps` grows whenever the peer has brought us nearer; `held` of `size` bytes are here. To be closed at its end.
    """

    def __init__(self, hash20: bytes, our_id: bytes, *, room: Room, traffic: Traffic) -> None:
        self.info: InfoBytes | None = None
        self.steps = 0
        self.hash20 = hash20
        self.held = 0
        self.size = 0
        self._our_id = our_id
        self._room = room
        self._traffic = traffic
        self._buffer = bytearray()
        self._needed = 0
        self._to_skip = 0
        self._may_hear = _SMALL_TALK_BYTES
        self._shaken = False
        self._greetings = 0
        self._ut_metadata = 0
        self._said_size = 0
        self._blocks: dict[int, bytes] = {}
        self._gave_way = False
        self._unasked: deque[int] = deque()
        self._asked: set[int] = set()
        self._asked_once = 0
        self._rejections = 0
        self._has_insisted = False
        self._to_ask: list[int] = []

    @property
    def share(self) -> float:
        """How much of the metadata is here, from 0 to 1."""
        return self.held / self.size if self.size else 0.0

    @property
    def lacking(self) -> Trouble | None:
        """What keeps us from asking a peer that has greeted us; its next greeting may make up for that (BEP 10)."""
        if not self._greetings or self.size:
            return None
        return Trouble.WITHOUT if self._ut_metadata else Trouble.STRANGER

    def opening(self) -> bytes:
        """What to send first; it does not wait for the peer's own handshake, which saves a round trip."""
        return build_handshake(self.hash20, self._our_id) + build_greeting()

    def hear(self, data: bytes) -> bytes:
        """Take in what came; what to send in return.

        Errors: `TalkFailed`, after which there is nothing more to say.
        """
        if self._gave_way:
            raise TalkFailed(Trouble.CROWDED)
        if not self._traffic.hear(self, len(data)):
            raise TalkFailed(Trouble.NO_ROOM)
        self._may_hear -= len(data)
        if self._may_hear < 0:
            raise TalkFailed(Trouble.TOO_MUCH)
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return b""
            data = bytes(self._buffer)
            self._buffer.clear()
        try:
            self._take_all(data)
        except Unreadable as error:
            raise TalkFailed(Trouble.STRANGER if not self._shaken else Trouble.LIED) from error
        answer = b"".join(build_request(self._ut_metadata, piece) for piece in self._to_ask)
        self._to_ask.clear()
        return answer

    def close(self) -> None:
        """Let go of everything held but `info`."""
        self._room.leave(self)
        self._traffic.leave(self)
        self.held = 0
        self._blocks.clear()
        self._buffer.clear()

    def give_way(self) -> None:
        """Let go of everything at once, since others need the room more; the next that is heard ends it."""
        self._gave_way = True
        self.close()

    # --- framing -------------------------------------------------------------------------------------------------

    def _take_all(self, data: bytes) -> None:
        """Take one message after the other; what is left waits until the next one can be whole.

        They are read where they are: a copy of a block for each step took longer than everything else.
        """
        at, end = 0, len(data)
        while self.info is None and at < end:
            if self._to_skip:
                skipped = min(self._to_skip, end - at)
                self._to_skip -= skipped
                at += skipped
                continue
            self._needed = 0
            at = self._take_message(data, at) if self._shaken else self._take_handshake(data, at)
            if self._needed:
                break
        self._buffer += data[at:]

    def _take_handshake(self, data: bytes, at: int) -> int:
        """Where the next message begins; if it is not whole yet, how much is `needed`."""
        if len(data) - at < HANDSHAKE_BYTES:
            self._needed = HANDSHAKE_BYTES
            return at
        handshake = parse_handshake(data[at : at + HANDSHAKE_BYTES])
        if handshake.peer_id == self._our_id:
            raise TalkFailed(Trouble.OURSELVES)
        if handshake.hash20 != self.hash20 or not handshake.extended:
            raise TalkFailed(Trouble.STRANGER)
        self._shaken = True
        self.steps += 1
        return at + HANDSHAKE_BYTES

    def _take_message(self, data: bytes, at: int) -> int:
        """As `_take_handshake`."""
        here = len(data) - at
        length = int.from_bytes(data[at : at + 4], "big")
        if here < 4 or (length > 1 and here < 6):
            self._needed = 4 if here < 4 else 6
            return at
        if length > self._may_hear + here:
            raise TalkFailed(Trouble.TOO_MUCH)
        number = data[at + 5] if length > 1 and data[at + 4] == EXTENDED else _IGNORED
        if number not in (GREETING, OUR_UT_METADATA):
            self._to_skip = 4 + length
            return at
        if length > _MAX_EXTENDED_BYTES:
            raise TalkFailed(Trouble.TOO_MUCH)
        if here < 4 + length:
            self._needed = 4 + length
            return at
        end = at + 4 + length
        if number == GREETING:
            self._greeted(parse_greeting(data[at + 6 : end]))
        else:
            self._told(parse_metadata(data[at + 6 : end]))
        return end

    # --- metadata ------------------------------------------------------------------------------------------------

    def _greeted(self, greeting: Greeting) -> None:
        """A greeting may come again and change what it says (BEP 10), but the size of the metadata is what it is."""
        self._greetings += 1
        if self._greetings > _MAX_GREETINGS:
            raise TalkFailed(Trouble.TOO_MUCH)
        if self.size and greeting.metadata_size not in (None, self.size):
            raise TalkFailed(Trouble.LIED)
        if greeting.ut_metadata is not None and greeting.ut_metadata != self._ut_metadata:
            self._renumber(greeting.ut_metadata)
        self._said_size = greeting.metadata_size or self._said_size
        if self.size or not self._said_size or not self._ut_metadata:
            return
        if not 0 < self._said_size <= MAX_METADATA_BYTES:
            raise TalkFailed(Trouble.TOO_LARGE if self._said_size > 0 else Trouble.LIED)
        self.steps += 1
        self.size = self._said_size
        self._unasked.extend(range(-(-self.size // BLOCK_BYTES)))
        self._ask()

    def _renumber(self, ut_metadata: int) -> None:
        """Nobody reads what was asked by the number from before, so what was not answered is asked once more."""
        if not ut_metadata and self.size:
            raise TalkFailed(Trouble.WITHOUT)
        self._ut_metadata = ut_metadata
        self._to_ask = sorted(self._asked)

    def _ask(self) -> None:
        while self._unasked and len(self._asked) < REQUESTS_AT_ONCE:
            piece = self._unasked.popleft()
            self._asked.add(piece)
            if piece >= self._asked_once:
                self._asked_once = piece + 1
                self._may_hear += _HEARD_FOR_A_BLOCK
            self._to_ask.append(piece)

    def _told(self, message: MetadataMessage) -> None:
        match message.kind:
            case Kind.DATA:
                self._take_block(message)
            case Kind.REJECT:
                self._take_rejection(message.piece)
            case Kind.REQUEST | None:
                pass  # we have nothing to give; and what we do not know we let pass, as BEP 9 wants it

    def _take_block(self, message: MetadataMessage) -> None:
        piece, block = message.piece, message.block
        if piece in self._blocks:
            return
        if piece not in self._asked or message.total_size not in (None, 0, self.size):
            raise TalkFailed(Trouble.LIED)
        if len(block) != min(BLOCK_BYTES, self.size - piece * BLOCK_BYTES):
            raise TalkFailed(Trouble.LIED)
        if not self._room.take(self, len(block)):
            raise TalkFailed(Trouble.CROWDED)
        self._has_insisted = False
        self.held += len(block)
        self._asked.discard(piece)
        self._blocks[piece] = block
        self.steps += 1
        self._ask()
        if self.held == self.size:
            self._judge()

    def _take_rejection(self, piece: int) -> None:
        """Some clients take only so many requests at once: ask again while others are answered, and else once more."""
        if piece not in self._asked:
            return
        self._rejections += 1
        self._asked.discard(piece)
        self._unasked.append(piece)
        is_the_last = not self._asked
        if (is_the_last and self._has_insisted) or self._rejections > self.size // BLOCK_BYTES + 2 * REQUESTS_AT_ONCE:
            raise TalkFailed(Trouble.WITHOUT)
        if is_the_last:
            self._has_insisted = True
            self._ask()

    def _judge(self) -> None:
        info = InfoBytes(b"".join(self._blocks[piece] for piece in range(len(self._blocks))))
        if not info.is_one_of((self.hash20.hex(),)):
            raise TalkFailed(Trouble.LIED)
        self.info = info
