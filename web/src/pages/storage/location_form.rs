//! The form that registers a storage location.

use maud::{Markup, html};
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::storage::{StorageSettings, Zone};
use weir_core::{Error, ErrorKind, Result};
use weir_operations::location::{Credential, Registration};

use super::credential_form::{self, CredentialDraft};
use crate::components::{Choice, Input, select, text_input};
use crate::form::{FieldError, Fields, SECRET, Shape};
use crate::links;

pub(super) const SHAPE: Shape = Shape {
    needed: &[
        "name",
        "url",
        "zone",
        "endpoint",
        "region",
        "role",
        "external_id",
        "sts_endpoint",
        "kms_key",
        "folder",
        "stands_for",
        "credential",
        "credential_kind",
        "access_key_id",
        "tenant_id",
    ],
    // A form that was kept over the end of a session comes without the secret.
    optional: &[
        "path_style",
        "hierarchical",
        "assume_role",
        "read_only",
        SECRET,
    ],
    many: &[],
};
/// The fields that an error can stand beside.
pub(super) const FIELDS: &[&str] = &[
    "name",
    "url",
    "zone",
    "endpoint",
    "region",
    "role",
    "external_id",
    "sts_endpoint",
    "kms_key",
    "folder",
    "stands_for",
    "credential",
    "credential_kind",
    "access_key_id",
    "tenant_id",
    SECRET,
];
/// The form as it was typed, without its secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LocationDraft {
    pub name: String,
    pub url: String,
    pub zone: String,
    pub endpoint: String,
    pub region: String,
    pub path_style: bool,
    pub role: String,
    pub assume_role: bool,
    pub external_id: String,
    pub sts_endpoint: String,
    pub kms_key: String,
    pub folder: String,
    pub stands_for: String,
    pub hierarchical: bool,
    pub read_only: bool,
    /// The name of one of the configuration.
    pub configured: String,
    pub credential: CredentialDraft,
}

impl LocationDraft {
    pub fn read(fields: &Fields) -> Self {
        let text = |name| fields.text(name).trim().to_owned();
        Self {
            name: text("name"),
            url: text("url"),
            zone: text("zone"),
            endpoint: text("endpoint"),
            region: text("region"),
            path_style: fields.ticked("path_style"),
            role: text("role"),
            assume_role: fields.ticked("assume_role"),
            external_id: text("external_id"),
            sts_endpoint: text("sts_endpoint"),
            kms_key: text("kms_key"),
            folder: text("folder"),
            stands_for: text("stands_for"),
            hierarchical: fields.ticked("hierarchical"),
            read_only: fields.ticked("read_only"),
            configured: text("credential"),
            credential: CredentialDraft::read(fields),
        }
    }

    /// Errors: what cannot be read, named by its field.
    pub fn registration(&self, credential: Option<Credential>) -> Result<Registration> {
        let settings = StorageSettings {
            endpoint: given(&self.endpoint),
            region: given(&self.region),
            path_style: self.path_style,
            role: given(&self.role),
            assume_role: self.assume_role,
            external_id: given(&self.external_id),
            sts_endpoint: given(&self.sts_endpoint),
            kms_key: given(&self.kms_key),
            folder: given(&self.folder),
            stands_for: given(&self.stands_for),
            hierarchical: self.hierarchical,
            read_only: self.read_only,
            credential: given(&self.configured),
        };
        Ok(Registration {
            name: Name::parse("name", &self.name)?,
            url: Location::parse("url", &self.url)?,
            settings,
            zone: given(&self.zone)
                .map(|zone| Zone::parse(&zone))
                .transpose()?,
            credential,
        })
    }
}

