use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::TryStreamExt;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use tokio::task::JoinHandle;
use weir_core::storage::StorageSettings;

use super::*;
use crate::{Entry, Paging};

/// What keys are listed in the order of.
type Order = fn(&str) -> Vec<String>;

fn by_bytes(key: &str) -> Vec<String> {
    vec![key.to_owned()]
}

fn by_folder(key: &str) -> Vec<String> {
    key.split('/').map(str::to_owned).collect()
}

/// `ListObjectsV2` over some keys, as the API reference has it, with pages of a few.
struct Bucketful {
    keys: Vec<String>,
    order: Order,
    page: usize,
    requests: Mutex<Vec<HashMap<String, String>>>,
    /// Requests that are refused, by number.
    broken: Vec<usize>,
}

async fn answer(
    State(bucket): State<Arc<Bucketful>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let number = {
        let mut requests = bucket.requests.lock().unwrap();
        requests.push(query.clone());
        requests.len()
    };
    if bucket.broken.contains(&number) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let asked = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter) = (asked("prefix"), asked("delimiter"));
    let after = query
        .get("continuation-token")
        .cloned()
        .unwrap_or_else(|| asked("start-after"));
    let (mut objects, mut folders, mut last, mut more) =
        (Vec::new(), BTreeSet::new(), String::new(), false);
    for key in bucket
        .keys
        .iter()
        .filter(|key| key.starts_with(&prefix) && (bucket.order)(key) > (bucket.order)(&after))
    {
        let folder = (!delimiter.is_empty())
            .then(|| key[prefix.len()..].split_once('/'))
            .flatten()
            .map(|(name, _)| format!("{prefix}{name}/"));
        let is_new = folder
            .as_ref()
            .is_none_or(|folder| !folders.contains(folder));
        if is_new && objects.len() + folders.len() == bucket.page {
            more = true;
            break;
        }
        match folder {
            Some(folder) => drop(folders.insert(folder)),
            None => objects.push(key.clone()),
        }
        last.clone_from(key);
    }
    let objects: String = objects
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>e</ETag><Size>3</Size></Contents>"))
        .collect();
    let folders: String = folders
        .iter()
        .map(|folder| format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"))
        .collect();
    let next = match more {
        true => format!("<NextContinuationToken>{last}</NextContinuationToken>"),
        false => String::new(),
    };
    format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{objects}{folders}{next}</ListBucketResult>").into_response()
}

struct Heard {
    keys: Result<Vec<String>>,
    requests: Vec<HashMap<String, String>>,
}

async fn list(is_ordered: bool, keys: &[String], page: usize, broken: &[usize]) -> Heard {
    list_as(by_bytes, is_ordered, keys, page, broken).await
}

