//! Session policies: what a credential from STS may do, as IAM reads it.
//!
//! One statement for the objects and one for listing them, each with the prefix once, because the whole may have 2,048
//! characters. It is written without spaces, which some stores do not decode in the form that carries it.

use serde::Serialize;
use weir_core::delivery::Access;
use weir_core::location::Location;
use weir_core::{Error, Result};

/// STS's own limit for a policy in a request (API reference, AssumeRole).
const MAX_CHARS: usize = 2048;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    action: Vec<&'static str>,
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    string_like: Prefix,
}

#[derive(Serialize)]
struct Prefix {
    #[serde(rename = "s3:prefix")]
    prefix: String,
}

/// The policy for everything below `prefix`, and nothing else. `partition` is the part of AWS, as in the role's ARN.
///
/// Errors: `Unsupported` for a whole bucket, and for a prefix that is too long for a policy.
pub fn session_policy(
    partition: &str,
    prefix: &Location,
    access: Access,
    kms_key: Option<&str>,
) -> Result<String> {
    if prefix.segments().is_empty() {
        return Err(Error::unsupported(
            "A table that lies in a whole bucket cannot be told from others by a prefix.",
        ));
    }
    let bucket = format!("arn:{partition}:s3:::{}", prefix.bucket());
    let below = format!("{}/*", literal(&prefix.path()));
    let mut statement = vec![
        allow(object_actions(access), format!("{bucket}/{below}")),
        Statement {
            condition: Some(Condition {
                string_like: Prefix { prefix: below },
            }),
            ..allow(vec!["s3:ListBucket"], bucket)
        },
    ];
    if let Some(key) = kms_key {
        let actions = match access {
            Access::Read => vec!["kms:Decrypt"],
            Access::Add | Access::Change => vec!["kms:Decrypt", "kms:GenerateDataKey"],
        };
        statement.push(allow(actions, key.to_owned()));
    }
    let policy = Policy {
        version: "2012-10-17",
        statement,
    };
    let text = serde_json::to_string(&policy)
        .map_err(|error| Error::internal("A session policy could not be written").source(error))?;
    if text.chars().count() > MAX_CHARS {
        return Err(Error::unsupported(
            "The table's location is too long for a session policy of S3.",
        ));
    }
    Ok(text)
}

fn allow(action: Vec<&'static str>, resource: String) -> Statement {
    Statement {
        effect: "Allow",
        action,
        resource,
        condition: None,
    }
}

fn object_actions(access: Access) -> Vec<&'static str> {
    let mut actions = vec!["s3:GetObject"];
    if access.adds() {
        actions.extend([
            "s3:PutObject",
            "s3:AbortMultipartUpload",
            "s3:ListMultipartUploadParts",
        ]);
    }
    if access.changes() {
        actions.push("s3:DeleteObject");
    }
    actions
}

/// A text that a pattern of IAM matches as it is (IAM user guide, policy variables: special characters). A `$` alone is no
/// variable, and stays as it is for stores that do not know the escape.
fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' if chars.peek() != Some(&'{') => escaped.push(c),
            '*' | '?' | '$' => {
                escaped.push_str("${");
                escaped.push(c);
                escaped.push('}');
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn policy(location: &str, access: Access) -> String {
        let prefix = Location::parse("location", location).unwrap();
        session_policy("aws", &prefix, access, None).unwrap()
    }

    #[test]
    fn it_reaches_what_is_below_the_prefix_and_no_sibling() {
        let text = policy("s3://lake/a/t1", Access::Read);
        assert!(!text.contains(' '));
        let policy: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            policy["Statement"],
            json!([
                {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::lake/a/t1/*"},
                {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::lake",
                 "Condition": {"StringLike": {"s3:prefix": "a/t1/*"}}},
            ])
        );
    }

    #[test]
    fn each_access_has_its_own_actions() {
        let actions = |access| {
            let policy: Value = serde_json::from_str(&policy("s3://lake/t", access)).unwrap();
            policy["Statement"][0]["Action"].to_string()
        };
        assert!(!actions(Access::Read).contains("Put"));
        assert!(actions(Access::Add).contains("Put") && !actions(Access::Add).contains("Delete"));
        assert!(actions(Access::Change).contains("DeleteObject"));
    }

    #[test]
    fn a_key_that_the_store_encrypts_with_opens_what_is_read_and_closes_what_is_written() {
        let key = "arn:aws:kms:eu-central-1:1:key/k";
        let prefix = Location::parse("location", "s3://lake/t").unwrap();
        let of_key = |access| {
            let text = session_policy("aws", &prefix, access, Some(key)).unwrap();
            let policy: Value = serde_json::from_str(&text).unwrap();
            let statements = policy["Statement"].as_array().unwrap().clone();
            let mut of_key = statements.into_iter().filter(|it| it["Resource"] == key);
            (of_key.next().unwrap()["Action"].clone(), of_key.next())
        };
        assert_eq!(of_key(Access::Read), (json!(["kms:Decrypt"]), None));
        for access in [Access::Add, Access::Change] {
            let expected = json!(["kms:Decrypt", "kms:GenerateDataKey"]);
            assert_eq!(of_key(access), (expected, None));
        }
    }

    #[test]
    fn no_name_is_a_pattern_or_a_variable_or_ends_a_text() {
        let text = policy("s3://lake/a*b$c${d}\"e'f/ü %41", Access::Read);
        let policy: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            policy["Statement"][0]["Resource"],
            "arn:aws:s3:::lake/a${*}b$c${$}{d}\"e'f/ü %41/*"
        );
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_bucket_and_what_is_too_long_are_refused() {
        let refused = |location: &str| {
            let prefix = Location::parse("location", location).unwrap();
            session_policy("aws", &prefix, Access::Read, None).unwrap_err()
        };
        refused("s3://lake");
        refused(&format!("s3://lake/{}", "*".repeat(900)));
    }
}
