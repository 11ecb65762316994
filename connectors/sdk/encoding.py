"""How a legacy system's files are encoded, declared as a setting: the declared encoding only, never a guess."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from connectors.sdk.errors import ContractBroken
from connectors.sdk.lines import lines_of
from connectors.sdk.settings import SettingsSection

_MARKS = {"utf-8": (codecs.BOM_UTF8,), "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)}


class TextLine(NamedTuple):
    """One line of a file.

    Attributes:
        text: without its end; None where it is longer than a line of records may be.
        length: of it, in bytes.
    """

    text: str | None
    length: int


class EncodingQuirk(SettingsSection):
    """How a legacy system's files are encoded."""

    encoding: str = "cp1252"
    """Python's name of the encoding: cp1252, utf-8, us-ascii."""

    def decode(self, content: bytes, what: str) -> str:
        """A whole file as text, a byte-order mark removed.

        Raises:
            ContractBroken: it is not in this encoding, or begins with the mark of another; `what` names the file.
        """
        self._refuse_mark_of_another(content, what)
        try:
            return content.decode(self.encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise ContractBroken(
                f"{what}: not {self.encoding} text (byte {error.start}). Set encoding to what the supplier really sends."
            ) from None

    def decode_marked(self, content: bytes, what: str) -> str:
        """As `decode`, but a byte that is none of this encoding is marked (`is_marked`), so that only what it stands in is set aside.

        Raises:
            ContractBroken: as `decode`, where single bytes cannot be told apart.
        """
        self._refuse_mark_of_another(content, what)
        try:
            return content.decode(self.encoding, "surrogateescape").removeprefix("\ufeff")
        except UnicodeDecodeError:
            return self.decode(content, what)

    def lines(self, file: BinaryIO, what: str) -> Iterator[TextLine]:
        """The lines of a file from where it stands, as `decode_marked` has them; no more than one is in memory, however long it is.

        Raises:
            ContractBroken: as `decode_marked`.
        """
        # Where a line ends can be seen in the bytes of most encodings; the others are read as UTF-8.
        plain = "\n".encode(self.encoding) == b"\n"
        try:
            for line in lines_of(file if plain else codecs.EncodedFile(file, "utf-8", self.encoding)):
                if line.content is None:
                    text = None
                elif not plain:
                    text = line.content.decode()
                elif line.number == 1:
                    text = self.decode_marked(line.content, what)
                else:
                    text = line.content.decode(self.encoding, "surrogateescape")
                yield TextLine(text.removeprefix("\ufeff") if text and line.number == 1 else text, line.length)
        except UnicodeDecodeError:
            raise ContractBroken(
                f"{what}: not {self.encoding} text. Set encoding to what the supplier really sends."
            ) from None

    def _refuse_mark_of_another(self, content: bytes, what: str) -> None:
        declared = codecs.lookup(self.encoding).name
        for family, marks in _MARKS.items():
            if content.startswith(marks) and not declared.startswith(family):
                raise ContractBroken(
                    f"{what}: begins with the mark of {family}, not of {self.encoding}. Set encoding to what the supplier really sends."
                )

    @staticmethod
    def is_marked(text: str) -> bool:
        """Whether a byte in this text was none of the encoding."""
        return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)

    def encode(self, text: str) -> bytes:
        """Text for a file; a character that the encoding lacks becomes a question mark, as the legacy system would show it."""
        return text.encode(self.encoding, "replace")
