"""The brake on guessing, with a clock of its own."""

import pytest

from truename.web.brake import FORGOTTEN_AFTER_S, FREE, LONGEST_WAIT_S, Brake, Window, address_key, wait_after

MINUTE = 60.0


def checked_in(brake: Brake, keys_of: object, seconds: float, tries: int) -> int:
    """How many of so many tries, spread over a time, would really be checked."""
    times = [seconds * number / tries for number in range(tries)]
    return sum(brake.take(keys_of(number), now) == 0 for number, now in enumerate(times))  # type: ignore[operator]


def test_of_a_thousand_tries_a_minute_on_one_account_at_most_ten_are_checked() -> None:
    assert 1 <= checked_in(Brake(), lambda n: ["account", f"address {n}"], MINUTE, 1000) <= 10


def test_of_a_thousand_tries_a_minute_from_one_address_at_most_ten_are_checked() -> None:
    assert 1 <= checked_in(Brake(), lambda n: [f"account {n}", "address"], MINUTE, 1000) <= 10


def test_a_day_of_guessing_checks_hundreds_not_millions() -> None:
    assert checked_in(Brake(), lambda _: ["account", "address"], 86_400, 86_400) < 150


def test_a_few_slips_cost_no_wait() -> None:
    brake = Brake()
    assert [brake.take(["account", "address"], 0) for _ in range(FREE)] == [0] * FREE
    assert brake.take(["account", "address"], 0) > 0


def test_the_wait_doubles_to_an_end() -> None:
    waits = [wait_after(count) for count in range(200)]
    assert waits[:FREE] == [0] * FREE
    assert waits == sorted(waits)
    assert waits[FREE + 1] == 2 * waits[FREE]
    assert waits[-1] == LONGEST_WAIT_S


def test_the_wait_told_is_enough() -> None:
    brake = Brake()
    now = 0.0
    for _ in range(20):
        wait = brake.take(["key"], now)
        now += wait
        assert wait == 0 or brake.take(["key"], now) == 0


def test_hammering_makes_no_wait_longer() -> None:
    patient, hammered = Brake(), Brake()
    for brake in (patient, hammered):
        for _ in range(FREE):
            brake.take(["key"], 0)
    for number in range(1000):
        hammered.take(["key"], number / 1000)
    assert hammered.take(["key"], 1.5) == patient.take(["key"], 1.5)


def test_a_try_that_one_key_refuses_counts_for_none() -> None:
    brake = Brake()
    for _ in range(FREE):
        brake.take(["account a", "bad address"], 0)
    for number in range(100):
        assert brake.take([f"victim {number}", "bad address"], 0) > 0
    assert len(brake) == 2
    assert brake.take(["victim 1", "good address"], 0) == 0


def test_others_are_not_held_up() -> None:
    brake = Brake()
    for number in range(1000):
        brake.take(["account", "address"], number / 100)
    assert brake.take(["another account", "another address"], 5) == 0
    assert brake.take(["a session of that account"], 5) == 0


def test_being_right_forgives_the_account_but_not_the_address() -> None:
    brake = Brake()
    refused = 0
    for number in range(20):
        refused += brake.take([f"victim {number}", "address"], 0) > 0
        if brake.take(["own account", "address"], 0) == 0:
            brake.succeed(of="own account", also=["address"])
    assert refused >= 20 - FREE
    brake = Brake()
    for _ in range(FREE - 1):
        brake.take(["account", "address"], 0)
    for number in range(50):
        assert brake.take(["account", f"address {number}"], 0) == 0
        brake.succeed(of="account", also=[f"address {number}"])
    assert len(brake) == 1


def test_old_tries_are_forgotten() -> None:
    brake = Brake()
    for number in range(100):
        brake.take(["key"], float(number * 100))
    assert brake.take(["key"], 10_000 + FORGOTTEN_AFTER_S) == 0
    assert [brake.take(["key"], 10_000 + FORGOTTEN_AFTER_S) for _ in range(FREE - 1)] == [0] * (FREE - 1)


def test_the_memory_is_bounded() -> None:
    brake, window = Brake(max_keys=50), Window(max_keys=50)
    for number in range(10_000):
        brake.take([f"account {number}", f"address {number}"], 0)
        window.count(number, 0)
    assert len(brake) <= 50
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
