import pytest
import torch
from test_shards import fill
from token_samples import make_row
from torch.utils.data import DataLoader

from sscodec.errors import SscodecError, UsageError
from sscodec.tokens import TokenDataset, undelay
from sscodec.tokens.formats import FORMATS

pytest.importorskip("pyarrow")


@pytest.mark.parametrize("format_", FORMATS)
def test_every_row_comes_once(format_, monkeypatch):
    monkeypatch.setattr("sscodec.tokens.parquet.GROUP_BYTES", 2348)  # two rows
    fill("one", "abcdefgh", format_, shard_bytes=900)
    whole = list(TokenDataset("one"))
    assert [row["key"] for row in whole] == list("abcdefgh")
    assert torch.equal(whole[0]["codes"], torch.from_numpy(make_row("a").codes))
    assert whole[0]["sample_rate"] == 16000
    parts = [row["key"] for rank in range(3) for row in TokenDataset("one", rank=rank, world_size=3)]
    assert sorted(parts) == list("abcdefgh")
    shuffled = TokenDataset("one", shuffle=True, seed=1)
    orders = []
    for epoch in (0, 1, 0):
        shuffled.set_epoch(epoch)
        orders.append("".join(row["key"] for row in shuffled))
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[1]) == list("abcdefgh")


def test_workers_of_a_loader_share_the_rows(monkeypatch):
    monkeypatch.setattr("sscodec.tokens.parquet.GROUP_BYTES", 2348)
    fill("one", "abcdefgh")
    loader = DataLoader(TokenDataset("one", pattern="delay"), batch_size=None, num_workers=2)
    rows = list(loader)
    assert sorted(row["key"] for row in rows) == list("abcdefgh")
    row = next(row for row in rows if row["key"] == "c")
    assert row["codes"].shape == (1, 4, 33)
    assert (undelay(row["codes"].numpy()) == make_row("c").codes).all()


def test_what_cannot_be():
    fill("one", "ab")
    with pytest.raises(UsageError, match="pattern"):
        TokenDataset("one", pattern="other")
    with pytest.raises(UsageError, match="rank"):
        TokenDataset("one", rank=2, world_size=2)
    with pytest.raises(SscodecError, match="cannot"):
        TokenDataset("missing.npz")
