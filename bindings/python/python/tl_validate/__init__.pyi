"""Checks videos against the requirements of the TwelveLabs video platform, before a byte is sent.

A check reads the facts of a file (container, codecs, sizes, a verified duration) with helper
processes, and compares them with dated rules. Nothing is sent. The helpers contain FFmpeg and run
in a sandbox: a damaged or malicious file cannot crash this process. They start at the first check,
are kept, and are shared by all checkers of this process with the same `helpers`, `deadline`,
`thorough` and `helper`.

All functions release the GIL and can be called from several threads. After `os.fork`, the child
starts helpers of its own.
"""

import os
from typing import Dict, Iterable, List, Literal, Optional, Tuple, TypedDict, Union, final

_Path = Union[str, "os.PathLike[str]"]
_Route = Literal["tasks", "asset", "asset-url", "multipart"]

__version__: str

ENTRY_SCHEMA: str
"""The JSON schema (draft 2020-12) of `Report.to_json`."""

def check(
    path: _Path,
    *,
    engines: Optional[List[str]] = None,
    options: Optional[List[str]] = None,
    route: Optional[_Route] = None,
    rules: Optional[str] = None,
    extra_rules: Optional[str] = None,
    helpers: Optional[int] = None,
    deadline: Optional[float] = None,
    thorough: bool = False,
    helper: Optional[_Path] = None,
) -> Report:
    """Checks one file. The options are those of `Checker`.

    Raises:
        FileNotFoundError: The file does not exist.
        PermissionError: The file cannot be read.
        CheckError: The file could not be checked for another reason than its content, for example
            a deadline or a path that is a directory.
        ValueError: An option is invalid.
    """

def check_all(
    paths: Iterable[_Path],
    *,
    engines: Optional[List[str]] = None,
    options: Optional[List[str]] = None,
    route: Optional[_Route] = None,
    rules: Optional[str] = None,
    extra_rules: Optional[str] = None,
    helpers: Optional[int] = None,
    deadline: Optional[float] = None,
    thorough: bool = False,
    helper: Optional[_Path] = None,
) -> List[Report]:
    """Checks files in parallel; returns their reports in the same order.

    A file that cannot be checked does not end the call: its report is refused, and `Report.error`
    says why.
    """

@final
class Checker:
    """Checks files against one set of rules.

    Args:
        engines: Models of the index, such as `marengo3.0`. Without any, those that an index can
            have today.
        options: Model options, such as `visual`.
        route: How the files reach the platform. Without it, the route that an upload of a file of
            this size uses.
        rules: Name of a built-in rule pack, such as `v1.3-2026-10`. Without it, the current one.
        extra_rules: TOML that changes the rule pack, such as `remove = ["asset.size.max"]`.
        helpers: Maximum number of helper processes. Default: the number of processors, at most 8.
        deadline: Maximum seconds for reading one file. Default: 10.
        thorough: Read every packet to measure the duration, whatever the headers say.
        helper: Path of the program `tl-probe`. Default: the variable TL_PROBE, or else the one in
            this package.

    Raises:
        ValueError: An option is invalid.
    """

    def __new__(
        cls,
        *,
        engines: Optional[List[str]] = None,
        options: Optional[List[str]] = None,
        route: Optional[_Route] = None,
        rules: Optional[str] = None,
        extra_rules: Optional[str] = None,
        helpers: Optional[int] = None,
        deadline: Optional[float] = None,
        thorough: bool = False,
        helper: Optional[_Path] = None,
    ) -> Checker: ...
    @property
    def rules(self) -> str:
        """Name of the rule pack."""

    def check(self, path: _Path) -> Report:
        """Checks one file; raises what `tl_validate.check` raises."""

    def check_all(self, paths: List[_Path]) -> List[Report]:
        """Checks files in parallel, see `tl_validate.check_all`."""

@final
class Report:
    """The result of a check. Can be pickled; `str()` is a text for people."""

    @property
    def file(self) -> str:
        """The path, as it was passed."""

    @property
    def verdict(self) -> Literal["pass", "warn", "refuse"]:
        """`refuse`: the platform would refuse the file; `warn`: it can be uploaded, with warnings."""

    @property
    def refused(self) -> bool:
        """Whether the verdict is `refuse`."""

    @property
    def findings(self) -> Tuple[Finding, ...]:
        """All findings, errors first."""

    @property
    def errors(self) -> Tuple[Finding, ...]:
        """The findings with severity `error`."""

    @property
    def predicted_code(self) -> Optional[str]:
        """The error code that the platform would most likely return."""

    @property
    def rules(self) -> str:
        """Name of the rule pack."""

    @property
    def rules_date(self) -> str:
        """First day on which the rule pack applies, as YYYY-MM-DD."""

    @property
    def route(self) -> _Route:
        """The route that the file was checked for."""

    @property
    def engines(self) -> List[str]:
        """The models that the file was checked for."""

    @property
    def facts(self) -> Optional[MediaFacts]:
        """What is known about the file; `None` if it could not be read."""

    @property
    def error(self) -> Optional[str]:
        """Why the file could not be checked, if that is not about its content (`check_all` only)."""

    def to_dict(self) -> Dict[str, object]:
        """The report and the facts, as `tl validate --format json` writes them."""

    def to_json(self) -> str:
        """The same as one line of JSON; its schema is `ENTRY_SCHEMA`."""

