//! What went wrong in a store, as a sentence for the person who set it up.

use object_store::client::{HttpError, HttpErrorKind};
use std::error::Error as StdError;
use std::io::ErrorKind;
use weir_core::Error;
use weir_core::location::Location;

/// `at` is what was read or listed.
pub fn from_store(at: &Location, error: object_store::Error) -> Error {
    use object_store::Error as E;
    let outcome = match &error {
        E::NotFound { .. } => Error::not_found(format!("`{at}` does not exist.")),
        E::PermissionDenied { .. } => Error::unavailable(format!(
            "The storage refused access to `{at}`: its credential may not read it, or is wrong."
        )),
        E::Unauthenticated { .. } => Error::unavailable(format!(
            "The storage does not accept the credential for `{at}`."
        )),
        _ => Error::unavailable(other(at, &error)),
    };
    outcome.source(error)
}

fn other(at: &Location, error: &object_store::Error) -> String {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(http) = current.downcast_ref::<HttpError>() {
            return match http.kind() {
                HttpErrorKind::Connect => {
                    format!("The storage of `{at}` cannot be reached at its address.")
                }
                HttpErrorKind::Timeout => format!("The storage of `{at}` did not answer in time."),
                _ => format!("The storage of `{at}` broke off its answer."),
            };
        }
        // Of a credential that had to be made first.
        if let Some(told) = current.downcast_ref::<Error>() {
            return told.public_message().to_owned();
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return io_sentence(at, io);
        }
        cause = current.source();
    }
    let text = error.to_string();
    if text.contains("incorrectly configured region") {
        format!("The bucket of `{at}` lies in another region than the one that is set.")
    } else if text.contains("status code: 429") || text.contains("SlowDown") {
        format!("The storage of `{at}` asks for fewer requests; it was tried several times.")
    } else {
        format!("The storage of `{at}` answered with an error.")
    }
}

/// Does an object end before what was asked of it? Only an error of no kind of its own can say so: others may quote a key.
pub fn is_beyond(error: &object_store::Error) -> bool {
    let object_store::Error::Generic { source, .. } = error else {
        return false;
    };
    let text = source.to_string();
    ["status code: 416", "InvalidRange", "out of range"]
        .iter()
        .any(|said| text.contains(said))
}

/// An error of the local file system.
pub fn from_io(at: &Location, error: std::io::Error) -> Error {
    let outcome = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Error::not_found(format!("`{at}` does not exist."))
        }
        ErrorKind::InvalidFilename => Error::invalid(
            "location",
            "A part of this name is longer than a disk takes.",
        ),
        ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty => Error::invalid(
            "location",
            "This names a folder, and a disk has no file of the same name.",
        ),
        _ => Error::unavailable(io_sentence(at, &error)),
    };
    outcome.source(error)
}

fn io_sentence(at: &Location, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("`{at}` does not exist."),
        ErrorKind::PermissionDenied => {
            format!("The server's user has no permission for `{at}`.")
        }
        ErrorKind::ReadOnlyFilesystem => format!("The disk of `{at}` is mounted to be only read."),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!("The disk of `{at}` is full."),
        _ => format!("`{at}` cannot be reached on its disk."),
    }
}

pub fn too_slow(at: &Location) -> Error {
    Error::unavailable(format!("The storage of `{at}` did not answer in time."))
}

/// A path that is not a location, fit for a log line or a page: control characters spelled out.
pub fn shown(path: &str) -> String {
    path.chars()
        .flat_map(|c| {
            let spelled = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            spelled.into_iter().flatten().chain(plain)
        })
        .collect()
}
