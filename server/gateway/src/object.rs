//! One object: read, written, copied, deleted.

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ObjectIdentifier, PutObjectInput, PutObjectOutput, Range, Timestamp, TimestampFormat,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use std::sync::Arc;
use weir_core::ErrorKind;
use weir_core::delivery::scope::{Target, Writing};
use weir_core::location::Location;
use weir_storage::conditions::Verdict;
use weir_storage::{Answer, Conditions, Mode, ObjectMeta, Span, Tags};

use crate::body;
use crate::door::Pass;
use crate::fault;
use crate::operations::{etag, modified, pass, scope, signed};

/// What S3 says where nothing else was said. Types and metadata of objects are not kept.
const CONTENT_TYPE: &str = "binary/octet-stream";
/// The tag of an empty object, for a marker.
const EMPTY: &str = "d41d8cd98f00b204e9800998ecf8427e";
const MOST_DELETED: usize = 1000;
/// Deleted at a time for one request.
const TOGETHER: usize = 8;

pub async fn get(req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
    let (pass, input) = (pass(&req.extensions)?, &req.input);
    unversioned(input.version_id.as_deref(), input.part_number)?;
    let location = object(
        scope(pass)
            .may_read(&input.bucket, &input.key)
            .map_err(fault::outside)?,
    )?;
    let range = asked_range(input.range, &req.headers);
    let conditions = conditions(
        [&input.if_match, &input.if_none_match],
        [&input.if_modified_since, &input.if_unmodified_since],
    );
    let opened = pass.store.open(&location, span(range), &conditions);
    let found = match opened.await.map_err(|error| fault::of(&error))? {
        Answer::Found(found) => found,
        Answer::NotModified(meta) => return Err(not_modified(&meta)),
        Answer::Failed => return Err(S3ErrorCode::PreconditionFailed.into()),
        Answer::Beyond(meta) => return Err(beyond(&meta)),
    };
    let part = content_range(range, &found.range, found.meta.size);
    Ok(S3Response::new(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(signed(found.range.end.saturating_sub(found.range.start))),
        content_range: part,
        content_type: Some(CONTENT_TYPE.to_owned()),
        e_tag: etag(&found.meta),
        last_modified: Some(modified(&found.meta)),
        body: Some(body::outgoing(found.body)),
        ..Default::default()
    }))
}

pub async fn head(req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
    let (pass, input) = (pass(&req.extensions)?, &req.input);
    unversioned(input.version_id.as_deref(), input.part_number)?;
    let location = object(
        scope(pass)
            .may_read(&input.bucket, &input.key)
            .map_err(fault::outside)?,
    )?;
    let range = asked_range(input.range, &req.headers);
    let conditions = conditions(
        [&input.if_match, &input.if_none_match],
        [&input.if_modified_since, &input.if_unmodified_since],
    );
    let meta = pass.store.head(&location).await;
    let meta = meta.map_err(|error| fault::of(&error))?;
    match conditions.judge(&meta) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Err(not_modified(&meta)),
        Verdict::Failed => return Err(S3ErrorCode::PreconditionFailed.into()),
    }
    let bytes = span(range).of(meta.size).ok_or_else(|| beyond(&meta))?;
    let part = content_range(range, &bytes, meta.size);
    let mut response = S3Response::new(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(signed(bytes.end.saturating_sub(bytes.start))),
        content_type: Some(CONTENT_TYPE.to_owned()),
        e_tag: etag(&meta),
        last_modified: Some(modified(&meta)),
        ..Default::default()
    });
    if let Some(value) = part.and_then(|part| HeaderValue::from_str(&part).ok()) {
        response.headers.insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

pub async fn put(req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let (target, writing) = scope(pass)
        .may_write(&input.bucket, &input.key)
        .map_err(fault::outside)?;
    let mode = mode(
        writing,
        input.if_none_match.as_ref(),
        input.if_match.as_ref(),
    )?;
    let location = match target {
        Target::Object(location) => location,
        Target::Marker if input.content_length == Some(0) => {
            return Ok(S3Response::new(PutObjectOutput {
                e_tag: Some(ETag::Strong(EMPTY.to_owned())),
                ..Default::default()
            }));
        }
        Target::Marker => {
            return Err(fault::wrong(
                "A key that ends with a slash has no content here.",
            ));
        }
    };
    let content = body::incoming(
        input.body,
        input.content_length,
        &req.headers,
        req.trailing_headers,
        req.extensions.get().cloned(),
    );
    let asked = input.if_none_match.is_some();
    let put = pass.store.put(&location, content, &mode).await;
    let meta = put.map_err(|error| unwritten(&error, writing, asked))?;
    Ok(S3Response::new(PutObjectOutput {
        e_tag: etag(&meta),
        ..Default::default()
    }))
}

/// Both ends lie in the prefix: a copy would else be a way to read, or to write, anything.
pub async fn copy(req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = &input.copy_source
    else {
        return Err(fault::denied("This credential is not for that."));
    };
    let source = scope(pass).may_read(bucket, key).map_err(fault::outside)?;
    let (target, writing) = scope(pass)
        .may_write(&input.bucket, &input.key)
        .map_err(fault::outside)?;
    unversioned(version_id.as_deref(), None)?;
    let (source, target) = (object(source)?, object(target)?);
    let conditions = conditions(
        [
            &input.copy_source_if_match,
            &input.copy_source_if_none_match,
        ],
        [
            &input.copy_source_if_modified_since,
            &input.copy_source_if_unmodified_since,
        ],
    );
    if conditions != Conditions::default() {
        let meta = pass.store.head(&source).await;
        let meta = meta.map_err(|error| fault::of(&error))?;
        if conditions.judge(&meta) != Verdict::Proceed {
            return Err(S3ErrorCode::PreconditionFailed.into());
        }
    }
    let mode = mode(writing, None, None)?;
    let copied = pass.store.copy(&source, &target, &mode).await;
    let meta = copied.map_err(|error| unwritten(&error, writing, false))?;
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: etag(&meta),
            last_modified: Some(modified(&meta)),
            ..Default::default()
        }),
        ..Default::default()
    }))
}

