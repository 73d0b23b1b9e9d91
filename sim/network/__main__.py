"""The command."""

from .main import app

app()
