use super::rig::{Rig, ask, list};

#[tokio::test]
async fn ranges_are_served_as_s3_serves_them() {
    let rig = Rig::new().await;
    for (range, status, body, part) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("bytes=-4", 206, "6789", "bytes 6-9/10"),
        ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
    ] {
        let got = rig
            .send(&ask("GET", "w/t1/a.bin").header("range", range))
            .await;
        assert_eq!((got.status, got.text().as_str()), (status, body), "{range}");
        assert_eq!(got.header("content-range"), Some(part));
        assert_eq!(
            got.header("content-length"),
            Some(body.len().to_string().as_str())
        );
        let head = rig
            .send(&ask("HEAD", "w/t1/a.bin").header("range", range))
            .await;
        assert_eq!(
            (head.status, head.header("content-range")),
            (status, Some(part))
        );
        assert!(head.body.is_empty());
    }
    let whole = ask("GET", "w/t1/a.bin")
        .header("range", "bytes=0-3")
        .header("if-range", "\"old\"");
    assert_eq!(rig.send(&whole).await.text(), "0123456789");
    for range in ["bytes=10-", "bytes=10-11", "bytes=-0"] {
        let got = rig
            .send(&ask("GET", "w/t1/a.bin").header("range", range))
            .await;
        assert_eq!(got.fault(), (416, "InvalidRange".to_owned()), "{range}");
        assert_eq!(got.header("content-range"), Some("bytes */10"));
    }
}

#[tokio::test]
async fn a_large_object_comes_whole_and_an_empty_one_too() {
    let rig = Rig::new().await;
    let large: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    rig.file("t1/large.bin", &large);
    rig.file("t1/empty.bin", b"");
    let got = rig.send(&ask("GET", "w/t1/large.bin")).await;
    assert_eq!(got.status, 200);
    assert!(got.body == large);
    assert_eq!(got.header("content-length"), Some("3000001"));
    assert_eq!(got.header("accept-ranges"), Some("bytes"));
    let part = rig
        .send(&ask("GET", "w/t1/large.bin").header("range", "bytes=1000000-2999999"))
        .await;
    assert!(part.body == large[1_000_000..3_000_000]);
    let got = rig.send(&ask("GET", "w/t1/empty.bin")).await;
    assert_eq!((got.status, got.header("content-length")), (200, Some("0")));
    let got = rig
        .send(&ask("GET", "w/t1/empty.bin").header("range", "bytes=0-"))
        .await;
    assert_eq!(got.status, 416);
}

#[tokio::test]
async fn conditions_are_judged_by_tag_and_by_time() {
    let rig = Rig::new().await;
    let seen = rig.send(&ask("HEAD", "w/t1/a.bin")).await;
    let (etag, modified) = (
        seen.header("etag").unwrap(),
        seen.header("last-modified").unwrap(),
    );
    assert!(etag.starts_with('"'));
    let (old, new) = (
        "Thu, 01 Jan 2015 00:00:00 GMT",
        "Thu, 01 Jan 2099 00:00:00 GMT",
    );
    for (headers, status) in [
        (vec![("if-match", etag)], 200),
        (vec![("if-match", "*")], 200),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-none-match", etag)], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-modified-since", modified)], 304),
        (vec![("if-modified-since", old)], 200),
        (vec![("if-unmodified-since", old)], 412),
        (vec![("if-unmodified-since", new)], 200),
        (vec![("if-match", etag), ("if-unmodified-since", old)], 200),
        (
            vec![("if-modified-since", old), ("if-none-match", etag)],
            304,
        ),
    ] {
        for method in ["GET", "HEAD"] {
            let mut asked = ask(method, "w/t1/a.bin");
            for (name, value) in &headers {
                asked = asked.header(name, value);
            }
            let got = rig.send(&asked).await;
            assert_eq!(got.status, status, "{method} {headers:?}");
            if status == 304 {
                assert_eq!((got.header("etag"), got.body.len()), (Some(etag), 0));
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_inside_the_prefix_only() {
    let rig = Rig::new().await;
    for key in ["w/t1/missing", "w/t1/a.bin/below", "w/t1/", "w/t1/folder/"] {
        assert_eq!(
            rig.send(&ask("GET", key)).await.fault(),
            (404, "NoSuchKey".to_owned()),
            "{key}"
        );
        assert_eq!(rig.send(&ask("HEAD", key)).await.status, 404, "{key}");
    }
    for key in ["w/t10/missing", "w/t10/foreign.bin", "w/none", "w/t1"] {
        assert_eq!(
            rig.send(&ask("GET", key)).await.fault(),
            (403, "AccessDenied".to_owned()),
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_folder_that_uploads_lie_in_is_not_reached_by_its_name() {
    let rig = Rig::new().await;
    rig.file("t1/.weir-uploads/x", b"hidden");
    for method in ["GET", "PUT", "DELETE"] {
        let got = rig.send(&ask(method, "w/t1/.weir-uploads/x")).await;
        assert!(
            matches!(got.status, 403 | 404 | 204),
            "{method} {}",
            got.status
        );
    }
    assert_eq!(
        rig.send(&ask("GET", "w/t1/.Weir-Uploads/x")).await.status,
        404
    );
    assert_eq!(rig.send(&list("w/t1/")).await.all("Key"), ["w/t1/a.bin"]);
    assert_eq!(
        std::fs::read(rig.path("t1/.weir-uploads/x")).unwrap(),
        b"hidden"
    );
}

#[tokio::test]
async fn a_link_does_not_lead_out_of_the_store() {
    let rig = Rig::new().await;
    let outside = rig.path("../outside.txt");
    std::os::unix::fs::symlink(&outside, rig.path("t1/link.txt")).unwrap();
    std::os::unix::fs::symlink(outside.parent().unwrap(), rig.path("t1/up")).unwrap();
    for key in ["w/t1/link.txt", "w/t1/up/outside.txt"] {
        let got = rig.send(&ask("GET", key)).await;
        assert_eq!(got.fault(), (400, "InvalidArgument".to_owned()));
        assert!(!got.text().contains(&rig.path("").display().to_string()));
        assert_eq!(
            rig.send(&ask("PUT", "w/t1/up/new.txt").body("x"))
                .await
                .status,
            400
        );
    }
    assert_eq!(rig.send(&list("w/t1/")).await.all("Key"), ["w/t1/a.bin"]);
    assert!(!rig.path("../new.txt").exists());
}
