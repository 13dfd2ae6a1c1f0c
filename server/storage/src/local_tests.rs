use futures::StreamExt;
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use weir_core::ErrorKind;
use weir_core::location::Location;
use weir_core::storage::{Place, StorageSettings};

use crate::seal::Keyring;
use crate::{Listed, Paging, StorageConfig, Store, Stores};

fn at(path: &Path) -> Location {
    Location::parse("location", &format!("file://{}", path.display())).unwrap()
}

fn stores(config: StorageConfig) -> Stores {
    Stores::new(config, Keyring::fresh().unwrap())
}

fn open(root: &Path) -> Store {
    stores(StorageConfig::default())
        .open(&Place::new(&at(root), StorageSettings::default()))
        .unwrap()
}

fn put(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Path below the root -> size, or the cause of the refusal.
async fn listing(store: &Store) -> BTreeMap<String, Result<u64, String>> {
    let root = format!("{}/", store.root());
    store
        .list(store.root())
        .map(|listed| match listed.unwrap() {
            Listed::Object(meta) => (meta.location.to_string().replace(&root, ""), Ok(meta.size)),
            Listed::Refused { path, cause } => (path.replace(&root, ""), Err(cause)),
        })
        .collect()
        .await
}

#[tokio::test]
async fn files_of_any_depth_are_listed_and_read_by_range() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "orders/dt=2024-01-01/part.csv", "0123456789");
    put(dir.path(), "top.csv", "x");
    let store = open(dir.path());
    let listed = listing(&store).await;
    assert_eq!(listed["orders/dt=2024-01-01/part.csv"], Ok(10));
    assert_eq!(listed["top.csv"], Ok(1));
    assert_eq!(listed.len(), 2);

    let part = at(&dir.path().join("orders/dt=2024-01-01/part.csv"));
    assert_eq!(store.read(&part, 2..5).await.unwrap(), "234");
    assert_eq!(store.read(&part, 3..3).await.unwrap(), "");
    for beyond in [5..11, 20..21] {
        let error = store.read(&part, beyond).await.unwrap_err();
        assert!(error.to_string().contains("changed while"), "{error:?}");
    }
    assert!(store.check().await.is_ok());
}

#[tokio::test]
async fn odd_names_are_listed_and_read_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let names = [
        "a b.csv",
        "it's \"quoted\".csv",
        "größe ✓.csv",
        "100%.csv",
        "a%20b.csv",
        "x+y&z=1;{}[]~.csv",
        "日本/ん.csv",
    ];
    for name in names {
        put(dir.path(), name, name);
    }
    let store = open(dir.path());
    let listed = listing(&store).await;
    assert_eq!(listed.len(), names.len());
    for name in names {
        let size = *listed[name].as_ref().unwrap();
        let bytes = store
            .read(&at(&dir.path().join(name)), 0..size)
            .await
            .unwrap();
        assert_eq!(bytes, name);
    }
}

#[tokio::test]
async fn names_that_no_location_can_hold_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "good.csv",
        "what?.csv",
        "a#1.csv",
        "back\\slash.csv",
        "bell\u{7}.csv",
        "%2e%2e",
    ] {
        put(dir.path(), name, "x");
    }
    use std::os::unix::ffi::OsStrExt;
    let raw = std::ffi::OsStr::from_bytes(b"latin\xe9.csv");
    std::fs::write(dir.path().join(raw), "x").unwrap();
    let listed = listing(&open(dir.path())).await;
    assert_eq!(listed.values().filter(|entry| entry.is_err()).count(), 6);
    assert_eq!(listed["good.csv"], Ok(1));
    assert!(listed["bell\\u{7}.csv"].is_err());
}

