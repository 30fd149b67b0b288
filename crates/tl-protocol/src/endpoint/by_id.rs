//! The endpoints that name one thing by its ids and say no more: what is retrieved, and what is deleted.

/// Declares an endpoint whose request is ids in the path and nothing else, as `retrieves RESPONSE` or `deletes`. The ids
/// stand in the order of the path.
macro_rules! by_id {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$id_about:meta])* $id:ident: $kind:ty),+ $(,)? }
        retrieves $response:ty, $operation:literal, $path:literal
    ) => {
        by_id!(@request $(#[$about])* $name { $($(#[$id_about])* $id: $kind),+ });

        impl crate::endpoint::Endpoint for $name {
            type Response = $response;

            const METHOD: http::Method = http::Method::GET;
            const SUCCESS: http::StatusCode = http::StatusCode::OK;

            by_id!(@path $operation, $path, $($id),+);
            crate::endpoint::json_response!();
        }
    };
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$id_about:meta])* $id:ident: $kind:ty),+ $(,)? }
        deletes, $operation:literal, $path:literal
    ) => {
        by_id!(@request $(#[$about])* $name { $($(#[$id_about])* $id: $kind),+ });

        impl crate::endpoint::Endpoint for $name {
            type Response = ();

            const METHOD: http::Method = http::Method::DELETE;
            const SUCCESS: http::StatusCode = http::StatusCode::NO_CONTENT;

            by_id!(@path $operation, $path, $($id),+);
            crate::endpoint::empty_response!();

            fn when_gone() -> Option<()> {
                Some(())
            }
        }
    };
    (@request $(#[$about:meta])* $name:ident { $($(#[$id_about:meta])* $id:ident: $kind:ty),+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$id_about])* pub $id: $kind,)+
        }
    };
    (@path $operation:literal, $path:literal, $($id:ident),+) => {
        const OPERATION: &'static str = $operation;
        const PATH: &'static str = $path;
        const REPEAT: crate::Repeat = crate::Repeat::Freely;

        fn encode(&self) -> crate::endpoint::Outgoing {
            crate::endpoint::Outgoing::new()$(.param(&self.$id))+
        }

        fn decode(
            request: &crate::endpoint::Received,
        ) -> Result<Self, crate::endpoint::Rejection> {
            request.query().finish()?;
            let mut positions = 0..;
            let mut next = || request.param(positions.next().unwrap_or_default());
            Ok(Self {
                $($id: next().into(),)+
            })
        }
    };
}

pub(super) use by_id;
