//! The macros of which the generated modules are invocations.
//!
//! Owns what a declaration means: struct, decoder, encoder and schema table come from the same
//! line, so that they cannot differ. Must never know a single message.

/// Declares objects: `Name open|closed { field "nameOnTheWire" req|opt|lax Type; … }`.
///
/// `open` bears any other property without a violation, `closed` notes it. `req` is required,
/// `opt` may be left out and is an `Option`, `lax` is required by the schema but borne as absent
/// by the tolerant policy, and an `Option` too. Each struct has a last field `extra` for what its
/// schema does not name; the rest of a value under construction is `..Default::default()`.
#[macro_export]
#[doc(hidden)]
macro_rules! object {
    ($($name:ident $open:ident {$(
        $field:ident $wire:literal $presence:ident $type:ty;
    )*})*) => {$(
        #[doc = concat!("`", stringify!($name), "` as its schema has it.")]
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $name {
            $(
                #[doc = concat!("`", $wire, "`")]
                pub $field: $crate::object!(@hold $presence $type),
            )*
            /// What the schema does not name, kept as it came.
            pub extra: $crate::values::Extra,
        }

        impl $crate::codec::Wire for $name {
            const SHAPE: $crate::schema::Shape = {
                static OBJECT: $crate::schema::ObjectShape = $crate::schema::ObjectShape {
                    fields: &[$($crate::schema::Field {
                        name: $wire,
                        presence: $crate::object!(@presence $presence),
                        shape: &<$type as $crate::codec::Wire>::SHAPE,
                    },)*],
                    open: $crate::object!(@open $open),
                };
                $crate::schema::Shape::Object(&OBJECT)
            };

            fn read(
                reader: &mut $crate::json::Reader<'_>,
            ) -> Result<Self, $crate::json::Stop> {
                $(let mut $field: Option<$type> = None;)*
                let mut extra = $crate::values::Extra::default();
                let mut first = true;
                reader.open_object()?;
                while let Some(key) = reader.key(&mut first)? {
                    match &*key {
                        $($wire => {
                            if $field.is_some() {
                                return Err($crate::json::Stop);
                            }
                            $field = $crate::object!(@read $presence reader);
                        })*
                        _ => extra.read(reader, key, $crate::object!(@open $open))?,
                    }
                }
                Ok(Self {
                    $($field: $crate::object!(@take $presence $field reader),)*
                    extra,
                })
            }

            fn write(&self, out: &mut String) {
                out.push('{');
                $($crate::object!(@write $presence $wire (&self.$field) out);)*
                self.extra.write(out);
                $crate::codec::close_object(out);
            }
        }
    )*};
    (@hold req $type:ty) => { $type };
    (@hold opt $type:ty) => { Option<$type> };
    (@hold lax $type:ty) => { Option<$type> };
    (@presence req) => { $crate::schema::Presence::Required };
    (@presence opt) => { $crate::schema::Presence::Optional };
    (@presence lax) => { $crate::schema::Presence::Expected };
    (@open open) => { true };
    (@open closed) => { false };
    (@read req $reader:ident) => { Some($crate::codec::Wire::read($reader)?) };
    (@read opt $reader:ident) => { $crate::codec::optional($reader)? };
    (@read lax $reader:ident) => { $crate::codec::optional($reader)? };
    (@take req $field:ident $reader:ident) => { $field.ok_or($crate::json::Stop)? };
    (@take opt $field:ident $reader:ident) => { $field };
    (@take lax $field:ident $reader:ident) => { $crate::codec::expected($reader, $field) };
    (@write req $wire:literal ($value:expr) $out:ident) => {
        $out.push_str(concat!("\"", $wire, "\":"));
        $crate::codec::Wire::write($value, $out);
        $out.push(',');
    };
    (@write opt $wire:literal ($value:expr) $out:ident) => {
        if let Some(value) = $value {
            $crate::object!(@write req $wire (value) $out);
        }
    };
    (@write lax $wire:literal ($value:expr) $out:ident) => {
        $crate::object!(@write opt $wire ($value) $out);
    };
}

