"""IP addresses at a time: which addresses are one customer's, and that no zone shifts a window."""

from ipaddress import ip_address

import pytest

from psi.identifiers import Cell, RefusedValue, canonicalise
from psi.identifiers.network import WINDOW_MINUTES, WINDOW_STEP_MINUTES, is_public_address

AT = "2026-03-05T14:20Z"


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "9.9.9.9", "2620:fe::fe"]
)
def test_public_addresses_and_those_of_manuals_are_read(address: str) -> None:
    assert is_public_address(ip_address(address))
    assert len(canonicalise("ip_window", Cell(f"{address} {AT}"))) == 2


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.1.1", "100.127.255.255", "127.0.0.1", "169.254.1.1", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.168.255.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::1", "100::1", "2001::1", "2001:20::1", "2002::1",
        "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_addresses_of_many_or_nobody_are_refused(address: str) -> None:
    with pytest.raises(RefusedValue) as refusal:
        canonicalise("ip_window", Cell(f"{address} {AT}"))
    assert refusal.value.reason == "ip_window/not-public"


@pytest.mark.parametrize(
    "address", ["100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"]
)
def test_their_neighbours_are_read(address: str) -> None:
    assert canonicalise("ip_window", Cell(f"{address} {AT}"))


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-05T14:20Z", "2026-03-05 14:20:59 UTC", "2026-03-05T14:20:11.123456+00:00", "2026-03-05t14:20z",
        "5.3.2026 14:20 GMT", "05.03.2026, 16:20 +0200", "2026-03-05T04:20-10", "2026-03-06T03:20+13:00",
        "2026-03-05 20:05 UTC+05:45", "1772720400", "1772720400999",
    ],
)  # fmt: skip
def test_one_moment_has_one_pair_of_windows(time: str) -> None:
    assert canonicalise("ip_window", Cell(f"203.0.113.7 {time}")) == (
        "203.0.113.7@2026-03-05T13:30Z/60",
        "203.0.113.7@2026-03-05T14:00Z/60",
    )
    assert canonicalise("ip_window", Cell("203.0.113.7"), qualifier=time) == canonicalise(
        "ip_window", Cell(f"203.0.113.7@{time}")
    )


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2026-03-05T14:20+14:30", "no-zone"), ("2026-03-05T14:20+02:75", "no-zone"),
        ("2026-03-05T24:00Z", "not-a-time"),
        ("2026-03-05T14:60Z", "not-a-time"), ("2026-13-05T14:20Z", "not-a-time"), ("2026-00-05T14:20Z", "not-a-time"),
        ("2100-01-01T00:00Z", "not-a-time"), ("1990-01-01T00:10Z", "not-a-time"), ("1990-01-01T00:40Z", ""),
        ("9999999999", "not-a-time"), ("2026-03-05", "no-time"), ("yesterday", "not-a-time"), ("14:20Z", "not-a-time"),
    ],
)  # fmt: skip
def test_times_that_are_none(time: str, reason: str) -> None:
    if not reason:
        assert canonicalise("ip_window", Cell(f"203.0.113.7 {time}"))
        return
    with pytest.raises(RefusedValue) as refusal:
        canonicalise("ip_window", Cell(f"203.0.113.7 {time}"))
    assert refusal.value.reason == f"ip_window/{reason}"


def test_the_windows_cover_half_an_hour_twice() -> None:
    assert WINDOW_MINUTES == 2 * WINDOW_STEP_MINUTES == 60
