//! What a client asks to change about a view.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AnyOfBuilder, Discriminator};
use utoipa::openapi::{RefOr, Schema};
use weir_core::Result;

use super::ViewMetadata;
use crate::update::{
    AddSchemaUpdate, AddViewVersionUpdate, AssignUUIDUpdate, Body, RemovePropertiesUpdate,
    SetCurrentViewVersionUpdate, SetLocationUpdate, SetPropertiesUpdate,
    UpgradeFormatVersionUpdate, failed, union,
};

union! {
    /// One change to a view.
    ViewUpdate by "action" {
        AssignUuid(AssignUUIDUpdate) => "assign-uuid",
        UpgradeFormatVersion(UpgradeFormatVersionUpdate) => "upgrade-format-version",
        AddSchema(AddSchemaUpdate) => "add-schema",
        SetLocation(SetLocationUpdate) => "set-location",
        SetProperties(SetPropertiesUpdate) => "set-properties",
        RemoveProperties(RemovePropertiesUpdate) => "remove-properties",
        AddViewVersion(AddViewVersionUpdate) => "add-view-version",
        SetCurrentViewVersion(SetCurrentViewVersionUpdate) => "set-current-view-version",
    }
}

#[derive(Debug, Clone, Copy, serde::Deserialize, ToSchema)]
pub enum AssertViewUuidType {
    #[serde(rename = "assert-view-uuid")]
    Tag,
}

#[derive(Debug, Clone, serde::Deserialize, ToSchema)]
pub struct AssertViewUUID {
    #[schema(inline)]
    #[serde(rename = "type")]
    _type: AssertViewUuidType,
    pub(super) uuid: String,
}

impl Body for AssertViewUUID {
    fn read(json: &RawValue) -> serde_json::Result<Self> {
        serde_json::from_str(json.get())
    }
}

union! {
    /// One condition.
    ViewRequirement by "type" {
        AssertViewUuid(AssertViewUUID) => "assert-view-uuid",
    }
}

impl ViewRequirement {
    /// Errors: `conflict` when it does not hold.
    pub(super) fn check(&self, base: &ViewMetadata) -> Result<()> {
        let Self::AssertViewUuid(it) = self;
        if it.uuid.eq_ignore_ascii_case(&base.uuid().to_string()) {
            return Ok(());
        }
        Err(failed("the view's UUID is another one."))
    }
}
