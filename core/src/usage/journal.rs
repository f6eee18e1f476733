//! The journal of a process: an append-only file of what calls reserved and what they came to.
//!
//! A record is written with one `write` before the call's last byte goes out, so that it outlives the process; the disk
//! is told once a second, so that a power cut costs a second at most. What is in the database is no longer needed here:
//! the file is ended at a size, and removed once all of it is folded in.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway_storage::ProcessId;

use super::record::Record;

/// A file that is larger is ended, and the next one begun.
const SEGMENT_BYTES: u64 = 8 << 20;
/// As many files may wait for the database, a gibibyte together; beyond them usage is lost.
const MAX_SEGMENTS: usize = 128;
/// As many records wait for a disk that does not take them; beyond them usage is lost.
const MAX_UNWRITTEN: usize = 10_000;
/// The most bytes that are folded in at once.
const PIECE_BYTES: u64 = 256 << 10;

/// The journal of this process.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    process: ProcessId,
    state: Mutex<State>,
    /// Held for as long as the process lives: who gets it knows that the process is gone.
    _lock: File,
}

#[derive(Debug)]
struct State {
    /// Those that were ended and are not folded in to their end, and the one that is written, last.
    segments: VecDeque<Segment>,
    next_segment: u32,
    next_number: u64,
    next_call: u64,
    /// What is reserved for the calls in flight: carried over into each new file.
    running: HashMap<u64, Record>,
    /// What the disk did not take yet.
    unwritten: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
    /// Whether the disk was not told of a new file.
    has_new_file: bool,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    /// How much of it is good.
    bytes: u64,
    /// How much of it is folded in.
    folded: u64,
    /// Whether the disk was not told of all that is good.
    is_ahead_of_disk: bool,
}

/// Records that follow each other and are not folded in yet.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) records: Vec<Record>,
    bytes: u64,
}

/// The name of the lock of a process's journal.
pub(super) fn lock_name(process: ProcessId) -> String {
    format!("{process}.lock")
}

/// The name of a file of a process's journal; sorted by it they are in their order.
fn segment_name(process: ProcessId, number: u32) -> String {
    format!("{process}.{number:08}.journal")
}

impl Journal {
    /// Begins the journal of a process in this folder, which is there.
    pub(crate) fn begin(folder: &Path, process: ProcessId) -> io::Result<Self> {
        let lock = create(&folder.join(lock_name(process)))?;
        lock.try_lock()?;
        let state = State {
            segments: VecDeque::new(),
            next_segment: 1,
            next_number: 1,
            next_call: 1,
            running: HashMap::new(),
            unwritten: VecDeque::new(),
            buffer: Vec::new(),
            has_new_file: false,
        };
        let journal = Self { folder: folder.to_owned(), process, state: Mutex::new(state), _lock: lock };
        journal.begin_segment(&mut journal.state())?;
        Ok(journal)
    }

    /// Whose journal it is.
    pub(crate) fn process(&self) -> ProcessId {
        self.process
    }

    /// Writes what is reserved for a call, and returns the call's number.
    pub(crate) fn reserve(&self, mut record: Record) -> u64 {
        let mut state = self.state();
        let call = state.next_call;
        state.next_call += 1;
        (record.call, record.is_reservation) = (call, true);
        self.append(&mut state, &mut record);
        state.running.insert(call, record);
        call
    }

    /// Writes what a call came to.
    pub(crate) fn settle(&self, mut record: Record) {
        let mut state = self.state();
        state.running.remove(&record.call);
        self.append(&mut state, &mut record);
    }

