import pytest
from runtime_samples import build_spectral

from sscodec.models import Model


@pytest.fixture(scope="session")
def spectral(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return build_spectral(tmp_path_factory.mktemp("models") / "spectral")
