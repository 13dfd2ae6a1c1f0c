use super::rig::{Got, Rig, list, raw};

fn filled(rig: &Rig) {
    for name in [
        "data-x/1",
        "data/p=1/a",
        "data/p=1/b",
        "data/p=2/c",
        "data0",
        "data.txt",
        "metadata/v1.json",
        "ü & x/ß.txt",
    ] {
        rig.file(&format!("t1/{name}"), b"x");
    }
    std::fs::create_dir_all(rig.path("t1/void/deeper")).unwrap();
}

/// In the order of their bytes.
const KEYS: [&str; 9] = [
    "w/t1/a.bin",
    "w/t1/data-x/1",
    "w/t1/data.txt",
    "w/t1/data/p=1/a",
    "w/t1/data/p=1/b",
    "w/t1/data/p=2/c",
    "w/t1/data0",
    "w/t1/metadata/v1.json",
    "w/t1/ü &amp; x/ß.txt",
];

#[tokio::test]
async fn keys_come_in_their_order_and_page_by_page() {
    let rig = Rig::new().await;
    filled(&rig);
    for size in [1, 2, 3, 9, 10, 1000] {
        let (mut keys, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut asked = list("w/t1/").query("max-keys", &size.to_string());
            if let Some(token) = &token {
                asked = asked.query("continuation-token", token);
            }
            let got = rig.send(&asked).await;
            assert_eq!(got.status, 200, "{}", got.text());
            let page = got.all("Key");
            assert_eq!(got.one("KeyCount"), page.len().to_string());
            keys.extend(page);
            token = got.all("NextContinuationToken").into_iter().next();
            assert_eq!(got.one("IsTruncated"), token.is_some().to_string());
            if token.is_none() {
                break;
            }
        }
        assert_eq!(keys, KEYS, "{size}");
    }
}

#[tokio::test]
async fn the_first_form_pages_by_marker() {
    let rig = Rig::new().await;
    filled(&rig);
    let (mut keys, mut marker) = (Vec::new(), String::new());
    loop {
        let asked = raw("GET", "/lake")
            .query("prefix", "w/t1/")
            .query("max-keys", "4")
            .query("marker", &marker);
        let got = rig.send(&asked).await;
        keys.extend(got.all("Key"));
        match got.all("NextMarker").pop() {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(keys, KEYS);
}

#[tokio::test]
async fn a_delimiter_folds_folders_and_an_empty_one_is_not_there() {
    let rig = Rig::new().await;
    filled(&rig);
    let folders = |got: &Got| {
        let common = got.all("CommonPrefixes").into_iter();
        common
            .map(|it| it.replace("<Prefix>", "").replace("</Prefix>", ""))
            .collect::<Vec<_>>()
    };
    let got = rig.send(&list("w/t1/").query("delimiter", "/")).await;
    assert_eq!(
        got.all("Key"),
        ["w/t1/a.bin", "w/t1/data.txt", "w/t1/data0"]
    );
    assert_eq!(
        folders(&got),
        [
            "w/t1/data-x/",
            "w/t1/data/",
            "w/t1/metadata/",
            "w/t1/ü &amp; x/"
        ]
    );
    let mut token = None::<String>;
    let mut seen = Vec::new();
    loop {
        let mut asked = list("w/t1/").query("delimiter", "/").query("max-keys", "1");
        if let Some(token) = &token {
            asked = asked.query("continuation-token", token);
        }
        let got = rig.send(&asked).await;
        seen.extend(got.all("Key"));
        seen.extend(folders(&got));
        token = got.all("NextContinuationToken").pop();
        if token.is_none() {
            break;
        }
    }
    assert_eq!(
        seen,
        [
            "w/t1/a.bin",
            "w/t1/data-x/",
            "w/t1/data.txt",
            "w/t1/data/",
            "w/t1/data0",
            "w/t1/metadata/",
            "w/t1/ü &amp; x/"
        ]
    );
    let got = rig.send(&list("w/t1/da").query("delimiter", "/")).await;
    assert_eq!(got.all("Key"), ["w/t1/data.txt", "w/t1/data0"]);
    assert_eq!(folders(&got), ["w/t1/data-x/", "w/t1/data/"]);
}

#[tokio::test]
async fn a_listing_begins_where_it_is_told_to() {
    let rig = Rig::new().await;
    filled(&rig);
    for (after, keys) in [
        ("w/t1/data/p=1/a", &KEYS[4..]),
        ("w/t1/data/p=1", &KEYS[3..]),
        ("w/t1/data/", &KEYS[3..]),
        ("w/t1/data0", &KEYS[7..]),
        ("w/t1/zzz", &KEYS[8..]),
        ("a", &KEYS[..]),
        ("x", &[][..]),
    ] {
        let got = rig.send(&list("w/t1/").query("start-after", after)).await;
        assert_eq!(got.all("Key"), keys, "{after}");
    }
    let got = rig
        .send(&list("w/t1/ü").query("encoding-type", "url"))
        .await;
    assert_eq!(got.all("Key"), ["w/t1/%C3%BC%20%26%20x/%C3%9F.txt"]);
    assert_eq!(rig.send(&list("w/t1/none/")).await.one("KeyCount"), "0");
    assert_eq!(
        rig.send(&list("w/t1/").query("max-keys", "0"))
            .await
            .one("KeyCount"),
        "0"
    );
    assert_eq!(
        rig.send(&list("w/t1/").query("delimiter", "x"))
            .await
            .status,
        400
    );
    assert_eq!(
        rig.send(&list("w/t1/").query("continuation-token", "%%"))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_folder_of_more_names_than_a_page_holds_is_listed_whole() {
    let rig = Rig::new().await;
    for number in 0..2500 {
        rig.file(&format!("t1/many/{number:05}"), b"");
        if number % 500 == 0 {
            rig.file(&format!("t1/many/{number:05}-d/x"), b"");
        }
    }
    let (mut keys, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut asked = list("w/t1/many/");
        if let Some(token) = &token {
            asked = asked.query("continuation-token", token);
        }
        let got = rig.send(&asked).await;
        keys.extend(got.all("Key"));
        token = got.all("NextContinuationToken").pop();
        if token.is_none() {
            break;
        }
    }
    assert_eq!(keys.len(), 2505);
    assert!(keys.is_sorted());
}

#[tokio::test]
async fn a_listing_shows_nothing_outside_the_prefix() {
    let rig = Rig::new().await;
    for prefix in [
        "",
        "w",
        "w/",
        "w/t",
        "w/t1",
        "w/t10",
        "w/t10/",
        "w/t1/../t10/",
        "w/t1/%2e%2e/",
        "w/t1//",
        "/w/t1/",
        "lake/w/t1/",
    ] {
        for asked in [
            list(prefix),
            raw("GET", "/lake").query("prefix", prefix),
            list(prefix).query("delimiter", "/"),
        ] {
            let got = rig.send(&asked.access("read")).await;
            assert_eq!(got.fault(), (403, "AccessDenied".to_owned()), "{prefix:?}");
        }
    }
    for asked in [
        raw("GET", "/lake"),
        raw("GET", "/lake/"),
        raw("GET", "/other").query("prefix", "w/t1/"),
    ] {
        assert_eq!(rig.send(&asked).await.status, 403);
    }
    // Neither a marker nor a token leads out.
    let outside = list("w/t1/")
        .query("start-after", "../")
        .query("delimiter", "/");
    assert_eq!(rig.send(&outside).await.all("Key"), ["w/t1/a.bin"]);
}
