//! The signatures are those of Microsoft's own Python library (azure-storage-file-datalake 12.12.0 with its version set to
//! 2022-11-02) for the same inputs.

use super::*;
use std::collections::BTreeMap;

const READ_OF_T1: &str = "rl\n2026-11-25T09:59:00Z\n2026-11-25T11:00:00Z\n/blob/weirlake/lake/t1\n11111111-2222-3333-4444-555555555555\n\
    99999999-8888-7777-6666-555555555555\n2026-11-25T09:58:00Z\n2026-11-25T12:00:00Z\nb\n2022-11-02\n\n\n\n\nhttps\n2022-11-02\nd\n\n\n\n\n\n\n";

const SIGNATURES: [(&str, Access, &str); 21] = [
    (
        "t1",
        Access::Read,
        "Sf5m3ev/whMiOKkBPfbefWFCqC2SPf/Z37J7Ry1diCo=",
    ),
    (
        "t1",
        Access::Add,
        "aBaeP3U1mgKBbu45JPoyiwoQlcWPham2ecJul+0+4eg=",
    ),
    (
        "t1",
        Access::Change,
        "aqV+ZX5Jqs9iOF9dP2nLJq5+Po/oWtPWZ+wOxBTYlsc=",
    ),
    (
        "t10",
        Access::Read,
        "uswUjqn3qVhUq8GIQ7k+kc67CEKCaR0v11JS7gtMv00=",
    ),
    (
        "t10",
        Access::Add,
        "4ZazVu1CQUbgYSNtjCK19ROMd3LOJtJwP4xfxerJiro=",
    ),
    (
        "t10",
        Access::Change,
        "GTr3AbX8ibjCKwDCT/+5BGEMC0KWzygYZZTi/O1NCzU=",
    ),
    (
        "a/t1",
        Access::Read,
        "8RrGCoz6bERlG92hVUQ6x9BnXJOEZUP81rQNiXERrX0=",
    ),
    (
        "a/t1",
        Access::Add,
        "bmljIX7t8A0hp8nhyf8cTSca8gRhe6YdzUq+96/6z4s=",
    ),
    (
        "a/t1",
        Access::Change,
        "ecLAK8ZAGDHk1cWPEj2UsWgEzahycWC3rRnWYTkHS3Q=",
    ),
    (
        "sales/o'hare/50% off $x",
        Access::Read,
        "5m6KyMDCdhDqlyJn8lqSfdTHRhV+tjdZukUEeT34seA=",
    ),
    (
        "sales/o'hare/50% off $x",
        Access::Add,
        "UDhK6oGhQuK0mkTlIyFRyLLc7GzO7HMpdkjLgEB4CTU=",
    ),
    (
        "sales/o'hare/50% off $x",
        Access::Change,
        "sYLAewguTRyGm8rjoFPAewr3fBKKf4G8SmB3TbhTV1Q=",
    ),
    (
        "café/日本 +&=t",
        Access::Read,
        "X1vKyG67Enk4Av4zTFNM/ASPmKw7B3+Dy66r4qEm14s=",
    ),
    (
        "café/日本 +&=t",
        Access::Add,
        "fw2oJy4YP8nRDRNh+nzIW4poC4JYSRuRKL49aLOz4ig=",
    ),
    (
        "café/日本 +&=t",
        Access::Change,
        "GITOy2J9NzOgVBTwloyhWX7bpelV3vX6xwLu75bVYPY=",
    ),
    (
        "a%27b/c;d~",
        Access::Read,
        "u2E2p2wuBodsDNej7ai5w5aDtgykoYaSeQ2uf8ylfGQ=",
    ),
    (
        "a%27b/c;d~",
        Access::Add,
        "rtbu5A+JISbUU+2V9kKT4J9o5vqIxvWLpOBdgIS+M9I=",
    ),
    (
        "a%27b/c;d~",
        Access::Change,
        "N65JLCIBtzfReIp9WlCvgpQ7M2b2OFM5onXoUZjHVqc=",
    ),
    (
        "",
        Access::Read,
        "mOLNKUE1vwrpuMIKiFYWDxPF+gt96Ve3b7Y2P7nZ0+0=",
    ),
    (
        "",
        Access::Add,
        "99YXfbWVovnCnZoPudJBW81TE5ws0GS9ECYtSKMeMY0=",
    ),
    (
        "",
        Access::Change,
        "DG+ZObw4JwY07GqBu9ugcLnhtYZT3fl+fN1Nk75QtDw=",
    ),
];

