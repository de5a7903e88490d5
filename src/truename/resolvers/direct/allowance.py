"""How much strangers may make us hear and hold. Pure."""


class Allowance:
    """So many bytes for several together. Invariant: what was taken and not given back is at most `limit`."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def take(self, count: int) -> bool:
        """Whether there was so much; if not, nothing is taken."""
        if count > self.left:
            return False
        self.left -= count
        return True

    def give_back(self, count: int) -> None:
        """So much is free again."""
        self.left += count
