"""Text files (.txt) with one id a line: lists of users and of items alike."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from selfrec.errors import SourceError

INSTEAD = ", or save the ids as a .txt file"
"""What else to do about a CSV file without a line of names."""


def is_text_file(place: str) -> bool:
    """Whether a place is a text file, by its name."""
    return place.lower().endswith(".txt")


def read_lines(path: str) -> pa.Array:
    """string[lines] as they stand, empty ones left out. Raises SourceError."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            # Not splitlines(), which ends lines at signs (U+2028) that may stand in an id.
            lines = pa.array(file.read().split("\n"), pa.string())
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file; check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as text in UTF-8 ({error}); save it as that") from error
    return lines.filter(pc.not_equal(pc.utf8_trim_whitespace(lines), ""))