impl LocationDraft {
    /// As [`mendable`]: an error about the credential stands with the one that was given.
    pub fn mendable(&self, error: &Error) -> Option<FieldError> {
        let shown = mendable(error, FIELDS)?;
        Some(match shown.field.as_str() {
            "credential" if self.configured.is_empty() => FieldError {
                field: "credential_kind".into(),
                ..shown
            },
            _ => shown,
        })
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// An error as the form shows it: beside its field where it has one, else on top. None where the form cannot help.
pub(super) fn mendable(error: &Error, fields: &[&str]) -> Option<FieldError> {
    let message = error.public_message();
    let at = |field: &str| match fields.contains(&field) {
        true => FieldError::new(field, message),
        false => FieldError::whole(message),
    };
    match error.kind() {
        ErrorKind::Invalid => Some(match error.field() {
            // The store's own word for the root that it opens.
            Some("location") | None => at("url"),
            Some(field) => at(field),
        }),
        ErrorKind::AlreadyExists => Some(at("name")),
        ErrorKind::Conflict | ErrorKind::Unsupported | ErrorKind::NotFound => Some(at("url")),
        ErrorKind::Unavailable | ErrorKind::Denied => Some(FieldError::whole(message)),
        ErrorKind::TooLarge
        | ErrorKind::Unauthenticated
        | ErrorKind::Throttled
        | ErrorKind::Internal => None,
    }
}

const ZONES: [Choice<'_>; 4] = [
    Choice {
        value: "",
        text: "None",
    },
    Choice {
        value: "raw",
        text: "Raw: as its source delivered it",
    },
    Choice {
        value: "cleaned",
        text: "Cleaned",
    },
    Choice {
        value: "curated",
        text: "Curated: ready for its users",
    },
];

pub(super) fn form(draft: &LocationDraft, error: Option<&FieldError>) -> Markup {
    let name = Input {
        hint: "What crawlers and catalogs call it: letters, digits, _ and -.",
        required: true,
        ..Input::text("name", "Name", &draft.name)
    };
    let url = Input {
        hint: "A bucket or a part of one, or a folder of the server, as s3://bucket/folder or file:///folder; gs:// and abfss:// too.",
        required: true,
        ..Input::text("url", "URL", &draft.url)
    };
    html! {
        form.panel.stack method="post" action=(links::NEW_LOCATION) {
            div.pair { (text_input(&name, error)) (text_input(&url, error)) }
            (select("zone", "Zone", &draft.zone, &ZONES, None, error))
            label.check {
                input type="checkbox" name="read_only" value="true" checked[draft.read_only];
                "It is only read: no table is made here, and engines get nothing to write with"
            }
            (store(draft, error))
            (own_credential(draft, error))
            (engines(draft, error))
            div.actions {
                button.primary { "Try and add it" }
                a.button href="/storage" data-cancel { "Cancel" }
            }
        }
    }
}

fn store(draft: &LocationDraft, error: Option<&FieldError>) -> Markup {
    let endpoint = Input {
        hint: "Only where the store is not AWS.",
        ..Input::text("endpoint", "Endpoint", &draft.endpoint)
    };
    let region = Input {
        hint: "As eu-central-1.",
        ..Input::text("region", "Region", &draft.region)
    };
    html! {
        fieldset.group {
            legend { "The store of a bucket" }
            div.stack {
                div.pair { (text_input(&endpoint, error)) (text_input(&region, error)) }
                label.check {
                    input type="checkbox" name="path_style" value="true" checked[draft.path_style];
                    "The bucket stands in the path, not in the host name"
                }
                label.check {
                    input type="checkbox" name="hierarchical" value="true" checked[draft.hierarchical];
                    "The Azure account has a hierarchical namespace"
                }
            }
        }
    }
}

fn own_credential(draft: &LocationDraft, error: Option<&FieldError>) -> Markup {
    let configured = Input {
        hint: "Instead of a typed one: the name of a credential in the server's configuration, such as a workload identity.",
        ..Input::text("credential", "Configured credential", &draft.configured)
    };
    html! {
        fieldset.group {
            legend { "What Weir itself reaches it with" }
            div.stack {
                p.hint { "What is typed is kept sealed and never shown again. Without any, Weir uses the credentials of its environment, such as the identity of its machine or pod." }
                (credential_form::inputs(&draft.credential, error))
                (text_input(&configured, error))
                label.check {
                    input type="checkbox" name="assume_role" value="true" checked[draft.assume_role];
                    "With it, assume the role that engines' credentials are made from, and reach the store by that"
                }
            }
        }
    }
}

fn engines(draft: &LocationDraft, error: Option<&FieldError>) -> Markup {
    let role = Input {
        hint: "The ARN of the role that short-lived credentials are made from. Without one, engines go through the gateway, where it is on.",
        ..Input::text("role", "Role", &draft.role)
    };
    let external = Input {
        hint: "AWS's external id, if whoever keeps the role asks for one.",
        ..Input::text("external_id", "External id", &draft.external_id)
    };
    let sts = Input {
        hint: "Only where STS is neither the store's own nor that of AWS.",
        ..Input::text("sts_endpoint", "STS endpoint", &draft.sts_endpoint)
    };
    let key = Input {
        hint: "The ARN of the KMS key that the store encrypts with, if it does.",
        ..Input::text("kms_key", "KMS key", &draft.kms_key)
    };
    let folder = Input {
        hint: "A folder of the server that the bucket stands for. There is no store then: engines go through the gateway.",
        ..Input::text("folder", "Folder", &draft.folder)
    };
    let stands_for = Input {
        hint: "For engines that only know S3: the bucket of Google or container of Azure that this one stands for, as gs://bucket. They go through the gateway.",
        ..Input::text("stands_for", "Bucket of another store", &draft.stands_for)
    };
    html! {
        fieldset.group {
            legend { "What engines reach it with" }
            div.stack {
                div.pair { (text_input(&role, error)) (text_input(&external, error)) }
                div.pair { (text_input(&sts, error)) (text_input(&key, error)) }
                div.pair { (text_input(&folder, error)) (text_input(&stands_for, error)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Spoil = fn(&mut LocationDraft);

    fn draft() -> LocationDraft {
        LocationDraft {
            name: "lake".into(),
            url: "s3://lake/raw/".into(),
            zone: "raw".into(),
            endpoint: "http://127.0.0.1:9000".into(),
            path_style: true,
            ..LocationDraft::default()
        }
    }

    #[test]
    fn a_location_is_read_and_what_is_empty_is_left_out() {
        let new = draft().registration(None).unwrap();
        assert_eq!(new.url.to_string(), "s3://lake/raw");
        assert_eq!(new.zone, Some(Zone::Raw));
        assert!(new.settings.path_style);
        assert_eq!(new.settings.region, None);
    }

    #[test]
    fn a_role_and_a_configured_credential_are_taken_as_they_are_typed() {
        let draft = LocationDraft {
            role: "arn:aws:iam::1:role/Lake".into(),
            assume_role: true,
            external_id: "weir".into(),
            configured: "pod".into(),
            ..draft()
        };
        let settings = draft.registration(None).unwrap().settings;
        assert_eq!(settings.role.as_deref(), Some("arn:aws:iam::1:role/Lake"));
        assert!(settings.assume_role);
        assert_eq!(settings.external_id.as_deref(), Some("weir"));
        assert_eq!(settings.credential.as_deref(), Some("pod"));
        let drawn = form(&draft, None).into_string();
        for typed in [
            "value=\"weir\"",
            "value=\"pod\"",
            "name=\"assume_role\" value=\"true\" checked",
        ] {
            assert!(drawn.contains(typed), "{typed}");
        }
    }

    #[test]
    fn a_credential_of_another_kind_is_told_where_it_was_typed() {
        let wrong = || Error::invalid("credential", "This kind of storage needs another.");
        let typed = draft();
        assert_eq!(typed.mendable(&wrong()).unwrap().field, "credential_kind");
        let named = LocationDraft {
            configured: "pod".into(),
            ..draft()
        };
        assert_eq!(named.mendable(&wrong()).unwrap().field, "credential");
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_field() {
        let wrong: [(&str, Spoil); 4] = [
            ("name", |it| it.name = "a b".into()),
            ("name", |it| it.name = String::new()),
            ("url", |it| it.url = "/srv/lake".into()),
            ("zone", |it| it.zone = "golden".into()),
        ];
        for (field, spoil) in wrong {
            let mut draft = draft();
            spoil(&mut draft);
            let error = draft.registration(None).map(|_| ()).unwrap_err();
            assert_eq!(mendable(&error, FIELDS).unwrap().field, field);
        }
    }

    #[test]
    fn an_error_stands_where_it_can_be_mended_and_ours_stand_nowhere() {
        let field = |error: Error| mendable(&error, FIELDS).map(|error| error.field);
        let at = |name: &str| Some(name.to_owned());
        assert_eq!(field(Error::invalid("folder", "No.")), at("folder"));
        assert_eq!(field(Error::invalid("location", "No.")), at("url"));
        assert_eq!(field(Error::invalid("text", "No.")), at(""));
        assert_eq!(field(Error::already_exists("There is one.")), at("name"));
        assert_eq!(field(Error::conflict("It overlaps.")), at("url"));
        assert_eq!(field(Error::unavailable("It is silent.")), at(""));
        assert_eq!(field(Error::denied("You may not.")), at(""));
        assert_eq!(field(Error::internal("a bug")), None);
    }
}
