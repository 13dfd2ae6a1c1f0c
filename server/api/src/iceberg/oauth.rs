//! Tokens for engines (RFC 6749, client credentials; RFC 8693, token exchange). Errors have OAuth's own form.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_core::principal::Face;
use weir_core::{Error, ErrorKind};
use weir_identity::SignInClient;

use super::ApiState;
use super::shapes::{AccessTokenTag, BearerTag, OAuthErrorCode, OAuthTokenRequest};
use crate::request::{bearer, origin};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The form of every grant: [`OAuthTokenRequest`], read as one.
#[derive(Deserialize)]
pub struct TokenForm {
    /// `client_credentials` or `urn:ietf:params:oauth:grant-type:token-exchange`
    grant_type: String,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<SecretString>,
    /// For token exchange: a token of this server.
    #[serde(default)]
    subject_token: Option<SecretString>,
    #[serde(default)]
    subject_token_type: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct OAuthTokenResponse {
    /// The access token, for client credentials or token exchange
    access_token: String,
    #[schema(inline, value_type = BearerTag)]
    token_type: &'static str,
    /// Lifetime of the access token in seconds
    expires_in: i64,
    #[schema(inline, value_type = AccessTokenTag)]
    issued_token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthError {
    #[schema(inline, value_type = OAuthErrorCode)]
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<String>,
}

/// Get a token using an OAuth2 flow.
#[utoipa::path(post, path = "/v1/oauth/tokens", operation_id = "getToken", tag = "OAuth2 API", security((), ("BearerAuth" = [])),
    request_body(content = OAuthTokenRequest, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, body = OAuthTokenResponse), (status = 400, body = OAuthError), (status = 401, body = OAuthError),
    (status = 429, body = OAuthError), (status = "5XX", body = OAuthError)))]
pub async fn token(State(state): State<ApiState>, request: Request) -> Result<Response, Refused> {
    let (head, _) = request_head(&request);
    let form = axum::Form::<TokenForm>::from_request(request, &state)
        .await
        .map_err(|_| Refused::new("invalid_request", "Send a form with grant_type."))?;
    let asked = form.0;
    let origin = origin(&head, Face::Iceberg);
    let signed_in = match asked.grant_type.as_str() {
        "client_credentials" => {
            let (client_id, client_secret) = client(&head, &asked)?;
            let request = SignInClient {
                client_id,
                client_secret,
                origin,
            };
            state.identity.sign_in_client(request).await
        }
        EXCHANGE => {
            let subject = subject(&head, &asked)?;
            state
                .identity
                .exchange(subject.expose_secret(), origin)
                .await
        }
        _ => {
            return Err(Refused::new(
                "unsupported_grant_type",
                "The grant types are client_credentials and token exchange.",
            ));
        }
    }?;
    let lifetime = signed_in.expires_at - state.weir.now();
    let body = OAuthTokenResponse {
        access_token: signed_in.token.expose_secret().to_owned(),
        token_type: "bearer",
        expires_in: lifetime.num_seconds().max(0),
        issued_token_type: ACCESS_TOKEN,
        scope: asked.scope,
    };
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn request_head(request: &Request) -> (Parts, ()) {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head.into_parts()
}

/// The client's id and secret, from HTTP Basic (RFC 6749, 2.3.1) or from the form.
fn client(head: &Parts, asked: &TokenForm) -> Result<(String, SecretString), Refused> {
    let basic = head.headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
        let decoded = scheme
            .eq_ignore_ascii_case("basic")
            .then(|| STANDARD.decode(encoded.trim()).ok())??;
        let text = String::from_utf8(decoded).ok()?;
        let (id, secret) = text.split_once(':')?;
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((plain(id), SecretString::from(plain(secret))))
    });
    let form = || Some((asked.client_id.clone()?, asked.client_secret.clone()?));
    let (id, secret) = basic
        .or_else(form)
        .ok_or_else(|| Refused::new("invalid_client", "Send client_id and client_secret."))?;
    if id.len() > 255 || secret.expose_secret().len() > 1024 {
        return Err(Refused::new("invalid_client", "The client is not known."));
    }
    Ok((id, secret))
}

/// Whose session the exchanged token is for: the subject's, or the caller's own when it refreshes.
fn subject(head: &Parts, asked: &TokenForm) -> Result<SecretString, Refused> {
    if asked
        .subject_token_type
        .as_deref()
        .is_some_and(|kind| kind != ACCESS_TOKEN)
    {
        return Err(Refused::new(
            "invalid_request",
            "The subject token is an access token of this server.",
        ));
    }
    asked
        .subject_token
        .clone()
        .or_else(|| bearer(head).map(SecretString::from))
        .filter(|token| token.expose_secret().len() <= 512)
        .ok_or_else(|| Refused::new("invalid_request", "Send a subject_token."))
}

/// A refusal in OAuth's form (RFC 6749, 5.2).
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    body: OAuthError,
}

impl Refused {
    fn new(error: &'static str, description: &str) -> Self {
        let status = match error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            status,
            body: OAuthError {
                error,
                error_description: Some(description.to_owned()),
                error_uri: None,
            },
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let mut refused = match error.kind() {
            ErrorKind::Unauthenticated | ErrorKind::Denied | ErrorKind::NotFound => {
                Self::new("invalid_client", error.public_message())
            }
            // The protocol has no word for our own failures, and clients refuse words that it does not have.
            ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::Internal
            | ErrorKind::AlreadyExists
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::TooLarge
            | ErrorKind::Unsupported => Self::new("invalid_request", error.public_message()),
        };
        refused.status = match error.kind() {
            ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Internal => {
                tracing::error!(?error, "a token could not be given");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => refused.status,
        };
        refused
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        if matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
