//! The one door to governed objects. A read gets a permit, a write gets a transaction with a permit in it, and a refusal
//! leaves an audit row; forgetting any of it does not compile, because the database asks for the permit.

use std::sync::Arc;
use weir_core::authz::{Action, Denied, Facts, Permit, Policy, Verb, decide, verbs};
use weir_core::clock::SharedClock;
use weir_core::grant::ColumnScope;
use weir_core::name::TableIdent;
use weir_core::principal::{Caller, Presumed};
use weir_core::privilege::PrivilegeSet;
use weir_core::{Error, Result};
use weir_db::resolve::{Target, facts};
use weir_db::{Db, Entry, Opened, Write, audit};

#[derive(Debug, Clone)]
pub struct Gate {
    db: Db,
    policy: Arc<Policy>,
    clock: SharedClock,
}

impl Gate {
    pub(crate) fn new(db: Db, policy: Arc<Policy>, clock: SharedClock) -> Self {
        Self { db, policy, clock }
    }

    /// A permit to read `target`. `operation` names what is being done in the audit trail.
    ///
    /// Errors: `NotFound` for what does not exist or may not be seen, `Denied` for what is seen and may not be done.
    pub async fn read<P: Verb>(
        &self,
        caller: &Caller,
        target: Target<'_>,
        operation: &str,
    ) -> Result<Permit<P>> {
        let facts = facts(&self.db, target, caller, self.clock.now()).await?;
        self.judge(caller, target, &facts, operation).await
    }

    /// As [`Gate::read`], on facts that came together with the content.
    pub async fn judge<P: Verb>(
        &self,
        caller: &Caller,
        target: Target<'_>,
        facts: &Facts,
        operation: &str,
    ) -> Result<Permit<P>> {
        match decide::<P>(caller, facts, &self.policy)? {
            Ok(permit) => Ok(permit),
            Err(denied) => {
                if !self.is_plainly_absent(caller, facts)? {
                    audit::refused(&self.db, self.entry(caller, target, facts, operation)).await?;
                }
                Err(refusal::<P>(target, denied))
            }
        }
    }

    /// Opens a transaction, locks `target`, reads its facts and decides; all that follows happens in it.
    ///
    /// Errors: as [`Gate::read`].
    pub async fn write<P: Verb>(
        &self,
        caller: &Caller,
        target: Target<'_>,
        operation: &str,
    ) -> Result<Write<P>> {
        let opened = Opened::begin(&self.db, target, caller, self.clock.now()).await?;
        self.admit(caller, target, opened, operation).await
    }

    /// As [`Gate::write`] for a commit to a table or view that Weir is the catalog of, which then tells where its metadata lies.
    pub async fn commit(
        &self,
        caller: &Caller,
        table: &TableIdent,
        operation: &str,
    ) -> Result<Write<verbs::Commit>> {
        let opened = Opened::begin_commit(&self.db, table, caller, self.clock.now()).await?;
        self.admit(caller, Target::Table(table), opened, operation)
            .await
    }

