"""The brake on guessing, with a clock of its own."""

import pytest

from truename.web.brake import (
    FORGOTTEN_AFTER_S,
    FREE,
    LONGEST_ACCOUNT_WAIT_S,
    LONGEST_WAIT_S,
    Brake,
    Guesses,
    Window,
    address_key,
    wait_after,
)

MINUTE = 60.0


def checked_in(seconds: float, tries: int, *, account: str = "account", address: str = "address") -> int:
    """How many of so many tries, spread over a time, would really be checked; `*` stands for a new one each time."""
    guesses = Guesses()
    return sum(
        guesses.take(account.replace("*", str(number)), address.replace("*", str(number)), seconds * number / tries)
        == 0
        for number in range(tries)
    )


def try_all(guesses: Guesses, account: str, address: str, *, until: float, every: float = 1.0) -> int:
    """Try whenever it can be done, as a program does; how often it was."""
    times = [every * number for number in range(int(until / every))]
    return sum(guesses.take(account, address, now) == 0 for now in times)


def test_of_a_thousand_tries_a_minute_on_one_account_at_most_ten_are_checked() -> None:
    assert 1 <= checked_in(MINUTE, 1000, address="address *") <= 10


def test_of_a_thousand_tries_a_minute_from_one_address_at_most_ten_are_checked() -> None:
    assert 1 <= checked_in(MINUTE, 1000, account="account *") <= 10
    assert 1 <= checked_in(MINUTE, 1000) <= 10


def test_a_day_of_guessing_checks_hundreds_not_millions() -> None:
    assert checked_in(86_400, 86_400) < 150
    assert checked_in(86_400, 86_400, address="address *") < 1500


def test_one_address_that_guesses_for_days_holds_its_owner_up_for_two_seconds_at_most() -> None:
    guesses = Guesses()
    assert try_all(guesses, "account", "attacker", until=86_400) > 50
    assert guesses.take("account", "owner", 86_400) == 0
    guesses = Guesses()
    assert try_all(guesses, "account", "attacker", until=FREE) == FREE
    assert 0 < guesses.take("account", "owner", FREE - 1) <= 2


def test_a_few_addresses_that_guess_hold_the_owner_up_for_a_while_and_not_for_ever() -> None:
    guesses = Guesses()
    for now in range(3600):
        for attacker in range(6):
            guesses.take("account", f"attacker {attacker}", now)
    assert guesses.take("account", "owner", 3600 + LONGEST_ACCOUNT_WAIT_S) == 0


def test_where_the_owner_was_right_before_no_number_of_others_holds_them_up() -> None:
    guesses = Guesses()
    assert guesses.take("account", "home", 0) == 0
    guesses.was_right("account", "home")
    for number in range(1000):
        guesses.take("account", f"attacker {number}", number / 10)
    assert guesses.take("account", "somewhere new", 100) > 0
    assert guesses.take("account", "home", 100) == 0


def test_an_address_that_was_right_before_is_braked_all_the_same() -> None:
    guesses = Guesses()
    guesses.take("account", "home", 0)
    guesses.was_right("account", "home")
    assert sum(guesses.take("account", "home", number * 0.06) == 0 for number in range(1000)) <= 10
    assert guesses.take("account", "elsewhere", 60) == 0


def test_a_few_slips_cost_no_wait() -> None:
    guesses = Guesses()
    assert [guesses.take("account", "address", 0) for _ in range(FREE)] == [0] * FREE
    assert guesses.take("account", "address", 0) > 0


def test_the_wait_doubles_to_an_end() -> None:
    waits = [wait_after(count) for count in range(200)]
    assert waits[:FREE] == [0] * FREE
    assert waits == sorted(waits)
    assert waits[FREE + 1] == 2 * waits[FREE]
    assert waits[-1] == LONGEST_WAIT_S


def test_the_wait_told_is_enough() -> None:
    guesses = Guesses()
    now = 0.0
    for number in range(20):
        wait = guesses.take("account", f"address {number % 2}", now)
        now += wait
        assert wait == 0 or guesses.take("account", f"address {number % 2}", now) == 0


def test_hammering_makes_no_wait_longer() -> None:
    patient, hammered = Guesses(), Guesses()
    for guesses in (patient, hammered):
        for _ in range(FREE):
            guesses.take("account", "address", 0)
    for number in range(1000):
        hammered.take("account", "address", number / 1000)
    assert hammered.take("account", "address", 1.5) == patient.take("account", "address", 1.5)


def test_a_try_that_the_address_refuses_does_not_count_for_the_account() -> None:
    guesses = Guesses()
    for number in range(FREE):
        guesses.take(f"account {number}", "bad address", 0)
    for _ in range(100):
        assert guesses.take("victim", "bad address", 0) > 0
    assert [guesses.take("victim", "good address", 0) for _ in range(FREE)] == [0] * FREE


def test_others_are_not_held_up() -> None:
    guesses = Guesses()
    for number in range(1000):
        guesses.take("account", "address", number / 100)
    assert guesses.take("another account", "another address", 5) == 0


def test_being_right_forgives_the_account_but_not_the_address() -> None:
    guesses = Guesses()
    refused = 0
    for number in range(20):
        refused += guesses.take(f"victim {number}", "address", 0) > 0
        if guesses.take("own account", "address", 0) == 0:
            guesses.was_right("own account", "address")
    assert refused >= 20 - FREE
    guesses = Guesses()
    for _ in range(FREE - 1):
        guesses.take("account", "address", 0)
    for number in range(50):
        assert guesses.take("account", f"address {number}", 0) == 0
        guesses.was_right("account", f"address {number}")


def test_old_tries_are_forgotten() -> None:
    brake = Brake()
    for number in range(100):
        brake.count("key", float(number))
    assert brake.wait("key", 99 + LONGEST_WAIT_S - 1) == 1
    assert brake.wait("key", 99 + FORGOTTEN_AFTER_S) == 0
    assert brake.used("key", 99 + FORGOTTEN_AFTER_S) == 0
    assert len(brake) == 0


def test_the_memory_is_bounded() -> None:
    guesses, window = Guesses(max_keys=50), Window(max_keys=50)
    for number in range(10_000):
        guesses.take(f"account {number}", f"address {number}", 0)
        if number % 2:
            guesses.was_right(f"account {number}", f"address {number}")
        window.count(number, 0)
    assert len(guesses) <= 200
    assert len(window) <= 50


def test_five_set_up_codes_a_minute() -> None:
    window = Window()
    for _ in range(5):
        assert window.wait("address", 10) == 0
        window.count("address", 10)
    assert window.wait("address", 10) == MINUTE
    assert window.wait("address", 69.9) == pytest.approx(0.1)
    assert window.wait("another address", 10) == 0
    assert window.wait("address", 70) == 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 1000, "x" * 64),
    ],
)
def test_who_has_a_network_has_one_key(address: str, key: str) -> None:
    assert address_key(address) == key
