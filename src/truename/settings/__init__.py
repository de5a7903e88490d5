"""The settings: a table (`table.py`), the values it allows (`values.py`), and how it is filled (`reading.py`)."""

from truename.settings.reading import FILE_NAME, Loaded, SettingsError, load, shown_value, unknown_setting
from truename.settings.table import PREFIX, About, Settings

__all__ = [
    "FILE_NAME",
    "PREFIX",
    "About",
    "Loaded",
    "Settings",
    "SettingsError",
    "load",
    "shown_value",
    "unknown_setting",
]
