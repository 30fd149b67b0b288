"""The programs that the suites run: the emulator, and `ffmpeg` for clips."""

import json
import os
import subprocess


def start(*options):
    """An emulator that runs until `stop`, and the line in which it says where it is."""
    command = [os.environ["TL"], "emulator", "--json", "--quiet", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    line = process.stdout.readline()
    if not line.startswith(b'{"api_key"'):
        process.wait(timeout=30)
        raise RuntimeError(f"the emulator did not start: {line.decode()}")
    return process, json.loads(line)


def stop(process):
    """Ends an emulator, which must take it well."""
    process.terminate()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


def clip(path, size="640x360", seconds=5):
    """Makes a clip with sound."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin"]
        + ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
        + ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
        + ["-c:v", "mpeg4", "-q:v", "9", "-c:a", "aac", "-shortest", str(path)],
        check=True,
    )
