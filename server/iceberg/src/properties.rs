//! Which table properties may be set.

use std::collections::BTreeMap;
use weir_core::{Error, Result};

/// Beginnings of names of settings of a client or its catalog. Clients mix a table's properties into their own settings, so
/// whoever may set these could send another's reads and credentials elsewhere.
const CLIENT_PREFIXES: [&str; 9] = [
    "s3.",
    "gcs.",
    "adls.",
    "client.",
    "header.",
    "rest.",
    "signer.",
    "oauth2-",
    "credentials.",
];

const CLIENT_NAMES: [&str; 6] = [
    "token",
    "credential",
    "uri",
    "warehouse",
    "py-io-impl",
    "io-impl",
];

/// Names that the metadata itself answers (the reference implementation's reserved properties).
const RESERVED: [&str; 9] = [
    "format-version",
    "uuid",
    "snapshot-count",
    "current-snapshot-summary",
    "current-snapshot-id",
    "current-snapshot-timestamp-ms",
    "current-schema",
    "default-partition-spec",
    "default-sort-order",
];

/// Errors: `invalid` for a property that is a setting of clients.
pub fn check_properties(properties: &BTreeMap<String, String>) -> Result<()> {
    for name in properties.keys() {
        let lower = name.to_ascii_lowercase();
        let is_client = CLIENT_NAMES.contains(&lower.as_str())
            || CLIENT_PREFIXES
                .iter()
                .any(|prefix| lower.starts_with(prefix));
        if is_client {
            return Err(Error::invalid(
                "properties",
                format!(
                    "`{}` is a setting of clients and no property of a table or view.",
                    name.escape_debug()
                ),
            ));
        }
    }
    Ok(())
}

/// Errors: `invalid` for a property that the metadata itself answers.
pub(crate) fn check_reserved(properties: &BTreeMap<String, String>) -> Result<()> {
    match properties
        .keys()
        .find(|name| RESERVED.contains(&name.as_str()))
    {
        None => Ok(()),
        Some(name) => Err(Error::invalid(
            "properties",
            format!("`{name}` is reserved: the metadata answers it."),
        )),
    }
}

/// The property as a number of at least 1; `default` where it is absent or no whole number.
pub(crate) fn count(properties: &BTreeMap<String, String>, name: &str, default: usize) -> usize {
    let number = properties
        .get(name)
        .and_then(|value| value.trim().parse::<i64>().ok());
    number.map_or(default, |number| {
        usize::try_from(number.max(1)).unwrap_or(default)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_property_cannot_be_a_setting_of_clients() {
        for name in [
            "s3.endpoint",
            "S3.endpoint",
            "token",
            "header.x",
            "py-io-impl",
            "uri",
        ] {
            assert!(
                check_properties(&[(name.to_owned(), String::new())].into()).is_err(),
                "{name}"
            );
        }
        for name in ["owner", "write.format.default", "tokens", "s3"] {
            assert!(
                check_properties(&[(name.to_owned(), String::new())].into()).is_ok(),
                "{name}"
            );
        }
    }
}
