//! The same in front of an S3: the other one is a gateway too, so what goes out to it is checked as well.

use super::rig::{Rig, ask, list, raw};
use super::uploads::{begun, completion, part};

#[tokio::test]
async fn objects_of_an_s3_are_read_as_those_of_a_folder() {
    let upstream = Rig::new().await;
    let rig = upstream.before().await;
    let large: Vec<u8> = (0..20_000_001_u32).map(|n| (n % 251) as u8).collect();
    upstream.file("t1/large.bin", &large);
    upstream.file("t1/empty.bin", b"");
    let got = rig.send(&ask("GET", "w/t1/large.bin")).await;
    assert!(got.status == 200 && got.body == large);
    for (range, status, bytes) in [
        ("bytes=0-3", 206, 0..4),
        ("bytes=9000000-18999999", 206, 9_000_000..19_000_000),
        ("bytes=19999990-", 206, 19_999_990..20_000_001),
        ("bytes=-5", 206, 19_999_996..20_000_001),
        ("bytes=-12000000", 206, 8_000_001..20_000_001),
        ("bytes=20000001-", 416, 0..0),
    ] {
        let got = rig
            .send(&ask("GET", "w/t1/large.bin").header("range", range))
            .await;
        assert_eq!(got.status, status, "{range}");
        assert!(status == 416 || got.body == large[bytes], "{range}");
    }
    let empty = rig.send(&ask("GET", "w/t1/empty.bin")).await;
    assert_eq!(
        (empty.status, empty.header("content-length")),
        (200, Some("0"))
    );
    let etag = empty.header("etag").unwrap();
    for (name, value, status) in [
        ("if-none-match", etag, 304),
        ("if-match", etag, 200),
        ("if-match", "\"other\"", 412),
        ("range", "bytes=0-", 416),
    ] {
        let got = rig
            .send(&ask("GET", "w/t1/empty.bin").header(name, value))
            .await;
        assert_eq!(got.status, status, "{name} {value}");
    }
    assert_eq!(
        rig.send(&ask("GET", "w/t1/missing")).await.fault().1,
        "NoSuchKey"
    );
    assert_eq!(rig.send(&ask("HEAD", "w/t1/missing")).await.status, 404);
}

#[tokio::test]
async fn objects_of_an_s3_are_written_whole_and_in_pieces() {
    let upstream = Rig::new().await;
    let rig = upstream.before().await;
    for (size, key) in [
        (0, "none"),
        (5, "small"),
        (16 << 20, "piece"),
        (17_000_001, "p=1/x y ü"),
    ] {
        let (key, content) = (format!("w/t1/{key}"), vec![3; size]);
        let put = rig
            .send(&ask("PUT", &key).body(&content).access("add"))
            .await;
        assert_eq!(put.status, 200, "{}", put.text());
        let got = rig.send(&ask("GET", &key)).await;
        assert!(got.body == content && got.header("etag") == put.header("etag"));
        let again = rig
            .send(&ask("PUT", &key).body(&content).access("add"))
            .await;
        assert_eq!(again.fault(), (403, "AccessDenied".to_owned()), "{key}");
        let again = rig
            .send(&ask("PUT", &key).body(&content).header("if-none-match", "*"))
            .await;
        assert_eq!(
            again.fault(),
            (412, "PreconditionFailed".to_owned()),
            "{key}"
        );
        let stale = rig
            .send(
                &ask("PUT", &key)
                    .body(&content)
                    .header("if-match", "\"other\""),
            )
            .await;
        assert_eq!(
            stale.fault(),
            (412, "PreconditionFailed".to_owned()),
            "{key}"
        );
        let etag = put.header("etag").unwrap();
        let over = rig
            .send(&ask("PUT", &key).body(&content).header("if-match", etag))
            .await;
        assert_eq!(over.status, 200, "{}", over.text());
    }
    let copy = |to: &str| ask("PUT", to).header("x-amz-copy-source", "lake/w/t1/small");
    assert_eq!(rig.send(&copy("w/t1/copy")).await.status, 200);
    assert_eq!(rig.send(&copy("w/t1/copy")).await.status, 200);
    assert_eq!(rig.send(&copy("w/t1/copy").access("add")).await.status, 403);
    assert_eq!(
        rig.send(&copy("w/t1/copy2").access("add")).await.status,
        200
    );
    assert_eq!(rig.send(&ask("DELETE", "w/t1/copy")).await.status, 204);
    assert_eq!(rig.send(&ask("DELETE", "w/t1/copy")).await.status, 204);
    assert_eq!(rig.send(&ask("GET", "w/t1/copy2")).await.body, [3; 5]);
    assert!(upstream.drafts().is_empty());
}

