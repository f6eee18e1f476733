//! Ids of what is stored and of who stores: UUIDs of version 7, which are neither a permission nor an order.

use std::fmt;

use uuid::Uuid;

macro_rules! id_type {
    ($(#[$meta:meta])* $Type:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $Type(pub(crate) Uuid);

        impl $Type {
            /// A new one.
            #[must_use]
            pub fn new_random() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id with this spelling; only the usual one, in lower case and with hyphens, is one.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let id = Uuid::try_parse(text).ok()?;
                (id.hyphenated().to_string() == text).then_some(Self(id))
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }
    };
}

id_type! {
    /// A conversation.
    ConversationId
}

id_type! {
    /// A process of the gateway, from its start to its end: whose journal it is, and who leases.
    ProcessId
}
