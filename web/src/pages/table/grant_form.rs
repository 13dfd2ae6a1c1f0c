//! The form that grants a table or some of its columns.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use maud::{Markup, html};
use weir_core::catalog::Column;
use weir_core::grant::{ColumnSet, applies_to};
use weir_core::name::PrincipalName;
use weir_core::privilege::{Privilege, PrivilegeSet};
use weir_core::resource::ResourceKind;
use weir_core::{Error, Result};
use weir_operations::grant::GrantRequest;

use super::access::AccessView;
use crate::components::{Input, field_error, people, text_input};
use crate::form::{FieldError, Fields, Shape};
use crate::links::TableAt;

pub(super) const SHAPE: Shape = Shape {
    needed: &["principal", "columns", "valid_until", "reason"],
    optional: &["grantable"],
    many: &["privileges", "field_ids"],
};
/// The fields that an error can stand beside.
pub(super) const FIELDS: &[&str] = &[
    "principal",
    "privileges",
    "columns",
    "valid_until",
    "reason",
];

/// The form as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GrantDraft {
    pub principal: String,
    pub privileges: Vec<String>,
    /// `all`, `only` or `all_but`.
    pub columns: String,
    pub field_ids: Vec<String>,
    pub grantable: bool,
    pub valid_until: String,
    pub reason: String,
}

impl GrantDraft {
    pub fn read(fields: &Fields) -> Self {
        let all = |name: &str| fields.all(name).map(str::to_owned).collect();
        Self {
            principal: fields.text("principal").trim().to_owned(),
            privileges: all("privileges"),
            columns: fields.text("columns"),
            field_ids: all("field_ids"),
            grantable: fields.ticked("grantable"),
            valid_until: fields.text("valid_until").trim().to_owned(),
            reason: fields.text("reason").trim().to_owned(),
        }
    }

    /// Errors: what cannot be read, named by its field.
    pub fn request(&self) -> Result<GrantRequest> {
        Ok(GrantRequest {
            principal: PrincipalName::parse("principal", &self.principal)?,
            privileges: PrivilegeSet::parse(self.privileges.iter().map(String::as_str))?,
            columns: self.column_set()?,
            grantable: self.grantable,
            valid_from: None,
            valid_until: end(&self.valid_until)?,
            reason: Some(self.reason.clone()).filter(|reason| !reason.is_empty()),
        })
    }

    fn column_set(&self) -> Result<ColumnSet> {
        let ids: Result<Vec<i32>> = self
            .field_ids
            .iter()
            .map(|id| {
                id.parse()
                    .map_err(|_| Error::invalid("columns", "A column is named by its number."))
            })
            .collect();
        if self.columns == "all" && !self.field_ids.is_empty() {
            return Err(Error::invalid(
                "columns",
                "Columns are ticked, but all columns are chosen. Choose “only the ticked ones”, or untick them.",
            ));
        }
        ColumnSet::parse(&self.columns, ids?)
    }
}

/// A day ends with its last minute; a minute is taken as it is. Both in UTC.
fn end(text: &str) -> Result<Option<DateTime<Utc>>> {
    if text.is_empty() {
        return Ok(None);
    }
    let minute = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M");
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(|day| day.and_time(NaiveTime::MIN))
            .map(|day| {
                day.checked_add_signed(chrono::TimeDelta::days(1))
                    .unwrap_or(day)
            })
    };
    let at = minute.or_else(|_| day()).map_err(|_| {
        Error::invalid(
            "valid_until",
            "Write a day as 2027-03-31, or leave it empty for no end.",
        )
    })?;
    Ok(Some(at.and_utc()))
}

