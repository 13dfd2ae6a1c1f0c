//! The registry of fixed statements, so that a test can prepare each of them against the migrated schema.

/// Declares the fixed statements of one module as constants, and lists them.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*
        pub(crate) const ALL: &[(&str, &str)] = &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}

/// The condition under which a grant `g` holds at the time in parameter `$now`.
macro_rules! valid_grant {
    ($now:literal) => {
        concat!(
            "g.revoked_at IS NULL AND (g.valid_from IS NULL OR g.valid_from <= ",
            $now,
            ") AND (g.valid_until IS NULL OR g.valid_until > ",
            $now,
            ")"
        )
    };
}

/// The grants of the principals in `$members` on any of the objects in `$chain`, as one JSON array.
macro_rules! grants_on {
    ($chain:literal, $members:literal) => {
        concat!(
            "coalesce((SELECT json_agg(json_build_object('id', g.grant_id, 'principal', g.principal_id, 'kind', g.resource_kind,
                'resource', g.resource_id, 'privileges', g.privileges, 'mode', g.column_mode, 'field_ids', g.field_ids,
                'grantable', g.grantable, 'valid_from', g.valid_from, 'valid_until', g.valid_until))
             FROM access_grant g
             WHERE g.principal_id = ANY(",
            $members,
            ") AND g.resource_id = ANY(",
            $chain,
            ") AND g.revoked_at IS NULL), '[]'::json)"
        )
    };
}

/// What people wrote about the object `$object` and its columns, as one JSON array.
macro_rules! annotations_of {
    ($object:literal) => {
        concat!(
            "coalesce((SELECT json_agg(json_build_object('field_id', a.field_id, 'attribute', a.attribute, 'value', coalesce(p.name, a.value),
                'edited_by', e.name, 'edited_at', a.edited_at, 'version', a.version) ORDER BY a.field_id, a.attribute)
             FROM annotation a JOIN principal e ON e.principal_id = a.edited_by LEFT JOIN principal p ON p.principal_id = a.principal_id
             WHERE a.object_id = ",
            $object,
            "), '[]'::json)"
        )
    };
}

/// The storage location `s` as [`weir_core::storage::Place`] reads it.
macro_rules! place {
    () => {
        "json_build_object('id', s.location_id, 'url', s.url, 'settings', s.settings, 'secret',
             (SELECT json_build_object('id', x.secret_id, 'envelope', x.envelope) FROM secret x WHERE x.secret_id = s.secret_id))"
    };
}

/// Does the storage location `s` hold `$location`?
macro_rules! holds {
    ($location:literal) => {
        concat!(
            "(",
            $location,
            " = s.url OR starts_with(",
            $location,
            ", s.url || '/'))"
        )
    };
}

/// The registered storage location that holds `$location`, see [`place!`]; null where there is none.
macro_rules! place_at {
    ($location:literal) => {
        concat!(
            "(SELECT ",
            place!(),
            " FROM storage_location s WHERE ",
            holds!($location),
            " LIMIT 1)"
        )
    };
}

/// Every fixed statement: where it stands, and its text.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    [
        crate::annotation::ALL,
        crate::audit::ALL,
        crate::bootstrap::ALL,
        crate::catalog::ALL,
        crate::crawl::ALL,
        crate::crawler::ALL,
        crate::directory::ALL,
        crate::dropped::ALL,
        crate::freshness::ALL,
        crate::grant::ALL,
        crate::iceberg::ALL,
        crate::idempotency::ALL,
        crate::location::ALL,
        crate::namespace::ALL,
        crate::partition::ALL,
        crate::place::ALL,
        crate::resolve::ALL,
        crate::run::ALL,
        crate::scan::ALL,
        crate::secret::ALL,
        crate::session::ALL,
        crate::staged::ALL,
        crate::table::ALL,
        crate::vended::ALL,
        crate::version::ALL,
        crate::write::ALL,
    ]
    .concat()
}
