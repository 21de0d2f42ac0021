"""The worked example of docs/format.md is what the code writes and reads."""

import io
import re
from pathlib import Path

import numpy as np
from container_samples import make_header, read_all

from sscodec.container import End, StreamWriter
from sscodec.entropy import coder_for

DOCUMENT = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
HEADER = make_header(tags={"title": "Ö"})
CODES = (75 * np.arange(14)).reshape(7, 1, 2).transpose(1, 2, 0)  # [channels, n_q, frames]


def example() -> bytes:
    file = io.BytesIO()
    writer = StreamWriter(file, HEADER)
    coder = coder_for(HEADER.coder, HEADER, None)
    writer.write(coder.encode(CODES[..., :4]), 4)
    writer.write(coder.encode(CODES[..., 4:]), 3)
    writer.finish(2100, 3859)
    return file.getvalue()


def hex_dump(data: bytes) -> str:
    return "".join(f"{at:04x}  {data[at : at + 16].hex(' ')}\n" for at in range(0, len(data), 16))


def dump_in_document() -> str:
    match = re.search(r"```hexdump\n(.*?)```", DOCUMENT, re.DOTALL)
    assert match
    return match[1]


def test_the_dump_is_what_the_code_writes() -> None:
    assert dump_in_document() == hex_dump(example())


def test_the_dump_can_be_read() -> None:
    data = b"".join(bytes.fromhex(line[4:]) for line in dump_in_document().splitlines())
    reader, packets, gaps = read_all(data)
    assert (reader.header, reader.end, gaps) == (HEADER, End(7, 2100, 3859), [])
    coder = coder_for(reader.header.coder, reader.header, None)
    codes = [coder.decode(packet.payload, packet.frames) for packet in packets]
    assert np.array_equal(np.concatenate(codes, axis=2), CODES)


def test_the_table_names_every_byte() -> None:
    rows = re.findall(r"^\| ([0-9a-f]{4}) \| (`[0-9a-f` ]+`) \|", DOCUMENT, re.MULTILINE)
    data = b""
    for offset, text in rows:
        assert int(offset, 16) == len(data)
        data += bytes.fromhex(text.replace("`", ""))
    assert data == example()
