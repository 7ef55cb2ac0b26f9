"""The dashboard: HTML over the wire, drawn here, kept fresh by small modules in `static/`."""

from bot.dashboard.originals import Originals
from bot.dashboard.routes import Dashboard

__all__ = ["Dashboard", "Originals"]
