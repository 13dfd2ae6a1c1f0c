//! The service account that is attached to the machine or the pod that the server runs on (Google: "Authenticate workloads using
//! service accounts", GKE workload identity): its metadata server gives a token to whoever asks on that machine.

use chrono::{DateTime, Utc};
use reqwest::Client;
use weir_core::Result;

use super::super::outside::{AccessToken, TokenAnswer, ask};
use super::Endpoints;

/// The attached account's own token. The metadata server hands out one that it has while that lasts five minutes more.
///
/// Errors: `Unavailable` where there is no metadata server, or no account is attached.
pub async fn attached_token(
    client: &Client,
    endpoints: &Endpoints,
    now: DateTime<Utc>,
) -> Result<AccessToken> {
    let address = format!(
        "{}/computeMetadata/v1/instance/service-accounts/default/token",
        endpoints.metadata
    );
    let service = "Google's metadata server";
    let request = client.get(address).header("Metadata-Flavor", "Google");
    Ok(TokenAnswer::parse(service, &ask(service, request).await?)?.taken(now))
}