#[tokio::test]
async fn an_upload_to_an_s3_is_one_there() {
    let upstream = Rig::new().await;
    let rig = upstream.before().await;
    let upload = begun(&rig, "w/t1/up").await;
    let one = rig.send(&part("w/t1/up", &upload, 1, b"one")).await;
    let two = rig.send(&part("w/t1/up", &upload, 2, b"two")).await;
    let (one, two) = (one.header("etag").unwrap(), two.header("etag").unwrap());
    let foreign = rig.send(&part("w/t1/other", &upload, 1, b"x")).await;
    assert_eq!(foreign.fault(), (404, "NoSuchUpload".to_owned()));
    for (parts, code) in [
        (vec![(1, one), (2, one)], "InvalidPart"),
        (vec![(1, one), (3, two)], "InvalidPart"),
        (vec![(2, two), (1, one)], "InvalidPartOrder"),
    ] {
        let got = rig.send(&completion("w/t1/up", &upload, &parts)).await;
        assert_eq!(got.fault(), (400, code.to_owned()));
    }
    let done = rig
        .send(&completion("w/t1/up", &upload, &[(1, one), (2, two)]))
        .await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(rig.send(&ask("GET", "w/t1/up")).await.text(), "onetwo");
    let upload = begun(&rig, "w/t1/up").await;
    assert_eq!(
        rig.send(&ask("DELETE", "w/t1/up").query("uploadId", &upload))
            .await
            .status,
        204
    );
    assert!(upstream.drafts().is_empty());
}

#[tokio::test]
async fn keys_of_an_s3_are_listed_page_by_page() {
    let upstream = Rig::new().await;
    let rig = upstream.before().await;
    for name in ["data/a", "data/b", "data-x/c", "data.txt", "z y"] {
        upstream.file(&format!("t1/{name}"), b"x");
    }
    for by_folder in [false, true] {
        let (mut seen, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut asked = list("w/t1/").query("max-keys", "2");
            if by_folder {
                asked = asked.query("delimiter", "/");
            }
            if let Some(token) = &token {
                asked = asked.query("continuation-token", token);
            }
            let got = rig.send(&asked).await;
            assert_eq!(got.status, 200, "{}", got.text());
            let mut page = got.all("Key");
            let common = got.all("CommonPrefixes").into_iter();
            page.extend(common.map(|it| it.replace("<Prefix>", "").replace("</Prefix>", "")));
            page.sort();
            seen.extend(page);
            token = got.all("NextContinuationToken").pop();
            if token.is_none() {
                break;
            }
        }
        let expected = if by_folder {
            vec![
                "w/t1/a.bin",
                "w/t1/data-x/",
                "w/t1/data.txt",
                "w/t1/data/",
                "w/t1/z y",
            ]
        } else {
            vec![
                "w/t1/a.bin",
                "w/t1/data-x/c",
                "w/t1/data.txt",
                "w/t1/data/a",
                "w/t1/data/b",
                "w/t1/z y",
            ]
        };
        assert_eq!(seen, expected);
    }
    let outside = rig
        .send(&raw("GET", "/lake").query("prefix", "w/t10/"))
        .await;
    assert_eq!(outside.status, 403);
}
