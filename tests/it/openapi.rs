//! The documents of the faces are generated from the code and kept in the repository.

use std::fs;
use std::path::Path;
use weir::DocumentedFace::{Iceberg, Management};

const KEPT: [(weir::DocumentedFace, &str, &str); 2] = [
    (Management, "management.yaml", "management"),
    (Iceberg, "iceberg.yaml", "iceberg"),
];

#[test]
fn the_documents_in_the_repository_are_the_ones_the_code_makes() {
    for (face, file, word) in KEPT {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../openapi")
            .join(file);
        let kept = fs::read_to_string(path).unwrap_or_default();
        // Compared and not shown: the difference of two files this long helps nobody.
        assert!(
            kept == weir::openapi(face).unwrap(),
            "{file} is old; run: cargo run --bin weir -- openapi {word} > openapi/{file}"
        );
    }
}

#[test]
fn the_documents_are_openapi_3_1() {
    for (face, file, _) in KEPT {
        let document = weir::openapi(face).unwrap();
        assert!(document.starts_with("openapi: 3.1"), "{file}");
    }
}
