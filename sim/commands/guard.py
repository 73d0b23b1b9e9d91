"""The one place where what went wrong becomes a sentence and an exit status."""

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["EXIT_BAD_INPUT", "EXIT_FAILED_CHECK", "EXIT_INTERRUPTED", "GuardedGroup"]

EXIT_FAILED_CHECK = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
"""As shells report a program that SIGINT ended."""


class GuardedGroup(TyperGroup):
    """Runs commands; a user's mistake ends in one sentence, a bug of ours in its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has gone; the interpreter must not flush into it either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(EXIT_FAILED_CHECK) from None
        except KeyboardInterrupt as error:
            _say(str(error) or "stopped")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except Exception as error:
            sentence = _sentence(error)
            if sentence is None:
                raise
            _say(sentence)
            raise typer.Exit(EXIT_BAD_INPUT) from None


def _sentence(error: Exception) -> str | None:
    """What to tell the user; None for a bug of ours.

    Every package of ours raises errors of its own, named ...Error, for what a user can mend.
    """
    for kind in type(error).__mro__:
        if kind.__module__.startswith("tightrope.") and kind.__name__.endswith("Error"):
            return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return None


def _say(sentence: str) -> None:
    print(f"tightrope: {sentence}", file=sys.stderr)
