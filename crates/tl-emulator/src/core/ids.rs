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

    /// A UUID of version 7: 6 bytes of milliseconds, the rest from the seed and the number.
    pub(crate) fn uuid(self, at: Timestamp, number: u64) -> String {
        let millis = at.as_millisecond() & 0xffff_ffff_ffff;
        format!(
            "{:08x}-{:04x}-7{:03x}-8{:03x}-{:04x}{:08x}",
            millis >> 16,
            millis & 0xffff,
            self.machine & 0xfff,
            (self.machine >> 12) & 0xfff,
            (self.machine >> 24) & 0xffff,
            number & 0xffff_ffff,
        )
    }
}

/// Checks that a parameter is an identifier with a prefix, such as `ks_` and a UUID.
pub(crate) fn check_prefixed(parameter: &str, prefix: &str, id: &str) -> Result<(), Refusal> {
    if id.strip_prefix(prefix).is_some_and(is_uuid) {
        return Ok(());
    }
    let given: String = id.chars().take(60).collect();
    Err(Refusal::invalid(
        parameter,
        &format!("`{given}` is not an identifier, which is `{prefix}` and a UUID"),
    ))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    lengths.eq([8, 4, 4, 4, 12]) && groups.iter().all(is_hex)
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
    fn prefixed_ids_are_uuids_and_repeat_with_the_same_seed() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let make = |seed, number| format!("ks_{}", Ids::new(seed).uuid(now, number));
        assert!(check_prefixed("id", "ks_", &make(7, 1)).is_ok());
        assert_eq!(make(7, 1), make(7, 1));
        assert_ne!(make(7, 1), make(7, 2));
        assert_ne!(make(7, 1), make(8, 1));
        for wrong in [
            "",
            "ks_",
            "ksi_018bcfe5-6800-7000-8000-000000000001",
            "ks_x",
        ] {
            assert!(check_prefixed("id", "ks_", wrong).is_err(), "{wrong}");
        }
    }

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
