use std::collections::BTreeSet;
use utoipa::{PartialSchema, ToSchema};

use crate::view::{ViewRequirement, ViewUpdate};
use crate::{TableRequirement, TableUpdate, document};

fn collect<T: ToSchema>() -> (BTreeSet<String>, String) {
    let mut found = Vec::new();
    T::schemas(&mut found);
    found.push((T::name().into_owned(), T::schema()));
    let text = serde_json::to_string(&found).unwrap();
    (found.into_iter().map(|(name, _)| name).collect(), text)
}

fn assert_closed<T: ToSchema>() -> BTreeSet<String> {
    let (names, text) = collect::<T>();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(
            names.contains(name),
            "{name} is referred to by {} and not there",
            T::name()
        );
    }
    names
}

#[test]
fn every_component_that_is_referred_to_is_there() {
    let names = assert_closed::<TableUpdate>();
    for name in [
        "AssignUUIDUpdate",
        "SetSnapshotRefUpdate",
        "Schema",
        "ListType",
        "Snapshot",
        "EncryptedKey",
    ] {
        assert!(names.contains(name), "{name}");
    }
    assert!(assert_closed::<TableRequirement>().contains("AssertTableUUID"));
    assert!(assert_closed::<ViewUpdate>().contains("AddViewVersionUpdate"));
    assert_closed::<ViewRequirement>();
    assert_closed::<document::TableMetadata>();
    assert_closed::<document::ViewMetadata>();
}

#[test]
fn the_shapes_say_what_must_be_there() {
    let of = |schema| {
        serde_json::to_value::<utoipa::openapi::RefOr<utoipa::openapi::Schema>>(schema).unwrap()
    };
    let update = of(crate::SetSnapshotRefUpdate::schema());
    assert_eq!(
        update["required"],
        serde_json::json!(["action", "ref-name", "type", "snapshot-id"])
    );
    assert_eq!(
        update["properties"]["action"]["enum"],
        serde_json::json!(["set-snapshot-ref"])
    );
    let requirement = of(crate::AssertRefSnapshotId::schema());
    assert_eq!(
        requirement["required"],
        serde_json::json!(["type", "ref", "snapshot-id"])
    );
    let snapshot = of(document::Snapshot::schema());
    assert_eq!(
        snapshot["required"],
        serde_json::json!(["snapshot-id", "timestamp-ms", "manifest-list", "summary"])
    );
}
