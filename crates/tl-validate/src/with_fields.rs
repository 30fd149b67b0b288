//! Setters of settings whose fields are public: a new setting must not break the callers.

/// Implements a method for each named field that sets it.
macro_rules! with_fields {
    ($Settings:ident { $($with:ident($field:ident: $Field:ty);)+ }) => {
        impl $Settings {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: $Field) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }
    };
}

pub(crate) use with_fields;