    /// Makes sure that what was written is on disk, and tries again what the disk did not take.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let (files, has_new_file) = {
            let mut state = self.state();
            state.write_waiting();
            let ahead = state.segments.iter_mut().filter(|segment| segment.is_ahead_of_disk);
            let files = ahead.map(|segment| {
                segment.is_ahead_of_disk = false;
                segment.file.try_clone()
            });
            (files.collect::<io::Result<Vec<File>>>()?, std::mem::take(&mut state.has_new_file))
        };
        // Not under the lock: no call waits for the disk.
        for file in files {
            file.sync_data()?;
        }
        if has_new_file { File::open(&self.folder)?.sync_all() } else { Ok(()) }
    }

    /// What is to be folded in next; none: all is. A file that was ended and is folded in to its end is removed.
    pub(crate) fn next_piece(&self) -> io::Result<Option<Piece>> {
        let (file, begin, end) = {
            let mut state = self.state();
            while state.segments.len() > 1
                && let Some(done) = state.segments.pop_front_if(|segment| segment.folded == segment.bytes)
            {
                std::fs::remove_file(done.path)?;
            }
            let Some(segment) = state.segments.front() else { return Ok(None) };
            (segment.file.try_clone()?, segment.folded, segment.bytes)
        };
        let length = usize::try_from((end - begin).min(PIECE_BYTES)).unwrap_or_default();
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, begin)?;
        let (records, good) = Record::read_all(&bytes);
        if records.is_empty() {
            return if length == 0 { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
        Ok(Some(Piece { records, bytes: good as u64 }))
    }

    /// Notes that a piece is folded in.
    pub(crate) fn folded(&self, piece: &Piece) {
        if let Some(segment) = self.state().segments.front_mut() {
            segment.folded += piece.bytes;
        }
    }

    fn append(&self, state: &mut State, record: &mut Record) {
        state.write_waiting();
        let is_full = state.segments.back().is_some_and(|segment| segment.bytes > SEGMENT_BYTES);
        if is_full
            && state.unwritten.is_empty()
            && state.segments.len() < MAX_SEGMENTS
            && let Err(error) = self.begin_segment(state)
        {
            tracing::warn!(cause = %error, "no new file of the usage journal could be begun; the old one goes on");
        }
        record.number = state.next_number;
        state.next_number += 1;
        let mut buffer = std::mem::take(&mut state.buffer);
        buffer.clear();
        record.write(&mut buffer);
        if !state.unwritten.is_empty() || !state.write(&buffer) {
            state.put_off(&buffer);
        }
        state.buffer = buffer;
    }

    /// Begins a file, with what is reserved for the calls in flight.
    fn begin_segment(&self, state: &mut State) -> io::Result<()> {
        let path = self.folder.join(segment_name(self.process, state.next_segment));
        let mut file = create(&path)?;
        let (mut carried, mut number) = (Vec::new(), state.next_number);
        for record in state.running.values() {
            Record { number, ..record.clone() }.write(&mut carried);
            number += 1;
        }
        file.write_all(&carried)?;
        (state.next_number, state.next_segment) = (number, state.next_segment + 1);
        state.has_new_file = true;
        let bytes = carried.len() as u64;
        state.segments.push_back(Segment { path, file, bytes, folded: 0, is_ahead_of_disk: bytes > 0 });
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes bytes behind the last good ones; false: the disk did not take them.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let Some(segment) = self.segments.back_mut() else { return false };
        if segment.bytes > SEGMENT_BYTES * 2 {
            return false;
        }
        match segment.file.write_all_at(bytes, segment.bytes) {
            Ok(()) => {
                segment.bytes += bytes.len() as u64;
                segment.is_ahead_of_disk = true;
                true
            }
            // Half a record is overwritten by the next one.
            Err(error) => {
                if self.unwritten.is_empty() {
                    tracing::error!(cause = %error, "the usage journal cannot be written; it is tried again");
                }
                false
            }
        }
    }

    fn write_waiting(&mut self) {
        while let Some(bytes) = self.unwritten.pop_front() {
            if !self.write(&bytes) {
                return self.unwritten.push_front(bytes);
            }
        }
    }

    /// Keeps bytes for later that the disk did not take.
    fn put_off(&mut self, bytes: &[u8]) {
        if self.unwritten.len() < MAX_UNWRITTEN {
            self.unwritten.push_back(bytes.to_vec());
        } else {
            metrics::counter!("gateway_usage_records_lost_total").increment(1);
        }
    }
}

impl Drop for Journal {
    /// A process that ends in good order, all folded in and nothing in flight, leaves no file behind.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let is_done = state.segments.iter().all(|segment| segment.folded == segment.bytes);
        if is_done && state.running.is_empty() && state.unwritten.is_empty() {
            for path in state.segments.iter().map(|segment| segment.path.as_path()) {
                drop(std::fs::remove_file(path));
            }
            drop(std::fs::remove_file(self.folder.join(lock_name(self.process))));
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests;
