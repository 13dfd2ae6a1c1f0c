//! Reading requests, with errors in this face's envelope.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use weir_core::Error;
use weir_core::id::RequestId;
use weir_core::name::{Name, NamespaceIdent, NamespacePath, TableIdent};
use weir_core::page::{MAX_LIMIT, PageRequest};
use weir_core::principal::{Caller, Face, Presumed};
use weir_identity::Identity;
use weir_operations::idempotency::Idempotency;

use super::ApiState;
use super::error::Failure;
use crate::request::{bearer, request_id};

/// The most that a request may have.
pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;
/// The most that a request may have which brings metadata with it.
pub const METADATA_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// The authenticated caller.
#[derive(Debug)]
pub struct Who(pub Caller);

impl FromRequestParts<ApiState> for Who {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Failure> {
        let sender = Sender::of(parts, state)?;
        Ok(Self(sender.known().await?))
    }
}

/// Whoever sent a request, as its token says.
#[derive(Debug)]
pub struct Sender {
    identity: Identity,
    token: String,
    request: RequestId,
}

impl Sender {
    fn of(parts: &Parts, state: &ApiState) -> Result<Self, Failure> {
        let token = bearer(parts).ok_or_else(|| {
            Error::unauthenticated("Send a token: POST /iceberg/v1/oauth/tokens gives one.")
        })?;
        Ok(Self {
            identity: state.identity.clone(),
            token,
            request: request_id(parts),
        })
    }

    pub async fn known(&self) -> weir_core::Result<Caller> {
        self.identity
            .authenticate(&self.token, Face::Iceberg, self.request)
            .await
    }
}

/// A caller who may stay presumed: one whom an earlier request knew. Anybody else is authenticated first.
#[derive(Debug)]
pub enum Perhaps {
    Known(Caller),
    Presumed(Presumed, Sender),
}

impl FromRequestParts<ApiState> for Perhaps {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Failure> {
        let sender = Sender::of(parts, state)?;
        let presumed = state
            .identity
            .presume(&sender.token, Face::Iceberg, sender.request);
        Ok(match presumed {
            Some(presumed) => Self::Presumed(presumed, sender),
            None => Self::Known(sender.known().await?),
        })
    }
}

/// The variable parts of a path, decoded: percent signs, and `+`, which Java clients send for a space.
#[derive(Debug)]
pub struct Segments {
    parts: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::invalid("path", "The address is not text."))?;
        let parts = params
            .iter()
            .map(|(name, value)| (name.to_owned(), value.replace('+', " ")))
            .collect();
        Ok(Self { parts })
    }
}

/// Levels of a namespace are parted by the unit separator, which is what clients send, or by a dot, which no name has.
const SEPARATORS: [char; 2] = ['\u{1f}', '.'];

impl Segments {
    fn get(&self, name: &str) -> &str {
        let found = self.parts.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn catalog(&self) -> weir_core::Result<Name> {
        Name::parse("prefix", self.get("prefix")).map_err(|_| unknown("catalog"))
    }

    /// Errors: `NotFound` for what no namespace can be called.
    pub fn namespace(&self) -> weir_core::Result<NamespaceIdent> {
        Ok(NamespaceIdent {
            catalog: self.catalog()?,
            path: path("namespace", self.get("namespace")).map_err(|_| unknown("namespace"))?,
        })
    }

    /// Errors: `NotFound` for what no table can be called.
    pub fn table(&self) -> weir_core::Result<TableIdent> {
        self.object("table")
    }

    pub fn view(&self) -> weir_core::Result<TableIdent> {
        self.object("view")
    }

    pub fn text(&self, name: &str) -> String {
        self.get(name).to_owned()
    }

    fn object(&self, kind: &str) -> weir_core::Result<TableIdent> {
        Ok(TableIdent {
            namespace: self.namespace()?,
            name: Name::parse(kind, self.get(kind)).map_err(|_| unknown(kind))?,
        })
    }
}

/// A name that nothing can have is a name that nothing has.
fn unknown(kind: &str) -> Error {
    Error::not_found(format!(
        "There is no {kind} of this name, or it is not shared with you."
    ))
}

/// A namespace as the path or the query writes it.
pub fn path(field: &str, text: &str) -> weir_core::Result<NamespacePath> {
    NamespacePath::from_levels(field, text.split(SEPARATORS))
}

/// A JSON body, with the text that it was read from. Members that are not known are ignored: engines may be newer than we.
#[derive(Debug)]
pub struct Body<T> {
    pub value: T,
    pub key: Option<Idempotency>,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let asked = Asked::of(&parts)?;
        let bytes = bytes(Request::from_parts(parts, body), state).await?;
        let key = asked.map(|asked| asked.bound_to(&bytes));
        let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "body".to_owned() } else { path };
            Error::invalid(field, plain(&error.into_inner().to_string()))
        })?;
        deserializer.end().map_err(|_| {
            Error::invalid("body", "There is text after the end of the JSON document.")
        })?;
        Ok(Self { value, key })
    }
}

