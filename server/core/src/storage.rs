//! Registered storage: where the lake lies, how its store is reached, and what is kept secret about it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Result;
use crate::id::LocationId;
use crate::location::{Location, Scheme};
use crate::principal::words;

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
}

impl StorageSettings {
    /// The folder of the server's disks that a location with these settings is, as a `file` location.
    ///
    /// Errors: a folder that is no absolute path of plain segments.
    pub fn on_disk(&self, url: &Location) -> Result<Option<Location>> {
        match (url.scheme(), &self.folder) {
            (Scheme::File, _) => Ok(Some(url.clone())),
            (_, Some(folder)) => Location::parse("folder", &format!("file://{folder}")).map(Some),
            (_, None) => Ok(None),
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