#[tokio::test]
async fn a_link_is_followed_only_inside_the_root() {
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "secret.csv", "secret");
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    put(root, "real/a.csv", "aaa");
    symlink(outside.path(), root.join("away")).unwrap();
    symlink(outside.path().join("secret.csv"), root.join("secret.csv")).unwrap();
    symlink("real", root.join("inside")).unwrap();
    symlink("real/a.csv", root.join("b.csv")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("..", root.join("real/up")).unwrap();
    let store = open(root);
    let listed = listing(&store).await;
    let cause = |path: &str| listed[path].clone().unwrap_err();
    assert_eq!(listed["real/a.csv"], Ok(3));
    assert_eq!(listed["inside/a.csv"], Ok(3));
    assert_eq!(listed["b.csv"], Ok(3));
    assert!(cause("away").contains("leads out of"));
    assert!(cause("secret.csv").contains("leads out of"));
    assert!(cause("dangling").contains("leads nowhere"));
    assert!(cause("real/up").contains("that it lies in"));
    assert!(cause("inside/up").contains("inside a linked folder"));
    assert_eq!(listed.len(), 8);

    for path in ["secret.csv", "away/secret.csv"] {
        let error = store.read(&at(&root.join(path)), 0..6).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
    let mut through = store.list(&at(&root.join("away")));
    assert!(through.next().await.unwrap().is_err());
    assert!(through.next().await.is_none());
}

#[tokio::test]
async fn nothing_outside_the_root_is_served() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "lake/a.csv", "a");
    put(dir.path(), "lake2/b.csv", "b");
    let store = open(&dir.path().join("lake"));
    let sibling = at(&dir.path().join("lake2/b.csv"));
    assert_eq!(
        store.read(&sibling, 0..1).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
    let first = store
        .list(&at(&dir.path().join("lake2")))
        .next()
        .await
        .unwrap();
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn only_allowed_folders_can_be_roots() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "lake/a.csv", "a");
    put(dir.path(), "other/a.csv", "a");
    symlink(dir.path().join("other"), dir.path().join("lake/other")).unwrap();
    let stores = stores(StorageConfig {
        allow_file_roots: vec![dir.path().join("lake")],
        ..StorageConfig::default()
    });
    let open = |path: &str| {
        let root = at(&dir.path().join(path));
        stores.open(&Place::new(&root, StorageSettings::default()))
    };
    assert!(open("lake").unwrap().check().await.is_ok());
    assert_eq!(open("other").unwrap_err().field(), Some("location"));
    assert_eq!(
        open("lake/other")
            .unwrap()
            .check()
            .await
            .unwrap_err()
            .field(),
        Some("location")
    );
}

#[tokio::test]
async fn what_is_missing_or_closed_says_so() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "closed/a.csv", "a");
    let store = open(dir.path());
    let missing = store
        .read(&at(&dir.path().join("no.csv")), 0..1)
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let folder = store
        .read(&at(&dir.path().join("closed")), 0..1)
        .await
        .unwrap_err();
    assert_eq!(folder.kind(), ErrorKind::NotFound);
    let gone = open(&dir.path().join("gone")).check().await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert!(gone.public_message().contains("does not exist"));

    let closed = dir.path().join("closed");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let listed = listing(&store).await;
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).unwrap();
    // The superuser may read everything.
    match listed.get("closed") {
        Some(entry) => assert!(entry.clone().unwrap_err().contains("no permission")),
        None => assert_eq!(listed["closed/a.csv"], Ok(1)),
    }
}

#[tokio::test]
async fn many_files_come_in_batches() {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..3000 {
        std::fs::write(dir.path().join(format!("{index}.csv")), "").unwrap();
    }
    assert_eq!(listing(&open(dir.path())).await.len(), 3000);
}

#[tokio::test]
async fn folders_that_are_walked_at_once_are_each_listed_once() {
    let dir = tempfile::tempdir().unwrap();
    // More folders side by side than are handed from a walk to others, and some in each.
    for outer in 0..150 {
        for inner in 0..3 {
            put(dir.path(), &format!("{outer}/{inner}/a.csv"), "x");
        }
    }
    let store = open(dir.path());
    let listed: Vec<_> = store.list(store.root()).collect().await;
    let locations: std::collections::BTreeSet<String> = listed
        .iter()
        .map(|listed| match listed.as_ref().unwrap() {
            Listed::Object(meta) => meta.location.to_string(),
            Listed::Refused { path, cause } => panic!("{path}: {cause}"),
        })
        .collect();
    assert_eq!((listed.len(), locations.len()), (450, 450));
}

