//! The Credential Access Boundary: one rule for one prefix, in JSON, with a condition in CEL.
//!
//! A name goes through two grammars, and through the decoding of whoever reads the form; none may make anything of it but the
//! name (CVE-2026-42811 was a `'` that ended the text).

use serde::Serialize;
use std::fmt::Write as _;
use weir_core::delivery::Access;
use weir_core::location::{Location, Scheme};
use weir_core::{Error, Result};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    access_boundary: AccessBoundary,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessBoundary {
    access_boundary_rules: [Rule; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    available_resource: String,
    available_permissions: &'static [&'static str],
    availability_condition: Condition,
}

#[derive(Serialize)]
struct Condition {
    expression: String,
}

/// The boundary for everything below `prefix`, and nothing else: `options` of a token exchange, before the form encodes it.
///
/// Errors: `Unsupported` for a whole bucket.
pub fn boundary(prefix: &Location, access: Access) -> Result<String> {
    if prefix.scheme() != Scheme::Gs {
        return Err(Error::internal(
            "A boundary of Google for another kind of storage",
        ));
    }
    if prefix.segments().is_empty() {
        return Err(Error::unsupported(
            "A table that lies in a whole bucket cannot be told from others by a prefix.",
        ));
    }
    let bucket = prefix.bucket();
    let options = Options {
        access_boundary: AccessBoundary {
            access_boundary_rules: [Rule {
                available_resource: format!("//storage.googleapis.com/projects/_/buckets/{bucket}"),
                available_permissions: permissions(access),
                availability_condition: Condition {
                    expression: condition(bucket, &prefix.path()),
                },
            }],
        },
    };
    let text = serde_json::to_string(&options)
        .map_err(|error| Error::internal("A boundary could not be written").source(error))?;
    // Some clients of this service encode the value once and some twice, so it may be decoded twice.
    Ok(text.replace('%', "\\u0025").replace('+', "\\u002b"))
}

/// An object creator may not put over what is there: Google asks for the right to delete as well.
fn permissions(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read => &["inRole:roles/storage.objectViewer"],
        Access::Add => &[
            "inRole:roles/storage.objectViewer",
            "inRole:roles/storage.objectCreator",
        ],
        Access::Change => &["inRole:roles/storage.objectUser"],
    }
}

/// The slash keeps a sibling with a longer name out.
fn condition(bucket: &str, path: &str) -> String {
    let objects = literal(&format!("projects/_/buckets/{bucket}/objects/{path}/"));
    let listed = literal(&format!("{path}/"));
    format!(
        "resource.name.startsWith({objects}) || api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith({listed})"
    )
}

/// A text as CEL writes it (CEL specification, section "String and bytes values").
fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            // Beyond the control characters, what some readers take for the end of a line.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn boundary_of(location: &str, access: Access) -> String {
        boundary(&Location::parse("location", location).unwrap(), access).unwrap()
    }

    fn rule(location: &str, access: Access) -> Value {
        let mut boundary: Value = serde_json::from_str(&boundary_of(location, access)).unwrap();
        let rules = boundary["accessBoundary"]["accessBoundaryRules"].take();
        assert_eq!(rules.as_array().unwrap().len(), 1);
        rules[0].clone()
    }

    #[test]
    fn it_is_written_as_google_reads_it() {
        assert_eq!(
            boundary_of("gs://lake/sales/t1", Access::Read),
            "{\"accessBoundary\":{\"accessBoundaryRules\":[{\
             \"availableResource\":\"//storage.googleapis.com/projects/_/buckets/lake\",\
             \"availablePermissions\":[\"inRole:roles/storage.objectViewer\"],\
             \"availabilityCondition\":{\"expression\":\"\
             resource.name.startsWith('projects/_/buckets/lake/objects/sales/t1/') || \
             api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('sales/t1/')\"}}]}}"
        );
    }

    #[test]
    fn each_access_has_its_own_roles() {
        let roles = |access| rule("gs://lake/t1", access)["availablePermissions"].clone();
        assert_eq!(
            roles(Access::Add),
            json!([
                "inRole:roles/storage.objectViewer",
                "inRole:roles/storage.objectCreator"
            ])
        );
        assert_eq!(
            roles(Access::Change),
            json!(["inRole:roles/storage.objectUser"])
        );
    }

    #[test]
    fn no_name_ends_a_text_of_cel_or_of_json() {
        let rule = rule("gs://lake/o'hare') || true || ('/\"}]},\"x", Access::Read);
        assert_eq!(
            rule["availabilityCondition"]["expression"],
            "resource.name.startsWith('projects/_/buckets/lake/objects/o\\'hare\\') || true || (\\'/\\\"}]},\\\"x/') || \
             api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('o\\'hare\\') || true || (\\'/\\\"}]},\\\"x/')"
        );
        assert_eq!(literal("a\\'b"), "'a\\\\\\'b'");
        assert_eq!(
            literal("a\nb\r\0\u{7f}\u{85}\u{2028}é"),
            "'a\\u000ab\\u000d\\u0000\\u007f\\u0085\\u2028é'"
        );
    }

    #[test]
    fn it_means_the_same_however_often_it_is_decoded() {
        let once = boundary_of("gs://lake/50%27 off+/%22", Access::Read);
        assert!(!once.contains(['%', '+']), "{once}");
        let read: Value = serde_json::from_str(&once).unwrap();
        let condition = &read["accessBoundary"]["accessBoundaryRules"][0]["availabilityCondition"];
        let text = condition["expression"].as_str().unwrap();
        assert!(text.contains("objects/50%27 off+/%22/'"), "{text}");
    }

    #[test]
    fn a_whole_bucket_and_another_store_are_refused() {
        let refused = |location: &str| {
            let location = Location::parse("location", location).unwrap();
            boundary(&location, Access::Read).unwrap_err().kind()
        };
        assert_eq!(refused("gs://lake"), weir_core::ErrorKind::Unsupported);
        assert_eq!(refused("s3://lake/t1"), weir_core::ErrorKind::Internal);
    }
}
