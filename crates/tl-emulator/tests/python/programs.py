"""The programs that the suites run: the emulator, and `ffmpeg` for clips."""

import json
import os
import subprocess


def start(*options):
    """An emulator that runs until its standard input is closed, and the line in which it says where it is."""
    program = os.environ["TL_EMULATOR"]
    process = subprocess.Popen([program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, json.loads(process.stdout.readline())


def clip(path, size="640x360", seconds=5):
    """Makes a clip with sound."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin"]
        + ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
        + ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
        + ["-c:v", "mpeg4", "-q:v", "9", "-c:a", "aac", "-shortest", str(path)],
        check=True,
    )
