//! Where the document of this face departs from the upstream one, and why. `openapi/README.md` tells the same to readers.

/// A difference, or the beginning and the end of several with a star between; and its reason.
pub const DEPARTURES: &[(&str, &str)] = &[
    // Not served yet.
    (
        "*: storage-credentials missing",
        "A plan's answer has none: whoever may plan has the table's own from its load.",
    ),
    (
        "LoadTableResult: read-restrictions missing",
        "A restricted caller gets a narrower schema, because a client may ignore restrictions.",
    ),
    // Errors.
    (
        "*: 429 added",
        "Java clients read 503 on a change as an unknown outcome; 429 says that nothing was done.",
    ),
    (
        "ErrorModel: *",
        "Upstream has the bare model for some errors of views and for 406; here all have the envelope.",
    ),
    (
        "POST /v1/{prefix}/namespaces: 404 added",
        "The level above the new namespace must be there and be visible to the caller.",
    ),
    (
        "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/sign: 404 added",
        "As everywhere else: there is no such table, as far as the caller may know.",
    ),
    (
        "HEAD /v1/{prefix}/namespaces/{namespace}/views/{view}: 403 added",
        "As everywhere else: the caller sees the view and may not do this.",
    ),
    (
        "HEAD /v1/{prefix}/namespaces/{namespace}/views/{view} *: application/json added",
        "The headers are those of the error; a HEAD answer has no body anyway.",
    ),
    // Requests.
    (
        "POST /v1/{prefix}/namespaces/{namespace}/views: header Idempotency-Key added",
        "Every change takes a key; upstream left it out of this one only.",
    ),
    (
        "OAuthTokenExchangeRequest: actor_token*",
        "There is no delegation: a token is exchanged for one of the same principal.",
    ),
    (
        "OAuthTokenExchangeRequest: requested_token_type missing",
        "There is one type of token, and it is what comes back.",
    ),
    (
        "TokenType: value *",
        "The only tokens are access tokens of this server.",
    ),
    (
        "Predicate: variant *",
        "Both spellings of expressions are taken, the current one and the deprecated one; the document calls either an object.",
    ),
    (
        "Type: variant VariantType missing",
        "The name `variant` is one among the names of primitive types.",
    ),
    (
        "ReportMetricsRequest: report-type missing",
        "The member stands in each of the two reports, not beside them.",
    ),
    (
        "ScanReport: report-type added",
        "It tells which of the two reports this is; upstream has it beside them.",
    ),
    (
        "CommitReport: report-type added",
        "It tells which of the two reports this is; upstream has it beside them.",
    ),
    // Answers.
    (
        "OAuthTokenResponse.token_type: value *",
        "Tokens are bearer tokens.",
    ),
    (
        "OAuthTokenResponse: refresh_token missing",
        "A token is renewed by exchanging it, or by signing in again.",
    ),
    (
        "PlanTableScanResult: variant *",
        "A scan is planned while the client waits: every plan is complete, and a failure is an error.",
    ),
    (
        "FetchPlanningResult: variant *",
        "A plan that can be fetched is complete; a cancelled one is gone, which is 404.",
    ),
    (
        "CompletedPlanningResult: plan-id added",
        "One and the same answer as to the request that made the plan.",
    ),
    (
        "FetchScanTasksResult: plan-tasks missing",
        "A task is small enough to be answered whole.",
    ),
    (
        "FileScanTask: residual-filter missing",
        "Older clients cannot read current expressions; every client can filter by what it asked for.",
    ),
    (
        "DataFile: data-sequence-number added",
        "Row lineage needs it, and the reference implementation writes and reads it.",
    ),
    (
        "PositionDeleteFile: referenced-data-file added",
        "A deletion vector cannot be told from another without it; the reference implementation writes it.",
    ),
    (
        "PrimitiveTypeValue: anything is allowed",
        "The union upstream has is of all scalars, and says nothing about which is meant.",
    ),
    (
        "FunctionDataType: anything is allowed",
        "No function is kept yet, so none of their types is read or written.",
    ),
];
