//! Strict parsing of paths, queries and bodies, with errors that name the input.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use weir_core::Error;

use super::ApiError;

/// A JSON body. Unknown and duplicate keys are refused by the types; trailing text is refused here.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                let essence = value.split(';').next().unwrap_or_default().trim();
                essence.eq_ignore_ascii_case("application/json")
            });
        if !json {
            return Err(Error::invalid(
                "content-type",
                "Send JSON, with the header content-type: application/json.",
            )
            .into());
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                if rejection.status().as_u16() == 413 {
                    Error::too_large("The body is larger than this API takes (1 MiB).")
                } else {
                    Error::invalid("body", "The body could not be read.")
                }
            })?;
        let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "body".to_owned() } else { path };
            Error::invalid(field, plain(&error.into_inner().to_string()))
        })?;
        deserializer.end().map_err(|_| {
            Error::invalid("body", "There is text after the end of the JSON document.")
        })?;
        Ok(Self(value))
    }
}

/// A query string. Unknown and duplicate parameters are refused by the types.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) = Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Error::invalid("query", plain(&rejection.body_text())))?;
        Ok(Self(value))
    }
}

/// The variable parts of a path.
#[derive(Debug)]
pub struct Segments<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(value) = Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Error::invalid("path", plain(&rejection.body_text())))?;
        Ok(Self(value))
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
