//! What a credential reaches. Every bucket, key and prefix of a request passes here before the store is touched, or before it
//! is signed for the store.
//!
//! What lies outside is denied, whether or not it exists, and so is what could be read two ways: nothing is resolved.

use super::Access;
use crate::location::{Location, Scheme};

/// It is not for this credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied;

/// What one credential is good for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub prefix: &'a Location,
    pub access: Access,
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Object(Location),
    /// A key that ends with a slash, as clients put where they want a folder. There are none, and no object is one.
    Marker,
}

/// What a write may find at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    New,
    Over,
}

impl Scope<'_> {
    pub fn may_read(&self, bucket: &str, key: &str) -> Result<Target, Denied> {
        self.target(bucket, key)
    }

    pub fn may_write(&self, bucket: &str, key: &str) -> Result<(Target, Writing), Denied> {
        let target = self.target(bucket, key)?;
        match self.access {
            Access::Read => Err(Denied),
            Access::Add => Ok((target, Writing::New)),
            Access::Change => Ok((target, Writing::Over)),
        }
    }

    pub fn may_delete(&self, bucket: &str, key: &str) -> Result<Target, Denied> {
        let target = self.target(bucket, key)?;
        self.access.changes().then_some(target).ok_or(Denied)
    }

    /// A listing is of what begins with a text: only the slash keeps a sibling with a longer name out of it.
    pub fn may_list(&self, bucket: &str, prefix: &str) -> Result<(), Denied> {
        self.may_see(bucket)?;
        let below = prefix.strip_prefix(&self.prefix.path());
        if below.is_some_and(|below| below.starts_with('/')) && plain(bucket, prefix).is_ok() {
            Ok(())
        } else {
            Err(Denied)
        }
    }

    /// Whether there is a bucket, and where.
    pub fn may_see(&self, bucket: &str) -> Result<(), Denied> {
        let same = self.prefix.scheme() == Scheme::S3 && self.prefix.bucket() == bucket;
        // A credential for a whole bucket is none that is made for a table.
        if same && !self.prefix.segments().is_empty() {
            Ok(())
        } else {
            Err(Denied)
        }
    }

    fn target(&self, bucket: &str, key: &str) -> Result<Target, Denied> {
        self.may_see(bucket)?;
        let location = plain(bucket, key)?;
        if !location.is_under(self.prefix) {
            return Err(Denied);
        }
        if key.ends_with('/') {
            Ok(Target::Marker)
        } else if location == *self.prefix {
            Err(Denied)
        } else {
            Ok(Target::Object(location))
        }
    }
}

