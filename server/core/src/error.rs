//! One closed enum of outcomes. Faces translate it, each in one exhaustive match; nothing else decides a status.
//!
//! The public text is written for the person who gets it; the source is for the log of the operator and is never sent.

use std::error::Error as StdError;
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened, by outcome rather than by place (DESIGN section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It does not exist, or the caller may not know that it does.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// Somebody changed it since it was read.
    Conflict,
    /// The request is wrong in a way that the caller can mend.
    Invalid,
    /// The body is larger than the limit.
    TooLarge,
    /// No identity, or one that is not valid any more.
    Unauthenticated,
    /// The caller sees the object but may not do this to it.
    Denied,
    /// A thing the protocol knows and this server does not do.
    Unsupported,
    /// Too many requests; retry later.
    Throttled,
    /// Something this server needs does not answer; retry later.
    Unavailable,
    /// A defect of ours.
    Internal,
}

impl ErrorKind {
    pub const ALL: [Self; 11] = [
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::Invalid,
        Self::TooLarge,
        Self::Unauthenticated,
        Self::Denied,
        Self::Unsupported,
        Self::Throttled,
        Self::Unavailable,
        Self::Internal,
    ];
}

/// An outcome, a sentence for the caller, the field it is about where there is one, and the cause for the log.
pub struct Error {
    kind: ErrorKind,
    message: String,
    field: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),* $(,)?) => { $(
        pub fn $name(message: impl Into<String>) -> Self {
            Self { kind: ErrorKind::$kind, message: message.into(), field: None, source: None }
        }
    )* };
}

impl Error {
    constructors! {
        not_found => NotFound,
        already_exists => AlreadyExists,
        conflict => Conflict,
        too_large => TooLarge,
        unauthenticated => Unauthenticated,
        denied => Denied,
        unsupported => Unsupported,
        throttled => Throttled,
        unavailable => Unavailable,
    }

    /// A request that the caller can mend. `field` names the input as the caller spelled it; `message` says what is wrong.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            message: message.into(),
            field: Some(field.into()),
            source: None,
        }
    }

    /// A defect of ours. The caller learns only that it happened; `context` and the source go to the log.
    pub fn internal(context: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Internal,
            message: context.into(),
            field: None,
            source: None,
        }
    }

    /// Names the part of the request that it is about.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence that may be shown to the caller. Internal errors show none of their context.
    pub fn public_message(&self) -> &str {
        match self.kind {
            ErrorKind::Internal => {
                "Something went wrong on our side. The request id finds it in the server's log."
            }
            _ => &self.message,
        }
    }

    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) if self.kind == ErrorKind::Invalid => {
                write!(f, "{field}: {}", self.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)?;
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_keeps_its_context_from_the_caller() {
        let error = Error::internal("pool of postgres://user:pw@host is closed");
        assert!(!error.public_message().contains("postgres"));
        assert!(format!("{error:?}").contains("postgres"));
    }
}
