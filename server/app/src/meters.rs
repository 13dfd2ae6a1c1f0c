//! Counters and histograms of requests, found once for each route, method and status and kept: finding one by its labels
//! costs more than counting.

use metrics::{Counter, Histogram, counter, histogram};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Cheap to clone. Routes are the server's own, so there are few.
#[derive(Clone, Default)]
pub struct Meters {
    routes: Arc<RwLock<HashMap<String, Route>>>,
}

struct Route {
    seconds: Histogram,
    requests: HashMap<(&'static str, u16), Counter>,
}

impl Meters {
    /// Counts a request that was answered.
    pub fn count(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        // Nothing panics while it holds this lock, so a poisoned one still guards whole data.
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(route)
            && let Some(requests) = found.requests.get(&(method, status))
        {
            requests.increment(1);
            found.seconds.record(took.as_secs_f64());
            return;
        }
        drop(known);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let found = routes.entry(route.to_owned()).or_insert_with(|| Route {
            seconds: histogram!("weir_http_request_seconds", "route" => route.to_owned()),
            requests: HashMap::new(),
        });
        found.seconds.record(took.as_secs_f64());
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        found
            .requests
            .entry((method, status))
            .or_insert_with(|| counter!("weir_http_requests_total", &labels))
            .increment(1);
    }
}