/// Declares enumerations: `Name open|closed Default { Variant "valueOnTheWire"; … }`.
///
/// An `open` one has a variant `Unlisted` more, for a value that the tolerant policy bears.
#[macro_export]
#[doc(hidden)]
macro_rules! choice {
    ($($name:ident $open:ident $default:ident {$( $variant:ident $wire:literal; )*})*) => {$(
        $crate::choice!(@type $open $name {$($variant $wire;)*});

        impl $name {
            /// The values that the schema lists.
            pub const VALUES: &'static [&'static str] = &[$($wire),*];

            /// The listed value that is written `text`.
            pub fn from_wire(text: &str) -> Option<Self> {
                Some(match text {
                    $($wire => Self::$variant,)*
                    _ => return None,
                })
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::codec::Wire for $name {
            const SHAPE: $crate::schema::Shape = $crate::schema::Shape::Choice {
                values: Self::VALUES,
                open: $crate::object!(@open $open),
            };

            fn read(
                reader: &mut $crate::json::Reader<'_>,
            ) -> Result<Self, $crate::json::Stop> {
                let text = reader.string()?;
                if let Some(value) = Self::from_wire(&text) {
                    return Ok(value);
                }
                $crate::choice!(@unlisted $open reader text)
            }

            fn write(&self, out: &mut String) {
                $crate::json::write_string(out, self.as_str());
            }
        }
    )*};
    (@type closed $name:ident {$( $variant:ident $wire:literal; )*}) => {
        #[doc = concat!("`", stringify!($name), "` as its schema has it.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $wire, "`")] $variant,)*
        }

        impl $name {
            /// The value as it is written.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                }
            }
        }
    };
    (@type open $name:ident {$( $variant:ident $wire:literal; )*}) => {
        #[doc = concat!("`", stringify!($name), "` as its schema has it.")]
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $wire, "`")] $variant,)*
            /// A value that the schema does not list, as it came.
            Unlisted(Box<str>),
        }

        impl $name {
            /// The value as it is written.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Unlisted(text) => text,
                }
            }
        }
    };
    (@unlisted closed $reader:ident $text:ident) => { Err($crate::json::Stop) };
    (@unlisted open $reader:ident $text:ident) => {{
        $reader.note();
        Ok(Self::Unlisted($text.into()))
    }};
}

/// Declares the messages of a version:
/// `VERSION requests { Action "SchemaFile" Type Draft Direction; … } responses { … }`.
#[macro_export]
#[doc(hidden)]
macro_rules! messages {
    (
        $version:ident
        requests {$( $request:ident $request_file:literal $request_type:ident $request_draft:ident
            $request_direction:ident; )*}
        responses {$( $response:ident $response_file:literal $response_type:ident
            $response_draft:ident $response_direction:ident; )*}
    ) => {
        $crate::messages!(@type $version Request "A request, or on 2.1 what travels as SEND."
            {$($request $request_type $request_draft;)*});
        $crate::messages!(@type $version Response "The payload of a CALLRESULT."
            {$($response $response_type $response_draft;)*});

        /// The schema files of this version.
        pub(crate) static MESSAGES: &[$crate::schema::Message] = &[
            $($crate::messages!(@row $version Request false $request $request_file $request_type
                $request_draft $request_direction),)*
            $($crate::messages!(@row $version Response true $response $response_file
                $response_type $response_draft $response_direction),)*
        ];
    };
    (@type $version:ident $name:ident $doc:literal
        {$( $action:ident $type:ident $draft:ident; )*}) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $(#[doc = concat!("`", stringify!($action), "`")] $action(Box<$type>),)*
        }

        impl $name {
            /// Reads the payload of `action`; `payload` is JSON text.
            ///
            /// # Errors
            /// When this version has no such message, or the payload breaks a rule that
            /// `leniency` does not bear.
            pub fn decode(
                action: &str,
                payload: &str,
                leniency: $crate::Leniency,
            ) -> Result<$crate::Decoded<Self>, $crate::Fault> {
                match action {
                    $(stringify!($action) => {
                        let dialect = $crate::schema::dialect(
                            $crate::Version::$version,
                            $crate::schema::Draft::$draft,
                        );
                        $crate::codec::decode::<$type>(payload, dialect, leniency)
                            .map(|decoded| decoded.map(Self::$action))
                    })*
                    _ => Err($crate::Fault::unknown_action()),
                }
            }

            /// Writes the payload, as it is: fields that were decoded go out as they came.
            pub fn encode(&self) -> String {
                match self {
                    $(Self::$action(message) => $crate::codec::encode(&**message),)*
                }
            }

            /// Writes the payload and judges it as a strict peer would.
            ///
            /// # Errors
            /// When a rule of the schema is broken.
            pub fn encode_strict(&self) -> Result<String, $crate::Fault> {
                let payload = self.encode();
                Self::decode(self.action(), &payload, $crate::Leniency::Strict)?;
                Ok(payload)
            }

            /// The name of the action.
            pub fn action(&self) -> &'static str {
                match self {
                    $(Self::$action(_) => stringify!($action),)*
                }
            }
        }

        $(impl From<$type> for $name {
            fn from(message: $type) -> Self {
                Self::$action(Box::new(message))
            }
        })*
    };
    (@row $version:ident $name:ident $is_response:literal $action:ident $file:literal $type:ident
        $draft:ident $direction:ident) => {
        $crate::schema::Message {
            file: $file,
            action: stringify!($action),
            direction: $crate::Direction::$direction,
            is_response: $is_response,
            dialect: $crate::schema::dialect(
                $crate::Version::$version,
                $crate::schema::Draft::$draft,
            ),
            shape: &<$type as $crate::codec::Wire>::SHAPE,
            recode: |payload, leniency| {
                let decoded = $name::decode(stringify!($action), payload, leniency)?;
                Ok(decoded.map(|message| message.encode()))
            },
        }
    };
}
