//! Signatures of Azure against Azurite, which enforces those for a container. It knows none for a directory: what those are is
//! held against Microsoft's own library beside the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use axum::extract::{Form, Path, Query};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use reqwest::{Client, Method, StatusCode};
use ring::hmac;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use weir_core::delivery::Access;
use weir_core::location::Location;
use weir_core::storage::{Place, StorageSettings};
use weir_storage::seal::Keyring;
use weir_storage::vend::azure::{
    Endpoints, Identity, Reach, access_token, delegate, delegation_key, sign,
};
use weir_storage::vend::{Request, Vended};
use weir_storage::{AccountKey, ClientSecret, Credential, Listed, StorageConfig, Stores};

const ACCOUNT: &str = "devstoreaccount1";
/// The one that every emulator has, as its documentation says.
const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The emulator, until it is dropped.
struct Azurite {
    address: String,
    process: Child,
    _folder: TempDir,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where npm put it: the package's own folder.
fn package() -> PathBuf {
    let package = PathBuf::from(std::env::var_os("AZURITE").expect("AZURITE names a folder"));
    let main = package.join("dist/src/blob/main.js");
    assert!(main.exists(), "no Azurite at {}", main.display());
    main
}

impl Azurite {
    /// With TLS, as tokens need it.
    async fn secured(client: &Client) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (cert, key) = (at("cert.pem"), at("key.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost"])
            .args(["-keyout", &key, "-out", &cert])
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("openssl makes a certificate").success());
        let flags = ["--oauth", "basic", "--cert", &cert, "--key", &key];
        Self::start(client, folder, "https", &flags).await
    }

    async fn start(client: &Client, folder: TempDir, scheme: &str, flags: &[&str]) -> Self {
        let port = free_port();
        let process = Command::new("node")
            .arg(package())
            .args(["--silent", "--disableTelemetry", "--inMemoryPersistence"])
            .args(["--skipApiVersionCheck", "--blobHost", "127.0.0.1"])
            .args(["--blobPort", &port.to_string()])
            .args(flags)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("node starts Azurite");
        let started = Self {
            address: format!("{scheme}://127.0.0.1:{port}/{ACCOUNT}"),
            process,
            _folder: folder,
        };
        for _ in 0..200 {
            if client.get(&started.address).send().await.is_ok() {
                return started;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Azurite does not answer");
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A token as Azurite wants it: it reads the claims and no signature.
fn jwt() -> String {
    let now = Utc::now().timestamp();
    let part = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let tenant = "99999999-8888-7777-6666-555555555555";
    let claims = json!({
        "aud": "https://storage.azure.com", "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": now - 60, "nbf": now - 60, "exp": now + 3600, "tid": tenant, "oid": "11111111-2222-3333-4444-555555555555",
    });
    format!(
        "{}.{}.c2ln",
        part(json!({"alg": "RS256", "typ": "JWT"})),
        part(claims)
    )
}

async fn login(
    Path(tenant): Path<String>,
    Form(form): Form<HashMap<String, String>>,
) -> Json<Value> {
    assert_eq!(tenant, "corp.example");
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "https://storage.azure.com/.default");
    assert_eq!(
        (form["client_id"].as_str(), form["client_secret"].as_str()),
        ("weir", "s&cr=t")
    );
    Json(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": jwt()}))
}

async fn managed(Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["metadata"], "true");
    assert_eq!(query["resource"], "https://storage.azure.com/");
    assert_eq!(query["client_id"], "weir");
    Json(json!({"token_type": "Bearer", "expires_in": "3599", "access_token": jwt()}))
}

async fn identity_service() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(login))
        .route("/metadata", get(managed));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

struct Bench {
    client: Client,
    azurite: Azurite,
    endpoints: Endpoints,
}

impl Bench {
    async fn start() -> Self {
        let client = Client::builder()
            .danger_accept_invalid_certs(true)
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let azurite = Azurite::secured(&client).await;
        let services = identity_service().await;
        let bench = Self {
            endpoints: Endpoints {
                login: services.clone(),
                managed: format!("{services}/metadata"),
                store: Some(azurite.address.clone()),
            },
            client,
            azurite,
        };
        for made in [
            "lake?restype=container",
            "other?restype=container",
            "lake/t1/old",
            "other/t1/old",
        ] {
            let url = format!("{}/{made}", bench.azurite.address);
            let request = bench.client.put(url).bearer_auth(jwt());
            let answer = bench
                .send(request.body(if made.contains('?') { "" } else { "row" }))
                .await;
            assert_eq!(answer, StatusCode::CREATED, "{made}");
        }
        bench
    }

    async fn vended(&self, identity: &Identity, access: Access) -> Vended {
        let prefix = lake();
        let request = Request {
            prefix: &prefix,
            access,
            who: "ann",
            lifetime: TimeDelta::minutes(15),
        };
        let with = (identity, &self.endpoints);
        delegate(
            &self.client,
            with,
            Reach::OwnContainer,
            &request,
            Utc::now(),
        )
        .await
        .unwrap()
    }

    async fn ask(&self, method: Method, target: &str, sas: &str) -> StatusCode {
        let and = if target.contains('?') { '&' } else { '?' };
        let url = format!("{}/{target}{and}{sas}", self.azurite.address);
        let request = self.client.request(method, url);
        self.send(request.body("row")).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> StatusCode {
        let request = request.header("x-ms-version", "2022-11-02");
        let request = request.header("x-ms-blob-type", "BlockBlob");
        request.send().await.unwrap().status()
    }
}

fn lake() -> Location {
    let text = format!("abfss://lake@{ACCOUNT}.dfs.core.windows.net/t1");
    Location::parse("location", &text).unwrap()
}

fn application() -> Identity {
    Identity::Application(ClientSecret {
        tenant_id: "corp.example".into(),
        client_id: "weir".into(),
        client_secret: "s&cr=t".to_owned().into(),
    })
}

const LIST: &str = "lake?restype=container&comp=list&prefix=t1/";

#[tokio::test]
#[ignore = "needs Azurite, which tests/run.sh installs and names in AZURITE"]
async fn a_signature_does_what_its_access_says_in_its_container() {
    let bench = Bench::start().await;
    let no = StatusCode::FORBIDDEN;
    let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
    let sas = async |access| {
        let vended = bench.vended(&application(), access).await;
        vended.config["adls.sas-token"].expose_secret().to_owned()
    };
    let read = sas(Access::Read).await;
    assert_eq!(
        bench.ask(get.clone(), "lake/t1/old", &read).await,
        StatusCode::OK
    );
    assert_eq!(bench.ask(get.clone(), LIST, &read).await, StatusCode::OK);
    assert_eq!(bench.ask(get.clone(), "other/t1/old", &read).await, no);
    assert_eq!(
        bench
            .ask(get.clone(), &LIST.replace("lake", "other"), &read)
            .await,
        no
    );
    assert_eq!(bench.ask(put.clone(), "lake/t1/new", &read).await, no);
    assert_eq!(bench.ask(delete.clone(), "lake/t1/old", &read).await, no);
    let more = read.replace("sp=rl&", "sp=rcwdl&");
    assert_ne!(more, read);
    assert_eq!(bench.ask(delete.clone(), "lake/t1/old", &more).await, no);

    let add = sas(Access::Add).await;
    assert_eq!(
        bench.ask(put.clone(), "lake/t1/new", &add).await,
        StatusCode::CREATED
    );
    assert_eq!(bench.ask(put.clone(), "other/t1/new", &add).await, no);
    assert_eq!(bench.ask(delete.clone(), "lake/t1/old", &add).await, no);

    let change = sas(Access::Change).await;
    assert_eq!(
        bench.ask(delete.clone(), "lake/t1/old", &change).await,
        StatusCode::ACCEPTED
    );
    assert_eq!(bench.ask(delete, "other/t1/old", &change).await, no);
}

#[tokio::test]
#[ignore = "needs Azurite, which tests/run.sh installs and names in AZURITE"]
async fn a_signature_is_over_when_it_says() {
    let bench = Bench::start().await;
    let identity = Identity::Managed {
        client_id: Some("weir".into()),
    };
    let vended = bench.vended(&identity, Access::Read).await;
    let told = vended.expires_at - Utc::now();
    assert!(told <= TimeDelta::minutes(15) && told > TimeDelta::minutes(14));
    let sas = vended.config["adls.sas-token"].expose_secret();
    assert_eq!(
        bench.ask(Method::GET, "lake/t1/old", sas).await,
        StatusCode::OK
    );

    let now = Utc::now();
    let token = access_token(&bench.client, &identity, &bench.endpoints, now)
        .await
        .unwrap();
    let window = (now - TimeDelta::hours(3), now + TimeDelta::hours(1));
    let key = delegation_key(&bench.client, &bench.azurite.address, &token, window)
        .await
        .unwrap();
    let signed_at = async |moment: DateTime<Utc>| {
        let request = Request {
            prefix: &lake(),
            access: Access::Read,
            who: "ann",
            lifetime: TimeDelta::hours(1),
        };
        let sas = sign(&key, Reach::OwnContainer, &request, false, moment).unwrap();
        bench
            .ask(Method::GET, "lake/t1/old", sas.token.expose_secret())
            .await
    };
    assert_eq!(signed_at(now).await, StatusCode::OK);
    assert_eq!(
        signed_at(now - TimeDelta::hours(2)).await,
        StatusCode::FORBIDDEN
    );
}

/// Puts something with the account's own key ("Authorize with Shared Key").
async fn put(client: &Client, azurite: &Azurite, target: &str, canonical: &str) {
    let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = format!("x-ms-blob-type:BlockBlob\nx-ms-date:{date}\nx-ms-version:2022-11-02");
    let signed = format!("PUT\n\n\n3\n\n\n\n\n\n\n\n\n{headers}\n/{ACCOUNT}/{ACCOUNT}/{canonical}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(ACCOUNT_KEY).unwrap());
    let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let answer = client
        .put(format!("{}/{target}", azurite.address))
        .header("x-ms-blob-type", "BlockBlob")
        .header("x-ms-date", date)
        .header("x-ms-version", "2022-11-02")
        .header("Authorization", format!("SharedKey {ACCOUNT}:{signature}"))
        .body("row")
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(
        status,
        StatusCode::CREATED,
        "{}",
        answer.text().await.unwrap()
    );
}

#[tokio::test]
#[ignore = "needs Azurite, which tests/run.sh installs and names in AZURITE"]
async fn a_container_is_listed_read_and_written() {
    let client = Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let azurite = Azurite::start(&client, folder, "http", &[]).await;
    put(
        &client,
        &azurite,
        "lake?restype=container",
        "lake\nrestype:container",
    )
    .await;
    for odd in ["lake/t1//odd", "lake/t10/sibling"] {
        put(&client, &azurite, odd, odd).await;
    }
    let key = Credential::AzureAccount(AccountKey {
        account_key: ACCOUNT_KEY.to_owned().into(),
    });
    let config = StorageConfig {
        credentials: [("lake".to_owned(), key)].into(),
        ..StorageConfig::default()
    };
    let settings = StorageSettings {
        endpoint: Some(azurite.address.clone()),
        credential: Some("lake".to_owned()),
        ..StorageSettings::default()
    };
    let stores = Stores::new(config, Keyring::fresh().unwrap());
    let store = stores.open(&Place::new(&lake(), settings)).unwrap();
    store.check().await.unwrap();
    let mut made = Vec::new();
    for name in ["a%20b é.csv", "50% o'hare $x.csv", "dt=1"] {
        let at = lake().join(name).unwrap();
        store.create(&at, "rows of it".into()).await.unwrap();
        assert_eq!(store.read(&at, 0..4).await.unwrap(), "rows");
        assert_eq!(store.read_whole(&at, 100).await.unwrap(), "rows of it");
        made.push(at);
    }
    let listed: Vec<_> = store.list(&lake()).collect().await;
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for entry in listed {
        match entry.unwrap() {
            Listed::Object(meta) => found.push((meta.location, meta.size)),
            Listed::Refused { path, .. } => refused.push(path),
        }
    }
    found.sort();
    let mut expected: Vec<_> = made.iter().map(|at| (at.clone(), 10)).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(
        refused,
        [format!(
            "abfss://lake@{ACCOUNT}.dfs.core.windows.net/t1//odd"
        )]
    );
    let gone = &made[0];
    store.delete(gone).await.unwrap();
    store.delete(gone).await.unwrap();
    let error = store.read_whole(gone, 100).await.unwrap_err();
    assert_eq!(error.kind(), weir_core::ErrorKind::NotFound);
    let request = Request {
        prefix: &lake(),
        access: Access::Read,
        who: "ann",
        lifetime: TimeDelta::minutes(15),
    };
    let error = store.vend(&request).await.unwrap_err();
    assert_eq!(error.kind(), weir_core::ErrorKind::Unsupported);
}
