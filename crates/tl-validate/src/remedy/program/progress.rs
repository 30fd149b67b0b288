//! Parses the output of `-progress`: `key=value` lines, one block for each report.

/// Progress of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Duration of the media written so far, in seconds.
    pub out_seconds: f64,
    /// Seconds of media per second of run time, if the program reports it.
    pub speed: Option<f64>,
    /// The completed fraction, 0 to 1, if the job sets an expected duration.
    pub fraction: Option<f64>,
    /// Bytes written so far, if the program reports it.
    pub bytes: Option<u64>,
    /// Whether this is the last report.
    pub ended: bool,
}

/// Collects the lines of a block.
pub(super) struct Reader {
    expected: Option<f64>,
    out_seconds: f64,
    speed: Option<f64>,
    bytes: Option<u64>,
}

impl Reader {
    pub(super) fn new(expected: Option<f64>) -> Self {
        Self {
            expected,
            out_seconds: 0.0,
            speed: None,
            bytes: None,
        }
    }

    /// Parses one line. Returns the progress if the line ends a block. Unknown lines are ignored.
    pub(super) fn line(&mut self, line: &str) -> Option<Progress> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        match key.trim() {
            // Before the first packet the value is `N/A`, or the smallest 64-bit number.
            "out_time_us" => {
                if let Some(micros) = value.parse::<f64>().ok().filter(|micros| *micros >= 0.0) {
                    self.out_seconds = micros / 1e6;
                }
            }
            "speed" => self.speed = value.trim_end_matches('x').trim().parse().ok(),
            "total_size" => self.bytes = value.parse().ok(),
            "progress" => {
                let ended = value == "end";
                let share = self
                    .expected
                    .map(|all| (self.out_seconds / all).clamp(0.0, 1.0));
                return Some(Progress {
                    out_seconds: self.out_seconds,
                    speed: self.speed,
                    fraction: if ended { share.map(|_| 1.0) } else { share },
                    bytes: self.bytes,
                    ended,
                });
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, Reader};

    #[test]
    fn a_block_of_lines_is_one_report() {
        let text = "frame=10\nout_time_us=2500000\nspeed=1.5x\ntotal_size=4096\nprogress=continue\n\
                    out_time_us=N/A\nspeed=N/A\ntotal_size=N/A\nprogress=end\n";
        let mut reader = Reader::new(Some(5.0));
        let reports: Vec<Progress> = text.lines().filter_map(|line| reader.line(line)).collect();
        let first = Progress {
            out_seconds: 2.5,
            speed: Some(1.5),
            fraction: Some(0.5),
            bytes: Some(4096),
            ended: false,
        };
        let last = Progress {
            speed: None,
            fraction: Some(1.0),
            bytes: None,
            ended: true,
            ..first
        };
        assert_eq!(reports, [first, last]);
    }

    #[test]
    fn unknown_lines_are_ignored() {
        let mut reader = Reader::new(None);
        for line in [
            "",
            "=",
            "out_time_us",
            "out_time_us=-9223372036854775808",
            "speed==x",
            "\u{fffd}=\u{fffd}",
        ] {
            assert_eq!(reader.line(line), None, "{line}");
        }
        let report = reader.line("progress=continue").expect("a block ends");
        assert_eq!((report.out_seconds, report.fraction), (0.0, None));
    }
}
