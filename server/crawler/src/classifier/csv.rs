//! Delimited text. What separates, whether names come first, and the types are read off a sample.

use std::collections::HashMap;
use weir_core::catalog::Format;
use weir_core::schema::{DataType, Field, Schema};

use super::text::{Kind, is_missing};
use super::{
    Classifier, Confidence, FileDetails, MAX_COLUMNS, Unreadable, has_extension, name_columns,
    too_wide,
};

const EXTENSIONS: [&str; 5] = ["csv", "tsv", "psv", "tab", "txt"];
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Enough of a file to tell its delimiter.
const PROBE_BYTES: usize = 64 << 10;

pub struct Csv;

impl Classifier for Csv {
    fn format(&self) -> Format {
        Format::Csv
    }

    fn sniff(&self, name: &str, head: &[u8], _tail: &[u8]) -> Confidence {
        let Ok(text) = std::str::from_utf8(head) else {
            return Confidence::No;
        };
        let delimited = delimiter(name, text).is_some();
        match has_extension(name, &EXTENSIONS) {
            true if has_extension(name, &["txt"]) && !delimited => Confidence::No,
            true => Confidence::Likely,
            // Without a name that says so, one line with a comma is prose as likely as a table.
            false if delimited && text.trim_end().lines().count() > 1 => Confidence::Possible,
            false => Confidence::No,
        }
    }
}

pub fn infer(name: &str, text: &str, whole: bool) -> Result<(Schema, FileDetails), Unreadable> {
    let delimiter = delimiter(name, text).unwrap_or(match has_extension(name, &["tsv", "tab"]) {
        true => b'\t',
        false => b',',
    });
    let records = records(text, delimiter, whole)?;
    let Some(first) = records.first() else {
        return Err(Unreadable::Empty);
    };
    let (usual, widest) = widths(&records);
    let header = has_header(&records);
    let width = if header {
        usual.max(first.len())
    } else {
        usual
    };
    if width > MAX_COLUMNS {
        return Err(too_wide());
    }
    if widest > width + MAX_COLUMNS {
        return Err(Unreadable::Broken(
            "a line has far more values than the others".into(),
        ));
    }
    let rows = records.get(usize::from(header)..).unwrap_or_default();
    let types = types(rows, width);
    let names = name_columns((0..width).map(|index| match header {
        true => first.get(index).unwrap_or_default().to_owned(),
        false => String::new(),
    }));
    let fields = names
        .into_iter()
        .zip(types)
        .map(|(name, data_type)| Field::inferred(name, data_type))
        .collect();
    let details = FileDetails {
        delimiter: Some(char::from(delimiter)),
        header: Some(header),
    };
    Ok((Schema::new(fields), details))
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes())
}

/// The records of the sample. The last of a cut-off one may be half a record and is dropped.
fn records(text: &str, delimiter: u8, whole: bool) -> Result<Vec<csv::StringRecord>, Unreadable> {
    let mut records = reader(text, delimiter)
        .records()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Unreadable::Broken("the lines cannot be split into values".into()))?;
    if !whole {
        records.pop();
        if records.is_empty() {
            return Err(Unreadable::Unrecognised(
                "the first line is longer than 1 MiB, or a quote in it is never closed".into(),
            ));
        }
    }
    Ok(records)
}

/// The delimiter that splits most lines alike into two values or more; the one that splits them further of two.
fn delimiter(name: &str, text: &str) -> Option<u8> {
    let cut = text.len() > PROBE_BYTES;
    let mut end = text.len().min(PROBE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let probe = text.get(..end)?;
    let mut best: Option<(u8, (bool, usize, usize))> = None;
    for candidate in DELIMITERS {
        let Ok(records) = records(probe, candidate, !cut) else {
            continue;
        };
        let (usual, _) = widths(&records);
        let alike = records
            .iter()
            .filter(|record| record.len() == usual)
            .count();
        let percent = alike * 100 / records.len().max(1);
        if usual < 2 || percent < 60 {
            continue;
        }
        let tabs = candidate == b'\t' && has_extension(name, &["tsv", "tab"]);
        // Nearly alike counts as alike: a few ragged lines must not decide between delimiters.
        let score = (tabs, percent / 10, usual);
        if best.is_none_or(|(_, so_far)| score > so_far) {
            best = Some((candidate, score));
        }
    }
    best.map(|(delimiter, _)| delimiter)
}

/// The most common number of values in a record (the larger of two), and the largest.
fn widths(records: &[csv::StringRecord]) -> (usize, usize) {
    let mut counts = HashMap::<usize, usize>::new();
    for record in records {
        *counts.entry(record.len()).or_default() += 1;
    }
    let usual = counts
        .iter()
        .max_by_key(|(width, count)| (**count, **width));
    (
        usual.map_or(0, |(width, _)| *width),
        counts.keys().copied().max().unwrap_or_default(),
    )
}

/// Are the values of the first record names?
///
/// They are when one of them is a word above a column of something else. They are not when one of them is itself a number,
/// a date or a boolean. Where all is text they are, unless they appear again below.
fn has_header(records: &[csv::StringRecord]) -> bool {
    let Some((first, rest)) = records.split_first() else {
        return false;
    };
    if first.iter().all(|value| is_missing(value.trim())) {
        return false;
    }
    let below = types(rest, first.len());
    let above: Vec<_> = first.iter().map(Kind::of).collect();
    let told = above
        .iter()
        .zip(&below)
        .any(|(above, below)| *above == Some(Kind::Text) && *below != DataType::String);
    if told {
        return true;
    }
    if above.iter().flatten().any(|kind| *kind != Kind::Text) {
        return false;
    }
    let again = first
        .iter()
        .enumerate()
        .filter(|(index, name)| {
            !name.trim().is_empty() && rest.iter().any(|row| row.get(*index) == Some(name))
        })
        .count();
    again * 2 < first.len()
}

fn types(rows: &[csv::StringRecord], width: usize) -> Vec<DataType> {
    let mut kinds: Vec<Option<Kind>> = vec![None; width];
    for row in rows {
        for (kind, value) in kinds.iter_mut().zip(row) {
            if *kind == Some(Kind::Text) {
                continue;
            }
            if let Some(shown) = Kind::of(value) {
                *kind = Some(kind.map_or(shown, |so_far| so_far.with(shown)));
            }
        }
    }
    kinds
        .into_iter()
        .map(|kind| kind.map_or(DataType::String, Kind::data_type))
        .collect()
}
