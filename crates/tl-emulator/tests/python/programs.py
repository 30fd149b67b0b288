"""Programs used by the suites: the emulator, and `ffmpeg` for clips."""

import json
import os
import subprocess


def start(*options):
    """Starts an emulator. Returns the process and its startup line."""
    command = [os.environ["TL"], "emulator", "--json", "--quiet", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    line = process.stdout.readline()
    if not line.startswith(b'{"api_key"'):
        process.wait(timeout=30)
        raise RuntimeError(f"the emulator did not start: {line.decode()}")
    return process, json.loads(line)


def stop(process):
    """Stops an emulator, which must exit with 0."""
    process.terminate()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


def create_clip(path, size="640x360", seconds=5):
    """Creates a clip with audio."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin"]
        + ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
        + ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
        + ["-c:v", "mpeg4", "-q:v", "9", "-c:a", "aac", "-shortest", str(path)],
        check=True,
    )
