use super::*;
use weir_core::delivery::Access;
use weir_core::error::ErrorKind;
use weir_core::location::Location;

const STORE: &str = "http://store.test:8333";

struct Bench {
    prefix: Location,
    access: Access,
    config: Config,
}

impl Bench {
    fn new(access: Access) -> Self {
        Self::at(access, Some(STORE), "us-east-1")
    }

    fn at(access: Access, endpoint: Option<&str>, region: &str) -> Self {
        let mut config = crate::vend::s3_address(endpoint, region, true);
        // Those of the example in Amazon's documentation of signature version 4.
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        config.insert("s3.access-key-id".to_owned(), "AKIAIOSFODNN7EXAMPLE".into());
        config.insert("s3.secret-access-key".to_owned(), secret.into());
        Self {
            prefix: Location::parse("prefix", "s3://lake/w/t1").unwrap(),
            access,
            config,
        }
    }

    fn sign(&self, request: &Unsigned<'_>) -> Result<Signed> {
        let scope = Scope {
            prefix: &self.prefix,
            access: self.access,
        };
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        sign(request, scope, &self.config, now)
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Signed> {
        self.sign(&Unsigned {
            method,
            uri: &format!("{STORE}{path}"),
            headers: &headers_of(headers),
            body: None,
        })
    }

    fn delete(&self, keys: &str) -> Result<Signed> {
        self.sign(&Unsigned {
            method: "POST",
            uri: &format!("{STORE}/lake?delete"),
            headers: &Headers::new(),
            body: Some(&format!("<?xml version=\"1.0\"?><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{keys}<Quiet>true</Quiet></Delete>")),
        })
    }
}

fn headers_of(headers: &[(&str, &str)]) -> Headers {
    let owned = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
    owned.collect()
}

fn kind(signed: Result<Signed>) -> ErrorKind {
    signed.unwrap_err().kind()
}

fn signed_names(signed: &Signed) -> Vec<&str> {
    let (_, rest) = signed.headers["authorization"][0]
        .split_once("SignedHeaders=")
        .unwrap();
    rest.split(',').next().unwrap().split(';').collect()
}

/// Amazon's example "GET Object" of signature version 4 with another key and unsigned content, computed step by step as the
/// documentation says, with Python's hmac.
#[test]
fn a_signature_is_computed_as_the_documentation_says() {
    let mut bench = Bench::at(Access::Read, None, "us-east-1");
    bench.prefix = Location::parse("prefix", "s3://examplebucket/t").unwrap();
    let signed = bench
        .sign(&Unsigned {
            method: "GET",
            uri: "https://examplebucket.s3.amazonaws.com/t/test.txt",
            headers: &headers_of(&[("Range", "bytes=0-9")]),
            body: None,
        })
        .unwrap();
    assert_eq!(
        signed.uri,
        "https://examplebucket.s3.amazonaws.com/t/test.txt"
    );
    assert_eq!(signed.headers["x-amz-content-sha256"], ["UNSIGNED-PAYLOAD"]);
    assert_eq!(signed.headers["x-amz-date"], ["20130524T000000Z"]);
    assert_eq!(
        signed.headers["authorization"][0],
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=d5b4b5758255b01439c02cca7642ad4a5eb0bc98bb612ac27d6c5750bdd11d41"
    );
}

#[test]
fn what_engines_read_and_write_a_table_by_is_signed() {
    let reader = Bench::new(Access::Read);
    for (method, path) in [
        ("GET", "/lake/w/t1/data/a.parquet"),
        ("HEAD", "/lake/w/t1/metadata/v1.json"),
        (
            "GET",
            "/lake/w/t1/data/dt%3D2024-01-01/x%20y.parquet?x-id=GetObject",
        ),
        (
            "GET",
            "/lake?list-type=2&prefix=w%2Ft1%2Fdata%2F&delimiter=%2F&encoding-type=url",
        ),
        (
            "GET",
            "/lake/?prefix=w%2Ft1%2F&max-keys=10&marker=w%2Ft1%2Fa",
        ),
        ("HEAD", "/lake"),
        ("GET", "/lake?location"),
    ] {
        let signed = reader.ask(method, path, &[("User-Agent", "x")]);
        assert!(signed.is_ok(), "{method} {path}: {signed:?}");
    }
    let writer = Bench::new(Access::Change);
    for (method, path) in [
        ("PUT", "/lake/w/t1/data/a.parquet"),
        ("POST", "/lake/w/t1/data/a.parquet?uploads"),
        (
            "PUT",
            "/lake/w/t1/data/a.parquet?partNumber=1&uploadId=abc%2B%2F%3D",
        ),
        ("GET", "/lake/w/t1/data/a.parquet?uploadId=u&max-parts=10"),
        ("POST", "/lake/w/t1/data/a.parquet?uploadId=u"),
        ("DELETE", "/lake/w/t1/data/a.parquet?uploadId=u"),
        ("DELETE", "/lake/w/t1/data/a.parquet"),
        ("POST", "/lake?delete"),
    ] {
        let signed = writer.ask(method, path, &[("Content-Type", "x/y")]);
        assert!(signed.is_ok(), "{method} {path}: {signed:?}");
        assert_eq!(
            kind(reader.ask(method, path, &[])),
            ErrorKind::Denied,
            "{method} {path}"
        );
    }
}

#[test]
fn what_is_signed_is_written_anew() {
    let bench = Bench::new(Access::Read);
    let uri = |path: &str| bench.ask("GET", path, &[]).unwrap().uri;
    assert_eq!(
        uri("/lake/w/t1/a=b%2fc~d"),
        format!("{STORE}/lake/w/t1/a%3Db/c~d")
    );
    assert_eq!(uri("/lake%2Fw/t1/a"), format!("{STORE}/lake/w/t1/a"));
    assert_eq!(
        uri("/lake/w/t1/%E8%A1%A8"),
        format!("{STORE}/lake/w/t1/%E8%A1%A8")
    );
    assert_eq!(
        uri("/lake?prefix=w/t1/&list-type=2&fetch-owner"),
        format!("{STORE}/lake?fetch-owner=&list-type=2&prefix=w%2Ft1%2F")
    );
}

#[test]
fn nothing_outside_the_table_is_signed() {
    let bench = Bench::new(Access::Change);
    for path in [
        "/lake/w/t2/a",
        "/lake/w/t10/a",
        "/lake/w/t1",
        "/lake/w",
        "/other/w/t1/a",
        "/lake//w/t1/a",
        "//lake/w/t1/a",
        "/lake/w/t1/../t2/a",
        "/lake/w/t1/%2e%2e/t2/a",
        "/lake/w/t1/%252e%252e/t2/a",
        "/lake/w/t1//a",
        "/lake/w/t1/a%00",
        "/lake/w/t1/a%3Fversion",
        "/lake?list-type=2",
        "/lake?list-type=2&prefix=",
        "/lake?list-type=2&prefix=w%2Ft1",
        "/lake?list-type=2&prefix=w%2Ft10%2F",
        "/lake?list-type=2&prefix=w%2Ft1%2F..%2F",
        "/lake?prefix=w%2Ft1%2F&prefix=",
        "/lake?prefix=w%2Ft1%2F&%70refix=",
        "/lake?prefix=w%2Ft1%2F+",
        "/",
        "",
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "POST"] {
            assert_eq!(
                kind(bench.ask(method, path, &[])),
                ErrorKind::Denied,
                "{method} {path}"
            );
        }
    }
}

