//! Reading what `-progress` writes: `key=value` lines, a block of them for each report.

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How much media has been written, in seconds.
    pub out_seconds: f64,
    /// Seconds of media per second of time, where the program says it.
    pub speed: Option<f64>,
    /// The share that is done, 0 to 1, where the job says how much there will be.
    pub fraction: Option<f64>,
    /// Bytes written so far, where the program says it.
    pub bytes: Option<u64>,
    /// Whether this is the last report.
    pub ended: bool,
}

/// Puts the lines of a block together.
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

    /// Takes one line; the progress when it ends a block. What is not understood is passed over.
    pub(super) fn line(&mut self, line: &str) -> Option<Progress> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        match key.trim() {
            // Before the first packet it is `N/A`, or the smallest number there is.
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
    fn nonsense_is_passed_over() {
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
