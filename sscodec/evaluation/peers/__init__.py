"""The codecs that are compared with this one: a registry of small adapters.

A new one is a class with the members of `Peer`, in a file of its own, and an entry in `PEERS`.
"""

from __future__ import annotations

from sscodec.errors import UsageError
from sscodec.evaluation.peers.base import Coded, Contender, Peer
from sscodec.evaluation.peers.codec2 import Codec2
from sscodec.evaluation.peers.dac import Dac
from sscodec.evaluation.peers.encodec import Encodec
from sscodec.evaluation.peers.mp3 import Mp3
from sscodec.evaluation.peers.opus import Opus
from sscodec.evaluation.peers.ours import Ours

PEERS: tuple[Peer, ...] = (Opus(), Mp3(), Codec2(), Encodec(), Dac())


def choose_peers(wanted: str | None) -> tuple[list[Contender], list[str]]:
    """The peers to compare with, and notes on those that cannot be.

    wanted: names with commas, each with its usual rates or with one rate, as in "opus@6,opus@12,mp3";
        "none"; or None for all that are there.

    Raises UsageError for an unknown name, or a named peer that is not there.
    """
    if wanted is None:
        notes = [f"without {peer.title}: {missing}" for peer in PEERS if (missing := peer.missing())]
        present = [peer for peer in PEERS if not peer.missing()]
        return [Contender(peer, kbps) for peer in present for kbps in peer.rates], notes
    chosen: dict[Contender, None] = {}
    for item in [] if wanted == "none" else wanted.split(","):
        name, _, rate = item.strip().partition("@")
        peer = next((peer for peer in PEERS if peer.name == name), None)
        if peer is None:
            known = ", ".join(peer.name for peer in PEERS)
            raise UsageError(f"--peers: unknown peer {name!r}; known are {known}, or none")
        if missing := peer.missing():
            raise UsageError(f"--peers: {peer.title} cannot be used: {missing}")
        try:
            rates = [float(rate)] if rate else peer.rates
        except ValueError:
            raise UsageError(f"--peers: {item.strip()!r} must be NAME or NAME@KBPS") from None
        chosen |= dict.fromkeys(Contender(peer, kbps) for kbps in rates)
    return list(chosen), []


__all__ = ["PEERS", "Coded", "Contender", "Ours", "Peer", "choose_peers"]
