//! Forms, read strictly: every field is known, none comes twice, and what is needed is there.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use weir_core::page::PageRequest;
use weir_core::{Error, ErrorKind, Result};

use crate::Console;
use crate::failure::Failure;
use crate::session::Viewer;

pub(crate) const MAX_FORM_BYTES: usize = 256 * 1024;
/// The field of a secret that is to be kept.
pub(crate) const SECRET: &str = "secret_access_key";

/// Is this what no page may show again, not even to whoever typed it?
pub(crate) fn is_secret(field: &str) -> bool {
    matches!(field, "password" | SECRET)
}

/// Which fields a form has.
pub(crate) struct Shape {
    pub needed: &'static [&'static str],
    /// Unticked boxes send nothing.
    pub optional: &'static [&'static str],
    /// May come any number of times.
    pub many: &'static [&'static str],
}

impl Shape {
    /// A form that is a button alone.
    pub const BUTTON: Self = Self {
        needed: &[],
        optional: &[],
        many: &[],
    };
}

/// The fields of one form, checked against its shape.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Errors: an unknown field, one that comes twice, one that is missing; named in the error.
    pub fn check(pairs: Vec<(String, String)>, shape: &Shape) -> Result<Self> {
        let fields = Self(pairs);
        for (name, _) in &fields.0 {
            let name = name.as_str();
            let single = shape.needed.contains(&name) || shape.optional.contains(&name);
            if !single && !shape.many.contains(&name) {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                return Err(Error::invalid(
                    shown.clone(),
                    format!("This form has no field `{shown}`."),
                ));
            }
            if single && fields.all(name).count() > 1 {
                return Err(Error::invalid(
                    name,
                    format!("The field `{name}` came more than once."),
                ));
            }
        }
        match shape
            .needed
            .iter()
            .find(|name| fields.all(name).next().is_none())
        {
            Some(missing) => Err(Error::invalid(
                *missing,
                format!("The field `{missing}` is missing."),
            )),
            None => Ok(fields),
        }
    }

    /// The text of a field with line breaks as `\n` (browsers send `\r\n`); empty when it did not come.
    pub fn text(&self, name: &str) -> String {
        self.all(name)
            .next()
            .unwrap_or_default()
            .replace("\r\n", "\n")
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Is the box ticked?
    pub fn ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// A form sent by somebody who is signed in.
pub(crate) struct Submission {
    pub viewer: Viewer,
    pairs: Vec<(String, String)>,
}

impl Submission {
    pub fn fields(&self, shape: &Shape) -> Result<Fields> {
        Fields::check(self.pairs.clone(), shape)
    }
}

impl FromRequest<Console> for Submission {
    type Rejection = Failure;

    /// Rejects: a body that is no form or too large; and, keeping what was typed, a session that has ended.
    async fn from_request(request: Request, console: &Console) -> Result<Self, Failure> {
        let viewer = request.extensions().get::<Viewer>().cloned();
        let action = request.uri().path().to_owned();
        let pairs = Pairs::from_request(request, console).await?.0;
        match viewer {
            Some(viewer) => Ok(Self { viewer, pairs }),
            None => Err(Failure::SessionEnded { action, pairs }),
        }
    }
}

/// The fields of a form as they came, from anybody.
pub(crate) struct Pairs(pub Vec<(String, String)>);

impl FromRequest<Console> for Pairs {
    type Rejection = Failure;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Failure> {
        match Form::from_request(request, console).await {
            Ok(Form(pairs)) => Ok(Self(pairs)),
            Err(rejection) => Err(unreadable(&rejection).into()),
        }
    }
}

fn unreadable(rejection: &FormRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::too_large(format!("A form has at most {} KiB.", MAX_FORM_BYTES / 1024))
    } else {
        Error::invalid("form", "This was not sent as a form of this console.")
    }
}

/// The query of a page. What a page does not know it does not read, so that links with additions of others still work.
pub(crate) struct Asked(Vec<(String, String)>);

impl Asked {
    /// The trimmed value, unless it is absent or empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Errors: a cursor that is none of ours.
    pub fn page(&self) -> Result<PageRequest> {
        PageRequest::new(None, self.text("after").map(str::to_owned))
    }

    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        Self(pairs.iter().map(owned).collect())
    }
}

impl FromRequestParts<Console> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Console) -> Result<Self, Failure> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(_) => {
                Err(Error::invalid("query", "The address of this page cannot be read.").into())
            }
        }
    }
}

/// An error that belongs beside a field of the form that caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// Empty for one of the form as a whole.
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn new(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            message: message.into(),
        }
    }

    /// An error of the form as a whole: it is shown on top, and leads nowhere.
    pub fn whole(message: impl Into<String>) -> Self {
        Self::new("", message)
    }

    /// The error as one of the form's fields shows it, when the person who filled in the form can mend it.
    pub fn of(error: &Error, fields: &[&str]) -> Option<Self> {
        if !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::AlreadyExists) {
            return None;
        }
        let field = error.field().filter(|field| fields.contains(field))?;
        Some(Self::new(field, error.public_message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        needed: &["version"],
        optional: &["grantable"],
        many: &["field_ids"],
    };

    fn check(pairs: &[(&str, &str)]) -> Result<Fields> {
        let pairs = pairs
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        Fields::check(pairs, &SHAPE)
    }

    #[test]
    fn a_form_is_read_field_by_field() {
        let fields = check(&[("version", "3"), ("field_ids", "1"), ("field_ids", "2")]).unwrap();
        assert_eq!(fields.text("version"), "3");
        assert_eq!(fields.all("field_ids").collect::<Vec<_>>(), ["1", "2"]);
        assert!(!fields.ticked("grantable"));
    }

    #[test]
    fn unknown_repeated_and_missing_fields_are_named() {
        for (pairs, field) in [
            (&[("version", "1"), ("is_admin", "1")][..], "is_admin"),
            (&[("version", "1"), ("version", "2")], "version"),
            (
                &[("version", "1"), ("grantable", "1"), ("grantable", "1")],
                "grantable",
            ),
            (&[("grantable", "1")], "version"),
        ] {
            assert_eq!(check(pairs).unwrap_err().field(), Some(field));
        }
    }

    #[test]
    fn line_breaks_are_told_one_way() {
        assert_eq!(
            check(&[("version", "a\r\nb")]).unwrap().text("version"),
            "a\nb"
        );
    }
}