@final
class Finding:
    """One finding with its explanation."""

    @property
    def rule(self) -> str:
        """Id of the rule, such as `marengo3.0.duration.min`; `file.…` for the file itself."""

    @property
    def severity(self) -> Literal["error", "warning", "advice"]: ...
    @property
    def observed(self) -> str:
        """The observed value with its unit."""

    @property
    def allowed(self) -> str:
        """The allowed value with its unit."""

    @property
    def why(self) -> str:
        """Why the rule exists."""

    @property
    def assumption(self) -> Optional[str]:
        """What the platform does not document, and what is assumed instead."""

    @property
    def documentation(self) -> str:
        """URL of the page that documents the rule; empty if there is none."""

    @property
    def source(self) -> str:
        """Source of the number."""

    @property
    def since(self) -> Optional[str]:
        """First day on which the rule applies, as YYYY-MM-DD."""

    @property
    def predicted_code(self) -> Optional[str]:
        """The error code that the platform is expected to return."""

    @property
    def other_routes(self) -> List[_Route]:
        """Routes that accept the file, if only this route refuses it."""

    @property
    def fix(self) -> Optional[Fix]:
        """An `ffmpeg` command that removes the finding."""

@final
class Fix:
    """A change to the file that removes a finding."""

    @property
    def kind(
        self,
    ) -> Literal[
        "remux", "scale", "pad", "trim", "extend", "add_silence", "shrink", "transcode"
    ]: ...
    @property
    def summary(self) -> str:
        """The change in words."""

    @property
    def lossless(self) -> bool:
        """Whether video and audio are copied completely and without re-encoding."""

    @property
    def losses(self) -> List[str]:
        """What the output lacks."""

    @property
    def estimated_bytes(self) -> Optional[int]: ...
    @property
    def estimated_seconds(self) -> Optional[float]:
        """Estimated run time on one processor core of 2020."""

    def command(self, input: str, output: str) -> List[str]:
        """The complete argument list for `subprocess.run`, program first."""

class CheckError(Exception):
    """A file could not be checked, for a reason other than its content."""

    kind: str
    """A stable name of the reason, such as `deadline_passed` or `helper_failed`."""
    hint: str
    """What to do next."""

class VideoStream(TypedDict, total=False):
    """One video stream, or cover art. Sizes are in stored pixels. Absent fields are unknown."""

    index: int
    codec: str
    width: int
    height: int
    fps: float
    avg_fps: float
    duration_seconds: float
    bitrate_bps: int
    rotation: int
    pixel_aspect_ratio: str
    display_aspect_ratio: str
    scan_type: str
    pixel_format: str
    bit_depth: int
    color_range: str
    color_transfer: str
    color_space: str
    color_primaries: str
    display_width: int
    display_height: int
    attached_pic: bool
    default: bool
    codec_long: str
    codec_tag: str
    profile: str
    header_width: int
    header_height: int
    variable_frame_rate: bool
    frames: int
    is_hdr: bool
    has_alpha: bool
    no_decoder: bool
    sample_aspect: List[int]

class AudioStream(TypedDict, total=False):
    """One audio stream. Absent fields are unknown."""

    index: int
    codec: str
    codec_long: str
    sample_rate: int
    bit_depth: int
    channels: int
    channel_layout: str
    bitrate_bps: int
    language: str
    codec_tag: str
    duration_seconds: float
    no_decoder: bool

class OtherStream(TypedDict, total=False):
    """One stream that is neither video nor audio."""

    index: int
    kind: str
    codec: str
    codec_tag: str
    language: str

class Truncation(TypedDict, total=False):
    """How a file is shorter than its own tables specify."""

    expected_bytes: int
    detail: str

class MediaFacts(TypedDict, total=False):
    """Facts about one file: bytes, seconds, bits per second, stored pixels.

    Absent fields are unknown, absent flags are false. Names are those of the platform's
    `technical_metadata` where it has them.
    """

    file_size_bytes: int
    file_mime_type: str
    file_container_format: str
    container_creation_time: str
    video_streams: List[VideoStream]
    video_codec: str
    video_width: int
    video_height: int
    video_fps: float
    video_duration_seconds: float
    video_bitrate_bps: int
    audio_streams: List[AudioStream]
    other_streams: List[OtherStream]
    audio_codec: str
    audio_sample_rate: int
    audio_channels: int
    audio_duration_seconds: float
    start_timecode: str
    timecode_source: str
    drop_frame: bool
    is_hdr: bool
    has_audio: bool
    has_alpha: bool
    is_animated: bool
    total_video_streams: int
    total_audio_streams: int
    storage_aspect_ratio: float
    geospatial_latitude: float
    geospatial_longitude: float
    geospatial_altitude_meters: float
    duration_seconds: float
    duration_source: Literal["header", "index", "sample_table", "tail", "packet_scan"]
    container_duration_seconds: float
    claimed_duration_seconds: float
    start_time_seconds: float
    container_bitrate_bps: int
    truncated: Truncation
    overclaim: Truncation
    encryption: str
    header_only: bool
    partly_read: bool
    duration_unverified: bool
    edit_list: bool
    fragmented: bool
    probed_with: str
    warnings: List[str]
