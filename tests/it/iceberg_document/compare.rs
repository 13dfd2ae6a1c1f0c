//! The differences between two documents, each one line: where, and what.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use super::shape::{Shape, follow, shape};

const METHODS: [&str; 5] = ["get", "head", "post", "put", "delete"];

/// The operations by method and path, each with the parameters of its path.
fn operations(document: &Value) -> BTreeMap<String, (&Value, Vec<&Value>)> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                let all = [&item["parameters"], &operation["parameters"]];
                let all = all.into_iter().filter_map(Value::as_array).flatten();
                let name = format!("{} {path}", method.to_uppercase());
                found.insert(
                    name,
                    (operation, all.map(|it| follow(document, it)).collect()),
                );
            }
        }
    }
    found
}

pub fn differences(theirs: &Value, ours: &Value) -> BTreeSet<String> {
    let mut compare = Compare {
        theirs,
        ours,
        way: Way::Taken,
        seen: BTreeSet::new(),
        found: BTreeSet::new(),
    };
    let (upstream, served) = (operations(theirs), operations(ours));
    compare.names("", &upstream, &served);
    for (name, (operation, parameters)) in &upstream {
        if let Some((own, own_parameters)) = served.get(name) {
            compare.operation(name, operation, own);
            compare.parameters(name, parameters, own_parameters);
        }
    }
    compare.found
}

/// Whoever takes less than upstream, or gives less, departs from it; to take or give more is no departure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Taken,
    Given,
}

struct Compare<'a> {
    theirs: &'a Value,
    ours: &'a Value,
    /// Which way the schemas go that are being compared.
    way: Way,
    /// Pairs of components that were compared; types refer to themselves.
    seen: BTreeSet<(Way, String, String)>,
    found: BTreeSet<String>,
}

impl<'a> Compare<'a> {
    fn note(&mut self, at: &str, what: &str) {
        self.found
            .insert(format!("{at}: {what}").trim_start_matches(": ").to_owned());
    }

    /// Notes the names that only one of both has.
    fn names<K: AsRef<str> + Ord, T, U>(
        &mut self,
        at: &str,
        theirs: &BTreeMap<K, T>,
        ours: &BTreeMap<K, U>,
    ) {
        for name in theirs.keys().filter(|it| !ours.contains_key(*it)) {
            self.note(at, &format!("{} missing", name.as_ref()));
        }
        for name in ours.keys().filter(|it| !theirs.contains_key(*it)) {
            self.note(at, &format!("{} added", name.as_ref()));
        }
    }

    fn operation(&mut self, name: &str, theirs: &'a Value, ours: &'a Value) {
        if theirs["operationId"] != ours["operationId"] {
            self.note(name, "another operationId");
        }
        let bodies = (&theirs["requestBody"], &ours["requestBody"]);
        if bodies.0.is_null() != bodies.1.is_null() {
            self.note(name, "only one has a body");
        }
        self.way = Way::Taken;
        self.content(&format!("{name} body"), bodies.0, bodies.1);
        self.way = Way::Given;
        let statuses = (members(&theirs["responses"]), members(&ours["responses"]));
        self.names(name, &statuses.0, &statuses.1);
        for (status, response) in &statuses.0 {
            if let Some(own) = statuses.1.get(status) {
                let at = format!("{name} {status}");
                let both = (follow(self.theirs, response), follow(self.ours, own));
                self.names(
                    &at,
                    &members(&both.0["headers"]),
                    &members(&both.1["headers"]),
                );
                self.content(&at, both.0, both.1);
            }
        }
    }

    fn content(&mut self, at: &str, theirs: &'a Value, ours: &'a Value) {
        let types = (members(&theirs["content"]), members(&ours["content"]));
        self.names(at, &types.0, &types.1);
        for (media, content) in &types.0 {
            if let Some(own) = types.1.get(media) {
                self.schemas(at, &content["schema"], &own["schema"]);
            }
        }
    }

    fn parameters(&mut self, name: &str, theirs: &[&'a Value], ours: &[&'a Value]) {
        self.way = Way::Taken;
        let key = |it: &&'a Value| format!("{} {}", it["in"], it["name"]).replace('"', "");
        let theirs: BTreeMap<String, &'a Value> = theirs.iter().map(|it| (key(it), *it)).collect();
        let ours: BTreeMap<String, &'a Value> = ours.iter().map(|it| (key(it), *it)).collect();
        self.names(name, &theirs, &ours);
        for (parameter, upstream) in &theirs {
            if let Some(own) = ours.get(parameter) {
                let at = format!("{name} {parameter}");
                let required = |it: &Value| it["required"].as_bool().unwrap_or(false);
                if required(upstream) != required(own) {
                    self.note(&at, "required by only one");
                }
                self.schemas(&at, &upstream["schema"], &own["schema"]);
            }
        }
    }

