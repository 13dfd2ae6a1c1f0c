//! Credentials for Google's storage against a store that holds to their boundary. No store that does so can be had, so it is
//! our own: it reads the boundary as it was sent, and evaluates its condition for each request.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod cel;
mod fake;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use ring::signature::{KeyPair, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use weir_core::delivery::Access;
use weir_core::location::Location;
use weir_core::{ErrorKind, Result};
use weir_storage::vend::gcs::{Endpoints, ServiceAccount, access_token, attached_token, downscope};
use weir_storage::vend::{AccessToken, Request, Vended, client};

use fake::{Fake, OWN_TOKEN};

/// Made for this test, and good for nothing else.
const KEY: &str = include_str!("throwaway_key.pem");

/// Names that mean something to CEL, JSON, forms or URLs, if they are let.
const NAMES: [&str; 12] = [
    "sales/t1",
    "sales/o'hare",
    "sales/50%27 off+",
    "sales/a') || true || ''.startsWith('",
    "sales/a%27) || true || %27%27.startsWith(%27",
    "sales/b\"}}]}}, \"x\": \"",
    "sales/c%22%7D",
    "sales/$d{e}`f`",
    "sales/&options=g",
    "sales/h=*",
    "日本/é",
    "sales/\u{2028}",
];

const NOW: i64 = 1_795_600_800;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

async fn fake(decodes_twice: bool) -> Fake {
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    Fake::start(public, decodes_twice).await
}

fn endpoints(fake: &Fake) -> Endpoints {
    Endpoints {
        token: format!("{}/token", fake.address),
        exchange: format!("{}/v1/token", fake.address),
        metadata: fake.address.clone(),
    }
}

fn account(email: &str) -> ServiceAccount {
    let file = serde_json::json!({
        "type": "service_account",
        "client_email": email,
        "private_key_id": "k1",
        "private_key": KEY,
        "token_uri": "http://127.0.0.1:1/never",
    });
    ServiceAccount::parse(&file.to_string().into()).unwrap()
}

const T1: (&str, Access) = ("t1", Access::Read);

async fn own_token(fake: &Fake) -> AccessToken {
    let account = account("weir@lake.example");
    access_token(&client().unwrap(), &endpoints(fake), &account, now())
        .await
        .unwrap()
}

async fn vended(
    client: &reqwest::Client,
    endpoints: &Endpoints,
    own: &AccessToken,
    (prefix, access): (&str, Access),
) -> Result<Vended> {
    let prefix = Location::parse("location", &format!("gs://lake/{prefix}")).unwrap();
    let request = Request {
        prefix: &prefix,
        access,
        who: "ann",
        lifetime: TimeDelta::minutes(15),
    };
    downscope(client, endpoints, own, &request, now()).await
}

/// Asks the store with a credential as an engine does.
struct Engine {
    address: String,
    token: String,
    client: reqwest::Client,
}

impl Engine {
    async fn with(fake: &Fake, prefix: &str, access: Access) -> Self {
        let client = client().unwrap();
        let own = AccessToken {
            token: OWN_TOKEN.to_owned().into(),
            expires_at: now(),
        };
        let vended = vended(&client, &endpoints(fake), &own, (prefix, access)).await;
        let vended = vended.unwrap();
        Self {
            client,
            address: fake.address.clone(),
            token: vended.config["gcs.oauth2.token"].expose_secret().to_owned(),
        }
    }

    async fn ask(&self, method: Method, object: &str) -> StatusCode {
        let mut url = url::Url::parse(&self.address).unwrap();
        let escaped = object.split('/').map(|part| {
            percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        });
        url.set_path(&escaped.collect::<Vec<_>>().join("/"));
        self.send(self.client.request(method, url)).await
    }

