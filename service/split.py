"""Two versions side by side: which of them answers whom."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

Variant = Literal["a", "b"]
"""a: the version that CURRENT names; b: the challenger."""
KEY_HEADER = "X-Split-Key"
"""What stays the same for one visitor, a cookie or a digest of a user's id; nothing of it is kept."""


@dataclass(frozen=True)
class Split:
    """A `share` of all keys, from 0 to 1, is answered from version `challenger`."""

    challenger: str
    share: float

    def variant(self, key: str) -> Variant:
        """The same for a key at any time, in every process; who has b keeps it when the share grows.

        Another challenger draws anew, so that nobody is in b of every experiment.
        """
        drawn = blake2b(
            key.encode("utf-8", "surrogatepass"), digest_size=8, key=self.challenger.encode()[-64:]
        ).digest()
        return "b" if int.from_bytes(drawn, "big") < self.share * 2**64 else "a"
