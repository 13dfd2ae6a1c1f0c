//! Calls to the services that credentials come from: in time, of bounded size, never redirected.
//!
//! Their answers hold secrets, so nothing of an answer is quoted but the word a service has for an error.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use weir_core::{Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tokens and keys have some two kilobytes.
const MAX_ANSWER_BYTES: usize = 64 << 10;
const MAX_TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(200);
/// A token's lifetime where its service does not tell it: short enough for any of them.
const UNTOLD_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// A client for these calls. One is enough for all of them.
pub fn client() -> Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Error::internal("A client for identity services").source(error))
}

/// A bearer token of the server's own, good for more than what is handed on.
#[derive(Clone)]
pub struct AccessToken {
    pub token: SecretString,
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken(until {})", self.expires_at)
    }
}

/// The answer of a token endpoint (RFC 6749, section 5.1). Managed identities write the seconds as a text.
#[derive(Deserialize)]
pub struct TokenAnswer {
    pub access_token: SecretString,
    #[serde(default)]
    expires_in: Value,
}

impl TokenAnswer {
    pub fn parse(service: &str, text: &str) -> Result<Self> {
        // The parser's own error may quote the answer.
        serde_json::from_str(text)
            .map_err(|_| Error::unavailable(format!("{service} answers in another form.")))
    }

    pub fn lifetime(&self) -> Option<TimeDelta> {
        let seconds = match &self.expires_in {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        seconds.and_then(TimeDelta::try_seconds)
    }

    pub fn taken(self, now: DateTime<Utc>) -> AccessToken {
        AccessToken {
            expires_at: now + self.lifetime().unwrap_or(UNTOLD_LIFETIME),
            token: self.access_token,
        }
    }
}

/// What `service` answers to a request that may be sent again.
///
/// Errors: `Unavailable` where it does not answer, refuses, or answers at length.
pub async fn ask(service: &str, request: RequestBuilder) -> Result<String> {
    let silent = || Error::unavailable(format!("{service} does not answer. Try again."));
    let mut tries = 1;
    loop {
        let again = request.try_clone().ok_or_else(|| {
            Error::internal(format!("A request to {service} that cannot be repeated"))
        })?;
        let outcome = again.send().await;
        let passing = match &outcome {
            Ok(answer) => is_passing(answer.status()),
            Err(_) => true,
        };
        if passing && tries < MAX_TRIES {
            tokio::time::sleep(PAUSE).await;
            tries += 1;
            continue;
        }
        let answer = outcome.map_err(|error| silent().source(error.without_url()))?;
        let status = answer.status();
        let text = limited(service, answer).await?;
        return if status.is_success() {
            Ok(text)
        } else {
            Err(refusal(service, status, &text))
        };
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

async fn limited(service: &str, mut answer: reqwest::Response) -> Result<String> {
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| {
        Error::unavailable(format!("{service} broke off its answer. Try again."))
            .source(error.without_url())
    })? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_ANSWER_BYTES {
            return Err(Error::unavailable(format!(
                "{service} answers at great length."
            )));
        }
    }
    String::from_utf8(text).map_err(|_| Error::unavailable(format!("{service} answers no text.")))
}

fn refusal(service: &str, status: StatusCode, text: &str) -> Error {
    let word = word_in_json(text).or_else(|| word_in_xml(text));
    let word = word.filter(|word| is_plain(word));
    let word = word.unwrap_or_else(|| status.as_u16().to_string());
    Error::unavailable(format!(
        "{service} refused to make a credential ({word}). Whoever keeps this storage location should look at its credential and role."
    ))
}

/// `{"error": "invalid_client"}` as OAuth has it, or `{"error": {"status": "PERMISSION_DENIED"}}` as Google has it.
fn word_in_json(text: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let error = answer.get("error")?;
    let word = error.as_str().or_else(|| error.get("status")?.as_str())?;
    Some(word.to_owned())
}

/// `<Error><Code>` as Azure has it, or `<ErrorResponse><Error><Code>` as STS has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct XmlRefusal {
    code: Option<String>,
    error: Option<Box<XmlRefusal>>,
}

fn word_in_xml(text: &str) -> Option<String> {
    let refusal: XmlRefusal = quick_xml::de::from_str(text).ok()?;
    refusal.code.or_else(|| refusal.error?.code)
}

fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=60).contains(&word.len()) && word.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_the_word_for_it_and_nothing_else() {
        let told = |text: &str| {
            let error = refusal("Entra ID", StatusCode::BAD_REQUEST, text);
            error.public_message().to_owned()
        };
        assert!(
            told(r#"{"error":"invalid_client","error_description":"hush"}"#)
                .contains("(invalid_client)")
        );
        assert!(
            told(r#"{"error":{"code":403,"message":"hush","status":"PERMISSION_DENIED"}}"#)
                .contains("(PERMISSION_DENIED)")
        );
        let xml = "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>hush</Message></Error>";
        assert!(told(xml).contains("(AuthenticationFailed)"));
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>hush</Message></Error></ErrorResponse>";
        assert!(told(xml).contains("(AccessDenied)"));
        for text in ["", "hush", r#"{"error":"<script>hush"}"#, "[]"] {
            let told = told(text);
            assert!(told.contains("(400)") && !told.contains("hush"), "{told}");
        }
    }

    #[test]
    fn a_token_is_read_with_its_lifetime_and_never_shown() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        for (seconds, expected) in [("3599", 4599), ("\"60\"", 1060), ("null", 1300)] {
            let text = format!(r#"{{"access_token":"hush","expires_in":{seconds}}}"#);
            let token = TokenAnswer::parse("A service", &text).unwrap().taken(now);
            assert_eq!(token.expires_at.timestamp(), expected);
            assert!(!format!("{token:?}").contains("hush"));
        }
        let error = TokenAnswer::parse("A service", r#"{"access_token":7,"x":"hush"}"#);
        assert!(!format!("{:?}", error.err().unwrap()).contains("hush"));
    }
}
