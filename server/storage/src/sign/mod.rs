//! Requests of S3 that a client sends and Weir signs for it, one by one (Iceberg REST, `signRequest`; AWS Signature Version 4).
//!
//! What is signed is written anew from what was understood, never the client's own text: a request that could be read in two
//! ways is denied, and so is every operation, parameter and header of S3 that a table's reader or writer has no need of. The
//! credential that signs reaches nothing but the table either, so the store refuses whatever should be overlooked here.

mod asked;
mod reach;
#[cfg(test)]
mod tests;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode,
};
use aws_sigv4::sign::v4::SigningParams;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::time::SystemTime;
use weir_core::delivery::scope::Scope;
use weir_core::location::Location;
use weir_core::{Error, Result};

use asked::Asked;
use reach::Payload;

/// Names of headers, and each one's values.
pub type Headers = BTreeMap<String, Vec<String>>;
/// A credential in Iceberg's names of settings.
pub type Config = BTreeMap<String, SecretString>;

/// A request as a client is about to send it.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub headers: &'a Headers,
    /// The content, where that says what the request is about.
    pub body: Option<&'a str>,
}

/// What a client is to send instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub uri: String,
    /// To be added to the client's own.
    pub headers: Headers,
}

/// Can requests be signed by this credential?
pub fn signs(config: &Config) -> bool {
    config.contains_key("s3.access-key-id")
}

/// Does the request's address name something below `prefix`? Only a first look: [`sign`] decides.
pub fn names(request: &Unsigned<'_>, prefix: &Location) -> bool {
    let address = percent_decode_str(request.uri).decode_utf8_lossy();
    address.contains(&format!("{}/", prefix.path()))
}

/// Signs a request of S3 that stays inside the scope, by the credential that was made for that scope.
///
/// Errors: `Denied` for what is outside, or could be read in two ways; `Invalid` for what is no request of this store.
pub fn sign(
    request: &Unsigned<'_>,
    scope: Scope<'_>,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<Signed> {
    let asked = Asked::read(request, &store_of(config, scope)?)?;
    let payload = reach::permit(request, &asked, scope)?;
    let mut headers = reach::signed_headers(request)?;
    let mut added = BTreeMap::new();
    if reach::must_be_new(request, &asked, scope) {
        let condition = ("if-none-match".to_owned(), "*".to_owned());
        match headers.get(&condition.0) {
            Some(known) if *known == condition.1 => {}
            Some(_) => {
                return Err(Error::denied(
                    "You may add files to this table, not replace one.",
                ));
            }
            None => added.extend([condition]),
        }
    }
    headers.extend(added.clone());
    let uri = asked.uri();
    added.extend(signature(
        request.method,
        &uri,
        &headers,
        &payload,
        config,
        now,
    )?);
    let headers = added.into_iter().map(|(name, value)| (name, vec![value]));
    Ok(Signed {
        uri,
        headers: headers.collect(),
    })
}

/// Where the requests of a credential go.
struct Store<'a> {
    bucket: &'a str,
    /// The scheme and the address, without a slash at the end; that of AWS where there is none.
    endpoint: Option<&'a str>,
    region: &'a str,
}

fn store_of<'a>(config: &'a Config, scope: Scope<'a>) -> Result<Store<'a>> {
    Ok(Store {
        bucket: scope.prefix.bucket(),
        endpoint: config
            .get("s3.endpoint")
            .map(|endpoint| endpoint.expose_secret().trim_end_matches('/')),
        region: setting(config, "s3.region")?,
    })
}

fn setting<'a>(config: &'a Config, name: &str) -> Result<&'a str> {
    let found = config.get(name).map(ExposeSecret::expose_secret);
    found.ok_or_else(|| Error::internal(format!("A credential to sign with has no {name}")))
}

fn signature(
    method: &str,
    uri: &str,
    headers: &BTreeMap<String, String>,
    payload: &Payload,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, String>> {
    let broken = |what: &str, error: &dyn std::fmt::Display| {
        Error::internal(format!("{what} of a signature: {error}"))
    };
    let identity = Credentials::new(
        setting(config, "s3.access-key-id")?,
        setting(config, "s3.secret-access-key")?,
        config
            .get("s3.session-token")
            .map(|token| token.expose_secret().to_owned()),
        None,
        "weir",
    )
    .into();
    // As S3 wants it: the path is signed as it is sent, and the digest is a header.
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = SigningParams::builder()
        .identity(&identity)
        .region(setting(config, "s3.region")?)
        .name("s3")
        .time(SystemTime::from(now))
        .settings(settings)
        .build()
        .map_err(|error| broken("The parameters", &error))?
        .into();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let body = match payload {
        Payload::Unsigned => SignableBody::UnsignedPayload,
        Payload::Trailed => SignableBody::StreamingUnsignedPayloadTrailer,
        Payload::Text(text) => SignableBody::Bytes(text.as_bytes()),
    };
    let request = SignableRequest::new(method, uri, headers, body)
        .map_err(|error| broken("The request", &error))?;
    let signed = aws_sigv4::http_request::sign(request, &params)
        .map_err(|error| broken("The making", &error))?;
    let (instructions, _) = signed.into_parts();
    let added = instructions.headers();
    Ok(added
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
