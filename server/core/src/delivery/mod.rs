//! How a table's bytes reach an engine: what a short-lived credential is good for, and who gets one.

pub mod scope;

use chrono::{DateTime, TimeDelta, Utc};
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
/// still holds is decided again once anything changed that the decision rested on. It is sealed by position: whoever changes
/// it, or what is in it, counts its forms on (`operations/keys.rs`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub principal: PrincipalId,
    pub on: Subject,
    pub location: LocationId,
    /// Everything below it, and nothing else.
    #[serde(with = "as_text")]
    pub prefix: Location,
    pub access: Access,
    #[serde(with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claim({} on {:?})", self.access, self.on)
    }
}

/// What a claim is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    Table(TableId),
    /// A table that its maker writes files of before it is made, in the namespace of this catalog and path.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Files that are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub place: &'a Place,
    pub prefix: &'a Location,
    /// May the caller read every column?
    pub reads_all: bool,
    pub access: Access,
    /// For how long the caller has access still, where that ends.
    pub left: Option<TimeDelta>,
    pub has_gateway: bool,
}

/// STS makes no credential that is shorter (AWS STS API reference, AssumeRole).
pub const SHORTEST_OF_STS: TimeDelta = TimeDelta::minutes(15);

/// The one place where it is decided what reaches whom. Who may not read every column gets no file: each has them all.
pub fn delivery(asked: &Asked<'_>) -> Delivery {
    let settings = &asked.place.settings;
    if !asked.reads_all {
        return Delivery::Refused;
    }
    match asked.prefix.scheme() {
        Scheme::File => Delivery::Unaided,
        Scheme::Gs => Delivery::Store,
        // Elsewhere a credential is for all of the container, so the table must be all that may lie there.
        Scheme::Abfss if settings.hierarchical || asked.prefix.segments().is_empty() => {
            Delivery::Store
        }
        Scheme::Abfss => Delivery::Unaided,
        Scheme::S3 => {
            let makes_them = settings.role.is_some()
                && !settings.stands_for_other()
                && asked.left.is_none_or(|left| left >= SHORTEST_OF_STS)
                && is_literal(asked.place, asked.prefix);
            // Whom S3 lets put an object it lets put over another one; the gateway knows the difference.
            let better_by_gateway = asked.has_gateway && asked.access == Access::Add;
            if makes_them && !better_by_gateway {
                Delivery::Store
            } else if asked.has_gateway {
                Delivery::Gateway
            } else {
                Delivery::Unaided
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

    fn asked<'a>(place: &'a Place, prefix: &'a Location) -> Asked<'a> {
        Asked {
            place,
            prefix,
            reads_all: true,
            access: Access::Read,
            left: None,
            has_gateway: true,
        }
    }

    #[test]
    fn who_reads_some_columns_gets_no_file_from_anywhere() {
        for (url, role, folder) in [
            ("s3://lake", true, false),
            ("s3://lake", false, true),
            ("gs://lake", false, false),
            ("file:///srv/lake", false, false),
        ] {
            let (place, prefix) = (place(url, role, folder), prefix("t"));
            let some = Asked {
                reads_all: false,
                ..asked(&place, &prefix)
            };
            assert_eq!(delivery(&some), Delivery::Refused);
        }
    }

    #[test]
    fn the_store_makes_credentials_where_it_can_and_the_gateway_where_it_cannot() {
        let prefix = prefix("t");
        let to = |role, folder, has_gateway| {
            let place = place("s3://lake", role, folder);
            delivery(&Asked {
                has_gateway,
                ..asked(&place, &prefix)
            })
        };
        assert_eq!(to(true, false, true), Delivery::Store);
        assert_eq!(to(false, false, true), Delivery::Gateway);
        assert_eq!(to(true, true, true), Delivery::Gateway);
        assert_eq!(to(false, true, false), Delivery::Unaided);
    }

    #[test]
    fn who_may_only_add_or_has_minutes_left_goes_through_the_gateway() {
        let (place, prefix) = (place("s3://lake", true, false), prefix("t"));
        let to = |access, minutes: Option<i64>, has_gateway| {
            delivery(&Asked {
                access,
                left: minutes.map(TimeDelta::minutes),
                has_gateway,
                ..asked(&place, &prefix)
            })
        };
        assert_eq!(to(Access::Add, None, true), Delivery::Gateway);
        assert_eq!(to(Access::Add, None, false), Delivery::Store);
        assert_eq!(to(Access::Change, Some(15), true), Delivery::Store);
        assert_eq!(to(Access::Change, Some(14), true), Delivery::Gateway);
        assert_eq!(to(Access::Read, Some(14), false), Delivery::Unaided);
    }

    #[test]
    fn other_schemes_are_delivered_where_one_table_can_be_told_from_others() {
        let at = |text: &str| Location::parse("prefix", text).unwrap();
        let file = at("file:///srv/lake/t");
        let disk = place("file:///srv/lake", false, false);
        assert_eq!(delivery(&asked(&disk, &file)), Delivery::Unaided);
        let directory = at("abfss://c12@account.dfs.core.windows.net/t");
        let mut azure = place("abfss://c12@account.dfs.core.windows.net", false, false);
        assert_eq!(delivery(&asked(&azure, &directory)), Delivery::Unaided);
        let alone = at("abfss://c12@account.dfs.core.windows.net");
        assert_eq!(delivery(&asked(&azure, &alone)), Delivery::Store);
        azure.settings.hierarchical = true;
        assert_eq!(delivery(&asked(&azure, &directory)), Delivery::Store);
    }

    #[test]
    fn a_name_that_a_store_could_take_for_a_pattern_goes_through_the_gateway() {
        let aws = place("s3://lake", true, false);
        let mut other = aws.clone();
        other.settings.endpoint = Some("http://store".to_owned());
        for name in ["a*b", "a${aws:username}b"] {
            let prefix = prefix(name);
            assert_eq!(delivery(&asked(&aws, &prefix)), Delivery::Store);
            assert_eq!(delivery(&asked(&other, &prefix)), Delivery::Gateway);
        }
        for name in ["a$b", "it's \"one\"", "ü 表 a%41"] {
            assert_eq!(delivery(&asked(&other, &prefix(name))), Delivery::Store);
        }
    }
}
