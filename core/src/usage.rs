//! What calls use, and what they cost.
//!
//! [`Accounts::open`] admits a call by the budgets of its tenant and returns its [`Meter`], which books exactly once what
//! the call came to: when it is settled, or when it is dropped, whatever ended it. A booking is one record of the
//! [`Journal`], from which it goes into the database beside the calls (`folding`); what a process left behind that is
//! gone is booked by the next one (`replay`).

mod folding;
mod journal;
mod meter;
mod record;
mod replay;
pub mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway_storage::{ProcessId, Store, StoreError};

use tokio::sync::Mutex;

use crate::budget::{BudgetRules, Ledger};
use crate::clock::Clock;
use journal::Journal;

pub(crate) use folding::keep;
pub(crate) use meter::{Meter, Priced};

/// The folder of the journals within the data folder.
const FOLDER: &str = "usage";

/// What this process books, and where.
#[derive(Debug)]
pub struct Accounts {
    journal: Journal,
    ledger: Arc<Ledger>,
    store: Arc<dyn Store>,
    folder: PathBuf,
    clock: Clock,
    /// Held by whoever folds the journal in: the one beside the calls, or the one at the end.
    folding: Mutex<()>,
}

impl Accounts {
    /// Begins a journal in the data folder, which is made where it is not there.
    pub(crate) fn begin(
        data_folder: &Path,
        store: &Arc<dyn Store>,
        rules: BudgetRules,
        clock: Clock,
    ) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = data_folder.join(FOLDER);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let process = ProcessId::new_random();
        let journal = Journal::begin(&folder, process)?;
        let ledger = Ledger::new(rules, Arc::clone(store), process, clock.clone());
        Ok(Self { journal, ledger: Arc::new(ledger), store: Arc::clone(store), folder, clock, folding: Mutex::new(()) })
    }

    /// The budgets.
    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Brings all that is booked into the database and gives back what is leased, now that no call is left.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        folding::fold(self).await?;
        self.ledger.close().await
    }

    fn journal(&self) -> &Journal {
        &self.journal
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}
