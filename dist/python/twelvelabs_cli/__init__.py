"""The `tl` command for the TwelveLabs video platform, and its emulator for tests."""

from ._emulator import Clock, Emulator, EmulatorError, Faults
from ._program import find_program

__all__ = ["Clock", "Emulator", "EmulatorError", "Faults", "find_program"]
