"""Whatever the writer writes, a reader made from docs/format.md alone decodes."""

import io
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path += [str(Path(__file__).parent / room) for room in ("container", "entropy")]

import entropy_reference as reference
from container_samples import make_header
from entropy_samples import StreamLayout, likely_codes, random_model, without
from format_reader import raw_codes, read_file

from sscodec import models
from sscodec.streams import CodesWriter

RATES = st.one_of(st.sampled_from([8000, 24_000, 44_100, 48_000, 768_000]), st.integers(1, 768_000))


@st.composite
def streams(draw):
    """Bytes of a stream, and what was written."""
    coder = draw(st.integers(0, 2))
    channels, n_q, size = draw(st.integers(1, 3)), draw(st.integers(1, 3)), 2 ** draw(st.integers(1, 5))
    model, varying = random_model(n_q, size, draw(st.integers(0, 99))), draw(st.booleans())
    layout = StreamLayout(channels, n_q, size, varying)
    header = make_header(
        coder=coder,
        entropy_hash=bytes(range(8)) if coder else bytes(8),
        channels=channels,
        n_q=n_q,
        codebook_size=size,
        packet_frames=draw(st.integers(1, 9)),
        hop=draw(st.integers(1, 400)),
        sample_rate=draw(RATES),
        original_rate=draw(RATES),
        gain_db=draw(st.integers(-255, 255)),
        varying=varying,
        tags=draw(st.dictionaries(st.text("abc d", min_size=1), st.text(max_size=9), max_size=2)),
    )
    frames = draw(st.integers(0, 30))
    chance = np.random.default_rng(draw(st.integers(0, 99)))
    if coder and frames and draw(st.booleans()):
        codes = likely_codes(coder, layout, model, frames)
    else:
        codes = chance.integers(0, size, (channels, n_q, frames)) * draw(st.integers(0, 1))
        codes = without(codes, chance) if varying else codes
    samples = max(0, frames * header.hop - draw(st.integers(0, header.hop - 1)))
    file = io.BytesIO()
    with patch.object(models, "find_entropy", lambda *_: model):
        writer = CodesWriter(file, header)
        writer.write(codes)
        original = round(samples * header.original_rate / header.sample_rate)
        writer.finish(samples, original)
    return file.getvalue(), header, model, codes, (frames, samples, original)


@settings(max_examples=60)
@given(st.lists(streams(), min_size=1, max_size=3))
def test_an_independent_reader_decodes_whatever_is_written(written):
    found = read_file(b"".join(data for data, *_ in written))
    for stream, (_, header, model, codes, end) in zip(found, written, strict=True):
        assert (stream["gain"], stream["tags"], stream["end"]) == (header.gain_db, header.tags, end)
        tensors = {name: value.tolist() for name, value in vars(model.context).items()}
        tensors["static"] = model.static.tolist()
        decode = reference.decode_static if header.coder == 1 else reference.decode_context
        first = 0
        for sequence, frames, raw, payload in stream["packets"]:
            assert first == sequence * header.packet_frames
            if raw:
                decoded = raw_codes(stream, frames, payload)
            else:
                decoded, shortest = decode(
                    tensors, payload, header.channels, header.n_q, frames, header.varying
                )
                assert shortest == payload
            assert decoded == codes[..., first : first + frames].tolist()
            first += frames
        assert first == codes.shape[-1]
