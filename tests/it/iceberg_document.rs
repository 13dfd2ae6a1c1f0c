//! The document of the Iceberg face beside the upstream one: operations, parameters, required members, enumerations.
//!
//! The upstream document is not part of the repository. Where the file named by `WEIR_ICEBERG_UPSTREAM`, or its copy beside
//! the checkout, is not at hand, there is nothing to compare with, and the test says so.

mod compare;
mod departures;
mod shape;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use compare::differences;
use departures::DEPARTURES;

const KEPT: &str = "../shared/specs/iceberg-rest-catalog-open-api.yaml";

#[test]
fn the_document_departs_from_upstream_only_where_it_says_so() {
    let Some(path) = upstream() else {
        #[expect(clippy::print_stdout, reason = "a test that compares nothing says so")]
        {
            println!("skipped: no upstream document at hand; name one in WEIR_ICEBERG_UPSTREAM");
        }
        return;
    };
    let theirs = parse(&fs::read_to_string(&path).unwrap());
    let ours = parse(&weir::openapi(weir::DocumentedFace::Iceberg).unwrap());
    let found = differences(&theirs, &ours);
    let unlisted: Vec<&String> = found
        .iter()
        .filter(|it| !DEPARTURES.iter().any(|(listed, _)| matches(listed, it)))
        .collect();
    assert!(
        unlisted.is_empty(),
        "differences that no departure explains:\n{}",
        lines(&unlisted)
    );
    let stale: Vec<&&str> = DEPARTURES
        .iter()
        .map(|(listed, _)| listed)
        .filter(|listed| !found.iter().any(|it| matches(listed, it)))
        .collect();
    assert!(
        stale.is_empty(),
        "departures that are none any more:\n{}",
        lines(&stale)
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let ours = parse(&weir::openapi(weir::DocumentedFace::Iceberg).unwrap());
    let mut open = vec![&ours];
    while let Some(value) = open.pop() {
        if let Some(reference) = value["$ref"].as_str() {
            let target = ours.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some(), "{reference} leads nowhere");
        }
        open.extend(value.as_object().into_iter().flat_map(|it| it.values()));
        open.extend(value.as_array().into_iter().flatten());
    }
}

#[test]
fn every_departure_has_its_reason_and_is_listed_once() {
    let names: BTreeSet<&str> = DEPARTURES.iter().map(|(listed, _)| *listed).collect();
    assert_eq!(names.len(), DEPARTURES.len());
    for (listed, reason) in DEPARTURES {
        assert!(reason.len() > 20 && reason.ends_with('.'), "{listed}: why?");
    }
}

/// The upstream document, where it is at hand.
fn upstream() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("WEIR_ICEBERG_UPSTREAM").map(PathBuf::from);
    if let Some(path) = named {
        assert!(path.exists(), "WEIR_ICEBERG_UPSTREAM names no file");
        return Some(path);
    }
    Some(root.join(KEPT)).filter(|path| path.exists())
}

/// A pattern is a difference, or the beginning and the end of several with a star between.
fn matches(pattern: &str, difference: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => difference.starts_with(start) && difference.ends_with(end),
        None => difference == pattern,
    }
}

fn lines<T: std::fmt::Display>(items: &[T]) -> String {
    let lines: Vec<String> = items.iter().map(|it| format!("  {it}")).collect();
    lines.join("\n")
}

fn parse(yaml: &str) -> Value {
    json(&yaml_serde::from_str(yaml).unwrap())
}

/// YAML allows numbers as keys, and the upstream document has statuses written so.
fn json(yaml: &yaml_serde::Value) -> Value {
    match yaml {
        yaml_serde::Value::Mapping(members) => members
            .iter()
            .map(|(key, value)| (key_text(key), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        yaml_serde::Value::Sequence(items) => items.iter().map(json).collect(),
        other => serde_json::to_value(other).unwrap(),
    }
}

fn key_text(key: &yaml_serde::Value) -> String {
    match key {
        yaml_serde::Value::String(text) => text.clone(),
        other => serde_json::to_string(other).unwrap(),
    }
}
