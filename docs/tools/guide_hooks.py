"""What MkDocs calls while it builds the guide."""

from typing import Any

from guide_reference import fill

__all__ = ["on_page_markdown"]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Pages may ask for tables that come from the program."""
    return fill(markdown)
