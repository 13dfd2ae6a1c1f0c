//! Pages on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_core::Result;
use weir_core::page::{Page, PageRequest};

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Rows at the most, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub after: Option<String>,
}

impl PageParams {
    pub fn request(self) -> Result<PageRequest> {
        PageRequest::new(self.limit, self.after)
    }
}

/// Rows in order.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageBody<T> {
    pub items: Vec<T>,
    /// Pass as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> PageBody<T> {
    pub fn of<U: Into<T>>(page: Page<U>) -> axum::Json<Self> {
        axum::Json(Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        })
    }
}
