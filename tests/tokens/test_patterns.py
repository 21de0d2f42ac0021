import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sscodec.errors import UsageError
from sscodec.tokens import delay, flatten, undelay, unflatten
from sscodec.tokens.patterns import PATTERNS, apply, undo

CODES = arrays.arrays(
    np.int16,
    st.tuples(st.integers(1, 5), st.integers(0, 20))
    | st.tuples(st.just(2), st.integers(1, 4), st.integers(1, 9)),
    elements=st.integers(0, 1023),
)


def test_the_delay_pattern_is_that_of_musicgen():
    codes = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.int16)
    x = 1024
    assert delay(codes, x).tolist() == [[1, 2, 3, x, x], [x, 4, 5, 6, x], [x, x, 7, 8, 9]]


def test_flat_is_frame_by_frame():
    codes = np.array([[1, 2, 3], [4, 5, 6]], np.int16)
    assert flatten(codes).tolist() == [1, 4, 2, 5, 3, 6]
    assert flatten(codes, 1024).tolist() == [1, 1028, 2, 1029, 3, 1030]
    assert flatten(codes).dtype == flatten(codes, 1024).dtype == np.int16
    many = np.full((64, 1), 1023, np.int16)
    assert flatten(many, 1024).tolist() == [1023 + 1024 * q for q in range(64)]


@given(CODES)
def test_every_pattern_has_an_inverse(codes):
    n_q = codes.shape[-2]
    assert np.array_equal(undelay(delay(codes, 1024)), codes)
    assert np.array_equal(unflatten(flatten(codes), n_q), codes)
    assert np.array_equal(unflatten(flatten(codes, 1024), n_q, 1024), codes)
    for pattern in PATTERNS:
        assert np.array_equal(undo(pattern, apply(pattern, codes, 1024), n_q), codes)


def test_the_fill_is_no_code_even_of_the_largest_codebooks():
    codes = np.array([[32767], [0]], np.int16)
    assert apply("delay", codes, 32768).tolist() == [[32767, 32768], [32768, 0]]
    with pytest.raises(UsageError, match="int16 cannot hold the fill 32768"):
        delay(codes, 32768)


@pytest.mark.parametrize(
    "call",
    [
        lambda: delay(np.zeros(4, np.int16), 4),
        lambda: undelay(np.zeros((4, 3), np.int16)),
        lambda: unflatten(np.zeros(7, np.int16), 2),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(UsageError):
        call()