pub async fn delete(req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
    let (pass, input) = (pass(&req.extensions)?, &req.input);
    let target = scope(pass)
        .may_delete(&input.bucket, &input.key)
        .map_err(fault::outside)?;
    unversioned(input.version_id.as_deref(), None)?;
    if input.if_match.is_some()
        || input.if_match_size.is_some()
        || input.if_match_last_modified_time.is_some()
    {
        return Err(unconditional());
    }
    remove(pass, target).await?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub async fn delete_many(
    req: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    scope(pass).may_see(&input.bucket).map_err(fault::outside)?;
    if input.delete.objects.len() > MOST_DELETED {
        return Err(S3ErrorCode::MalformedXML.into());
    }
    let named = input.delete.objects.into_iter();
    let asked = named.map(|named| delete_one(Arc::clone(pass), input.bucket.clone(), named));
    let outcomes: Vec<_> = stream::iter(asked).buffered(TOGETHER).collect().await;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (key, outcome) in outcomes {
        match outcome {
            Ok(()) => deleted.push(DeletedObject {
                key: Some(key),
                ..Default::default()
            }),
            Err(error) => errors.push(s3s::dto::Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(key),
                message: error.message().map(str::to_owned),
                version_id: None,
            }),
        }
    }
    let loud = !input.delete.quiet.unwrap_or_default();
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: loud.then_some(deleted),
        errors: Some(errors),
        ..Default::default()
    }))
}

async fn delete_one(
    pass: Arc<Pass>,
    bucket: String,
    named: ObjectIdentifier,
) -> (String, S3Result<()>) {
    let conditional =
        named.e_tag.is_some() || named.size.is_some() || named.last_modified_time.is_some();
    let outcome = async {
        let target = scope(&pass)
            .may_delete(&bucket, &named.key)
            .map_err(fault::outside)?;
        unversioned(named.version_id.as_deref(), None)?;
        if conditional {
            return Err(unconditional());
        }
        remove(&pass, target).await
    };
    let outcome = outcome.await;
    (named.key, outcome)
}

fn unconditional() -> S3Error {
    fault::unsupported("Objects are deleted without conditions here.")
}

async fn remove(pass: &Pass, target: Target) -> S3Result<()> {
    match target {
        Target::Marker => Ok(()),
        Target::Object(location) => {
            let deleted = pass.store.delete(&location).await;
            deleted.map_err(|error| fault::of(&error))
        }
    }
}

fn object(target: Target) -> S3Result<Location> {
    match target {
        Target::Object(location) => Ok(location),
        Target::Marker => Err(S3ErrorCode::NoSuchKey.into()),
    }
}

