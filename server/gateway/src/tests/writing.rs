use super::rig::{Ask, Got, Rig, ask, list, raw, sha256};
use super::uploads::{begun, part};
use crate::GatewayConfig;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn an_object_is_put_read_listed_and_deleted() {
    let rig = Rig::new().await;
    for content in [&b""[..], b"small", &[7; 200_000], &[9; 5_000_000]] {
        let put = rig
            .send(&ask("PUT", "w/t1/data/p=1/x y.bin").body(content))
            .await;
        assert_eq!(put.status, 200, "{}", put.text());
        let got = rig.send(&ask("GET", "w/t1/data/p=1/x y.bin")).await;
        assert!(got.body == content);
        assert_eq!(got.header("etag"), put.header("etag"));
        assert_eq!(
            std::fs::read(rig.path("t1/data/p=1/x y.bin")).unwrap(),
            content
        );
    }
    let listed = rig.send(&list("w/t1/data/")).await;
    assert_eq!(listed.all("Key"), ["w/t1/data/p=1/x y.bin"]);
    assert_eq!(listed.all("Size"), ["5000000"]);
    for _ in 0..2 {
        assert_eq!(
            rig.send(&ask("DELETE", "w/t1/data/p=1/x y.bin"))
                .await
                .status,
            204
        );
    }
    assert_eq!(
        rig.send(&ask("GET", "w/t1/data/p=1/x y.bin")).await.status,
        404
    );
    assert!(rig.drafts().is_empty());
}

#[tokio::test]
async fn who_may_add_replaces_nothing_and_who_may_read_writes_nothing() {
    let rig = Rig::new().await;
    let before = rig.disk();
    let denied = (403, "AccessDenied".to_owned());
    for (access, asked) in [
        ("read", ask("PUT", "w/t1/new").body("x")),
        ("read", ask("DELETE", "w/t1/a.bin")),
        ("read", ask("POST", "w/t1/new").query("uploads", "")),
        (
            "read",
            ask("PUT", "w/t1/copy").header("x-amz-copy-source", "lake/w/t1/a.bin"),
        ),
        ("add", ask("PUT", "w/t1/a.bin").body("x")),
        (
            "add",
            ask("PUT", "w/t1/a.bin")
                .body("x")
                .header("if-match", "\"e\""),
        ),
        ("add", ask("DELETE", "w/t1/a.bin")),
        (
            "add",
            ask("PUT", "w/t1/a.bin").header("x-amz-copy-source", "lake/w/t1/a.bin"),
        ),
    ] {
        assert_eq!(
            rig.send(&asked.access(access)).await.fault(),
            denied,
            "{access}"
        );
    }
    assert_eq!(rig.disk(), before);
    assert_eq!(
        rig.send(&ask("PUT", "w/t1/new").body("x").access("add"))
            .await
            .status,
        200
    );
    assert_eq!(
        rig.send(&ask("GET", "w/t1/new").access("read"))
            .await
            .text(),
        "x"
    );
}

#[tokio::test]
async fn a_write_is_for_what_its_conditions_say() {
    let rig = Rig::new().await;
    let put = |conditions: &[(&str, &str)]| {
        let mut asked = ask("PUT", "w/t1/c").body("x");
        for (name, value) in conditions {
            asked = asked.header(name, value);
        }
        asked
    };
    let missing = rig.send(&put(&[("if-match", "\"e\"")])).await;
    assert_eq!(missing.fault(), (404, "NoSuchKey".to_owned()));
    let first = rig.send(&put(&[("if-none-match", "*")])).await;
    assert_eq!(first.status, 200);
    for access in ["add", "change"] {
        let second = rig
            .send(&put(&[("if-none-match", "*")]).access(access))
            .await;
        assert_eq!(second.fault(), (412, "PreconditionFailed".to_owned()));
    }
    let other = rig.send(&put(&[("if-match", "\"other\"")])).await;
    assert_eq!(other.fault(), (412, "PreconditionFailed".to_owned()));
    let same = rig
        .send(&put(&[("if-match", first.header("etag").unwrap())]))
        .await;
    assert_eq!(same.status, 200);
    let stale = rig
        .send(&put(&[("if-match", first.header("etag").unwrap())]))
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(
        rig.send(&put(&[("if-none-match", "\"e\"")])).await.status,
        400
    );
    assert!(rig.drafts().is_empty());
}

