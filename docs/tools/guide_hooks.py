"""What MkDocs calls while it builds the guide."""

import re
from typing import Any

from guide_reference import fill

__all__ = ["on_page_markdown"]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fills in tables that come from the program, and says the names of files."""
    return fill(re.sub(r"<!-- file: (.+?) -->", r"`\1`:", markdown))
