//! Uploads in parts. An upload is bound to the key that it was begun for, and what it becomes is decided when it is complete.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, ListPartsInput, ListPartsOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};
use weir_core::ErrorKind;
use weir_core::delivery::scope::{Target, Writing};
use weir_core::location::Location;
use weir_storage::Part;

use crate::body;
use crate::door::Pass;
use crate::fault;
use crate::object::{mode, unwritten};
use crate::operations::{etag, modified, pass, scope, signed};

const MOST_PARTS: i32 = 1000;

pub async fn begin(
    req: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let (location, _) = target(pass, &input.bucket, &input.key)?;
    let upload = pass.store.begin_upload(&location).await;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        upload_id: Some(upload.map_err(|error| fault::of(&error))?),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..Default::default()
    }))
}

pub async fn part(req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let (location, _) = target(pass, &input.bucket, &input.key)?;
    let number = u16::try_from(input.part_number)
        .map_err(|_| fault::wrong("A part has a number from 1 to 10,000."))?;
    let content = body::incoming(
        input.body,
        input.content_length,
        &req.headers,
        req.trailing_headers,
        req.extensions.get().cloned(),
    );
    let put = pass
        .store
        .put_part(&location, &input.upload_id, number, content)
        .await;
    let etag = put.map_err(|error| match error.field() {
        Some("part") => fault::wrong("A part has a number from 1 to 10,000."),
        _ => fault::of_upload(&error),
    })?;
    Ok(S3Response::new(UploadPartOutput {
        e_tag: Some(ETag::Strong(etag)),
        ..Default::default()
    }))
}

pub async fn complete(
    req: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let (location, writing) = target(pass, &input.bucket, &input.key)?;
    let mode = mode(
        writing,
        input.if_none_match.as_ref(),
        input.if_match.as_ref(),
    )?;
    let parts = input.multipart_upload.and_then(|upload| upload.parts);
    let parts: Option<Vec<_>> = parts.unwrap_or_default().into_iter().map(named).collect();
    let parts = parts
        .filter(|parts| !parts.is_empty())
        .ok_or(S3ErrorCode::MalformedXML)?;
    let asked = input.if_none_match.is_some();
    let made = pass
        .store
        .complete_upload(&location, &input.upload_id, parts, &mode)
        .await;
    let meta = made.map_err(|error| match error.kind() {
        ErrorKind::NotFound => fault::of_upload(&error),
        _ => unwritten(&error, writing, asked),
    })?;
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: etag(&meta),
        ..Default::default()
    }))
}

fn named(part: CompletedPart) -> Option<Part> {
    Some(Part {
        number: u16::try_from(part.part_number?).ok()?,
        etag: part.e_tag?.into_value(),
    })
}

pub async fn abort(
    req: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let (location, _) = target(pass, &input.bucket, &input.key)?;
    let aborted = pass.store.abort_upload(&location, &input.upload_id).await;
    aborted.map_err(|error| fault::of_upload(&error))?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub async fn parts(req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let (location, _) = target(pass, &input.bucket, &input.key)?;
    let found = pass.store.uploaded_parts(&location, &input.upload_id).await;
    let found = found.map_err(|error| fault::of_upload(&error))?;
    let max = input.max_parts.unwrap_or(MOST_PARTS).clamp(0, MOST_PARTS);
    let after = input.part_number_marker.unwrap_or_default();
    let mut rest = found
        .into_iter()
        .filter(|part| i32::from(part.number) > after);
    let most = usize::try_from(max).unwrap_or_default();
    let parts: Vec<_> = rest
        .by_ref()
        .take(most)
        .map(|part| s3s::dto::Part {
            e_tag: etag(&part.meta),
            last_modified: Some(modified(&part.meta)),
            part_number: Some(i32::from(part.number)),
            size: Some(signed(part.meta.size)),
            ..Default::default()
        })
        .collect();
    let more = rest.next().is_some();
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(after),
        next_part_number_marker: parts
            .last()
            .and_then(|part| part.part_number)
            .filter(|_| more),
        max_parts: Some(max),
        is_truncated: Some(more),
        parts: Some(parts),
        ..Default::default()
    }))
}

fn target(pass: &Pass, bucket: &str, key: &str) -> S3Result<(Location, Writing)> {
    match scope(pass).may_write(bucket, key).map_err(fault::outside)? {
        (Target::Object(location), writing) => Ok((location, writing)),
        (Target::Marker, _) => Err(fault::wrong(
            "A key that ends with a slash has no content here.",
        )),
    }
}
