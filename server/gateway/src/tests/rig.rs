//! A gateway over a temporary folder, and a client that signs.

use futures::FutureExt;
use ring::{digest, hmac};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use weir_core::Error;
use weir_core::delivery::{Access, Claim, Subject};
use weir_core::id::{LocationId, PrincipalId, TableId};
use weir_core::location::Location;
use weir_core::storage::{Place, StorageSettings};
use weir_storage::seal::Keyring;
use weir_storage::{S3Credential, StorageConfig, Store, Stores};

use crate::{Door, Front, GatewayConfig, Pass, serve};

pub const KEY: &str = "WEIR0001";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

pub struct Rig {
    dir: tempfile::TempDir,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(GatewayConfig::default()).await
    }

    /// The store is `s3://lake/w`. Tokens name an access, a table and the key they are for: `change:t1:WEIR0001`.
    pub async fn with(config: GatewayConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("root");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(dir.path().join("outside.txt"), "outside").unwrap();
        let settings = StorageSettings {
            folder: Some(folder.display().to_string()),
            ..StorageSettings::default()
        };
        let rig = Self::over(dir, settings, StorageConfig::default(), config).await;
        rig.file("t1/a.bin", b"0123456789");
        rig.file("t10/foreign.bin", b"foreign");
        rig
    }

    /// A gateway whose store is an S3 of its own: this gateway, reached with a credential of it.
    pub async fn before(&self) -> Self {
        let settings = StorageSettings {
            endpoint: Some(format!("http://{}", self.address)),
            region: Some("us-east-1".to_owned()),
            path_style: true,
            credential: Some("lake".to_owned()),
            ..StorageSettings::default()
        };
        let credential = S3Credential {
            access_key_id: KEY.to_owned(),
            secret_access_key: secret(KEY).into(),
            session_token: Some(format!("change:t1:{KEY}").into()),
        };
        let config = StorageConfig {
            credentials: [("lake".to_owned(), credential)].into(),
            ..StorageConfig::default()
        };
        let dir = tempfile::tempdir().unwrap();
        Self::over(dir, settings, config, GatewayConfig::default()).await
    }

    async fn over(
        dir: tempfile::TempDir,
        settings: StorageSettings,
        storage: StorageConfig,
        config: GatewayConfig,
    ) -> Self {
        let root = Location::parse("url", "s3://lake/w").unwrap();
        let stores = Stores::new(storage, Keyring::fresh().unwrap());
        let store = stores.open(&Place::new(&root, settings)).unwrap();
        let door = Door::new(
            |key| key.starts_with("WEIR").then(|| secret(key).into()),
            move |key, token| {
                let admitted = admitted(&store, &key, &token);
                async move { admitted }.boxed()
            },
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let front = Front::new(door, &config);
        tokio::spawn(serve(listener, front, stop.clone(), Duration::from_secs(1)));
        Self { dir, address, stop }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join("root").join(below)
    }

    pub fn file(&self, below: &str, content: &[u8]) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Everything on the disk, uploads aside, with its content.
    pub fn disk(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        walk(self.dir.path(), &mut found);
        let root = format!("{}/", self.dir.path().display());
        let mut found: Vec<_> = found
            .into_iter()
            .map(|path| {
                (
                    path.display().to_string().replace(&root, ""),
                    std::fs::read(path).unwrap(),
                )
            })
            .filter(|(path, _)| !path.contains(".weir-uploads"))
            .collect();
        found.sort();
        found
    }

    /// What is left of uploads.
    pub fn drafts(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.path(".weir-uploads"), &mut found);
        found.retain(|path| path.file_name().unwrap() != "turn");
        found
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub async fn send(&self, ask: &Ask) -> Got {
        let mut stream = self.connect().await;
        stream.write_all(&ask.head()).await.unwrap();
        // A refusal may come before the whole body went.
        drop(stream.write_all(&ask.body).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        Got::parse(&answer)
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn admitted(store: &Store, key: &str, token: &str) -> weir_core::Result<Arc<Pass>> {
    let mut words = token.split(':');
    let access = words.next().unwrap();
    let (table, of) = (words.next(), words.next());
    if of != Some(key) {
        return Err(Error::unauthenticated("This is no token of that key."));
    }
    let access = match access {
        "read" => Access::Read,
        "add" => Access::Add,
        "change" => Access::Change,
        "over" => return Err(Error::unauthenticated("It is over.")),
        "revoked" => return Err(Error::denied("It does not hold any more.")),
        "panic" => panic!("as asked"),
        _ => return Err(Error::unavailable("The database does not answer.")),
    };
    let claim = Claim {
        principal: PrincipalId::new(),
        on: Subject::Table(TableId::new()),
        location: LocationId::new(),
        prefix: Location::parse("prefix", &format!("s3://lake/w/{}", table.unwrap())).unwrap(),
        access,
        expires_at: chrono::Utc::now() + chrono::TimeDelta::hours(1),
    };
    Ok(Arc::new(Pass {
        claim,
        store: store.clone(),
    }))
}

pub fn secret(key: &str) -> String {
    format!("secret of {key}")
}

#[derive(Clone)]
pub struct Ask {
    method: &'static str,
    /// As it goes over the wire.
    path: String,
    query: Vec<(String, String)>,
    signed: Vec<(String, String)>,
    loose: Vec<(String, String)>,
    pub body: Vec<u8>,
    key: String,
    secret: String,
    token: Option<String>,
    presigned: Option<u32>,
    payload: String,
    anonymous: bool,
    promised: Option<usize>,
}

/// A request for a key of the bucket, with a credential to change `t1`.
pub fn ask(method: &'static str, key: &str) -> Ask {
    raw(method, &format!("/lake/{}", encode(key, true)))
}

/// A request with its path as it is written.
pub fn raw(method: &'static str, path: &str) -> Ask {
    Ask {
        method,
        path: path.to_owned(),
        query: Vec::new(),
        signed: Vec::new(),
        loose: Vec::new(),
        body: Vec::new(),
        key: KEY.to_owned(),
        secret: secret(KEY),
        token: Some(format!("change:t1:{KEY}")),
        presigned: None,
        payload: UNSIGNED.to_owned(),
        anonymous: false,
        promised: None,
    }
}

pub fn list(prefix: &str) -> Ask {
    raw("GET", "/lake")
        .query("list-type", "2")
        .query("prefix", prefix)
}

impl Ask {
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.signed.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One that the signature does not cover.
    pub fn loose(mut self, name: &str, value: &str) -> Self {
        self.loose.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn access(self, access: &str) -> Self {
        self.token(Some(&format!("{access}:t1:{KEY}")))
    }

    pub fn token(mut self, token: Option<&str>) -> Self {
        self.token = token.map(str::to_owned);
        self
    }

    pub fn secret(mut self, key: &str, secret: &str) -> Self {
        (self.key, self.secret) = (key.to_owned(), secret.to_owned());
        self
    }

    pub fn presigned(mut self, seconds: u32) -> Self {
        self.presigned = Some(seconds);
        self
    }

    pub fn payload(mut self, payload: &str) -> Self {
        self.payload = payload.to_owned();
        self
    }

    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Promises more than there will be.
    pub fn promised(mut self, bytes: usize) -> Self {
        self.promised = Some(bytes);
        self
    }

    pub fn head(&self) -> Vec<u8> {
        let now = chrono::Utc::now().format("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/us-east-1/s3/aws4_request", &now[..8]);
        let mut signed = self.signed.clone();
        let mut query = self.query.clone();
        signed.push(("host".to_owned(), "lake.test".to_owned()));
        let credential = format!("{}/{scope}", self.key);
        if let Some(seconds) = self.presigned {
            signed.sort();
            for (name, value) in [
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                ("X-Amz-Credential", &credential),
                ("X-Amz-Date", &now),
                ("X-Amz-Expires", &seconds.to_string()),
                ("X-Amz-SignedHeaders", &names(&signed)),
            ] {
                query.push((name.to_owned(), value.to_owned()));
            }
            let token = self.token.iter();
            query.extend(token.map(|token| ("X-Amz-Security-Token".to_owned(), token.clone())));
        } else if !self.anonymous {
            signed.push(("x-amz-date".to_owned(), now.clone()));
            signed.push(("x-amz-content-sha256".to_owned(), self.payload.clone()));
            let token = self.token.iter();
            signed.extend(token.map(|token| ("x-amz-security-token".to_owned(), token.clone())));
            signed.sort();
        }
        let signature = self.signature(&signed, &query, &now, &scope);
        let mut headers = signed.clone();
        headers.extend(self.loose.clone());
        if self.presigned.is_some() {
            query.push(("X-Amz-Signature".to_owned(), signature));
        } else if !self.anonymous {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={}, Signature={signature}",
                names(&signed)
            );
            headers.push(("authorization".to_owned(), value));
        }
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{}", joined(&query))
        };
        let mut head = format!(
            "{} {}{query} HTTP/1.1\r\nconnection: close\r\n",
            self.method, self.path
        );
        let length = self.promised.unwrap_or(self.body.len());
        if length > 0 || self.method == "PUT" || self.method == "POST" {
            write!(head, "content-length: {length}\r\n").unwrap();
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    fn signature(
        &self,
        signed: &[(String, String)],
        query: &[(String, String)],
        now: &str,
        scope: &str,
    ) -> String {
        let path = percent_encoding::percent_decode_str(&self.path).decode_utf8_lossy();
        let mut query = query.to_vec();
        query.sort();
        let headers: String = signed
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            encode(&path, true),
            joined(&query),
            names(signed),
            self.payload
        );
        let text = format!(
            "AWS4-HMAC-SHA256\n{now}\n{scope}\n{}",
            sha256(canonical.as_bytes())
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for word in scope.split('/') {
            key = mac(&key, word.as_bytes());
        }
        hex(&mac(&key, text.as_bytes()))
    }
}

fn names(headers: &[(String, String)]) -> String {
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.join(";")
}

fn joined(query: &[(String, String)]) -> String {
    let pairs = query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name, false), encode(value, false)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(text: &str, is_path: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (is_path && byte == b'/') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

pub fn sha256(content: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, content).as_ref())
}

fn mac(key: &[u8], content: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, content).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Debug)]
pub struct Got {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Got {
    pub fn parse(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(answer)));
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut body = answer[end + 4..].to_vec();
        if headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value == "chunked")
        {
            body = unchunked(&body);
        }
        Self {
            status,
            headers,
            body,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The texts of an element.
    pub fn all(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = text.split(&open).skip(1);
        parts
            .map(|part| part.split(&close).next().unwrap().to_owned())
            .collect()
    }

    pub fn one(&self, name: &str) -> String {
        self.all(name)
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?} {}", self.text()))
    }

    /// Status and code, of an answer in S3's form.
    pub fn fault(&self) -> (u16, String) {
        (self.status, self.one("Code"))
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    whole
}
