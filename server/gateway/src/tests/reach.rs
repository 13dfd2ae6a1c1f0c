use super::rig::{Ask, KEY, Rig, ask, list, raw, secret};
use crate::GatewayConfig;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn every_operation_is_denied_outside_the_prefix_and_nothing_is_touched() {
    let rig = Rig::new().await;
    let before = rig.disk();
    for path in [
        "/lake/w/t10/foreign.bin",
        "/lake/w/t10/new",
        "/lake/w/t1/../t10/foreign.bin",
        "/lake/w/t1/%2e%2e/t10/foreign.bin",
        "/lake/w/t1/%2E%2E%2Ft10/foreign.bin",
        "/lake/w/t1%2F..%2Ft10/foreign.bin",
        "/lake/w/t1/%252e%252e/t10/foreign.bin",
        "/lake/w/t1/..%5Ct10%5Cforeign.bin",
        "/lake/w/t1//../t10/foreign.bin",
        "/lake/w//t1/a.bin",
        "/lake//w/t1/a.bin",
        "/lake/w/t1/a.bin%00",
        "/lake/w/t1/a%0Ab",
        "/lake/w/t1/./a.bin",
        "/lake/w/t1",
        "/lake/w",
        "/lake/w/t1/../../../outside.txt",
        "/lake/outside.txt",
        "/other/w/t1/a.bin",
        "/Lake/w/t1/a.bin",
        "/lake/../lake/w/t1/a.bin",
        "/lake/w/t1/a%3Fb",
        "/lake/w/t1/%23",
    ] {
        for asked in [
            raw("GET", path),
            raw("HEAD", path),
            raw("PUT", path).body("planted"),
            raw("DELETE", path),
            raw("POST", path).query("uploads", ""),
            raw("PUT", path)
                .query("partNumber", "1")
                .query("uploadId", "0")
                .body("x"),
            raw("POST", path)
                .query("uploadId", "0")
                .body("<CompleteMultipartUpload></CompleteMultipartUpload>"),
            raw("DELETE", path).query("uploadId", "0"),
            raw("GET", path).query("uploadId", "0"),
            raw("PUT", path).header("x-amz-copy-source", "lake/w/t1/a.bin"),
        ] {
            let got = rig.send(&asked).await;
            assert!(
                matches!(got.status, 400 | 403),
                "{path} {}: {}",
                got.status,
                got.text()
            );
            assert!(!got.text().contains("foreign"), "{path}");
        }
    }
    assert_eq!(rig.disk(), before);
    assert!(rig.drafts().is_empty());
}

#[tokio::test]
async fn only_a_signed_request_with_its_token_comes_in() {
    let rig = Rig::new().await;
    let get = || ask("GET", "w/t1/a.bin");
    let token = format!("read:t1:{KEY}");
    for (asked, status, code) in [
        (get().anonymous(), 403, "AccessDenied"),
        (
            get().anonymous().loose("x-amz-security-token", &token),
            403,
            "AccessDenied",
        ),
        (get().secret(KEY, "guess"), 403, "SignatureDoesNotMatch"),
        (get().secret("AKIA", "guess"), 403, "InvalidAccessKeyId"),
        (get().token(None), 400, "InvalidToken"),
        (
            get().token(None).loose("x-amz-security-token", &token),
            403,
            "AccessDenied",
        ),
        (
            get().secret("WEIR0002", &secret("WEIR0002")),
            403,
            "ExpiredToken",
        ),
        (get().access("over"), 403, "ExpiredToken"),
        (get().access("revoked"), 403, "AccessDenied"),
        (get().access("busy"), 503, "ServiceUnavailable"),
        (get().access("panic"), 500, "InternalError"),
        (
            get().loose("x-amz-copy-source", "lake/w/t1/a.bin"),
            403,
            "AccessDenied",
        ),
        (
            get()
                .loose("authorization", "AWS WEIR0001:c2lnbmF0dXJl")
                .anonymous(),
            403,
            "AccessDenied",
        ),
        (
            get()
                .anonymous()
                .query("AWSAccessKeyId", KEY)
                .query("Signature", "x")
                .query("Expires", "9"),
            403,
            "AccessDenied",
        ),
    ] {
        let got = rig.send(&asked).await;
        assert_eq!(got.fault(), (status, code.to_owned()));
        assert!(got.header("x-amz-request-id").is_some());
    }
    assert_eq!(rig.send(&get().access("read")).await.status, 200);
}

#[tokio::test]
async fn a_presigned_address_is_good_for_what_its_token_is() {
    let rig = Rig::new().await;
    let get = || ask("GET", "w/t1/a.bin").presigned(60);
    assert_eq!(rig.send(&get()).await.text(), "0123456789");
    assert_eq!(
        rig.send(&ask("PUT", "w/t1/new").presigned(60).body("x"))
            .await
            .status,
        200
    );
    let token = format!("read:t1:{KEY}");
    for (asked, status) in [
        (get().access("over"), 403),
        (get().access("revoked"), 403),
        (get().token(None), 400),
        (get().query("X-Amz-Security-Token", &token), 403),
        (get().token(None).loose("x-amz-security-token", &token), 403),
        (get().secret(KEY, "guess"), 403),
        (
            get().loose("authorization", "AWS4-HMAC-SHA256 Credential=x"),
            403,
        ),
        (ask("GET", "w/t10/foreign.bin").presigned(60), 403),
        (ask("PUT", "w/t1/new").presigned(60).access("read"), 403),
    ] {
        let got = rig.send(&asked).await;
        assert_eq!(got.status, status, "{}", got.text());
    }
}

