import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sscodec.audio import Rebuffer, Trimmer

lengths = st.lists(st.integers(0, 20), max_size=20)


@given(lengths, st.integers(1, 15))
def test_rebuffer_keeps_order_and_size(lengths, size):
    values = np.arange(sum(lengths))
    rebuffer = Rebuffer(size)
    blocks = []
    for part in np.split(values, np.cumsum(lengths)[:-1] if lengths else []):
        blocks += list(rebuffer.push(np.stack([part, -part])))
    rest = list(rebuffer.flush())
    assert all(block.shape == (2, size) for block in blocks)
    assert len(rest) <= 1
    assert all(0 < block.shape[1] < size for block in rest)
    joined = np.concatenate([np.zeros((2, 0), int), *blocks, *rest], axis=1)
    np.testing.assert_array_equal(joined, [values, -values])
    assert not list(rebuffer.flush())


@given(lengths, st.integers(0, 30), st.integers(-30, 10))
def test_trimmer_gives_the_exact_total(lengths, hold, change):
    given_frames = sum(lengths)
    total = max(0, given_frames + max(change, -hold))
    trimmer = Trimmer(2, hold)
    blocks = [trimmer.push(np.ones((length, 2), np.float32)) for length in lengths]
    out = np.concatenate([*blocks, trimmer.finish(total)])
    assert out.shape == (total, 2)
    assert out[:given_frames].all()
    assert not out[given_frames:].any()
