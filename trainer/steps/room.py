"""Memory that a step takes again and again, kept from one to the next: the allocator would keep more, in pieces."""

import math

import torch
from torch import Tensor


class Room:
    """Named tensors of any contents; a name's shape may change from step to step, its type may not."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], kind: torch.dtype = torch.float32) -> Tensor:
        """The same memory as the last time under this name, where it is large enough."""
        size = math.prod(shape)
        held = self._held.get(name)
        if held is None or len(held) < size:
            self._held.pop(name, None)
            del held
            self._held[name] = torch.empty(size, dtype=kind)
        return self._held[name][:size].view(shape)