#[tokio::test]
async fn what_is_not_spoken_here_is_refused() {
    let rig = Rig::new().await;
    let before = rig.disk();
    for asked in [
        ask("GET", "w/t1/a.bin").query("acl", ""),
        ask("PUT", "w/t1/a.bin").query("acl", "").body("<x/>"),
        ask("GET", "w/t1/a.bin").query("tagging", ""),
        ask("GET", "w/t1/a.bin").query("versionId", "1"),
        ask("GET", "w/t1/a.bin").query("partNumber", "2"),
        ask("DELETE", "w/t1/a.bin").query("versionId", "1"),
        ask("GET", "w/t1/a.bin").query("attributes", ""),
        ask("POST", "w/t1/a.bin").query("restore", "").body("<x/>"),
        ask("POST", "w/t1/a.bin")
            .query("select", "")
            .query("select-type", "2")
            .body("<x/>"),
        raw("GET", "/lake").query("versions", ""),
        raw("GET", "/lake").query("uploads", ""),
        raw("GET", "/lake").query("policy", ""),
        raw("PUT", "/lake").query("policy", "").body("{}"),
        raw("PUT", "/lake"),
        raw("DELETE", "/lake"),
        raw("GET", "/"),
        ask("PUT", "w/t1/new")
            .body("x")
            .header("x-amz-acl", "public-read"),
        ask("PUT", "w/t1/new")
            .body("x")
            .header("x-amz-tagging", "a=b"),
        ask("PUT", "w/t1/new")
            .body("x")
            .header("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        raw("POST", "/lake")
            .header("content-type", "multipart/form-data; boundary=x")
            .body("--x--"),
        form().loose("content-type", "multipart/form-data; boundary=x"),
        form().loose("content-type", "multipart/form-data; boundary=x; a=\"é\""),
        form()
            .loose("content-type", "é")
            .loose("content-type", "multipart/form-data; boundary=x"),
    ] {
        let got = rig.send(&asked).await;
        assert!(
            matches!(got.status, 400 | 403),
            "{} {}",
            got.status,
            got.text()
        );
    }
    assert_eq!(rig.disk(), before);
}

/// A form that nobody signed, as a browser sends one.
fn form() -> Ask {
    let mut body =
        b"--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nw/t1/form\r\n".to_vec();
    body.extend(b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n");
    body.extend([b'x'; 100_000]);
    body.extend(b"\r\n--x--\r\n");
    raw("POST", "/lake").anonymous().body(body)
}

#[tokio::test]
async fn the_bucket_of_the_credential_is_there_and_no_other() {
    let rig = Rig::new().await;
    assert_eq!(rig.send(&raw("HEAD", "/lake")).await.status, 200);
    assert_eq!(rig.send(&raw("HEAD", "/other")).await.status, 403);
    let got = rig.send(&raw("GET", "/lake").query("location", "")).await;
    assert_eq!(got.status, 200);
    assert!(got.text().contains("LocationConstraint"));
    assert_eq!(
        rig.send(&raw("GET", "/other").query("location", ""))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_told_to_slow_down() {
    let rig = Rig::with(GatewayConfig {
        max_requests: 0,
        ..GatewayConfig::default()
    })
    .await;
    let got = rig.send(&list("w/t1/")).await;
    assert_eq!(got.fault(), (503, "SlowDown".to_owned()));
}

#[tokio::test]
async fn who_sends_nothing_is_not_waited_for() {
    let rig = Rig::with(GatewayConfig {
        idle: Duration::from_millis(100),
        ..GatewayConfig::default()
    })
    .await;
    // HTTP/2 is not spoken: a request of its own for each stream, and none of them taken.
    for begun in [
        "",
        "P",
        "GET /lake HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = rig.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let over = stream.read_to_end(&mut answer);
        let over = tokio::time::timeout(Duration::from_secs(10), over).await;
        assert!(over.is_ok(), "{begun:?}");
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{begun:?}");
    }
}

#[tokio::test]
async fn no_body_is_waited_for_before_its_signature_is_compared() {
    let rig = Rig::with(GatewayConfig {
        max_requests: 1,
        ..GatewayConfig::default()
    })
    .await;
    let sts = raw("POST", "/").anonymous().promised(1_000_000).loose(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=WEIR0001/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0",
    );
    let mut stream = rig.connect().await;
    stream.write_all(&sts.head()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 403");
}

#[tokio::test]
async fn who_does_not_take_what_was_asked_for_holds_its_room_for_a_while_only() {
    let rig = Rig::with(GatewayConfig {
        max_requests: 1,
        idle: Duration::from_millis(300),
    })
    .await;
    let large = std::fs::File::create(rig.path("t1/large.bin")).unwrap();
    large.set_len(256 << 20).unwrap();
    let mut stuck = rig.connect().await;
    stuck
        .write_all(&ask("GET", "w/t1/large.bin").head())
        .await
        .unwrap();
    let mut first = [0; 12];
    stuck.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    assert_eq!(rig.send(&list("w/t1/")).await.fault().1, "SlowDown");
    let waiting = async { while rig.send(&list("w/t1/")).await.status == 503 {} };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap();
}
