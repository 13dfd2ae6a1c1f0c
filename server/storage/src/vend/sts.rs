//! AssumeRole with a session policy (AWS STS API reference, 2011-06-15): the role's reach, cut to the policy's.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use secrecy::SecretString;
use serde::Deserialize;
use std::sync::LazyLock;
use std::time::Duration;
use weir_core::storage::StorageSettings;
use weir_core::{Error, Result};

use super::policy::session_policy;
use super::{Request, Vended};

const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer has some two kilobytes.
const MAX_ANSWER_BYTES: usize = 64 << 10;
const DEFAULT_REGION: &str = "us-east-1";

static CLIENT: LazyLock<reqwest::Result<reqwest::Client>> = LazyLock::new(|| {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
});

/// A credential for everything below the request's prefix, from the role that the settings name.
///
/// Errors: `Unsupported` where the settings name no role; `Unavailable` where STS refuses or does not answer.
pub async fn assume_role(
    own: &AwsCredential,
    settings: &StorageSettings,
    request: &Request<'_>,
) -> Result<Vended> {
    let role = settings.role.as_deref().ok_or_else(|| {
        Error::unsupported("This storage location names no role to make credentials from.")
    })?;
    let policy = session_policy(
        partition(role),
        request.prefix,
        request.access,
        settings.kms_key.as_deref(),
    )?;
    let session = session_name(request.who);
    let seconds = request.lifetime.num_seconds().to_string();
    let form = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", &session),
        ("DurationSeconds", &seconds),
        ("Policy", &policy),
    ];
    let made = ask(own, settings, &form).await?;
    Ok(client_settings(made, settings))
}

async fn ask(
    own: &AwsCredential,
    settings: &StorageSettings,
    form: &[(&str, &str)],
) -> Result<Credentials> {
    let unbuilt = |error: http::Error| Error::internal("A request to STS").source(error);
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let mut request = http::Request::post(endpoint(settings))
        .header(
            http::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(Bytes::from(body).into())
        .map_err(unbuilt)?;
    AwsAuthorizer::new(own, "sts", region(settings)).authorize(&mut request, None);
    let client = CLIENT
        .as_ref()
        .map_err(|error| Error::internal(format!("A client for STS: {error}")))?;
    let (parts, body) = request.into_parts();
    let body = body.as_bytes().cloned().unwrap_or_default();
    let sent = client
        .post(parts.uri.to_string())
        .headers(parts.headers)
        .body(body)
        .send();
    let silent = |error: reqwest::Error| {
        Error::unavailable("STS does not answer, so no credential could be made. Try again.")
            .source(error.without_url())
    };
    let answer = sent.await.map_err(silent)?;
    let status = answer.status();
    let text = limited(answer).await?;
    if !status.is_success() {
        let code = quick_xml::de::from_str::<Refusal>(&text).map(|refusal| refusal.error.code);
        let code = code.unwrap_or_else(|_| status.to_string());
        return Err(Error::unavailable(format!(
            "STS refused to make a credential ({}). Whoever keeps this storage location should look at its role.",
            crate::failure::shown(&code)
        )));
    }
    let answer: Answer = quick_xml::de::from_str(&text)
        .map_err(|error| Error::unavailable("STS answers in another form.").source(error))?;
    Ok(answer.result.credentials)
}

async fn limited(mut answer: reqwest::Response) -> Result<String> {
    let broken = |error: reqwest::Error| {
        Error::unavailable("STS broke off its answer. Try again.").source(error.without_url())
    };
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_ANSWER_BYTES {
            return Err(Error::unavailable("STS answers at great length."));
        }
    }
    String::from_utf8(text)
        .map_err(|error| Error::unavailable("STS answers no text.").source(error))
}

fn client_settings(made: Credentials, settings: &StorageSettings) -> Vended {
    let mut config = super::s3_address(
        settings.endpoint.as_deref(),
        region(settings),
        settings.path_style,
    );
    super::s3_keys(
        &mut config,
        made.access_key_id,
        made.secret_access_key,
        made.session_token,
        made.expiration,
    );
    Vended {
        config,
        expires_at: made.expiration,
    }
}

fn endpoint(settings: &StorageSettings) -> String {
    let known = settings
        .sts_endpoint
        .as_ref()
        .or(settings.endpoint.as_ref());
    known.map_or_else(
        || format!("https://sts.{}.amazonaws.com/", region(settings)),
        |endpoint| format!("{}/", endpoint.trim_end_matches('/')),
    )
}

fn region(settings: &StorageSettings) -> &str {
    settings.region.as_deref().unwrap_or(DEFAULT_REGION)
}

/// `aws`, `aws-cn` or `aws-us-gov`: the second part of an ARN.
fn partition(arn: &str) -> &str {
    let part = arn.split(':').nth(1).unwrap_or_default();
    if part.is_empty() { "aws" } else { part }
}

/// The name by which the store's own log tells who it was: at most 64 of the characters that STS allows.
fn session_name(who: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let plain: String = who
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(59)
        .collect();
    format!("weir-{plain}")
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "AssumeRoleResult")]
    result: Assumed,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: SecretString,
    session_token: SecretString,
    expiration: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RefusalError {
    code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_tells_the_partition_and_the_caller_the_session() {
        assert_eq!(partition("arn:aws-cn:iam::1:role/Lake"), "aws-cn");
        assert_eq!(partition("arn:aws:iam::1:role/Lake"), "aws");
        assert_eq!(session_name("ann@corp / ü\n"), "weir-ann@corp-----");
        assert!(session_name(&"x".repeat(200)).len() <= 64);
    }

    #[test]
    fn an_answer_and_a_refusal_are_read() {
        let text = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
            <SessionToken>t</SessionToken><Expiration>2026-11-25T18:00:00Z</Expiration></Credentials><AssumedRoleUser/></AssumeRoleResult></AssumeRoleResponse>";
        let answer: Answer = quick_xml::de::from_str(text).unwrap();
        assert_eq!(answer.result.credentials.access_key_id, "A");
        let text = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>";
        let refusal: Refusal = quick_xml::de::from_str(text).unwrap();
        assert_eq!(refusal.error.code, "AccessDenied");
    }
}