#[tokio::test]
async fn of_many_that_create_one_object_one_does() {
    let rig = Rig::new().await;
    let asks: Vec<Ask> = (0..16)
        .map(|n| ask("PUT", "w/t1/one").access("add").body(format!("{n}")))
        .collect();
    let answers = futures::future::join_all(asks.iter().map(|asked| rig.send(asked))).await;
    let won: Vec<_> = (0..16).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().all(|got| matches!(got.status, 200 | 403)));
    assert_eq!(
        rig.send(&ask("GET", "w/t1/one")).await.text(),
        won[0].to_string()
    );
}

#[tokio::test]
async fn a_body_that_is_not_what_its_digest_says_leaves_no_trace() {
    let rig = Rig::new().await;
    let hello = ask("PUT", "w/t1/hello").body("hello");
    for (asked, status) in [
        (
            hello.clone().header("x-amz-checksum-crc32", "NhCmhg=="),
            200,
        ),
        (
            hello.clone().header("x-amz-checksum-crc32", "AAAAAA=="),
            400,
        ),
        (
            hello
                .clone()
                .header("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
            200,
        ),
        (
            hello
                .clone()
                .header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            400,
        ),
        (hello.clone().payload(&sha256(b"hello")), 200),
        (hello.clone().payload(&sha256(b"jello")), 400),
        (trailing("NhCmhg=="), 200),
        (trailing("AAAAAA=="), 400),
    ] {
        drop(std::fs::remove_file(rig.path("t1/hello")));
        let got = rig.send(&asked).await;
        assert_eq!(got.status, status, "{}", got.text());
        if status == 400 {
            assert_eq!(got.fault().1, "BadDigest");
        }
        assert_eq!(rig.path("t1/hello").exists(), status == 200);
        assert!(rig.drafts().is_empty());
    }
}

/// In the chunks that SDKs send by themselves, with the checksum behind.
fn trailing(sum: &str) -> Ask {
    ask("PUT", "w/t1/hello")
        .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "5")
        .header("x-amz-trailer", "x-amz-checksum-crc32")
        .body(format!(
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n"
        ))
}

#[tokio::test]
async fn chunks_are_taken_up_to_a_size_and_a_body_up_to_its_length() {
    let rig = Rig::new().await;
    let chunked = |length: usize, chunks: &[usize]| {
        let mut body = Vec::new();
        for size in chunks.iter().chain(&[0]) {
            body.extend(format!("{size:x}\r\n").into_bytes());
            body.extend(vec![7; *size]);
            body.extend(b"\r\n");
        }
        ask("PUT", "w/t1/chunks")
            .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", &length.to_string())
            .header("x-amz-trailer", "x-amz-meta-none")
            .body(body)
    };
    const MIB: usize = 1 << 20;
    for (length, chunks, expected) in [
        (20 * MIB, &[20 * MIB][..], None),
        (20 * MIB, &[MIB; 20][..], None),
        (65 * MIB, &[65 * MIB][..], Some("EntityTooLarge")),
        (2 * MIB, &[MIB][..], Some("IncompleteBody")),
        (MIB, &[MIB, MIB][..], Some("IncompleteBody")),
    ] {
        let got = rig.send(&chunked(length, chunks)).await;
        match expected {
            None => assert_eq!(got.status, 200, "{}", got.text()),
            Some(code) => assert_eq!(got.fault(), (400, code.to_owned())),
        }
        let written = std::fs::read(rig.path("t1/chunks")).map(|content| content.len());
        assert_eq!(written.ok(), expected.is_none().then_some(length));
        drop(std::fs::remove_file(rig.path("t1/chunks")));
    }
    assert!(rig.drafts().is_empty());
}

#[tokio::test]
async fn a_half_written_object_is_never_seen() {
    let rig = Rig::new().await;
    let asked = ask("PUT", "w/t1/half").promised(4_000_000);
    let mut stream = rig.connect().await;
    stream.write_all(&asked.head()).await.unwrap();
    stream.write_all(&[1; 3_000_000]).await.unwrap();
    // Its draft is there once the first of it was taken in.
    until(|| !rig.drafts().is_empty()).await;
    assert_eq!(rig.send(&ask("GET", "w/t1/half")).await.status, 404);
    assert_eq!(rig.send(&list("w/t1/")).await.all("Key"), ["w/t1/a.bin"]);
    drop(stream);
    until(|| rig.drafts().is_empty()).await;
    assert!(!rig.path("t1/half").exists());
}

