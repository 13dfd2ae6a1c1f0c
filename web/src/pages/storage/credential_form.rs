//! The fields of what Weir itself reaches a store with, which the form of a new location and that of a new credential share.
//!
//! What is secret is read from the fields into a `SecretString` and nowhere else: no draft has it, so no page can.

use maud::{Markup, html};
use secrecy::SecretString;
use weir_core::{Error, Result};
use weir_operations::location::{
    AccountKey, ClientSecret, Credential, GoogleCredential, S3Credential,
};

use crate::components::{Choice, Input, select, text_input};
use crate::form::{FieldError, Fields, SECRET, Shape};

pub(super) const SHAPE: Shape = Shape {
    needed: &["credential_kind", "access_key_id", "tenant_id"],
    // A form that was kept over the end of a session comes without the secret.
    optional: &[SECRET],
    many: &[],
};
/// The fields that an error can stand beside.
pub(super) const FIELDS: &[&str] = &["credential_kind", "access_key_id", "tenant_id", SECRET];

const S3: &str = "s3";
const GOOGLE: &str = "google";
const APPLICATION: &str = "azure_application";
const ACCOUNT: &str = "azure_account";

const KINDS: [Choice<'_>; 4] = [
    Choice {
        value: S3,
        text: "Access key of S3",
    },
    Choice {
        value: GOOGLE,
        text: "Service account of Google",
    },
    Choice {
        value: APPLICATION,
        text: "Application of Entra ID",
    },
    Choice {
        value: ACCOUNT,
        text: "Key of an Azure account",
    },
];

/// The fields as they were typed, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CredentialDraft {
    pub kind: String,
    pub id: String,
    pub tenant: String,
}

impl Default for CredentialDraft {
    fn default() -> Self {
        Self {
            kind: S3.to_owned(),
            id: String::new(),
            tenant: String::new(),
        }
    }
}

impl CredentialDraft {
    pub fn read(fields: &Fields) -> Self {
        let text = |name| fields.text(name).trim().to_owned();
        Self {
            kind: text("credential_kind"),
            id: text("access_key_id"),
            tenant: text("tenant_id"),
        }
    }
}

/// The credential of a form; none where its fields are empty.
///
/// Errors: a part that is missing, or that its kind does not have.
pub(super) fn typed(fields: &Fields) -> Result<Option<Credential>> {
    let CredentialDraft { kind, id, tenant } = CredentialDraft::read(fields);
    let secret = fields.text(SECRET).trim().to_owned();
    if id.is_empty() && tenant.is_empty() && secret.is_empty() {
        return Ok(None);
    }
    let (has_id, has_tenant) = match kind.as_str() {
        S3 => (true, false),
        APPLICATION => (true, true),
        GOOGLE | ACCOUNT => (false, false),
        _ => return Err(Error::invalid("credential_kind", "Choose one of these.")),
    };
    fits("access_key_id", &id, has_id)?;
    fits("tenant_id", &tenant, has_tenant)?;
    if secret.is_empty() {
        let message = "Type the secret too. A form that comes back never has it.";
        return Err(Error::invalid(SECRET, message));
    }
    let secret = SecretString::from(secret);
    Ok(Some(match kind.as_str() {
        GOOGLE => Credential::Google(GoogleCredential {
            service_account: secret,
        }),
        APPLICATION => Credential::AzureApplication(ClientSecret {
            tenant_id: tenant,
            client_id: id,
            client_secret: secret,
        }),
        ACCOUNT => Credential::AzureAccount(AccountKey {
            account_key: secret,
        }),
        _ => Credential::S3(S3Credential {
            access_key_id: id,
            secret_access_key: secret,
            session_token: None,
        }),
    }))
}

fn fits(field: &str, text: &str, is_needed: bool) -> Result<()> {
    match (text.is_empty(), is_needed) {
        (true, true) => Err(Error::invalid(
            field,
            "A credential of this kind has this too.",
        )),
        (false, false) => Err(Error::invalid(
            field,
            "A credential of this kind has none: leave it empty.",
        )),
        _ => Ok(()),
    }
}

/// The secret is always drawn empty.
pub(super) fn inputs(draft: &CredentialDraft, error: Option<&FieldError>) -> Markup {
    let id = Input {
        hint: "Of S3 the access key's, of Entra ID the application's.",
        ..Input::text("access_key_id", "Id", &draft.id)
    };
    let tenant = Input {
        hint: "Of Entra ID only: the directory's id.",
        ..Input::text("tenant_id", "Tenant", &draft.tenant)
    };
    let secret = Input {
        kind: "password",
        autocomplete: "new-password",
        hint: "The secret access key, the JSON of the service account's key file, the client secret, or the account's key.",
        ..Input::text(SECRET, "Secret", "")
    };
    html! {
        div.pair {
            (select("credential_kind", "Kind", &draft.kind, &KINDS, None, error))
            (text_input(&id, error))
        }
        div.pair { (text_input(&tenant, error)) (text_input(&secret, error)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read(
        kind: &str,
        id: &str,
        tenant: &str,
        secret: Option<&str>,
    ) -> Result<Option<Credential>> {
        let mut pairs: Vec<(String, String)> = [
            ("credential_kind", kind),
            ("access_key_id", id),
            ("tenant_id", tenant),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        pairs.extend(secret.map(|secret| (SECRET.to_owned(), secret.to_owned())));
        typed(&Fields::check(pairs, &SHAPE).unwrap())
    }

    #[test]
    fn a_credential_is_of_its_kind_or_absent_and_never_printed() {
        assert!(read(S3, " ", "", Some("")).unwrap().is_none());
        let Ok(Some(Credential::S3(keys))) = read(S3, "AKIA", "", Some(" hush ")) else {
            panic!("no keys");
        };
        assert_eq!(keys.secret_access_key.expose_secret(), "hush");
        let google = read(GOOGLE, "", "", Some("{\"private_key\": \"hush\"}")).unwrap();
        assert!(matches!(google, Some(Credential::Google(_))));
        let application = read(APPLICATION, "c", "t", Some("hush")).unwrap();
        assert!(matches!(application, Some(Credential::AzureApplication(_))));
        let account = read(ACCOUNT, "", "", Some("hush")).unwrap();
        assert!(matches!(account, Some(Credential::AzureAccount(_))));
        for credential in [google, application, account] {
            assert!(!format!("{credential:?}").contains("hush"));
        }
    }

    #[test]
    fn a_part_that_is_missing_or_too_much_is_named() {
        for (kind, id, tenant, secret, field) in [
            (S3, "AKIA", "", None, SECRET),
            (S3, "AKIA", "", Some(""), SECRET),
            (S3, "", "", Some("hush"), "access_key_id"),
            (S3, "AKIA", "t", Some("hush"), "tenant_id"),
            (GOOGLE, "AKIA", "", Some("hush"), "access_key_id"),
            (APPLICATION, "c", "", Some("hush"), "tenant_id"),
            (APPLICATION, "", "t", Some("hush"), "access_key_id"),
            (ACCOUNT, "", "t", Some("hush"), "tenant_id"),
            ("other", "a", "", Some("hush"), "credential_kind"),
        ] {
            let error = read(kind, id, tenant, secret).map(|_| ()).unwrap_err();
            assert_eq!(error.field(), Some(field), "{kind}");
        }
    }
}
