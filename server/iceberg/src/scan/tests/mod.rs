//! Tests of planning as a whole, on manifests written here by `apache-avro`.

mod expressions;
mod files;
mod manifests;
mod pruning;
mod rows;
mod tasks;
mod writer;

use serde_json::json;
use weir_core::schema::Schema;

use super::Spec;

fn schema(fields: serde_json::Value) -> Schema {
    serde_json::from_value(json!({"type": "struct", "fields": fields})).unwrap()
}

/// Columns `id` (long), `name` (string), `day` (date), `score` (double) and `secret` (string), with the ids 1 to 5.
fn people() -> Schema {
    let field = |id: i32, name: &str, kind: &str| json!({"id": id, "name": name, "required": false, "type": kind});
    schema(json!([
        field(1, "id", "long"),
        field(2, "name", "string"),
        field(3, "day", "date"),
        field(4, "score", "double"),
        field(5, "secret", "string"),
    ]))
}

fn spec(json: serde_json::Value) -> Spec {
    Spec::parse(&serde_json::value::to_raw_value(&json).unwrap()).unwrap()
}
