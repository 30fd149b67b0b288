"""Records a session of `tl` against its emulator as an animated SVG.

    python3 -m venv venv && venv/bin/pip install pyte==0.8.2
    venv/bin/python dist/picture/record.py FOLDER_WITH_TL docs/pictures/session.svg

The commands run for real, in a pseudo terminal; only the typing is added, and long waits are cut.
"""

import fcntl
import html
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte

COLUMNS, ROWS = 96, 24
CELL, LINE, MARGIN = 8.4, 18, 14
MAX_WAIT = 1.2
MIN_FRAME = 0.12
READING = 2.2
COLORS = {
    "default": "#d4d4d8", "black": "#71717a", "red": "#f87171", "green": "#4ade80",
    "brown": "#facc15", "yellow": "#facc15", "blue": "#60a5fa", "magenta": "#e879f9",
    "cyan": "#22d3ee", "white": "#fafafa",
}
# A command, and after how many seconds Ctrl-C is pressed.
SESSION = [
    ("tl validate footage", None),
    ("tl fix footage/small.mp4 --out fixed", None),
    ("tl index create films", None),
    ("tl ingest footage/match.mp4 --index films --route multipart --limit-rate 4MB/s", 4.0),
    ("tl ingest footage/match.mp4 --index films --route multipart --wait", None),
]


class Recording:
    """A terminal, and what it showed when."""

    def __init__(self):
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.frames = []
        self.now = 0.0

    def feed(self, data):
        self.stream.feed(data)

    def keep(self, seconds):
        """Shows the screen as it is for `seconds`."""
        lines = [self._line(row) for row in range(ROWS)]
        if self.frames and (self.frames[-1][1] == lines or self.now - self.frames[-1][0] < MIN_FRAME):
            if self.frames[-1][1] != lines:
                self.frames[-1] = (self.frames[-1][0], lines)
        else:
            self.frames.append((self.now, lines))
        self.now += seconds

    def _line(self, row):
        """Runs of equal style: (column, text, color, bold)."""
        runs = []
        for column in range(COLUMNS):
            char = self.screen.buffer[row][column]
            style = (char.fg, char.bold)
            if runs and runs[-1][2:] == style:
                runs[-1] = (runs[-1][0], runs[-1][1] + char.data, *style)
            else:
                runs.append((column, char.data, *style))
        return tuple(run for run in runs if run[1].strip())

    def type(self, command):
        self.feed(b"\x1b[32m$\x1b[0m ")
        for at in range(0, len(command), 3):
            self.feed(command[at : at + 3].encode())
            self.keep(0.06)
        self.keep(0.4)
        self.feed(b"\r\n")

    def run(self, command, interrupt, environment, folder):
        self.type(command)
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(folder)
            os.execvpe("sh", ["sh", "-c", f"exec {command}"], environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        started = last = time.monotonic()
        while True:
            ready, _, _ = select.select([terminal], [], [], 0.05)
            at = time.monotonic()
            if interrupt is not None and at - started >= interrupt:
                interrupt = None
                os.write(terminal, b"\x03")
            if not ready:
                continue
            try:
                data = os.read(terminal, 65536)
            except OSError:
                data = b""
            self.keep(min(at - last, MAX_WAIT))
            last = at
            if not data:
                break
            self.feed(data)
        _, status = os.waitpid(child, 0)
        os.close(terminal)
        self.keep(READING)
        return os.waitstatus_to_exitcode(status)


def span(column, text, color, bold):
    weight = ' font-weight="bold"' if bold else ""
    fill = COLORS.get(color, f"#{color}")
    text = text.rstrip()
    # Fonts differ in width; the columns do not.
    place = f'x="{column * CELL:.1f}" textLength="{len(text) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<tspan {place} fill="{fill}"{weight}>{html.escape(text)}</tspan>'


def svg(frames, end):
    width = COLUMNS * CELL + 2 * MARGIN
    height = ROWS * LINE + 2 * MARGIN
    known, definitions, groups, steps = {}, [], [], []
    for index, (at, lines) in enumerate(frames):
        uses = []
        for row, runs in enumerate(lines):
            if not runs:
                continue
            if runs not in known:
                known[runs] = f"l{len(known)}"
                spans = "".join(span(*run) for run in runs)
                definitions.append(f'<text id="{known[runs]}">{spans}</text>')
            uses.append(f'<use href="#{known[runs]}" y="{(row + 1) * LINE}"/>')
        groups.append(f'<g transform="translate({index * width:.1f} 0)">{"".join(uses)}</g>')
        steps.append(f"{100 * at / end:.3f}%{{transform:translateX(-{index * width:.1f}px)}}")
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img">
<title>tl refuses a small video, fixes it, ingests another, is interrupted and resumes</title>
<style>text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre}}
#s{{animation:s {end:.1f}s steps(1,end) infinite}}
@media (prefers-reduced-motion:reduce){{#s{{animation-play-state:paused;animation-delay:-{end - 0.1:.1f}s}}}}
@keyframes s{{{"".join(steps)}}}</style>
<defs>{"".join(definitions)}</defs>
<rect width="100%" height="100%" rx="8" fill="#18181b"/>
<svg x="{MARGIN}" y="{MARGIN - 4}" width="{width - 2 * MARGIN:.0f}" height="{height - 2 * MARGIN + 8:.0f}"><g id="s">{"".join(groups)}</g></svg>
</svg>
"""


def clip(path, size, seconds, rate):
    """A test picture with sound, of about `rate` bits per second."""
    source = f"testsrc2=size={size}:rate=25:duration={seconds}"
    words = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i",
             f"sine=duration={seconds}", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
             "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", "1M", "-nal-hrd", "cbr",
             "-c:a", "aac", "-shortest", str(path)]
    subprocess.run(words, check=True)


def main():
    programs, picture = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "work")
        Path(folder, "footage").mkdir(parents=True)
        clip(folder / "footage/match.mp4", "1280x720", 60, "8M")
        clip(folder / "footage/small.mp4", "320x180", 8, "1M")
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}", "HOME": home, "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }
        command = [programs / "tl", "--json", "emulator", "--data-dir", Path(home, "data")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as emulator:
            started = json.loads(emulator.stdout.readline())
            environment["TWELVELABS_BASE_URL"] = started["base_url"]
            environment["TWELVE_LABS_API_KEY"] = started["api_key"]
            recording = Recording()
            codes = [recording.run(line, after, environment, folder) for line, after in SESSION]
            emulator.send_signal(signal.SIGTERM)
        if codes != [1, 0, 0, 130, 0]:
            raise SystemExit(f"record.py: the exit codes were {codes}; nothing was written")
        recording.keep(READING)
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(svg(recording.frames, recording.now), encoding="utf-8")
        print(f"{picture}: {len(recording.frames)} frames, {recording.now:.0f} s, {picture.stat().st_size} bytes")


main()