#[test]
fn no_other_operation_of_s3_is_signed() {
    let bench = Bench::new(Access::Change);
    for (method, query) in [
        ("GET", "acl"),
        ("PUT", "acl"),
        ("PUT", "tagging"),
        ("GET", "versionId=1"),
        ("DELETE", "versionId=1"),
        ("GET", "torrent"),
        ("PUT", "retention"),
        ("POST", "restore"),
        ("POST", "select&select-type=2"),
        ("GET", "response-content-type=text%2Fhtml"),
        ("PUT", "partNumber=1"),
        ("GET", "X-Amz-Signature=1"),
        ("PATCH", ""),
        ("OPTIONS", ""),
        ("get", ""),
    ] {
        let path = format!("/lake/w/t1/a?{query}");
        assert_eq!(
            kind(bench.ask(method, &path, &[])),
            ErrorKind::Denied,
            "{method} {query}"
        );
    }
    for (method, query) in [
        ("GET", "policy"),
        ("PUT", "policy"),
        ("DELETE", "policy"),
        ("GET", "uploads"),
        ("GET", "uploads&prefix=w%2Ft1%2F"),
        ("GET", "versions&prefix=w%2Ft1%2F"),
        ("DELETE", ""),
        ("PUT", ""),
        ("POST", ""),
    ] {
        let path = format!("/lake?{query}");
        assert_eq!(
            kind(bench.ask(method, &path, &[])),
            ErrorKind::Denied,
            "{method} {query}"
        );
    }
}

