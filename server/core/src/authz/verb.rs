//! What can be done, as types. A permit for one verb is no permit for another, and the compiler says so.

use crate::principal::words;

words! {
    /// An operation as the policy names it.
    pub enum Action("action") {
        /// See that a container exists, because something in it may be seen.
        Browse => "browse",
        Describe => "describe",
        Select => "select",
        /// Add rows to a table.
        Insert => "insert",
        /// Take rows away from a table.
        Delete => "delete",
        /// Commit to a table at all; what is in the commit asks for the verbs beside.
        Commit => "commit",
        CreateCatalog => "create_catalog",
        CreateNamespace => "create_namespace",
        CreateTable => "create_table",
        Alter => "alter",
        Drop => "drop",
        Annotate => "annotate",
        ManageGrants => "manage_grants",
        /// Look up people, groups and services by name.
        ReadDirectory => "read_directory",
        ManagePrincipals => "manage_principals",
        RegisterLocation => "register_location",
        /// Let tables be placed on, or found at, a storage location.
        UseLocation => "use_location",
        CreateCrawler => "create_crawler",
        RunCrawler => "run_crawler",
        ReadAudit => "read_audit",
    }
}

/// A verb at the type level. Sealed: the verbs are the ones below.
pub trait Verb: sealed::Sealed + Send + Sync + 'static {
    const ACTION: Action;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! verbs {
    ($($name:ident),* $(,)?) => {
        /// The markers, one per [`Action`].
        pub mod verbs {
            use super::{Action, Verb, sealed::Sealed};
            $(
                #[derive(Debug, Clone, Copy)]
                pub struct $name;
                impl Sealed for $name {}
                impl Verb for $name { const ACTION: Action = Action::$name; }
            )*
        }
    };
}

verbs!(
    Browse,
    Describe,
    Select,
    Insert,
    Delete,
    Commit,
    CreateCatalog,
    CreateNamespace,
    CreateTable,
    Alter,
    Drop,
    Annotate,
    ManageGrants,
    ReadDirectory,
    ManagePrincipals,
    RegisterLocation,
    UseLocation,
    CreateCrawler,
    RunCrawler,
    ReadAudit,
);
