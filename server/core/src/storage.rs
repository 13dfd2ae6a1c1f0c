//! Registered storage: where the lake lies, how its store is reached, and what is kept secret about it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::delivery::Access;
use crate::id::LocationId;
use crate::location::{Location, Scheme};
use crate::principal::words;
use crate::{Error, Result};

words! {
    /// How far the data of a location has come.
    pub enum Zone("zone") {
        /// As its source delivered it.
        Raw => "raw",
        Cleaned => "cleaned",
        /// Ready for its users.
        Curated => "curated",
    }
}

/// A registered root of storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageLocation {
    pub id: LocationId,
    pub name: String,
    pub url: String,
    pub settings: StorageSettings,
    pub zone: Option<Zone>,
    /// Is a credential of its own kept for it?
    pub has_credential: bool,
    pub created_at: DateTime<Utc>,
}

/// How to reach a store. Holds no secret. What a later release adds is passed over when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StorageSettings {
    /// The store's address where it is not AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Put the bucket into the path, not into the host name. Most stores that are not AWS need it.
    #[serde(default)]
    pub path_style: bool,
    /// A name under `[storage.credentials]` of the configuration; the environment's credentials when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Does an Azure account have a hierarchical namespace? Only there can a credential be for one table.
    #[serde(default)]
    pub hierarchical: bool,
    /// The role that short-lived credentials for engines are made from, by STS AssumeRole: its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Does the server itself reach the store by that role, too? Its credential then only needs the right to assume it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assume_role: bool,
    /// What whoever keeps the role wants to be told when it is assumed (AWS: the external id). No secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The address of STS where it is not the store's own or that of AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts_endpoint: Option<String>,
    /// The ARN of the key that the store encrypts with, where it is one of KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// A folder of the server's disks that an `s3` location stands for. Engines reach it through the gateway only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The bucket of Google or the container of Azure that the bucket of an `s3` location stands for, as `gs://bucket`. Engines
    /// reach it through the gateway only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_for: Option<String>,
    /// Is it only read, by Weir and by engines, whatever they may do with its tables?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

impl StorageSettings {
    /// The most that anybody may do with files here.
    pub fn most(&self) -> Access {
        match self.read_only {
            true => Access::Read,
            false => Access::Change,
        }
    }

    /// Does the location stand for what is reached in another way than S3's?
    pub fn stands_for_other(&self) -> bool {
        self.folder.is_some() || self.stands_for.is_some()
    }

    /// Where a location with these settings really lies: in the folder of the server's disks, or the bucket of another store,
    /// that an `s3` location stands for, and else where its URL says.
    ///
    /// Errors: a folder that is no absolute path of plain segments; what is no bucket of another store; both of them, or one of
    /// them for another than an `s3` location.
    pub fn behind(&self, url: &Location) -> Result<Location> {
        let (field, stands_for) = match (&self.folder, &self.stands_for) {
            (None, None) => return Ok(url.clone()),
            (Some(folder), None) => ("folder", format!("file://{folder}")),
            (None, Some(bucket)) => ("stands_for", bucket.clone()),
            (Some(_), Some(_)) => {
                let message = "A bucket stands for a folder or for another bucket, not for both.";
                return Err(Error::invalid("stands_for", message));
            }
        };
        if url.scheme() != Scheme::S3 {
            let message = "Only an s3 location can stand for something else.";
            return Err(Error::invalid(field, message));
        }
        let real = Location::parse(field, &stands_for)?;
        match real.scheme() {
            Scheme::File if field == "folder" => Ok(real),
            Scheme::Gs | Scheme::Abfss if real.segments().is_empty() => {
                let below = url.segments().iter();
                below
                    .map(String::as_str)
                    .try_fold(real, |at, name| at.join(name))
            }
            _ => Err(Error::invalid(
                field,
                "Name a bucket of Google or a container of Azure as a whole: gs://bucket, or abfss://container@account.dfs.core.windows.net.",
            )),
        }
    }
}

/// A location as opening its store needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    pub id: LocationId,
    pub url: String,
    pub settings: StorageSettings,
    /// The credential that is kept for it.
    #[serde(default)]
    pub secret: Option<Sealed>,
}

impl Place {
    /// One that is not registered yet.
    pub fn new(url: &Location, settings: StorageSettings) -> Self {
        Self {
            id: LocationId::new(),
            url: url.to_string(),
            settings,
            secret: None,
        }
    }
}

/// A secret as it is kept: only the master key that its envelope names opens it, and only under its own id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sealed {
    pub id: Uuid,
    pub envelope: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_for_a_folder_or_for_a_bucket_of_another_store() {
        let behind = |url: &str, folder: Option<&str>, bucket: Option<&str>| {
            let settings = StorageSettings {
                folder: folder.map(str::to_owned),
                stands_for: bucket.map(str::to_owned),
                ..StorageSettings::default()
            };
            let found = settings.behind(&Location::parse("url", url).unwrap());
            found
                .map(|at| at.to_string())
                .map_err(|error| error.field().map(str::to_owned))
        };
        let wrong = |field: &str| Err(Some(field.to_owned()));
        for (url, folder, bucket, expected) in [
            ("s3://lake/a", None, None, Ok("s3://lake/a")),
            ("file:///srv/a", None, None, Ok("file:///srv/a")),
            ("s3://lake/a", Some("/srv/b"), None, Ok("file:///srv/b")),
            (
                "s3://lake/a/b",
                None,
                Some("gs://other"),
                Ok("gs://other/a/b"),
            ),
            (
                "s3://lake",
                None,
                Some("abfss://one@weirlake.dfs.core.windows.net/"),
                Ok("abfss://one@weirlake.dfs.core.windows.net"),
            ),
            ("s3://lake", Some("srv"), None, wrong("folder")),
            ("s3://lake", None, Some("gs://other/a"), wrong("stands_for")),
            ("s3://lake", None, Some("s3://other"), wrong("stands_for")),
            ("s3://lake", None, Some("file:///srv"), wrong("stands_for")),
            (
                "s3://lake",
                Some("/srv"),
                Some("gs://other"),
                wrong("stands_for"),
            ),
            ("gs://lake", None, Some("gs://other"), wrong("stands_for")),
            ("gs://lake", Some("/srv"), None, wrong("folder")),
        ] {
            assert_eq!(
                behind(url, folder, bucket),
                expected.map(str::to_owned),
                "{url}"
            );
        }
    }
}