fn moment_of(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn key() -> DelegationKey {
    let (start, expiry) = ("2026-11-25T09:58:00Z", "2026-11-25T12:00:00Z");
    DelegationKey {
        object_id: "11111111-2222-3333-4444-555555555555".into(),
        tenant_id: "99999999-8888-7777-6666-555555555555".into(),
        start: start.into(),
        expiry: expiry.into(),
        service: "b".into(),
        version: "2022-11-02".into(),
        value: STANDARD.encode("a made-up key for tests, no more").into(),
        begins_at: moment_of(start),
        expires_at: moment_of(expiry),
    }
}

fn at(path: &str) -> Location {
    let text = format!("abfss://lake@weirlake.dfs.core.windows.net/{path}");
    Location::parse("location", &text).unwrap()
}

fn signed_for(path: &str, access: Access, reach: Reach, lifetime: TimeDelta) -> Result<Sas> {
    let request = Request {
        prefix: &at(path),
        access,
        who: "ann",
        lifetime,
    };
    sign(
        &key(),
        reach,
        &request,
        false,
        moment_of("2026-11-25T10:00:00.9Z"),
    )
}

fn query(sas: &Sas) -> BTreeMap<String, String> {
    let query = url::form_urlencoded::parse(sas.token.expose_secret().as_bytes());
    query.into_owned().collect()
}

#[test]
fn it_signs_as_the_library_of_azure_does() {
    for (path, access, signature) in SIGNATURES {
        let reach = if path.is_empty() {
            Reach::OwnContainer
        } else {
            Reach::Directory
        };
        let sas = signed_for(path, access, reach, TimeDelta::hours(1)).unwrap();
        assert_eq!(query(&sas)["sig"], signature, "{path} {access}");
    }
}

#[test]
fn the_text_to_sign_has_its_fields_in_order() {
    let terms = Terms {
        permissions: "rl",
        start: "2026-11-25T09:59:00Z".into(),
        expiry: "2026-11-25T11:00:00Z".into(),
        resource: resource(Reach::Directory, &at("t1")).unwrap(),
        protocol: "https",
        depth: Some(1),
    };
    assert_eq!(terms.text_to_sign(&key()), READ_OF_T1);
}

#[test]
fn the_query_says_what_was_signed() {
    let path = "sales/o'hare/50% off $x";
    let sas = signed_for(path, Access::Read, Reach::Directory, TimeDelta::hours(1)).unwrap();
    assert_eq!(
        sas.token.expose_secret(),
        "sv=2022-11-02&sr=d&sp=rl&st=2026-11-25T09%3A59%3A00Z&se=2026-11-25T11%3A00%3A00Z&spr=https\
         &skoid=11111111-2222-3333-4444-555555555555&sktid=99999999-8888-7777-6666-555555555555&skt=2026-11-25T09%3A58%3A00Z\
         &ske=2026-11-25T12%3A00%3A00Z&sks=b&skv=2022-11-02&sdd=3&sig=5m6KyMDCdhDqlyJn8lqSfdTHRhV%2BtjdZukUEeT34seA%3D"
    );
    assert_eq!(sas.expires_at, moment_of("2026-11-25T11:00:00Z"));
    assert!(!format!("{sas:?}").contains("sig"));
}

#[test]
fn a_sibling_and_a_parent_are_signed_for_otherwise() {
    let resource = |path| resource(Reach::Directory, &at(path)).unwrap();
    assert_eq!(resource("a/t1"), "/blob/weirlake/lake/a/t1");
    assert_eq!(resource("a/t10"), "/blob/weirlake/lake/a/t10");
    let depth = |path| {
        let sas = signed_for(path, Access::Read, Reach::Directory, TimeDelta::hours(1));
        query(&sas.unwrap())["sdd"].clone()
    };
    assert_eq!(
        (depth("a"), depth("a/t1"), depth("a/t1/x")),
        ("1".into(), "2".into(), "3".into())
    );
}

#[test]
fn only_change_deletes_and_read_only_reads() {
    assert_eq!(permissions(Access::Read), "rl");
    assert!(!permissions(Access::Add).contains('d'));
    assert!(permissions(Access::Change).contains('d'));
}

#[test]
fn it_ends_with_the_lifetime_or_the_key_and_within_a_week() {
    let ends = |lifetime| {
        let sas = signed_for("t1", Access::Read, Reach::Directory, lifetime).unwrap();
        (sas.expires_at.to_rfc3339(), query(&sas)["se"].clone())
    };
    let short = ends(TimeDelta::minutes(15));
    assert_eq!(
        short,
        (
            "2026-11-25T10:15:00+00:00".into(),
            "2026-11-25T10:15:00Z".into()
        )
    );
    let long = ends(TimeDelta::days(30));
    assert_eq!(long.0, "2026-11-25T12:00:00+00:00", "the key's end");
    let request = Request {
        prefix: &at("t1"),
        access: Access::Read,
        who: "ann",
        lifetime: TimeDelta::days(30),
    };
    let now = moment_of("2026-11-25T10:00:00Z");
    let lasting = DelegationKey {
        expires_at: now + TimeDelta::days(90),
        ..key()
    };
    let sas = sign(&lasting, Reach::Directory, &request, false, now).unwrap();
    assert!(sas.expires_at <= now + TimeDelta::days(7));
    let over = moment_of("2026-11-25T12:00:00Z");
    assert!(sign(&key(), Reach::Directory, &request, false, over).is_err());
    for nothing in [TimeDelta::zero(), TimeDelta::seconds(-5)] {
        assert!(signed_for("t1", Access::Read, Reach::Directory, nothing).is_err());
    }
}

#[test]
fn it_begins_a_minute_ago_but_not_before_the_key() {
    let sas = signed_for("t1", Access::Read, Reach::Directory, TimeDelta::hours(1)).unwrap();
    assert_eq!(query(&sas)["st"], "2026-11-25T09:59:00Z");
    let young = DelegationKey {
        begins_at: moment_of("2026-11-25T09:59:30Z"),
        ..key()
    };
    let request = Request {
        prefix: &at("t1"),
        access: Access::Read,
        who: "ann",
        lifetime: TimeDelta::hours(1),
    };
    let now = moment_of("2026-11-25T10:00:00Z");
    let sas = sign(&young, Reach::Directory, &request, false, now).unwrap();
    assert_eq!(query(&sas)["st"], "2026-11-25T09:59:30Z");
}

#[test]
fn http_is_for_emulators() {
    let sas = signed_for("a/t1", Access::Read, Reach::Directory, TimeDelta::hours(1)).unwrap();
    assert_eq!(query(&sas)["spr"], "https");
    let request = Request {
        prefix: &at("a/t1"),
        access: Access::Read,
        who: "ann",
        lifetime: TimeDelta::hours(1),
    };
    let now = moment_of("2026-11-25T10:00:00Z");
    let sas = sign(&key(), Reach::Directory, &request, true, now).unwrap();
    let query = query(&sas);
    assert_eq!(query["spr"], "https,http");
    assert_eq!(query["sig"], "wcgn0F8xM5Bpbhz0qBbI0wDL6nfZ4jTgl0ZsinWj1io=");
}

#[test]
fn what_shares_a_container_or_lies_elsewhere_is_refused() {
    let hour = TimeDelta::hours(1);
    let error = signed_for("", Access::Read, Reach::Directory, hour).unwrap_err();
    assert_eq!(error.kind(), weir_core::ErrorKind::Unsupported);
    let s3 = Location::parse("location", "s3://lake/t1").unwrap();
    assert!(check(Reach::Directory, &s3).is_err());
    for path in [
        "a/../t1",
        "t1/.",
        "%2e%2e/t1",
        "t1.",
        "t1\n",
        "a//t1",
        "t1?x",
        "t1#x",
        "a\\t1",
    ] {
        let text = format!("abfss://lake@weirlake.dfs.core.windows.net/{path}");
        assert!(Location::parse("location", &text).is_err(), "{path:?}");
    }
}

#[test]
fn clients_find_it_under_each_of_its_names() {
    let sas = signed_for("t1", Access::Read, Reach::Directory, TimeDelta::hours(1)).unwrap();
    let vended = super::super::client_settings("weirlake", &sas);
    let names: Vec<_> = vended.config.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "adls.account-name",
            "adls.sas-token",
            "adls.sas-token-expires-at-ms.weirlake.dfs.core.windows.net",
            "adls.sas-token.weirlake",
            "adls.sas-token.weirlake.dfs.core.windows.net",
        ]
    );
    let ends = "adls.sas-token-expires-at-ms.weirlake.dfs.core.windows.net";
    assert_eq!(vended.config[ends].expose_secret(), "1795604400000");
    assert_eq!(vended.expires_at, sas.expires_at);
}