/// A request whose key matters and whose body does not.
#[derive(Debug)]
pub struct Keyed(pub Option<Idempotency>);

impl FromRequest<ApiState> for Keyed {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self, Failure> {
        let (parts, _) = request.into_parts();
        let asked = Asked::of(&parts)?;
        Ok(Self(asked.map(|asked| asked.bound_to(&[]))))
    }
}

pub async fn bytes(request: Request, state: &ApiState) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status().as_u16() == 413 {
                Error::too_large("The body is larger than this request may have.").into()
            } else {
                Error::invalid("body", "The body could not be read.").into()
            }
        })
}

/// A request that carries an Idempotency-Key.
struct Asked {
    key: Uuid,
    operation: String,
    query: String,
}

impl Asked {
    fn of(parts: &Parts) -> Result<Option<Self>, Failure> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(None);
        };
        let key = value
            .to_str()
            .ok()
            .and_then(|text| Uuid::parse_str(text.trim()).ok())
            .filter(|key| key.get_version_num() == 7)
            .ok_or_else(|| Error::invalid("Idempotency-Key", "A key is a UUID of version 7."))?;
        Ok(Some(Self {
            key,
            operation: format!("{} {}", parts.method, parts.uri.path()),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        }))
    }

    /// The key, bound to all that the request asks.
    fn bound_to(self, body: &[u8]) -> Idempotency {
        let mut hash = Sha256::new();
        for part in [self.operation.as_bytes(), self.query.as_bytes()] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(body);
        Idempotency {
            key: self.key,
            body: hash.finalize().into(),
            operation: self.operation,
        }
    }
}

/// A query string. Parameters that are not known are ignored.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query
            .map(|Query(value)| Self(value))
            .map_err(|rejection| Error::invalid("query", plain(&rejection.body_text())).into())
    }
}

/// A parser's message, without control characters and no longer than a sentence or two.
fn plain(message: &str) -> String {
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(300)
        .collect()
}

/// How a list is asked for.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct PageParams {
    /// Empty for the first page. Without it, the answer has everything.
    #[param(required = false)]
    pub page_token: Option<String>,
    #[param(minimum = 1, required = false)]
    pub page_size: Option<u32>,
}

impl PageParams {
    /// The first request to make: a page where pages are asked for, as much as one takes otherwise.
    pub fn request(&self) -> weir_core::Result<PageRequest> {
        match &self.page_token {
            None => PageRequest::new(Some(MAX_LIMIT), None),
            Some(token) => {
                if self.page_size == Some(0) {
                    return Err(Error::invalid("pageSize", "A page has at least one row."));
                }
                let size = self.page_size.unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
                PageRequest::new(Some(size), Some(token.clone()))
            }
        }
    }

    pub fn is_paged(&self) -> bool {
        self.page_token.is_some()
    }
}

/// The page asked for, or all pages one after the other when none is.
pub async fn all_or_page<T, F>(
    params: &PageParams,
    mut list: impl FnMut(PageRequest) -> F,
) -> weir_core::Result<weir_core::page::Page<T>>
where
    F: Future<Output = weir_core::Result<weir_core::page::Page<T>>>,
{
    let mut page = list(params.request()?).await?;
    while !params.is_paged()
        && let Some(after) = page.next.take()
    {
        let next = list(PageRequest::new(Some(MAX_LIMIT), Some(after))?).await?;
        page.items.extend(next.items);
        page.next = next.next;
    }
    Ok(page)
}
