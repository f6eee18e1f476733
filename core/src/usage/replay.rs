//! The journals of processes that are gone.
//!
//! What such a process wrote is folded in, a call that ran when it ended is booked at its reservation, and what it had
//! leased and not used goes back. A process that lives holds the lock of its journal.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use gateway_storage::{ProcessId, Store};

use super::folding::batch_of;
use super::journal::lock_name;
use super::record::Record;
use crate::causes::causes;

/// The most records that are folded in at once.
const BATCH_RECORDS: usize = 2000;

/// The journal of a process that is gone, and is ours to fold in.
#[derive(Debug)]
struct Remains {
    process: ProcessId,
    /// In their order.
    segments: Vec<PathBuf>,
    lock: PathBuf,
    _held: File,
}

/// Folds in all that processes which are gone left in this folder. False: something is left, to be tried again.
pub(super) async fn replay(folder: &Path, store: &dyn Store) -> bool {
    let found = match remains(folder) {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(cause = %error, "the folder of usage journals cannot be read");
            return false;
        }
    };
    let mut is_done = true;
    for remains in found {
        match remains.fold(store).await {
            Ok(records) => {
                let process = remains.process.to_string();
                tracing::info!(process, records, "the usage journal of a process that is gone was folded in");
            }
            Err(error) => {
                tracing::debug!(cause = causes(&*error), "a usage journal could not be folded in yet");
                is_done = false;
            }
        }
    }
    is_done
}

/// The journals in a folder that no process holds.
fn remains(folder: &Path) -> io::Result<Vec<Remains>> {
    let mut by_process: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some((process, rest)) = path.file_name().and_then(|name| name.to_str()?.split_once('.')) else { continue };
        let segments = by_process.entry(process.to_owned()).or_default();
        if rest.ends_with("journal") {
            segments.push(path);
        }
    }
    let mut found = Vec::new();
    for (process, mut segments) in by_process {
        let Some(process) = ProcessId::parse(&process) else { continue };
        let lock = folder.join(lock_name(process));
        let held = OpenOptions::new().write(true).create(true).truncate(false).open(&lock)?;
        if held.try_lock().is_ok() {
            segments.sort();
            found.push(Remains { process, segments, lock, _held: held });
        }
    }
    Ok(found)
}

impl Remains {
    /// Folds it in, and removes it. Returns how many records it had.
    async fn fold(&self, store: &dyn Store) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let records = self.records()?;
        let mut folded = 0;
        for records in records.chunks(BATCH_RECORDS) {
            let mut rest = records;
            while !rest.is_empty() {
                folded = store.fold_usage(self.process, batch_of(rest)).await?.max(folded);
                rest = &rest[rest.partition_point(|record| record.number <= folded)..];
            }
        }
        // Without its journal nobody knows what of its leases was used: then they stay charged in full.
        if !self.segments.is_empty() {
            store.reclaim_budgets(self.process).await?;
        }
        for path in self.segments.iter().chain([&self.lock]) {
            std::fs::remove_file(path)?;
        }
        Ok(records.len())
    }

    /// All records; where calls were running, with what they are booked at, which is written first: whoever does this
    /// again must find the same.
    fn records(&self) -> io::Result<Vec<Record>> {
        let (mut all, mut end) = (Vec::new(), 0);
        for path in &self.segments {
            let bytes = std::fs::read(path)?;
            let (records, good) = Record::read_all(&bytes);
            if good < bytes.len() {
                let lost = bytes.len() - good;
                tracing::warn!(lost, "the last {lost} bytes of a file of a usage journal are torn");
            }
            all.extend(records);
            end = good;
        }
        let running = booked(&all);
        if let Some(last) = self.segments.last().filter(|_| !running.is_empty()) {
            let mut bytes = Vec::new();
            running.iter().for_each(|record| record.write(&mut bytes));
            let file = OpenOptions::new().write(true).open(last)?;
            file.set_len(end as u64)?;
            file.write_all_at(&bytes, end as u64)?;
            file.sync_all()?;
            all.extend(running);
        }
        Ok(all)
    }
}

/// What the calls that were still running are booked at: all that was reserved for them.
fn booked(records: &[Record]) -> Vec<Record> {
    let mut running: HashMap<u64, &Record> = HashMap::new();
    for record in records.iter().filter(|record| record.call > 0) {
        if record.is_reservation {
            running.insert(record.call, record);
        } else {
            running.remove(&record.call);
        }
    }
    let mut running: Vec<_> = running.into_values().collect();
    running.sort_by_key(|record| record.call);
    let next = records.last().map_or(1, |record| record.number + 1);
    let settle = |(number, record): (u64, &&Record)| Record { number, is_reservation: false, ..(**record).clone() };
    (next..).zip(&running).map(settle).collect()
}

#[cfg(test)]
mod tests;