    /// As [`Gate::commit`] for a caller that the lock's own look at the directory confirms. `None` where it does not, and
    /// nothing happened.
    pub async fn commit_presumed<'a>(
        &self,
        presumed: &'a Presumed,
        table: &TableIdent,
        operation: &str,
    ) -> Result<Option<(&'a Caller, Write<verbs::Commit>)>> {
        let now = self.clock.now();
        let opened = Opened::begin_commit_presumed(&self.db, table, presumed, now).await?;
        let Some((caller, opened)) = opened else {
            return Ok(None);
        };
        let target = Target::Table(table);
        let write = self.admit(caller, target, opened, operation).await?;
        Ok(Some((caller, write)))
    }

    /// Goes on to a further object in the transaction of `write`, and decides on it in turn. A refusal undoes everything.
    pub async fn then<Q: Verb, P: Verb>(
        &self,
        write: Write<Q>,
        caller: &Caller,
        target: Target<'_>,
        operation: &str,
    ) -> Result<Write<P>> {
        let opened = write.then(target, caller).await?;
        self.admit(caller, target, opened, operation).await
    }

    /// As [`Gate::then`], to a further table or view to commit to.
    pub async fn then_commit<Q: Verb>(
        &self,
        write: Write<Q>,
        caller: &Caller,
        table: &TableIdent,
        operation: &str,
    ) -> Result<Write<verbs::Commit>> {
        let opened = write.then_commit(table, caller).await?;
        self.admit(caller, Target::Table(table), opened, operation)
            .await
    }

    /// The write that the facts of an opened transaction allow, or the refusal that they lead to.
    async fn admit<P: Verb>(
        &self,
        caller: &Caller,
        target: Target<'_>,
        opened: Opened,
        operation: &str,
    ) -> Result<Write<P>> {
        let entry = self.entry(caller, target, opened.facts(), operation);
        match decide::<P>(caller, opened.facts(), &self.policy)? {
            Ok(permit) => Ok(opened.permit(permit, entry)),
            Err(denied) => {
                if !self.is_plainly_absent(caller, opened.facts())? {
                    opened.refuse(&self.db, entry).await?;
                }
                Err(refusal::<P>(target, denied))
            }
        }
    }

    /// May the caller do `P`? For controls that are shown only to who can use them; nothing is recorded.
    pub async fn may<P: Verb>(&self, caller: &Caller, target: Target<'_>) -> Result<bool> {
        let facts = facts(&self.db, target, caller, self.clock.now()).await?;
        Ok(decide::<P>(caller, &facts, &self.policy)?.is_ok())
    }

    /// As [`Gate::may`], on facts that were read already.
    pub fn would<P: Verb>(&self, caller: &Caller, facts: &Facts) -> Result<bool> {
        Ok(decide::<P>(caller, facts, &self.policy)?.is_ok())
    }

    /// The columns that the caller reaches with `P`, or none when it may not do it at all.
    pub fn reach<P: Verb>(&self, caller: &Caller, facts: &Facts) -> Result<Option<ColumnScope>> {
        let decided = decide::<P>(caller, facts, &self.policy)?;
        Ok(decided.ok().map(|permit| permit.columns().clone()))
    }

    /// May the caller read every column? Only then is it shown where files lie, and what is in them beside rows.
    pub fn reads_all(&self, caller: &Caller, facts: &Facts) -> Result<bool> {
        let reach = self.reach::<verbs::Select>(caller, facts)?;
        Ok(reach.is_some_and(|columns| columns.is_all()))
    }

    /// The privileges by which lists are filtered.
    pub fn describing(&self) -> PrivilegeSet {
        self.policy.describing()
    }

    /// Refuses a write that its permit allows and a closer look does not, with its audit row.
    pub async fn refuse_after<P: Verb, T>(&self, write: Write<P>, message: &str) -> Result<T> {
        self.note_refusal(write).await?;
        Err(Error::denied(message))
    }

    /// Gives a write up and leaves the audit row of its refusal.
    pub async fn note_refusal<P: Verb>(&self, write: Write<P>) -> Result<()> {
        let entry = write.abandon().await?;
        audit::refused(&self.db, entry).await
    }

    /// Refuses a read that its permit allows and a closer look does not, with its audit row.
    pub async fn refuse<T>(
        &self,
        caller: &Caller,
        target: Target<'_>,
        operation: &str,
        message: &str,
    ) -> Result<T> {
        let entry = Entry::by(
            caller,
            operation,
            target.kind().as_str(),
            target.name(),
            self.clock.now(),
        );
        audit::refused(&self.db, entry).await?;
        Err(Error::denied(message))
    }

    /// Is there nothing of that name, in a container whose content the caller may know anyway? That is no refusal.
    fn is_plainly_absent(&self, caller: &Caller, facts: &Facts) -> Result<bool> {
        if facts.object.is_some() {
            return Ok(false);
        }
        let container = Facts {
            object: Some(facts.subject()),
            ..facts.clone()
        };
        Ok(decide::<verbs::Browse>(caller, &container, &self.policy)?.is_ok())
    }

    fn entry(&self, caller: &Caller, target: Target<'_>, facts: &Facts, operation: &str) -> Entry {
        let kind = facts.object.map_or(target.kind(), |object| object.kind);
        let entry = Entry::by(
            caller,
            operation,
            kind.as_str(),
            target.name(),
            self.clock.now(),
        );
        match facts.object {
            Some(object) => entry.on(object.id),
            None => entry,
        }
    }
}

fn refusal<P: Verb>(target: Target<'_>, denied: Denied) -> Error {
    let (kind, name) = (target.kind(), target.name());
    match denied {
        Denied::Unseen if matches!(target, Target::Grant(_)) => {
            Error::not_found("There is no such grant, or it is not yours to see.")
        }
        Denied::Unseen => Error::not_found(format!(
            "There is no {kind} `{name}`, or it is not shared with you."
        ))
        .about(kind.as_str()),
        Denied::Forbidden if matches!(target, Target::Server) => Error::denied(format!(
            "You may not {}. An administrator can.",
            phrase(P::ACTION)
        )),
        Denied::Forbidden => Error::denied(format!(
            "You see the {kind} `{name}` but may not {}. Ask who manages its grants.",
            phrase(P::ACTION)
        )),
    }
}

/// What the refused caller wanted to do, in words.
fn phrase(action: Action) -> &'static str {
    match action {
        Action::Browse | Action::Describe => "see it",
        Action::Select => "read its rows",
        Action::Insert => "add rows to it",
        Action::Delete => "delete rows of it",
        Action::Commit => "write to it",
        Action::CreateCatalog => "create catalogs",
        Action::CreateNamespace => "create namespaces in it",
        Action::CreateTable => "create tables in it",
        Action::Alter => "alter it",
        Action::Drop => "drop it",
        Action::Annotate => "edit its business metadata",
        Action::ManageGrants => "manage grants",
        Action::ReadDirectory => "look into the directory",
        Action::ManagePrincipals => "manage principals",
        Action::RegisterLocation => "register storage",
        Action::UseLocation => "place tables on it",
        Action::CreateCrawler => "create crawlers",
        Action::RunCrawler => "start it",
        Action::ReadAudit => "read the audit trail",
    }
}
