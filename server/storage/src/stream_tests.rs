use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use weir_core::ErrorKind;
use weir_core::location::Location;
use weir_core::storage::{Place, StorageSettings};

use super::*;
use crate::seal::Keyring;
use crate::{StorageConfig, Stores};

fn at(path: &str) -> Location {
    Location::parse("location", &format!("s3://lake/w/{path}")).unwrap()
}

fn open(folder: &Path) -> Store {
    let settings = StorageSettings {
        folder: Some(folder.display().to_string()),
        ..StorageSettings::default()
    };
    let root = Location::parse("location", "s3://lake/w").unwrap();
    let stores = Stores::new(StorageConfig::default(), Keyring::fresh().unwrap());
    stores.open(&Place::new(&root, settings)).unwrap()
}

fn content(pieces: &[&'static [u8]]) -> Incoming {
    let pieces: Vec<Result<Bytes>> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from_static(piece)))
        .collect();
    Incoming {
        body: stream::iter(pieces).boxed(),
        length: None,
    }
}

async fn whole(store: &Store, location: &Location, span: Span) -> Vec<u8> {
    match store
        .open(location, span, &Conditions::default())
        .await
        .unwrap()
    {
        Answer::Found(found) => {
            let pieces: Vec<Bytes> = found.body.try_collect().await.unwrap();
            assert_eq!(
                pieces.iter().map(Bytes::len).sum::<usize>() as u64,
                found.range.end - found.range.start
            );
            pieces.concat()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_span_of_a_large_object_is_exactly_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..(3 << 20) + 17_u32).map(|n| (n % 253) as u8).collect();
    std::fs::write(dir.path().join("large"), &bytes).unwrap();
    let store = open(dir.path());
    let size = bytes.len();
    for (span, range) in [
        (Span::All, 0..size),
        (Span::Between(5, 9), 5..9),
        (Span::Between(500_000, 2_000_000), 500_000..2_000_000),
        (
            Span::Between(512 << 10, (512 << 10) + 1),
            512 << 10..(512 << 10) + 1,
        ),
        (Span::From(1 << 20), 1 << 20..size),
        (Span::Last(3), size - 3..size),
    ] {
        assert!(
            whole(&store, &at("large"), span).await == bytes[range],
            "{span:?}"
        );
    }
}

#[tokio::test]
async fn an_object_that_shrinks_while_it_is_read_ends_with_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    std::fs::write(&path, vec![1; 4 << 20]).unwrap();
    let found = match open(dir.path())
        .open(&at("large"), Span::All, &Conditions::default())
        .await
        .unwrap()
    {
        Answer::Found(found) => found,
        other => panic!("{other:?}"),
    };
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(10)
        .unwrap();
    let outcome: Result<Vec<Bytes>> = found.body.try_collect().await;
    assert!(outcome.unwrap_err().to_string().contains("changed while"));
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let body = stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(Error::unavailable("gone")),
    ])
    .boxed();
    let put = store
        .put(
            &at("a"),
            Incoming {
                body,
                length: Some(8),
            },
            &Mode::Overwrite,
        )
        .await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(!dir.path().join("a").exists());
    let left = std::fs::read_dir(dir.path().join(HIDDEN))
        .into_iter()
        .flatten()
        .count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn nothing_is_put_where_the_mode_expects_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let put = |mode: Mode, text: &'static str| {
        let store = store.clone();
        async move {
            store
                .put(&at("a"), content(&[text.as_bytes()]), &mode)
                .await
        }
    };
    let none = put(Mode::Replace("e".into()), "0").await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
    let first = put(Mode::Create, "1").await.unwrap();
    assert_eq!(
        put(Mode::Create, "2").await.unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    let etag = first.etag.clone().unwrap();
    assert_eq!(store.head(&at("a")).await.unwrap(), first);
    put(Mode::Replace(format!("\"{etag}\"")), "3")
        .await
        .unwrap();
    assert_eq!(
        put(Mode::Replace(etag), "4").await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(whole(&store, &at("a"), Span::All).await, b"3");
    put(Mode::Overwrite, "5").await.unwrap();
    assert_eq!(whole(&store, &at("a"), Span::All).await, b"5");
    let copied = store
        .copy(&at("a"), &at("deep/b"), &Mode::Create)
        .await
        .unwrap();
    assert_eq!((copied.size, copied.location), (1, at("deep/b")));
}

#[tokio::test]
async fn what_uploads_leave_is_in_no_listing_and_under_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let upload = store.begin_upload(&at("t/a")).await.unwrap();
    store
        .put_part(&at("t/a"), &upload, 1, content(&[b"x", b"y"]))
        .await
        .unwrap();
    assert!(
        dir.path()
            .join(HIDDEN)
            .join(&upload)
            .join("part-00001")
            .exists()
    );
    let listed: Vec<_> = store.list(store.root()).collect().await;
    assert!(listed.is_empty(), "{listed:?}");
    let page = store
        .list_page(Paging {
            prefix: "w/",
            max: 10,
            ..Paging::default()
        })
        .await;
    assert_eq!(page.unwrap(), Page::default());
    let hidden = at(&format!("{HIDDEN}/{upload}/part-00001"));
    assert_eq!(
        store.read(&hidden, 0..1).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        store.delete(&hidden).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let other = store
        .put_part(&at("t/b"), &upload, 1, content(&[b"x"]))
        .await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::NotFound);
    store.abort_upload(&at("t/a"), &upload).await.unwrap();
    assert!(!dir.path().join(HIDDEN).join(&upload).exists());
}

