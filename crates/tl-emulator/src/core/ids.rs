//! Identifiers in the platform's format: 24 hexadecimal digits (an ObjectId), here from time, seed
//! and a counter.

use jiff::Timestamp;
use tl_protocol::rng::Rng;

use super::refusal::Refusal;

/// The format of identifiers. The same seed, time and number give the same identifier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    machine: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        let machine = Rng::new(seed).bits() & 0xff_ffff_ffff;
        Self { machine }
    }

    /// An identifier: 4 bytes of seconds, 5 bytes from the seed, 3 bytes of the number.
    pub(crate) fn id(self, at: Timestamp, number: u64) -> String {
        let seconds = at.as_second() & 0xffff_ffff;
        format!(
            "{seconds:08x}{:010x}{:06x}",
            self.machine,
            number & 0xff_ffff
        )
    }
}

/// Checks that a parameter is a well-formed identifier.
pub(crate) fn check(parameter: &str, id: &str) -> Result<(), Refusal> {
    if id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let given: String = id.chars().take(60).collect();
    Err(Refusal::invalid(
        parameter,
        &format!("`{given}` is not an identifier, which has 24 hexadecimal digits"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_24_digits_and_repeat_with_the_same_seed() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let make = |seed| {
            let ids = Ids::new(seed);
            [ids.id(now, 1), ids.id(now, 2), ids.id(now, 3)]
        };
        for id in make(7) {
            assert!(check("id", &id).is_ok(), "{id}");
        }
        assert_ne!(make(7)[0], make(7)[1]);
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
    }
}