/// A server that lists, and its bucket.
struct Served {
    held: Arc<Bucketful>,
    bucket: Bucket,
    server: JoinHandle<std::io::Result<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn root() -> Location {
    Location::parse("l", "s3://lake/w").unwrap()
}

async fn served(
    order: Order,
    is_ordered: bool,
    keys: &[String],
    page: usize,
    broken: &[usize],
) -> Served {
    let mut keys = keys.to_vec();
    keys.sort_by_key(|key| order(key));
    let held = Arc::new(Bucketful {
        keys,
        order,
        page,
        requests: Mutex::default(),
        broken: broken.to_vec(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/{bucket}", get(answer))
        .with_state(Arc::clone(&held));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let settings = StorageSettings {
        endpoint: Some(endpoint),
        path_style: true,
        ..Default::default()
    };
    let credential = crate::S3Credential {
        access_key_id: "id".into(),
        secret_access_key: "secret".to_owned().into(),
        session_token: None,
    };
    let mut opened =
        Bucket::open(&root(), &settings, &crate::s3::Access::Keys(&credential)).unwrap();
    assert!(
        !opened.is_ordered,
        "nobody knows how a store of another make lists"
    );
    opened.is_ordered = is_ordered;
    Served {
        held,
        bucket: opened,
        server,
    }
}

async fn list_as(
    order: Order,
    is_ordered: bool,
    keys: &[String],
    page: usize,
    broken: &[usize],
) -> Heard {
    let served = served(order, is_ordered, keys, page, broken).await;
    let found: Result<Vec<Listed>> = served.bucket.list(&root()).try_collect().await;
    let keys = found.map(|found| {
        let keys = found.into_iter().map(|listed| match listed {
            Listed::Object(meta) => meta.location.path(),
            Listed::Refused { path, .. } => format!("refused {path}"),
        });
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        keys
    });
    let requests = served.held.requests.lock().unwrap().clone();
    Heard { keys, requests }
}

fn lake(days: usize, files: usize) -> Vec<String> {
    let keys = (0..days).flat_map(|day| {
        (0..files).map(move |file| format!("w/raw/events/day={day:04}/{file:04}.parquet"))
    });
    keys.collect()
}

#[tokio::test]
async fn what_fits_a_page_takes_one_request() {
    let keys = lake(5, 2);
    let found = list(true, &keys, 10, &[]).await;
    assert_eq!((found.keys.unwrap(), found.requests.len()), (keys, 1));
}

#[tokio::test]
async fn a_large_listing_is_cut_where_folders_fan_out_and_costs_few_requests_more() {
    let keys = lake(40, 20);
    let found = list(true, &keys, 50, &[]).await;
    assert_eq!(found.keys.unwrap(), keys);
    let pages = keys.len() / 50;
    let asked = found.requests.len();
    assert!(
        (pages..pages + PIECES + DEEP).contains(&asked),
        "{asked} requests for {pages} pages"
    );
    let starts: BTreeSet<_> = found
        .requests
        .iter()
        .filter_map(|query| query.get("start-after"))
        .collect();
    assert!(starts.len() > 8, "{starts:?}");
}

#[tokio::test]
async fn more_folders_than_a_page_has_are_cut_again() {
    let keys = lake(300, 2);
    let found = list(true, &keys, 50, &[]).await;
    assert_eq!(found.keys.unwrap(), keys);
}

#[tokio::test]
async fn a_store_without_an_order_is_listed_page_by_page() {
    let keys = lake(40, 20);
    let found = list(false, &keys, 50, &[]).await;
    assert_eq!(found.keys.unwrap(), keys);
    assert!(
        found
            .requests
            .iter()
            .all(|query| !query.contains_key("start-after") && !query.contains_key("delimiter"))
    );
}

#[tokio::test]
async fn a_listing_that_is_broken_off_goes_on_where_it_was() {
    let keys = lake(40, 20);
    // More at once than a range is forgiven: each counts its own.
    for broken in [3..6, 7..20, 15..18] {
        let broken: Vec<usize> = broken.collect();
        let found = list(true, &keys, 50, &broken).await;
        assert_eq!(found.keys.unwrap(), keys);
        let asked = found.requests.len() - broken.len();
        assert!(asked < keys.len() / 50 + PIECES + DEEP, "{asked}");
    }
}

#[tokio::test]
async fn a_first_page_that_is_refused_ends_it_and_so_do_many_in_a_row() {
    let keys = lake(40, 20);
    for broken in [vec![1], (7..400).collect()] {
        let found = list(true, &keys, 50, &broken).await;
        assert!(found.keys.is_err(), "{broken:?}");
    }
}

#[tokio::test]
async fn folders_that_cannot_be_told_leave_it_whole() {
    let keys = lake(40, 20);
    let found = list(true, &keys, 50, &[2]).await;
    assert_eq!(found.keys.unwrap(), keys);
}

fn key() -> impl Strategy<Value = String> {
    let segment = || {
        prop_oneof![
            Just("a"),
            Just("b"),
            Just("a-b"),
            Just("a0"),
            Just("z"),
            Just("ü")
        ]
    };
    prop::collection::vec(segment(), 1..5).prop_map(|segments| format!("w/{}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_key_is_listed_once(keys in prop::collection::btree_set(key(), 0..120), page in 1_usize..12) {
        let keys: Vec<String> = keys.into_iter().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(list(true, &keys, page, &[]));
        let mut expected = keys;
        expected.sort();
        prop_assert_eq!(found.keys.unwrap(), expected);
    }
}

/// SeaweedFS goes from folder to folder: `a/` before `a-b/`.
#[tokio::test]
async fn a_store_that_goes_from_folder_to_folder_is_listed_whole_or_not_at_all() {
    let keys = ["a/1", "a/2", "a-b/1", "a-b/2", "z/1"].map(|key| format!("w/{key}"));
    let mut sorted = keys.to_vec();
    sorted.sort();
    let walked = |is_ordered| list_as(by_folder, is_ordered, &keys, 2, &[]);
    assert_eq!(walked(false).await.keys.unwrap(), sorted);
    assert!(walked(true).await.keys.is_err());
}

#[tokio::test]
async fn pages_of_a_store_that_goes_from_folder_to_folder_have_each_key_once() {
    let keys = ["a/1", "a/2", "a-b/1", "a-b/2", "z/1"].map(|key| format!("w/{key}"));
    let mut expected = keys.to_vec();
    expected.sort();
    let served = served(by_folder, false, &keys, 2, &[]).await;
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let paging = Paging {
            prefix: "w/",
            token: token.as_deref(),
            max: 2,
            ..Paging::default()
        };
        let page = served.bucket.list_page(&root(), &paging).await.unwrap();
        found.extend(page.entries.iter().map(Entry::key));
        token = page.token;
        if page.next.is_none() {
            break;
        }
    }
    found.sort();
    assert_eq!(found, expected);
}
