"""Networks that look both ways, block by block: each block is computed with what lies around it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sscodec.nn.config import Window
from sscodec.nn.layers import State


def windowed(
    key: nn.Module,
    window: Window,
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    width: int,
    state: State | None,
    end: bool,
) -> Tensor:
    """What `function` makes of the frames x [batch, frames, ...], and of those that the state holds back.

    function: from [batch, frames, ...] to [batch, frames, width]. It takes the ends of what it is given for
    those of the signal; so a frame waits in the state, under `key`, until all within its window are there, or
    the signal is at its `end`. Without a state, x is the whole signal.
    """
    state = {} if state is None else state
    # The frames in the window of the next one, and how many of them are before it.
    held, past = state.get(key, (x[:, :0], 0))
    x = torch.cat([held, x], 1)
    ready = max(0, x.shape[1] - past - (0 if end else window.after))
    begin = max(0, past + ready - window.before)
    # A clone, lest a small part keep a large block alive.
    state[key] = x[:, begin:].clone(), past + ready - begin
    return function(x)[:, past : past + ready] if ready else x.new_zeros(len(x), 0, width)
