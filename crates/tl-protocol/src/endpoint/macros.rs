//! `endpoint!` declares one operation of the API; `resource!` declares the client handle that
//! groups operations.

/// Declares an operation: its request type, its [`Endpoint`](crate::Endpoint) implementation, and
/// its client method.
///
/// ```ignore
/// endpoint! {
///     /// Lists the assets of the account, newest first.
///     ListAssets: PartialEq, Eq, Default {
///         query {
///             /// The page to return.
///             page: PageRequest,
///             /// Return only assets of these types.
///             asset_types: Vec<AssetType>,
///         }
///     }
///     name: "assets.list";
///     does: "list assets";
///     GET "/assets" => OK Page<Asset>;
///     repeat: Freely;
///     client: Assets::list;
///     paged: Asset;
/// }
/// ```
///
/// **Fields** go into one of four sections, in this order:
///
/// - `path { id: AssetId, }` fills the `{placeholders}` of the path, in the order of the path.
/// - `query { name: Type, }` needs [`QueryValue`](super::query::QueryValue); a parameter that no
///   field reads is rejected.
/// - `json { name: Type, }` are members of a JSON object; they need
///   [`JsonMember`](super::json::JsonMember).
/// - `body { name: Type }` is one whole JSON object; it needs [`JsonBody`](super::json::JsonBody).
///
/// An operation with another encoding uses `custom JSON { … }`, `custom FORM { … }` or
/// `custom NONE { … }` instead and implements [`Codec`](super::Codec) manually.
///
/// **Constructor**: `new` takes the fields of `path`, `json` and `body`; query parameters start
/// unset, and each has a setter of the same name. The type is `#[non_exhaustive]`, so that a new
/// parameter breaks no caller. For `custom`, `new` is written by hand, and every field has a setter.
///
/// **Client method**: takes the same arguments as `new`, or the request itself if it has query
/// parameters or is `custom`.
///
/// **Options** at the end: `paged: Item;` makes the list iterable by
/// [`Client::pages`](crate::Client::pages); `gone: ();` treats a 404 on a *repeated* request as
/// success, because an earlier attempt did the work; `with { const IS_SLOW: bool = true; }` sets
/// constants of [`Endpoint`](crate::Endpoint) that have defaults.
macro_rules! endpoint {
    // An operation with a hand-written codec.
    (
        $(#[doc = $doc:literal])+
        $Name:ident $(: $($Derive:ident),+)? custom $body:ident {
            $($(#[doc = $field_doc:literal])+ $field:ident: $Field:ty,)+
        }
        name: $name:literal;
        does: $operation:literal;
        $METHOD:ident $path:literal => $STATUS:ident $($Response:ty)?;
        repeat: $repeat:ident;
        client: $Group:ident::$method:ident;
        $(paged: $Item:ty;)?
        $(gone: $gone:expr;)?
        $(with { $($with:tt)* })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, $($($Derive),+)?)]
        #[non_exhaustive]
        pub struct $Name {
            $($(#[doc = $field_doc])+ pub $field: $Field,)+
        }

        impl $Name {
            $(endpoint!(@setter $field $Field);)+
        }

        endpoint!(
            @endpoint $Name $body [$Name] $name $operation $METHOD $path $STATUS [$($Response)?]
            $repeat [$($gone)?] [$($($with)*)?]
        );
        endpoint!(@method [$(#[doc = $doc])+] $Name $Group::$method [$($Response)?] [] [request]);
        $(endpoint!(@paged $Name $Item);)?
    };

    (
        $(#[doc = $doc:literal])+
        $Name:ident $(: $($Derive:ident),+)? {
            $(path { $($(#[doc = $p_doc:literal])+ $p:ident: $P:ty,)+ })?
            $(query { $($(#[doc = $q_doc:literal])+ $q:ident: $Q:ty,)+ })?
            $(json { $($(#[doc = $j_doc:literal])+ $j:ident: $J:ty,)+ })?
            $(body { $(#[doc = $b_doc:literal])+ $b:ident: $B:ty })?
        }
        name: $name:literal;
        does: $operation:literal;
        $METHOD:ident $path:literal => $STATUS:ident $($Response:ty)?;
        repeat: $repeat:ident;
        client: $Group:ident::$method:ident;
        $(paged: $Item:ty;)?
        $(gone: $gone:expr;)?
        $(with { $($with:tt)* })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, $($($Derive),+)?)]
        #[non_exhaustive]
        pub struct $Name {
            $($($(#[doc = $p_doc])+ pub $p: $P,)+)?
            $($($(#[doc = $q_doc])+ pub $q: $Q,)+)?
            $($($(#[doc = $j_doc])+ pub $j: $J,)+)?
            $($(#[doc = $b_doc])+ pub $b: $B,)?
        }

        impl $Name {
            #[doc = concat!("The request to ", $operation, ".")]
            #[must_use]
            pub fn new(
                $($($p: impl Into<$P>,)+)?
                $($($j: impl Into<$J>,)+)?
                $($b: impl Into<$B>,)?
            ) -> Self {
                Self {
                    $($($p: $p.into(),)+)?
                    $($($q: Default::default(),)+)?
                    $($($j: $j.into(),)+)?
                    $($b: $b.into(),)?
                }
            }

            $($(endpoint!(@setter $q $Q);)+)?
        }

        impl $crate::endpoint::Codec for $Name {
            fn encode(&self) -> $crate::endpoint::Outgoing {
                let request = $crate::endpoint::Outgoing::new();
                $($(let request = request.param(&self.$p);)+)?
                $($(
                    let request =
                        $crate::endpoint::query::QueryValue::write(&self.$q, stringify!($q), request);
                )+)?
                $(
                    #[derive(::serde::Serialize)]
                    struct Object<'a> {
                        $($j: &'a $J,)+
                    }
                    let request = request.json(&Object { $($j: &self.$j,)+ });
                    $(
                        let request = request.checked(
                            $crate::endpoint::json::JsonMember::check(&self.$j, stringify!($j)),
                        );
                    )+
                )?
                $(
                    let request = request
                        .json(&self.$b)
                        .checked($crate::endpoint::json::JsonBody::check(&self.$b));
                )?
                request
            }

            #[allow(unused_mut, unused_variables, reason = "not every request has parameters")]
            fn decode(
                request: &$crate::endpoint::Received,
            ) -> Result<Self, $crate::endpoint::Rejection> {
                let mut params = request.query();
                let mut path = request.params.iter().map(String::as_str);
                $($(let $p = path.next().unwrap_or_default().into();)+)?
                $($(let $q = $crate::endpoint::query::QueryValue::read(stringify!($q), &mut params)?;)+)?
                params.finish()?;
                $(
                    let object = request.json_with(&[$(stringify!($j)),+])?;
                    $(
                        let $j = <$J as $crate::endpoint::json::JsonMember>::read(
                            stringify!($j),
                            object,
                        )?;
                        $crate::endpoint::json::JsonMember::check(&$j, stringify!($j))?;
                    )+
                )?
                $(let $b = $crate::endpoint::json::read_body(request)?;)?
                Ok(Self {
                    $($($p,)+)?
                    $($($q,)+)?
                    $($($j,)+)?
                    $($b,)?
                })
            }

            fn parameters() -> Vec<$crate::endpoint::Parameter> {
                let parameters: Vec<Vec<$crate::endpoint::Parameter>> = vec![
                    $($(vec![$crate::endpoint::Parameter::path::<$P>(stringify!($p))],)+)?
                    $($(
                        <$Q as $crate::endpoint::query::QueryValue>::parameters(stringify!($q)),
                    )+)?
                    $($(
                        vec![$crate::endpoint::Parameter::json(
                            stringify!($j),
                            true,
                            <$J as $crate::endpoint::Described>::kind(),
                        )],
                    )+)?
                    $($crate::endpoint::json::members::<$B>(),)?
                ];
                parameters.into_iter().flatten().collect()
            }
        }

        endpoint!(
            @endpoint $Name [$($(json $j)+)? $(json $b)?] [$($B)?] $name $operation $METHOD $path
            $STATUS [$($Response)?] $repeat [$($gone)?] [$($($with)*)?]
        );
        endpoint!(
            @method [$(#[doc = $doc])+] $Name $Group::$method [$($Response)?]
            [$($($p: $P,)+)? $($($j: $J,)+)? $($b: $B,)?] [$($($q)+)?]
        );
        $(endpoint!(@paged $Name $Item);)?
    };

    (
        @endpoint $Name:ident $body:tt [$($Body:ty)?] $name:literal $operation:literal $METHOD:ident
        $path:literal $STATUS:ident [$($Response:ty)?] $repeat:ident [$($gone:expr)?]
        [$($with:tt)*]
    ) => {
        impl $crate::Endpoint for $Name {
            type Response = endpoint!(@response $($Response)?);

            const NAME: &'static str = $name;
            const OPERATION: &'static str = $operation;
            const METHOD: ::http::Method = ::http::Method::$METHOD;
            const PATH: &'static str = $path;
            const BODY: $crate::endpoint::BodyKind = endpoint!(@body $body);
            const REPEAT: $crate::Repeat = $crate::Repeat::$repeat;
            const SUCCESS: ::http::StatusCode = ::http::StatusCode::$STATUS;
            $(const BODY_TYPE: Option<&'static str> = Some(stringify!($Body));)?
            $(const RESPONSE_TYPE: Option<&'static str> = Some(stringify!($Response));)?

            $($with)*

            endpoint!(@response_codec $($Response)?);

            $(
                fn when_gone() -> Option<Self::Response> {
                    Some($gone)
                }
            )?
        }

        // Fails to compile if the operation is missing from `for_each_endpoint!`.
        const _: () = $crate::endpoint::assert_registered::<$Name>();
    };

    (@setter $field:ident $Field:ty) => {
        #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$Field>) -> Self {
            self.$field = $field.into();
            self
        }
    };

    (@body NONE) => { $crate::endpoint::BodyKind::None };
    (@body JSON) => { $crate::endpoint::BodyKind::Json };
    (@body FORM) => { $crate::endpoint::BodyKind::Form };
    (@body []) => { $crate::endpoint::BodyKind::None };
    (@body [$(json $member:ident)+]) => { $crate::endpoint::BodyKind::Json };

    (@response) => { () };
    (@response $Response:ty) => { $Response };

    // No content. A body that a server sends anyway is ignored.
    (@response_codec) => {
        fn encode_response((): &()) -> Result<::bytes::Bytes, ::serde_json::Error> {
            Ok(::bytes::Bytes::new())
        }

        fn decode_response(_: &[u8]) -> Result<(), ::serde_json::Error> {
            Ok(())
        }
    };
    (@response_codec $Response:ty) => {
        fn encode_response(response: &$Response) -> Result<::bytes::Bytes, ::serde_json::Error> {
            ::serde_json::to_vec(response).map(Into::into)
        }

        fn decode_response(body: &[u8]) -> Result<$Response, ::serde_json::Error> {
            ::serde_json::from_slice(body)
        }
    };

    // Every argument of the request is an argument of the method.
    (
        @method [$(#[$doc:meta])+] $Name:ident $Group:ident::$method:ident [$($Response:ty)?]
        [$($argument:ident: $Argument:ty,)*] []
    ) => {
        impl<T, X> $Group<'_, T, X>
        where
            T: $crate::Transport,
            X: From<$crate::Error> + Send + 'static,
        {
            $(#[$doc])+
            ///
            /// # Errors
            /// See [`Client::call`](crate::Client::call).
            pub fn $method(
                self,
                $($argument: impl Into<$Argument>,)*
            ) -> $crate::client::CallOutput<T, endpoint!(@response $($Response)?), X> {
                self.0.call($Name::new($($argument),*))
            }
        }
    };
    // The request has optional parameters: it is the argument.
    (
        @method [$(#[$doc:meta])+] $Name:ident $Group:ident::$method:ident [$($Response:ty)?]
        [$($ignored:tt)*] [$($optional:ident)+]
    ) => {
        impl<T, X> $Group<'_, T, X>
        where
            T: $crate::Transport,
            X: From<$crate::Error> + Send + 'static,
        {
            $(#[$doc])+
            ///
            /// # Errors
            /// See [`Client::call`](crate::Client::call).
            pub fn $method(
                self,
                request: $Name,
            ) -> $crate::client::CallOutput<T, endpoint!(@response $($Response)?), X> {
                self.0.call(request)
            }
        }
    };

    (@paged $Name:ident $Item:ty) => {
        impl $crate::flow::Paged for $Name {
            type Item = $Item;

            fn page_mut(&mut self) -> &mut $crate::endpoint::PageRequest {
                &mut self.page
            }
        }
    };
}

/// Declares a client handle: the operations of one resource, and the method of
/// [`Client`](crate::Client) that returns it.
macro_rules! resource {
    ($(#[doc = $doc:literal])+ $Group:ident, $method:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $Group<'c, T, X = $crate::Error>(&'c $crate::Client<T, X>);

        impl<T, X> Clone for $Group<'_, T, X> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T, X> Copy for $Group<'_, T, X> {}

        impl<T: $crate::Transport, X> $crate::Client<T, X> {
            $(#[doc = $doc])+
            #[must_use]
            pub fn $method(&self) -> $Group<'_, T, X> {
                $Group(self)
            }
        }

        // Fails to compile if the handle is missing from `for_each_resource!`.
        const _: () = $crate::endpoint::assert_resource::<$Group<'static, ()>>();
    };
}

pub(super) use endpoint;
pub(super) use resource;