/// The location that a text spells, where it spells it in the only way; a slash at the end aside.
fn plain(bucket: &str, text: &str) -> Result<Location, Denied> {
    let location = Location::parse("key", &format!("s3://{bucket}/{text}")).map_err(|_| Denied)?;
    let spelled = text.strip_suffix('/').unwrap_or(text);
    let same = location.bucket() == bucket && spelled.split('/').eq(location.segments());
    same.then_some(location).ok_or(Denied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Location {
        Location::parse("location", text).unwrap()
    }

    fn scope(prefix: &Location, access: Access) -> Scope<'_> {
        Scope { prefix, access }
    }

    #[test]
    fn only_what_is_below_the_prefix_is_reached() {
        for (prefix, inside, outside) in [
            ("s3://lake/t1", "t1/a.parquet", "t10/a.parquet"),
            (
                "s3://lake/a/t1",
                "a/t1/data/dt=2024-01-01/x y.parquet",
                "a/t2/x",
            ),
            ("s3://lake/a*b", "a*b/x", "axb/x"),
            ("s3://lake/a$b'\"", "a$b'\"/x", "a$b/x"),
            ("s3://lake/größe ✓", "größe ✓/ü", "gro\u{308}ße ✓/ü"),
            ("s3://lake/100%25", "100%25/x", "100%/x"),
        ] {
            let prefix = at(prefix);
            let scope = scope(&prefix, Access::Change);
            let object = Target::Object(at(&format!("s3://lake/{inside}")));
            assert_eq!(scope.may_read("lake", inside), Ok(object));
            assert!(
                scope
                    .may_list("lake", &format!("{}/", prefix.path()))
                    .is_ok()
            );
            for bucket in ["lake2", "Lake", "", "lake/..", "lak"] {
                assert_eq!(scope.may_read(bucket, inside), Err(Denied));
                assert_eq!(scope.may_see(bucket), Err(Denied));
            }
            assert_eq!(scope.may_read("lake", outside), Err(Denied));
        }
    }

    #[test]
    fn what_could_be_read_two_ways_is_denied() {
        let prefix = at("s3://lake/w/t1");
        let scope = scope(&prefix, Access::Change);
        for key in [
            "",
            "/",
            "w",
            "w/",
            "w/t1",
            "w/t1x",
            "w/t1x/a",
            "w/t10/a",
            "x/w/t1/a",
            "/w/t1/a",
            "w//t1/a",
            "w/t1//a",
            "w/t1/a//",
            "w/t1/../t2/a",
            "w/t1/..",
            "w/t1/../",
            "w/t1/./a",
            "w/t1/%2e%2e/t2/a",
            "w/t1/%2E%2e",
            "w/t1/%252e%252e/a",
            "w/t1/a%2fb",
            "w/t1/a%5cb",
            "w/t1/a\\b",
            "w/t1/a?b",
            "w/t1/a#b",
            "w/t1/a\0",
            "w/t1/a\nb",
            "w/t1%2fa",
            "W/t1/a",
            "w/T1/a",
            "w/t1 /a",
            "w/*/a",
            "*",
            "w/t?/a",
        ] {
            assert_eq!(scope.may_read("lake", key), Err(Denied), "{key:?}");
            assert_eq!(scope.may_write("lake", key), Err(Denied), "{key:?}");
            assert_eq!(scope.may_delete("lake", key), Err(Denied), "{key:?}");
        }
        for prefix in [
            "",
            "w",
            "w/",
            "w/t",
            "w/t1",
            "w/t10/",
            "w/t2/",
            "/w/t1/",
            "w/t1/../t2/",
            "w/t1/..",
            "w/t1/%2e%2e/",
            "w/t1//",
            "w//t1/",
            "w/t1/a\\",
            "w/t1/a?",
            "*",
            "w/*",
        ] {
            assert_eq!(scope.may_list("lake", prefix), Err(Denied), "{prefix:?}");
        }
        for prefix in ["w/t1/", "w/t1/da", "w/t1/data/", "w/t1/data/part-*"] {
            assert_eq!(scope.may_list("lake", prefix), Ok(()), "{prefix:?}");
        }
        assert_eq!(scope.may_read("lake", "w/t1/data/"), Ok(Target::Marker));
        assert_eq!(scope.may_read("lake", "w/t1/"), Ok(Target::Marker));
    }

    #[test]
    fn each_access_includes_the_ones_before() {
        let prefix = at("s3://lake/t1");
        let key = ("lake", "t1/a");
        for (access, writing, deletes) in [
            (Access::Read, None, false),
            (Access::Add, Some(Writing::New), false),
            (Access::Change, Some(Writing::Over), true),
        ] {
            let scope = scope(&prefix, access);
            assert!(scope.may_read(key.0, key.1).is_ok());
            assert!(scope.may_list("lake", "t1/").is_ok());
            let wrote = scope.may_write(key.0, key.1).map(|(_, writing)| writing);
            assert_eq!(wrote.ok(), writing);
            assert_eq!(scope.may_delete(key.0, key.1).is_ok(), deletes);
        }
    }

    #[test]
    fn no_credential_is_for_a_whole_bucket_or_another_kind_of_store() {
        for prefix in ["s3://lake", "file:///lake/t1", "gs://lake/t1"] {
            let prefix = at(prefix);
            let scope = scope(&prefix, Access::Change);
            assert_eq!(scope.may_read("lake", "t1/a"), Err(Denied));
            assert_eq!(scope.may_list("lake", "t1/"), Err(Denied));
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => Just("t1".to_owned()),
            1 => Just("t10".to_owned()),
            1 => Just("..".to_owned()),
            1 => Just("%2e%2e".to_owned()),
            1 => Just("%252E.".to_owned()),
            1 => Just(String::new()),
            2 => "[a-c*?$'\"%.2eE5fF\\\\ é\u{0}]{0,4}",
        ]
    }

    /// Follows a key as a careless store might: decoded, and with its dots and empty segments resolved.
    fn resolved(key: &str) -> Vec<String> {
        let mut text = key.to_owned();
        for _ in 0..4 {
            text = percent_encoding::percent_decode_str(&text)
                .decode_utf8_lossy()
                .into_owned();
        }
        let mut path = Vec::new();
        for segment in text.replace('\\', "/").split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(path.pop()),
                other => path.push(other.to_owned()),
            }
        }
        path
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn however_a_key_is_resolved_it_stays_below_the_prefix(pieces in prop::collection::vec(piece(), 0..6)) {
            let prefix = at("s3://lake/t1");
            let key = pieces.join("/");
            if let Ok(target) = scope(&prefix, Access::Change).may_read("lake", &key) {
                prop_assert!(key.starts_with("t1/"));
                let path = resolved(&key);
                prop_assert_eq!(path.first().map(String::as_str), Some("t1"));
                if let Target::Object(location) = target {
                    prop_assert_eq!(&location.path(), &key);
                    prop_assert!(path.len() > 1);
                }
            }
            if scope(&prefix, Access::Read).may_list("lake", &key).is_ok() {
                prop_assert!(key.starts_with("t1/"));
                let path = resolved(&key);
                prop_assert_eq!(path.first().map(String::as_str), Some("t1"));
            }
        }

        #[test]
        fn a_credential_for_one_table_never_reaches_another(mine in "[a-c%.*]{1,3}", theirs in "[a-c%.*]{1,3}", rest in piece()) {
            let (Ok(mine), Ok(theirs)) = (Location::parse("l", &format!("s3://lake/{mine}")), Location::parse("l", &format!("s3://lake/{theirs}"))) else {
                return Ok(());
            };
            if mine != theirs {
                let scope = scope(&mine, Access::Change);
                let key = format!("{}/{rest}", theirs.path());
                prop_assert_eq!(scope.may_read("lake", &key), Err(Denied));
                prop_assert_eq!(scope.may_list("lake", &key), Err(Denied));
            }
        }
    }
}