    async fn list(&self, bucket: &str, prefix: Option<&str>) -> StatusCode {
        let request = self.client.get(format!("{}/{bucket}", self.address));
        self.send(request.query(&prefix.map(|prefix| [("prefix", prefix)])))
            .await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> StatusCode {
        request
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap()
            .status()
    }
}

const OK: StatusCode = StatusCode::OK;
const NO: StatusCode = StatusCode::FORBIDDEN;

#[tokio::test]
async fn a_token_reaches_its_own_table_and_no_other() {
    for decodes_twice in [false, true] {
        let fake = fake(decodes_twice).await;
        for name in NAMES {
            let own = format!("lake/{name}/data/a.parquet");
            let others = [
                format!("lake/{name}0/data/a.parquet"),
                format!("lake/{name}"),
                "lake/other/a.parquet".to_owned(),
                "lake/sales/a".to_owned(),
                format!("lake2/{name}/data/a.parquet"),
            ];
            others
                .iter()
                .chain([&own])
                .for_each(|object| fake.put(object));
            for access in [Access::Read, Access::Add, Access::Change] {
                let engine = Engine::with(&fake, name, access).await;
                let about = format!("{name} {access} {decodes_twice}");
                assert_eq!(engine.ask(Method::GET, &own).await, OK, "{about}");
                for other in &others {
                    for method in [Method::GET, Method::PUT, Method::DELETE] {
                        let answer = engine.ask(method.clone(), other).await;
                        assert_eq!(answer, NO, "{method} {other} {about}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_listing_stays_below_the_table() {
    for decodes_twice in [false, true] {
        let fake = fake(decodes_twice).await;
        for name in NAMES {
            let engine = Engine::with(&fake, name, Access::Read).await;
            let (inside, deeper) = (format!("{name}/"), format!("{name}/data/p=1"));
            for prefix in [&inside, &deeper] {
                let answer = engine.list("lake", Some(prefix)).await;
                assert_eq!(answer, OK, "{prefix} {decodes_twice}");
            }
            let (short, sibling) = (name.to_owned(), format!("{name}0/"));
            for prefix in ["", "sales", "sales/", "other/", "true", &short, &sibling] {
                let answer = engine.list("lake", Some(prefix)).await;
                assert_eq!(answer, NO, "{prefix} of {name} {decodes_twice}");
            }
            assert_eq!(engine.list("lake", None).await, NO, "{name}");
            assert_eq!(engine.list("lake2", Some(&inside)).await, NO, "{name}");
        }
    }
}

#[tokio::test]
async fn what_may_be_done_is_what_the_access_says() {
    let fake = fake(false).await;
    let (old, new) = ("lake/sales/t1/old", "lake/sales/t1/new");
    fake.put(old);
    let read = Engine::with(&fake, "sales/t1", Access::Read).await;
    assert_eq!(read.ask(Method::GET, old).await, OK);
    for (method, object) in [
        (Method::PUT, new),
        (Method::PUT, old),
        (Method::DELETE, old),
    ] {
        assert_eq!(
            read.ask(method.clone(), object).await,
            NO,
            "{method} {object}"
        );
    }
    let add = Engine::with(&fake, "sales/t1", Access::Add).await;
    assert_eq!(add.ask(Method::PUT, old).await, NO, "over what is there");
    assert_eq!(add.ask(Method::DELETE, old).await, NO);
    assert_eq!(add.ask(Method::PUT, new).await, OK);
    let change = Engine::with(&fake, "sales/t1", Access::Change).await;
    assert_eq!(change.ask(Method::PUT, old).await, OK);
    assert_eq!(change.ask(Method::DELETE, old).await, OK);
    assert_eq!(change.ask(Method::GET, old).await, StatusCode::NOT_FOUND);
}

/// Without its escapes the same boundary opens the bucket here, so the tests above would see it.
#[tokio::test]
async fn the_fake_is_taken_in_by_a_name_that_breaks_out() {
    let asked = cel::Request {
        resource: "projects/_/buckets/lake/objects/other/a",
        prefix: None,
    };
    let naive = |name: &str| {
        let condition =
            format!("resource.name.startsWith('projects/_/buckets/lake/objects/{name}/')");
        cel::holds(&condition, &asked)
    };
    assert_eq!(naive("sales/a') || true || ''.startsWith('"), Ok(true));
    assert_eq!(naive("t1"), Ok(false));
    assert_eq!(naive("other"), Ok(true));
    assert_eq!(
        cel::holds("resource.name.startsWith('projects", &asked).ok(),
        None
    );
}

#[tokio::test]
async fn it_ends_no_later_than_the_token_it_is_made_from() {
    let fake = fake(false).await;
    let own = own_token(&fake).await;
    assert_eq!(own.token.expose_secret(), OWN_TOKEN);
    assert_eq!(own.expires_at.timestamp(), NOW + 3599);
    let client = client().unwrap();
    let vended = vended(&client, &endpoints(&fake), &own, T1).await.unwrap();
    assert_eq!(vended.expires_at, own.expires_at);
    let told = vended.config["gcs.oauth2.token-expires-at"].expose_secret();
    assert_eq!(told, ((NOW + 3599) * 1000).to_string());
    assert_eq!(vended.config.len(), 2);
    assert!(!format!("{vended:?}").contains("bound-"));
}

#[tokio::test]
async fn the_account_of_the_machine_makes_them_without_a_key() {
    let fake = fake(false).await;
    let client = client().unwrap();
    let own = attached_token(&client, &endpoints(&fake), now()).await;
    let own = own.unwrap();
    assert_eq!(own.expires_at.timestamp(), NOW + 1199);
    let vended = vended(&client, &endpoints(&fake), &own, T1).await.unwrap();
    assert_eq!(vended.expires_at, own.expires_at);
    let nowhere = Endpoints {
        metadata: "http://127.0.0.1:1".to_owned(),
        ..endpoints(&fake)
    };
    let error = attached_token(&client, &nowhere, now()).await.unwrap_err();
    assert!(
        error
            .public_message()
            .contains("metadata server does not answer")
    );
}

#[tokio::test]
async fn a_service_that_refuses_is_named_and_nothing_secret_is_told() {
    let fake = fake(false).await;
    let own = own_token(&fake).await;
    let (client, stranger) = (client().unwrap(), account("else@lake.example"));
    let error = access_token(&client, &endpoints(&fake), &stranger, now()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.public_message().contains("(invalid_grant)"));
    let stolen = AccessToken {
        token: "hush".to_owned().into(),
        ..own.clone()
    };
    let error = vended(&client, &endpoints(&fake), &stolen, T1)
        .await
        .unwrap_err();
    assert!(
        error.public_message().contains("(invalid_token)"),
        "{error:?}"
    );
    for (path, told) in [
        ("refuse", "access_denied"),
        ("flood", "great length"),
        ("v1/none", "401"),
    ] {
        let endpoints = Endpoints {
            exchange: format!("{}/{path}", fake.address),
            ..endpoints(&fake)
        };
        let error = vended(&client, &endpoints, &own, T1).await.unwrap_err();
        assert!(error.public_message().contains(told), "{error:?}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
    let nowhere = Endpoints {
        exchange: "http://127.0.0.1:1/".to_owned(),
        ..endpoints(&fake)
    };
    let error = vended(&client, &nowhere, &own, T1).await.unwrap_err();
    assert!(error.public_message().contains("does not answer"));
    assert!(!format!("{error:?}").contains(OWN_TOKEN));
}