    fn schemas(&mut self, at: &str, theirs: &'a Value, ours: &'a Value) {
        let (upstream, own) = (shape(self.theirs, theirs), shape(self.ours, ours));
        let at = upstream.name.unwrap_or(at);
        if let (Some(name), Some(own)) = (upstream.name, own.name)
            && !self
                .seen
                .insert((self.way, name.to_owned(), own.to_owned()))
        {
            return;
        }
        if is_anything(&own) {
            if !is_anything(&upstream) {
                self.note(at, "anything is allowed");
            }
            return;
        }
        let (types, own_types) = (&upstream.types, &own.types);
        if !types.is_empty() && !own_types.is_empty() && types != own_types {
            self.note(at, &format!("type is {own_types:?} and not {types:?}"));
        }
        let one_of_theirs = own.variants.is_empty() && !upstream.variants.is_empty();
        if !one_of_theirs {
            self.objects(at, &upstream, &own);
        }
        self.values(at, &upstream.values, &own.values);
        for (part, upstream, own) in [
            ("[]", upstream.items, own.items),
            ("{}", upstream.members, own.members),
        ] {
            if let (Some(upstream), Some(own)) = (upstream, own) {
                self.schemas(&format!("{at}{part}"), upstream, own);
            }
        }
        let own = if one_of_theirs {
            vec![(own.name, ours)]
        } else {
            own.variants
        };
        self.variants(at, &upstream, own);
    }

    fn objects(&mut self, at: &str, upstream: &Shape<'a>, own: &Shape<'a>) {
        self.names(at, &upstream.properties, &own.properties);
        for (name, schema) in &upstream.properties {
            let Some(own_schema) = own.properties.get(name) else {
                continue;
            };
            match (
                self.way,
                upstream.required.contains(name),
                own.required.contains(name),
            ) {
                (Way::Given, true, false) => self.note(at, &format!("{name} is not always given")),
                (Way::Taken, false, true) => self.note(at, &format!("{name} is required")),
                _ => {}
            }
            self.schemas(&format!("{at}.{name}"), schema, own_schema);
        }
    }

    fn values(&mut self, at: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>) {
        for value in theirs.difference(ours) {
            self.note(at, &format!("value {value} missing"));
        }
        for value in ours.difference(theirs) {
            self.note(at, &format!("value {value} added"));
        }
    }

    fn variants(&mut self, at: &str, upstream: &Shape<'a>, mut left: Vec<Variant<'a>>) {
        for variant in &upstream.variants {
            let wanted = keys(self.theirs, *variant);
            let same = left.iter().position(|it| {
                let offered = keys(self.ours, *it);
                wanted.iter().any(|key| offered.contains(key))
            });
            let name = wanted.first().map_or(at, String::as_str);
            match same {
                Some(index) => self.schemas(name, variant.1, left.remove(index).1),
                None => self.note(at, &format!("variant {name} missing")),
            }
        }
        for variant in left {
            let offered = keys(self.ours, variant);
            let name = offered.first().map_or("?", String::as_str);
            self.note(at, &format!("variant {name} added"));
        }
    }
}

type Variant<'a> = (Option<&'a str>, &'a Value);

/// By what a variant of a union is known: its name, the constant that tells it apart, or that it is no object.
fn keys(document: &Value, (name, variant): Variant<'_>) -> Vec<String> {
    let shape = shape(document, variant);
    let mut keys: Vec<String> = name.map(str::to_owned).into_iter().collect();
    for tag in [
        "type",
        "action",
        "status",
        "content",
        "report-type",
        "grant_type",
    ] {
        let values = shape
            .properties
            .get(tag)
            .map(|it| self::shape(document, it).values);
        keys.extend(values.into_iter().flatten().map(|it| format!("{tag} {it}")));
    }
    if shape.properties.is_empty() && shape.values.is_empty() {
        keys.extend(shape.types.iter().map(|it| format!("a {it}")));
    }
    keys
}

fn is_anything(shape: &Shape<'_>) -> bool {
    shape.types.is_empty()
        && shape.properties.is_empty()
        && shape.values.is_empty()
        && shape.variants.is_empty()
}

fn members(value: &Value) -> BTreeMap<&str, &Value> {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}
