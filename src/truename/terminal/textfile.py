"""Texts on disk, byte for byte: read with the encoding that gives them back unchanged, replaced whole or not at all."""

import codecs
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from truename.errors import TruenameError
from truename.names import likeliest_encoding
from truename.texts import Language, say

_OF_THE_EAST = frozenset(("gb18030", "big5", "shift_jis"))


class Unusable(TruenameError):  # noqa: N818 - named after what it is
    """A file or stream that cannot be used. `word` and `fields` make the sentence, in `truename.texts`."""

    def __init__(self, word: str, **fields: str) -> None:
        super().__init__(word, *fields.values())
        self.word = word
        self.fields = fields

    def sentence(self, language: Language) -> str:
        """The sentence for a person."""
        return say(self.word, language, **self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text and how its bytes were read. Invariant: `encode(text)` gives the original bytes."""

    text: str
    encoding: str
    errors: str

    @classmethod
    def decode(cls, data: bytes, what: str) -> "Text":
        """Read bytes as text: UTF-16 with its mark, UTF-8, the one of GB18030, Big5 and Shift-JIS that they read best
        in, or bytes that only their ASCII part is read of.

        Errors: `Unusable` for NUL characters.
        """
        marked = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(data[:2])
        found = _read(data, marked) if marked else _read(data, "utf-8") or _read_of_the_east(data)
        if "\0" in found.text if found else (marked or b"\0" in data):
            raise Unusable("binary_input", what=what)
        return found or cls(text=data.decode("utf-8", "surrogateescape"), encoding="utf-8", errors="surrogateescape")

    def encode(self, text: str) -> bytes:
        """The bytes of a changed text, in the encoding of the original."""
        return text.encode(self.encoding, self.errors)


def _read(data: bytes, encoding: str) -> Text | None:
    """The text, if the encoding reads it without loss."""
    try:
        found = Text(text=data.decode(encoding), encoding=encoding, errors="strict")
        faithful = found.encode(found.text) == data
    except UnicodeError:
        return None
    return found if faithful else None


def _read_of_the_east(data: bytes) -> Text | None:
    """The text, if it reads best in an encoding in which a character may take two bytes, and that hides no magnet.

    In these nearly any byte and the letter behind it make a character, so a text of the West, or of another one of
    them, reads too. Where that swallows the beginning of a magnet it is certainly not the right one, and what it
    swallows elsewhere may be its end.
    """
    encoding = likeliest_encoding([line for line in data.splitlines() if not line.isascii()])
    found = _read(data, encoding) if encoding in _OF_THE_EAST else None
    hides = found is not None and found.text.lower().count("magnet:?") != data.lower().count(b"magnet:?")
    return None if hides else found


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A text read from a file, and the bytes it had then."""

    path: Path
    data: bytes
    content: Text

    @classmethod
    def read(cls, path: Path) -> "TextFile":
        """Errors: `Unusable` for a file that cannot be read or is not a text."""
        what = str(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Unusable("cannot_read", what=what, why=reason(error)) from error
        except ValueError as error:  # a NUL in the path
            raise Unusable("cannot_read", what=what, why=str(error)) from error
        return cls(path=path, data=data, content=Text.decode(data, what))

    @classmethod
    def read_to_replace(cls, path: Path) -> "TextFile":
        """As `read`, and `check_writable`. What is no regular file is not read: a pipe may have nobody to write it.

        Errors: `Unusable`.
        """
        if _is_there_and_no_file(path):
            raise Unusable("not_a_file", what=str(path))
        file = cls.read(path)
        file.check_writable()
        return file

    def check_writable(self) -> None:
        """Find out before a long look-up, and not after it, whether the file could be replaced.

        Errors: `Unusable`.
        """
        target = self.path.resolve()
        if not target.is_file():
            raise Unusable("not_a_file", what=str(self.path))
        try:
            with target.open("r+b"), tempfile.TemporaryFile(dir=target.parent) as file:
                _keep_owner_and_mode(file.fileno(), target.stat())
        except OSError as error:
            raise self._unwritable(error) from error

    def replace(self, text: str) -> None:
        """Put a new text in the place of the old one: mode, owner, attributes and symbolic link stay, and there is no
        moment in which the file is half written.

        Errors: `Unusable` when it cannot be written, or is not any more as it was read; it then stays as it is.
        """
        target = self.path.resolve()
        try:
            before = target.stat()
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".truename-")
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.content.encode(text))
                _keep_owner_and_mode(file.fileno(), before)
                _keep_attributes(file.fileno(), target)  # a change of owner takes some of them away
                file.flush()
                os.fsync(file.fileno())
            if target.read_bytes() != self.data:
                raise Unusable("changed_meanwhile", what=str(self.path))
            Path(temporary).replace(target)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            with suppress(OSError):
                Path(temporary).unlink()
        _sync_folder(target.parent)

    def _unwritable(self, error: OSError) -> Unusable:
        if isinstance(error, _GroupLostError):
            return Unusable("group_is_lost", what=str(self.path))
        return Unusable("cannot_write", what=str(self.path), why=reason(error))


class _GroupLostError(OSError):
    """A file would belong to another group, to whom its mode was not meant."""


def _is_there_and_no_file(path: Path) -> bool:
    """Where it cannot be told, to read it tells why."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # a NUL in the path
        return False


def reason(error: OSError) -> str:
    """Why the system refused, in its words."""
    return error.strerror or str(error) or type(error).__name__


def _keep_attributes(descriptor: int, target: Path) -> None:
    """What else the file system keeps beside a file: labels, access lists. Not all of it is ours to set."""
    with suppress(OSError):
        for name in os.listxattr(target):
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(target, name))


def _keep_owner_and_mode(descriptor: int, before: os.stat_result) -> None:
    """Errors: `OSError`; `_GroupLostError` where that gives rights to somebody who had none."""
    mode = stat.S_IMODE(before.st_mode)
    try:
        os.fchown(descriptor, before.st_uid, before.st_gid)
    except PermissionError:  # only root may give a file away
        try:
            os.fchown(descriptor, -1, before.st_gid)
        except PermissionError as error:
            if (mode >> 3 ^ mode) & 7:  # its people would be others from now on, and others be the group
                raise _GroupLostError from error
    os.fchmod(descriptor, mode)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
