"""`truename user`: people, from the terminal, beside a running server or without one.

Each function takes an open database and tells on the screen what it did; its result is whether it did it. A server
notices a changed password or a revoked token within two seconds.
"""

import getpass
import secrets
import sys
import time

from truename.store import people
from truename.store.database import Database
from truename.store.people import Newcomer, Person, clean_username, digest_of
from truename.terminal.screen import Screen
from truename.texts import say
from truename.web.passwords import Passwords, fault_of


async def add(database: Database, screen: Screen, name: str, *, admin: bool, password_stdin: bool) -> bool:
    """Make a person, with a password from the terminal or, `password_stdin`, the first line of standard input."""
    username = clean_username(name)
    if username is None:
        screen.say("username_bad")
        return False
    if await _find(database, username) is not None:
        screen.say("username_taken")
        return False
    password = ask_password(screen, username, from_stdin=password_stdin)
    if password is None:
        return False
    newcomer = Newcomer(username=username, password_hash=await _hash(password), admin=admin, at=time.time())
    async with database.writing() as connection:
        (made,) = await people.create_all(connection, [newcomer])
    if made is None:
        screen.say("username_taken")
        return False
    screen.say("person_made", name=username)
    return True


async def passwd(database: Database, screen: Screen, name: str, *, password_stdin: bool = False) -> bool:
    """Change a person's password; that ends all their sessions."""
    person = await _known(database, screen, name)
    if person is None:
        return False
    password = ask_password(screen, person.username, from_stdin=password_stdin)
    if password is None:
        return False
    change = person.id, await _hash(password)
    async with database.writing() as connection:
        (ended,) = await people.change_password_all(connection, [change])
        keeps_token = await people.has_token(connection, person.id)
    screen.say("password_changed", name=person.username, count=len(ended))
    if keeps_token:
        screen.say("password_token_stays", name=person.username)
    return True


async def list_people(database: Database, screen: Screen) -> bool:
    """One line for each person."""
    async with database.reading() as connection:
        everybody = await people.everybody(connection)
    for person in everybody:
        mark = f"  ({say('administrator', screen.language)})" if person.admin else ""
        screen.answer(person.username + mark)
    if not everybody:
        screen.say("nobody_yet")
    return True


async def token(database: Database, screen: Screen, name: str, *, revoke: bool) -> bool:
    """Give a person a new token, shown on standard output this once; or take away the one they have."""
    person = await _known(database, screen, name)
    if person is None:
        return False
    if revoke:
        async with database.writing() as connection:
            (had,) = await people.revoke_token_all(connection, [person.id])
        screen.say("token_revoked" if had else "token_none", name=person.username)
        return had
    secret = secrets.token_urlsafe(32)
    async with database.writing() as connection:
        await people.set_token_all(connection, [(person.id, digest_of(secret), time.time())])
    screen.say("token_made", name=person.username)
    screen.answer(secret)
    return True


def ask_password(screen: Screen, username: str, *, from_stdin: bool) -> str | None:
    """A new password that is good enough for somebody; None when there is none, and the person has been told why."""
    if from_stdin:
        password: str | None = _first_line()
    elif sys.stdin.isatty():
        password = getpass.getpass(say("password_ask", screen.language), stream=sys.stderr)
        if password and password != getpass.getpass(say("password_again", screen.language), stream=sys.stderr):
            screen.say("passwords_differ")
            return None
    else:
        password = ""
    if password is None or any("\ud800" <= one <= "\udfff" for one in password):
        fault: str | None = "password_not_text"  # no form of a page could send it
    else:
        fault = fault_of(password, username) if password else "password_missing"
    if fault is not None:
        screen.say(fault)
        return None
    return password


def _first_line() -> str | None:
    """The first line of standard input, or None when it is not in the encoding of the terminal."""
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        return None


async def _hash(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


async def _find(database: Database, username: str) -> Person | None:
    async with database.reading() as connection:
        return await people.find(connection, username)


async def _known(database: Database, screen: Screen, name: str) -> Person | None:
    username = clean_username(name)
    person = await _find(database, username) if username is not None else None
    if person is None:
        screen.say("person_unknown", name=name)
    return person
