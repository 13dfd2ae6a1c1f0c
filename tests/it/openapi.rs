//! The API's document is generated from the code and kept in the repository.

use std::fs;
use std::path::Path;

#[test]
fn the_document_in_the_repository_is_the_one_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/management.yaml");
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        kept,
        weir::openapi().unwrap(),
        "run: cargo run --bin weir -- openapi > openapi/management.yaml"
    );
}

#[test]
fn the_document_is_openapi_3_1() {
    assert!(weir::openapi().unwrap().starts_with("openapi: 3.1"));
}
