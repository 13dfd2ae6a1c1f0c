//! Small marks of state. Each has a glyph and a word, so that none rests on colour alone.

use maud::{Markup, html};
use weir_core::audit::Outcome;
use weir_core::crawl::RunState;
use weir_core::storage::Zone;
use weir_core::tag::Sensitivity;

/// A value outside the closed set, were there one, is shown as it is and without a colour.
pub(crate) fn sensitivity(value: &str) -> Markup {
    let (glyph, word) = match Sensitivity::parse(value) {
        Ok(Sensitivity::Public) => ("○", "Public"),
        Ok(Sensitivity::Internal) => ("◔", "Internal"),
        Ok(Sensitivity::Confidential) => ("◆", "Confidential"),
        Ok(Sensitivity::Restricted) => ("■", "Restricted"),
        Err(_) => return html! { span.badge { (value) } },
    };
    html! { span.badge.(value) { span aria-hidden="true" { (glyph) " " } (word) } }
}

pub(crate) fn unclassified() -> Markup {
    html! { span.none { "Unclassified" } }
}

/// How far the data of a storage location has come.
pub(crate) fn zone(zone: Option<Zone>) -> Markup {
    let (glyph, word) = match zone {
        Some(Zone::Raw) => ("○", "Raw"),
        Some(Zone::Cleaned) => ("◐", "Cleaned"),
        Some(Zone::Curated) => ("●", "Curated"),
        None => return html! { span.none { "No zone" } },
    };
    html! { span.badge { span aria-hidden="true" { (glyph) " " } (word) } }
}

pub(crate) fn run_state(state: RunState) -> Markup {
    let (class, glyph, word) = match state {
        RunState::Queued => ("idle", "◌", "Queued"),
        RunState::Running => ("busy", "▸", "Running"),
        RunState::Succeeded => ("good", "✓", "Succeeded"),
        RunState::Warnings => ("warn", "!", "Finished with problems"),
        RunState::Failed => ("bad", "✗", "Failed"),
        RunState::Interrupted => ("warn", "‖", "Interrupted"),
    };
    html! { span.state.(class) { span aria-hidden="true" { (glyph) " " } (word) } }
}

pub(crate) fn outcome(outcome: Outcome) -> Markup {
    match outcome {
        Outcome::Ok => html! { span.state.good { span aria-hidden="true" { "✓ " } "OK" } },
        Outcome::Denied => html! { span.state.bad { span aria-hidden="true" { "✗ " } "Denied" } },
    }
}

/// One line of a diff: `+ discount string`. The sign becomes a glyph and a word.
pub(crate) fn change_line(line: &str) -> Markup {
    let (class, glyph, word, rest) = if let Some(rest) = line.strip_prefix("+ ") {
        ("add", "+", "Added", rest)
    } else if let Some(rest) = line.strip_prefix("- ").or(line.strip_prefix("− ")) {
        ("del", "−", "Removed", rest)
    } else if let Some(rest) = line.strip_prefix("~ ") {
        ("chg", "~", "Changed", rest)
    } else {
        return html! { span.change { code { (line) } } };
    };
    html! {
        span.change.(class) { b aria-hidden="true" { (glyph) } " " span.word { (word) } " " code { (rest) } }
    }
}
