"""A peer's network inside the recipe of the course."""

from __future__ import annotations

from torch import nn


class Borrowed(nn.Module):
    """Another library's network, whose first and last layer are known to `training.muon`.

    Args:
        net: the network; a subclass says in `forward` how it is asked.
        first, last: names of the layers that read and that answer, which Muon leaves to AdamW.
    """

    edges = ("first", "last")

    def __init__(self, net: nn.Module, first: str, last: str) -> None:
        super().__init__()
        self.net = net
        self._first, self._last = first, last

    @property
    def first(self) -> nn.Module:
        """The layer that reads."""
        return self.net.get_submodule(self._first)

    @property
    def last(self) -> nn.Module:
        """The layer that answers."""
        return self.net.get_submodule(self._last)
