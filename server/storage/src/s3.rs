//! S3 and what speaks its protocol; and a bucket of any object store, once its client is made.

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::ExposeSecret;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use weir_core::location::{Location, Scheme};
use weir_core::storage::StorageSettings;
use weir_core::{Error, Result};

use crate::config::{S3Credential, WebIdentity};
use crate::failure;
use crate::keys::CheckedListing;
use crate::s3_upload::Buffers;
use crate::store::{Listed, ObjectMeta, changed, too_large};
use crate::{azure, google, vend};

/// Amazon's directory buckets, which list in no order, are called so (Amazon S3 user guide).
const UNORDERED: &str = "--x-s3";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What a bucket asks of an object store.
pub trait Client: ObjectStore + MultipartStore + PaginatedListStore {}

impl<T: ObjectStore + MultipartStore + PaginatedListStore> Client for T {}

/// How the server shows who it is.
#[derive(Debug)]
pub enum Access<'a> {
    /// What the environment says: keys, a role of the container or the pod, or the machine's.
    Environment,
    Keys(&'a S3Credential),
    Federated(&'a WebIdentity),
}

/// How a bucket makes credentials for engines.
#[derive(Debug)]
pub enum Vending {
    S3(Box<vend::Role>),
    Google(google::Maker),
    Azure(azure::Maker),
    /// And why not.
    None(&'static str),
}

pub struct Bucket {
    /// The bucket alone; listed keys are below it.
    pub(crate) root: Location,
    pub(crate) client: Arc<dyn Client>,
    pub(crate) buffers: Buffers,
    /// Is it listed in the order of the keys' bytes?
    pub(crate) is_ordered: bool,
    /// Whose protocol the store itself speaks, whatever it is reached as.
    pub(crate) protocol: Scheme,
    vending: Vending,
}

impl fmt::Debug for Bucket {
    /// Clients show the keys they sign with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.root)
    }
}

impl Bucket {
    /// Errors: settings that make no client.
    pub fn open(root: &Location, settings: &StorageSettings, access: &Access<'_>) -> Result<Self> {
        if settings
            .region
            .as_deref()
            .is_some_and(|region| !is_region(region))
        {
            return Err(Error::invalid("region", "This is no name of a region."));
        }
        let mut builder = address(builder(access), root.bucket(), settings);
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        // Amazon's is; of others that speak its protocol SeaweedFS, for one, goes from folder to folder.
        let is_ordered = builder
            .get_config_value(&AmazonS3ConfigKey::Endpoint)
            .is_none()
            && !root.bucket().ends_with(UNORDERED);
        builder = builder
            .with_bucket_name(root.bucket())
            .with_retry(retries())
            .with_client_options(client_options(settings))
            .with_http_connector(CheckedListing::S3);
        let mut client = built(builder.clone())?;
        let role = vend::Role::new(Arc::clone(client.credentials()), settings)?;
        if settings.assume_role {
            role.arn()?;
            let own = vend::OwnSession::of(role.clone());
            client = built(builder.with_credentials(Arc::new(own)))?;
        }
        Ok(Self {
            is_ordered,
            ..Self::over(root, Arc::new(client), Vending::S3(Box::new(role)))
        })
    }

    /// The bucket that `root` lies in.
    pub(crate) fn over(root: &Location, client: Arc<dyn Client>, vending: Vending) -> Self {
        Self {
            root: root.top(),
            client,
            buffers: Buffers::default(),
            is_ordered: root.scheme() == Scheme::Gs,
            protocol: root.scheme(),
            vending,
        }
    }

    /// For the bucket of an `s3` location, whose keys are those of this one. What it would make for engines is for this one's own
    /// clients, so it makes nothing.
    pub(crate) fn standing_in(self, root: &Location) -> Self {
        Self {
            root: root.top(),
            vending: Vending::None("Engines reach this location through the gateway."),
            ..self
        }
    }

    /// With the room for writes that it shares with others.
    pub(crate) fn sharing(self, buffers: &Buffers) -> Self {
        Self {
            buffers: buffers.clone(),
            ..self
        }
    }

    pub async fn vend(&self, request: &vend::Request<'_>) -> Result<vend::Vended> {
        match &self.vending {
            Vending::S3(role) => role.vend(request).await,
            Vending::Google(maker) => maker.vend(request).await,
            Vending::Azure(maker) => maker.vend(request).await,
            Vending::None(why) => Err(Error::unsupported(*why)),
        }
    }

    pub async fn read(&self, location: &Location, range: Range<u64>) -> Result<Bytes> {
        self.client.get_range(&key(location)?, range).await.map_err(
            |error| match failure::is_beyond(&error) {
                true => changed(location).source(error),
                false => failure::from_store(location, error),
            },
        )
    }

    pub async fn read_whole(&self, location: &Location, limit: u64) -> Result<Bytes> {
        let found = self.client.get(&key(location)?).await;
        let found = found.map_err(|error| failure::from_store(location, error))?;
        if found.meta.size > limit {
            return Err(too_large(location, limit));
        }
        let content = found.bytes().await;
        content.map_err(|error| failure::from_store(location, error))
    }

    pub async fn create(&self, location: &Location, content: Bytes) -> Result<()> {
        let put = self.client.put(&key(location)?, content.into()).await;
        put.map(drop)
            .map_err(|error| failure::from_store(location, error))
    }

    pub async fn delete(&self, location: &Location) -> Result<()> {
        match self.client.delete(&key(location)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure::from_store(location, error)),
        }
    }
}

