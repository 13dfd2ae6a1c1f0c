//! Listings, in both of S3's forms.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, ObjectStorageClass,
};
use s3s::{S3Request, S3Response, S3Result};
use std::fmt;
use weir_storage::{Entry, Page, Paging};

use crate::door::Pass;
use crate::fault;
use crate::operations::{etag, modified, pass, scope, signed};

const MOST_KEYS: i32 = 1000;
/// What `encoding-type=url` leaves as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

pub async fn first(req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let form = Form::of(
        input.encoding_type.as_ref(),
        input.delimiter.as_deref(),
        input.max_keys,
    )?;
    let prefix = input.prefix.unwrap_or_default();
    let marker = input.marker.filter(|marker| !marker.is_empty());
    let start = Start {
        after: marker.as_deref(),
        token: None,
    };
    let page = form.page(pass, &input.bucket, &prefix, start).await?;
    let next = page.next.clone();
    let (contents, common_prefixes) = form.entries(page);
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(form.text(prefix)),
        marker: Some(form.text(marker.unwrap_or_default())),
        max_keys: Some(form.max),
        is_truncated: Some(next.is_some()),
        next_marker: next.map(|next| form.text(next)),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        delimiter: input.delimiter.map(|delimiter| form.text(delimiter)),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

pub async fn second(
    req: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let (pass, input) = (pass(&req.extensions)?, req.input);
    let form = Form::of(
        input.encoding_type.as_ref(),
        input.delimiter.as_deref(),
        input.max_keys,
    )?;
    let prefix = input.prefix.unwrap_or_default();
    let read = |token: &String| {
        Token::read(token).ok_or_else(|| fault::wrong("This is no continuation token."))
    };
    let begun = input.continuation_token.as_ref().map(read).transpose()?;
    let start_after = input.start_after.as_deref();
    let start_after = start_after.filter(|after| !after.is_empty());
    let start = match &begun {
        None => Start {
            after: start_after,
            token: None,
        },
        Some(Token::After(key)) => Start {
            after: Some(key),
            token: None,
        },
        Some(Token::Of(token)) => Start {
            after: start_after,
            token: Some(token),
        },
    };
    let page = form.page(pass, &input.bucket, &prefix, start).await?;
    let next = Token::of(&page).map(|next| next.to_string());
    let (contents, common_prefixes) = form.entries(page);
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(form.text(prefix)),
        max_keys: Some(form.max),
        key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(next.is_some()),
        next_continuation_token: next,
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        delimiter: input.delimiter.map(|delimiter| form.text(delimiter)),
        encoding_type: input.encoding_type,
        start_after: input.start_after.map(|after| form.text(after)),
        ..Default::default()
    }))
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
struct Start<'a> {
    after: Option<&'a str>,
    token: Option<&'a str>,
}

/// A continuation token: the key that the next page begins after, or what the store said. It gives away nothing, and reaches
/// nothing that its prefix does not.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    After(String),
    Of(String),
}

impl Token {
    fn of(page: &Page) -> Option<Self> {
        let next = page.next.clone()?;
        Some(match page.token.clone() {
            Some(token) => Self::Of(token),
            None => Self::After(next),
        })
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
        let after = text
            .strip_prefix('k')
            .map(|key| Self::After(key.to_owned()));
        after.or_else(|| Some(Self::Of(text.strip_prefix('t')?.to_owned())))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::After(key) => format!("k{key}"),
            Self::Of(token) => format!("t{token}"),
        };
        f.write_str(&BASE64.encode(text))
    }
}

/// How a listing is asked for.
struct Form {
    encoded: bool,
    by_folder: bool,
    max: i32,
}

impl Form {
    fn of(
        encoding: Option<&EncodingType>,
        delimiter: Option<&str>,
        max: Option<i32>,
    ) -> S3Result<Self> {
        let encoded = match encoding.map(EncodingType::as_str) {
            None => false,
            Some(EncodingType::URL) => true,
            Some(_) => return Err(fault::wrong("Keys are encoded as `url` or not at all.")),
        };
        let by_folder = match delimiter {
            None | Some("") => false,
            Some("/") => true,
            Some(_) => return Err(fault::unsupported("The delimiter is a slash here.")),
        };
        let max = max.unwrap_or(MOST_KEYS).min(MOST_KEYS);
        if max < 0 {
            return Err(fault::wrong("A page has no fewer than zero keys."));
        }
        Ok(Self {
            encoded,
            by_folder,
            max,
        })
    }

    async fn page(
        &self,
        pass: &Pass,
        bucket: &str,
        prefix: &str,
        start: Start<'_>,
    ) -> S3Result<Page> {
        scope(pass)
            .may_list(bucket, prefix)
            .map_err(fault::outside)?;
        let paging = Paging {
            prefix,
            by_folder: self.by_folder,
            after: start.after,
            token: start.token,
            max: usize::try_from(self.max).unwrap_or_default(),
        };
        let page = pass.store.list_page(paging).await;
        page.map_err(|error| fault::of(&error))
    }

    fn text(&self, text: String) -> String {
        if self.encoded {
            utf8_percent_encode(&text, KEPT).to_string()
        } else {
            text
        }
    }

    fn entries(&self, page: Page) -> (Vec<Object>, Vec<CommonPrefix>) {
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        for entry in page.entries {
            match entry {
                Entry::Object(meta) => objects.push(Object {
                    e_tag: etag(&meta),
                    key: Some(self.text(meta.location.path())),
                    last_modified: Some(modified(&meta)),
                    size: Some(signed(meta.size)),
                    storage_class: Some(ObjectStorageClass::from_static(
                        ObjectStorageClass::STANDARD,
                    )),
                    ..Default::default()
                }),
                Entry::Common(prefix) => prefixes.push(CommonPrefix {
                    prefix: Some(self.text(prefix)),
                }),
            }
        }
        (objects, prefixes)
    }
}