pub(super) fn form(at: &TableAt, view: &AccessView) -> Markup {
    let (draft, error) = (&view.draft, view.error.as_ref());
    let who = Input {
        list: Some("people"),
        hint: "A person, group, role or service, by name.",
        required: true,
        ..Input::text("principal", "Who", &draft.principal)
    };
    let until = Input {
        kind: "date",
        hint: "In UTC, to the end of that day. Empty: no end.",
        ..Input::text("valid_until", "Until", &draft.valid_until)
    };
    let reason = Input {
        hint: "Kept with the grant and in the audit log.",
        ..Input::text("reason", "Reason", &draft.reason)
    };
    html! {
        form #grant .panel.stack method="post" action=(at.verb("grants")) {
            h2 { "Grant access" }
            (people("people", &view.people))
            (text_input(&who, error))
            (privileges(draft, error))
            (columns(draft, &view.table.columns, error))
            div.pair { (text_input(&until, error)) (text_input(&reason, error)) }
            label.check { input type="checkbox" name="grantable" value="true" checked[draft.grantable]; "May pass it on to others" }
            div.actions { button.primary { "Grant" } }
        }
    }
}

fn privileges(draft: &GrantDraft, error: Option<&FieldError>) -> Markup {
    html! {
        fieldset #f-privileges tabindex="-1" {
            legend { "May" }
            (field_error(error, "privileges"))
            div.checks {
                @for privilege in Privilege::ALL.iter().filter(|it| applies_to(**it, ResourceKind::Table)) {
                    label.check {
                        input type="checkbox" name="privileges" value=(privilege) checked[draft.privileges.iter().any(|it| it == privilege.as_str())];
                        code { (privilege) }
                    }
                }
            }
        }
    }
}

fn columns(draft: &GrantDraft, columns: &[Column], error: Option<&FieldError>) -> Markup {
    let modes = [
        ("all", "All columns, those to come too"),
        ("only", "Only the ticked ones"),
        ("all_but", "All but the ticked ones, those to come too"),
    ];
    let chosen = if draft.columns.is_empty() {
        "all"
    } else {
        &draft.columns
    };
    html! {
        fieldset #f-columns tabindex="-1" {
            legend { "Columns" }
            (field_error(error, "columns"))
            div.checks {
                @for (value, text) in modes {
                    label.check { input type="radio" name="columns" value=(value) checked[chosen == value]; (text) }
                }
            }
            @if !columns.is_empty() {
                details open[chosen != "all" || !draft.field_ids.is_empty()] {
                    summary { "Choose columns" }
                    div.checks {
                        @for column in columns {
                            @let id = column.id.to_string();
                            label.check { input type="checkbox" name="field_ids" value=(id) checked[draft.field_ids.contains(&id)]; code { (column.path) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Spoil = fn(&mut GrantDraft);

    fn draft() -> GrantDraft {
        GrantDraft {
            principal: "analysts".into(),
            privileges: vec!["SELECT".into(), "DESCRIBE".into()],
            columns: "only".into(),
            field_ids: vec!["1".into(), "3".into()],
            valid_until: "2027-03-31".into(),
            ..GrantDraft::default()
        }
    }

    #[test]
    fn a_grant_of_two_columns_is_read() {
        let request = draft().request().unwrap();
        assert_eq!(request.columns.field_ids(), [1, 3]);
        assert_eq!(
            request.valid_until.unwrap().to_rfc3339(),
            "2027-04-01T00:00:00+00:00"
        );
        assert_eq!(request.reason, None);
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_field() {
        let wrong: [(&str, Spoil); 6] = [
            ("principal", |it| it.principal = "a b".into()),
            ("privileges", |it| it.privileges.clear()),
            ("privileges", |it| it.privileges = vec!["EVERYTHING".into()]),
            ("columns", |it| it.field_ids.clear()),
            ("columns", |it| it.columns = "all".into()),
            ("valid_until", |it| it.valid_until = "tomorrow".into()),
        ];
        for (field, spoil) in wrong {
            let mut draft = draft();
            spoil(&mut draft);
            assert_eq!(
                draft.request().map(|_| ()).unwrap_err().field(),
                Some(field)
            );
        }
    }
}
