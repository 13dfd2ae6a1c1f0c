//! What the database refuses, said in the words of the domain. Constraints are mapped by name.

use weir_core::Error;

/// Turns a database error into an outcome. Text of the database never reaches a caller.
pub fn map(error: sqlx::Error) -> Error {
    let outcome = match &error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_) => {
            Error::unavailable("The database does not answer. Try again in a moment.")
        }
        sqlx::Error::Database(database) => from_database(database.as_ref()),
        _ => Error::internal("A statement failed"),
    };
    outcome.source(error)
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> Error {
    if let Some(mapped) = error.constraint().and_then(from_constraint) {
        return mapped;
    }
    match error.code().as_deref() {
        // serialization_failure, deadlock_detected, lock_not_available
        Some("40001" | "40P01" | "55P03") => {
            Error::unavailable("Somebody else is changing this at the same moment. Try again.")
        }
        // character_not_in_repertoire, untranslatable_character: a NUL, which no text in Postgres can hold, plain or in JSON
        Some("22021" | "22P05") => Error::invalid("text", "Text here has no NUL characters."),
        // query_canceled: the statement timeout
        Some("57014") => {
            Error::unavailable("The database took too long. Try again, or ask for less at once.")
        }
        // admin_shutdown, crash_shutdown, cannot_connect_now
        Some("57P01" | "57P02" | "57P03") => {
            Error::unavailable("The database is restarting. Try again in a moment.")
        }
        _ => Error::internal("A statement failed"),
    }
}

fn from_constraint(name: &str) -> Option<Error> {
    Some(match name {
        "principal_name_key" => Error::already_exists("A principal of this name exists already."),
        "membership_pkey" => Error::already_exists("It is a member already."),
        "catalog_name_key" => Error::already_exists("A catalog of this name exists already."),
        "namespace_path_key" => Error::already_exists("A namespace of this name exists already."),
        "lake_table_name_key" => {
            Error::already_exists("A table of this name exists already in the namespace.")
        }
        "storage_location_name_key" => {
            Error::already_exists("A storage location of this name exists already.")
        }
        "storage_location_url_key" => Error::already_exists("This URL is registered already."),
        "crawler_name_key" => Error::already_exists("A crawler of this name exists already."),
        "idempotency_key_pkey" => Error::conflict(
            "A request with this Idempotency-Key is under way or done. Send it again.",
        ),
        "access_grant_same_key" => Error::already_exists("The very same grant exists already."),
        "crawler_run_active_key" => {
            Error::already_exists("A run of this crawler is queued or running already.")
        }
        "namespace_catalog_id_fkey" | "namespace_parent_id_fkey" => {
            Error::conflict("There are namespaces in it. Drop them first.")
        }
        "lake_table_namespace_id_fkey" => {
            Error::conflict("There are tables in it. Drop them first.")
        }
        "crawler_namespace_id_fkey" => {
            Error::conflict("A crawler writes into it. Remove the crawler first.")
        }
        "crawler_location_id_fkey" => {
            Error::conflict("A crawler uses it. Remove the crawler first.")
        }
        _ => return None,
    })
}
