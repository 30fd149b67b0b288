"""Fixtures for pytest: an emulator per session, reset before each test."""

import shlex
from typing import Dict, Iterator

import pytest

from ._emulator import Clock, Emulator, Faults


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("tl_emulator_args", "Options of `tl emulator`", default="")


@pytest.fixture(scope="session")
def _tl_emulator_process(pytestconfig: pytest.Config) -> Iterator[Emulator]:
    arguments = shlex.split(pytestconfig.getini("tl_emulator_args"))
    with Emulator(arguments) as emulator:
        yield emulator


@pytest.fixture
def tl_emulator(_tl_emulator_process: Emulator) -> Emulator:
    """An emulator of the platform's API without data, faults and requests."""
    _tl_emulator_process.reset()
    return _tl_emulator_process


@pytest.fixture
def tl_client_env(tl_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Dict[str, str]:
    """Sets `TWELVELABS_BASE_URL` and `TWELVE_LABS_API_KEY` to the emulator for one test."""
    # It would take precedence.
    monkeypatch.delenv("TWELVE_LABS_API_KEY_FILE", raising=False)
    monkeypatch.delenv("TWELVELABS_API_KEY", raising=False)
    for name, value in tl_emulator.env.items():
        monkeypatch.setenv(name, value)
    return tl_emulator.env


@pytest.fixture
def tl_clock(tl_emulator: Emulator) -> Clock:
    """The clock of the emulator."""
    return tl_emulator.clock


@pytest.fixture
def tl_faults(tl_emulator: Emulator) -> Faults:
    """The faults of the emulator."""
    return tl_emulator.faults
