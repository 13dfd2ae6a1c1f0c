//! Random schemas for the property tests.

use proptest::prelude::*;

use super::types::{DataType, Field, Schema};
use crate::id::FieldId;

pub fn leaf() -> impl Strategy<Value = DataType> {
    prop_oneof![
        Just(DataType::Int),
        Just(DataType::Long),
        Just(DataType::Double),
        Just(DataType::String),
        Just(DataType::Date),
        (1u8..20, 0u8..5).prop_map(|(whole, scale)| DataType::Decimal {
            precision: whole + scale,
            scale
        }),
        (1u32..32).prop_map(DataType::Fixed),
        Just(DataType::Variant),
        Just(DataType::Unknown),
        prop::option::of(Just("srid:4326".to_owned())).prop_map(|crs| DataType::Geometry { crs }),
        prop::option::of(Just("spherical".to_owned())).prop_map(|algorithm| DataType::Geography {
            crs: Some("srid:4326".to_owned()),
            algorithm
        }),
    ]
}

pub fn data_type() -> impl Strategy<Value = DataType> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(DataType::list),
            (Just(DataType::String), inner.clone())
                .prop_map(|(key, value)| DataType::map(key, value)),
            fields(inner).prop_map(DataType::Struct),
        ]
    })
}

fn fields(data_type: impl Strategy<Value = DataType>) -> impl Strategy<Value = Vec<Field>> {
    let field = ("[a-f]", data_type, any::<bool>(), prop::option::of("[x-z]")).prop_map(
        |(name, data_type, required, doc)| Field {
            id: FieldId::UNASSIGNED,
            name,
            data_type,
            required,
            doc,
        },
    );
    prop::collection::vec(field, 1..5).prop_map(|mut fields| {
        let mut seen = std::collections::HashSet::new();
        fields.retain(|field| seen.insert(field.name.clone()));
        fields
    })
}

/// A schema as inference makes it: unique names, no ids.
pub fn inferred() -> impl Strategy<Value = Schema> {
    fields(data_type()).prop_map(Schema::new)
}
