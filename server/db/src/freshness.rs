//! Freshness in groups. Before a cached answer is served, the epochs it rests on are read by a check that began after the
//! request arrived; requests that arrive while one is under way share the next (as etcd's ReadIndex does). So the answer is
//! never stale, and the database sees one small statement for many requests.

use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use weir_core::{Error, Result};

use crate::Db;
use crate::error::map;

/// The numbers that move when what caches hold changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epochs {
    /// Grants.
    pub policy: i64,
    /// Principals, memberships, sessions.
    pub directory: i64,
}

type Answer = watch::Receiver<Option<Result<Epochs, String>>>;

#[derive(Debug, Clone)]
pub struct Freshness {
    db: Db,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    /// The check that begins when the running one ends, with those who wait for it.
    next: Option<(watch::Sender<Option<Result<Epochs, String>>>, Answer)>,
}

impl Freshness {
    pub fn new(db: Db) -> Self {
        Self { db, state: Arc::default() }
    }

    /// The epochs as of some moment after this call began.
    pub async fn check(&self) -> Result<Epochs> {
        let mut answer = self.join();
        let settled = answer.wait_for(Option::is_some).await.map_err(|_| Error::unavailable("The server is stopping."))?;
        match settled.as_ref() {
            Some(Ok(epochs)) => Ok(*epochs),
            Some(Err(message)) => Err(Error::unavailable("The database does not answer. Try again in a moment.").source(message.clone())),
            None => Err(Error::internal("A freshness check ended without an answer")),
        }
    }

    /// Joins the check that has not begun yet, and begins it when none is running.
    fn join(&self) -> Answer {
        let mut state = lock(&self.state);
        let answer = state.next.get_or_insert_with(|| watch::channel(None)).1.clone();
        if !state.running {
            state.running = true;
            drop(state);
            tokio::spawn(run(self.db.clone(), self.state.clone()));
        }
        answer
    }
}

/// Runs checks until nobody waits for another.
async fn run(db: Db, state: Arc<Mutex<State>>) {
    loop {
        let sender = {
            let mut state = lock(&state);
            match state.next.take() {
                Some((sender, _)) => sender,
                None => {
                    state.running = false;
                    return;
                }
            }
        };
        let epochs = read(&db).await.map_err(|error| format!("{error:?}"));
        sender.send_replace(Some(epochs));
    }
}

async fn read(db: &Db) -> Result<Epochs> {
    let (policy, directory): (i64, i64) = sqlx::query_as(EPOCHS).fetch_one(db.pool()).await.map_err(map)?;
    Ok(Epochs { policy, directory })
}

/// Nothing panics while it holds this lock, so a poisoned one still guards whole data.
fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

statements! {
    EPOCHS = "SELECT policy, directory FROM epoch";
}