/// A name that stays one part of the host that it is put into: web identity tokens are sent to `sts.<region>.amazonaws.com`.
pub fn is_region(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

fn builder(access: &Access<'_>) -> AmazonS3Builder {
    match access {
        Access::Environment => AmazonS3Builder::from_env(),
        Access::Keys(keys) => {
            let builder = AmazonS3Builder::new()
                .with_access_key_id(&keys.access_key_id)
                .with_secret_access_key(keys.secret_access_key.expose_secret());
            match &keys.session_token {
                Some(token) => builder.with_token(token.expose_secret()),
                None => builder,
            }
        }
        // Its token goes to AWS and nowhere else, whatever address of STS a location names.
        Access::Federated(identity) => AmazonS3Builder::new()
            .with_config(AmazonS3ConfigKey::RoleArn, &identity.role_arn)
            .with_config(
                AmazonS3ConfigKey::WebIdentityTokenFile,
                identity.web_identity_token_file.to_string_lossy(),
            ),
    }
}

fn built(builder: AmazonS3Builder) -> Result<AmazonS3> {
    builder.build().map_err(|error| {
        let message = "These storage settings do not make an S3 client.";
        Error::invalid("endpoint", message).source(error)
    })
}

pub(crate) fn key(location: &Location) -> Result<Path> {
    Path::parse(location.path()).map_err(|error| failure::from_store(location, error.into()))
}

/// Where requests go: the bucket in the host's name, or in the path.
fn address(builder: AmazonS3Builder, bucket: &str, settings: &StorageSettings) -> AmazonS3Builder {
    let Some(endpoint) = settings.endpoint.as_deref() else {
        // A dot in the bucket's name does not fit the certificate of a host below amazonaws.com, and an endpoint from the
        // environment does not name the bucket.
        let from_environment = builder
            .get_config_value(&AmazonS3ConfigKey::Endpoint)
            .is_some();
        let in_host = !settings.path_style && !from_environment && !bucket.contains('.');
        return builder.with_virtual_hosted_style_request(in_host);
    };
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some((scheme, host)) if !settings.path_style => builder
            .with_endpoint(format!("{scheme}://{bucket}.{host}"))
            .with_virtual_hosted_style_request(true),
        _ => builder
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(false),
    }
}

pub(crate) fn client_options(settings: &StorageSettings) -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT)
        .with_allow_http(is_plain_http(settings))
}

fn is_plain_http(settings: &StorageSettings) -> bool {
    settings
        .endpoint
        .as_ref()
        .is_some_and(|endpoint| endpoint.starts_with("http://"))
}

pub(crate) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 4,
        retry_timeout: Duration::from_secs(60),
    }
}

pub(crate) fn listed(bucket: &Location, object: object_store::ObjectMeta) -> Listed {
    // The key as it is: nothing is decoded or encoded on the way to the location.
    let text = format!("{bucket}/{}", object.location.as_ref());
    match Location::parse("key", &text) {
        Ok(location) => Listed::Object(ObjectMeta {
            location,
            size: object.size,
            modified: object.last_modified,
            etag: object.e_tag,
        }),
        Err(error) => refused(
            bucket,
            object.location.as_ref(),
            error.public_message().to_owned(),
        ),
    }
}