#[tokio::test]
async fn a_client_that_stops_sending_is_not_waited_for() {
    let rig = Rig::with(GatewayConfig {
        idle: Duration::from_millis(50),
        ..GatewayConfig::default()
    })
    .await;
    for promised in [100, 4_000_000] {
        let mut stream = rig.connect().await;
        stream
            .write_all(&ask("PUT", "w/t1/idle").promised(promised).head())
            .await
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(
            Got::parse(&answer).fault(),
            (400, "RequestTimeout".to_owned())
        );
    }
    assert!(!rig.path("t1/idle").exists());
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_copy_stays_inside_the_prefix_at_both_ends() {
    let rig = Rig::new().await;
    let copy = |from: &str, to: &str| ask("PUT", to).header("x-amz-copy-source", from);
    let got = rig.send(&copy("/lake/w/t1/a.bin", "w/t1/copy.bin")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(
        rig.send(&ask("GET", "w/t1/copy.bin")).await.text(),
        "0123456789"
    );
    let before = rig.disk();
    for from in [
        "lake/w/t10/foreign.bin",
        "/lake/w/t1/../t10/foreign.bin",
        "lake/w/t1/%2e%2e/t10/foreign.bin",
        "lake/w/t1%2f..%2ft10/foreign.bin",
        "other/w/t1/a.bin",
        "lake/w/t1",
        "lake/../outside.txt",
        "lake/w",
        "lake/w/t1/%252e%252e/t10/foreign.bin",
    ] {
        let got = rig.send(&copy(from, "w/t1/stolen")).await;
        assert!(matches!(got.status, 400 | 403), "{from} {}", got.status);
    }
    assert_eq!(
        rig.send(&copy("lake/w/t1/a.bin", "w/t10/planted"))
            .await
            .status,
        403
    );
    assert_eq!(
        rig.send(&copy("lake/w/t1/missing", "w/t1/x")).await.status,
        404
    );
    let conditional =
        copy("lake/w/t1/a.bin", "w/t1/x").header("x-amz-copy-source-if-match", "\"other\"");
    assert_eq!(rig.send(&conditional).await.status, 412);
    // Nor as a part of an upload.
    let upload = begun(&rig, "w/t1/up").await;
    let part =
        part("w/t1/up", &upload, 1, b"").header("x-amz-copy-source", "lake/w/t10/foreign.bin");
    assert_eq!(rig.send(&part).await.status, 400);
    assert_eq!(rig.disk(), before);
}

#[tokio::test]
async fn many_are_deleted_but_for_what_is_foreign() {
    let rig = Rig::new().await;
    rig.file("t1/b.bin", b"b");
    let keys = [
        "w/t1/a.bin",
        "w/t10/foreign.bin",
        "w/t1/../t10/foreign.bin",
        "w/t1",
        "w/t1/gone",
        "../outside.txt",
    ];
    let objects: String = keys
        .iter()
        .map(|key| format!("<Object><Key>{key}</Key></Object>"))
        .collect();
    let asked = raw("POST", "/lake").query("delete", "");
    let request = |quiet: bool| {
        asked
            .clone()
            .body(format!("<Delete>{objects}<Quiet>{quiet}</Quiet></Delete>"))
    };
    let denied = rig.send(&request(false).access("add")).await;
    assert_eq!(
        (denied.all("Deleted").len(), denied.all("Error").len()),
        (0, 6)
    );
    let got = rig.send(&request(false)).await;
    assert_eq!(got.status, 200);
    let deleted: String = got.all("Deleted").concat();
    assert_eq!(deleted, "<Key>w/t1/a.bin</Key><Key>w/t1/gone</Key>");
    assert_eq!(got.all("Code"), ["AccessDenied"; 4]);
    assert_eq!(rig.send(&request(true)).await.all("Deleted").len(), 0);
    let left: Vec<_> = rig.disk().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        left,
        ["outside.txt", "root/t1/b.bin", "root/t10/foreign.bin"]
    );
}

#[tokio::test]
async fn a_folder_marker_is_taken_and_is_nothing() {
    let rig = Rig::new().await;
    let before = rig.disk();
    assert_eq!(rig.send(&ask("PUT", "w/t1/folder/")).await.status, 200);
    assert_eq!(
        rig.send(&ask("PUT", "w/t1/a.bin/").body("x")).await.status,
        400
    );
    assert_eq!(rig.send(&ask("DELETE", "w/t1/a.bin/")).await.status, 204);
    assert_eq!(
        rig.send(&ask("PUT", "w/t1/a.bin/below").body("x"))
            .await
            .status,
        400
    );
    rig.file("t1/dir/x", b"");
    assert_eq!(
        rig.send(&ask("PUT", "w/t1/dir").body("x")).await.status,
        400
    );
    assert_eq!(rig.send(&ask("DELETE", "w/t1/dir")).await.status, 204);
    std::fs::remove_file(rig.path("t1/dir/x")).unwrap();
    assert_eq!(rig.disk(), before);
}
