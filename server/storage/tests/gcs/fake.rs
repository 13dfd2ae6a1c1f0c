//! Google's token services and its store, as far as a boundary shows: what it is sent is read, and then held to.

use axum::body::Bytes;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use super::cel;

type Answer = Result<Response, (StatusCode, Json<Value>)>;

/// What is known of the fake from outside.
#[derive(Clone)]
pub struct Fake {
    pub address: String,
    state: Arc<Shared>,
}

struct Shared {
    address: String,
    public_key: Vec<u8>,
    /// Clients of the real service differ in how often they encode the boundary; it reads both.
    decodes_twice: bool,
    objects: Mutex<BTreeMap<String, Bytes>>,
    boundaries: Mutex<HashMap<String, Boundary>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    access_boundary: Boundary,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Boundary {
    access_boundary_rules: Vec<Rule>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    available_resource: String,
    available_permissions: Vec<String>,
    availability_condition: Condition,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Condition {
    expression: String,
}

/// The token of the service account itself, which is not bound.
pub const OWN_TOKEN: &str = "own-token";

impl Fake {
    pub async fn start(public_key: Vec<u8>, decodes_twice: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Shared {
            address: address.clone(),
            public_key,
            decodes_twice,
            objects: Mutex::default(),
            boundaries: Mutex::default(),
        });
        let router = Router::new()
            .route("/token", post(token))
            .route("/v1/token", post(exchange))
            .route(
                "/computeMetadata/v1/instance/service-accounts/default/token",
                get(attached),
            )
            .route("/refuse", post(refuse))
            .route("/flood", post(async || "x".repeat(1 << 20)))
            .fallback(store)
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state }
    }

    pub fn put(&self, object: &str) {
        let mut objects = self.state.objects.lock().unwrap();
        objects.insert(object.to_owned(), Bytes::from_static(b"row"));
    }
}

fn refused(status: StatusCode, word: &str) -> (StatusCode, Json<Value>) {
    (
        status,
        Json(json!({"error": word, "error_description": "hush"})),
    )
}

async fn refuse() -> (StatusCode, Json<Value>) {
    refused(StatusCode::FORBIDDEN, "access_denied")
}

async fn token(
    State(fake): State<Arc<Shared>>,
    Form(form): Form<HashMap<String, String>>,
) -> Answer {
    let bad = || refused(StatusCode::BAD_REQUEST, "invalid_grant");
    let text = form.get("assertion").ok_or_else(bad)?;
    let (signed, signature) = text.rsplit_once('.').ok_or_else(bad)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad())?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &fake.public_key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| bad())?;
    let claims = signed.split_once('.').ok_or_else(bad)?.1;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| bad())?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| bad())?;
    let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    let right = form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        && claims["iss"] == "weir@lake.example"
        && claims["aud"] == format!("{}/token", fake.address)
        && claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        && (1..=3600).contains(&lasts);
    if !right {
        return Err(bad());
    }
    Ok(
        Json(json!({"access_token": OWN_TOKEN, "expires_in": 3599, "token_type": "Bearer"}))
            .into_response(),
    )
}

/// The metadata server's, which answers nobody who could have been sent there by a link.
async fn attached(headers: HeaderMap) -> Answer {
    if headers
        .get("metadata-flavor")
        .is_none_or(|value| value != "Google")
    {
        return Err(refused(StatusCode::FORBIDDEN, "no_flavor"));
    }
    Ok(
        Json(json!({"access_token": OWN_TOKEN, "expires_in": 1199, "token_type": "Bearer"}))
            .into_response(),
    )
}

async fn exchange(
    State(fake): State<Arc<Shared>>,
    Form(form): Form<HashMap<String, String>>,
) -> Answer {
    let bad = || refused(StatusCode::BAD_REQUEST, "invalid_request");
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    let right = form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
        && form["subject_token_type"] == kind
        && form["requested_token_type"] == kind;
    if !right {
        return Err(bad());
    }
    if form["subject_token"] != OWN_TOKEN {
        return Err(refused(StatusCode::UNAUTHORIZED, "invalid_token"));
    }
    let mut options = form["options"].clone();
    if fake.decodes_twice {
        options = percent_decode_str(&options.replace('+', " "))
            .decode_utf8()
            .map_err(|_| bad())?
            .into_owned();
    }
    let options: Options = serde_json::from_str(&options).map_err(|_| bad())?;
    let mut boundaries = fake.boundaries.lock().unwrap();
    let made = format!("bound-{}", boundaries.len());
    boundaries.insert(made.clone(), options.access_boundary);
    let answer = json!({"access_token": made, "issued_token_type": kind, "token_type": "Bearer"});
    Ok(Json(answer).into_response())
}

async fn store(
    State(fake): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let bearer = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let token = bearer
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let Some(boundary) = fake.boundaries.lock().unwrap().get(token).cloned() else {
        return StatusCode::UNAUTHORIZED;
    };
    let path = percent_decode_str(uri.path().trim_start_matches('/'));
    let path = path.decode_utf8().unwrap().into_owned();
    let mut objects = fake.objects.lock().unwrap();
    let needed = match (&method, path.contains('/')) {
        (&Method::GET, false) => vec!["list"],
        (&Method::GET, true) => vec!["get"],
        (&Method::PUT, true) if objects.contains_key(&path) => vec!["create", "delete"],
        (&Method::PUT, true) => vec!["create"],
        (&Method::DELETE, true) => vec!["delete"],
        _ => return StatusCode::METHOD_NOT_ALLOWED,
    };
    let (bucket, object) = path.split_once('/').unwrap_or((&path, ""));
    let prefix = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find_map(|(name, value)| (name == "prefix").then(|| value.into_owned()));
    let resource = match object {
        "" => format!("projects/_/buckets/{bucket}"),
        object => format!("projects/_/buckets/{bucket}/objects/{object}"),
    };
    let request = cel::Request {
        resource: &resource,
        prefix: prefix.as_deref(),
    };
    let may = |permission: &&str| {
        let mut rules = boundary.access_boundary_rules.iter();
        rules.any(|rule| allows(rule, bucket, permission, &request))
    };
    if !needed.iter().all(may) {
        return StatusCode::FORBIDDEN;
    }
    match method {
        Method::PUT => drop(objects.insert(path, body)),
        Method::DELETE => drop(objects.remove(&path)),
        _ if !object.is_empty() && !objects.contains_key(&path) => return StatusCode::NOT_FOUND,
        _ => {}
    }
    StatusCode::OK
}

fn allows(rule: &Rule, bucket: &str, permission: &str, request: &cel::Request<'_>) -> bool {
    let resource = format!("//storage.googleapis.com/projects/_/buckets/{bucket}");
    let granted = |role: &String| role_permissions(role).contains(&permission);
    rule.available_resource == resource
        && rule.available_permissions.iter().any(granted)
        && cel::holds(&rule.availability_condition.expression, request) == Ok(true)
}

/// What Google's roles hold, of the rights on objects that are asked for here.
fn role_permissions(role: &str) -> &'static [&'static str] {
    match role {
        "inRole:roles/storage.objectViewer" => &["get", "list"],
        "inRole:roles/storage.objectCreator" => &["create"],
        "inRole:roles/storage.objectUser" => &["get", "list", "create", "delete", "update"],
        other => panic!("a role that is not known here: {other}"),
    }
}