#[test]
fn an_address_of_another_store_is_not_signed() {
    let aws = |region| Bench::at(Access::Read, None, region);
    let get = |bench: &Bench, uri: &str| {
        bench.sign(&Unsigned {
            method: "GET",
            uri,
            headers: &Headers::new(),
            body: None,
        })
    };
    for (region, uri) in [
        ("us-east-1", "https://lake.s3.amazonaws.com/w/t1/a"),
        (
            "us-east-1",
            "https://s3.us-east-1.amazonaws.com/lake/w/t1/a",
        ),
        (
            "eu-west-1",
            "https://lake.s3.eu-west-1.amazonaws.com/w/t1/a",
        ),
    ] {
        assert_eq!(get(&aws(region), uri).unwrap().uri, uri);
    }
    for uri in [
        "http://lake.s3.eu-west-1.amazonaws.com/w/t1/a",
        "https://lake.s3.amazonaws.com/w/t1/a",
        "https://other.s3.eu-west-1.amazonaws.com/w/t1/a",
        "https://lake.s3.eu-west-1.amazonaws.com.evil.test/w/t1/a",
        "https://lake.s3.eu-west-1.amazonaws.com:8443/w/t1/a",
        "https://user@lake.s3.eu-west-1.amazonaws.com/w/t1/a",
        "https://evil.test/w/t1/a",
        "/w/t1/a",
        "w/t1/a",
        "https://lake.s3.eu-west-1.amazonaws.com/w/t1/a#b",
        "https://lake.s3.eu-west-1.amazonaws.com/w/t1/%zz",
        "https://lake.s3.eu-west-1.amazonaws.com/w/t1/%ff",
        "",
    ] {
        assert_eq!(
            kind(get(&aws("eu-west-1"), uri)),
            ErrorKind::Invalid,
            "{uri}"
        );
    }
    let other = Bench::new(Access::Read);
    assert!(get(&other, "http://lake.store.test:8333/w/t1/a").is_ok());
    for uri in [
        "http://store.test/lake/w/t1/a",
        "https://store.test:8333/lake/w/t1/a",
    ] {
        assert_eq!(kind(get(&other, uri)), ErrorKind::Invalid, "{uri}");
    }
}

#[test]
fn a_header_of_s3_is_signed_or_refused() {
    let bench = Bench::new(Access::Change);
    let put = |headers: &[(&str, &str)]| bench.ask("PUT", "/lake/w/t1/a", headers);
    let signed = put(&[
        ("Content-Type", "application/octet-stream"),
        ("X-Amz-Checksum-CRC32", "AAAAAA=="),
        ("x-amz-meta-a", "b"),
        ("x-amz-te", "append-md5"),
        ("User-Agent", "x"),
        ("amz-sdk-request", "attempt=1"),
        ("Expect", "100-continue"),
    ]);
    let signed = signed.unwrap();
    assert_eq!(
        signed_names(&signed),
        [
            "content-type",
            "host",
            "x-amz-checksum-crc32",
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-meta-a",
            "x-amz-te"
        ]
    );
    // What the client has already is not given to it again.
    assert!(!signed.headers.contains_key("content-type"));
    for name in [
        "x-amz-acl",
        "X-Amz-Grant-Read",
        "x-amz-tagging",
        "x-amz-website-redirect-location",
        "x-amz-security-token",
        "x-amz-object-lock-mode",
        "x-amz-copy-source-range",
    ] {
        assert_eq!(kind(put(&[(name, "x")])), ErrorKind::Denied, "{name}");
    }
    assert_eq!(
        kind(put(&[("range", "a"), ("Range", "b")])),
        ErrorKind::Denied
    );
    for (name, value) in [("content-type", "a\nb"), ("x-amz-meta-a b", "x")] {
        assert_eq!(kind(put(&[(name, value)])), ErrorKind::Invalid, "{name}");
    }
    let trailed = put(&[
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("Content-Encoding", "aws-chunked"),
    ])
    .unwrap();
    assert_eq!(
        trailed.headers["x-amz-content-sha256"],
        ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
    );
}

