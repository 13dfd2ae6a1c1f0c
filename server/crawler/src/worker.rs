//! The loop of a worker: find what is due, claim a run, carry it out, report. Any number of replicas run it against one
//! database; a run is claimed by one of them and leased, and a worker that falls silent loses it.

use serde::Deserialize;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use weir_core::crawl::RunState;
use weir_core::{Error, Result};
use weir_operations::Weir;
use weir_operations::crawl::{self, End, Job};

use crate::reconcile::{Progress, run};

const HEARTBEAT: Duration = Duration::from_secs(3);

/// How this process crawls.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrawlerConfig {
    /// Runs at once in this process; 0 leaves crawling to other replicas.
    pub workers: u32,
    /// How often to look for runs that are due or queued elsewhere, in seconds.
    pub poll_seconds: u64,
}

impl Default for CrawlerConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            poll_seconds: 1,
        }
    }
}

/// One worker of this process.
#[derive(Debug)]
pub struct Worker {
    weir: Weir,
    id: Uuid,
    poll: Duration,
}

impl Worker {
    pub fn new(weir: Weir, config: &CrawlerConfig) -> Self {
        Self {
            weir,
            id: Uuid::now_v7(),
            poll: Duration::from_secs(config.poll_seconds.max(1)),
        }
    }

    /// Works until `stop`. The run under way is then given back, to be taken up again.
    pub async fn work(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let worked = tokio::select! {
                () = stop.cancelled() => break,
                worked = self.turn() => worked,
            };
            match worked {
                Ok(true) => {}
                Ok(false) => self.rest(&stop).await,
                Err(error) => {
                    tracing::error!(?error, "a crawl worker's turn failed");
                    self.rest(&stop).await;
                }
            }
        }
        if let Err(error) = crawl::release(&self.weir, self.id).await {
            tracing::warn!(
                ?error,
                "a run under way could not be given back; its lease will run out"
            );
        }
    }

    async fn rest(&self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.weir.run_queued() => {}
            () = tokio::time::sleep(self.poll) => {}
        }
    }

    /// Queues what is due and carries out one run. Returns whether there was one.
    async fn turn(&self) -> Result<bool> {
        crawl::tick(&self.weir).await?;
        let Some(job) = crawl::claim(&self.weir, self.id).await? else {
            return Ok(false);
        };
        let started = std::time::Instant::now();
        let end = self.carry_out(&job).await;
        crawl::finish(&self.weir, &job, &end).await?;
        metrics::counter!("weir_crawler_runs_total", "state" => end.state.as_str()).increment(1);
        metrics::histogram!("weir_crawler_run_seconds").record(started.elapsed().as_secs_f64());
        tracing::info!(
            crawler.name = %job.run.crawler_name, run.id = %job.run.id, run.state = %end.state, run.objects = end.counts.objects,
            run.problems = end.counts.problems, "a crawl ended"
        );
        Ok(true)
    }

    async fn carry_out(&self, job: &Job) -> End {
        let progress = Progress::default();
        let outcome = tokio::select! {
            outcome = run(&self.weir, job, &progress) => outcome,
            lost = self.beat(job, &progress) => Err(lost),
        };
        outcome.unwrap_or_else(|error| {
            tracing::warn!(crawler.name = %job.run.crawler_name, ?error, "a crawl failed");
            End {
                state: RunState::Failed,
                counts: progress.read(),
                problems: Vec::new(),
                error: Some(error.public_message().to_owned()),
            }
        })
    }

    /// Keeps the lease. Returns only when it is lost.
    async fn beat(&self, job: &Job, progress: &Progress) -> Error {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match crawl::heartbeat(&self.weir, job, &progress.read()).await {
                Ok(()) => {}
                Err(error) if error.kind() == weir_core::ErrorKind::Conflict => return error,
                Err(error) => tracing::warn!(?error, "a heartbeat failed"),
            }
        }
    }
}
