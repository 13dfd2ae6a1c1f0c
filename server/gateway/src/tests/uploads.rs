use super::rig::{Ask, Rig, ask, list};

pub fn part(key: &str, upload: &str, number: u32, body: &[u8]) -> Ask {
    ask("PUT", key)
        .query("partNumber", &number.to_string())
        .query("uploadId", upload)
        .body(body)
}

pub fn completion(key: &str, upload: &str, parts: &[(u32, &str)]) -> Ask {
    let parts = parts.iter().map(|(number, etag)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    });
    let body = format!(
        "<CompleteMultipartUpload>{}</CompleteMultipartUpload>",
        parts.collect::<String>()
    );
    ask("POST", key).query("uploadId", upload).body(body)
}

pub async fn begun(rig: &Rig, key: &str) -> String {
    let got = rig.send(&ask("POST", key).query("uploads", "")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got.one("UploadId")
}

#[tokio::test]
async fn an_upload_becomes_an_object_when_it_is_complete() {
    let rig = Rig::new().await;
    let key = "w/t1/data/big.bin";
    let upload = begun(&rig, key).await;
    let (one, two) = (vec![1; 2_500_000], vec![2; 10]);
    let second = rig.send(&part(key, &upload, 7, &two)).await;
    let first = rig.send(&part(key, &upload, 2, &one)).await;
    let again = rig.send(&part(key, &upload, 2, &one)).await;
    let tags = [first, second, again].map(|got| got.header("etag").unwrap().to_owned());
    let listed = rig.send(&ask("GET", key).query("uploadId", &upload)).await;
    assert_eq!(listed.all("PartNumber"), ["2", "7"]);
    assert_eq!(listed.all("Size"), ["2500000", "10"]);
    assert_eq!(rig.send(&list("w/t1/data/")).await.one("KeyCount"), "0");

    for (parts, status, code) in [
        (
            vec![(2, tags[0].as_str()), (7, &tags[1])],
            400,
            "InvalidPart",
        ),
        (
            vec![(7, tags[1].as_str()), (2, &tags[2])],
            400,
            "InvalidPartOrder",
        ),
        (
            vec![(2, tags[2].as_str()), (3, "\"e\"")],
            400,
            "InvalidPart",
        ),
        (vec![], 400, "MalformedXML"),
    ] {
        let got = rig.send(&completion(key, &upload, &parts)).await;
        assert_eq!(got.fault(), (status, code.to_owned()));
    }
    let whole = completion(key, &upload, &[(2, &tags[2]), (7, &tags[1])]);
    assert_eq!(rig.send(&whole).await.status, 200);
    let got = rig.send(&ask("GET", key)).await;
    assert!(got.body == [one, two].concat());
    assert_eq!(
        rig.send(&whole).await.fault(),
        (404, "NoSuchUpload".to_owned())
    );
    assert!(rig.drafts().is_empty());
}

#[tokio::test]
async fn an_upload_is_good_for_its_key_alone() {
    let rig = Rig::new().await;
    let upload = begun(&rig, "w/t1/mine").await;
    let gone = (404, "NoSuchUpload".to_owned());
    let traverse = format!("../.weir-uploads/{upload}");
    for (key, upload) in [
        ("w/t1/other", upload.as_str()),
        ("w/t1/mine", "00000000000000000000000000000000"),
        ("w/t1/mine", traverse.as_str()),
        ("w/t1/mine", ".."),
        ("w/t1/mine", ""),
    ] {
        assert_eq!(rig.send(&part(key, upload, 1, b"x")).await.fault(), gone);
        assert_eq!(
            rig.send(&ask("GET", key).query("uploadId", upload))
                .await
                .fault(),
            gone
        );
        assert_eq!(
            rig.send(&ask("DELETE", key).query("uploadId", upload))
                .await
                .fault(),
            gone
        );
        assert_eq!(
            rig.send(&completion(key, upload, &[(1, "\"e\"")]))
                .await
                .fault(),
            gone
        );
    }
    for token in ["change:t10:WEIR0001", "read:t1:WEIR0001"] {
        let got = rig
            .send(&part("w/t1/mine", &upload, 1, b"x").token(Some(token)))
            .await;
        assert_eq!(got.status, 403);
    }
    let foreign = part("w/t10/mine", &upload, 1, b"x").token(Some("change:t10:WEIR0001"));
    assert_eq!(rig.send(&foreign).await.fault(), gone);
    for number in [0, 10_001, 70_000] {
        assert_eq!(
            rig.send(&part("w/t1/mine", &upload, number, b"x"))
                .await
                .status,
            400
        );
    }
    assert_eq!(
        rig.send(&ask("DELETE", "w/t1/mine").query("uploadId", &upload))
            .await
            .status,
        204
    );
    assert!(rig.drafts().is_empty());
}

#[tokio::test]
async fn an_upload_of_one_who_adds_does_not_replace_either() {
    let rig = Rig::new().await;
    let upload = begun(&rig, "w/t1/a.bin").await;
    let tag = rig
        .send(&part("w/t1/a.bin", &upload, 1, b"x").access("add"))
        .await;
    let whole = completion("w/t1/a.bin", &upload, &[(1, tag.header("etag").unwrap())]);
    let got = rig.send(&whole.clone().access("add")).await;
    assert_eq!(got.fault(), (403, "AccessDenied".to_owned()));
    assert_eq!(
        rig.send(&ask("GET", "w/t1/a.bin")).await.text(),
        "0123456789"
    );
    assert_eq!(rig.send(&whole).await.status, 200);
    assert_eq!(rig.send(&ask("GET", "w/t1/a.bin")).await.text(), "x");
}
