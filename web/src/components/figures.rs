//! Numbers, sizes and times as people read them; the exact value is always there too.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};
use weir_core::annotation::Annotation;

/// `6 h ago`, with the exact time in the title.
pub(crate) fn ago(now: DateTime<Utc>, at: DateTime<Utc>) -> Markup {
    timed(at, &distance(now, at))
}

/// `2026-11-23 14:02:11 UTC`
pub(crate) fn exact_time(at: DateTime<Utc>) -> Markup {
    timed(at, &at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn timed(at: DateTime<Utc>, text: &str) -> Markup {
    html! {
        time datetime=(at.to_rfc3339_opts(SecondsFormat::Secs, true)) title=(at.format("%Y-%m-%d %H:%M:%S UTC")) { (text) }
    }
}

fn distance(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds();
    let (length, unit) = match seconds.abs() {
        0..60 => {
            return if seconds < -5 {
                "in a moment"
            } else {
                "just now"
            }
            .to_owned();
        }
        s @ 60..3_600 => (s / 60, "min"),
        s @ 3_600..86_400 => (s / 3_600, "h"),
        s @ 86_400..2_592_000 => (s / 86_400, "d"),
        _ => return at.format("%Y-%m-%d").to_string(),
    };
    if seconds < 0 {
        format!("in {length} {unit}")
    } else {
        format!("{length} {unit} ago")
    }
}

/// Who wrote a value, and when: `A. Jensen, 3 d ago`.
pub(crate) fn provenance(now: DateTime<Utc>, annotation: &Annotation) -> Markup {
    html! { span.by { (annotation.edited_by) ", " (ago(now, annotation.edited_at)) } }
}

/// `1,204,331`
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        out.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `41.2 M`, with the exact number in the title.
pub(crate) fn compact(number: i64) -> Markup {
    let text = scaled(number, 1_000, &["", " k", " M", " G", " T"]);
    html! { span title=(count(number)) { (text) } }
}

/// `1.2 GiB`, with the exact number in the title.
pub(crate) fn bytes(number: i64) -> Markup {
    let text = scaled(
        number,
        1_024,
        &[" B", " KiB", " MiB", " GiB", " TiB", " PiB"],
    );
    html! { span title={ (count(number)) " bytes" } { (text) } }
}

/// One decimal at most, in integers only.
fn scaled(number: i64, step: i64, units: &[&'static str]) -> String {
    let mut unit = 1_i64;
    let mut names = units.iter();
    let mut name = names.next().copied().unwrap_or_default();
    for next in names {
        if number / unit < step {
            break;
        }
        unit *= step;
        name = next;
    }
    let whole = number / unit;
    let tenth = (number % unit) * 10 / unit;
    if unit == 1 || whole >= 100 || tenth == 0 {
        format!("{whole}{name}")
    } else {
        format!("{whole}.{tenth}{name}")
    }
}

/// `1 column`, `3 columns`
pub(crate) fn plural(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_rounded_up() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_204_331), "1,204,331");
        assert_eq!(count(-1_000), "−1,000");
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1 k"),
            (41_260_000, "41.2 M"),
            (999_999, "999 k"),
            (i64::MAX, "9223372 T"),
        ] {
            assert_eq!(scaled(number, 1_000, &["", " k", " M", " G", " T"]), text);
        }
    }

    #[test]
    fn times_tell_their_distance_both_ways() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, text) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 min ago"),
            (7_300, "2 h ago"),
            (260_000, "3 d ago"),
            (-30, "in a moment"),
            (-4_000, "in 1 h"),
        ] {
            assert_eq!(
                distance(now, now - chrono::TimeDelta::seconds(seconds)),
                text
            );
        }
    }
}
