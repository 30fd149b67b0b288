//! The `object!` macro: declares a JSON object type with public fields and an `extra` map for all
//! other members.
//!
//! It replaces `#[serde(flatten)]` for three reasons: a known member that is `null` survives in
//! `extra`, an error names the member that caused it, and nothing is buffered. The types themselves
//! are in their own files.

use serde::de;
use serde_json::{Map, Value};

/// The members of an object that have no field in its type, and known members that were `null`.
pub type Extra = Map<String, Value>;

/// The value of an informational member, or the JSON as received if it is `null` or not a `T`.
///
/// One unexpected value (`"rotation": "90"`) must not make the whole list fail.
pub(crate) fn lenient<T: de::DeserializeOwned>(value: Value) -> Result<T, Value> {
    match T::deserialize(&value) {
        Ok(read) if !value.is_null() => Ok(read),
        _ => Err(value),
    }
}

/// Prefixes an error with the name of the member that caused it.
pub(crate) fn in_member<E: de::Error>(name: &str, error: &E) -> E {
    E::custom(format_args!("`{name}`: {error}"))
}

/// The JSON name of a field: the literal if one is given, otherwise the field name.
macro_rules! wire_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}

/// Declares an object type with `Serialize` and `Deserialize`.
///
/// ```text
/// object! {
///     /// Docs.
///     pub struct Task {
///         required { /// Docs.
///             id: TaskId = "_id", }
///         /// Docs.
///         optional video_id: Option<VideoId>,
///     }
/// }
/// ```
/// `required` members become the arguments of `new`. Without that block the type has `Default`
/// instead of `new`.
///
/// Strict kinds, for identifiers, statuses and requests; a value of another type is an error:
/// - `optional`: `Option<T>`; absent or `null` is `None`.
/// - `list`: `Vec<T>`; absent or `null` is empty, and an empty one is not written.
/// - `present_list`: the same, but absence is an error, and an empty one is written.
/// - `defaulted`: a type with `Default`, for absent or `null`; an empty one is not written.
///
/// Lenient kinds, for all other members of responses; a value of another type reads as absent and
/// stays in `extra`:
/// - `lenient`, `lenient_list`, `lenient_default`: like `optional`, `list` and `defaulted`.
/// - `number`: `Option<f64>`, written without `.0` if whole.
/// - `whole`: `Option<u32>` or `Option<u64>`; `640.0` is read as `640`.
///
/// A value that a field cannot distinguish from absence (`null`; an empty `list`) stays in `extra`,
/// so that encoding returns it.
macro_rules! object {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$generic:ident>)? {
            required { $($(#[$rmeta:meta])* $rfield:ident : $rty:ty $(= $rwire:literal)?,)+ }
            $($(#[$fmeta:meta])* $kind:ident $field:ident : $ty:ty $(= $wire:literal)?,)*
        }
    ) => {
        object! {
            @define [] $(#[$meta])* $vis $name [$($generic)?]
            { $($(#[$rmeta])* required $rfield: $rty = wire_name!($rfield $($rwire)?),)+
              $($(#[$fmeta])* $kind $field: $ty = wire_name!($field $($wire)?),)* }
        }

        impl $(<$generic>)? $name $(<$generic>)? {
            #[doc = concat!("A `", stringify!($name), "` with its required members; every other field is empty.")]
            $vis fn new($($rfield: impl Into<$rty>),+) -> Self {
                Self {
                    $($rfield: $rfield.into(),)+
                    $($field: Default::default(),)*
                    extra: Default::default(),
                }
            }
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$generic:ident>)? {
            $($(#[$fmeta:meta])* $kind:ident $field:ident : $ty:ty $(= $wire:literal)?,)*
        }
    ) => {
        object! {
            @define [Default] $(#[$meta])* $vis $name [$($generic)?]
            { $($(#[$fmeta])* $kind $field: $ty = wire_name!($field $($wire)?),)* }
        }
    };

    (@define [$($derive:ident)?] $(#[$meta:meta])* $vis:vis $name:ident [$($generic:ident)?]
        { $($(#[$fmeta:meta])* $kind:ident $field:ident : $ty:ty = $wire:expr,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq $(, $derive)?)]
        #[non_exhaustive]
        $vis struct $name $(<$generic>)? {
            $($(#[$fmeta])* $vis $field: $ty,)*
            /// Members without a field in this type, and known members that were `null`.
            $vis extra: $crate::Extra,
        }

        impl $(<$generic: serde::Serialize>)? serde::Serialize for $name $(<$generic>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if object!(@is_set $kind self $field $wire) {
                    map.serialize_entry($wire, &object!(@write $kind self.$field))?;
                })*
                for (key, value) in &self.extra {
                    let is_written = false $(|| (key == $wire && object!(@is_set $kind self $field $wire)))*;
                    if !is_written {
                        map.serialize_entry(key, value)?;
                    }
                }
                map.end()
            }
        }

        impl<'de $(, $generic: serde::Deserialize<'de>)?> serde::Deserialize<'de> for $name $(<$generic>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members $(<$generic>(std::marker::PhantomData<$generic>))?;

                impl<'de $(, $generic: serde::Deserialize<'de>)?> serde::de::Visitor<'de> for Members $(<$generic>)? {
                    type Value = $name $(<$generic>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("a JSON object (", stringify!($name), ")"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut extra = $crate::Extra::new();
                        $(let mut $field = None;)*
                        while let Some(key) = map.next_key::<String>()? {
                            $(if key == $wire {
                                if $field.is_some() || extra.contains_key($wire) {
                                    return Err(serde::de::Error::duplicate_field($wire));
                                }
                                match map.next_value::<object!(@slot $kind $ty)>() {
                                    Ok(slot) => match object!(@read $kind slot $ty) {
                                        Ok(value) => $field = Some(value),
                                        Err(value) => { extra.insert(key, value); }
                                    },
                                    Err(error) => return Err($crate::object::in_member($wire, &error)),
                                }
                                continue;
                            })*
                            let value = map.next_value()?;
                            extra.insert(key, value);
                        }
                        Ok($name { $($field: object!(@finish $kind $field $wire extra),)* extra })
                    }
                }

                deserializer.deserialize_map(Members $(::<$generic>(std::marker::PhantomData))?)
            }
        }
    };

    // The type that a member decodes to before `null` is handled.
    (@slot required $ty:ty) => { $ty };
    (@slot optional $ty:ty) => { $ty };
    (@slot list $ty:ty) => { Option<$ty> };
    (@slot present_list $ty:ty) => { Option<$ty> };
    (@slot defaulted $ty:ty) => { Option<$ty> };
    // Lenient kinds decode any JSON value, so that a value of another type can be kept.
    (@slot $kind:ident $ty:ty) => { serde_json::Value };

    // The value of the field, or the JSON to keep in `extra` because the field cannot represent it.
    (@read required $slot:ident $ty:ty) => { Ok::<_, serde_json::Value>($slot) };
    (@read optional $slot:ident $ty:ty) => { $slot.ok_or(serde_json::Value::Null) };
    (@read present_list $slot:ident $ty:ty) => { $slot.ok_or(serde_json::Value::Null) };
    (@read list $slot:ident $ty:ty) => {
        match $slot {
            Some(list) if list.is_empty() => Err(serde_json::Value::Array(Vec::new())),
            list => list.ok_or(serde_json::Value::Null),
        }
    };
    (@read defaulted $slot:ident $ty:ty) => {
        match $slot {
            Some(value) if value == Default::default() => Err(serde_json::Value::Object($crate::Extra::new())),
            value => value.ok_or(serde_json::Value::Null),
        }
    };
    (@read lenient $slot:ident $ty:ty) => {
        $crate::object::lenient::<<$ty as IntoIterator>::Item>($slot)
    };
    (@read number $slot:ident $ty:ty) => {
        $crate::object::lenient::<$crate::number::Number>($slot).map(|number| number.0)
    };
    (@read whole $slot:ident $ty:ty) => {
        $crate::object::lenient::<$crate::number::Whole<<$ty as IntoIterator>::Item>>($slot).map(|whole| whole.0)
    };
    (@read lenient_list $slot:ident $ty:ty) => {
        match $slot {
            serde_json::Value::Array(items) if items.is_empty() => Err(serde_json::Value::Array(items)),
            value => $crate::object::lenient::<$ty>(value),
        }
    };
    (@read lenient_default $slot:ident $ty:ty) => {
        match $slot {
            serde_json::Value::Object(members) if members.is_empty() => Err(serde_json::Value::Object(members)),
            value => $crate::object::lenient::<$ty>(value),
        }
    };

    (@finish required $field:ident $wire:tt $extra:ident) => {
        match $field {
            Some(value) => value,
            None => return Err(serde::de::Error::missing_field($wire)),
        }
    };
    (@finish list $field:ident $wire:tt $extra:ident) => { $field.unwrap_or_default() };
    (@finish defaulted $field:ident $wire:tt $extra:ident) => { $field.unwrap_or_default() };
    (@finish lenient_list $field:ident $wire:tt $extra:ident) => { $field.unwrap_or_default() };
    (@finish lenient_default $field:ident $wire:tt $extra:ident) => { $field.unwrap_or_default() };
    (@finish present_list $field:ident $wire:tt $extra:ident) => {
        match $field {
            Some(value) => value,
            None if $extra.contains_key($wire) => Default::default(),
            None => return Err(serde::de::Error::missing_field($wire)),
        }
    };
    (@finish $kind:ident $field:ident $wire:tt $extra:ident) => { $field };

    (@is_set required $self:ident $field:ident $wire:tt) => { true };
    (@is_set list $self:ident $field:ident $wire:tt) => { !$self.$field.is_empty() };
    (@is_set present_list $self:ident $field:ident $wire:tt) => {
        !$self.$field.is_empty() || !$self.extra.contains_key($wire)
    };
    (@is_set defaulted $self:ident $field:ident $wire:tt) => { $self.$field != Default::default() };
    (@is_set lenient_list $self:ident $field:ident $wire:tt) => { !$self.$field.is_empty() };
    (@is_set lenient_default $self:ident $field:ident $wire:tt) => { $self.$field != Default::default() };
    (@is_set $kind:ident $self:ident $field:ident $wire:tt) => { $self.$field.is_some() };

    (@write number $self:ident . $field:ident) => { $self.$field.map($crate::number::Number) };
    (@write $kind:ident $self:ident . $field:ident) => { $self.$field };
}
