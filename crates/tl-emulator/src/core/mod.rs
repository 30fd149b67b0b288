//! The records and the rules that do not belong to one endpoint: limits, quirks, faults, effects.

pub(crate) mod effect;
pub(crate) mod faults;
pub(crate) mod ids;
pub(crate) mod lifecycle;
pub(crate) mod limits;
pub mod quirks;
pub(crate) mod records;
pub(crate) mod refusal;
pub(crate) mod settings;
pub(crate) mod table;