#[tokio::test]
async fn an_upload_that_was_given_up_is_swept_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = store.begin_upload(&at("a")).await.unwrap();
    let recent = store.begin_upload(&at("a")).await.unwrap();
    let folder = dir.path().join(HIDDEN).join(&old);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(8 * 24 * 3600);
    std::fs::File::open(&folder)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    store.begin_upload(&at("b")).await.unwrap();
    assert!(!folder.exists());
    assert!(dir.path().join(HIDDEN).join(&recent).exists());
}

#[tokio::test]
async fn a_page_is_of_the_root_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for prefix in ["", "w", "x/", "w2/", "w/../", "w//", "w/%2e%2e/"] {
        let page = store
            .list_page(Paging {
                prefix,
                max: 10,
                ..Paging::default()
            })
            .await;
        assert_eq!(page.unwrap_err().kind(), ErrorKind::Invalid, "{prefix}");
    }
}

/// Keys as they may lie in a folder: none is a folder of another.
fn keys() -> impl Strategy<Value = BTreeSet<String>> {
    let name = prop_oneof![
        Just("a"),
        Just("a-"),
        Just("a0"),
        Just("b"),
        Just("ü"),
        Just("b.c")
    ];
    let key = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    prop::collection::btree_set(key, 0..14).prop_map(|keys| {
        let below = |key: &String| {
            keys.iter()
                .any(|other| other.starts_with(&format!("{key}/")))
        };
        keys.iter()
            .filter(|key| !below(key))
            .map(|key| format!("w/{key}"))
            .collect()
    })
}

/// What S3 answers, by its definition: keys in order, folded after the prefix, one entry a fold.
fn expected(keys: &BTreeSet<String>, paging: &Paging<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(paging.prefix)) {
        let rest = &key[paging.prefix.len()..];
        let entry = match rest.find('/').filter(|_| paging.by_folder) {
            Some(slash) => format!("{}{}", paging.prefix, &rest[..=slash]),
            None => key.clone(),
        };
        let passed = paging
            .after
            .is_some_and(|after| key.as_str() <= after || (entry.ends_with('/') && entry == after));
        if !passed && all.last() != Some(&entry) {
            all.push(entry);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn pages_are_what_s3_would_list(
        keys in keys(),
        prefix in prop_oneof![Just("w/"), Just("w/a"), Just("w/a/"), Just("w/a/a"), Just("w/b"), Just("w/ü/")],
        after in prop::option::of(prop_oneof![Just("w/a"), Just("w/a/"), Just("w/a/a"), Just("w/a-/b"), Just("w/b/"), Just("w/b.c"), Just("v"), Just("x")]),
        by_folder in any::<bool>(),
        max in 1..5_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        for key in &keys {
            let path = dir.path().join(key.strip_prefix("w/").unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::create_dir_all(dir.path().join("a/void")).ok();
        let store = open(dir.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut found = Vec::new();
        let mut next = after.map(str::to_owned);
        loop {
            let page = runtime.block_on(store.list_page(Paging { prefix, by_folder, after: next.as_deref(), max, token: None })).unwrap();
            prop_assert!(page.entries.len() <= max);
            found.extend(page.entries.iter().map(Entry::key));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        prop_assert_eq!(found, expected(&keys, &Paging { prefix, by_folder, after, max, token: None }));
    }
}
