//! Who acts. A caller is a principal as one request sees it: with everything it belongs to, and the door it came by.

use std::fmt;

use crate::id::{PrincipalId, RequestId};
use crate::{Error, Result};

/// Defines a closed set of words: an enum with its text forms, its parser and the list of all of them.
macro_rules! words {
    ($(#[$doc:meta])* $vis:vis enum $name:ident($field:literal) { $($(#[$vdoc:meta])* $variant:ident => $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        $vis enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),* }

        impl $name {
            #[allow(dead_code)]
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Errors: a word that is not one of these; the message lists them.
            pub fn parse(text: &str) -> $crate::Result<Self> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::Error::invalid($field, format!("This is one of: {}.", [$($text),*].join(", ")))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}
pub(crate) use words;

words! {
    pub enum PrincipalKind("kind") {
        User => "user",
        Group => "group",
        /// An engine, a crawler, a job: something that acts without a person.
        Service => "service",
        Role => "role",
    }
}

words! {
    /// The door a request came by; audit says which.
    pub enum Face("face") {
        Management => "management",
        Console => "console",
        /// The Iceberg REST protocol.
        Iceberg => "iceberg",
        Worker => "worker",
        Cli => "cli",
    }
}

/// The authenticated principal behind one request, and the closure of what it is a member of (itself included).
#[derive(Clone)]
pub struct Caller {
    pub principal: PrincipalId,
    pub name: String,
    pub kind: PrincipalKind,
    /// Itself, its groups and roles, and theirs. Grants to any of these are grants to the caller.
    pub member_of: Vec<PrincipalId>,
    pub face: Face,
    pub request: RequestId,
    /// The freshness check that this identity rests on, where it rests on one. It began after the request arrived, so other
    /// cached answers to the same request may rest on it too.
    pub fresh: Option<Tick>,
}

/// A caller as an earlier request knew it, as of one state of the directory. To be spared a statement of its own, a request
/// may presume that this still holds, and read the directory's epoch with what it reads anyway. Only that opens it.
#[derive(Debug, Clone)]
pub struct Presumed {
    caller: Caller,
    directory: i64,
}

impl Presumed {
    /// `directory` is the directory's epoch as it was before the caller was read.
    pub fn new(caller: Caller, directory: i64) -> Self {
        Self { caller, directory }
    }

    /// Whose grants to read, before it is known whether they are to be had.
    pub fn member_of(&self) -> &[PrincipalId] {
        &self.caller.member_of
    }

    /// The caller, if `directory`, read after the request arrived, says that nobody changed meanwhile.
    pub fn confirmed_by(&self, directory: i64) -> Option<&Caller> {
        (self.directory == directory).then_some(&self.caller)
    }
}

/// The number of a freshness check within one process; later checks have higher numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

impl Caller {
    pub fn is_person(&self) -> bool {
        self.kind == PrincipalKind::User
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} via {}", self.kind, self.principal, self.face)
    }
}

/// A password that a person may choose: 12 to 256 characters, not the person's own name.
pub fn check_password(name: &str, password: &str) -> Result<()> {
    let chars = password.chars().count();
    if !(12..=256).contains(&chars) {
        return Err(Error::invalid(
            "password",
            "A password has 12 to 256 characters.",
        ));
    }
    if password.to_lowercase().contains(&name.to_lowercase()) {
        return Err(Error::invalid(
            "password",
            "A password does not contain the name it belongs to.",
        ));
    }
    Ok(())
}

/// A principal as the directory shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub id: PrincipalId,
    pub name: String,
    pub kind: PrincipalKind,
    pub disabled: bool,
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// The groups and roles it belongs to directly, by name.
    pub groups: Vec<String>,
}

/// A password as it may be kept: argon2id in PHC form. Made by the identity crate only from a password that was checked.
#[derive(Clone)]
pub struct HashedPassword(String);

impl HashedPassword {
    pub fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword")
    }
}

/// A service's client as it may be kept: its id, and the SHA-256 of its secret.
#[derive(Clone)]
pub struct HashedClient {
    pub client_id: String,
    pub secret_hash: [u8; 32],
}

impl fmt::Debug for HashedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashedClient({})", self.client_id)
    }
}
