"""The settings of a command, and what is said of them before it begins."""

from truename.commands.process import LANGUAGE, complain, refuse_text
from truename.settings import Loaded, SettingsError, load, unknown_setting
from truename.texts import say


def loaded_settings(*, warn: bool = True) -> Loaded:
    """The settings, after complaints about unknown ones; a value that cannot be used ends the command."""
    try:
        loaded = load()
    except SettingsError as error:
        refuse_text(error.text(LANGUAGE))
    for name in loaded.unknown if warn else ():
        complain(unknown_setting(name, LANGUAGE))
    return loaded


def tell_what_is_left_alone(loaded: Loaded) -> None:
    """What a person may miss where a qBittorrent is of use; elsewhere it may be another program's."""
    for name in loaded.left_alone:
        complain(say("left_alone", LANGUAGE, name=name))
