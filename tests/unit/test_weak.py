"""Passwords that are long enough and still among the first to be tried."""

import pytest

from truename.web.weak import is_weak


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2024!",
        "P@ssw0rd1234",
        "ｐａｓｓｗｏｒｄ１２３４",
        "pass-word-pass-word",
        "123456789012",
        "098765432109",
        "0.1.2.3.4.5.6.7.8.9",
        "qwertyuiopas",
        "POIUYTREWQ12",
        "asdfghjklqwe",
        "1qaz2wsx3edc",
        "1q2w3e4r5t6y",
        "abcdefghijkl",
        "a1b2c3d4e5f6",
        "iloveyou1234",
        "letmein letmein",
        "xxxxxxxxxxxx",
        "我我我我我我我我我我我我",
        "aaaabbbbccccdddd",
        "abcabcabcabcabc",
        "x7k2pqx7k2pqx7k2",
        "monkey" * 100,
        "truename1234",
        "password123password",
        "loginlogin123",
        "welcomewelcome1",
        "passw0rdpassword",
    ],
)
def test_what_everybody_takes_is_weak(password: str) -> None:
    assert is_weak(password, "zoe")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "correct horse battery staple",
        "test-password-123",
        "secret-password",
        "hunter2hunter2",
        "s3cret-passw0rd",
        "love my family forever",
        "the quick brown fox",
        "my cat eats fish",
        "xK9#mQ2$vL5p",
        "passwordx7k2m",
        "another password",
        "小明的密码很长很好记呀",
        "vier mal vier sind sechzehn",
        "x7k2pq9mx7k2pq9m",
        "a long one, " * 3 + "with an end of its own",
    ],
)
def test_a_sentence_or_what_is_random_is_not(password: str) -> None:
    assert not is_weak(password, "zoe")


@pytest.mark.parametrize("password", ["marianne1234", "MarianneMarianne", "marianne-2024-X", "1234marianne5678"])
def test_the_user_name_with_little_else_is_weak(password: str) -> None:
    assert is_weak(password, "Marianne")
    assert is_weak(password, "marianne  smith")
    assert not is_weak("marianne likes tea", "marianne")


@pytest.mark.parametrize("password", ["admin-password", "rootpassword", "passwordadmin", "administratoradmin"])
def test_a_user_name_that_is_such_a_word_adds_nothing(password: str) -> None:
    assert is_weak(password, "root" if "root" in password else "admin")


def test_a_very_short_name_takes_nothing_away() -> None:
    assert not is_weak("correct horse battery", "e")
    assert not is_weak("correct horse battery", "")
