//! How a table's bytes reach an engine: what a short-lived credential is good for, and who gets one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

use crate::id::{LocationId, PrincipalId, TableId};
use crate::location::{Location, Scheme};
use crate::principal::words;
use crate::storage::Place;

words! {
    /// What may be done with the objects of one table. Each includes the ones before.
    pub enum Access("access") {
        /// Get, head and list.
        Read => "read",
        /// And put new objects.
        Add => "add",
        /// And put over what is there, and delete.
        Change => "change",
    }
}

impl Access {
    /// Both: the lesser of the two.
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    pub const fn adds(self) -> bool {
        matches!(self, Self::Add | Self::Change)
    }

    pub const fn changes(self) -> bool {
        matches!(self, Self::Change)
    }
}

/// What a credential of the gateway says about its holder. Whoever holds it was decided on when it was made; whether that
/// still holds is decided again once anything changed that the decision rested on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(rename = "p")]
    pub principal: PrincipalId,
    #[serde(rename = "o")]
    pub on: Subject,
    #[serde(rename = "l")]
    pub location: LocationId,
    /// Everything below it, and nothing else.
    #[serde(rename = "u", with = "as_text")]
    pub prefix: Location,
    #[serde(rename = "a")]
    pub access: Access,
    #[serde(rename = "e", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claim({} on {:?})", self.access, self.on)
    }
}

/// What a claim is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    #[serde(rename = "t")]
    Table(TableId),
    /// A table that its maker writes files of before it is made, in the namespace of this catalog and path.
    #[serde(rename = "s")]
    Staged(String, Vec<String>),
}

mod as_text {
    use super::Location;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(location: &Location, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(location)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Location, D::Error> {
        let text = String::deserialize(from)?;
        Location::parse("prefix", &text).map_err(D::Error::custom)
    }
}

/// How the files of a table get to an engine that may read all of it, or change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// By a credential that the store itself made and enforces.
    Store,
    /// By a credential of Weir's gateway, which reads and writes the store for the engine.
    Gateway,
    /// By nothing of ours: the location is a path that an engine on this machine reaches by itself, or cannot reach at all.
    Unaided,
    /// Not at all.
    Refused,
}

/// The one place where it is decided what reaches whom. Who may not read every column gets no file: each has them all.
pub fn delivery(place: &Place, prefix: &Location, reads_all: bool, has_gateway: bool) -> Delivery {
    if !reads_all {
        return Delivery::Refused;
    }
    let settings = &place.settings;
    match prefix.scheme() {
        Scheme::File => Delivery::Unaided,
        Scheme::Gs => Delivery::Store,
        // Elsewhere a credential would be for all of the container.
        Scheme::Abfss if settings.hierarchical => Delivery::Store,
        Scheme::Abfss => Delivery::Unaided,
        Scheme::S3 => {
            let makes_them = settings.role.is_some() && settings.folder.is_none();
            match makes_them && is_literal(place, prefix) {
                true => Delivery::Store,
                false if has_gateway => Delivery::Gateway,
                false => Delivery::Unaided,
            }
        }
    }
}

/// Can a policy of this store name exactly this prefix? AWS has a way to write the characters of its patterns; of other
/// stores that speak its protocol not all know it, and one that does not would take `a*b` for a pattern.
fn is_literal(place: &Place, prefix: &Location) -> bool {
    let is_aws = place.settings.endpoint.is_none() && place.settings.sts_endpoint.is_none();
    let path = prefix.path();
    is_aws || !(path.contains(['*', '?']) || path.contains("${"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StorageSettings;

    fn place(url: &str, role: bool, folder: bool) -> Place {
        let settings = StorageSettings {
            role: role.then(|| "arn:aws:iam::1:role/Lake".to_owned()),
            folder: folder.then(|| "/srv/lake".to_owned()),
            ..StorageSettings::default()
        };
        Place::new(&Location::parse("url", url).unwrap(), settings)
    }

    fn prefix(name: &str) -> Location {
        Location::parse("prefix", &format!("s3://lake/{name}")).unwrap()
    }

    #[test]
    fn who_reads_some_columns_gets_no_file_from_anywhere() {
        for (url, role, folder) in [
            ("s3://lake", true, false),
            ("s3://lake", false, true),
            ("file:///srv/lake", false, false),
        ] {
            let place = place(url, role, folder);
            let got = delivery(&place, &prefix("t"), false, true);
            assert_eq!(got, Delivery::Refused);
        }
    }

    #[test]
    fn the_store_makes_credentials_where_it_can_and_the_gateway_where_it_cannot() {
        let to = |url, role, folder, gateway| {
            delivery(&place(url, role, folder), &prefix("t"), true, gateway)
        };
        assert_eq!(to("s3://lake", true, false, true), Delivery::Store);
        assert_eq!(to("s3://lake", false, false, true), Delivery::Gateway);
        assert_eq!(to("s3://lake", true, true, true), Delivery::Gateway);
        assert_eq!(to("s3://lake", false, true, false), Delivery::Unaided);
        let file = Location::parse("prefix", "file:///srv/lake/t").unwrap();
        let disk = place("file:///srv/lake", false, false);
        assert_eq!(delivery(&disk, &file, true, true), Delivery::Unaided);
        let directory = Location::parse("prefix", "abfss://c12@account.dfs.core.windows.net/t");
        let directory = directory.unwrap();
        let mut azure = place("abfss://c12@account.dfs.core.windows.net", false, false);
        assert_eq!(delivery(&azure, &directory, true, true), Delivery::Unaided);
        azure.settings.hierarchical = true;
        assert_eq!(delivery(&azure, &directory, true, true), Delivery::Store);
    }

    #[test]
    fn a_name_that_a_store_could_take_for_a_pattern_goes_through_the_gateway() {
        let aws = place("s3://lake", true, false);
        let mut other = aws.clone();
        other.settings.endpoint = Some("http://store".to_owned());
        for name in ["a*b", "a${aws:username}b"] {
            let to = |place| delivery(place, &prefix(name), true, true);
            assert_eq!(to(&aws), Delivery::Store);
            assert_eq!(to(&other), Delivery::Gateway);
        }
        for name in ["a$b", "it's \"one\"", "ü 表 a%41"] {
            assert_eq!(delivery(&other, &prefix(name), true, true), Delivery::Store);
        }
    }

    #[test]
    fn a_claim_survives_its_text() {
        let claim = Claim {
            principal: PrincipalId::new(),
            on: Subject::Table(TableId::new()),
            location: LocationId::new(),
            prefix: Location::parse("prefix", "s3://lake/a b/ü%41").unwrap(),
            access: Access::Add,
            expires_at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        };
        let text = serde_json::to_string(&claim).unwrap();
        assert_eq!(serde_json::from_str::<Claim>(&text).unwrap(), claim);
    }
}
