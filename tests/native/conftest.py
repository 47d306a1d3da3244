"""What several files here ask for."""

import pytest


@pytest.fixture(params=("avx512ifma", "portable"))
def name(request: pytest.FixtureRequest) -> str:
    """Each core of the extension that this processor can run."""
    core = pytest.importorskip("psi._native._core", reason="the curve core was not built")
    if request.param not in core.cores():
        pytest.skip(f"this processor cannot run the core {request.param}")
    return str(request.param)
