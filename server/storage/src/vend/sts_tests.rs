use super::*;
use axum::Form;
use std::collections::HashMap;
use std::sync::Mutex as Plain;
use std::sync::atomic::{AtomicBool, Ordering};
use weir_core::delivery::Access;
use weir_core::location::Location;

#[test]
fn the_role_tells_the_partition_and_the_caller_the_session() {
    assert_eq!(partition("arn:aws-cn:iam::1:role/Lake"), "aws-cn");
    assert_eq!(partition("arn:aws:iam::1:role/Lake"), "aws");
    assert_eq!(session_name("ann@corp / ü\n"), "weir-ann@corp-----");
    assert!(session_name(&"x".repeat(200)).len() <= 64);
}

#[test]
fn the_form_has_no_plus_that_could_stay_one() {
    let base = AwsCredential {
        key_id: "id".to_owned(),
        secret_key: "hush".to_owned(),
        token: None,
    };
    let request = signed(&base, &StorageSettings::default(), &[("Policy", "a b+c")]).unwrap();
    assert_eq!(request.body().as_bytes().unwrap(), "Policy=a%20b%2Bc");
}

/// STS as far as it is asked here: tells what it was sent, and names its sessions by number.
struct Sts {
    address: String,
    refuses: Arc<AtomicBool>,
    asked: Arc<Plain<Vec<HashMap<String, String>>>>,
}

impl Sts {
    async fn start(lifetime: TimeDelta) -> Self {
        let asked = Arc::new(Plain::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let refuses = Arc::new(AtomicBool::new(false));
        let refusing = Arc::clone(&refuses);
        let answer = async move |Form(form): Form<HashMap<String, String>>| {
            if refusing.load(Ordering::Relaxed) {
                return Err(http::StatusCode::FORBIDDEN);
            }
            let mut seen = seen.lock().unwrap();
            seen.push(form);
            let ends = (Utc::now() + lifetime).to_rfc3339();
            Ok(format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A{}</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>\
                 <SessionToken>hush</SessionToken><Expiration>{ends}</Expiration></Credentials><AssumedRoleUser/></AssumeRoleResult></AssumeRoleResponse>",
                seen.len()
            ))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/", axum::routing::post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            refuses,
            asked,
        }
    }

    fn role(&self) -> Role {
        let settings = StorageSettings {
            role: Some("arn:aws:iam::1:role/Lake".to_owned()),
            external_id: Some("weir & co".to_owned()),
            sts_endpoint: Some(self.address.clone()),
            ..Default::default()
        };
        let base = object_store::StaticCredentialProvider::new(AwsCredential {
            key_id: "id".to_owned(),
            secret_key: "hush".to_owned(),
            token: None,
        });
        Role::new(Arc::new(base), &settings).unwrap()
    }

    fn asked(&self, index: usize, name: &str) -> Option<String> {
        self.asked.lock().unwrap()[index].get(name).cloned()
    }
}

#[tokio::test]
async fn an_engine_gets_the_role_cut_to_its_table_and_the_server_all_of_it() {
    let sts = Sts::start(TimeDelta::hours(1)).await;
    let role = sts.role();
    let prefix = Location::parse("location", "s3://lake/t 1+").unwrap();
    let request = Request {
        prefix: &prefix,
        access: Access::Read,
        who: "ann",
        lifetime: TimeDelta::minutes(20),
    };
    let vended = role.vend(&request).await.unwrap();
    assert_eq!(vended.config["s3.access-key-id"].expose_secret(), "A1");
    assert!(sts.asked(0, "Policy").unwrap().contains("lake/t 1+/*"));
    assert_eq!(sts.asked(0, "DurationSeconds").as_deref(), Some("1200"));
    let own = OwnSession::of(role);
    assert_eq!(own.get_credential().await.unwrap().key_id, "A2");
    assert_eq!(sts.asked(1, "Policy"), None);
    for index in [0, 1] {
        assert_eq!(sts.asked(index, "ExternalId").as_deref(), Some("weir & co"));
        assert_eq!(
            sts.asked(index, "RoleArn").as_deref(),
            Some("arn:aws:iam::1:role/Lake")
        );
    }
    assert!(!format!("{own:?} {vended:?}").contains("hush"));
}

#[tokio::test]
async fn sts_is_asked_for_no_less_than_it_gives() {
    let sts = Sts::start(TimeDelta::hours(1)).await;
    let prefix = Location::parse("location", "s3://lake/t1").unwrap();
    let request = Request {
        prefix: &prefix,
        access: Access::Read,
        who: "ann",
        lifetime: TimeDelta::seconds(899),
    };
    sts.role().vend(&request).await.unwrap();
    assert_eq!(sts.asked(0, "DurationSeconds").as_deref(), Some("900"));
}

#[tokio::test]
async fn the_servers_own_session_is_kept_and_taken_anew_before_it_ends() {
    let sts = Sts::start(TimeDelta::hours(1)).await;
    let own = OwnSession::of(sts.role());
    let both = futures::join!(own.get_credential(), own.get_credential());
    assert_eq!(
        (
            both.0.unwrap().key_id.as_str(),
            both.1.unwrap().key_id.as_str()
        ),
        ("A1", "A1")
    );
    let now = Utc::now();
    let later = own.take(now + TimeDelta::minutes(54)).await.unwrap();
    assert_eq!(later.key_id, "A1");
    let at_the_end = own.take(now + TimeDelta::minutes(56)).await.unwrap();
    assert_eq!(at_the_end.key_id, "A2");
    sts.refuses.store(true, Ordering::Relaxed);
    let kept = own.take(now + TimeDelta::minutes(58)).await.unwrap();
    assert_eq!(kept.key_id, "A2");
    let over = own.take(now + TimeDelta::minutes(70)).await.unwrap_err();
    assert!(over.public_message().contains("STS refused"), "{over:?}");
}

#[tokio::test]
async fn a_store_whose_role_cannot_be_assumed_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let refused = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
    let router = axum::Router::new().fallback(async move || (http::StatusCode::FORBIDDEN, refused));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let sts = Sts {
        address,
        refuses: Arc::default(),
        asked: Arc::default(),
    };
    let error = OwnSession::of(sts.role())
        .get_credential()
        .await
        .unwrap_err();
    let at = Location::parse("location", "s3://lake/t1").unwrap();
    let told = crate::failure::from_store(&at, error);
    assert!(told.public_message().contains("STS refused"), "{told:?}");
    assert!(told.public_message().contains("(AccessDenied)"), "{told:?}");
}
