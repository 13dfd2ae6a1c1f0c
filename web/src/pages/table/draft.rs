//! What somebody typed into an edit form, beside what it showed when it was opened. From the two follows what to change:
//! untouched fields are kept, so that nobody becomes the author of a value they only looked at.

use maud::{Markup, html};
use weir_core::annotation::{AnnotationEdit, Attribute, Edit};
use weir_core::catalog::Annotations;
use weir_core::tag::Sensitivity;
use weir_core::{Error, Result};

use crate::components::{Choice, Input, hidden, select, text_area, text_input};
use crate::form::{FieldError, Fields, Shape};

pub(crate) const COLUMN: &[Attribute] = &[Attribute::Definition, Attribute::Sensitivity];
pub(crate) const TABLE: &[Attribute] = &[
    Attribute::Owner,
    Attribute::Steward,
    Attribute::Sensitivity,
    Attribute::Definition,
];
pub(crate) const COLUMN_SHAPE: Shape = Shape {
    needed: &[
        "version",
        "definition",
        "was_definition",
        "sensitivity",
        "was_sensitivity",
    ],
    optional: &[],
    many: &[],
};
pub(crate) const TABLE_SHAPE: Shape = Shape {
    needed: &[
        "version",
        "definition",
        "was_definition",
        "sensitivity",
        "was_sensitivity",
        "owner",
        "was_owner",
        "steward",
        "was_steward",
    ],
    optional: &[],
    many: &[],
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    /// The version that the form was opened on.
    pub version: i64,
    pub fields: Vec<DraftField>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DraftField {
    pub attribute: Attribute,
    pub was: String,
    pub now: String,
}

impl DraftField {
    pub fn touched(&self) -> bool {
        self.now.trim() != self.was.trim()
    }
}

impl Draft {
    /// A form as it is first shown.
    pub fn open(annotations: &Annotations, attributes: &[Attribute]) -> Self {
        let field = |&attribute: &Attribute| {
            let value = current(annotations, attribute);
            DraftField {
                attribute,
                was: value.clone(),
                now: value,
            }
        };
        Self {
            version: annotations.version,
            fields: attributes.iter().map(field).collect(),
        }
    }

    /// A form as it came back.
    pub fn read(fields: &Fields, attributes: &[Attribute]) -> Result<Self> {
        let version = fields.text("version").parse();
        let field = |&attribute: &Attribute| DraftField {
            attribute,
            was: fields.text(&format!("was_{attribute}")),
            now: fields.text(attribute.as_str()),
        };
        Ok(Self {
            version: version.map_err(|_| {
                Error::invalid("version", "The version of this form cannot be read.")
            })?,
            fields: attributes.iter().map(field).collect(),
        })
    }

    pub fn touched(&self) -> bool {
        self.fields.iter().any(DraftField::touched)
    }

    pub fn edit(&self) -> AnnotationEdit {
        let edit = |attribute| {
            let field = self
                .fields
                .iter()
                .find(|field| field.attribute == attribute && field.touched());
            field.map_or(Edit::Keep, |field| Edit::from_form(&field.now))
        };
        AnnotationEdit {
            owner: edit(Attribute::Owner),
            steward: edit(Attribute::Steward),
            definition: edit(Attribute::Definition),
            sensitivity: edit(Attribute::Sensitivity),
            version: self.version,
        }
    }

    /// The same intent on top of what is there now: touched fields as typed, the others as they have become.
    pub fn rebase(&self, annotations: &Annotations) -> Self {
        let field = |field: &DraftField| {
            let theirs = current(annotations, field.attribute);
            let now = if field.touched() {
                field.now.clone()
            } else {
                theirs.clone()
            };
            DraftField {
                attribute: field.attribute,
                was: theirs,
                now,
            }
        };
        Self {
            version: annotations.version,
            fields: self.fields.iter().map(field).collect(),
        }
    }

    /// What goes with the controls and is not shown.
    pub fn hidden(&self) -> Markup {
        html! {
            (hidden("version", &self.version.to_string()))
            @for field in &self.fields { (hidden(&format!("was_{}", field.attribute), &field.was)) }
        }
    }

    /// The control of one attribute. `form` ties it to a form elsewhere on the page.
    pub fn control(
        &self,
        attribute: Attribute,
        form: Option<&str>,
        error: Option<&FieldError>,
    ) -> Markup {
        let Some(field) = self
            .fields
            .iter()
            .find(|field| field.attribute == attribute)
        else {
            return html! {};
        };
        let person = |label| {
            let input = Input {
                list: Some("people"),
                ..Input::text(attribute.as_str(), label, &field.now)
            };
            text_input(&input, error)
        };
        match attribute {
            Attribute::Owner => person("Owner"),
            Attribute::Steward => person("Steward"),
            Attribute::Definition => {
                text_area("definition", "Business definition", &field.now, form, error)
            }
            Attribute::Sensitivity => select(
                "sensitivity",
                "Sensitivity",
                &field.now,
                &choices(),
                form,
                error,
            ),
        }
    }
}

fn current(annotations: &Annotations, attribute: Attribute) -> String {
    let value = annotations.get(attribute).and_then(|it| it.value.clone());
    value.unwrap_or_default()
}

fn choices() -> [Choice<'static>; 5] {
    let choice = |it: Sensitivity, text| Choice {
        value: it.as_str(),
        text,
    };
    [
        Choice {
            value: "",
            text: "Unclassified",
        },
        choice(Sensitivity::Public, "○ Public"),
        choice(Sensitivity::Internal, "◔ Internal"),
        choice(Sensitivity::Confidential, "◆ Confidential"),
        choice(Sensitivity::Restricted, "■ Restricted"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn sent(definition: &str, sensitivity: &str) -> Draft {
        let mut draft = Draft::open(
            &sample::annotations(3, &[(Attribute::Definition, "Amount")]),
            COLUMN,
        );
        for field in &mut draft.fields {
            field.now = if field.attribute == Attribute::Definition {
                definition
            } else {
                sensitivity
            }
            .into();
        }
        draft
    }

    #[test]
    fn only_what_was_touched_is_changed() {
        let edit = sent("Amount before tax", "").edit();
        assert_eq!(edit.definition, Edit::Set("Amount before tax".into()));
        assert!(edit.sensitivity.is_keep() && edit.owner.is_keep());
        assert_eq!(edit.version, 3);
        assert_eq!(sent("", "public").edit().definition, Edit::Clear);
        assert!(!sent("Amount ", "").touched());
    }

    #[test]
    fn a_draft_on_top_of_another_edit_keeps_both() {
        let theirs = sample::annotations(
            4,
            &[
                (Attribute::Definition, "Sum"),
                (Attribute::Sensitivity, "restricted"),
            ],
        );
        let rebased = sent("Amount before tax", "").rebase(&theirs);
        assert_eq!(rebased.version, 4);
        assert_eq!(
            rebased.edit().definition,
            Edit::Set("Amount before tax".into())
        );
        assert!(
            rebased.edit().sensitivity.is_keep(),
            "their classification stays"
        );
    }
}