/// What a write may find, by what the credential allows and what the client asks.
pub fn mode(
    writing: Writing,
    if_none_match: Option<&ETagCondition>,
    if_match: Option<&ETagCondition>,
) -> S3Result<Mode> {
    match (if_none_match, if_match, writing) {
        (None, Some(_), Writing::New) => Err(over()),
        (None, None, Writing::New) | (Some(ETagCondition::Any), None, _) => Ok(Mode::Create),
        (None, None, Writing::Over) => Ok(Mode::Overwrite),
        (None, Some(ETagCondition::ETag(ETag::Strong(etag))), Writing::Over) => {
            Ok(Mode::Replace(etag.clone()))
        }
        _ => Err(fault::unsupported(
            "A write is for nothing there (*), or for one tag.",
        )),
    }
}

/// Where a credential for new objects finds one, it is denied, unless the client itself asked for none to be there.
pub fn unwritten(error: &weir_core::Error, writing: Writing, asked: bool) -> S3Error {
    if error.kind() == ErrorKind::AlreadyExists && writing == Writing::New && !asked {
        return over();
    }
    fault::of(error)
}

fn over() -> S3Error {
    fault::denied("This credential adds objects, and puts none over what is there.")
}

/// An object is its own first part, as one is that was put in one piece.
fn unversioned(version: Option<&str>, part: Option<i32>) -> S3Result<()> {
    if version.is_some_and(|version| version != "null") || part.is_some_and(|part| part != 1) {
        return Err(fault::unsupported(
            "Objects have no versions and no parts here.",
        ));
    }
    Ok(())
}

/// A range that holds only for the object it was begun with is not looked at: all of it is always an answer.
fn asked_range(range: Option<Range>, headers: &HeaderMap) -> Option<Range> {
    range.filter(|_| !headers.contains_key(header::IF_RANGE))
}

fn span(range: Option<Range>) -> Span {
    match range {
        None => Span::All,
        Some(Range::Int { first, last: None }) => Span::From(first),
        Some(Range::Int {
            first,
            last: Some(last),
        }) => Span::Between(first, last.saturating_add(1)),
        Some(Range::Suffix { length }) => Span::Last(length),
    }
}

fn content_range(asked: Option<Range>, range: &std::ops::Range<u64>, size: u64) -> Option<String> {
    let last = range.end.saturating_sub(1);
    asked.map(|_| format!("bytes {}-{last}/{size}", range.start))
}

fn conditions(
    [matching, other]: [&Option<ETagCondition>; 2],
    [modified, unmodified]: [&Option<Timestamp>; 2],
) -> Conditions {
    Conditions {
        // Compared strongly: a weak tag is never the same.
        if_match: matching.as_ref().map(|tag| match tag {
            ETagCondition::Any => Tags::Any,
            ETagCondition::ETag(tag) => {
                Tags::OneOf(tag.as_strong().into_iter().map(str::to_owned).collect())
            }
        }),
        if_none_match: other.as_ref().map(|tag| match tag {
            ETagCondition::Any => Tags::Any,
            ETagCondition::ETag(tag) => Tags::OneOf(vec![tag.value().to_owned()]),
        }),
        if_modified_since: modified.as_ref().and_then(moment),
        if_unmodified_since: unmodified.as_ref().and_then(moment),
    }
}

fn moment(time: &Timestamp) -> Option<DateTime<Utc>> {
    let mut text = Vec::new();
    time.format(TimestampFormat::EpochSeconds, &mut text).ok()?;
    let text = String::from_utf8(text).ok()?;
    let seconds = text.split('.').next()?.parse().ok()?;
    DateTime::from_timestamp(seconds, 0)
}

fn not_modified(meta: &ObjectMeta) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    let quoted = etag(meta).and_then(|etag| etag.to_http_header().ok());
    if let Some(value) = quoted {
        headers.insert(header::ETAG, value);
    }
    let mut text = Vec::new();
    let written = modified(meta).format(TimestampFormat::HttpDate, &mut text);
    if let (Ok(()), Ok(value)) = (written, HeaderValue::from_bytes(&text)) {
        headers.insert(header::LAST_MODIFIED, value);
    }
    error.set_headers(headers);
    error
}

fn beyond(meta: &ObjectMeta) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::InvalidRange);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", meta.size)) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    error.set_headers(headers);
    error
}