#[test]
fn a_copy_is_from_inside_the_table() {
    let bench = Bench::new(Access::Change);
    let copy = |source: &str| bench.ask("PUT", "/lake/w/t1/b", &[("X-Amz-Copy-Source", source)]);
    for source in ["lake/w/t1/a", "/lake/w/t1/a", "lake/w%2Ft1%2Fa"] {
        let signed = copy(source).unwrap();
        assert!(signed_names(&signed).contains(&"x-amz-copy-source"));
    }
    for source in [
        "lake/w/t2/a",
        "lake/w/t10/a",
        "other/w/t1/a",
        "lake/w/t1/../t2/a",
        "lake/w/t1/%2e%2e/t2/a",
        "lake/w/t1/a?versionId=1",
        "//lake/w/t1/a",
        "lake",
        "",
    ] {
        assert_eq!(kind(copy(source)), ErrorKind::Denied, "{source}");
    }
    let part = "/lake/w/t1/b?partNumber=1&uploadId=u";
    let foreign = [("x-amz-copy-source", "lake/w/t2/a")];
    assert_eq!(kind(bench.ask("PUT", part, &foreign)), ErrorKind::Denied);
    let inside = [("x-amz-copy-source", "lake/w/t1/a")];
    assert_eq!(
        kind(Bench::new(Access::Add).ask("PUT", "/lake/w/t1/b", &inside)),
        ErrorKind::Denied
    );
}

#[test]
fn a_list_of_what_to_delete_is_of_the_table_and_is_signed_whole() {
    let bench = Bench::new(Access::Change);
    let key = |key: &str| format!("<Object><Key>{key}</Key></Object>");
    let signed = bench
        .delete(&([key("w/t1/a"), key("w/t1/b &amp; c")].concat()))
        .unwrap();
    assert_eq!(signed.headers["x-amz-content-sha256"][0].len(), 64);
    for keys in [
        key("w/t2/a"),
        [key("w/t1/a"), key("w/t10/a")].concat(),
        key("w/t1/&#46;&#46;/t2/a"),
        key("w/t1"),
        key(""),
    ] {
        assert_eq!(kind(bench.delete(&keys)), ErrorKind::Denied, "{keys}");
    }
    for keys in [
        "<Object><Key>w/t1/a</Key><VersionId>1</VersionId></Object>",
        "<Object>",
        "<Object/>",
    ] {
        assert_eq!(kind(bench.delete(keys)), ErrorKind::Invalid, "{keys}");
    }
    for access in [Access::Read, Access::Add] {
        assert_eq!(
            kind(Bench::new(access).delete(&key("w/t1/a"))),
            ErrorKind::Denied
        );
    }
}

#[test]
fn who_may_only_add_is_made_to_say_so() {
    let bench = Bench::new(Access::Add);
    let put = |headers: &[(&str, &str)]| bench.ask("PUT", "/lake/w/t1/a", headers);
    let signed = put(&[]).unwrap();
    assert_eq!(signed.headers["if-none-match"], ["*"]);
    assert!(signed_names(&signed).contains(&"if-none-match"));
    let said = put(&[("If-None-Match", "*")]).unwrap();
    assert!(
        !said.headers.contains_key("if-none-match")
            && signed_names(&said).contains(&"if-none-match")
    );
    assert_eq!(kind(put(&[("If-None-Match", "\"a\"")])), ErrorKind::Denied);
    let part = bench
        .ask("PUT", "/lake/w/t1/a?partNumber=1&uploadId=u", &[])
        .unwrap();
    assert!(!signed_names(&part).contains(&"if-none-match"));
    let completed = bench.ask("POST", "/lake/w/t1/a?uploadId=u", &[]).unwrap();
    assert!(signed_names(&completed).contains(&"if-none-match"));
    assert_eq!(
        kind(bench.ask("DELETE", "/lake/w/t1/a", &[])),
        ErrorKind::Denied
    );
}