#[tokio::test]
async fn folders_are_read_to_one_depth_whoever_walks_them() {
    let dir = tempfile::tempdir().unwrap();
    let deep = |levels: usize| format!("{}a.csv", "d/".repeat(levels));
    for levels in [127, 128] {
        put(dir.path(), &deep(levels), "x");
    }
    let below = "d/".repeat(128);
    // Handed on from level to level; and, where enough others wait already, gone into at once.
    for siblings in [0, 300] {
        for sibling in 0..siblings {
            std::fs::create_dir(dir.path().join(format!("{sibling}"))).unwrap();
        }
        let listed = listing(&open(dir.path())).await;
        assert_eq!(listed[&deep(127)], Ok(1), "{siblings}");
        let cause = listed[below.trim_end_matches('/')].clone().unwrap_err();
        assert!(cause.contains("128 levels"), "{siblings}: {cause}");
        assert_eq!(listed.len(), 2, "{siblings}");
    }
}

#[tokio::test]
async fn a_folder_that_is_gone_when_its_turn_comes_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..3000 {
        std::fs::write(dir.path().join(format!("{number}.csv")), "").unwrap();
    }
    for number in 0..200 {
        put(dir.path(), &format!("folder{number}/a.csv"), "x");
    }
    let store = open(dir.path());
    let mut listing = store.list(store.root());
    let first = listing.next().await.unwrap();
    assert!(first.is_ok());
    for number in 0..200 {
        std::fs::remove_dir_all(dir.path().join(format!("folder{number}"))).unwrap();
    }
    while let Some(listed) = listing.next().await {
        assert!(matches!(listed.unwrap(), Listed::Object(_)));
    }
}

#[tokio::test]
async fn what_is_written_is_read_again_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let file = at(&dir.path().join("a/b.json"));
    store.create(&file, "one".into()).await.unwrap();
    assert!(store.create(&file, "two".into()).await.is_err());
    assert_eq!(store.read_whole(&file, 3).await.unwrap(), "one");
    assert!(
        store.read_whole(&file, 2).await.is_err(),
        "larger than asked"
    );
    store.delete(&file).await.unwrap();
    store.delete(&file).await.unwrap();
    assert!(store.read_whole(&file, 3).await.is_err());
}

#[tokio::test]
async fn nothing_is_written_through_a_link_that_leads_out() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(outside.path(), dir.path().join("out")).unwrap();
    let store = open(dir.path());
    let through = at(&dir.path().join("out/deep/x"));
    assert!(store.create(&through, "x".into()).await.is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_link_is_deleted_and_not_what_it_leads_to() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "theirs/part.csv", "x");
    std::fs::create_dir(dir.path().join("mine")).unwrap();
    for (name, to) in [("file", "theirs/part.csv"), ("folder", "theirs")] {
        symlink(dir.path().join(to), dir.path().join("mine").join(name)).unwrap();
    }
    let store = open(dir.path());
    let behind = at(&dir.path().join("mine/folder/part.csv"));
    let error = store.delete(&behind).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for name in ["file", "folder", "folder", "gone/part.csv"] {
        let path = dir.path().join("mine").join(name);
        store.delete(&at(&path)).await.unwrap();
        assert!(path.symlink_metadata().is_err());
    }
    assert!(dir.path().join("theirs/part.csv").exists());
}

#[tokio::test]
async fn a_root_that_is_not_there_is_no_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("disk");
    put(&root, "t1/part.csv", "x");
    let store = open(&root);
    let part = at(&root.join("t1/part.csv"));
    store.read(&part, 0..1).await.unwrap();
    std::fs::rename(&root, dir.path().join("unmounted")).unwrap();
    let first = store.list(&at(&root.join("t1"))).next().await.unwrap();
    let prefix = format!("{}/", at(&root.join("t1")).path());
    let paging = Paging {
        prefix: &prefix,
        max: 10,
        ..Paging::default()
    };
    for error in [
        first.unwrap_err(),
        store.read(&part, 0..1).await.unwrap_err(),
        store.head(&part).await.unwrap_err(),
        store.delete(&part).await.unwrap_err(),
        store.list_page(paging).await.unwrap_err(),
        store.create(&part, "x".into()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
}