pub(crate) fn refused(bucket: &Location, key: &str, cause: String) -> Listed {
    Listed::Refused {
        path: failure::shown(&format!("{bucket}/{key}")),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    #[test]
    fn a_region_stays_one_part_of_a_host() {
        for region in [
            "eu-central-1",
            "us-gov-west-1",
            "auto",
            "RegionOne",
            "my_region",
        ] {
            assert!(is_region(region), "{region}");
        }
        for region in [
            "",
            "evil.example/",
            "a.b",
            "a#",
            "a?b",
            "a@b",
            "a b",
            &"a".repeat(65),
        ] {
            assert!(!is_region(region), "{region}");
            let settings = StorageSettings {
                region: Some(region.to_owned()),
                ..Default::default()
            };
            let root = Location::parse("l", "s3://lake/raw").unwrap();
            let error = Bucket::open(&root, &settings, &Access::Environment).unwrap_err();
            assert_eq!(error.field(), Some("region"), "{region}");
        }
    }

    #[test]
    fn a_key_stays_as_it_is() {
        let bucket = Location::parse("l", "s3://lake").unwrap();
        for key in [
            "a b/c.csv",
            "a%20b.csv",
            "dt=2024-01-01%2012/ü'\"~{}.parquet",
            "a+b&c",
        ] {
            let object = object_store::ObjectMeta {
                location: Path::parse(key).unwrap(),
                last_modified: chrono::Utc::now(),
                size: 1,
                e_tag: None,
                version: None,
            };
            let Listed::Object(meta) = listed(&bucket, object) else {
                panic!("{key} was refused")
            };
            assert_eq!(meta.location.path(), key);
            assert_eq!(Path::parse(meta.location.path()).unwrap().as_ref(), key);
        }
    }

    /// Answers each connection with the next of `answers` and hands back the request lines.
    async fn serve(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut lines = Vec::new();
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 16 << 10];
                let read = socket.read(&mut request).await.unwrap();
                let text = String::from_utf8_lossy(&request[..read]).into_owned();
                lines.push(text.lines().next().unwrap_or_default().to_owned());
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
            lines
        });
        (endpoint, server)
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn at_endpoint(endpoint: String) -> Bucket {
        let credential = crate::S3Credential {
            access_key_id: "id".into(),
            secret_access_key: "secret".to_owned().into(),
            session_token: None,
        };
        let settings = StorageSettings {
            endpoint: Some(endpoint),
            path_style: true,
            ..Default::default()
        };
        let root = Location::parse("l", "s3://lake/raw").unwrap();
        Bucket::open(&root, &settings, &Access::Keys(&credential)).unwrap()
    }

    fn page(key: &str, token: &str) -> String {
        let entry = format!(
            "<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size></Contents>"
        );
        let odd = entry.replace(key, "raw//odd");
        let more = match token {
            "" => "<IsTruncated>false</IsTruncated>".to_owned(),
            token => format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
            ),
        };
        answer(
            "200 OK",
            "",
            &format!("<ListBucketResult>{entry}{odd}{more}</ListBucketResult>"),
        )
    }

    #[tokio::test]
    async fn every_page_is_listed_and_an_odd_key_is_reported() {
        let unavailable = answer("503 Slow Down", "", "");
        let answers = vec![
            page("raw/a%20b.csv", "next"),
            unavailable,
            page("raw/c &amp; d.csv", ""),
        ];
        let (endpoint, server) = serve(answers).await;
        let prefix = Location::parse("l", "s3://lake/raw").unwrap();
        let listed: Vec<_> = at_endpoint(endpoint).list(&prefix).collect().await;
        let shown: Vec<_> = listed
            .into_iter()
            .map(|listed| match listed.unwrap() {
                Listed::Object(meta) => meta.location.to_string(),
                Listed::Refused { path, .. } => format!("refused {path}"),
            })
            .collect();
        let odd = "refused s3://lake/raw//odd";
        assert_eq!(
            shown,
            [
                "s3://lake/raw/a%20b.csv",
                odd,
                "s3://lake/raw/c & d.csv",
                odd
            ]
        );
        let lines = server.await.unwrap();
        assert!(lines[0].contains("prefix=raw%2F"), "{lines:?}");
        assert!(lines[2].contains("continuation-token=next"), "{lines:?}");
    }

    #[tokio::test]
    async fn a_key_is_asked_for_as_it_was_listed_and_a_refusal_is_explained() {
        let part = "Content-Range: bytes 1-2/9\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nETag: \"e\"\r\n";
        let answers = vec![
            answer("206 Partial Content", part, "bc"),
            answer("403 Forbidden", "", ""),
        ];
        let (endpoint, server) = serve(answers).await;
        let bucket = at_endpoint(endpoint);
        let location = Location::parse("l", "s3://lake/raw/a%20b ü.csv").unwrap();
        assert_eq!(bucket.read(&location, 1..3).await.unwrap(), "bc");
        let error = bucket.read(&location, 1..3).await.unwrap_err();
        assert!(
            error.public_message().contains("refused access"),
            "{error:?}"
        );
        let lines = server.await.unwrap();
        assert!(
            lines[0].starts_with("GET /lake/raw/a%2520b%20%C3%BC.csv "),
            "{lines:?}"
        );
    }
}
