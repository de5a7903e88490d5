"""Which addresses belong to the internet, and which to a private, local or special network. Pure.

Source: the IANA special-purpose registries (RFC 6890 and what was added to them since).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# In IPv6 only 2000::/3 is given out at all, so everything before and after it is closed as a whole; that includes
# IPv4 in its IPv6 disguises (::ffff:0:0/96, 64:ff9b::/96).
_NOT_PUBLIC = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "::/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/2",
    "8000::/1",
)
NOT_PUBLIC: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, _NOT_PUBLIC))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the internet and not to a private, local or special network."""
    return not any(address in network for network in NOT_PUBLIC if network.version == address.version)


def is_address(host: str) -> bool:
    """Whether it is an address as everybody writes it, so that nobody will take it for a name and look it up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
